//! Values as written in a document become values of the graph's types: enum values and ids are strings, a single value in
//! place of a list is a list of one (GraphQL 3.11). They are valid; nothing is refused here.

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::ast::{self, Type};

use super::{ArgumentValue, VariableId, arguments::filled};
use crate::{
    mapping::{Number, Object, Value},
    schema::{Compatibility, Graph, Scalar, TypeKind, TypeRef},
};

/// A type as written; `None` when the graph does not know its name.
pub(super) fn type_ref(graph: &Graph, ty: &Type) -> Option<TypeRef> {
    Some(match ty {
        Type::Named(name) | Type::NonNullNamed(name) => {
            TypeRef::Named { ty: *graph.by_name.get(name.as_str())?, non_null: ty.is_non_null() }
        }
        Type::List(item) | Type::NonNullList(item) => {
            TypeRef::List { item: Box::new(type_ref(graph, item)?), non_null: ty.is_non_null() }
        }
    })
}

/// A value without variables, coerced and (outside of strict compatibility) filled with the defaults of input fields.
pub(super) fn constant(graph: &Graph, value: &ast::Value, ty: &TypeRef) -> Value {
    match argument(graph, &HashMap::new(), value, Some(ty)) {
        ArgumentValue::Literal(value) if graph.compatibility == Compatibility::Default => filled(graph, ty, value),
        ArgumentValue::Literal(value) => value,
        // The grammar has no variables in constants.
        ArgumentValue::Variable(_) | ArgumentValue::List(_) | ArgumentValue::Object(_) => Value::Null,
    }
}

/// A written value of an argument of type `ty` (`None` inside of custom scalars). Recursion is bounded by the nesting of the text.
pub(super) fn argument(
    graph: &Graph,
    variables: &HashMap<&str, VariableId>,
    value: &ast::Value,
    ty: Option<&TypeRef>,
) -> ArgumentValue {
    if let Some(TypeRef::List { item, .. }) = ty
        && !matches!(value, ast::Value::Null | ast::Value::Variable(_) | ast::Value::List(_))
    {
        return list(vec![argument(graph, variables, value, Some(item))]);
    }
    match value {
        ast::Value::Null => ArgumentValue::Literal(Value::Null),
        ast::Value::Boolean(value) => ArgumentValue::Literal(Value::Bool(*value)),
        ast::Value::String(value) => ArgumentValue::Literal(Value::String(value.clone())),
        ast::Value::Enum(name) => ArgumentValue::Literal(Value::String(name.to_string())),
        ast::Value::Int(number) => ArgumentValue::Literal(self::number(graph, number.as_str(), ty)),
        ast::Value::Float(number) => ArgumentValue::Literal(self::number(graph, number.as_str(), ty)),
        ast::Value::Variable(name) => match variables.get(name.as_str()) {
            Some(&variable) => ArgumentValue::Variable(variable),
            None => ArgumentValue::Literal(Value::Null),
        },
        ast::Value::List(items) => {
            let inner = match ty {
                Some(TypeRef::List { item, .. }) => Some(&**item),
                _ => None,
            };
            list(items.iter().map(|item| argument(graph, variables, item, inner)).collect())
        }
        ast::Value::Object(written) => {
            let definitions = match ty.map(|ty| &graph[ty.named()].kind) {
                Some(TypeKind::InputObject { fields }) => fields.as_slice(),
                _ => &[],
            };
            let fields = written.iter().map(|(name, value)| {
                let definition = definitions.iter().find(|definition| *definition.name == **name);
                let value = argument(graph, variables, value, definition.map(|definition| &definition.ty));
                (Arc::from(name.as_str()), value)
            });
            object(fields.collect())
        }
    }
}

fn number(graph: &Graph, text: &str, ty: Option<&TypeRef>) -> Value {
    match ty.map(|ty| &graph[ty.named()].kind) {
        // The original passes numbers through (reference 13, row 23).
        Some(TypeKind::Scalar(Scalar::Id)) if graph.compatibility == Compatibility::Default => {
            Value::String(text.into())
        }
        _ => Number::from_text(text).map_or(Value::Null, Value::Number),
    }
}

fn list(items: Vec<ArgumentValue>) -> ArgumentValue {
    if !items.iter().all(|item| matches!(item, ArgumentValue::Literal(_))) {
        return ArgumentValue::List(items);
    }
    let literals = items.into_iter().filter_map(literal);
    ArgumentValue::Literal(Value::Array(literals.collect()))
}

fn object(fields: Vec<(Arc<str>, ArgumentValue)>) -> ArgumentValue {
    if !fields.iter().all(|(_, value)| matches!(value, ArgumentValue::Literal(_))) {
        return ArgumentValue::Object(fields);
    }
    let literals = fields.into_iter().filter_map(|(name, value)| Some((name.to_string(), literal(value)?)));
    ArgumentValue::Literal(Value::Object(literals.collect::<Object>()))
}

fn literal(value: ArgumentValue) -> Option<Value> {
    match value {
        ArgumentValue::Literal(value) => Some(value),
        ArgumentValue::Variable(_) | ArgumentValue::List(_) | ArgumentValue::Object(_) => None,
    }
}
