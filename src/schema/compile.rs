//! Files in, graph or diagnostics out.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Compatibility, Graph};
use crate::error::{Diagnostic, SourceText};

/// One SDL file. Its `subgraph` name shows in coordinates, error extensions and config keys.
#[derive(Debug, Clone)]
pub struct File {
    /// Subgraph name: the file's stem unless the config names it.
    pub subgraph: String,
    /// The text, with the path as its name.
    pub source: Arc<SourceText>,
}

/// What compiling depends on beside the files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ours, or the original's behaviour (reference, section 13).
    pub compatibility: Compatibility,
    /// `urls` from the configuration: replaces `baseURL`. Key: source name or `subgraph.name`.
    pub urls: IndexMap<String, Vec<String>>,
}

/// A graph that can be served, with what is worth knowing about it.
#[derive(Debug)]
pub struct Compiled {
    /// The graph.
    pub graph: Graph,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles files to one graph. Errors: all findings (errors and warnings), in file and text order.
pub fn compile(files: &[File], options: &Options) -> Result<Compiled, Vec<Diagnostic>> {
    let _ = (files, options);
    todo!()
}
