//! Text: `toString joinNotNull split trim trimStart trimEnd`.

use super::Call;
use crate::mapping::Value;

/// The text of a scalar; empty for null, `None` for lists and objects.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn to_text(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    match scalar_text(call.input()) {
        Some(text) => Some(Value::String(text)),
        None => call.wrong_input("a scalar"),
    }
}

pub(super) fn join_not_null(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Some(Value::String(separator)) = call.argument(0) else { return call.refuse("requires a string separator") };
    let items = match call.input() {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    // Before it is made, because a long separator makes a long text of a short one.
    call.spend(items.len().saturating_mul(separator.len()))?;
    let parts: Option<Vec<String>> = items.iter().filter(|item| **item != Value::Null).map(scalar_text).collect();
    match parts {
        Some(parts) => Some(Value::String(parts.join(&separator))),
        None => call.refuse("can only join scalars"),
    }
}

/// The parts between separators; an empty separator parts the characters. A limit keeps the first parts.
pub(super) fn split(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::String(text) = call.input() else { return call.wrong_input("a string") };
    let Some(Value::String(separator)) = call.argument(0) else { return call.refuse("requires a string separator") };
    let mut limit = usize::MAX;
    if call.count() > 1 {
        let given = match call.argument(1) {
            Some(Value::Number(number)) => number.as_i64().and_then(|limit| usize::try_from(limit).ok()),
            _ => None,
        };
        match given {
            Some(given) => limit = given,
            None => return call.refuse("requires a limit that is an integer of at least 0"),
        }
    }
    let mut parts = Vec::new();
    let mut add = |part: &str| {
        parts.push(Value::String(part.to_owned()));
        call.spend(size_of::<Value>())
    };
    if separator.is_empty() {
        text.char_indices().take(limit).try_for_each(|(at, symbol)| add(&text[at..at + symbol.len_utf8()]))?;
    } else {
        text.split(separator.as_str()).take(limit).try_for_each(add)?;
    }
    Some(Value::Array(parts))
}

pub(super) fn trim(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    trimmed(call, str::trim)
}

pub(super) fn trim_start(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    trimmed(call, str::trim_start)
}

pub(super) fn trim_end(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    trimmed(call, str::trim_end)
}

fn trimmed(call: &mut Call<'_, '_, '_>, cut: fn(&str) -> &str) -> Option<Value> {
    match call.input() {
        Value::String(text) => Some(Value::String(cut(text).to_owned())),
        _ => call.wrong_input("a string"),
    }
}
