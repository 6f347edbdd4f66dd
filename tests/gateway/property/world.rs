//! Generated schemas and data: entities spread over connectors and files, value types, an interface and a union, lists of lists,
//! values that do not fit.
//!
//! Every entity has `id`, `key` and `code { a b }`, whose two pieces come from wherever they come from: sources of keys that are
//! composite, nested, reached over a hop, or to be put together.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Map, Value, json};

use super::choices::Choices;

/// List and non-null wrappers around a named type.
#[derive(Debug, Clone)]
pub enum Wrap {
    /// The named type; true: non-null.
    Named(bool),
    /// A list; true: non-null.
    List(Box<Wrap>, bool),
}

/// What a field is inside its wrappers.
#[derive(Debug, Clone)]
pub enum Of {
    /// A scalar or enum by name.
    Scalar(&'static str),
    /// A value type, whole in the body.
    Value(usize),
    /// An entity of which the body has the key only.
    Stub(usize),
    /// An entity of any type of which the body has the type and the key only: the interface, or the union.
    Abstract { is_union: bool },
    /// An entity by a connector of this field.
    Connected { target: usize, by: By, gives: Gives },
}

/// What a field connector takes of its object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum By {
    Id,
    Key,
    /// `code { a b }`
    Code,
}

/// What a selection takes of an entity, beside `id`: `key`, `code.a`, `code.b`, then the fields.
pub type Gives = Vec<bool>;

/// Where the fields begin in [`Gives`].
pub const FIRST: usize = 3;

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub of: Of,
    pub wrap: Wrap,
}

/// How an entity is completed from its key.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolver {
    /// Not at all: everybody who reaches it gives all its fields.
    None,
    /// A connector on the type.
    Single,
    /// One call for many keys.
    Batch(Option<usize>),
    /// The root field, as `entity: true`.
    Root,
    /// Two connectors, the first gives so many of what can be given.
    Two(usize),
    /// Likewise, but the second takes `key`.
    Hop(usize),
    /// A connector that takes `id` and `key`.
    Pair,
    /// Likewise for many, in a body.
    PairBatch,
}

impl Resolver {
    /// Whether a reference to the entity needs its `key` too.
    pub fn is_pair(&self) -> bool {
        matches!(self, Self::Pair | Self::PairBatch)
    }
}

/// An entity: `id`, `key`, then the fields.
#[derive(Debug, Clone)]
pub struct Entity {
    pub fields: Vec<Field>,
    pub resolver: Resolver,
    pub rows: Vec<Row>,
    /// The list of all of them: its type, and what it gives.
    pub all: (Wrap, Gives),
    /// One by id.
    pub one_gives: Gives,
}

/// A row of a service.
#[derive(Debug, Clone)]
pub struct Row {
    pub json: Value,
    /// Asked alone, the service fails.
    pub is_down: bool,
}

/// What a service answers at a path.
#[derive(Debug, Clone)]
pub enum Reply {
    Json(Value),
    Fails,
}

/// A schema and its services.
#[derive(Debug, Clone)]
pub struct World {
    pub entities: Vec<Entity>,
    /// Value types: only scalars and stubs.
    pub values: Vec<Vec<Field>>,
    /// Entities are spread over two files by turns.
    pub is_split: bool,
    /// `/all/T0`, `/T0/1/f2`
    pub replies: BTreeMap<String, Reply>,
}

const SCALARS: [&str; 6] = ["String", "Int", "ID", "Boolean", "Float", "Color"];

impl World {
    /// A world from choices.
    pub fn generate(choices: &mut Choices) -> Self {
        Self::of(choices, false)
    }

    /// Likewise, but perhaps with fields that nobody can provide.
    pub fn wild(choices: &mut Choices) -> Self {
        Self::of(choices, true)
    }

