//! One schema as it is meant: references followed, `allOf` joined, both dialects of null understood.

use std::{
    collections::HashMap,
    hash::{Hash as _, Hasher as _},
    rc::Rc,
};

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::{
    document::{Document, Node},
    report::Report,
};

/// Steps through `$ref` and `allOf` beyond which a schema is taken as saying nothing.
const DEPTH_MAX: usize = 64;

/// Values of an `enum` beyond which it is no list of values any more.
pub(super) const VALUES_MAX: usize = 1_000;

/// Properties that `allOf` may copy in one document.
const COPIES_MAX: usize = 20_000_000;

/// The JSON types.
const KINDS: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

/// A set of JSON types, without null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const STRING: Self = Self(1);
    pub(super) const INTEGER: Self = Self(2);
    pub(super) const NUMBER: Self = Self(4);
    pub(super) const BOOLEAN: Self = Self(8);
    pub(super) const ARRAY: Self = Self(16);
    pub(super) const OBJECT: Self = Self(32);

    fn named(name: &str) -> Self {
        KINDS.iter().position(|known| *known == name).map_or(Self(0), |at| Self(1 << at))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether nothing but these is in the set.
    pub(super) fn within(self, other: Self) -> bool {
        !self.is_empty() && self.0 & !other.0 == 0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn is_scalar(self) -> bool {
        !self.is_empty() && self.0 & (Self::ARRAY.0 | Self::OBJECT.0) == 0
    }
}

/// What a schema says.
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword of the schema language")]
#[derive(Debug, Clone, Default)]
pub(super) struct Flat<'d> {
    /// What it is called where it is a component.
    pub(super) name: Option<String>,
    /// Equal for schemas that say the same because they are the same.
    pub(super) identity: usize,
    pub(super) kinds: Kinds,
    pub(super) nullable: bool,
    pub(super) properties: Rc<IndexMap<&'d str, Node<'d>>>,
    pub(super) required: Rc<IndexSet<&'d str>>,
    pub(super) items: Option<Node<'d>>,
    /// The values of an `enum` or `const`, without null.
    pub(super) values: Rc<Vec<&'d Value>>,
    pub(super) format: Option<&'d str>,
    pub(super) maximum: Option<f64>,
    pub(super) max_items: Option<u64>,
    pub(super) default: Option<&'d Value>,
    /// Of `oneOf` or `anyOf`, without null and more than one.
    pub(super) variants: Rc<Vec<Node<'d>>>,
    pub(super) discriminator: Option<Node<'d>>,
    pub(super) description: Option<&'d str>,
    pub(super) is_deprecated: bool,
    pub(super) is_read_only: bool,
    pub(super) is_write_only: bool,
    /// The components it takes everything from.
    pub(super) bases: Rc<Vec<usize>>,
}

impl Flat<'_> {
    fn has_structure(&self) -> bool {
        !self.properties.is_empty() || self.items.is_some() || !self.values.is_empty() || !self.variants.is_empty()
    }

    /// An object of which something is known.
    pub(super) fn is_object(&self) -> bool {
        !self.properties.is_empty()
            && self.variants.is_empty()
            && (self.kinds.is_empty() || self.kinds == Kinds::OBJECT)
    }

    /// A list.
    pub(super) fn is_list(&self) -> bool {
        self.kinds == Kinds::ARRAY && self.variants.is_empty()
    }
}

/// Reads schemas, each once.
pub(super) struct Flats<'d> {
    pub(super) document: &'d Document,
    known: HashMap<usize, Option<Rc<Flat<'d>>>>,
    /// Properties that may still be copied by `allOf`.
    budget: usize,
    /// Components that are objects, by a hash of what they say: what is written out again elsewhere is the same type.
    components: HashMap<u64, Vec<(&'d str, Node<'d>)>>,
}

