//! Choosing values: `echo`, `match`, `and`, `or`, `not`.

use super::{Call, compare};
use crate::mapping::{Value, ast::ExprKind};

pub(super) fn echo(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    call.argument(0)
}

/// The value of the first pair whose candidate is exactly the input; arguments that are no pairs are passed over.
pub(super) fn match_pairs(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let input = call.input();
    for index in 0..call.count() {
        let Some(ExprKind::Array(pair)) = call.expression(index).map(|argument| &argument.kind) else { continue };
        let [candidate, value] = pair.as_slice() else { continue };
        let Some(candidate) = call.look(candidate) else { continue };
        if compare::identical(call, &candidate, input)? {
            return call.value(value);
        }
    }
    call.refuse("found no pair for its input")
}

pub(super) fn and(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, false)
}

pub(super) fn or(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, true)
}

/// Goes through the operands until one is `decisive`, which is the result then.
fn fold(call: &mut Call<'_, '_, '_>, decisive: bool) -> Option<Value> {
    let Value::Bool(input) = call.input() else { return call.wrong_input("a boolean") };
    if *input == decisive {
        return Some(Value::Bool(decisive));
    }
    for index in 0..call.count() {
        match call.argument(index)? {
            Value::Bool(value) if value == decisive => return Some(Value::Bool(decisive)),
            Value::Bool(_) => {}
            other => call.problem(&format!("can only combine booleans, not {}", other.type_name())),
        }
    }
    Some(Value::Bool(!decisive))
}

pub(super) fn not(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    match call.input() {
        Value::Bool(value) => Some(Value::Bool(!value)),
        _ => call.wrong_input("a boolean"),
    }
}
