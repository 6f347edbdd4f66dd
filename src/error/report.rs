//! Draws diagnostics on their source lines, or as JSON. The only file that knows the drawing library.

use super::Diagnostic;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Drawn on the source, for people; `color` as the terminal allows.
    Human {
        /// Whether to use ANSI colours.
        color: bool,
    },
    /// A JSON document, for tools.
    Json,
}

/// All findings as one text, in the order given.
pub fn render(diagnostics: &[Diagnostic], format: Format) -> String {
    let _ = (diagnostics, format);
    todo!()
}
