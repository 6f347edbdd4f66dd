//! Query text becomes an [`Operation`]: parsed within limits, validated, bound to the graph. To hold one is proof of all that.
//!
//! Order: byte limit, one scan for tokens and nesting, parse, selections expanded and summed, validation (apollo-compiler and
//! our own rules), binding. Variables are coerced per request. Introspection is answered here.
//! Not here: which calls to make (`plan`), depth and cost judgements (`policy`).

mod arguments;
mod bind;
mod coerce;
mod collect;
mod condition;
mod expand;
mod findings;
mod introspect;
mod introspect_cost;
mod introspect_one_of;
mod literal;
mod measure;
mod overlap;
mod parse;
mod rules;
mod scan;
mod secrets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use arguments::{arguments, misplaced_null};
pub use bind::{
    ArgumentValue, Clause, FieldRef, Include, Kind, Operation, Selected, SelectedArgument, Selection,
    VariableDefinition, VariableId, Variant, bind,
};
pub use coerce::{VariableValues, coerce};
pub use introspect::{introspect, introspect_visible, introspection};
pub use measure::Measure;
pub use parse::{Document, Limits, parse};
pub use secrets::{gather, secrets};
