//! Objects: `entries keysToCamelCase keysToCamelCaseDeep`.

use super::Call;
use crate::mapping::{Name, Object, Value};

pub(super) fn entries(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::Object(object) = call.input() else { return call.wrong_input("an object") };
    let entry = |(key, value): (&Name, &Value)| {
        let pair = [("key", Value::String(key.to_string())), ("value", value.clone())];
        Value::Object(Object::from_iter(pair))
    };
    Some(Value::Array(object.iter().map(entry).collect()))
}

pub(super) fn keys_to_camel_case(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::Object(object) = call.input() else { return call.wrong_input("an object") };
    Some(renamed(call, object, false))
}

pub(super) fn keys_to_camel_case_deep(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::Object(object) = call.input() else { return call.wrong_input("an object") };
    Some(renamed(call, object, true))
}

fn renamed(call: &mut Call<'_, '_, '_>, object: &Object, deep: bool) -> Value {
    let mut out = Object::with_capacity(object.len());
    for (key, value) in object {
        let value = if deep { renamed_inside(call, value) } else { value.clone() };
        let key = camel_case(key);
        if out.insert(key, value).is_some() {
            call.problem("gave two keys the same name");
        }
    }
    Value::Object(out)
}

fn renamed_inside(call: &mut Call<'_, '_, '_>, value: &Value) -> Value {
    match value {
        Value::Object(object) => renamed(call, object, true),
        Value::Array(items) => Value::Array(items.iter().map(|item| renamed_inside(call, item)).collect()),
        other => other.clone(),
    }
}

/// `first_name`, `Last-Name`, `XMLFile` to `firstName`, `lastName`, `xmlFile`; a key without letters or digits stays.
fn camel_case(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut word_start = false;
    let symbols: Vec<char> = key.chars().collect();
    for (index, &symbol) in symbols.iter().enumerate() {
        if !symbol.is_alphanumeric() {
            word_start = true;
            continue;
        }
        let before = index.checked_sub(1).map(|before| symbols[before]);
        let after = symbols.get(index + 1);
        let hump = symbol.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if (word_start || hump) && !out.is_empty() {
            out.extend(symbol.to_uppercase());
        } else {
            out.extend(symbol.to_lowercase());
        }
        word_start = false;
    }
    if out.is_empty() { key.to_owned() } else { out }
}
