//! `__schema` and `__type`, answered from the graph.

use super::{Document, Operation, VariableValues};
use crate::{error::Refusal, mapping::Object, schema::Graph};

/// The values of the introspection fields of the root selection, by response key (empty when there are none).
pub fn introspect(
    graph: &Graph,
    document: &Document,
    operation: &Operation,
    variables: &VariableValues,
) -> Result<Object, Refusal> {
    let _ = (graph, document, operation, variables);
    todo!()
}
