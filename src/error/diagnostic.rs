//! What is wrong with a schema or a configuration file, for its author.

use std::{ops::Range, sync::Arc};

/// One file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Its path, as the user wrote it.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl SourceText {
    /// Line and column of an offset, from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (newline_count(before.as_bytes()) + 1, before[start..].chars().count() + 1)
    }
}

#[expect(clippy::naive_bytecount, reason = "a crate for what the compiler makes fast enough")]
fn newline_count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the schema is served.
    Warning,
    /// The schema or file is refused.
    Error,
}

/// A marked piece of a source.
#[derive(Debug, Clone)]
pub struct Label {
    /// Which file.
    pub source: Arc<SourceText>,
    /// Byte range in its text.
    pub span: Range<usize>,
    /// What to say at the mark; may be empty.
    pub text: String,
}

/// A finding, drawn by [`super::render`].
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Stable code: the reference's upper snake case for schema findings (`INVALID_URL`), for ours likewise.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lowercase, no final period, names in backticks.
    pub message: String,
    /// Where; the first is the main place.
    pub labels: Vec<Label>,
    /// What to type instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with one marked place.
    pub fn error(code: &'static str, message: impl Into<String>, label: Label) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), labels: vec![label], help: None }
    }

    /// A warning with one marked place.
    pub fn warning(code: &'static str, message: impl Into<String>, label: Label) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, label) }
    }

    /// Adds what to type instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
