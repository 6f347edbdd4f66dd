//! `__Type.isOneOf` (GraphQL, September 2025, 4.2.2), which apollo-compiler 1.33 does not answer.
//!
//! What it answers is asked instead: the type's `name`, under the same response key. Names are then replaced by what the schema
//! says of the types that they name.

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::FieldDefinition,
    executable::{Field, Selection, SelectionSet},
    response::{JsonMap, JsonValue},
    schema::ExtendedType,
    validation::Valid,
};

use super::rules::is_one_of;

const FIELD: &str = "isOneOf";
const ASKED_INSTEAD: Name = apollo_compiler::name!("name");

/// The document with `name` in the place of `isOneOf`; `None` when it does not ask, as most do not.
pub(super) fn rewritten(schema: &Schema, document: &Valid<ExecutableDocument>) -> Option<Valid<ExecutableDocument>> {
    let operations = document.operations.iter().map(|operation| &operation.selection_set);
    if !operations.chain(document.fragments.values().map(|fragment| &fragment.selection_set)).any(asks) {
        return None;
    }
    let definition = schema.type_field("__Type", &ASKED_INSTEAD).ok()?.node.clone();
    let mut document = document.clone().into_inner();
    let operations = &mut document.operations;
    for operation in operations.anonymous.iter_mut().chain(operations.named.values_mut()) {
        rewrite(&mut operation.make_mut().selection_set, &definition);
    }
    for fragment in document.fragments.values_mut() {
        rewrite(&mut fragment.make_mut().selection_set, &definition);
    }
    // What it asks is valid: both are leaves of one type without arguments, and equal response keys stay equal fields.
    Some(Valid::assume_valid(document))
}

/// Recursion is bounded by the nesting of the document, here and below.
fn asks(set: &SelectionSet) -> bool {
    set.selections.iter().any(|selection| match selection {
        Selection::Field(field) => is_question(&set.ty, field) || asks(&field.selection_set),
        Selection::InlineFragment(inline) => asks(&inline.selection_set),
        Selection::FragmentSpread(_) => false,
    })
}

fn rewrite(set: &mut SelectionSet, definition: &Node<FieldDefinition>) {
    for selection in &mut set.selections {
        match selection {
            Selection::Field(field) if is_question(&set.ty, field) => {
                let field = field.make_mut();
                field.alias = Some(field.response_key().clone());
                field.name = ASKED_INSTEAD;
                field.definition = definition.clone();
            }
            Selection::Field(field) => rewrite(&mut field.make_mut().selection_set, definition),
            Selection::InlineFragment(inline) => rewrite(&mut inline.make_mut().selection_set, definition),
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn is_question(parent: &Name, field: &Field) -> bool {
    parent == "__Type" && field.name == FIELD
}

/// Puts answers where the rewritten document asked for names. `document` is the one that was rewritten.
pub(super) fn answer(schema: &Schema, document: &ExecutableDocument, root: &SelectionSet, data: &mut JsonMap) {
    object(schema, document, &[root], data);
}

fn object(schema: &Schema, document: &ExecutableDocument, sets: &[&SelectionSet], data: &mut JsonMap) {
    let mut fields = Vec::new();
    for set in sets {
        collect(document, set, &mut fields);
    }
    for (key, value) in data.iter_mut() {
        let of_key = fields.iter().filter(|(_, field)| field.response_key().as_str() == key.as_str());
        if of_key.clone().any(|(parent, field)| is_question(parent, field)) {
            *value = said(schema, value);
        } else {
            let below: Vec<&SelectionSet> = of_key.map(|(_, field)| &field.selection_set).collect();
            values(schema, document, &below, value);
        }
    }
}

fn values(schema: &Schema, document: &ExecutableDocument, sets: &[&SelectionSet], value: &mut JsonValue) {
    match value {
        JsonValue::Object(data) => object(schema, document, sets, data),
        JsonValue::Array(items) => items.iter_mut().for_each(|item| values(schema, document, sets, item)),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::String(_) => {}
    }
}

/// All fields of a selection set with their parents, fragments expanded: in introspection every fragment fits its place.
fn collect<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, fields: &mut Vec<(&'a Name, &'a Field)>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => fields.push((&set.ty, field)),
            Selection::InlineFragment(inline) => collect(document, &inline.selection_set, fields),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.fragment_name) {
                    collect(document, &fragment.selection_set, fields);
                }
            }
        }
    }
}

/// True or false of an input type, null of every other; wrappers have no name.
fn said(schema: &Schema, name: &JsonValue) -> JsonValue {
    match name.as_str().and_then(|name| schema.types.get(name)) {
        Some(ExtendedType::InputObject(input)) => JsonValue::Bool(is_one_of(input)),
        _ => JsonValue::Null,
    }
}
