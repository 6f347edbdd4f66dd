//! `weft schema`.

use weft::{operation, schema::DEFINITIONS};

use super::{Outcome, output, source::Source};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the API that callers see, as SDL.
    Print {
        #[command(flatten)]
        source: Source,
        /// As the answer to an introspection query instead, for tools that read no SDL.
        #[arg(long)]
        json: bool,
    },
    /// Print what an editor needs to complete `@source` and `@connect`, as SDL.
    Definitions,
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Print { source, json: false } => output::result(&source.graph()?.0.schema.to_string()),
        Command::Print { source, json: true } => {
            output::result(&format!("{:#}", operation::introspection(&source.graph()?.0)))
        }
        Command::Definitions => output::result(DEFINITIONS),
    }
}
