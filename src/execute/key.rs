//! Representations: the key objects with which entities are requested, as text to compare and as values to send.

use std::borrow::Cow;

use super::view::{Found, Instance, View};
use crate::{
    mapping::{Object, Slot, Value, scan},
    plan::{Input, PositionId},
};

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyState {
    /// It can be asked for.
    Complete,
    /// It cannot: a part that must be there is missing, or null where that stops the call (reference 6.3, rule 2).
    Dropped,
}

#[derive(Default)]
struct Nulls {
    leaves: u32,
    null_leaves: u32,
    null_decides: bool,
}

/// Appends a text by which equal keys are equal: compact JSON without names, and in default compatibility parts of type `ID`
/// always as strings. Of a dropped key the text is of no use.
pub(super) fn write_key(
    view: View<'_>,
    position: Option<PositionId>,
    instance: Instance,
    inputs: &[Input],
    out: &mut Vec<u8>,
) -> KeyState {
    if let [input] = inputs
        && write_scalar(view, input, view.column(position, instance, input.from), out)
    {
        return KeyState::Complete;
    }
    let mut nulls = Nulls::default();
    if !write_parts(view, position, instance, inputs, out, &mut nulls) {
        return KeyState::Dropped;
    }
    let all_null = nulls.leaves > 0 && nulls.null_leaves == nulls.leaves;
    if !view.is_strict() && (nulls.null_decides || all_null) {
        return KeyState::Dropped;
    }
    KeyState::Complete
}

/// The key that most are: a number or a plain string. `false`: it is another one, nothing was written.
#[inline]
fn write_scalar(view: View<'_>, input: &Input, found: Found, out: &mut Vec<u8>) -> bool {
    let Some(text) = view.results.part(found) else { return false };
    match scan::kind(text.bytes()) {
        scan::TokenKind::Number if input.is_id && !view.is_strict() => {
            out.push(b'"');
            text.append_to(out);
            out.push(b'"');
        }
        scan::TokenKind::Number => text.append_to(out),
        scan::TokenKind::String if !text.has_backslash() => text.append_to(out),
        _ => return false,
    }
    true
}

fn write_parts(
    view: View<'_>,
    position: Option<PositionId>,
    instance: Instance,
    inputs: &[Input],
    out: &mut Vec<u8>,
    nulls: &mut Nulls,
) -> bool {
    for (index, input) in inputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let found = view.column(position, instance, input.from);
        // Of a part that could not be had, nothing is asked: its error is told already.
        let is_lost = matches!(found.slot, Slot::Error(_)) && !view.is_strict();
        if is_lost || (is_nothing(found) && input.required) {
            return false;
        }
        if !write_part(view, input, found, out, nulls) {
            return false;
        }
    }
    true
}

fn write_part(view: View<'_>, input: &Input, found: Found, out: &mut Vec<u8>, nulls: &mut Nulls) -> bool {
    match found.slot {
        Slot::Object { start } => {
            let object = Instance { store: found.store, start };
            out.push(b'{');
            let complete = write_parts(view, input.nested_at, object, &input.nested, out, nulls);
            out.push(b'}');
            complete
        }
        Slot::List { start, len } => {
            out.push(b'[');
            for (index, item) in view.cells(found.store, start, len).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if !write_part(view, input, item, out, nulls) {
                    return false;
                }
            }
            out.push(b']');
            true
        }
        _ => {
            let text = view.results.text(found).unwrap_or(b"null");
            nulls.leaves += 1;
            if text == b"null" {
                nulls.null_leaves += 1;
                nulls.null_decides |= input.required || input.is_id;
            }
            write_leaf(text, input.is_id && !view.is_strict(), out);
            true
        }
    }
}

/// A scalar (or raw) part of a key, so that equal values have equal texts.
fn write_leaf(text: &[u8], as_text: bool, out: &mut Vec<u8>) {
    match scan::kind(text) {
        scan::TokenKind::Number if as_text => {
            out.push(b'"');
            out.extend_from_slice(text);
            out.push(b'"');
        }
        scan::TokenKind::String => write_text(text, out),
        scan::TokenKind::Array | scan::TokenKind::Object => match Value::parse(text) {
            Ok(value) => value.write_json(out),
            Err(_) => out.extend_from_slice(text),
        },
        _ => out.extend_from_slice(text),
    }
}

/// A JSON string, its escapes in one form.
pub(super) fn write_text(string: &[u8], out: &mut Vec<u8>) {
    match scan::unescape(string) {
        Cow::Borrowed(_) => out.extend_from_slice(string),
        Cow::Owned(text) => write_string(&text, out),
    }
}

/// Text as a JSON string.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

/// The key object itself, its names in the order of the inputs.
pub(super) fn key_object(
    view: View<'_>,
    position: Option<PositionId>,
    instance: Instance,
    inputs: &[Input],
    object: &mut Object,
) {
    for input in inputs {
        let found = view.column(position, instance, input.from);
        object.insert(&*input.name, part(view, input, found));
    }
}

fn part(view: View<'_>, input: &Input, found: Found) -> Value {
    match found.slot {
        Slot::Object { start } => {
            let mut object = Object::default();
            let instance = Instance { store: found.store, start };
            key_object(view, input.nested_at, instance, &input.nested, &mut object);
            Value::Object(object)
        }
        Slot::List { start, len } => {
            Value::Array(view.cells(found.store, start, len).map(|item| part(view, input, item)).collect())
        }
        _ => view.results.text(found).and_then(|text| Value::parse(text).ok()).unwrap_or_default(),
    }
}

fn is_nothing(found: Found) -> bool {
    matches!(found.slot, Slot::Missing | Slot::Error(_))
}
