//! Strings: where one ends, and whether its content is good.

use std::ops::Range;

use super::{
    hex4,
    lanes::{self, WIDTH},
    scanner::Scanner,
};
use crate::mapping::JsonError;

impl Scanner<'_> {
    /// Skips a string, at its opening quote. Gives whether it has escapes.
    #[inline]
    pub(in crate::mapping) fn skip_string(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        let mut from = self.at + 1;
        loop {
            let rest = self.bytes.get(from..).unwrap_or_default();
            let near = rest.first_chunk().and_then(lanes::mark);
            match near.or_else(|| memchr::memchr2(b'"', b'\\', rest)) {
                None => {
                    self.at = self.bytes.len();
                    return self.fail("a string does not end");
                }
                Some(found) if rest[found] == b'"' => {
                    self.at = from + found + 1;
                    return Ok(escaped);
                }
                Some(found) => {
                    escaped = true;
                    from += found + 2;
                }
            }
        }
    }

    /// Skips a string of which nothing is wanted: from quote to quote, so that a text full of escapes costs no more than another.
    #[inline]
    pub(in crate::mapping) fn skip_text(&mut self) -> Result<(), JsonError> {
        if let Some(end) = end_of_text(self.bytes, self.at) {
            self.at = end;
            return Ok(());
        }
        self.at = self.bytes.len();
        self.fail("a string does not end")
    }

    /// Skips a string and checks its content. Gives its bytes, quotes included.
    #[inline]
    pub(in crate::mapping) fn string(&mut self) -> Result<Range<usize>, JsonError> {
        let start = self.at;
        if let Some(end) = end_of_plain(self.bytes, start) {
            self.at = end;
            return Ok(start..end);
        }
        self.string_of_any_kind(start)
    }

    /// A string with escapes, beyond ASCII, or close to the end of the text.
    fn string_of_any_kind(&mut self, start: usize) -> Result<Range<usize>, JsonError> {
        let escaped = self.skip_string()?;
        check_string(&self.bytes[start + 1..self.at - 1], escaped, start + 1)?;
        Ok(start..self.at)
    }
}

/// Where a string that begins at `start` ends (after its quote), whatever is in it; `None` when it does not end.
#[inline]
pub(in crate::mapping) fn end_of_text(bytes: &[u8], start: usize) -> Option<usize> {
    let from = start + 1;
    let rest = bytes.get(from..)?;
    let near = rest.first_chunk().and_then(lanes::quote);
    let end = from + near.or_else(|| memchr::memchr(b'"', rest))?;
    if bytes[end - 1] == b'\\' { end_after_backslash(bytes, from, end) } else { Some(end + 1) }
}

/// The same, from a quote at `end` on that may be escaped.
fn end_after_backslash(bytes: &[u8], from: usize, mut end: usize) -> Option<usize> {
    loop {
        let backslashes = bytes[from..end].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(end + 1);
        }
        end += 1 + memchr::memchr(b'"', &bytes[end + 1..])?;
    }
}

/// Where a string that begins at `start` ends (after its quote), when it is plain: ASCII without escapes. `None`: look closer.
#[inline]
pub(in crate::mapping) fn end_of_plain(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let chunk = bytes.get(at..)?.first_chunk()?;
        if !lanes::is_plain(chunk) {
            at += lanes::not_plain(chunk)?;
            return (bytes[at] == b'"').then_some(at + 1);
        }
        at += WIDTH;
    }
}

/// Checks the content of a string: UTF-8, no control characters, good escapes without lone surrogates.
fn check_string(inner: &[u8], escaped: bool, at: usize) -> Result<(), JsonError> {
    // One pass without branches, so that it is done many bytes at a time.
    let (low, high) = inner.iter().fold((0xff, 0), |(low, high), &byte| (byte.min(low), byte | high));
    if low < 0x20 {
        return Err(JsonError { reason: "a control character in a string", at });
    }
    if high >= 0x80_u8 && std::str::from_utf8(inner).is_err() {
        return Err(JsonError { reason: "a string is not UTF-8", at });
    }
    if escaped { check_escapes(inner, at) } else { Ok(()) }
}

fn check_escapes(inner: &[u8], at: usize) -> Result<(), JsonError> {
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'\\', &inner[from..]) {
        let escape = from + found + 1;
        let bad = Err(JsonError { reason: "a bad escape in a string", at: at + escape });
        from = match inner.get(escape) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => escape + 1,
            Some(b'u') => match hex4(&inner[escape + 1..]) {
                Some(0xd800..0xdc00) => {
                    let second = inner.get(escape + 5..).filter(|rest| rest.starts_with(b"\\u"));
                    match second.and_then(|rest| hex4(&rest[2..])) {
                        Some(0xdc00..0xe000) => escape + 11,
                        _ => return bad,
                    }
                }
                Some(0xdc00..0xe000) | None => return bad,
                Some(_) => escape + 5,
            },
            _ => return bad,
        };
    }
    Ok(())
}
