//! Lists, and strings as lists of characters: `map filter find first last slice size get`.

use super::Call;
use crate::mapping::{Number, Value};

/// The elements of a list; anything else counts as its only element.
fn elements<'s>(call: &Call<'_, '_, 's>) -> &'s [Value] {
    match call.input() {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all methods")]
pub(super) fn map(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let results = elements(call).iter().map(|item| call.mapped(item));
    Some(Value::Array(results.collect()))
}

pub(super) fn filter(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let mut kept = Vec::new();
    for item in elements(call) {
        match call.argument_of(0, item) {
            Some(Value::Bool(true)) => kept.push(item.clone()),
            Some(Value::Bool(false)) => {}
            _ => return call.refuse("requires a condition that is a boolean"),
        }
    }
    Some(Value::Array(kept))
}

pub(super) fn find(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    for item in elements(call) {
        match call.argument_of(0, item) {
            Some(Value::Bool(true)) => return Some(item.clone()),
            Some(Value::Bool(false)) => {}
            _ => return call.refuse("requires a condition that is a boolean"),
        }
    }
    None
}

pub(super) fn first(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    match call.input() {
        Value::Array(items) => items.first().cloned(),
        Value::String(text) => text.chars().next().map(|found| Value::String(found.into())),
        other => {
            call.problem("requires a list or a string");
            Some(other.clone())
        }
    }
}

pub(super) fn last(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    match call.input() {
        Value::Array(items) => items.last().cloned(),
        Value::String(text) => text.chars().next_back().map(|found| Value::String(found.into())),
        other => {
            call.problem("requires a list or a string");
            Some(other.clone())
        }
    }
}

/// The part from start (0-based) to before end, both clamped; a reversed range is empty.
pub(super) fn slice(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let len = match call.input() {
        Value::Array(items) => items.len(),
        Value::String(text) => text.chars().count(),
        _ => return call.wrong_input("a list or a string"),
    };
    let mut bound = |index: usize, default: usize| {
        let given = if index < call.count() { call.argument(index) } else { None };
        match given {
            Some(Value::Number(number)) => match number.as_i64() {
                Some(at) => usize::try_from(at.max(0)).unwrap_or(len).min(len),
                None => default,
            },
            _ => default,
        }
    };
    let start = bound(0, 0);
    let count = bound(1, len).saturating_sub(start);
    match call.input() {
        Value::String(text) => Some(Value::String(text.chars().skip(start).take(count).collect())),
        _ => Some(Value::Array(elements(call).iter().skip(start).take(count).cloned().collect())),
    }
}

/// The number of elements, characters or keys.
pub(super) fn size(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let size = match call.input() {
        Value::Array(items) => items.len(),
        Value::String(text) => text.chars().count(),
        Value::Object(object) => object.len(),
        _ => return call.wrong_input("a list, a string or an object"),
    };
    Some(Value::Number(Number::from(size as i128)))
}

/// An element, a character or a property; negative indexes count from the end.
pub(super) fn get(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let wanted = call.argument(0)?;
    let position = |len: usize| match &wanted {
        Value::Number(number) => {
            let at = number.as_i64()?;
            let back = usize::try_from(at.unsigned_abs()).ok()?;
            if at < 0 { len.checked_sub(back) } else { Some(back) }
        }
        _ => None,
    };
    let found = match (call.input(), &wanted) {
        (Value::Array(items), Value::Number(_)) => position(items.len()).and_then(|at| items.get(at)).cloned(),
        (Value::String(text), Value::Number(_)) => {
            let at = position(text.chars().count());
            at.and_then(|at| text.chars().nth(at)).map(|found| Value::String(found.into()))
        }
        (Value::Object(object), Value::String(key)) => object.get(key).cloned(),
        (Value::Array(_) | Value::String(_), _) => return call.refuse("requires an integer index"),
        (Value::Object(_), _) => return call.refuse("requires a string key"),
        _ => return call.wrong_input("a list, a string or an object"),
    };
    if found.is_none() {
        call.problem("found nothing there");
    }
    found
}
