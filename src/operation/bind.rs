//! A valid document becomes an operation over the graph's ids: fragments expanded, fields merged (GraphQL 6.3.2, CollectFields),
//! `@skip` and `@include` lifted into conditions.

use std::sync::Arc;

use super::Document;
use crate::{
    error::{Location, Refusal},
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

/// Binds the named operation (or the only one). Errors: `OPERATION_RESOLUTION_FAILURE`.
pub fn bind(graph: &Graph, document: &Document, name: Option<&str>) -> Result<Operation, Refusal> {
    let _ = (graph, document, name);
    todo!()
}
