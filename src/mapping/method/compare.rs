//! Comparisons: `eq ne gt gte lt lte in contains`.

use std::cmp::Ordering;

use super::Call;
use crate::mapping::Value;

/// How two values are held against each other; counts what it looks at.
struct Comparison {
    /// Whether an integer may equal a float.
    by_value: bool,
    looked_at: usize,
}

impl Comparison {
    fn same(&mut self, left: &Value, right: &Value) -> bool {
        self.looked_at += 1;
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                (self.by_value || left.is_integer() == right.is_integer()) && left.compare(right).is_eq()
            }
            (Value::String(left), Value::String(right)) => {
                self.looked_at += left.len().min(right.len()) / BYTES_PER_UNIT;
                left == right
            }
            (Value::Array(left), Value::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| self.same(left, right))
            }
            (Value::Object(left), Value::Object(right)) => {
                left.len() == right.len()
                    && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| self.same(left, right)))
            }
            _ => left == right,
        }
    }
}

/// Bytes of text that compare as fast as one value is looked at.
const BYTES_PER_UNIT: usize = 64;

/// Deep equality; numbers by value, without regard to the order of keys. `None`: the budget is spent.
fn equal(call: &mut Call<'_, '_, '_>, left: &Value, right: &Value) -> Option<bool> {
    compare(call, left, right, true)
}

/// Deep equality where an integer is never a float. `None`: the budget is spent.
pub(super) fn identical(call: &mut Call<'_, '_, '_>, left: &Value, right: &Value) -> Option<bool> {
    compare(call, left, right, false)
}

fn compare(call: &mut Call<'_, '_, '_>, left: &Value, right: &Value, by_value: bool) -> Option<bool> {
    let mut comparison = Comparison { by_value, looked_at: 0 };
    let same = comparison.same(left, right);
    call.spend(comparison.looked_at)?;
    Some(same)
}

/// Whether an element equals the value. `None`: the budget is spent.
fn holds(call: &mut Call<'_, '_, '_>, items: &[Value], wanted: &Value) -> Option<bool> {
    for item in items {
        if equal(call, item, wanted)? {
            return Some(true);
        }
    }
    Some(false)
}

pub(super) fn eq(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let (input, other) = (call.input(), call.operand(0)?);
    equal(call, input, &other).map(Value::Bool)
}

pub(super) fn ne(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let (input, other) = (call.input(), call.operand(0)?);
    equal(call, input, &other).map(|same| Value::Bool(!same))
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
    let other = call.operand(0)?;
    let ordering = match (call.input(), &*other) {
        (Value::Number(left), Value::Number(right)) => left.compare(right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        _ => return call.refuse("can only compare two numbers or two strings"),
    };
    Some(Value::Bool(holds(ordering)))
}

pub(super) fn is_in(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let (input, list) = (call.input(), call.operand(0)?);
    match &*list {
        Value::Array(items) => holds(call, items, input).map(Value::Bool),
        _ => call.refuse("requires a list as its argument"),
    }
}

pub(super) fn contains(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::Array(items) = call.input() else { return call.wrong_input("a list") };
    let wanted = call.operand(0)?;
    holds(call, items, &wanted).map(Value::Bool)
}