    fn of(choices: &mut Choices, is_wild: bool) -> Self {
        let count = 1 + choices.below(3);
        let is_split = count > 1 && choices.chance(25);
        let field_counts: Vec<usize> = (0..count).map(|_| 1 + choices.below(5)).collect();
        let resolvers: Vec<Resolver> = field_counts
            .iter()
            .map(|fields| match choices.below(8) {
                0 => Resolver::None,
                1 => Resolver::Single,
                2 => Resolver::Batch([None, Some(1), Some(2)][choices.below(3)]),
                3 => Resolver::Root,
                4 => Resolver::Two(1 + choices.below(*fields + FIRST - 1)),
                5 => Resolver::Hop(1 + choices.below(*fields + FIRST - 1)),
                6 => Resolver::Pair,
                _ => Resolver::PairBatch,
            })
            .collect();
        let values: Vec<Vec<Field>> = (0..choices.below(3))
            .map(|_| {
                let mut fields = vec![Field { name: "v0".into(), of: scalar(choices), wrap: wrap(choices) }];
                if choices.chance(50) {
                    fields.push(Field { name: "v1".into(), of: stub(choices, &resolvers), wrap: wrap(choices) });
                }
                fields
            })
            .collect();
        let mut entities = Vec::new();
        for (own, resolver) in resolvers.iter().enumerate() {
            let fields: Vec<Field> = (0..field_counts[own])
                .map(|number| Field {
                    name: format!("f{number}"),
                    of: match choices.below(5) {
                        1 if !values.is_empty() => Of::Value(choices.below(values.len())),
                        2 => stub(choices, &resolvers),
                        3 => {
                            let target = choices.below(count);
                            let is_foreign = is_split && target % 2 != own % 2;
                            let by = [By::Id, By::Key, By::Code][choices.below(3)];
                            let mut gives = gives(choices, field_counts[target], &resolvers[target], is_wild);
                            if is_foreign {
                                // Another file knows the key only.
                                gives.fill(false);
                                gives[0] = resolvers[target].is_pair();
                            }
                            if is_foreign && resolvers[target] == Resolver::None {
                                scalar(choices)
                            } else {
                                Of::Connected { target, by, gives }
                            }
                        }
                        4 if !is_split && resolvers.iter().any(|resolver| *resolver != Resolver::None) => {
                            Of::Abstract { is_union: choices.chance(50) }
                        }
                        _ => scalar(choices),
                    },
                    wrap: wrap(choices),
                })
                .collect();
            let item = Wrap::List(Box::new(wrap(choices)), choices.chance(20));
            let all = (item, gives(choices, fields.len(), resolver, is_wild));
            let one_gives = match resolver {
                // What completes an object has to give all of it.
                Resolver::Root => vec![true; fields.len() + FIRST],
                _ => gives(choices, fields.len(), resolver, is_wild),
            };
            entities.push(Entity { fields, resolver: resolver.clone(), rows: Vec::new(), all, one_gives });
        }
        let mut world = Self { entities, values, is_split, replies: BTreeMap::new() };
        world.fill(choices);
        world
    }

    fn fill(&mut self, choices: &mut Choices) {
        let counts: Vec<usize> = self.entities.iter().map(|_| choices.below(4)).collect();
        for (own, count) in counts.iter().enumerate() {
            let numbers = choices.chance(30);
            let rows = (1..=*count)
                .map(|id| {
                    let mut json = Map::new();
                    json.insert("id".into(), if numbers { json!(id) } else { json!(id.to_string()) });
                    json.insert("key".into(), json!(format!("k{id}")));
                    json.insert("code".into(), json!({ "a": format!("a{id}"), "b": format!("b{id}") }));
                    json.insert("__typename".into(), json!(format!("T{own}")));
                    for field in &self.entities[own].fields {
                        self.put(choices, field, &counts, &mut json);
                    }
                    Row { json: Value::Object(json), is_down: choices.chance(8) }
                })
                .collect();
            self.entities[own].rows = rows;
        }
        for (own, count) in counts.iter().enumerate() {
            let everything =
                |_: &mut Choices| Value::Array(self.entities[own].rows.iter().map(|row| row.json.clone()).collect());
            let all = match &self.entities[own].all.0 {
                Wrap::List(item, _) if matches!(**item, Wrap::Named(_)) && !choices.chance(30) => everything(choices),
                shape => self.shaped(choices, shape, &mut |choices, world| world.row(choices, own)),
            };
            let reply = if choices.chance(4) { Reply::Fails } else { Reply::Json(all) };
            self.replies.insert(format!("/all/T{own}"), reply);
            for field in &self.entities[own].fields.clone() {
                let Of::Connected { target, by, .. } = field.of else { continue };
                for id in 1..=*count {
                    let body = self.shaped(choices, &field.wrap, &mut |choices, world| world.row(choices, target));
                    let reply = if choices.chance(6) { Reply::Fails } else { Reply::Json(body) };
                    let input = match by {
                        By::Id => id.to_string(),
                        By::Key => format!("k{id}"),
                        By::Code => format!("a{id}-b{id}"),
                    };
                    self.replies.insert(format!("/T{own}/{input}/{}", field.name), reply);
                }
            }
        }
    }

