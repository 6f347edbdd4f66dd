//! From a reply to a mapping's input: what the body is, and whether the call succeeded (reference 8.1, 8.2).

use std::borrow::Cow;

use http::{HeaderMap, header};

use crate::mapping::{Body, JsonError, Mapping, Value, Variables};

/// What a body is to be read as.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// Null: nothing, or a type that is not read.
    Null,
    /// Bytes that should be JSON.
    Json(&'a [u8]),
    /// Text.
    Text(Cow<'a, str>),
}

impl Content<'_> {
    /// For a program.
    pub fn as_body(&self) -> Body<'_> {
        match self {
            Self::Null => Body::Null,
            Self::Json(bytes) => Body::Json(bytes),
            Self::Text(text) => Body::Text(text),
        }
    }

    /// As a whole value, for `isSuccess` and `errors`. Errors: not JSON.
    pub fn to_value(&self) -> Result<Value, JsonError> {
        match self {
            Self::Null => Ok(Value::Null),
            Self::Json(bytes) => Value::parse(bytes),
            Self::Text(text) => Ok(Value::String(text.to_string())),
        }
    }
}

/// Decides by content type.
pub(super) fn content<'a>(headers: &HeaderMap, body: &'a [u8]) -> Content<'a> {
    if body.is_empty() {
        return Content::Null;
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Content::Json(body) };
    let Ok(value) = value.to_str() else { return Content::Null };
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let essence = essence.trim();
    let Some((_, subtype)) = essence.split_once('/') else { return Content::Null };
    if subtype.eq_ignore_ascii_case("json") || ends_with_json(subtype) {
        return Content::Json(body);
    }
    if essence.eq_ignore_ascii_case("text/plain") {
        return Content::Text(decode(charset(parameters), body));
    }
    Content::Null
}

fn ends_with_json(subtype: &str) -> bool {
    subtype.rsplit_once('+').is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"))
}

fn charset(parameters: &str) -> Option<&str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// The encodings that REST services still send; every other is read as UTF-8, bad bytes replaced.
fn decode<'a>(charset: Option<&str>, body: &'a [u8]) -> Cow<'a, str> {
    let is = |names: &[&str]| charset.is_some_and(|given| names.iter().any(|name| given.eq_ignore_ascii_case(name)));
    // The web reads Latin-1 and ASCII as Windows-1252 (WHATWG Encoding, 4.2).
    if is(&["iso-8859-1", "latin1", "us-ascii", "ascii", "windows-1252", "cp1252"]) {
        return Cow::Owned(body.iter().map(|&byte| windows_1252(byte)).collect());
    }
    if is(&["utf-16", "utf-16le"]) {
        return Cow::Owned(utf_16(body, u16::from_le_bytes));
    }
    if is(&["utf-16be"]) {
        return Cow::Owned(utf_16(body, u16::from_be_bytes));
    }
    String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
}

fn utf_16(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(units.strip_prefix(&[0xfeff]).unwrap_or(&units))
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// Whether the call succeeded: by `isSuccess` alone where there is one, and only `true` is success.
/// Errors: a body that has to be looked at and is not JSON.
pub(super) fn is_success(
    mapping: Option<&Mapping>,
    status: u16,
    content: &Content<'_>,
    variables: &dyn Variables,
) -> Result<bool, JsonError> {
    let Some(mapping) = mapping else { return Ok((200..300).contains(&status)) };
    let value = mapping.evaluate(&content.to_value()?, variables, &mut Vec::new());
    Ok(value == Some(Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of<'a>(content_type: Option<&'static str>, body: &'a [u8]) -> Content<'a> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        content(&headers, body)
    }

    #[test]
    fn the_content_type_decides() {
        assert_eq!(of(None, b"1"), Content::Json(b"1"));
        assert_eq!(of(Some("application/json"), b""), Content::Null);
        assert_eq!(of(Some("application/json; charset=utf-8"), b"1"), Content::Json(b"1"));
        assert_eq!(of(Some("Application/Vnd.Pay+JSON"), b"1"), Content::Json(b"1"));
        assert_eq!(of(Some("text/html"), b"<p>"), Content::Null);
        assert_eq!(of(Some("application/jsonx"), b"1"), Content::Null);
        assert_eq!(of(Some("text/plain"), b"1"), Content::Text("1".into()));
    }

    #[test]
    fn text_is_decoded_by_its_charset() {
        assert_eq!(of(Some("text/plain; charset=utf-8"), "Å".as_bytes()), Content::Text("Å".into()));
        assert_eq!(of(Some("text/plain; charset=\"ISO-8859-1\""), b"\xc5\x80"), Content::Text("Å€".into()));
        assert_eq!(of(Some("text/plain; charset=utf-16be"), b"\xfe\xff\x00A"), Content::Text("A".into()));
        assert_eq!(of(Some("text/plain"), b"a\xff"), Content::Text("a\u{fffd}".into()));
    }
}
