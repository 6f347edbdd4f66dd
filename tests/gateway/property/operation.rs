//! Generated operations: aliases, fragments, repeated fields, `@skip` and `@include` on everything.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{
    choices::Choices,
    world::{Field, Of, World},
};

/// Most fields of one operation.
const FIELDS_MAX: usize = 30;

/// An operation with its variables.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    pub selection: Vec<Node>,
    pub variables: Map<String, Value>,
    /// `$name: Type` of each.
    declared: Vec<String>,
    fields: usize,
}

/// Part of a selection set.
#[derive(Debug, Clone)]
pub enum Node {
    Field {
        key: String,
        field: Selected,
        conditions: Vec<Condition>,
        selection: Vec<Node>,
    },
    /// An inline fragment on the type it stands in.
    Fragment {
        on: Option<String>,
        conditions: Vec<Condition>,
        selection: Vec<Node>,
    },
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    Typename,
    Id,
    Key,
    /// By index.
    Field(usize),
    /// `allN`
    All(usize),
    /// `oneN(id:)` with what is written and what it means.
    One {
        entity: usize,
        written: String,
        id: String,
    },
}

/// `@skip(if:)` or `@include(if:)`.
#[derive(Debug, Clone)]
pub struct Condition {
    pub is_skip: bool,
    pub written: String,
    pub value: bool,
}

impl Condition {
    /// Whether what carries it is in the answer.
    pub fn keeps(&self) -> bool {
        self.value != self.is_skip
    }

    /// Whether the document says it, without a variable.
    pub fn is_literal(&self) -> bool {
        !self.written.starts_with('$')
    }
}

/// Where a selection set stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Root,
    Entity(usize),
    Value(usize),
}

impl Operation {
    /// An operation over a world.
    pub fn generate(world: &World, choices: &mut Choices) -> Self {
        let mut operation = Self::default();
        operation.selection = operation.set(world, choices, Place::Root, 0);
        operation
    }

    fn set(&mut self, world: &World, choices: &mut Choices, place: Place, depth: usize) -> Vec<Node> {
        let count = 1 + choices.below(4);
        let mut nodes: Vec<Node> = (0..count).map(|_| self.node(world, choices, place, depth)).collect();
        nodes.retain(|node| !matches!(node, Node::Fragment { selection, .. } if selection.is_empty()));
        if nodes.is_empty() {
            nodes.push(Node::Field {
                key: "__typename".into(),
                field: Selected::Typename,
                conditions: Vec::new(),
                selection: Vec::new(),
            });
        }
        nodes
    }

    fn node(&mut self, world: &World, choices: &mut Choices, place: Place, depth: usize) -> Node {
        if depth < 6 && choices.chance(12) {
            let on = match place {
                _ if choices.chance(30) => None,
                Place::Root => Some("Query".into()),
                Place::Entity(of) => Some(format!("T{of}")),
                Place::Value(of) => Some(format!("V{of}")),
            };
            let conditions = self.conditions(choices);
            return Node::Fragment { on, conditions, selection: self.set(world, choices, place, depth + 1) };
        }
        self.fields += 1;
        let is_full = self.fields > FIELDS_MAX || depth > 5;
        let (name, field, below) = match place {
            Place::Root => self.root(world, choices),
            Place::Entity(of) => {
                let fields = &world.entities[of].fields;
                match choices.below(fields.len() * 2 + 3) {
                    0 => ("id".into(), Selected::Id, None),
                    1 => ("key".into(), Selected::Key, None),
                    2 => ("__typename".into(), Selected::Typename, None),
                    at => pick(fields, (at - 3) % fields.len()),
                }
            }
            Place::Value(of) => pick(&world.values[of], choices.below(world.values[of].len())),
        };
        // Nothing that opens another set when the operation is large enough.
        let (name, field, below) = if is_full && below.is_some() && !matches!(place, Place::Root) {
            ("__typename".into(), Selected::Typename, None)
        } else {
            (name, field, below)
        };
        let is_argued = matches!(field, Selected::One { .. });
        let key = if is_argued || choices.chance(25) { format!("a{}", self.fields) } else { name };
        let conditions = self.conditions(choices);
        let selection = below.map(|place| self.set(world, choices, place, depth + 1)).unwrap_or_default();
        Node::Field { key, field, conditions, selection }
    }