    /// A row of an entity; nothing fits when there is none.
    fn row(&self, choices: &mut Choices, entity: usize) -> Value {
        let rows = &self.entities[entity].rows;
        if rows.is_empty() { Value::Null } else { rows[choices.below(rows.len())].json.clone() }
    }

    /// Puts a value of a field into a body, or leaves it out.
    fn put(&self, choices: &mut Choices, field: &Field, counts: &[usize], into: &mut Map<String, Value>) {
        let value = match &field.of {
            Of::Connected { .. } => return,
            _ if choices.chance(4) => return,
            Of::Scalar(name) => self.shaped(choices, &field.wrap, &mut |choices, _| scalar_value(choices, name)),
            Of::Value(of) => self.shaped(choices, &field.wrap, &mut |choices, world| {
                let mut json = Map::new();
                for field in &world.values[*of] {
                    world.put(choices, field, counts, &mut json);
                }
                Value::Object(json)
            }),
            Of::Stub(of) => {
                let numbers = choices.chance(30);
                self.shaped(choices, &field.wrap, &mut |choices, _| {
                    // One more than there are: a key that nobody knows.
                    let id = 1 + choices.below(counts[*of] + 1);
                    json!({ "id": if numbers { json!(id) } else { json!(id.to_string()) }, "key": format!("k{id}") })
                })
            }
            Of::Abstract { .. } => self.shaped(choices, &field.wrap, &mut |choices, world| {
                let able = world.able();
                let of = able[choices.below(able.len())];
                let id = 1 + choices.below(counts[of] + 1);
                let name = if choices.chance(4) { "Nope".into() } else { format!("T{of}") };
                json!({ "__typename": name, "id": id.to_string(), "key": format!("k{id}") })
            }),
        };
        into.insert(field.name.clone(), value);
    }

    /// A value in the shape of its wrappers; now and then one that does not fit, at every level.
    fn shaped(&self, choices: &mut Choices, wrap: &Wrap, leaf: &mut dyn FnMut(&mut Choices, &Self) -> Value) -> Value {
        match choices.below(40) {
            38 => return Value::Null,
            39 => return [json!("?"), json!({ "odd": true }), json!(false)][choices.below(3)].clone(),
            _ => {}
        }
        match wrap {
            Wrap::Named(_) => leaf(choices, self),
            Wrap::List(item, _) => {
                Value::Array((0..choices.below(4)).map(|_| self.shaped(choices, item, leaf)).collect())
            }
        }
    }

    /// Entities that can be completed from a reference: the members of the interface and of the union.
    pub fn able(&self) -> Vec<usize> {
        (0..self.entities.len()).filter(|own| self.entities[*own].resolver != Resolver::None).collect()
    }

    /// What the services answer to a call with a body.
    pub fn post(&self, target: &str, body: &Value) -> (u16, Value) {
        let Some(entity) = target.strip_prefix("/pairs/T").and_then(|number| number.parse::<usize>().ok()) else {
            return self.rest(target);
        };
        let keys = body["keys"].as_array().cloned().unwrap_or_default();
        let rows = &self.entities[entity].rows;
        let row = |key: &Value| {
            rows.iter().find(|row| text(&row.json["id"]) == text(&key["id"]) && row.json["key"] == key["key"])
        };
        let found = keys.iter().rev().filter_map(row).filter(|row| !row.is_down).map(|row| row.json.clone());
        (200, Value::Array(found.collect()))
    }

