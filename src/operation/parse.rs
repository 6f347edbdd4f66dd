//! Text to a validated document, within limits.

use crate::{error::Refusal, schema::Graph};

/// Bounds on a document, checked before the work they bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes_max: usize,
    /// Tokens of the text.
    pub tokens_max: usize,
    /// Nesting of brackets and braces of any kind.
    pub nesting_max: usize,
    /// Selections with fragments expanded, summed over all operations.
    pub selections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 1 << 20, tokens_max: 15_000, nesting_max: 200, selections_max: 20_000 }
    }
}

/// A valid document; one or more operations.
#[derive(Debug)]
pub struct Document {
    // apollo_compiler::validation::Valid<ExecutableDocument>, private
}

/// Parses and validates. Errors: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` (all findings), `LIMIT_EXCEEDED`.
pub fn parse(graph: &Graph, text: &str, limits: &Limits) -> Result<Document, Refusal> {
    let _ = (graph, text, limits);
    todo!()
}
