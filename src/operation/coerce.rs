//! Variables of a request (GraphQL 6.1.2, `CoerceVariableValues`).

use std::cell::OnceCell;

use http::HeaderMap;

use super::{Operation, findings::Findings, rules::is_one_of, secrets};
use crate::{
    error::{ErrorCode, Location, Refusal},
    mapping::{Object, Value},
    schema::{Argument, Compatibility, Graph, Scalar, TypeKind, TypeRef},
};

/// Nesting of a value; deeper ones are refused.
const DEPTH_MAX: usize = 128;

/// Coerced variables, by `VariableId`; `None`: not given and without default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariableValues(pub Vec<Option<Value>>);

impl VariableValues {
    /// Nothing given: what has a default has it.
    pub fn open(operation: &Operation) -> Self {
        Self(operation.variables.iter().map(|variable| variable.default.clone()).collect())
    }
}

/// Coerces variables as GraphQL says; numbers keep their text (`ID` from a number becomes a string).
/// Errors: `BAD_USER_INPUT`, all findings, each naming the variable and the path in it.
pub fn coerce(graph: &Graph, operation: &Operation, variables: &Object) -> Result<VariableValues, Refusal> {
    let mut findings = Findings::new(ErrorCode::BadUserInput);
    let (gathered, given) = (OnceCell::new(), |at: usize| variables.get(&operation.variables[at].name));
    let gather = || secrets::secrets(&graph.redaction.names, operation, given, &HeaderMap::new());
    let hide = |message: &str| gathered.get_or_init(gather).hide(message).into_owned();
    let mut values = Vec::with_capacity(operation.variables.len());
    for definition in &operation.variables {
        let value = match variables.get(&definition.name) {
            Some(value) => {
                let path = format!("${}", definition.name);
                let mut coercion =
                    Coercion { graph, findings: &mut findings, hide: &hide, location: definition.location, path };
                Some(coercion.value(&definition.ty, value, 0))
            }
            None if definition.default.is_some() => definition.default.clone(),
            None => {
                if definition.ty.is_non_null() {
                    findings.push(Some(definition.location), || {
                        let ty = type_text(graph, &definition.ty);
                        format!("variable `${}` of type `{ty}` is required", definition.name)
                    });
                }
                None
            }
        };
        values.push(value);
    }
    findings.into_result()?;
    Ok(VariableValues(values))
}

struct Coercion<'a, 'f> {
    graph: &'a Graph,
    findings: &'f mut Findings,
    /// What messages have to leave out.
    hide: &'f dyn Fn(&str) -> String,
    location: Location,
    path: String,
}

