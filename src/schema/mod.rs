//! SDL with `@link`, `@source`, `@connect` becomes a [`Graph`]: compiled once, never changed.
//!
//! `compile` reads all files, reports every finding at once as diagnostics, and lowers directives to connectors.
//! Not here: operations, plans, calls. apollo-compiler's types leave this room only as `Graph::schema`, for `operation`.

mod access;
mod api;
mod check;
mod compile;
mod directive;
mod document;
mod findings;
mod graph;
mod interface_object;
mod link;
mod literal;
mod lower;
mod merge;
mod prelude;
pub mod reach;
mod redaction;
mod tables;
pub mod template;
mod visible;
mod words;

/// What a GraphQL language server needs to know the directives of a schema file: SDL with descriptions, under the names that
/// the usual imports give them.
pub const DEFINITIONS: &str = include_str!("definitions.graphql");

pub use access::{Access, AccessId, Requirement, Rule};
pub use api::{About, Api, ApiDirective, ApiKind, ApiType, Input, Output, Reference};
pub use compile::{Compiled, File, Options, compile};
pub use directive::cost::{Costs, FieldCost, ListSize};
pub use graph::{
    Argument, Batch, CacheHint, CacheTag, Compatibility, Connector, ConnectorId, Errors, Field, FieldId, Graph, Place,
    Provides, Reads, Scalar, Source, SourceId, Type, TypeId, TypeKind, TypeRef,
};
pub use redaction::Redaction;
pub use template::RenderError;
pub use visible::Visible;

#[cfg(test)]
mod language_tests;
#[cfg(test)]
mod tests;