    /// What the services answer: status and body.
    pub fn rest(&self, target: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some(reply) = self.replies.get(path) {
            return match reply {
                Reply::Json(body) => (200, body.clone()),
                Reply::Fails => (500, json!({ "oh": "no" })),
            };
        }
        let mut parts = path.trim_start_matches('/').split('/').filter(|part| !["more", "do", "by-key"].contains(part));
        let entity = parts.next().and_then(|name| name.strip_prefix('T')?.parse::<usize>().ok());
        let Some(entity) = entity.and_then(|number| self.entities.get(number)) else { return (404, Value::Null) };
        let row = |id: &str| {
            let id = id.trim_start_matches('k').parse::<usize>().ok();
            id.and_then(|id| entity.rows.get(id.wrapping_sub(1)))
        };
        if let Some(id) = parts.next() {
            return match row(id) {
                Some(row) if row.is_down => (503, json!("down")),
                Some(row) => (200, row.json.clone()),
                None => (404, json!({ "no": id })),
            };
        }
        let keys: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("id=")).collect();
        // Chunks of one key fail by themselves.
        if entity.resolver == Resolver::Batch(Some(1)) && keys.iter().any(|id| row(id).is_some_and(|row| row.is_down)) {
            return (503, json!("down"));
        }
        // A batch: in another order, without those it does not know or cannot give.
        let rows = keys.iter().rev().filter_map(|id| row(id)).filter(|row| !row.is_down).map(|row| row.json.clone());
        (200, Value::Array(rows.collect()))
    }

    /// The schema as text, by file.
    pub fn sdl(&self) -> Vec<String> {
        if !self.is_split {
            return vec![self.file(|_| true)];
        }
        (0..2).map(|file| self.file(|own| own % 2 == file)).collect()
    }

    /// The file of some entities; of the others it knows the keys.
    fn file(&self, is_here: impl Fn(usize) -> bool) -> String {
        let mut sdl = String::from(
            r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "rest", http: { baseURL: "http://rest.example" })
enum Color { RED GREEN }
type Code { a: ID b: ID }
type Query {
"#,
        );
        let (mut types, mut mutations) = (String::new(), String::new());
        let has_abstract = self
            .entities
            .iter()
            .any(|entity| entity.fields.iter().any(|field| matches!(field.of, Of::Abstract { .. })));
        if has_abstract {
            let members: Vec<String> = self.able().iter().map(|own| format!("T{own}")).collect();
            let _ = writeln!(types, "interface Node {{ id: ID! key: String! }}\nunion Any = {}", members.join(" | "));
        }
        for (own, entity) in self.entities.iter().enumerate() {
            let keys = match &entity.resolver {
                Resolver::None => "",
                Resolver::Pair | Resolver::PairBatch => r#" @key(fields: "id key")"#,
                Resolver::Hop(_) => r#" @key(fields: "id") @key(fields: "key")"#,
                _ => r#" @key(fields: "id")"#,
            };
            if !is_here(own) {
                if entity.resolver.is_pair() {
                    let key = "@key(fields: \"id key\", resolvable: false)";
                    let _ = writeln!(types, "type T{own} {key} {{ id: ID! key: String! }}");
                } else if entity.resolver != Resolver::None {
                    let _ = writeln!(types, "type T{own} @key(fields: \"id\", resolvable: false) {{ id: ID! }}");
                }
                continue;
            }
            let all = wrapped(&format!("T{own}"), &entity.all.0);
            let is_entity = if entity.resolver == Resolver::Root { ", entity: true" } else { "" };
            let _ = writeln!(
                sdl,
                "  all{own}: {all} {}",
                connect(&format!("/all/T{own}"), &self.selection(own, &entity.all.1), "")
            );
            let selection = self.selection(own, &entity.one_gives);
            let one = connect(&format!("/T{own}/{{$args.id}}"), &selection, is_entity);
            let _ = writeln!(sdl, "  one{own}(id: ID!): T{own} {one}");
            let write = connect(&format!("/do/T{own}/{{$args.id}}"), &selection, "").replace("GET:", "POST:");
            let _ = writeln!(mutations, "  do{own}(id: ID!): T{own} {write}");
            let width = entity.fields.len() + FIRST;
            let split = |first: usize| -> (Gives, Gives) {
                ((0..width).map(|at| at < first).collect(), (0..width).map(|at| at >= first).collect())
            };
            let whole = vec![true; width];
            let on_type = match &entity.resolver {
                Resolver::None | Resolver::Root => String::new(),
                Resolver::Single => self.on_type(own, &format!("/T{own}/{{$this.id}}"), &whole),
                Resolver::Pair => self.on_type(own, &format!("/T{own}/{{$this.id}}/{{$this.key}}"), &whole),
                Resolver::Two(first) => {
                    let (front, rest) = split(*first);
                    self.on_type(own, &format!("/T{own}/{{$this.id}}"), &front)
                        + &self.on_type(own, &format!("/T{own}/{{$this.id}}/more"), &rest)
                }
                Resolver::Hop(first) => {
                    let (front, rest) = split(*first);
                    self.on_type(own, &format!("/T{own}/{{$this.id}}"), &front)
                        + &self.on_type(own, &format!("/by-key/T{own}/{{$this.key}}"), &rest)
                }
                Resolver::Batch(keys_max) => {
                    let batch = keys_max.map(|most| format!(", batch: {{ maxSize: {most} }}")).unwrap_or_default();
                    format!(
                        "  @connect(source: \"rest\", http: {{ GET: \"/T{own}\", queryParams: \"id: $batch.id\" }}{batch}, selection: \"{}\")\n",
                        self.selection(own, &whole)
                    )
                }
                Resolver::PairBatch => format!(
                    "  @connect(source: \"rest\", http: {{ POST: \"/pairs/T{own}\", body: \"keys: $batch {{ id key }}\" }}, selection: \"{}\")\n",
                    self.selection(own, &whole)
                ),
            };
            let node = if has_abstract && entity.resolver != Resolver::None { " implements Node" } else { "" };
            let _ = writeln!(types, "type T{own}{node}{keys}\n{on_type}{{\n  id: ID!\n  key: String!\n  code: Code");
            for field in &entity.fields {
                let _ = write!(types, "  {}: {}", field.name, wrapped(&Self::type_name(&field.of), &field.wrap));
                if let Of::Connected { target, by, gives } = &field.of {
                    let input = match by {
                        By::Id => "{$this.id}",
                        By::Key => "{$this.key}",
                        By::Code => "{$this.code.a}-{$this.code.b}",
                    };
                    let path = format!("/T{own}/{input}/{}", field.name);
                    let _ = write!(types, " {}", connect(&path, &self.selection(*target, gives), ""));
                }
                types.push('\n');
            }
            types.push_str("}\n");
        }
        self.value_types(&is_here, &mut types);
        sdl + "}\ntype Mutation {\n" + &mutations + "}\n" + &types
    }

    /// The value types that entities of a file use.
    fn value_types(&self, is_here: &impl Fn(usize) -> bool, types: &mut String) {
        for (own, fields) in self.values.iter().enumerate() {
            let uses = |field: &Field| matches!(field.of, Of::Value(of) if of == own);
            // A type that nobody yields is refused, rightly.
            let is_used = |entity: &Entity| entity.fields.iter().any(uses);
            if !self.entities.iter().enumerate().any(|(own, entity)| is_here(own) && is_used(entity)) {
                continue;
            }
            let _ = writeln!(types, "type V{own} {{");
            for field in fields {
                let _ = writeln!(types, "  {}: {}", field.name, wrapped(&Self::type_name(&field.of), &field.wrap));
            }
            types.push_str("}\n");
        }
    }

    fn on_type(&self, own: usize, path: &str, gives: &Gives) -> String {
        format!("  {}\n", connect(path, &self.selection(own, gives), ""))
    }

    /// A selection of an entity: `id`, and what it gives.
    fn selection(&self, entity: usize, gives: &Gives) -> String {
        let mut text = String::from("id");
        if gives[0] {
            text.push_str(" key");
        }
        text.push_str(
            ["", " code { a }", " code { b }", " code { a b }"][usize::from(gives[1]) + 2 * usize::from(gives[2])],
        );
        for (field, given) in self.entities[entity].fields.iter().zip(&gives[FIRST..]) {
            if *given {
                self.select(field, &mut text);
            }
        }
        text
    }

    fn select(&self, field: &Field, text: &mut String) {
        match &field.of {
            Of::Connected { .. } => {}
            Of::Scalar(_) => text.extend([" ", &field.name]),
            Of::Stub(of) if self.entities[*of].resolver.is_pair() => text.extend([" ", &field.name, " { id key }"]),
            Of::Stub(_) => text.extend([" ", &field.name, " { id }"]),
            Of::Abstract { .. } => text.extend([" ", &field.name, " { __typename id key }"]),
            Of::Value(of) => {
                text.extend([" ", &field.name, " {"]);
                self.values[*of].iter().for_each(|field| self.select(field, text));
                *text += " }";
            }
        }
    }

    fn type_name(of: &Of) -> String {
        match of {
            Of::Scalar(name) => (*name).into(),
            Of::Value(of) => format!("V{of}"),
            Of::Abstract { is_union: true } => "Any".into(),
            Of::Abstract { is_union: false } => "Node".into(),
            Of::Stub(target) | Of::Connected { target, .. } => format!("T{target}"),
        }
    }
}

