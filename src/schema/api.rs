//! The API as clients see it, as plain data: for comparing two of them.
//!
//! Not here: what is different and whom it breaks (`import::diff`).

use std::fmt;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{InputValueDefinition, Type, Value},
    schema::{Component, ExtendedType, FieldDefinition},
};
use indexmap::IndexMap;

use super::{Compiled, File, Graph, Options, compile, document, findings::Findings, merge};
use crate::error::Diagnostic;

/// An API: its types and directives, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Api {
    /// Name of the type at the root, by kind of operation: `query`, `mutation`, `subscription`.
    pub roots: IndexMap<&'static str, String>,
    /// Types by name; a built-in scalar is there when something refers to it.
    pub types: IndexMap<String, ApiType>,
    /// Directives by name, without those that every GraphQL service has.
    pub directives: IndexMap<String, ApiDirective>,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiType {
    /// Its description.
    pub description: Option<String>,
    /// What it is.
    pub kind: ApiKind,
}

/// Kinds of types.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GraphQL's")]
pub enum ApiKind {
    Scalar,
    Object { fields: IndexMap<String, Output>, interfaces: Vec<String> },
    Interface { fields: IndexMap<String, Output>, interfaces: Vec<String> },
    Union { members: Vec<String> },
    Enum { values: IndexMap<String, About> },
    Input { fields: IndexMap<String, Input> },
}

/// What is said of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its description.
    pub description: Option<String>,
    /// The reason of its `@deprecated`.
    pub deprecated: Option<String>,
}

/// A field of an object or an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its type.
    pub ty: Reference,
    /// Its arguments by name.
    pub arguments: IndexMap<String, Input>,
    /// What is said of it.
    pub about: About,
}

/// An argument or a field of an input type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its type.
    pub ty: Reference,
    /// Its default as GraphQL text, keys of objects in alphabetical order, so that equal values have equal texts.
    pub default: Option<String>,
    /// What is said of it.
    pub about: About,
}

/// A directive that the schema defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiDirective {
    /// Its description.
    pub description: Option<String>,
    /// Its arguments by name.
    pub arguments: IndexMap<String, Input>,
    /// Whether it may be written twice in one place.
    pub repeatable: bool,
    /// Where it may be written.
    pub locations: Vec<String>,
}

/// A type with its wrappers. Displays as in SDL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By name.
    Named(String),
    /// A list.
    List(Box<Reference>),
    /// `!`
    NonNull(Box<Reference>),
}

impl Api {
    /// The API of a graph.
    pub fn of(graph: &Graph) -> Self {
        Self::of_schema(&graph.schema)
    }

    /// The API of files. With connectors they are compiled as for serving; files without any connect link are taken for an
    /// API that is written down, as `weft schema print` does. Errors: all findings.
    pub fn read(files: &[File], options: &Options) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Findings::default();
        let documents = document::read_all(files, &mut findings);
        if documents.iter().any(|document| document.version.is_some()) || files.is_empty() {
            return compile(files, options).map(|Compiled { graph, .. }| Self::of(&graph));
        }
        if findings.error_count() > 0 {
            return Err(findings.into_sorted());
        }
        let documents: Vec<_> = documents.iter().collect();
        let merged = merge::merge(&documents, &mut findings);
        let api = merged.and_then(|merged| merge::api(&merged.schema, &documents, &mut findings));
        match api {
            Some(api) => Ok(Self::of_schema(&api)),
            None => Err(findings.into_sorted()),
        }
    }

    fn of_schema(schema: &Schema) -> Self {
        let mut api = Self::default();
        let definition = &schema.schema_definition;
        for (kind, root) in [
            ("query", &definition.query),
            ("mutation", &definition.mutation),
            ("subscription", &definition.subscription),
        ] {
            api.roots.extend(root.as_ref().map(|name| (kind, name.to_string())));
        }
        for (name, ty) in schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            api.types.insert(name.to_string(), read_type(ty));
        }
        for (name, directive) in schema.directive_definitions.iter().filter(|(_, it)| !it.is_built_in()) {
            let directive = ApiDirective {
                description: directive.description.as_ref().map(ToString::to_string),
                arguments: directive.arguments.iter().map(argument).collect(),
                repeatable: directive.repeatable,
                locations: directive.locations.iter().map(ToString::to_string).collect(),
            };
            api.directives.insert(name.to_string(), directive);
        }
        api.add_scalars();
        api
    }

    /// Built-in scalars that something refers to.
    fn add_scalars(&mut self) {
        let mut named: Vec<String> = Vec::new();
        for ty in self.types.values() {
            match &ty.kind {
                ApiKind::Object { fields, .. } | ApiKind::Interface { fields, .. } => {
                    for field in fields.values() {
                        named.push(field.ty.name().to_owned());
                        named.extend(field.arguments.values().map(|argument| argument.ty.name().to_owned()));
                    }
                }
                ApiKind::Input { fields } => named.extend(fields.values().map(|field| field.ty.name().to_owned())),
                ApiKind::Scalar | ApiKind::Union { .. } | ApiKind::Enum { .. } => {}
            }
        }
        for directive in self.directives.values() {
            named.extend(directive.arguments.values().map(|argument| argument.ty.name().to_owned()));
        }
        for scalar in ["Int", "Float", "String", "Boolean", "ID"] {
            // Introspection refers to these two, so every schema has them.
            let everywhere = matches!(scalar, "String" | "Boolean");
            if everywhere || named.iter().any(|name| name == scalar) {
                self.types.insert(scalar.to_owned(), ApiType { description: None, kind: ApiKind::Scalar });
            }
        }
    }
}