    fn root(&mut self, world: &World, choices: &mut Choices) -> (String, Selected, Option<Place>) {
        let entity = choices.below(world.entities.len());
        if !choices.chance(40) {
            return (format!("all{entity}"), Selected::All(entity), Some(Place::Entity(entity)));
        }
        let id = (1 + choices.below(world.entities[entity].rows.len() + 1)).to_string();
        let written = match choices.below(3) {
            0 => format!("\"{id}\""),
            1 => id.clone(),
            _ => self.variable("ID!", json!(id)),
        };
        (format!("one{entity}"), Selected::One { entity, written, id }, Some(Place::Entity(entity)))
    }

    fn conditions(&mut self, choices: &mut Choices) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for is_skip in [true, false] {
            if choices.chance(10) {
                let value = choices.chance(50) == is_skip;
                let written =
                    if choices.chance(70) { self.variable("Boolean!", json!(value)) } else { value.to_string() };
                conditions.push(Condition { is_skip, written, value });
            }
        }
        conditions
    }

    fn variable(&mut self, ty: &str, value: Value) -> String {
        let name = format!("v{}", self.variables.len());
        self.declared.push(format!("${name}: {ty}"));
        self.variables.insert(name.clone(), value);
        format!("${name}")
    }

    /// The document.
    pub fn text(&self, world: &World) -> String {
        let head =
            if self.declared.is_empty() { String::new() } else { format!("query({}) ", self.declared.join(", ")) };
        let mut text = head;
        write_set(world, &self.selection, Place::Root, &mut text);
        text
    }
}

fn pick(fields: &[Field], at: usize) -> (String, Selected, Option<Place>) {
    let below = match &fields[at].of {
        Of::Scalar(_) => None,
        Of::Value(of) => Some(Place::Value(*of)),
        Of::Stub(target) | Of::Connected { target, .. } => Some(Place::Entity(*target)),
    };
    (fields[at].name.clone(), Selected::Field(at), below)
}

fn write_set(world: &World, nodes: &[Node], place: Place, text: &mut String) {
    text.push('{');
    for node in nodes {
        text.push(' ');
        match node {
            Node::Fragment { on, conditions, selection } => {
                text.push_str("...");
                if let Some(on) = on {
                    let _ = write!(text, " on {on}");
                }
                write_conditions(conditions, text);
                text.push(' ');
                write_set(world, selection, place, text);
            }
            Node::Field { key, field, conditions, selection } => {
                let (name, below) = match (field, place) {
                    (Selected::Typename, _) => ("__typename".to_owned(), None),
                    (Selected::Id, _) => ("id".to_owned(), None),
                    (Selected::Key, _) => ("key".to_owned(), None),
                    (Selected::All(entity), _) => (format!("all{entity}"), Some(Place::Entity(*entity))),
                    (Selected::One { entity, written, .. }, _) => {
                        (format!("one{entity}(id: {written})"), Some(Place::Entity(*entity)))
                    }
                    (Selected::Field(at), Place::Entity(of)) => {
                        let (name, _, below) = pick(&world.entities[of].fields, *at);
                        (name, below)
                    }
                    (Selected::Field(at), Place::Value(of)) => {
                        let (name, _, below) = pick(&world.values[of], *at);
                        (name, below)
                    }
                    (Selected::Field(_), Place::Root) => unreachable!("the root has no numbered fields"),
                };
                if name.split('(').next() != Some(key) {
                    let _ = write!(text, "{key}: ");
                }
                text.push_str(&name);
                write_conditions(conditions, text);
                if let Some(below) = below {
                    text.push(' ');
                    write_set(world, selection, below, text);
                }
            }
        }
    }
    text.push_str(" }");
}

fn write_conditions(conditions: &[Condition], text: &mut String) {
    for Condition { is_skip, written, .. } in conditions {
        let _ = write!(text, " @{}(if: {written})", if *is_skip { "skip" } else { "include" });
    }
}
