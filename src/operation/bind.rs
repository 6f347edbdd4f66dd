//! A valid document becomes an operation over the graph's ids: fragments expanded, fields merged (GraphQL 6.3.2, `CollectFields`),
//! `@skip` and `@include` lifted into conditions.

use std::sync::Arc;

use apollo_compiler::{Node, ast::OperationType, executable};

use super::{Document, Measure, VariableValues, collect, literal, measure};
use crate::{
    error::{ErrorCode, Location, Refusal},
    mapping::Value,
    schema::{FieldId, Graph, TypeId, TypeRef},
};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Query,
    /// Writes, root fields one after the other.
    Mutation,
}

impl Kind {
    /// As documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }
}

/// Index into [`Operation::variables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(pub u32);

/// A validated, bound operation. Knows no variable values and no caller.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Query or mutation.
    pub kind: Kind,
    /// Declared variables.
    pub variables: Vec<VariableDefinition>,
    /// The root selection.
    pub selection: Selection,
    /// How large it is.
    pub measure: Measure,
}

/// A declared variable.
#[derive(Debug, Clone)]
pub struct VariableDefinition {
    /// Its name, without `$`.
    pub name: Arc<str>,
    /// Its type.
    pub ty: TypeRef,
    /// Its default, coerced.
    pub default: Option<Value>,
    /// Where it is declared.
    pub location: Location,
}

/// Fields wanted of an object, by the type it turns out to have. For an object type there is one variant.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The static type of the position.
    pub ty: TypeId,
    /// Possible object types grouped by which fields apply; together they cover all possible types of `ty`.
    pub variants: Vec<Variant>,
}

/// The fields for some of the possible types.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The object types it is for.
    pub types: Vec<TypeId>,
    /// The fields, in response order, one for each response key.
    pub fields: Vec<Selected>,
}

/// What a selected field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldRef {
    /// A field of the graph (of the variant's object type; for several types, the field of the first).
    Field(FieldId),
    /// `__typename`
    Typename,
    /// `__schema` or `__type`, on the query root.
    Introspection,
}

/// One response key.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The response key: alias or name.
    pub key: Arc<str>,
    /// What it is.
    pub field: FieldRef,
    /// Its type (`String!` for `__typename`).
    pub ty: Option<TypeRef>,
    /// Arguments as written; see [`super::arguments`].
    pub arguments: Vec<SelectedArgument>,
    /// When it is in the answer.
    pub include: Include,
    /// What is wanted below it, merged from all its occurrences.
    pub selection: Option<Selection>,
    /// Its first occurrence.
    pub location: Location,
}

/// A written argument.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectedArgument {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: ArgumentValue,
}

/// An argument's value, with variables in it.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentValue {
    /// A literal without variables; enum values are strings. Not yet filled with input defaults.
    Literal(Value),
    /// A variable.
    Variable(VariableId),
    /// A list with variables somewhere inside.
    List(Vec<ArgumentValue>),
    /// An input object with variables somewhere inside.
    Object(Vec<(Arc<str>, ArgumentValue)>),
}

/// One `@skip(if: $v)` (wanted: false) or `@include(if: $v)` (wanted: true).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clause {
    /// The variable.
    pub variable: VariableId,
    /// The value it must have.
    pub wanted: bool,
}

impl Clause {
    /// Whether it holds; `None`: the variable has no value.
    pub fn holds(&self, variables: &VariableValues) -> Option<bool> {
        let value = variables.0.get(self.variable.0 as usize)?.as_ref()?;
        Some(*value == Value::Bool(self.wanted))
    }
}

/// When a field is in the answer: always, or when one of the alternatives holds, each being a conjunction (enclosing fragments'
/// and parent fields' conditions included). Literal conditions are resolved while binding. An empty `AnyOf` does not occur:
/// such fields are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Include {
    /// Always.
    #[default]
    Always,
    /// In disjunctive form, sorted, without repetition.
    AnyOf(Vec<Vec<Clause>>),
}

/// Binds the named operation (or the only one). Errors: `OPERATION_RESOLUTION_FAILURE`; `LIMIT_EXCEEDED` when the fields of
/// abstract types multiply beyond what the limit on selections allows.
pub fn bind(graph: &Graph, document: &Document, name: Option<&str>) -> Result<Operation, Refusal> {
    let operation = choose(document, name)?;
    let location = document.lines().at(operation.location());
    let (kind, root) = match operation.operation_type {
        OperationType::Query => (Kind::Query, Some(graph.query)),
        OperationType::Mutation => (Kind::Mutation, graph.mutation),
        OperationType::Subscription => {
            return Err(unresolved("subscriptions are not supported".into(), Some(location)));
        }
    };
    let root =
        root.ok_or_else(|| unresolved("the schema has no root type for this operation".into(), Some(location)))?;

    let mut variables = Vec::with_capacity(operation.variables.len());
    for variable in &operation.variables {
        let location = document.lines().at(variable.location());
        let ty = literal::type_ref(graph, &variable.ty).ok_or_else(|| {
            unresolved(format!("the type of variable `${}` is not known", variable.name), Some(location))
        })?;
        let default = variable.default_value.as_ref().map(|value| literal::constant(graph, value, &ty));
        variables.push(VariableDefinition { name: variable.name.as_str().into(), ty, default, location });
    }
    let selection = collect::collect(graph, document, operation, root)?;
    let name = operation.name.as_ref().map(|name| name.as_str().into());
    let measure = measure::measure(document.executable(), operation, &selection);
    Ok(Operation { name, kind, variables, selection, measure })
}

fn choose<'a>(document: &'a Document, name: Option<&str>) -> Result<&'a Node<executable::Operation>, Refusal> {
    let operations = &document.executable().operations;
    match name {
        Some(name) => operations.named.get(name).ok_or_else(|| {
            let mut shown: String = name.chars().take(100).collect();
            if shown.len() < name.len() {
                shown.push('…');
            }
            unresolved(format!("the document has no operation named `{shown}`"), None)
        }),
        None if operations.len() > 1 => {
            Err(unresolved("the document has several operations: `operationName` has to name one".into(), None))
        }
        None => operations.iter().next().ok_or_else(|| unresolved("the document has no operation".into(), None)),
    }
}

fn unresolved(message: String, location: Option<Location>) -> Refusal {
    let mut refusal = Refusal::new(ErrorCode::OperationResolutionFailure, message);
    refusal.errors[0].locations.extend(location);
    refusal
}
