//! Generated operations, queries and mutations: aliases, fragments on objects and abstract types, repeated fields, `@skip` and
//! `@include` on everything.

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
    pub is_mutation: bool,
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
    /// An inline fragment on the type it stands in, or on one that an abstract type can be.
    Fragment {
        on: Option<String>,
        place: Place,
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
    Code,
    /// `a` of a code.
    CodeA,
    /// `b` of a code.
    CodeB,
    /// By index.
    Field(usize),
    /// `allN`
    All(usize),
    /// `oneN(id:)` (in a mutation `doN`) with what is written and what it means.
    One {
        entity: usize,
        is_write: bool,
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
pub enum Place {
    Root,
    Entity(usize),
    Value(usize),
    Code,
    Abstract { is_union: bool },
}

impl Operation {
    /// An operation over a world.
    pub fn generate(world: &World, choices: &mut Choices) -> Self {
        let mut operation = Self { is_mutation: choices.chance(15), ..Self::default() };
        operation.selection = operation.set(world, choices, Place::Root, 0, false);
        operation
    }

    /// A selection set. Where fields of different types can meet, all get names of their own.
    fn set(&mut self, world: &World, choices: &mut Choices, place: Place, depth: usize, must_alias: bool) -> Vec<Node> {
        let count = 1 + choices.below(4);
        let mut nodes: Vec<Node> = (0..count).map(|_| self.node(world, choices, place, depth, must_alias)).collect();
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

    fn node(&mut self, world: &World, choices: &mut Choices, place: Place, depth: usize, must_alias: bool) -> Node {
        if let Place::Abstract { is_union } = place
            && depth < 7
            && (is_union || choices.chance(60))
        {
            let able = world.able();
            let of = able[choices.below(able.len())];
            let conditions = self.conditions(choices);
            let selection = self.set(world, choices, Place::Entity(of), depth + 1, true);
            return Node::Fragment { on: Some(format!("T{of}")), place: Place::Entity(of), conditions, selection };
        }
        if depth < 6 && choices.chance(12) {
            let on = match place {
                _ if choices.chance(30) => None,
                Place::Root if self.is_mutation => Some("Mutation".into()),
                Place::Root => Some("Query".into()),
                Place::Entity(of) => Some(format!("T{of}")),
                Place::Value(of) => Some(format!("V{of}")),
                Place::Code => Some("Code".into()),
                Place::Abstract { is_union } => Some(if is_union { "Any".into() } else { "Node".into() }),
            };
            let conditions = self.conditions(choices);
            let selection = self.set(world, choices, place, depth + 1, must_alias);
            return Node::Fragment { on, place, conditions, selection };
        }
        self.fields += 1;
        let is_full = self.fields > FIELDS_MAX || depth > 5;
        let (name, field, below) = match place {
            Place::Root => self.root(world, choices),
            Place::Entity(of) => {
                let fields = &world.entities[of].fields;
                match choices.below(fields.len() * 2 + 5) {
                    0 => ("id".into(), Selected::Id, None),
                    1 => ("key".into(), Selected::Key, None),
                    2 => ("__typename".into(), Selected::Typename, None),
                    3 | 4 => ("code".into(), Selected::Code, Some(Place::Code)),
                    at => pick(fields, (at - 5) % fields.len()),
                }
            }
            Place::Code => match choices.below(5) {
                0 | 1 => ("a".into(), Selected::CodeA, None),
                2 | 3 => ("b".into(), Selected::CodeB, None),
                _ => ("__typename".into(), Selected::Typename, None),
            },
            Place::Abstract { is_union } => match choices.below(3) {
                0 if !is_union => ("id".into(), Selected::Id, None),
                1 if !is_union => ("key".into(), Selected::Key, None),
                _ => ("__typename".into(), Selected::Typename, None),
            },
            Place::Value(of) => pick(&world.values[of], choices.below(world.values[of].len())),
        };
        // Nothing that opens another set when the operation is large enough.
        let (name, field, below) = if is_full && below.is_some() && !matches!(place, Place::Root) {
            ("__typename".into(), Selected::Typename, None)
        } else {
            (name, field, below)
        };
        let is_argued = matches!(field, Selected::One { .. });
        let is_new = is_argued || (must_alias && !matches!(field, Selected::Typename | Selected::Id | Selected::Key));
        let key = if is_new || choices.chance(25) { format!("a{}", self.fields) } else { name };
        let conditions = self.conditions(choices);
        let selection = below.map(|place| self.set(world, choices, place, depth + 1, false)).unwrap_or_default();
        Node::Field { key, field, conditions, selection }
    }

    fn root(&mut self, world: &World, choices: &mut Choices) -> (String, Selected, Option<Place>) {
        let entity = choices.below(world.entities.len());
        if !self.is_mutation && !choices.chance(40) {
            return (format!("all{entity}"), Selected::All(entity), Some(Place::Entity(entity)));
        }
        let id = (1 + choices.below(world.entities[entity].rows.len() + 1)).to_string();
        let written = match choices.below(3) {
            0 => format!("\"{id}\""),
            1 => id.clone(),
            _ => self.variable("ID!", json!(id)),
        };
        let is_write = self.is_mutation;
        (format!("one{entity}"), Selected::One { entity, is_write, written, id }, Some(Place::Entity(entity)))
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

    /// The same with one more field in every selection set.
    pub fn widened(&self, world: &World) -> Self {
        let mut wide = self.clone();
        widen(world, &mut wide.selection, Place::Root, self.is_mutation);
        wide
    }

    /// The same, telling the `key` of every entity.
    pub fn keyed(&self, world: &World) -> Self {
        let mut keyed = self.clone();
        tell_keys(world, &mut keyed.selection, Place::Root);
        keyed
    }

    /// The document.
    pub fn text(&self, world: &World) -> String {
        let kind = if self.is_mutation { "mutation" } else { "query" };
        let mut text = match self.declared.as_slice() {
            [] if self.is_mutation => "mutation ".to_owned(),
            [] => String::new(),
            declared => format!("{kind}({}) ", declared.join(", ")),
        };
        write_set(world, &self.selection, Place::Root, &mut text);
        text
    }
}

fn pick(fields: &[Field], at: usize) -> (String, Selected, Option<Place>) {
    let below = match &fields[at].of {
        Of::Scalar(_) => None,
        Of::Value(of) => Some(Place::Value(*of)),
        Of::Abstract { is_union } => Some(Place::Abstract { is_union: *is_union }),
        Of::Stub(target) | Of::Connected { target, .. } => Some(Place::Entity(*target)),
    };
    (fields[at].name.clone(), Selected::Field(at), below)
}

/// How a field is written in a place (without alias), and what place is below it.
fn named(world: &World, field: &Selected, place: Place) -> (String, Option<Place>) {
    match (field, place) {
        (Selected::Typename, _) => ("__typename".to_owned(), None),
        (Selected::Id, _) => ("id".to_owned(), None),
        (Selected::Key, _) => ("key".to_owned(), None),
        (Selected::Code, _) => ("code".to_owned(), Some(Place::Code)),
        (Selected::CodeA, _) => ("a".to_owned(), None),
        (Selected::CodeB, _) => ("b".to_owned(), None),
        (Selected::All(entity), _) => (format!("all{entity}"), Some(Place::Entity(*entity))),
        (Selected::One { entity, is_write, written, .. }, _) => {
            let verb = if *is_write { "do" } else { "one" };
            (format!("{verb}{entity}(id: {written})"), Some(Place::Entity(*entity)))
        }
        (Selected::Field(at), Place::Entity(of)) => {
            let (name, _, below) = pick(&world.entities[of].fields, *at);
            (name, below)
        }
        (Selected::Field(at), Place::Value(of)) => {
            let (name, _, below) = pick(&world.values[of], *at);
            (name, below)
        }
        (Selected::Field(_), Place::Root | Place::Code | Place::Abstract { .. }) => {
            unreachable!("only entities and value types have numbered fields")
        }
    }
}

/// Adds a field to every selection set, under a key that no other has.
fn widen(world: &World, nodes: &mut Vec<Node>, place: Place, is_mutation: bool) {
    for node in nodes.iter_mut() {
        match node {
            Node::Field { field, selection, .. } => {
                if let (_, Some(below)) = named(world, field, place) {
                    widen(world, selection, below, is_mutation);
                }
            }
            Node::Fragment { place, selection, .. } => widen(world, selection, *place, is_mutation),
        }
    }
    let leaf = |key: &str, field| Node::Field { key: key.into(), field, conditions: Vec::new(), selection: Vec::new() };
    nodes.push(match place {
        Place::Root if !is_mutation => Node::Field {
            key: "more".into(),
            field: Selected::All(0),
            conditions: Vec::new(),
            selection: vec![leaf("id", Selected::Id)],
        },
        Place::Entity(_) => leaf("more", Selected::Key),
        Place::Code => leaf("more", Selected::CodeB),
        Place::Root | Place::Value(_) | Place::Abstract { .. } => leaf("more_type", Selected::Typename),
    });
}

/// Adds the key of entities, under a key that no other field has.
fn tell_keys(world: &World, nodes: &mut Vec<Node>, place: Place) {
    for node in nodes.iter_mut() {
        match node {
            Node::Field { field, selection, .. } => {
                if let (_, Some(below)) = named(world, field, place) {
                    tell_keys(world, selection, below);
                }
            }
            Node::Fragment { place, selection, .. } => tell_keys(world, selection, *place),
        }
    }
    let key =
        || Node::Field { key: "told".into(), field: Selected::Key, conditions: Vec::new(), selection: Vec::new() };
    match place {
        Place::Entity(_) => nodes.push(key()),
        Place::Abstract { .. } => nodes.extend(world.able().into_iter().map(|own| Node::Fragment {
            on: Some(format!("T{own}")),
            place: Place::Entity(own),
            conditions: Vec::new(),
            selection: vec![key()],
        })),
        Place::Root | Place::Value(_) | Place::Code => {}
    }
}

fn write_set(world: &World, nodes: &[Node], place: Place, text: &mut String) {
    text.push('{');
    for node in nodes {
        text.push(' ');
        match node {
            Node::Fragment { on, place, conditions, selection } => {
                text.push_str("...");
                if let Some(on) = on {
                    let _ = write!(text, " on {on}");
                }
                write_conditions(conditions, text);
                text.push(' ');
                write_set(world, selection, *place, text);
            }
            Node::Field { key, field, conditions, selection } => {
                let (name, below) = named(world, field, place);
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
