//! The interpreter that planned execution is compared with: every field by itself, one call for each, no plan.

use serde_json::{Map, Value, json};

use super::{
    operation::{Condition, Node, Operation, Selected},
    world::{By, FIRST, Field, Gives, Of, Resolver, World, Wrap, text},
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
    /// Writes, in order.
    pub writes: Vec<String>,
}

/// A null that a non-null type does not allow.
struct Bubble;

/// An object under completion.
#[derive(Clone, Copy)]
enum Object<'a> {
    Root,
    Entity {
        of: usize,
        json: &'a Value,
        gives: Option<&'a Gives>,
    },
    Value {
        of: usize,
        json: &'a Value,
    },
    /// What came of the pieces of a code: `None` could not be had.
    Code {
        a: Option<&'a Value>,
        b: Option<&'a Value>,
    },
}

/// Key, field, what is wanted below it, whether it is in the answer.
type Fields<'a> = Vec<(&'a str, &'a Selected, Nodes<'a>, bool)>;
/// Nodes, and whether their place is in the answer.
type Nodes<'a> = Vec<(&'a Node, bool)>;

struct Interpreter<'a> {
    world: &'a World,
    is_mutation: bool,
    out: Expected,
}

/// Answers an operation.
pub fn interpret(world: &World, operation: &Operation) -> Expected {
    let mut interpreter = Interpreter { world, is_mutation: operation.is_mutation, out: Expected::default() };
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
        collect(nodes, object, &mut fields);
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
            (Object::Root, Selected::Typename) => Ok(json!(if self.is_mutation { "Mutation" } else { "Query" })),
            (Object::Code { .. }, Selected::Typename) => Ok(json!("Code")),
            (Object::Code { a, .. }, Selected::CodeA) => self.complete(&Wrap::Named(false), &id, a, below, path),
            (Object::Code { b, .. }, Selected::CodeB) => self.complete(&Wrap::Named(false), &id, b, below, path),
            (Object::Entity { of, .. }, Selected::Typename) => Ok(json!(format!("T{of}"))),
            (Object::Value { of, .. }, Selected::Typename) => Ok(json!(format!("V{of}"))),
            (Object::Root, Selected::All(of)) => {
                let (wrap, gives) = &world.entities[*of].all;
                let value = self.called(&format!("/all/T{of}"), path);
                self.complete(wrap, &connected(*of, gives), value.as_ref(), below, path)
            }
            (Object::Root, Selected::One { entity, is_write, id, .. }) => {
                let gives = &world.entities[*entity].one_gives;
                let target = if *is_write { format!("/do/T{entity}/{id}") } else { format!("/T{entity}/{id}") };
                if *is_write {
                    self.out.writes.push(target.clone());
                }
                let value = self.called(&target, path);
                self.complete(&Wrap::Named(false), &connected(*entity, gives), value.as_ref(), below, path)
            }
            (Object::Entity { json, .. }, Selected::Id) => {
                self.complete(&Wrap::Named(true), &id, json.get("id"), below, path)
            }
            (Object::Entity { of, json, gives }, Selected::Key) => {
                let value = self.entity_value(of, json, gives, 0, &path[..path.len() - 1]);
                self.complete(&Wrap::Named(true), &Of::Scalar("String"), value.as_ref(), below, path)
            }
            (Object::Entity { of, json, gives }, Selected::Field(at)) => {
                let Field { of: target, wrap, name } = &world.entities[of].fields[*at];
                let value = if let Of::Connected { by, .. } = target {
                    let object = &path[..path.len() - 1];
                    let input = match by {
                        By::Id => json.get("id").and_then(text),
                        By::Key => self.entity_value(of, json, gives, 0, object).as_ref().and_then(text),
                        By::Code => {
                            let (a, b) = self.code(of, json, gives, [true, true], object).unwrap_or_default();
                            a.as_ref().and_then(text).zip(b.as_ref().and_then(text)).map(|(a, b)| format!("{a}-{b}"))
                        }
                    };
                    input.and_then(|input| self.called(&format!("/T{of}/{input}/{name}"), path))
                } else {
                    self.entity_value(of, json, gives, FIRST + *at, &path[..path.len() - 1])
                };
                self.complete(wrap, target, value.as_ref(), below, path)
            }
            (Object::Value { of, json }, Selected::Field(at)) => {
                let field = &world.values[of][*at];
                self.complete(&field.wrap, &field.of, json.get(&field.name), below, path)
            }
            (Object::Entity { of, json, gives }, Selected::Code) => {
                let wanted = [Selected::CodeA, Selected::CodeB].map(|wanted| selects(below, &wanted));
                match self.code(of, json, gives, wanted, &path[..path.len() - 1]) {
                    Some((a, b)) => self.object(Object::Code { a: a.as_ref(), b: b.as_ref() }, below, path),
                    None => Ok(Value::Null),
                }
            }
            (Object::Root | Object::Value { .. } | Object::Code { .. }, _)
            | (_, Selected::All(_) | Selected::One { .. } | Selected::CodeA | Selected::CodeB) => {
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

    /// The code of an entity, of which some pieces are wanted: from the body when that has all of them, else from one connector that
    /// has them, else put together. `None`: nobody could give it.
    fn code(
        &mut self,
        of: usize,
        json: &Value,
        gives: Option<&Gives>,
        wanted: [bool; 2],
        object: &[Value],
    ) -> Option<(Option<Value>, Option<Value>)> {
        let mut pieces = [None, None];
        let mut is_there = false;
        if wanted == [false, false] {
            // Only its name: the first who gives any of it.
            let first = [1, 2].into_iter().find(|at| gives.is_some_and(|gives| gives[*at]));
            return match first {
                Some(_) => json.get("code").map(|_| (None, None)),
                None => self.entity_value(of, json, gives, 1, object).map(|_| (None, None)),
            };
        }
        for at in [0, 1].into_iter().filter(|at| wanted[*at]) {
            // One connector has both, and the body not all: then nothing of the body counts.
            let is_whole =
                wanted == [true, true] && self.has_both(of) && gives.is_some_and(|gives| gives[1] != gives[2]);
            let gives = if is_whole { None } else { gives };
            pieces[at] = self.entity_value(of, json, gives, at + 1, object);
            is_there |= pieces[at].is_some();
        }
        let [a, b] = pieces;
        is_there.then_some((a, b))
    }

    /// Whether one connector that completes the entity gives both pieces of its code.
    fn has_both(&self, of: usize) -> bool {
        !matches!(self.world.entities[of].resolver, Resolver::None | Resolver::Two(2) | Resolver::Hop(2))
    }

    /// What can be given of an entity, by its place in [`Gives`]: from the body that has it, else by a call for its key.
    fn entity_value(
        &mut self,
        of: usize,
        json: &Value,
        gives: Option<&Gives>,
        at: usize,
        object: &[Value],
    ) -> Option<Value> {
        let entity = &self.world.entities[of];
        let taken = |json: &Value| match at {
            0 => json.get("key").cloned(),
            1 => json.pointer("/code/a").cloned(),
            2 => json.pointer("/code/b").cloned(),
            _ => json.get(&entity.fields[at - FIRST].name).cloned(),
        };
        if gives.is_some_and(|gives| gives[at]) || (at == 0 && gives.is_none() && entity.resolver.is_pair()) {
            return taken(json);
        }
        let id = json.get("id").and_then(text)?;
        let key = json.get("key").and_then(text);
        let target = match &entity.resolver {
            Resolver::None => unreachable!("everybody gives all of it"),
            Resolver::Batch(_) => {
                let list = object.iter().position(Value::is_number).unwrap_or(object.len());
                let rows = self.called(&format!("/T{of}?id={id}"), &object[..list])?;
                return rows.get(0).and_then(taken);
            }
            Resolver::PairBatch => {
                self.out.calls += 1;
                let body = json!({ "keys": [{ "id": id, "key": key? }] });
                return self.world.post(&format!("/pairs/T{of}"), &body).1.get(0).and_then(taken);
            }
            Resolver::Pair => format!("/T{of}/{id}/{}", key?),
            Resolver::Hop(first) if at >= *first => {
                let key = self.entity_value(of, json, gives, 0, object).as_ref().and_then(text)?;
                format!("/by-key/T{of}/{key}")
            }
            Resolver::Two(first) if at >= *first => format!("/T{of}/{id}/more"),
            Resolver::Single | Resolver::Root | Resolver::Two(_) | Resolver::Hop(_) => format!("/T{of}/{id}"),
        };
        self.called(&target, object).as_ref().and_then(taken)
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
            Of::Abstract { .. } => {
                let name = value["__typename"].as_str().unwrap_or_default();
                let able = self.world.able();
                let Some(of) = able.into_iter().find(|of| format!("T{of}") == name) else { return Ok(Value::Null) };
                let mut gives = vec![false; self.world.entities[of].fields.len() + FIRST];
                gives[0] = true;
                return self.object(Object::Entity { of, json: value, gives: Some(&gives) }, below, path);
            }
            Of::Connected { target, gives, .. } => Object::Entity { of: *target, json: value, gives: Some(gives) },
        };
        self.object(object, below, path)
    }
}

