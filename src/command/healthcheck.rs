//! `weft healthcheck`.

use weft::server;

use super::{Failure, Outcome, output};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to ask.
    #[arg(default_value = server::PROBE_DEFAULT)]
    url: String,
}

pub(super) fn run(Arguments { url }: &Arguments) -> Outcome {
    match server::probe(url) {
        Ok(status @ 200..=299) => output::result(&format!("{url} answers {status}")),
        Ok(status) => Err(Failure::Message(format!("{url} answers {status}"))),
        Err(error) => Err(Failure::Message(format!("{url} does not answer: {error}"))),
    }
}
