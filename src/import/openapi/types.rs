//! Schemas become types.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
};

use serde_json::Value;

use super::{
    document::Node,
    flat::{Flat, Flats, Kinds, VALUES_MAX},
    model::{Edge, EnumValue, Field, Kind, Scalar, Ty, Type, TypeId, TypeKind, Usage},
    report::Report,
    words::{self, Names, field_name, singular, type_name, words},
};

/// Lists in lists, and names that stand for lists, beyond which a value is any JSON.
const LISTS_MAX: usize = 16;

/// Fields of all types together; the rest is left out.
const FIELDS_MAX: usize = 400_000;

/// Types; beyond, a value is any JSON.
const TYPES_MAX: usize = 40_000;

/// Names that mean something in every schema.
const RESERVED: [&str; 16] = [
    "Query",
    "Mutation",
    "Subscription",
    "Boolean",
    "Date",
    "DateTime",
    "Float",
    "ID",
    "Int",
    "JSON",
    "Long",
    "String",
    "URL",
    "UUID",
    "FieldSet",
    "Import",
];

/// A type whose fields are still to be read: of one schema, or of several that are taken together.
struct Open<'d> {
    id: TypeId,
    parts: Vec<Rc<Flat<'d>>>,
}

/// Makes types of schemas, each once for reading and once for writing.
pub(super) struct Types<'d> {
    pub(super) flats: Flats<'d>,
    pub(super) all: Vec<Type>,
    known: HashMap<(usize, Usage), Kind>,
    enums: HashMap<(String, Vec<String>), TypeId>,
    pub(super) names: Names,
    /// Names of components, which inline schemas must not take.
    components: HashSet<String>,
    open: VecDeque<Open<'d>>,
    fields_left: usize,
    prefix: String,
    /// Components that take everything from a schema, by its identity.
    pub(super) children: HashMap<usize, Vec<Node<'d>>>,
    /// Types of pages, by the identity of their envelope.
    pub(super) pages: HashMap<usize, TypeId>,
    /// Types of pages, by their name and what they have.
    pub(super) alike: HashMap<PageSignature, TypeId>,
}

/// A page's name and fields: pages that are equal in them are one type.
pub(super) type PageSignature = (String, Vec<(String, Vec<String>, Ty)>);

impl<'d> Types<'d> {
    pub(super) fn new(flats: Flats<'d>, prefix: &str, report: &mut Report) -> Self {
        let mut types = Self {
            flats,
            all: Vec::new(),
            known: HashMap::new(),
            enums: HashMap::new(),
            names: Names::with(&RESERVED),
            components: HashSet::new(),
            open: VecDeque::new(),
            fields_left: FIELDS_MAX,
            prefix: if prefix.is_empty() { String::new() } else { type_name(prefix) },
            children: HashMap::new(),
            pages: HashMap::new(),
            alike: HashMap::new(),
        };
        types.index(report);
        types
    }

    /// Learns the names of components, and who takes everything from whom.
    fn index(&mut self, report: &mut Report) {
        for (name, node) in self.flats.document.components() {
            self.components.insert(type_name(name));
            // Only what may be a variant: reading all would tell of schemas that nobody uses.
            if node.has("allOf") {
                for base in self.flats.read(node, report).bases.iter() {
                    self.children.entry(*base).or_default().push(node);
                }
            }
        }
    }

    /// The type of a value. `hint` names it where the document does not.
    pub(super) fn ty(&mut self, node: Node<'d>, hint: &str, usage: Usage, report: &mut Report) -> Ty {
        let flat = self.flats.read(node, report);
        self.of(&flat, hint, usage, LISTS_MAX, report)
    }

    /// As [`Self::ty`], of a schema that was read.
    pub(super) fn of(
        &mut self,
        flat: &Rc<Flat<'d>>,
        hint: &str,
        usage: Usage,
        lists: usize,
        report: &mut Report,
    ) -> Ty {
        let kind = self.kind(flat, hint, usage, lists, report);
        Ty { kind, is_nullable: flat.nullable }
    }