/// The fields of a selection set by response key (GraphQL 6.3.2). A key stands where the document first has it, also when a
/// variable drops that occurrence and a later one brings it: weft decides places once per document.
fn collect<'a>(nodes: &[(&'a Node, bool)], object: Object<'_>, into: &mut Fields<'a>) {
    gather(nodes, object, into);
    into.retain(|(.., is_there)| *is_there);
}

/// Whether the document selects a field, whatever a variable says: what is planned depends on no variable.
fn selects(nodes: &[(&Node, bool)], wanted: &Selected) -> bool {
    nodes.iter().any(|(node, _)| {
        let (Node::Field { conditions, .. } | Node::Fragment { conditions, .. }) = node;
        !conditions.iter().any(|condition| condition.is_literal() && !condition.keeps())
            && match node {
                Node::Field { field, .. } => field == wanted,
                Node::Fragment { selection, .. } => {
                    let nodes: Vec<(&Node, bool)> = selection.iter().map(|node| (node, true)).collect();
                    selects(&nodes, wanted)
                }
            }
    })
}

fn gather<'a>(nodes: &[(&'a Node, bool)], object: Object<'_>, into: &mut Fields<'a>) {
    for (node, is_included) in nodes {
        let (Node::Field { conditions, selection, .. } | Node::Fragment { conditions, selection, .. }) = node;
        if conditions.iter().any(|condition| condition.is_literal() && !condition.keeps()) {
            continue;
        }
        let is_included = *is_included && conditions.iter().all(Condition::keeps);
        let selection = selection.iter().map(|node| (node, is_included));
        match node {
            Node::Fragment { on, .. } => {
                // Only a fragment on another entity than the one at hand does not apply.
                let is_other = |on: &String| matches!(object, Object::Entity { of, .. } if *on != format!("T{of}"));
                if !on.as_ref().is_some_and(|on| on.starts_with('T') && is_other(on)) {
                    gather(&selection.collect::<Vec<_>>(), object, into);
                }
            }
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
    Of::Connected { target, by: By::Id, gives: gives.clone() }
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