impl<'a> Coercion<'a, '_> {
    /// The coerced value; null in place of what was refused.
    fn value(&mut self, ty: &'a TypeRef, value: &Value, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            self.refuse(|path| format!("{path} is nested deeper than {DEPTH_MAX}"));
            return Value::Null;
        }
        if *value == Value::Null {
            if ty.is_non_null() {
                self.expected(ty, value);
            }
            return Value::Null;
        }
        match ty {
            TypeRef::List { item, .. } => match value {
                Value::Array(items) => {
                    let items = items.iter().enumerate();
                    Value::Array(
                        items
                            .map(|(index, value)| {
                                self.inside(&format!("[{index}]"), |c| c.value(item, value, depth + 1))
                            })
                            .collect(),
                    )
                }
                single => Value::Array(vec![self.value(item, single, depth + 1)]),
            },
            TypeRef::Named { ty: id, .. } => match &self.graph[*id].kind {
                TypeKind::Scalar(scalar) => self.scalar(*scalar, ty, value),
                TypeKind::Enum { values } => self.enum_value(values, ty, value),
                TypeKind::InputObject { fields } => self.input_object(fields, ty, value, depth),
                TypeKind::Object | TypeKind::Interface | TypeKind::Union => {
                    self.expected(ty, value);
                    Value::Null
                }
            },
        }
    }

    fn scalar(&mut self, scalar: Scalar, ty: &'a TypeRef, value: &Value) -> Value {
        let fits = match (scalar, value) {
            (Scalar::Id, Value::Number(number)) if is_integer(number.as_str()) => {
                if self.graph.compatibility == Compatibility::Strict {
                    return value.clone();
                }
                return Value::String(number.as_str().into());
            }
            (Scalar::Int, Value::Number(number)) => {
                is_integer(number.as_str()) && number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
            }
            (Scalar::Float, Value::Number(number)) => number.as_f64().is_some_and(f64::is_finite),
            (Scalar::Custom, _)
            | (Scalar::String | Scalar::Id, Value::String(_))
            | (Scalar::Boolean, Value::Bool(_)) => true,
            _ => false,
        };
        if !fits {
            self.expected(ty, value);
            return Value::Null;
        }
        value.clone()
    }

    fn enum_value(&mut self, values: &[std::sync::Arc<str>], ty: &'a TypeRef, value: &Value) -> Value {
        match value {
            Value::String(name) if values.iter().any(|known| **known == **name) => {}
            Value::String(name) => {
                let ty = &self.graph[ty.named()].name;
                self.refuse(|path| format!("{path}: `{ty}` has no value `{name}`"));
            }
            other => self.expected(ty, other),
        }
        value.clone()
    }

    fn input_object(&mut self, fields: &'a [Argument], ty: &'a TypeRef, value: &Value, depth: usize) -> Value {
        let Value::Object(given) = value else {
            self.expected(ty, value);
            return Value::Null;
        };
        let name = &self.graph[ty.named()].name;
        let definition = self.graph.schema.get_input_object(name);
        // The graph has fields that clients do not see, and may not set.
        let is_seen = |key: &str| definition.is_some_and(|definition| definition.fields.contains_key(key));
        let mut object = Object::with_capacity(given.len().min(fields.len()));
        for (key, value) in given {
            match fields.iter().find(|field| *field.name == **key && is_seen(key)) {
                Some(field) => {
                    let value = self.inside(&format!(".{key}"), |c| c.value(&field.ty, value, depth + 1));
                    object.insert(key.as_str(), value);
                }
                None => self.refuse(|path| format!("{path}: `{name}` has no field `{key}`")),
            }
        }
        for field in fields.iter().filter(|field| !given.contains_key(&field.name)) {
            match &field.default {
                Some(default) if self.graph.compatibility == Compatibility::Default => {
                    object.insert(&*field.name, default.clone());
                }
                None if field.ty.is_non_null() => {
                    self.refuse(|path| format!("{path}: the field `{}` of `{name}` is required", field.name));
                }
                _ => {}
            }
        }
        if definition.is_some_and(|definition| is_one_of(definition))
            && (given.len() != 1 || given.values().any(|value| *value == Value::Null))
        {
            let count = given.len();
            self.refuse(|path| {
                format!("{path}: `{name}` takes exactly one of its fields, and not null; {count} are given")
            });
        }
        Value::Object(object)
    }

    fn inside<T>(&mut self, step: &str, coerce: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let result = coerce(self);
        self.path.truncate(length);
        result
    }

    fn refuse(&mut self, message: impl FnOnce(&str) -> String) {
        let (path, hide) = (format!("`{}`", shortened(&self.path)), self.hide);
        self.findings.push(Some(self.location), || hide(&message(&path)));
    }

    fn expected(&mut self, ty: &TypeRef, found: &Value) {
        let graph = self.graph;
        self.refuse(|path| format!("{path}: expected `{}`, found {}", type_text(graph, ty), described(found)));
    }
}

/// The end of a path that a caller made long.
fn shortened(path: &str) -> std::borrow::Cow<'_, str> {
    const SHOWN: usize = 200;
    if path.len() <= SHOWN {
        return path.into();
    }
    let start = path.ceil_char_boundary(path.len() - SHOWN);
    format!("…{}", &path[start..]).into()
}

/// Written as an integer: no fraction, no exponent.
fn is_integer(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit())
}

/// A type as GraphQL writes it.
fn type_text(graph: &Graph, ty: &TypeRef) -> String {
    let mark = if ty.is_non_null() { "!" } else { "" };
    match ty {
        TypeRef::Named { ty, .. } => format!("{}{mark}", graph[*ty].name),
        TypeRef::List { item, .. } => format!("[{}]{mark}", type_text(graph, item)),
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(number) if number.as_str().len() <= 40 => format!("`{}`", number.as_str()),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