    fn kind(&mut self, flat: &Rc<Flat<'d>>, hint: &str, usage: Usage, lists: usize, report: &mut Report) -> Kind {
        if let Some(kind) = self.known.get(&(flat.identity, usage)) {
            return kind.clone();
        }
        if !flat.variants.is_empty() {
            return self.variants(flat, hint, usage, report);
        }
        if flat.kinds == Kinds::STRING && !flat.values.is_empty() {
            return self.enumeration(flat, hint);
        }
        if flat.is_object() {
            if usage == Usage::Output
                && flat.discriminator.is_some()
                && let Some(kind) = self.family(flat, hint, report)
            {
                return kind;
            }
            return Kind::Named(self.object(flat, hint, usage));
        }
        if flat.is_list() {
            let item = match (flat.items, lists.checked_sub(1)) {
                (Some(items), Some(lists)) => {
                    let item = self.flats.read(items, report);
                    self.of(&item, &singular_hint(hint), usage, lists, report)
                }
                _ => Ty::json(),
            };
            return Kind::List(Box::new(item));
        }
        Kind::Scalar(scalar(flat))
    }

    /// The type of an object; its fields are read later, so that types may contain themselves.
    pub(super) fn object(&mut self, flat: &Rc<Flat<'d>>, hint: &str, usage: Usage) -> TypeId {
        match self.known.get(&(flat.identity, usage)) {
            Some(Kind::Named(id)) => *id,
            _ => self.together(flat, vec![Rc::clone(flat)], hint, usage, None),
        }
    }

    /// One type for several schemas.
    pub(super) fn together(
        &mut self,
        flat: &Flat<'d>,
        parts: Vec<Rc<Flat<'d>>>,
        hint: &str,
        usage: Usage,
        comment: Option<&str>,
    ) -> TypeId {
        let name = self.name(flat.name.as_deref(), hint, usage);
        let kind = TypeKind::Object { fields: Vec::new(), implements: Vec::new() };
        let id = self.add(flat, name, kind, usage);
        self.all[id.0].comment = comment.map(str::to_owned);
        self.open.push_back(Open { id, parts });
        id
    }

    /// Adds a type under a name that was given to it.
    pub(super) fn add(&mut self, flat: &Flat<'d>, name: String, kind: TypeKind, usage: Usage) -> TypeId {
        let id = TypeId(self.all.len());
        self.all.push(Type {
            name,
            description: flat.description.map(str::to_owned),
            kind,
            usage,
            comment: None,
            connectors: Vec::new(),
            keys: Vec::new(),
        });
        if flat.identity != 0 {
            self.known.insert((flat.identity, usage), Kind::Named(id));
        }
        id
    }

