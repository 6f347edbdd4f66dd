//! Answers compared as the fixtures' README says.

use serde_json::Value;

/// What differs between the expected and the given answer; empty when they agree.
pub fn differences(expected: &Value, given: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let null = Value::Null;
    let (want, have) = (expected.get("data").unwrap_or(&null), given.get("data").unwrap_or(&null));
    if !same(want, have) {
        out.push(format!("data: expected {want}, got {have}"));
    }
    errors(list(expected), list(given), &mut out);
    out
}

fn list(answer: &Value) -> Vec<&Value> {
    answer.get("errors").and_then(Value::as_array).map(|errors| errors.iter().collect()).unwrap_or_default()
}

/// Every expected entry has to find its own given entry; none may be left over.
fn errors(expected: Vec<&Value>, mut given: Vec<&Value>, out: &mut Vec<String>) {
    for want in expected {
        match given.iter().position(|have| error_matches(want, have)) {
            Some(at) => {
                given.remove(at);
            }
            None => out.push(format!("errors: no entry like {want}")),
        }
    }
    out.extend(given.into_iter().map(|have| format!("errors: unexpected {have}")));
}

fn error_matches(want: &Value, have: &Value) -> bool {
    let member =
        |name: &str| want.get(name).is_none_or(|expected| have.get(name).is_some_and(|given| same(expected, given)));
    member("message")
        && member("path")
        && want.get("extensions").is_none_or(|expected| have.get("extensions").is_some_and(|it| subset(expected, it)))
}

/// Whether all members of `part` are in `whole`, recursively.
pub fn subset(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|other| subset(value, other)))
        }
        _ => same(part, whole),
    }
}

/// Equal values: numbers by value, objects in any order of keys.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
