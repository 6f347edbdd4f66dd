//! The log: readable on a terminal, JSON elsewhere, always on stderr.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text when stderr is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// A level, or directives such as `info,weft::upstream=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

impl Log {
    /// Whether `level` can be read.
    pub fn check_level(level: &str) -> Result<(), String> {
        EnvFilter::try_new(level).map(drop).map_err(|error| error.to_string())
    }
}

/// Installs the log for the process. Errors: the level cannot be read, or there is a log already.
pub fn init(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| format!("log level `{}`: {error}", log.level))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        Box::new(lines.json().flatten_event(true).with_filter(filter))
    } else {
        // The library looks at `NO_COLOR`; whether there is a terminal it does not.
        let lines = if terminal { lines } else { lines.with_ansi(false) };
        Box::new(lines.compact().with_filter(filter))
    };
    tracing_subscriber::registry().with(lines).try_init().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_be_directives() {
        assert_eq!(Log::check_level("info"), Ok(()));
        assert_eq!(Log::check_level("warn,weft::upstream=debug"), Ok(()));
        assert!(Log::check_level("weft=loud").is_err());
    }
}
