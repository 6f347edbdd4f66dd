//! The interpreter that planned execution is compared with: every field by itself, one call for each, no plan.

use serde_json::{Map, Value, json};

use super::{
    operation::{Condition, Node, Operation, Selected},
    world::{Field, Gives, Of, Resolver, World, Wrap},
};

/// What has to come out.
#[derive(Debug, Default)]
pub struct Expected {
    pub data: Value,
    /// Paths of errors that may be in the answer.
    pub allowed: Vec<Vec<Value>>,
    /// Paths of errors that have to be.
    pub required: Vec<Vec<Value>>,
    /// Places that became null because of a null in a non-null place: some error has to explain each, at it or below.
    pub explained: Vec<Vec<Value>>,
    /// Calls made.
    pub calls: usize,
}

/// A null that a non-null type does not allow.
struct Bubble;

/// An object under completion.
#[derive(Clone, Copy)]
enum Object<'a> {
    Root,
    Entity { of: usize, json: &'a Value, gives: Option<&'a Gives> },
    Value { of: usize, json: &'a Value },
}

/// Key, field, what is wanted below it, whether it is in the answer.
type Fields<'a> = Vec<(&'a str, &'a Selected, Nodes<'a>, bool)>;
/// Nodes, and whether their place is in the answer.
type Nodes<'a> = Vec<(&'a Node, bool)>;

struct Interpreter<'a> {
    world: &'a World,
    out: Expected,
}

/// Answers an operation.
pub fn interpret(world: &World, operation: &Operation) -> Expected {
    let mut interpreter = Interpreter { world, out: Expected::default() };
    let mut path = Vec::new();
    let nodes: Nodes = operation.selection.iter().map(|node| (node, true)).collect();
    let data = interpreter.object(Object::Root, &nodes, &mut path);
    interpreter.out.data = data.unwrap_or_else(|Bubble| {
        interpreter.absorb(&path);
        Value::Null
    });
    interpreter.out
}

impl<'a> Interpreter<'a> {
    fn call(&mut self, target: &str) -> Option<Value> {
        self.out.calls += 1;
        let (status, body) = self.world.rest(target);
        (200..300).contains(&status).then_some(body)
    }

    fn error(&mut self, path: &[Value]) {
        self.out.allowed.push(path.to_vec());
        self.out.required.push(path.to_vec());
    }

    /// A nullable place took a null from below: of the errors there any may be reported, one has to be.
    fn absorb(&mut self, path: &[Value]) {
        self.out.required.retain(|error| !error.starts_with(path));
        self.out.explained.retain(|place| !place.starts_with(path));
        self.out.explained.push(path.to_vec());
    }

