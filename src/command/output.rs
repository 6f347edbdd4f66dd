//! Printing: results to stdout, findings to stderr, colours only on terminals that want them.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use weft::error::{self, Diagnostic};

use super::Outcome;

/// How findings look on a terminal, or in a pipe.
pub(super) fn human(terminal: bool) -> error::Format {
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    error::Format::Human { color }
}

/// As [`human`], for stdout.
pub(super) fn human_stdout() -> error::Format {
    human(std::io::stdout().is_terminal())
}

/// Findings for people, on stderr.
pub(super) fn tell(findings: &[Diagnostic]) {
    if !findings.is_empty() {
        eprintln!("{}", error::render(findings, human(std::io::stderr().is_terminal())));
    }
}

/// A result. A reader who has left (`| head`) is no error.
pub(super) fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'));
}

/// Prints the result of a command that went well.
#[expect(clippy::unnecessary_wraps, reason = "the end of commands")]
pub(super) fn result(text: &str) -> Outcome {
    print(text);
    Ok(ExitCode::SUCCESS)
}
