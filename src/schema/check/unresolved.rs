//! Every field has somebody who provides it (reference 1.5).

use apollo_compiler::{ast::OperationType, schema::ExtendedType};

use crate::{
    mapping::KeyTree,
    schema::{
        directive::{key, selection::Selected},
        document::{Document, NO_QUERY_FIELD},
        findings::Findings,
    },
};

/// Reports fields of object types that are neither selected, nor have a connector, nor are part of a key.
pub(in crate::schema) fn check(document: &Document, selected: &Selected, findings: &mut Findings) {
    if document.version.is_none() {
        return;
    }
    let mut known = selected.clone();
    for ty in document.schema.types.keys() {
        for key in key::keys_of(document, ty, None) {
            add(document, ty, &key.fields, &mut known);
        }
    }
    let subscription = document.schema.root_operation(OperationType::Subscription);
    for ty in document.schema.types.values() {
        let ExtendedType::Object(object) = ty else { continue };
        let is_machinery = ty.is_built_in() || document.machinery.contains(object.name.as_str());
        if is_machinery || subscription == Some(&object.name) {
            continue;
        }
        for field in object.fields.values() {
            let has_connector = field.directives.has(document.names.connect.as_str());
            let is_known = known.contains(&(object.name.to_string(), field.name.to_string()));
            if has_connector || is_known || field.name == NO_QUERY_FIELD {
                continue;
            }
            let is_root =
                document.schema.schema_definition.iter_root_operations().any(|(_, name)| *name == object.name);
            let help = if is_root {
                format!("give `{}` a connector: `@{}(…)`", field.name, document.names.connect)
            } else {
                format!(
                    "select `{}` in a connector that yields `{}`, or give it a connector of its own",
                    field.name, object.name
                )
            };
            let message = format!("no connector provides `{}.{}`", object.name, field.name);
            findings.error_with_help("CONNECTORS_UNRESOLVED_FIELD", message, field.name.location(), Some(help));
        }
    }
}

fn add(document: &Document, ty: &str, tree: &KeyTree, known: &mut Selected) {
    let Some(ExtendedType::Object(object)) = document.schema.types.get(ty) else { return };
    for (name, below) in &tree.keys {
        if let Some(field) = object.fields.get(&**name) {
            known.insert((ty.to_owned(), name.to_string()));
            add(document, field.ty.inner_named_type(), below, known);
        }
    }
}
