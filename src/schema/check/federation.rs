//! Federation directives that mean nothing here (reference 1.5): connectors are the only subgraphs, and what each gives and needs is
//! known from its mappings. They are let through with a warning that says what to write instead.
//!
//! With a meaning: `@key`, `@inaccessible` (hidden from clients), `@authenticated`, `@requiresScopes`, `@policy`, `@cost`, `@listSize`, `@cacheTag`,
//! and `@interfaceObject` on a type that is an interface in another file (`schema::interface_object`).
//! Without effect and without harm, so without a word: `@shareable`, `@extends`, `@tag`. Refused: `@context`, `@fromContext`.

use apollo_compiler::{Node, ast::Directive, schema::ExtendedType};

use crate::{
    error::Diagnostic,
    schema::{document::Document, findings::Findings},
};

/// Names in the federation spec, and what does their work here.
pub(in crate::schema) const WITHOUT_EFFECT: [(&str, &str); 6] = [
    ("external", "remove it: every field comes from the connectors that select it, in whatever file"),
    ("requires", "remove it, and use `$this.field` in the connector: what it names is fetched first"),
    ("provides", "remove it: what a connector gives at a place is known from its selection"),
    ("override", "remove it, and remove the connector that should no longer be asked"),
    ("composeDirective", "remove it: directives that the schema defines itself are kept"),
    (
        "interfaceObject",
        "it adds fields to an interface of another file, and no file declares one of this name that a type implements",
    ),
];

/// Warns once of each that a document uses.
pub(in crate::schema) fn check(document: &Document, findings: &mut Findings) {
    for (name, help) in &document.names.without_effect {
        let Some(used) = first_use(document, name) else { continue };
        let message = format!("`@{name}` has no effect where connectors are the only subgraphs");
        let label = findings.label(used.location(), "");
        findings.push(Diagnostic::warning("FEDERATION_DIRECTIVE_WITHOUT_EFFECT", message, label).help(*help));
    }
}

/// The first use of a directive.
fn first_use<'a>(document: &'a Document, name: &str) -> Option<&'a Node<Directive>> {
    let schema = document.schema.schema_definition.directives.get(name).map(|directive| &directive.node);
    let on_types = document.schema.types.values().filter(|ty| !ty.is_built_in()).find_map(|ty| {
        let fields = match ty {
            ExtendedType::Object(object) => Some(&object.fields),
            ExtendedType::Interface(interface) => Some(&interface.fields),
            _ => None,
        };
        let own = ty.directives().get(name).map(|directive| &directive.node);
        own.or_else(|| {
            fields.into_iter().flat_map(|fields| fields.values()).find_map(|field| field.directives.get(name))
        })
    });
    schema.or(on_types)
}
