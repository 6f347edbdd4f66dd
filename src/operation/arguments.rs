//! The values of a field's arguments (GraphQL 6.4.1, `CoerceArgumentValues`), per request.

use super::{ArgumentValue, SelectedArgument, VariableValues};
use crate::{
    mapping::{Object, Value},
    schema::{Argument, Compatibility, FieldId, Graph, TypeKind, TypeRef},
};

/// The `$args` object of a field: written arguments with variables put in, defaults of arguments and input fields filled
/// (in strict compatibility as reference 3.3 has it). An omitted argument without default is absent, an explicit null is null.
pub fn arguments(graph: &Graph, field: FieldId, written: &[SelectedArgument], variables: &VariableValues) -> Object {
    let mut object = Object::new();
    let put = Put { graph, variables };
    for definition in &graph[field].arguments {
        let written = written.iter().find(|argument| argument.name == definition.name);
        if let Some(value) = put.field(written.map(|argument| &argument.value), definition) {
            object.insert(&*definition.name, value);
        }
    }
    object
}

/// A null where a value has to be, as a path from the argument; the field is an error then (GraphQL 6.4.1). Only a nullable
/// variable brings one: it may stand in a non-null place when it has a default, and be given as null all the same. In strict
/// compatibility it is sent as it is.
pub fn misplaced_null(graph: &Graph, field: FieldId, arguments: &Object) -> Option<String> {
    if graph.compatibility == Compatibility::Strict {
        return None;
    }
    graph[field].arguments.iter().find_map(|definition| {
        let below = null_below(graph, &definition.ty, arguments.get(&definition.name)?)?;
        Some(format!("{}{below}", definition.name))
    })
}

fn null_below(graph: &Graph, ty: &TypeRef, value: &Value) -> Option<String> {
    match (ty, value) {
        (ty, Value::Null) => ty.is_non_null().then(String::new),
        (TypeRef::List { item, .. }, Value::Array(items)) => items.iter().enumerate().find_map(|(index, value)| {
            let below = null_below(graph, item, value)?;
            Some(format!("[{index}]{below}"))
        }),
        (TypeRef::Named { .. }, Value::Object(object)) => input_fields(graph, ty)?.iter().find_map(|definition| {
            let below = null_below(graph, &definition.ty, object.get(&definition.name)?)?;
            Some(format!(".{}{below}", definition.name))
        }),
        _ => None,
    }
}

/// Puts variables into written values.
struct Put<'a> {
    graph: &'a Graph,
    variables: &'a VariableValues,
}

impl Put<'_> {
    /// An argument or input field; `None`: it is absent.
    fn field(&self, written: Option<&ArgumentValue>, definition: &Argument) -> Option<Value> {
        let is_strict = self.graph.compatibility == Compatibility::Strict;
        match written {
            None => definition.default.clone(),
            Some(ArgumentValue::Variable(variable)) => match self.variables.0.get(variable.0 as usize) {
                Some(Some(value)) => Some(value.clone()),
                _ if is_strict => Some(Value::Null),
                _ => definition.default.clone(),
            },
            Some(value) => Some(self.value(value, Some(&definition.ty))),
        }
    }

    fn value(&self, written: &ArgumentValue, ty: Option<&TypeRef>) -> Value {
        match written {
            ArgumentValue::Literal(value) => match ty {
                Some(ty) if self.graph.compatibility == Compatibility::Default => filled(self.graph, ty, value.clone()),
                _ => value.clone(),
            },
            ArgumentValue::Variable(variable) => {
                self.variables.0.get(variable.0 as usize).cloned().flatten().unwrap_or_default()
            }
            ArgumentValue::List(items) => {
                let inner = match ty {
                    Some(TypeRef::List { item, .. }) => Some(&**item),
                    _ => None,
                };
                Value::Array(items.iter().map(|item| self.value(item, inner)).collect())
            }
            ArgumentValue::Object(written) => self.object(written, ty),
        }
    }

    fn object(&self, written: &[(std::sync::Arc<str>, ArgumentValue)], ty: Option<&TypeRef>) -> Value {
        let mut object = Object::new();
        let definitions = ty.and_then(|ty| input_fields(self.graph, ty));
        for (name, value) in written {
            let definition = definitions.and_then(|all| all.iter().find(|definition| definition.name == *name));
            let value = match (definition, value) {
                (Some(definition), value) => self.field(Some(value), definition),
                // Inside of a custom scalar: a variable without value leaves its member out.
                (None, ArgumentValue::Variable(variable)) => {
                    self.variables.0.get(variable.0 as usize).cloned().flatten()
                }
                (None, value) => Some(self.value(value, None)),
            };
            if let Some(value) = value {
                object.insert(&**name, value);
            }
        }
        if let Some(definitions) = definitions
            && self.graph.compatibility == Compatibility::Default
        {
            fill(definitions, &mut object);
        }
        Value::Object(object)
    }
}

/// A coerced value with the defaults of input fields put in, at every level.
pub(super) fn filled(graph: &Graph, ty: &TypeRef, mut value: Value) -> Value {
    fill_value(graph, ty, &mut value);
    value
}

/// Recursion follows the value, whose nesting was bounded when it was read.
fn fill_value(graph: &Graph, ty: &TypeRef, value: &mut Value) {
    match (ty, value) {
        (TypeRef::List { item, .. }, Value::Array(items)) => {
            for value in items {
                fill_value(graph, item, value);
            }
        }
        (TypeRef::Named { .. }, Value::Object(object)) => {
            let Some(definitions) = input_fields(graph, ty) else { return };
            for definition in definitions {
                if let Some(value) = object.get_mut(&definition.name) {
                    fill_value(graph, &definition.ty, value);
                }
            }
            fill(definitions, object);
        }
        _ => {}
    }
}

fn fill(definitions: &[Argument], object: &mut Object) {
    for definition in definitions {
        if let Some(default) = &definition.default
            && !object.contains_key(&definition.name)
        {
            object.insert(&*definition.name, default.clone());
        }
    }
}

fn input_fields<'a>(graph: &'a Graph, ty: &TypeRef) -> Option<&'a [Argument]> {
    match &graph[ty.named()].kind {
        TypeKind::InputObject { fields } => Some(fields),
        TypeKind::Object | TypeKind::Interface | TypeKind::Union | TypeKind::Enum { .. } | TypeKind::Scalar(_) => None,
    }
}