fn connect(path: &str, selection: &str, more: &str) -> String {
    format!("@connect(source: \"rest\", http: {{ GET: \"{path}\" }}{more}, selection: \"{selection}\")")
}

fn wrapped(name: &str, wrap: &Wrap) -> String {
    let bang = |non_null: &bool| if *non_null { "!" } else { "" };
    match wrap {
        Wrap::Named(non_null) => format!("{name}{}", bang(non_null)),
        Wrap::List(item, non_null) => format!("[{}]{}", wrapped(name, item), bang(non_null)),
    }
}

fn wrap(choices: &mut Choices) -> Wrap {
    let mut wrap = Wrap::Named(choices.chance(35));
    for _ in 0..[0, 0, 0, 1, 1, 2][choices.below(6)] {
        wrap = Wrap::List(Box::new(wrap), choices.chance(35));
    }
    wrap
}

fn scalar(choices: &mut Choices) -> Of {
    Of::Scalar(SCALARS[choices.below(SCALARS.len())])
}

/// A reference by key, to a type that can be completed from one; else a scalar.
fn stub(choices: &mut Choices, resolvers: &[Resolver]) -> Of {
    let able: Vec<usize> = (0..resolvers.len()).filter(|target| resolvers[*target] != Resolver::None).collect();
    if able.is_empty() { scalar(choices) } else { Of::Stub(able[choices.below(able.len())]) }
}