    /// A schema that stands for a type which is there already.
    pub(super) fn stand_in(&mut self, kind: Kind) -> Flat<'d> {
        // No place of a document has these addresses.
        let identity = usize::MAX - self.all.len();
        self.known.insert((identity, Usage::Output), kind);
        Flat { identity, ..Flat::default() }
    }

    /// A name for a type that has none yet.
    pub(super) fn name(&mut self, component: Option<&str>, hint: &str, usage: Usage) -> String {
        let own = component.map_or_else(|| type_name(hint), type_name);
        let mut wanted = vec![format!("{}{own}", self.prefix)];
        if usage == Usage::Input {
            let stem =
                ["Request", "Body", "Payload", "Dto", "Input", "Params"].iter().find_map(|end| own.strip_suffix(end));
            let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or(&own);
            wanted = vec![format!("{}{stem}Input", self.prefix), format!("{}{own}Input", self.prefix)];
        } else if component.is_none() && self.components.contains(&own) {
            wanted = vec![format!("{}{own}Details", self.prefix)];
        }
        self.names.give(&wanted)
    }

    fn enumeration(&mut self, flat: &Rc<Flat<'d>>, hint: &str) -> Kind {
        let texts: Vec<String> = flat.values.iter().filter_map(|value| value.as_str()).map(str::to_owned).collect();
        let is_plain = texts.iter().all(|text| !text.chars().any(char::is_control) && text.len() < 200);
        if texts.len() != flat.values.len() || texts.len() < 2 || texts.len() >= VALUES_MAX || !is_plain {
            return Kind::Scalar(Scalar::String);
        }
        let own = flat.name.clone().unwrap_or_else(|| hint.to_owned());
        let key = (own, texts);
        if let Some(id) = self.enums.get(&key) {
            return Kind::Named(*id);
        }
        let is_translated =
            !key.1.iter().all(|text| words::is_name(text) && !["true", "false", "null"].contains(&text.as_str()));
        let mut names = Names::with(&["true", "false", "null"]);
        let values = key.1.iter().map(|text| {
            let name = if is_translated { value_name(text) } else { text.clone() };
            EnumValue { name: names.give(&[name]), wire: text.clone() }
        });
        let kind = TypeKind::Enum { values: values.collect(), is_translated };
        let name = self.name(flat.name.as_deref(), hint, Usage::Output);
        let id = self.add(flat, name, kind, Usage::Output);
        // The same for writing.
        self.known.insert((flat.identity, Usage::Input), Kind::Named(id));
        self.enums.insert(key, id);
        Kind::Named(id)
    }

    /// Reads the fields of all types that were begun.
    pub(super) fn finish(&mut self, report: &mut Report) {
        while let Some(open) = self.open.pop_front() {
            let fields = self.fields(&open, report);
            if let TypeKind::Object { fields: place, .. } = &mut self.all[open.id.0].kind {
                *place = fields;
            }
        }
    }

    fn fields(&mut self, open: &Open<'d>, report: &mut Report) -> Vec<Field> {
        let owner = self.all[open.id.0].name.clone();
        let usage = self.all[open.id.0].usage;
        // Names that are in style already are theirs, whoever comes first.
        let mut names = Names::default();
        let mut in_style: HashSet<&str> = HashSet::new();
        for part in &open.parts {
            in_style.extend(part.properties.keys().copied().filter(|name| words::is_camel(name)));
        }
        for name in &in_style {
            names.take(name);
        }
        let mut places: HashMap<&'d str, usize> = HashMap::new();
        let mut fields: Vec<Field> = Vec::new();
        for part in &open.parts {
            for (wire, node) in part.properties.iter() {
                if self.fields_left == 0 || self.all.len() > TYPES_MAX {
                    report.left_out(&format!("`{owner}.{wire}`"), "the document has too many fields");
                    continue;
                }
                self.fields_left -= 1;
                if !is_plain(wire) {
                    report.left_out(&format!("a property of `{owner}`"), "its name cannot be written in a mapping");
                    continue;
                }
                let flat = self.flats.read(*node, report);
                let is_hidden = match usage {
                    Usage::Output => flat.is_write_only,
                    Usage::Input => flat.is_read_only,
                };
                if is_hidden {
                    continue;
                }
                let hint = format!(
                    "{}{}",
                    owner.strip_suffix("Input").filter(|_| usage == Usage::Input).unwrap_or(&owner),
                    type_name(wire)
                );
                let mut ty = self.of(&flat, &hint, usage, LISTS_MAX, report);
                ty.is_nullable |= !part.required.contains(wire) || open.parts.len() > 1;
                if let Some(place) = places.get(wire) {
                    let known: &mut Field = &mut fields[*place];
                    if known.ty.kind != ty.kind {
                        known.ty = Ty::json();
                        known.edge = Edge::Json("it differs between the alternatives");
                    }
                    continue;
                }
                // What a named type is, is told there.
                let told = if ty.inner().is_some() { node.text("description") } else { flat.description };
                let is_integer = as_id(&mut ty, wire, &flat, self, report);
                let name = if in_style.contains(wire) { (*wire).to_owned() } else { names.give(&[field_name(wire)]) };
                places.insert(wire, fields.len());
                fields.push(Field {
                    name,
                    path: vec![(*wire).to_owned()],
                    ty,
                    description: told.map(str::to_owned),
                    is_deprecated: flat.is_deprecated,
                    edge: Edge::Whole,
                    is_integer,
                    join: None,
                    comment: None,
                });
            }
        }
        fields
    }
}

