//! The room as a whole: documents in, operations and values out.

mod binding;
mod coercion;
mod corpus;
mod introspection;
mod limits;
mod measure;
mod robustness;
