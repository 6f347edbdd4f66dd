//! JSON as text: `jsonStringify jsonParse`.

use super::Call;
use crate::mapping::Value;

#[expect(clippy::unnecessary_wraps, reason = "the signature of all methods")]
pub(super) fn stringify(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    Some(Value::String(call.input().to_json()))
}

pub(super) fn parse(call: &mut Call<'_, '_, '_>) -> Option<Value> {
    let Value::String(text) = call.input() else { return call.wrong_input("a string") };
    match Value::parse(text.as_bytes()) {
        Ok(value) => Some(value),
        Err(error) => call.refuse(&format!("requires JSON: {error}")),
    }
}
