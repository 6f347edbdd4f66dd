//! Selections against the GraphQL type they feed (reference 9.3): what is checked here is what a connector provides.

use std::{collections::HashSet, sync::Arc};

use apollo_compiler::{
    Name, Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};

use super::mapping::{Scope, Text};
use crate::{
    error::Diagnostic,
    mapping::{Fields, Shape, ShapeKind, Span, Version},
    schema::{
        Compatibility, Provides,
        document::{Document, known_names},
        findings::Findings,
    },
};

/// Fields named by some selection: type and field.
pub(in crate::schema) type Selected = HashSet<(String, String)>;

/// One selection being checked.
pub(in crate::schema) struct Check<'a> {
    pub(in crate::schema) document: &'a Document,
    pub(in crate::schema) text: &'a Text,
    pub(in crate::schema) compatibility: Compatibility,
    pub(in crate::schema) selected: &'a mut Selected,
    pub(in crate::schema) findings: &'a mut Findings,
}

impl Check<'_> {
    /// Checks the selection against the type of the field (or the type) that the connector is on. `parent` is the type of a
    /// field connector's objects.
    pub(in crate::schema) fn run(mut self, scope: &Scope<'_>, ty: &Type, parent: Option<&Name>) -> Provides {
        let text = self.text;
        let shape = text.mapping.shape(&|variable| scope.shape(variable, &text.mapping));
        let named = ty.inner_named_type();
        let is_composite = self.document.schema.types.get(named).is_some_and(|ty| !ty.is_leaf());
        if self.compatibility == Compatibility::Strict && is_composite && parent == Some(named) {
            let whole = 0..text.mapping.text.len();
            self.error(
                "CIRCULAR_REFERENCE",
                format!("the connector returns its own parent type `{named}`"),
                &whole,
                None,
            );
        }
        self.value(&shape, named, None, &mut Vec::new())
    }

    fn error(&mut self, code: &'static str, message: String, span: &Span, help: Option<String>) {
        let finding = self.text.error(code, message, span, self.findings);
        self.findings.push(Diagnostic { help, ..finding });
    }

    /// One value: a leaf, or an object with what is selected of it. `field` is the coordinate and span of the name it is given to;
    /// `None` at the top.
    fn value(&mut self, shape: &Shape, ty: &Name, field: Option<&(String, Span)>, path: &mut Vec<Name>) -> Provides {
        let document = self.document;
        match document.schema.types.get(ty) {
            Some(extended) if extended.is_leaf() => self.leaf(shape, extended, field),
            Some(extended) => {
                let is_abstract = !extended.is_object();
                if is_abstract && field.is_some() && self.compatibility == Compatibility::Strict {
                    let span = place(shape, field, self.text);
                    let message = format!("`{ty}` is abstract and cannot be selected inside another selection");
                    self.error("GROUP_SELECTION_IS_NOT_OBJECT", message, &span, None);
                    return Provides::default();
                }
                if self.compatibility == Compatibility::Strict && path.contains(ty) {
                    let span = place(shape, field, self.text);
                    let message = format!("`{ty}` occurs inside itself in this selection");
                    self.error(
                        "CIRCULAR_REFERENCE",
                        message,
                        &span,
                        Some(format!("select only a key of `{ty}` with a connector of its own")),
                    );
                    return Provides::default();
                }
                path.push(ty.clone());
                let provides = self.composite(shape, ty, field, path);
                path.pop();
                if is_abstract && !provides.fields.is_empty() && !provides.fields.contains_key("__typename") {
                    self.warn_untyped(ty, &place(shape, field, self.text));
                }
                provides
            }
            None => Provides::default(),
        }
    }

    /// Of a value of an abstract type its type has to be told, or it is null.
    fn warn_untyped(&mut self, ty: &Name, span: &Span) {
        if self.compatibility == Compatibility::Strict {
            return;
        }
        let schema = &self.document.schema;
        let member = schema.types.iter().find(|(name, other)| other.is_object() && schema.is_subtype(ty, name));
        let member = member.map_or("…", |(name, _)| name.as_str());
        let message = format!("nothing says which type of `{ty}` this is, so it will be null");
        let label = self.text.literal.label(self.text.place(span), self.findings, "has no `__typename`");
        let help = format!(
            "select `__typename`: one for all as `__typename: $(\"{member}\")`, or by a value of the response as \
             `...kind->match([\"…\", {{ __typename: \"{member}\" }}])`"
        );
        self.findings.push(Diagnostic::warning("ABSTRACT_WITHOUT_TYPENAME", message, label).help(help));
    }

    fn leaf(&mut self, shape: &Shape, ty: &ExtendedType, field: Option<&(String, Span)>) -> Provides {
        let is_custom_at_top = field.is_none() && ty.is_scalar() && !ty.is_built_in();
        if let Some(group) = group_in(shape).filter(|_| !is_custom_at_top) {
            let span = place(group, field, self.text);
            let name = field.map_or_else(|| ty.name().to_string(), |(name, _)| name.clone());
            let message = format!("`{name}` is no object, so nothing can be selected of it");
            let help = Some(format!(
                "`{}` is a {}; remove the braces",
                ty.name(),
                if ty.is_enum() { "enum" } else { "scalar" }
            ));
            self.error("GROUP_SELECTION_IS_NOT_OBJECT", message, &span, help);
        }
        Provides { is_leaf: true, ..Provides::default() }
    }

    fn composite(
        &mut self,
        shape: &Shape,
        ty: &Name,
        field: Option<&(String, Span)>,
        path: &mut Vec<Name>,
    ) -> Provides {
        match &shape.kind {
            ShapeKind::Group(_, fields) => self.fields(fields, ty, path),
            ShapeKind::Object(fields) if self.text.mapping.version >= Version::V0_4 => self.fields(fields, ty, path),
            ShapeKind::List(item) => self.composite(item, ty, field, path),
            ShapeKind::Array(items) | ShapeKind::OneOf(items) => {
                let mut provides = Provides::default();
                for item in items {
                    merge(&mut provides, self.composite(item, ty, field, path));
                }
                provides
            }
            ShapeKind::Null | ShapeKind::Missing => Provides::default(),
            ShapeKind::Unknown
            | ShapeKind::Bool(_)
            | ShapeKind::Int
            | ShapeKind::Float
            | ShapeKind::String(_)
            | ShapeKind::Object(_) => {
                let span = place(shape, field, self.text);
                let name = field.map_or_else(|| ty.to_string(), |(name, _)| name.clone());
                let message = format!("`{name}` is an object, so its fields have to be selected");
                let written = self.text.mapping.text.get(span.clone()).unwrap_or_default().trim();
                let example = self.fields_of(ty).first().map_or_else(|| "…".to_owned(), |field| field.name.to_string());
                let help = format!("write `{written} {{ {example} }}` with the fields that are wanted");
                self.error("GROUP_SELECTION_REQUIRED_FOR_OBJECT", message, &span, Some(help));
                Provides::default()
            }
        }
    }

    fn fields(&mut self, fields: &Fields, ty: &Name, path: &mut Vec<Name>) -> Provides {
        let mut provides = Provides::default();
        // An object that says which type it is has that type's fields: two members of a union may call different things alike.
        let ty = &self.named(fields, ty).unwrap_or_else(|| ty.clone());
        for (name, (span, shape)) in fields {
            if &**name == "__typename" {
                provides.fields.insert(Arc::clone(name), Provides { is_leaf: true, ..Provides::default() });
                continue;
            }
            let document = self.document;
            let owners = owners(&document.schema, ty, name);
            let Some((_, definition)) = owners.first() else {
                let known: Vec<String> = self.fields_of(ty).iter().map(|field| field.name.to_string()).collect();
                let help = known_names(name, known.iter().map(String::as_str));
                self.error("SELECTED_FIELD_NOT_FOUND", format!("`{ty}` has no field `{name}`"), span, help);
                continue;
            };
            for (owner, _) in &owners {
                self.selected.insert((owner.to_string(), name.to_string()));
            }
            if !definition.arguments.is_empty() {
                let message = format!("`{ty}.{name}` has arguments, which a selection cannot give it");
                let help = Some(format!("give `{name}` a connector of its own, and remove it here"));
                self.error("CONNECTORS_FIELD_WITH_ARGUMENTS", message, span, help);
                continue;
            }
            let field = (format!("{ty}.{name}"), span.clone());
            let inner = self.value(shape, definition.ty.inner_named_type(), Some(&field), path);
            merge(provides.fields.entry(Arc::clone(name)).or_default(), inner);
        }
        provides
    }

    /// The type that a literal `__typename` names, where an abstract type leaves it open.
    fn named(&self, fields: &Fields, ty: &Name) -> Option<Name> {
        let (_, shape) = fields.get("__typename")?;
        let ShapeKind::String(Some(name)) = &shape.kind else { return None };
        let schema = &self.document.schema;
        let (known, named) = schema.types.get_key_value(&**name)?;
        (named.is_object() && schema.is_subtype(ty, known)).then(|| known.clone())
    }

    fn fields_of(&self, ty: &Name) -> Vec<&FieldDefinition> {
        match self.document.schema.types.get(ty) {
            Some(ExtendedType::Object(object)) => object.fields.values().map(|field| &***field).collect(),
            Some(ExtendedType::Interface(interface)) => interface.fields.values().map(|field| &***field).collect(),
            _ => Vec::new(),
        }
    }
}

