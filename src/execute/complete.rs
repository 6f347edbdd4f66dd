//! Values to their types (GraphQL October 2021, 6.4.3; reference 5.9): a leaf's text is copied when it fits.

use std::sync::Arc;

use super::{copy::Part, key::write_string};
use crate::{
    mapping::scan::{self, TokenKind},
    schema::{Scalar, TypeKind},
};

/// Appends the text as a value of the type. `false`: it does not fit, nothing was written.
#[inline]
pub(super) fn leaf(kind: &TypeKind, text: Part<'_>, is_strict: bool, out: &mut Vec<u8>) -> bool {
    match kind {
        TypeKind::Scalar(scalar) => self::scalar(*scalar, text, is_strict, out),
        TypeKind::Enum { values } => enumeration(values, text.bytes(), out),
        _ => false,
    }
}

/// The same for a scalar.
#[inline]
pub(super) fn scalar(scalar: Scalar, text: Part<'_>, is_strict: bool, out: &mut Vec<u8>) -> bool {
    let kind = scan::kind(text.bytes());
    let fits = match scalar {
        Scalar::Int => is_int(text.bytes()),
        Scalar::Float => kind == TokenKind::Number && is_finite(text.bytes()),
        Scalar::Boolean => kind == TokenKind::Bool,
        Scalar::String => return kind == TokenKind::String && string(text, out),
        Scalar::Id => match kind {
            TokenKind::String => return string(text, out),
            _ if is_strict => true,
            TokenKind::Number => {
                out.push(b'"');
                text.append_to(out);
                out.push(b'"');
                return true;
            }
            _ => false,
        },
        Scalar::Custom => true,
    };
    if fits {
        text.append_to(out);
    }
    fits
}

/// Written as an integer, and within 32 bits.
#[inline]
fn is_int(text: &[u8]) -> bool {
    match text {
        // Nine digits always fit.
        [b'-' | b'0'..=b'9', rest @ ..] if text.len() <= 9 => rest.iter().all(u8::is_ascii_digit),
        [b'-' | b'0'..=b'9', ..] if text.len() <= 11 => {
            std::str::from_utf8(text).is_ok_and(|text| text.parse::<i32>().is_ok())
        }
        _ => false,
    }
}

/// Within the range of a double: only an exponent or very many digits can leave it.
fn is_finite(text: &[u8]) -> bool {
    let is_surely = text.len() < 300 && !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
    is_surely || std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

/// A string goes out as it came in, unless it escapes half a surrogate pair, which readers refuse.
#[inline]
fn string(text: Part<'_>, out: &mut Vec<u8>) -> bool {
    if text.has_backslash() && has_surrogate_escape(text.bytes()) {
        write_string(&scan::unescape(text.bytes()), out);
    } else {
        text.append_to(out);
    }
    true
}

fn has_surrogate_escape(text: &[u8]) -> bool {
    text.windows(3).any(|window| window[0] == b'\\' && window[1] == b'u' && matches!(window[2], b'd' | b'D'))
}

fn enumeration(values: &[Arc<str>], text: &[u8], out: &mut Vec<u8>) -> bool {
    if scan::kind(text) != TokenKind::String {
        return false;
    }
    let name = scan::unescape(text);
    let Some(value) = values.iter().find(|value| ***value == *name) else { return false };
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
    true
}

/// What a text is, in the words of messages.
pub(super) fn describe(text: &[u8]) -> &'static str {
    match scan::kind(text) {
        TokenKind::Null => "null",
        TokenKind::Bool => "a boolean",
        TokenKind::Number => "a number",
        TokenKind::String => "a string",
        TokenKind::Array => "a list",
        TokenKind::Object => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part<'_> {
        Part::new(text.as_bytes(), text.len()).unwrap()
    }

    fn completed(scalar: Scalar, text: &str, is_strict: bool) -> Option<String> {
        let mut out = Vec::new();
        leaf(&TypeKind::Scalar(scalar), part(text), is_strict, &mut out)
            .then(|| String::from_utf8(out).expect("JSON text is UTF-8"))
    }

    #[test]
    fn integers_are_judged_by_their_text() {
        for good in ["0", "7", "-1", "2147483647", "-2147483648"] {
            assert_eq!(completed(Scalar::Int, good, true).as_deref(), Some(good));
        }
        for bad in ["2147483648", "-2147483649", "1.0", "1e2", "\"1\"", "true", "null", "[1]", "99999999999999"] {
            assert_eq!(completed(Scalar::Int, bad, false), None, "{bad}");
        }
    }

    #[test]
    fn floats_keep_their_text_and_stay_finite() {
        for good in ["1", "1.50", "-2e3", "12345678901234567890123"] {
            assert_eq!(completed(Scalar::Float, good, false).as_deref(), Some(good));
        }
        for bad in ["1e400", "\"1\"", "true"] {
            assert_eq!(completed(Scalar::Float, bad, false), None, "{bad}");
        }
    }

    #[test]
    fn ids_are_text_except_in_strict() {
        assert_eq!(completed(Scalar::Id, "7", false).as_deref(), Some("\"7\""));
        assert_eq!(completed(Scalar::Id, "7", true).as_deref(), Some("7"));
        assert_eq!(completed(Scalar::Id, "true", false), None);
        assert_eq!(completed(Scalar::Id, "\"a\"", false).as_deref(), Some("\"a\""));
    }

    #[test]
    fn enums_name_a_value() {
        let kind = TypeKind::Enum { values: vec!["OPEN".into(), "SHUT".into()] };
        let mut out = Vec::new();
        assert!(leaf(&kind, part(r#""OPEN""#), false, &mut out));
        assert_eq!(out, br#""OPEN""#);
        assert!(!leaf(&kind, part(r#""open""#), false, &mut out));
        assert!(!leaf(&kind, part("1"), false, &mut out));
        assert_eq!(out.len(), 6, "what does not fit writes nothing");
    }
}
