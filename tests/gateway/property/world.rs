//! Generated schemas and data: entities spread over connectors, value types, lists of lists, values that do not fit.

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
    /// An entity by a connector of this field.
    Connected { target: usize, by_key: bool, gives: Gives },
}

/// Which fields of an entity a selection takes, beside `id`.
pub type Gives = Vec<bool>;

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
    /// Two connectors, the first gives so many of the fields.
    Two(usize),
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
    /// `/all/T0`, `/T0/1/f2`
    pub replies: BTreeMap<String, Reply>,
}

const SCALARS: [&str; 6] = ["String", "Int", "ID", "Boolean", "Float", "Color"];

impl World {
    /// A world from choices.
    pub fn generate(choices: &mut Choices) -> Self {
        let count = 1 + choices.below(3);
        let field_counts: Vec<usize> = (0..count).map(|_| 1 + choices.below(5)).collect();
        let resolvers: Vec<Resolver> = field_counts
            .iter()
            .map(|fields| match choices.below(5) {
                0 => Resolver::None,
                1 => Resolver::Single,
                2 => Resolver::Batch([None, Some(1), Some(2)][choices.below(3)]),
                3 => Resolver::Root,
                _ => Resolver::Two(1 + choices.below(*fields)),
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
                    of: match choices.below(4) {
                        1 if !values.is_empty() => Of::Value(choices.below(values.len())),
                        2 => stub(choices, &resolvers),
                        3 => {
                            let target = choices.below(count);
                            let gives = gives(choices, field_counts[target], &resolvers[target]);
                            Of::Connected { target, by_key: choices.chance(40), gives }
                        }
                        _ => scalar(choices),
                    },
                    wrap: wrap(choices),
                })
                .collect();
            let item = Wrap::List(Box::new(wrap(choices)), choices.chance(20));
            let all = (item, gives(choices, fields.len(), resolver));
            let one_gives = match resolver {
                // What completes an object has to give all of it.
                Resolver::Root => vec![true; fields.len() + 1],
                _ => gives(choices, fields.len(), resolver),
            };
            entities.push(Entity { fields, resolver: resolver.clone(), rows: Vec::new(), all, one_gives });
        }
        let mut world = Self { entities, values, replies: BTreeMap::new() };
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
                let Of::Connected { target, by_key, .. } = field.of else { continue };
                for id in 1..=*count {
                    let body = self.shaped(choices, &field.wrap, &mut |choices, world| world.row(choices, target));
                    let reply = if choices.chance(6) { Reply::Fails } else { Reply::Json(body) };
                    let input = if by_key { format!("k{id}") } else { id.to_string() };
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
                    json!({ "id": if numbers { json!(id) } else { json!(id.to_string()) } })
                })
            }
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

    /// What the services answer: status and body.
    pub fn rest(&self, target: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some(reply) = self.replies.get(path) {
            return match reply {
                Reply::Json(body) => (200, body.clone()),
                Reply::Fails => (500, json!({ "oh": "no" })),
            };
        }
        let mut parts = path.trim_start_matches('/').split('/').filter(|part| *part != "more");
        let entity = parts.next().and_then(|name| name.strip_prefix('T')?.parse::<usize>().ok());
        let Some(entity) = entity.and_then(|number| self.entities.get(number)) else { return (404, Value::Null) };
        let row = |id: &str| id.parse::<usize>().ok().and_then(|id| entity.rows.get(id.wrapping_sub(1)));
        if let Some(id) = parts.next() {
            return match row(id) {
                Some(row) if row.is_down => (503, json!("down")),
                Some(row) => (200, row.json.clone()),
                None => (404, json!({ "no": id })),
            };
        }
        // A batch: in another order, without those it does not know or cannot give.
        let keys: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("id=")).collect();
        let rows = keys.iter().rev().filter_map(|id| row(id)).filter(|row| !row.is_down).map(|row| row.json.clone());
        (200, Value::Array(rows.collect()))
    }

    /// The schema as text.
    pub fn sdl(&self) -> String {
        let mut sdl = String::from(
            r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.2", import: ["@source", "@connect"])
  @source(name: "rest", http: { baseURL: "http://rest.example" })
enum Color { RED GREEN }
type Query {
"#,
        );
        let mut types = String::new();
        for (own, entity) in self.entities.iter().enumerate() {
            let all = wrapped(&format!("T{own}"), &entity.all.0);
            let is_entity = if entity.resolver == Resolver::Root { ", entity: true" } else { "" };
            let _ = writeln!(
                sdl,
                "  all{own}: {all} {}",
                connect(&format!("/all/T{own}"), &self.selection(own, &entity.all.1), "")
            );
            let one = connect(&format!("/T{own}/{{$args.id}}"), &self.selection(own, &entity.one_gives), is_entity);
            let _ = writeln!(sdl, "  one{own}(id: ID!): T{own} {one}");
            let width = entity.fields.len() + 1;
            let on_type = match &entity.resolver {
                Resolver::None | Resolver::Root => String::new(),
                Resolver::Single => self.on_type(own, "{$this.id}", "", &vec![true; width]),
                Resolver::Two(first) => {
                    let split: Gives = (0..width).map(|at| at < *first).collect();
                    let rest = split.iter().map(|given| !given).collect();
                    self.on_type(own, "{$this.id}", "", &split) + &self.on_type(own, "{$this.id}", "/more", &rest)
                }
                Resolver::Batch(keys_max) => {
                    let batch = keys_max.map(|most| format!(", batch: {{ maxSize: {most} }}")).unwrap_or_default();
                    format!(
                        "  @connect(source: \"rest\", http: {{ GET: \"/T{own}\", queryParams: \"id: $batch.id\" }}{batch}, selection: \"{}\")\n",
                        self.selection(own, &vec![true; width])
                    )
                }
            };
            let key = if entity.resolver == Resolver::None { "" } else { " @key(fields: \"id\")" };
            let _ = writeln!(types, "type T{own}{key}\n{on_type}{{\n  id: ID!\n  key: String!");
            for field in &entity.fields {
                let _ = write!(types, "  {}: {}", field.name, wrapped(&Self::type_name(&field.of), &field.wrap));
                if let Of::Connected { target, by_key, gives } = &field.of {
                    let input = if *by_key { "key" } else { "id" };
                    let path = format!("/T{own}/{{$this.{input}}}/{}", field.name);
                    let _ = write!(types, " {}", connect(&path, &self.selection(*target, gives), ""));
                }
                types.push('\n');
            }
            types.push_str("}\n");
        }
        for (own, fields) in self.values.iter().enumerate() {
            let uses = |field: &Field| matches!(field.of, Of::Value(of) if of == own);
            // A type that nobody yields is refused, rightly.
            if !self.entities.iter().any(|entity| entity.fields.iter().any(uses)) {
                continue;
            }
            let _ = writeln!(types, "type V{own} {{");
            for field in fields {
                let _ = writeln!(types, "  {}: {}", field.name, wrapped(&Self::type_name(&field.of), &field.wrap));
            }
            types.push_str("}\n");
        }
        sdl + "}\n" + &types
    }

    fn on_type(&self, own: usize, id: &str, more: &str, gives: &Gives) -> String {
        format!("  {}\n", connect(&format!("/T{own}/{id}{more}"), &self.selection(own, gives), ""))
    }

    /// A selection of an entity: `id`, `key` and the fields that it gives.
    fn selection(&self, entity: usize, gives: &Gives) -> String {
        let mut text = String::from("id");
        if gives[0] {
            text.push_str(" key");
        }
        for (field, given) in self.entities[entity].fields.iter().zip(&gives[1..]) {
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
            Of::Stub(_) => text.extend([" ", &field.name, " { id }"]),
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

/// `key` and fields that a selection takes: all, where nobody else could give them.
fn gives(choices: &mut Choices, fields: usize, resolver: &Resolver) -> Gives {
    (0..=fields).map(|_| *resolver == Resolver::None || !choices.chance(50)).collect()
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
