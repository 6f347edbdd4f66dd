//! The mapping language: from a REST body and variables to field values.
//!
//! `parse` reads a text under the grammar of a spec version; `Mapping` can tell what it uses (`uses`, `needs`), what it
//! yields (`shape`) and be evaluated on a `Value`; `Program` is a mapping compiled for what one plan step wants of it,
//! run over the bytes of a reply into `Slots`.
//!
//! Two back ends (DESIGN 5): the span reader for paths, aliases and groups, the evaluator for the rest.
//! Not here: GraphQL. Types are checked in `schema`, completion happens in `execute`.

mod ast;
mod budget;
mod evaluate;
mod layout;
mod lex;
mod merge;
mod method;
mod object;
mod parse;
mod pour;
mod program;
mod prune;
mod reader;
pub mod scan;
mod shape;
mod slot;
mod types;
mod uses;
mod value;

#[cfg(test)]
mod program_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod types_tests;
#[cfg(test)]
mod uses_tests;

pub use evaluate::{Problem, Variables};
pub use layout::{Column, Kind, Layout, Node, NodeId};
pub use method::suggest_method;
pub use object::{Name, Object};
pub use parse::{Mapping, ParseError, Span, Version, parse};
pub use program::{BackEnd, Body, Program};
pub use shape::{Fields, KeyTree, Shape, ShapeKind, Use, Variable};
pub use slot::{Slot, Slots};
pub use value::{JsonError, Number, Value};