/// Makes `ID` of text and whole numbers that are named as identifiers; gives whether the service has integers.
pub(super) fn as_id<'d>(ty: &mut Ty, wire: &str, flat: &Flat<'d>, types: &mut Types<'d>, report: &mut Report) -> bool {
    let integer = |kinds: Kinds| kinds.within(Kinds::INTEGER.with(Kinds::NUMBER));
    let names = words(wire);
    let last = names.last().map(String::as_str).unwrap_or_default();
    let fits = |flat: &Flat<'_>| {
        flat.kinds.within(Kinds::STRING.with(Kinds::INTEGER)) && flat.values.is_empty() && flat.variants.is_empty()
    };
    match &ty.kind {
        Kind::Scalar(_) if ["id", "uuid", "guid"].contains(&last) && fits(flat) => {
            ty.kind = Kind::Scalar(Scalar::Id);
            integer(flat.kinds)
        }
        Kind::List(item) if ["ids", "uuids", "guids", "id"].contains(&last) && item.is_scalar() => {
            let Some(items) = flat.items else { return false };
            let item = types.flats.read(items, report);
            if !fits(&item) {
                return false;
            }
            *ty = ty.with_inner(&Kind::Scalar(Scalar::Id));
            integer(item.kinds)
        }
        _ => false,
    }
}

/// The scalar of a schema that is no object, list or enum.
fn scalar(flat: &Flat<'_>) -> Scalar {
    let integer = match flat.format {
        Some("int64" | "uint64" | "uint32" | "unix-time" | "timestamp" | "long") => Scalar::Long,
        _ if flat.maximum.is_some_and(|maximum| maximum > f64::from(i32::MAX)) => Scalar::Long,
        _ => Scalar::Int,
    };
    match flat.kinds {
        Kinds::STRING => match flat.format {
            Some("date-time") => Scalar::DateTime,
            Some("date") => Scalar::Date,
            Some("uuid" | "guid") => Scalar::Uuid,
            Some("uri" | "url") => Scalar::Url,
            _ => Scalar::String,
        },
        Kinds::INTEGER => integer,
        Kinds::BOOLEAN => Scalar::Boolean,
        kinds if kinds.within(Kinds::NUMBER.with(Kinds::INTEGER)) => match flat.format {
            Some("int32") => Scalar::Int,
            Some("int64") => Scalar::Long,
            _ => Scalar::Float,
        },
        _ => Scalar::Json,
    }
}

/// Whether a property can be named in a mapping.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.chars().any(|char| char.is_control() || char == '\u{2028}' || char == '\u{2029}')
}

/// The hint for one of several.
pub(super) fn singular_hint(hint: &str) -> String {
    let mut words = words(hint);
    let Some(last) = words.last() else { return hint.to_owned() };
    let one = singular(last);
    if one == *last {
        return format!("{hint}Item");
    }
    if let Some(last) = words.last_mut() {
        *last = one;
    }
    words::pascal(&words).unwrap_or_else(|| hint.to_owned())
}

fn value_name(text: &str) -> String {
    // Signs that carry the meaning where no letters do.
    let spelled = match text {
        "" => "EMPTY",
        "*" => "ALL",
        "+" => "PLUS",
        "-" => "MINUS",
        "<" => "LT",
        "<=" => "LTE",
        ">" => "GT",
        ">=" => "GTE",
        "=" | "==" => "EQ",
        "!=" | "<>" => "NE",
        other => other,
    };
    let sign = match text.as_bytes() {
        [b'+', _, ..] => "plus ",
        [b'-', _, ..] => "minus ",
        _ => "",
    };
    words::screaming(&words(&format!("{sign}{spelled}"))).unwrap_or_else(|| "VALUE".to_owned())
}

/// The values of a property that can only be these.
pub(super) fn fixed_values<'d>(flat: &Flat<'d>) -> Vec<&'d Value> {
    flat.values.to_vec()
}
