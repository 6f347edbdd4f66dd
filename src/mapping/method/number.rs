//! Arithmetic: `add sub mul div mod parseInt`. Integers stay integers; what overflows is a problem.

use super::Call;
use crate::mapping::{Number, Value};

pub(super) fn add(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, i128::checked_add, |left, right| left + right)
}

pub(super) fn sub(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, i128::checked_sub, |left, right| left - right)
}

pub(super) fn mul(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, i128::checked_mul, |left, right| left * right)
}

pub(super) fn div(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, |_, _| None, |left, right| left / right)
}

pub(super) fn remainder(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    fold(call, i128::checked_rem, |left, right| left % right)
}

/// From the left; integers while both sides are integers (never for `div`), else floats.
fn fold(
    call: &mut Call<'_, '_, '_>,
    integers: fn(i128, i128) -> Option<i128>,
    floats: fn(f64, f64) -> f64,
) -> Option<Value> {
    let Value::Number(input) = call.input() else { return call.wrong_input("a number") };
    let exact = call.name != "div";
    let mut result = input.clone();
    for index in 0..call.count() {
        let Some(argument) = call.argument(index) else { return call.refuse("requires numbers as arguments") };
        let Value::Number(argument) = argument else { return call.refuse("requires numbers as arguments") };
        let next = if exact && result.is_integer() && argument.is_integer() {
            let both = result.as_i128().zip(argument.as_i128());
            let value = both.and_then(|(left, right)| integers(left, right));
            // The range that JSON readers keep: 64 bits.
            value.filter(|value| i64::try_from(*value).is_ok()).map(Number::from)
        } else {
            let both = result.as_f64().zip(argument.as_f64());
            both.and_then(|(left, right)| Number::from_f64(floats(left, right)))
        };
        match next {
            Some(next) => result = next,
            None => return call.refuse("has no result: division by zero, or too large a number"),
        }
    }
    Some(Value::Number(result))
}

/// An integer from its digits in a base, or the whole part of a number.
pub(super) fn parse_int(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let mut base = 10;
    if call.count() > 0 {
        let given = match call.argument(0)? {
            Value::Number(number) => number.as_i64().and_then(|base| u32::try_from(base).ok()),
            _ => None,
        };
        match given.filter(|base| (2..=36).contains(base)) {
            Some(given) => base = given,
            None => return call.refuse("requires a base from 2 to 36"),
        }
    }
    let found = match call.input() {
        Value::String(text) => i64::from_str_radix(text, base).ok().map(Number::from),
        Value::Number(number) if number.is_integer() => Some(number.clone()),
        Value::Number(number) => number.as_f64().and_then(|value| whole(value.trunc())),
        _ => return call.wrong_input("a string or a number"),
    };
    match found {
        Some(number) => Some(Value::Number(number)),
        None => call.refuse("requires an integer"),
    }
}

/// A float without a fraction as an integer.
fn whole(value: f64) -> Option<Number> {
    format!("{value:.0}").parse::<i64>().ok().map(Number::from)
}
