//! A scanner over JSON bytes: finds, checks and skips values without building any.
//! Checks structure everywhere, content (UTF-8, escapes, number syntax) where a value is wanted.

use std::{borrow::Cow, ops::Range};

mod lanes;
mod scanner;
mod text;
#[cfg(test)]
mod tests;

pub(super) use scanner::{Scanner, end_of_digits};
pub(super) use text::{end_of_plain, end_of_text};

/// Deepest nesting of lists and objects that is read.
pub(super) const DEPTH_MAX: usize = 128;

/// What the text of a slot is, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its JSON type")]
pub enum TokenKind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// The type of a valid JSON text.
pub fn kind(text: &[u8]) -> TokenKind {
    match text.first() {
        Some(b'"') => TokenKind::String,
        Some(b'[') => TokenKind::Array,
        Some(b'{') => TokenKind::Object,
        Some(b't' | b'f') => TokenKind::Bool,
        Some(b'n') => TokenKind::Null,
        _ => TokenKind::Number,
    }
}

/// Byte ranges of the items of a valid JSON array text, without white space around them.
pub fn items(array: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut scanner = Scanner::new(array);
    let mut open = scanner.token().is_ok_and(|byte| byte == b'[');
    if open {
        scanner.at += 1;
        open = scanner.token().is_ok_and(|byte| byte != b']');
    }
    std::iter::from_fn(move || {
        if !open {
            return None;
        }
        scanner.token().ok()?;
        let start = scanner.at;
        scanner.skip_value(0).ok()?;
        let end = scanner.at;
        open = scanner.token().is_ok_and(|byte| byte == b',');
        scanner.at += usize::from(open);
        Some(start..end)
    })
}

/// The text of a valid JSON string (with its quotes), unescaped; borrowed where it has no escapes.
pub fn unescape(string: &[u8]) -> Cow<'_, str> {
    let inner = string.strip_prefix(b"\"").unwrap_or(string);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some(&escape) = rest.get(at + 1) else { break };
        rest = &rest[at + 2..];
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (symbol, used) = unescape_unicode(rest);
                out.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[used..];
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The character after `\u`, and how many bytes its digits (and those of a second surrogate) take.
fn unescape_unicode(rest: &[u8]) -> (char, usize) {
    let Some(first) = hex4(rest) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if (0xd800..0xdc00).contains(&first)
        && rest.get(4..6) == Some(b"\\u")
        && let Some(second) = rest.get(6..).and_then(hex4)
        && (0xdc00..0xe000).contains(&second)
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4)?;
    let mut code = 0;
    for &digit in digits {
        code = code * 16 + char::from(digit).to_digit(16)?;
    }
    Some(code)
}
