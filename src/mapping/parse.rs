//! Text to syntax tree, under the grammar of a version.

/// Byte range in the mapping text.
pub type Span = std::ops::Range<usize>;

/// Version of the connect spec, which decides the grammar. v0.1 reads as v0.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is its number")]
pub enum Version {
    V0_1,
    V0_2,
    V0_3,
    V0_4,
}

/// A parsed mapping; what its tree looks like stays in this room.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The text it was parsed from.
    pub text: String,
    /// The version it was parsed under.
    pub version: Version,
}

/// Why a text is no mapping.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to type instead.
    pub help: Option<String>,
}

/// Parses a mapping. Errors: the first syntax error.
pub fn parse(text: &str, version: Version) -> Result<Mapping, ParseError> {
    let _ = (text, version);
    todo!()
}

impl Mapping {
    /// Whether the text holds no selection at all (parses, but is refused as a `selection`).
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}
