//! Variables and arguments (GraphQL October 2021, 6.1.2 and 6.4.1).

use super::{Operation, SelectedArgument};
use crate::{
    error::Refusal,
    mapping::{Object, Value},
    schema::{FieldId, Graph},
};

/// Coerced variables, by `VariableId`; `None`: not given and without default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariableValues(pub Vec<Option<Value>>);

/// Coerces variables as GraphQL says; numbers keep their text (`ID` from a number becomes a string).
/// Errors: `BAD_USER_INPUT`, all findings, each naming the variable and the path in it.
pub fn coerce(graph: &Graph, operation: &Operation, variables: &Object) -> Result<VariableValues, Refusal> {
    let _ = (graph, operation, variables);
    todo!()
}

/// The `$args` object of a field: written arguments with variables put in, defaults of arguments and input fields filled
/// (in strict compatibility as reference 3.3 has it). An omitted argument without default is absent, an explicit null is null.
pub fn arguments(graph: &Graph, field: FieldId, written: &[SelectedArgument], variables: &VariableValues) -> Object {
    let _ = (graph, field, written, variables);
    todo!()
}
