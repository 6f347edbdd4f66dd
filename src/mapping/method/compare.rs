//! Comparisons: `eq ne gt gte lt lte in contains`.

use std::cmp::Ordering;

use super::Call;
use crate::mapping::{Number, Value};

/// Numbers by value: exact for integers, as floats otherwise.
fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    if left == right {
        return Some(Ordering::Equal);
    }
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Deep equality; numbers by value, without regard to the order of keys.
fn equal(left: &Value, right: &Value) -> bool {
    same(left, right, &|left, right| compare_numbers(left, right) == Some(Ordering::Equal))
}

/// Deep equality where an integer is never a float.
pub(super) fn identical(left: &Value, right: &Value) -> bool {
    same(left, right, &|left, right| {
        let integer = |number: &Number| !number.as_str().contains(['.', 'e', 'E']);
        integer(left) == integer(right) && compare_numbers(left, right) == Some(Ordering::Equal)
    })
}

fn same(left: &Value, right: &Value, numbers: &dyn Fn(&Number, &Number) -> bool) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => numbers(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right, numbers))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right, numbers)))
        }
        _ => left == right,
    }
}

pub(super) fn eq(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let other = call.argument(0)?;
    Some(Value::Bool(equal(call.input(), &other)))
}

pub(super) fn ne(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let other = call.argument(0)?;
    Some(Value::Bool(!equal(call.input(), &other)))
}

pub(super) fn gt(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    order(call, Ordering::is_gt)
}

pub(super) fn gte(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    order(call, Ordering::is_ge)
}

pub(super) fn lt(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    order(call, Ordering::is_lt)
}

pub(super) fn lte(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    order(call, Ordering::is_le)
}

fn order(call: &mut Call<'_, '_, '_>, holds: fn(Ordering) -> bool) -> Option<Value> {
    let other = call.argument(0)?;
    let ordering = match (call.input(), &other) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match ordering {
        Some(ordering) => Some(Value::Bool(holds(ordering))),
        None => call.refuse("can only compare two numbers or two strings"),
    }
}

pub(super) fn is_in(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    match call.argument(0)? {
        Value::Array(items) => Some(Value::Bool(items.iter().any(|item| equal(item, call.input())))),
        _ => call.refuse("requires a list as its argument"),
    }
}

pub(super) fn contains(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::Array(items) = call.input() else { return call.wrong_input("a list") };
    let wanted = call.argument(0)?;
    Some(Value::Bool(items.iter().any(|item| equal(item, &wanted))))
}
