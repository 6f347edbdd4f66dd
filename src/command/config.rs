//! `weft config`.

use weft::config::{self, Overrides};

use super::{Outcome, output, serve::log_level, source::Source};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the JSON Schema of `weft.yaml`.
    Schema,
    /// Print the settings that hold, with defaults and where each comes from; secrets are not shown.
    Print {
        #[command(flatten)]
        source: Source,
        /// As `weft serve` has it.
        #[arg(long, env = "WEFT_LISTEN", value_name = "ADDRESS")]
        listen: Option<String>,
        /// As `weft serve` has it.
        #[arg(long)]
        dev: bool,
    },
}

pub(super) fn run(command: Command) -> Outcome {
    match command {
        Command::Schema => output::result(&config::json_schema()),
        Command::Print { source, listen, dev } => {
            let path = source.config()?;
            let overrides = Overrides { schema: source.schema, listen, log_level: log_level(), dev };
            output::result(config::print(path.as_deref(), &overrides)?.trim_end())
        }
    }
}