    fn object(
        &mut self,
        object: Object<'_>,
        nodes: &[(&'a Node, bool)],
        path: &mut Vec<Value>,
    ) -> Result<Value, Bubble> {
        let mut fields: Fields<'a> = Vec::new();
        collect(nodes, &mut fields);
        let mut out = Map::new();
        let mut bubbles = false;
        for (key, selected, below, _) in fields {
            path.push(json!(key));
            // All siblings are completed even when one bubbles: their errors may be in the answer.
            match self.field(object, selected, &below, path) {
                Ok(value) => {
                    out.insert(key.into(), value);
                }
                Err(Bubble) => bubbles = true,
            }
            path.pop();
        }
        if bubbles { Err(Bubble) } else { Ok(Value::Object(out)) }
    }

    fn field(
        &mut self,
        object: Object<'_>,
        selected: &Selected,
        below: &[(&'a Node, bool)],
        path: &mut Vec<Value>,
    ) -> Result<Value, Bubble> {
        let world = self.world;
        let id = Of::Scalar("ID");
        match (object, selected) {
            (Object::Root, Selected::Typename) => Ok(json!("Query")),
            (Object::Entity { of, .. }, Selected::Typename) => Ok(json!(format!("T{of}"))),
            (Object::Value { of, .. }, Selected::Typename) => Ok(json!(format!("V{of}"))),
            (Object::Root, Selected::All(of)) => {
                let (wrap, gives) = &world.entities[*of].all;
                let value = self.called(&format!("/all/T{of}"), path);
                self.complete(wrap, &connected(*of, gives), value.as_ref(), below, path)
            }
            (Object::Root, Selected::One { entity, id, .. }) => {
                let gives = &world.entities[*entity].one_gives;
                let value = self.called(&format!("/T{entity}/{id}"), path);
                self.complete(&Wrap::Named(false), &connected(*entity, gives), value.as_ref(), below, path)
            }
            (Object::Entity { json, .. }, Selected::Id) => {
                self.complete(&Wrap::Named(true), &id, json.get("id"), below, path)
            }
            (Object::Entity { of, json, gives }, Selected::Key) => {
                let value = self.entity_value(of, json, gives, None, &path[..path.len() - 1]);
                self.complete(&Wrap::Named(true), &Of::Scalar("String"), value.as_ref(), below, path)
            }
            (Object::Entity { of, json, gives }, Selected::Field(at)) => {
                let Field { of: target, wrap, name } = &world.entities[of].fields[*at];
                let value = if let Of::Connected { by_key, .. } = target {
                    let object = &path[..path.len() - 1];
                    let input = if *by_key {
                        self.entity_value(of, json, gives, None, object)
                    } else {
                        json.get("id").cloned()
                    };
                    let input = input.as_ref().and_then(text);
                    input.and_then(|input| self.called(&format!("/T{of}/{input}/{name}"), path))
                } else {
                    self.entity_value(of, json, gives, Some(*at), &path[..path.len() - 1])
                };
                self.complete(wrap, target, value.as_ref(), below, path)
            }
            (Object::Value { of, json }, Selected::Field(at)) => {
                let field = &world.values[of][*at];
                self.complete(&field.wrap, &field.of, json.get(&field.name), below, path)
            }
            (Object::Root | Object::Value { .. }, _) | (_, Selected::All(_) | Selected::One { .. }) => {
                unreachable!("operations are valid")
            }
        }
    }

    /// A call for a field: its failure is an error at the field.
    fn called(&mut self, target: &str, path: &[Value]) -> Option<Value> {
        let value = self.call(target);
        if value.is_none() {
            self.error(path);
        }
        value
    }

    /// A field of an entity (`None`: `key`): from the body that has it, else by a call for its key.
    fn entity_value(
        &mut self,
        of: usize,
        json: &Value,
        gives: Option<&Gives>,
        field: Option<usize>,
        object: &[Value],
    ) -> Option<Value> {
        let entity = &self.world.entities[of];
        let name = field.map_or("key", |at| entity.fields[at].name.as_str());
        let at = field.map_or(0, |at| at + 1);
        if gives.is_some_and(|gives| gives[at]) {
            return json.get(name).cloned();
        }
        let id = json.get("id").and_then(text)?;
        let target = match &entity.resolver {
            Resolver::None => unreachable!("everybody gives all of it"),
            Resolver::Batch(_) => {
                let rows = self.call(&format!("/T{of}?id={id}"))?;
                return rows.get(0)?.get(name).cloned();
            }
            Resolver::Two(first) if at >= *first => format!("/T{of}/{id}/more"),
            Resolver::Single | Resolver::Root | Resolver::Two(_) => format!("/T{of}/{id}"),
        };
        self.called(&target, object)?.get(name).cloned()
    }

    fn complete(
        &mut self,
        wrap: &Wrap,
        of: &Of,
        value: Option<&Value>,
        below: &[(&'a Node, bool)],
        path: &mut Vec<Value>,
    ) -> Result<Value, Bubble> {
        let (non_null, completed) = match wrap {
            Wrap::Named(non_null) => (*non_null, self.named(of, value, below, path)),
            Wrap::List(item, non_null) => (*non_null, self.list(item, of, value, below, path)),
        };
        match completed {
            Ok(Value::Null) if non_null => {
                self.out.allowed.push(path.clone());
                Err(Bubble)
            }
            Err(Bubble) if !non_null => {
                self.absorb(path);
                Ok(Value::Null)
            }
            other => other,
        }
    }

    fn list(
        &mut self,
        item: &Wrap,
        of: &Of,
        value: Option<&Value>,
        below: &[(&'a Node, bool)],
        path: &mut Vec<Value>,
    ) -> Result<Value, Bubble> {
        let Some(Value::Array(items)) = value else { return Ok(Value::Null) };
        let mut out = Vec::new();
        let mut bubbles = false;
        for (index, value) in items.iter().enumerate() {
            path.push(json!(index));
            match self.complete(item, of, Some(value), below, path) {
                Ok(value) => out.push(value),
                Err(Bubble) => bubbles = true,
            }
            path.pop();
        }
        if bubbles { Err(Bubble) } else { Ok(Value::Array(out)) }
    }

    fn named(
        &mut self,
        of: &Of,
        value: Option<&Value>,
        below: &[(&'a Node, bool)],
        path: &mut Vec<Value>,
    ) -> Result<Value, Bubble> {
        let Some(value) = value else { return Ok(Value::Null) };
        let object = match of {
            Of::Scalar(name) => return Ok(scalar(name, value)),
            _ if !value.is_object() => return Ok(Value::Null),
            Of::Value(of) => Object::Value { of: *of, json: value },
            Of::Stub(of) => Object::Entity { of: *of, json: value, gives: None },
            Of::Connected { target, gives, .. } => Object::Entity { of: *target, json: value, gives: Some(gives) },
        };
        self.object(object, below, path)
    }
}

/// The fields of a selection set by response key (GraphQL 6.3.2). A key stands where the document first has it, also when a
/// variable drops that occurrence and a later one brings it: weft decides places once per document.
fn collect<'a>(nodes: &[(&'a Node, bool)], into: &mut Fields<'a>) {
    gather(nodes, into);
    into.retain(|(.., is_there)| *is_there);
}

fn gather<'a>(nodes: &[(&'a Node, bool)], into: &mut Fields<'a>) {
    for (node, is_included) in nodes {
        let (Node::Field { conditions, selection, .. } | Node::Fragment { conditions, selection, .. }) = node;
        if conditions.iter().any(|condition| condition.is_literal() && !condition.keeps()) {
            continue;
        }
        let is_included = *is_included && conditions.iter().all(Condition::keeps);
        let selection = selection.iter().map(|node| (node, is_included));
        match node {
            Node::Fragment { .. } => gather(&selection.collect::<Vec<_>>(), into),
            Node::Field { key, field, .. } => {
                let at = into.iter().position(|(known, ..)| known == key).unwrap_or_else(|| {
                    into.push((key, field, Vec::new(), false));
                    into.len() - 1
                });
                into[at].2.extend(selection);
                into[at].3 |= is_included;
            }
        }
    }
}

fn connected(target: usize, gives: &Gives) -> Of {
    Of::Connected { target, by_key: false, gives: gives.clone() }
}

/// A scalar as its type takes it; what does not fit is null.
fn scalar(name: &str, value: &Value) -> Value {
    let fits = match name {
        "String" => value.is_string(),
        "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "Float" => value.is_number(),
        "Boolean" => value.is_boolean(),
        "Color" => value == "RED" || value == "GREEN",
        "ID" => return text(value).map_or(Value::Null, Value::String),
        _ => unreachable!("a scalar of the generator"),
    };
    if fits { value.clone() } else { Value::Null }
}

/// A key as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