/// What a selection takes: all, where nobody else could give it.
fn gives(choices: &mut Choices, fields: usize, resolver: &Resolver, is_wild: bool) -> Gives {
    let all = *resolver == Resolver::None && !is_wild;
    let mut gives: Gives = (0..fields + FIRST).map(|_| all || !choices.chance(50)).collect();
    gives[0] |= resolver.is_pair() && !is_wild;
    gives
}

/// A key as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn scalar_value(choices: &mut Choices, name: &str) -> Value {
    let fits = !choices.chance(6);
    match name {
        "String" if fits => json!(["a", "b \"quoted\" \\ ä", ""][choices.below(3)]),
        "Int" if fits => json!([0, -7, 2_147_483_647_i64][choices.below(3)]),
        "Int" => json!(2_147_483_648_i64),
        "ID" if fits => [json!("x"), json!(12)][choices.below(2)].clone(),
        "Boolean" if fits => json!(choices.chance(50)),
        "Float" if fits => [json!(1.5), json!(3), json!(-0.25)][choices.below(3)].clone(),
        "Color" if fits => json!(["RED", "GREEN"][choices.below(2)]),
        "Color" => json!("BLUE"),
        _ => [Value::Null, json!(["nested"]), json!({ "an": "object" })][choices.below(3)].clone(),
    }
}
