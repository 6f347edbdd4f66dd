//! How values of one name, and spreads, become one value.

use super::{Object, Span, Value, evaluate::Evaluator};

/// Puts a member into `out`, which merges with one of the same name.
pub(super) fn member(evaluator: &mut Evaluator<'_>, out: &mut Value, name: &str, value: Value, span: &Span) {
    if let Value::Object(object) = out {
        match object.get_mut(name) {
            Some(before) => merge(evaluator, before, value, span),
            None => {
                object.insert(name.to_owned(), value);
            }
        }
        return;
    }
    merge(evaluator, out, Value::Object(Object::from_iter([(name.to_owned(), value)])), span);
}

/// Merges `value` into `out`: objects by key, lists by index; null on either side gives null; else the later wins.
pub(super) fn merge(evaluator: &mut Evaluator<'_>, out: &mut Value, value: Value, span: &Span) {
    match (&mut *out, value) {
        (Value::Null, _) => {}
        (Value::Object(object), Value::Object(more)) => {
            for (key, value) in more {
                match object.get_mut(&key) {
                    Some(before) => merge(evaluator, before, value, span),
                    None => {
                        object.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(more)) => {
            for (index, value) in more.into_iter().enumerate() {
                match items.get_mut(index) {
                    Some(before) => merge(evaluator, before, value, span),
                    None => items.push(value),
                }
            }
        }
        (before, value) => {
            let (old, new) = (before.type_name(), value.type_name());
            if value != Value::Null && old != new {
                evaluator.problem(span, || format!("Lossy merge of {new} into {old}"));
            }
            *before = value;
        }
    }
}
