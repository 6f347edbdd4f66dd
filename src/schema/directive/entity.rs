//! `entity: true`: a query field that also resolves references (reference 6.1 and 6.2).

use std::sync::Arc;

use apollo_compiler::{
    Node, Schema,
    ast::{Directive, FieldDefinition, InputValueDefinition, OperationType, Type},
    parser::SourceSpan,
    schema::ExtendedType,
};

use super::argument;
use crate::{
    mapping::KeyTree,
    schema::{
        document::{Document, known_names},
        findings::Findings,
    },
};

/// Nesting of input objects beyond which arguments are no key.
const DEPTH_MAX: usize = 32;

/// Whether the connector resolves references, with a finding where it cannot.
pub(in crate::schema) fn check_place(
    document: &Document,
    directive: &Directive,
    field: Option<&FieldDefinition>,
    root: Option<OperationType>,
    findings: &mut Findings,
) -> bool {
    let written = argument(directive, "entity");
    let span = written.and_then(Node::location);
    let wanted = written.and_then(|value| value.to_bool());
    let Some(field) = field else {
        if wanted == Some(false) {
            let message = "a connector on a type always completes objects of it: `entity` cannot be false";
            let help = Some("remove `entity: false`".to_owned());
            findings.error_with_help("CONNECT_ON_TYPE_MUST_BE_ENTITY", message, span, help);
        }
        return false;
    };
    if wanted != Some(true) {
        return false;
    }
    if root != Some(OperationType::Query) {
        let message = "`entity: true` is for fields of the query root";
        let help = Some("remove it here; put a query field or a connector on the type beside it".to_owned());
        findings.error_with_help("ENTITY_NOT_ON_ROOT_QUERY", message, span, help);
        return false;
    }
    let is_object = match &field.ty {
        Type::Named(name) => {
            matches!(document.schema.types.get(name), Some(ExtendedType::Object(_) | ExtendedType::Interface(_)))
        }
        _ => false,
    };
    if !is_object {
        let message =
            format!("`{}` cannot be an entity: it has to return one nullable object, not `{}`", field.name, field.ty);
        let help = Some(format!("make its type `{}`, or remove `entity: true`", field.ty.inner_named_type()));
        findings.error_with_help("ENTITY_TYPE_INVALID", message, span, help);
        return false;
    }
    if field.arguments.is_empty() {
        let message = format!("`{}` has no arguments, so there is no key to resolve references with", field.name);
        findings.error("ENTITY_RESOLVER_ARGUMENT_MISMATCH", message, field.name.location());
        return false;
    }
    let ty = field.ty.inner_named_type();
    for argument in &field.arguments {
        check_argument(&document.schema, argument, ty, DEPTH_MAX, findings);
    }
    true
}

fn check_argument(schema: &Schema, argument: &InputValueDefinition, ty: &str, depth: usize, findings: &mut Findings) {
    const CODE: &str = "ENTITY_RESOLVER_ARGUMENT_MISMATCH";
    let fields = match schema.types.get(ty) {
        Some(ExtendedType::Object(object)) => &object.fields,
        Some(ExtendedType::Interface(interface)) => &interface.fields,
        _ => return,
    };
    let Some(field) = fields.get(&argument.name) else {
        let message = format!("`{}` is no field of `{ty}`, so it cannot be part of its key", argument.name);
        let help = known_names(&argument.name, fields.keys().map(apollo_compiler::Name::as_str));
        findings.error_with_help(CODE, message, argument.name.location(), help);
        return;
    };
    let (wanted, given) = (argument.ty.inner_named_type(), field.ty.inner_named_type());
    if let (Some(ExtendedType::InputObject(object)), Some(depth)) = (schema.types.get(wanted), depth.checked_sub(1)) {
        for member in object.fields.values() {
            check_argument(schema, member, given, depth, findings);
        }
    } else if wanted != given || argument.ty.is_list() != field.ty.is_list() {
        let message = format!(
            "the argument `{}` is `{}`, but the field `{ty}.{}` is `{}`",
            argument.name, argument.ty, field.name, field.ty
        );
        findings.error_with_help(CODE, message, argument.ty.location(), Some(format!("make it `{}`", field.ty)));
    }
}

/// The key of a query field: the arguments it uses, all of them where it uses the whole of `$args`.
pub(in crate::schema) fn key(
    document: &Document,
    field: &FieldDefinition,
    needs: &KeyTree,
    span: Option<SourceSpan>,
    findings: &mut Findings,
) -> KeyTree {
    let used = |name: &str| needs.keys.is_empty() || needs.keys.contains_key(name);
    let mut tree = KeyTree::default();
    for argument in field.arguments.iter().filter(|argument| used(&argument.name)) {
        let empty = KeyTree::default();
        let below = needs.keys.get(argument.name.as_str()).unwrap_or(&empty);
        tree.keys.insert(Arc::from(argument.name.as_str()), expand(&document.schema, &argument.ty, below, DEPTH_MAX));
    }
    if tree.keys.is_empty() {
        findings.error("CONNECTORS_CANNOT_RESOLVE_KEY", format!("`{}` uses none of its arguments", field.name), span);
    }
    tree
}

fn expand(schema: &Schema, ty: &Type, needs: &KeyTree, depth: usize) -> KeyTree {
    let (Some(ExtendedType::InputObject(object)), Some(depth)) =
        (schema.types.get(ty.inner_named_type()), depth.checked_sub(1))
    else {
        return KeyTree::default();
    };
    let mut tree = KeyTree::default();
    for member in object.fields.values() {
        let below = needs.keys.get(member.name.as_str());
        if below.is_some() || needs.keys.is_empty() {
            let empty = KeyTree::default();
            tree.keys
                .insert(Arc::from(member.name.as_str()), expand(schema, &member.ty, below.unwrap_or(&empty), depth));
        }
    }
    tree
}