/// The types that declare a field, as far as a value of `ty` can be of them.
fn owners<'s>(schema: &'s Schema, ty: &Name, field: &str) -> Vec<(&'s Name, &'s FieldDefinition)> {
    let mut found = Vec::new();
    let mut add = |ty: &'s ExtendedType| match ty {
        ExtendedType::Object(object) => {
            found.extend(object.fields.get(field).map(|definition| (&object.name, &***definition)));
        }
        ExtendedType::Interface(interface) => {
            found.extend(interface.fields.get(field).map(|definition| (&interface.name, &***definition)));
        }
        _ => {}
    };
    if let Some(own) = schema.types.get(ty) {
        add(own);
        if !own.is_object() {
            schema
                .types
                .iter()
                .filter(|(name, other)| other.is_object() && schema.is_subtype(ty, name))
                .for_each(|(_, other)| add(other));
        }
    }
    found
}

/// A group anywhere in a shape that should be a leaf.
fn group_in(shape: &Shape) -> Option<&Shape> {
    match &shape.kind {
        ShapeKind::Group(..) => Some(shape),
        ShapeKind::List(item) => group_in(item),
        ShapeKind::Array(items) | ShapeKind::OneOf(items) => items.iter().find_map(group_in),
        _ => None,
    }
}

/// The part of the text to mark: what yields the shape, else the name it is given to, else all.
fn place(shape: &Shape, field: Option<&(String, Span)>, text: &Text) -> Span {
    let named = field.map(|(_, span)| span.clone());
    shape.span.clone().or(named).unwrap_or(0..text.mapping.text.len())
}

/// Adds what one tree provides to another.
pub(in crate::schema) fn merge(into: &mut Provides, from: Provides) {
    into.is_leaf |= from.is_leaf;
    for (name, below) in from.fields {
        merge(into.fields.entry(name).or_default(), below);
    }
}
