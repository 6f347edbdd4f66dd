//! Bodies as `application/x-www-form-urlencoded` (reference 3.2).

use super::{RenderError, text::scalar};
use crate::mapping::Value;

/// Nesting beyond which a body is refused.
const DEPTH_MAX: usize = 128;

/// Encodes an object; nested names are written in brackets. Errors: anything but an object.
pub(super) fn encode(body: &Value) -> Result<String, RenderError> {
    let Value::Object(members) = body else {
        return Err(RenderError::new("a form body has to be an object"));
    };
    let mut out = String::new();
    for (name, value) in members {
        append(name, value, &mut out, DEPTH_MAX)?;
    }
    Ok(out)
}

fn append(name: &str, value: &Value, out: &mut String, depth: usize) -> Result<(), RenderError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(RenderError::new("the form body is nested too deeply"));
    };
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                append(&format!("{name}[{key}]"), value, out, depth)?;
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                append(&format!("{name}[{index}]"), value, out, depth)?;
            }
        }
        leaf => {
            if !out.is_empty() {
                out.push('&');
            }
            escape(name, out);
            out.push('=');
            escape(&scalar(leaf).unwrap_or_default(), out);
        }
    }
    Ok(())
}

/// The WHATWG form rules: letters, digits and `*-._` stay, a space becomes `+`.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(percent_encoding::percent_encode_byte(other)),
        }
    }
}