impl<'d> Flats<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        let mut components: HashMap<u64, Vec<_>> = HashMap::new();
        for (name, node) in document.components() {
            if node.has("properties") {
                components.entry(hash(node.value)).or_default().push((name, node));
            }
        }
        Self { document, known: HashMap::new(), budget: COPIES_MAX, components }
    }

    /// What the schema says; a place that says nothing gives a schema that allows everything.
    pub(super) fn read(&mut self, node: Node<'d>, report: &mut Report) -> Rc<Flat<'d>> {
        self.at(node, DEPTH_MAX, report)
    }

    fn at(&mut self, node: Node<'d>, depth: usize, report: &mut Report) -> Rc<Flat<'d>> {
        let nothing = || Rc::new(Flat { identity: node.id(), ..Flat::default() });
        match self.known.get(&node.id()) {
            Some(Some(flat)) => return Rc::clone(flat),
            Some(None) => {
                report.note("a schema", "it is made of itself (`$ref` or `allOf` in a circle); that part is ignored");
                return nothing();
            }
            None => {}
        }
        let Some(depth) = depth.checked_sub(1) else {
            report.note("a schema", "its `$ref` and `allOf` are nested too deeply; what is below is ignored");
            return nothing();
        };
        self.known.insert(node.id(), None);
        let flat = Rc::new(self.build(node, depth, report));
        self.known.insert(node.id(), Some(Rc::clone(&flat)));
        flat
    }

    fn build(&mut self, node: Node<'d>, depth: usize, report: &mut Report) -> Flat<'d> {
        if let Some(reference) = node.reference() {
            let mut flat = match self.document.follow(node, reference) {
                Ok(target) => {
                    let mut flat = Flat::clone(&self.at(target.node, depth, report));
                    flat.name.get_or_insert(target.name);
                    flat
                }
                Err(why) => {
                    report.note(&format!("`$ref: {reference}`"), &format!("{why}; any value is taken there"));
                    Flat { identity: node.id(), ..Flat::default() }
                }
            };
            annotate(&mut flat, node);
            return flat;
        }
        if let Some((name, twin)) = self.twin(node) {
            let mut flat = Flat::clone(&self.at(twin, depth, report));
            flat.name.get_or_insert(name.to_owned());
            return flat;
        }
        let mut flat = own(node);
        let mut lone = None;
        for member in node.items_of("allOf") {
            let part = self.at(member, depth, report);
            if part.has_structure() || part.name.is_some() {
                lone = if lone.is_none() && !flat.has_structure() { Some(Rc::clone(&part)) } else { Some(nobody()) };
            }
            Rc::make_mut(&mut flat.bases).push(part.identity);
            self.join(&mut flat, &part, report);
        }
        if let Some(part) = lone.filter(|part| part.identity != 0 && flat.required.len() == part.required.len()) {
            // `allOf` around a single component says something about the place, not about the type.
            flat.identity = part.identity;
            flat.name.clone_from(&part.name);
            flat.bases.clone_from(&part.bases);
        }
        for key in ["oneOf", "anyOf"] {
            self.alternatives(&mut flat, node, key, depth, report);
        }
        if flat.kinds.is_empty() {
            flat.kinds = implied(&flat);
        }
        flat
    }

    /// The component that says the same as this place, if that is another one.
    fn twin(&self, node: Node<'d>) -> Option<(&'d str, Node<'d>)> {
        if !node.has("properties") {
            return None;
        }
        let alike = self.components.get(&hash(node.value))?;
        if alike.iter().any(|(_, twin)| twin.id() == node.id()) {
            return None;
        }
        alike.iter().find(|(_, twin)| twin.value == node.value).copied()
    }

    fn alternatives(&mut self, flat: &mut Flat<'d>, node: Node<'d>, key: &str, depth: usize, report: &mut Report) {
        let mut parts: Vec<(Node<'d>, Rc<Flat<'d>>)> = Vec::new();
        for variant in node.items_of(key) {
            let is_null = variant.text("type") == Some("null") || variant.value.get("const") == Some(&Value::Null);
            if is_null {
                flat.nullable = true;
                continue;
            }
            let part = self.at(variant, depth, report);
            let is_only_null = part.nullable && part.kinds.is_empty() && !part.has_structure();
            if is_only_null {
                flat.nullable = true;
                continue;
            }
            parts.push((variant, part));
        }
        // `anyOf: [{ required: [a] }, { required: [b] }]` says which values are valid, not what they are.
        if parts.iter().all(|(_, part)| part.kinds.is_empty() && !part.has_structure()) {
            return;
        }
        if let [(_, part)] = parts.as_slice() {
            if !flat.has_structure() {
                flat.identity = part.identity;
                flat.name.clone_from(&part.name);
            }
            let part = Rc::clone(part);
            return self.join(flat, &part, report);
        }
        let all_values = parts.iter().all(|(_, part)| !part.values.is_empty() && part.kinds == Kinds::STRING);
        let same_scalar = parts.iter().all(|(_, part)| part.kinds.is_scalar() && part.kinds == parts[0].1.kinds);
        let open_text = same_scalar && parts.iter().any(|(_, part)| part.values.is_empty());
        if all_values || same_scalar {
            flat.kinds = parts[0].1.kinds;
            for (_, part) in &parts {
                flat.nullable |= part.nullable;
                if !open_text {
                    for value in part.values.iter() {
                        if !flat.values.contains(value) {
                            Rc::make_mut(&mut flat.values).push(value);
                        }
                    }
                }
            }
            if parts.iter().all(|(_, part)| part.format == parts[0].1.format) {
                flat.format = parts[0].1.format;
            }
            return;
        }
        flat.nullable |= parts.iter().any(|(_, part)| part.nullable);
        if flat.variants.is_empty() {
            flat.variants = Rc::new(parts.into_iter().map(|(node, _)| node).collect());
        } else {
            report.note("a schema", "it has both `oneOf` and `anyOf`; only the first counts");
        }
    }

    /// Adds what a member of `allOf` says.
    fn join(&mut self, flat: &mut Flat<'d>, part: &Flat<'d>, report: &mut Report) {
        if flat.kinds.is_empty() {
            flat.kinds = part.kinds;
        }
        flat.nullable |= part.nullable;
        if flat.properties.is_empty() {
            flat.properties = Rc::clone(&part.properties);
        } else if !part.properties.is_empty() {
            let Some(budget) = self.budget.checked_sub(flat.properties.len() + part.properties.len()) else {
                return report.note("`allOf`", "the document joins too many properties; the rest is ignored");
            };
            self.budget = budget;
            let known = Rc::make_mut(&mut flat.properties);
            for (name, node) in part.properties.iter() {
                known.entry(name).or_insert(*node);
            }
        }
        if flat.required.is_empty() {
            flat.required = Rc::clone(&part.required);
        } else if !part.required.is_empty() {
            Rc::make_mut(&mut flat.required).extend(part.required.iter().copied());
        }
        flat.items = flat.items.or(part.items);
        if flat.values.is_empty() {
            flat.values = Rc::clone(&part.values);
        }
        flat.format = flat.format.or(part.format);
        flat.maximum = flat.maximum.or(part.maximum);
        flat.max_items = flat.max_items.or(part.max_items);
        flat.default = flat.default.or(part.default);
        if flat.variants.is_empty() && !part.variants.is_empty() {
            flat.variants = Rc::clone(&part.variants);
            flat.discriminator = flat.discriminator.or(part.discriminator);
        }
        flat.description = flat.description.or(part.description);
        flat.is_read_only |= part.is_read_only;
        flat.is_write_only |= part.is_write_only;
    }
}

/// A hash that is equal for equal values that are written in the same order.
fn hash(value: &Value) -> u64 {
    let mut state = std::hash::DefaultHasher::new();
    value.hash(&mut state);
    state.finish()
}

/// A part that stands for "more than one".
fn nobody<'d>() -> Rc<Flat<'d>> {
    Rc::new(Flat::default())
}

/// What is written at the place itself.
fn own(node: Node<'_>) -> Flat<'_> {
    let mut flat = Flat { identity: node.id(), ..Flat::default() };
    match node.value.get("type") {
        Some(Value::String(name)) if name == "null" => flat.nullable = true,
        Some(Value::String(name)) => flat.kinds = Kinds::named(name),
        Some(Value::Array(names)) => {
            for name in names.iter().filter_map(Value::as_str) {
                flat.nullable |= name == "null";
                flat.kinds = flat.kinds.with(Kinds::named(name));
            }
        }
        _ => {}
    }
    flat.properties = Rc::new(node.members_of("properties").collect());
    flat.required = Rc::new(node.items_of("required").filter_map(|name| name.value.as_str()).collect());
    flat.items = node.get("items").filter(|items| items.value.is_object());
    let fixed = node.value.get("const").filter(|value| node.value.is_object() && !value.is_null());
    let listed = node.items_of("enum").map(|item| item.value);
    let mut values = Vec::new();
    for value in listed.chain(fixed) {
        if value.is_null() {
            flat.nullable = true;
        } else if values.len() < VALUES_MAX && !values.contains(&value) {
            values.push(value);
        }
    }
    flat.values = Rc::new(values);
    flat.format = node.text("format");
    flat.maximum = node.value.get("maximum").and_then(Value::as_f64);
    flat.max_items = node.value.get("maxItems").and_then(Value::as_u64);
    flat.default = node.value.get("default");
    flat.discriminator = node.get("discriminator");
    annotate(&mut flat, node);
    flat
}

/// What a place says about the schema it refers to.
fn annotate<'d>(flat: &mut Flat<'d>, node: Node<'d>) {
    flat.nullable |= node.is_true("nullable") || node.is_true("x-nullable");
    flat.is_deprecated |= node.is_true("deprecated");
    flat.is_read_only |= node.is_true("readOnly");
    flat.is_write_only |= node.is_true("writeOnly");
    flat.description = node
        .text("description")
        .or_else(|| node.text("title").filter(|_| flat.description.is_none()))
        .or(flat.description);
}

/// The type of a schema that names none.
fn implied(flat: &Flat<'_>) -> Kinds {
    if !flat.variants.is_empty() {
        return Kinds::default();
    }
    if !flat.properties.is_empty() {
        return Kinds::OBJECT;
    }
    if flat.items.is_some() {
        return Kinds::ARRAY;
    }
    let mut kinds = Kinds::default();
    for value in flat.values.iter() {
        kinds = kinds.with(match value {
            Value::String(_) => Kinds::STRING,
            Value::Bool(_) => Kinds::BOOLEAN,
            Value::Number(number) if number.is_f64() => Kinds::NUMBER,
            Value::Number(_) => Kinds::INTEGER,
            Value::Array(_) => Kinds::ARRAY,
            Value::Object(_) | Value::Null => Kinds::OBJECT,
        });
    }
    kinds
}