impl Reference {
    /// The name inside all wrappers.
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::List(inner) | Self::NonNull(inner) => inner.name(),
        }
    }

    fn read(ty: &Type) -> Self {
        match ty {
            Type::Named(name) => Self::Named(name.to_string()),
            Type::NonNullNamed(name) => Self::NonNull(Box::new(Self::Named(name.to_string()))),
            Type::List(item) => Self::List(Box::new(Self::read(item))),
            Type::NonNullList(item) => Self::NonNull(Box::new(Self::List(Box::new(Self::read(item))))),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => out.write_str(name),
            Self::List(item) => write!(out, "[{item}]"),
            Self::NonNull(inner) => write!(out, "{inner}!"),
        }
    }
}

impl Input {
    /// Whether callers have to give it.
    pub fn is_required(&self) -> bool {
        matches!(self.ty, Reference::NonNull(_)) && self.default.is_none()
    }
}

fn read_type(ty: &ExtendedType) -> ApiType {
    let names = |names: &mut dyn Iterator<Item = &Name>| names.map(ToString::to_string).collect::<Vec<String>>();
    let kind = match ty {
        ExtendedType::Scalar(_) => ApiKind::Scalar,
        ExtendedType::Object(object) => ApiKind::Object {
            fields: object.fields.iter().map(|(name, field)| output(name, field)).collect(),
            interfaces: names(&mut object.implements_interfaces.iter().map(|name| &name.name)),
        },
        ExtendedType::Interface(interface) => ApiKind::Interface {
            fields: interface.fields.iter().map(|(name, field)| output(name, field)).collect(),
            interfaces: names(&mut interface.implements_interfaces.iter().map(|name| &name.name)),
        },
        ExtendedType::Union(union) => {
            ApiKind::Union { members: names(&mut union.members.iter().map(|name| &name.name)) }
        }
        ExtendedType::Enum(values) => ApiKind::Enum {
            values: values
                .values
                .iter()
                .map(|(name, value)| (name.to_string(), about(value.description.as_ref(), &value.directives)))
                .collect(),
        },
        ExtendedType::InputObject(input) => {
            ApiKind::Input { fields: input.fields.values().map(|field| argument(&field.node)).collect() }
        }
    };
    ApiType { description: ty.description().map(ToString::to_string), kind }
}

fn output(name: &Name, field: &Component<FieldDefinition>) -> (String, Output) {
    let output = Output {
        ty: Reference::read(&field.ty),
        arguments: field.arguments.iter().map(argument).collect(),
        about: about(field.description.as_ref(), &field.directives),
    };
    (name.to_string(), output)
}

fn argument(argument: &Node<InputValueDefinition>) -> (String, Input) {
    let ty = Reference::read(&argument.ty);
    let input = Input {
        default: argument.default_value.as_ref().map(|value| text(value, &ty)),
        ty,
        about: about(argument.description.as_ref(), &argument.directives),
    };
    (argument.name.to_string(), input)
}

fn about(description: Option<&Node<str>>, directives: &apollo_compiler::ast::DirectiveList) -> About {
    let deprecated = directives.get("deprecated").map(|directive| {
        let reason = directive.specified_argument_by_name("reason").and_then(|reason| reason.as_str());
        reason.unwrap_or("No longer supported").to_owned()
    });
    About { description: description.map(ToString::to_string), deprecated }
}

/// A default as text. What coercion makes equal is written equally: one value where a list is wanted, `1` and `1.0` as numbers.
fn text(value: &Value, ty: &Reference) -> String {
    match (value, ty) {
        (value, Reference::NonNull(inner)) => text(value, inner),
        (Value::Null, _) => "null".to_owned(),
        (Value::List(items), Reference::List(item)) => {
            let items: Vec<String> = items.iter().map(|value| text(value, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (value, Reference::List(item)) => format!("[{}]", text(value, item)),
        (Value::Object(members), _) => {
            // Types of members are not looked up: their texts are compared as they are written.
            let unknown = |value: &Value| match value {
                Value::List(_) => Reference::List(Box::new(Reference::Named(String::new()))),
                _ => Reference::Named(String::new()),
            };
            let mut members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}: {}", text(value, &unknown(value)))).collect();
            members.sort();
            format!("{{{}}}", members.join(", "))
        }
        (Value::Float(number), _) => {
            number.try_to_f64().map_or_else(|_| value.to_string(), |number| format!("{number}"))
        }
        _ => value.serialize().no_indent().to_string(),
    }
}
