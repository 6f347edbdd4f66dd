//! JSON values that keep numbers as they were written.

use std::{borrow::Cow, cmp::Ordering};

use compact_str::{CompactString, ToCompactString as _};

use super::{
    Object,
    scan::{self, Scanner},
};

/// A number as JSON text (`1`, `1.50`, `9007199254740993`); valid by construction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(CompactString);

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each variant is its JSON type")]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Value>),
    Object(Object),
}

/// Why bytes are no JSON document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub reason: &'static str,
    /// Where.
    pub at: usize,
}

impl Number {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From JSON text of a number; `None` when it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.number().ok()?;
        (scanner.at == text.len()).then(|| Self(text.into()))
    }

    /// From a float, written with a fraction or an exponent; `None` when it is not finite.
    pub fn from_f64(value: f64) -> Option<Self> {
        serde_json::Number::from_f64(value).map(|number| Self(number.to_compact_string()))
    }

    /// As an integer, when it is written as one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// As a wide integer, when it is written as one and fits.
    pub(super) fn as_i128(&self) -> Option<i128> {
        self.0.parse().ok()
    }

    /// Whether it is written as an integer: without a point or an exponent.
    pub(super) fn is_integer(&self) -> bool {
        !self.0.contains(['.', 'e', 'E'])
    }

    /// Which of two is greater: exact, whatever their length and exponents.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        if let (Some(left), Some(right)) = (self.as_i64(), other.as_i64()) {
            return left.cmp(&right);
        }
        let (left, right) = (Decimal::of(&self.0), Decimal::of(&other.0));
        let sizes = || left.point.cmp(&right.point).then_with(|| left.digits().cmp(right.digits()));
        match (left.sign(), right.sign()) {
            (1, 1) => sizes(),
            (-1, -1) => sizes().reverse(),
            (left, right) => left.cmp(&right),
        }
    }

    /// As a float.
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }
}

/// A number taken apart: its digits behind a point that stands before the first one that is not zero, times a power of ten.
struct Decimal<'a> {
    is_negative: bool,
    /// The digits, without zeros at either end; parted where the point was.
    whole: &'a str,
    fraction: &'a str,
    /// The power of ten.
    point: i64,
}

impl<'a> Decimal<'a> {
    /// Of JSON text.
    fn of(text: &'a str) -> Self {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent = exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = whole.trim_start_matches('0');
        let (mut whole, mut fraction) = (whole, fraction.trim_end_matches('0'));
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let mut point = exponent.saturating_add(length(whole));
        if whole.is_empty() {
            let digits = fraction.trim_start_matches('0');
            point = point.saturating_sub(length(fraction) - length(digits));
            fraction = digits;
        }
        if fraction.is_empty() {
            whole = whole.trim_end_matches('0');
        }
        Self { is_negative, whole, fraction, point }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn sign(&self) -> i8 {
        match (self.whole.is_empty() && self.fraction.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_compact_string())
    }
}

impl From<i128> for Number {
    fn from(value: i128) -> Self {
        Self(value.to_compact_string())
    }
}

impl Value {
    /// Parses one JSON document (RFC 8259); the last of equal keys wins. Errors: not JSON, or nested deeper than 128.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        let mut scanner = Scanner::new(json);
        let value = parse_value(&mut scanner, 0)?;
        scanner.finish()?;
        Ok(value)
    }

    /// Appends the compact JSON text.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => out.extend_from_slice(number.0.as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write_json(out);
                }
                out.push(b']');
            }
            Self::Object(object) => {
                out.push(b'{');
                for (index, (key, value)) in object.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(key, out);
                    out.push(b':');
                    value.write_json(out);
                }
                out.push(b'}');
            }
        }
    }

    /// The compact JSON text.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write_json(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Member of an object; `None` for absent members and for other types.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The name of its JSON type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// Appends a JSON string with the escapes that are required.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[done..at]);
        done = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

fn parse_value(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, JsonError> {
    match scanner.token()? {
        b'"' => Ok(Value::String(parse_string(scanner)?.into_owned())),
        first @ (b'[' | b'{') => {
            if depth == scan::DEPTH_MAX {
                return scanner.fail("nested too deeply");
            }
            scanner.at += 1;
            if first == b'[' { parse_array(scanner, depth + 1) } else { parse_object(scanner, depth + 1) }
        }
        first => {
            let start = scanner.at;
            scanner.plain(first)?;
            Ok(match first {
                b't' => Value::Bool(true),
                b'f' => Value::Bool(false),
                b'n' => Value::Null,
                _ => Value::Number(Number(CompactString::from_utf8_lossy(&scanner.bytes[start..scanner.at]))),
            })
        }
    }
}

fn parse_string<'s>(scanner: &mut Scanner<'s>) -> Result<Cow<'s, str>, JsonError> {
    let range = scanner.string()?;
    Ok(scan::unescape(&scanner.bytes[range]))
}

fn parse_array(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, JsonError> {
    let mut items = Vec::new();
    if scanner.token()? == b']' {
        scanner.at += 1;
        return Ok(Value::Array(items));
    }
    loop {
        items.push(parse_value(scanner, depth)?);
        match scanner.token()? {
            b',' => scanner.at += 1,
            b']' => {
                scanner.at += 1;
                return Ok(Value::Array(items));
            }
            _ => return scanner.fail("expected a comma or the end of a list or object"),
        }
    }
}

fn parse_object(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, JsonError> {
    let mut object = Object::new();
    if scanner.token()? == b'}' {
        scanner.at += 1;
        return Ok(Value::Object(object));
    }
    loop {
        if scanner.token()? != b'"' {
            return scanner.fail("expected a key");
        }
        let key = parse_string(scanner)?;
        scanner.expect(b':', "expected a colon")?;
        let value = parse_value(scanner, depth)?;
        object.insert(key, value);
        match scanner.token()? {
            b',' => scanner.at += 1,
            b'}' => {
                scanner.at += 1;
                return Ok(Value::Object(object));
            }
            _ => return scanner.fail("expected a comma or the end of a list or object"),
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(Number(number.to_compact_string())),
            serde_json::Value::String(text) => Self::String(text.clone()),
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(object) => {
                Self::Object(object.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
        }
    }
}

impl From<&Value> for serde_json::Value {
    /// Numbers beyond 64 bits become floats; those beyond floats become null.
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => serde_json::from_str(&number.0).unwrap_or_default(),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Object(object) => {
                Self::Object(object.iter().map(|(key, value)| (key.to_string(), Self::from(value))).collect())
            }
        }
    }
}
