//! A scanner over JSON bytes: finds, checks and skips values without building any.
//! Checks structure everywhere, content (UTF-8, escapes, number syntax) where a value is wanted.

use std::{borrow::Cow, ops::Range};

use super::JsonError;

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

/// A position in JSON bytes, moved forward value by value.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn fail<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        Err(JsonError { reason, at: self.at })
    }

    /// The next byte that is no white space, not consumed. Errors: the end.
    #[inline]
    pub(super) fn token(&mut self) -> Result<u8, JsonError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.token_after_blanks(),
        }
    }

    fn token_after_blanks(&mut self) -> Result<u8, JsonError> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        self.fail("the text ends too early")
    }

    /// Consumes `byte`, white space before it included.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), JsonError> {
        if self.token()? == byte {
            self.at += 1;
            Ok(())
        } else {
            self.fail(reason)
        }
    }

    /// Errors: anything but white space is left.
    pub(super) fn finish(&mut self) -> Result<(), JsonError> {
        if self.token().is_ok() { self.fail("unexpected text after the end") } else { Ok(()) }
    }

    /// Skips a string, at its opening quote. Gives whether it has escapes.
    #[inline]
    pub(super) fn skip_string(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        let mut from = self.at + 1;
        loop {
            match find_mark(self.bytes.get(from..).unwrap_or_default()) {
                None => {
                    self.at = self.bytes.len();
                    return self.fail("a string does not end");
                }
                Some(found) if self.bytes[from + found] == b'"' => {
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
    pub(super) fn skip_text(&mut self) -> Result<(), JsonError> {
        let start = self.at + 1;
        let mut from = start;
        while let Some(found) = memchr::memchr(b'"', self.bytes.get(from..).unwrap_or_default()) {
            let end = from + found;
            let backslashes = self.bytes[start..end].iter().rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 0 {
                self.at = end + 1;
                return Ok(());
            }
            from = end + 1;
        }
        self.at = self.bytes.len();
        self.fail("a string does not end")
    }

    /// Skips a string and checks its content. Gives its bytes, quotes included.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Range<usize>, JsonError> {
        let start = self.at;
        let escaped = self.skip_string()?;
        check_string(&self.bytes[start + 1..self.at - 1], escaped, start + 1)?;
        Ok(start..self.at)
    }

    /// Skips a number, checking its syntax.
    #[inline]
    pub(super) fn number(&mut self) -> Result<(), JsonError> {
        let peek = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let mut at = self.at;
        let digits = |mut at: usize| {
            while peek(at).is_ascii_digit() {
                at += 1;
            }
            at
        };
        at += usize::from(peek(at) == b'-');
        let whole = at;
        at = digits(at);
        let mut good = at > whole && (peek(whole) != b'0' || at == whole + 1);
        if peek(at) == b'.' {
            let fraction = at + 1;
            at = digits(fraction);
            good &= at > fraction;
        }
        if matches!(peek(at), b'e' | b'E') {
            at += 1;
            at += usize::from(matches!(peek(at), b'+' | b'-'));
            let exponent = at;
            at = digits(exponent);
            good &= at > exponent;
        }
        if !good {
            return self.fail("not a JSON value");
        }
        self.at = at;
        Ok(())
    }

    /// Skips `true`, `false`, `null` or a number, told by its first byte.
    #[inline]
    pub(super) fn plain(&mut self, first: u8) -> Result<(), JsonError> {
        let word: &[u8] = match first {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            _ => return self.number(),
        };
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        self.fail("not a JSON value")
    }

    /// Skips one value inside `depth` others, checking structure only.
    #[inline]
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.token()? {
            b'"' => self.skip_text(),
            b'{' | b'[' => self.walk::<false>(depth),
            first => self.plain(first),
        }
    }

    /// Skips one value inside `depth` others, checking all of it.
    pub(super) fn check_value(&mut self, depth: usize) -> Result<(), JsonError> {
        self.walk::<true>(depth)
    }

    #[inline]
    fn walk_string<const CHECK: bool>(&mut self) -> Result<(), JsonError> {
        if CHECK { self.string().map(drop) } else { self.skip_text() }
    }

    /// Without recursion: a bit for each open level tells objects from lists.
    fn walk<const CHECK: bool>(&mut self, depth: usize) -> Result<(), JsonError> {
        let allowed = DEPTH_MAX.saturating_sub(depth);
        let (mut levels, mut open): (u128, usize) = (0, 0);
        loop {
            // A value starts here.
            match self.token()? {
                b'"' => self.walk_string::<CHECK>()?,
                first @ (b'{' | b'[') => {
                    if open == allowed {
                        return self.fail("nested too deeply");
                    }
                    let object = first == b'{';
                    self.at += 1;
                    let next = self.token()?;
                    if next == if object { b'}' } else { b']' } {
                        self.at += 1;
                    } else {
                        levels = (levels << 1) | u128::from(object);
                        open += 1;
                        if object {
                            self.walk_key::<CHECK>(next)?;
                        }
                        continue;
                    }
                }
                first => self.plain(first)?,
            }
            // It ended: close what ends with it, up to the next one.
            loop {
                if open == 0 {
                    return Ok(());
                }
                let object = levels & 1 == 1;
                match self.token()? {
                    b',' => {
                        self.at += 1;
                        if object {
                            let next = self.token()?;
                            self.walk_key::<CHECK>(next)?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return self.fail("expected a comma or the end of a list or object"),
                }
                self.at += 1;
                levels >>= 1;
                open -= 1;
            }
        }
    }

    #[inline]
    fn walk_key<const CHECK: bool>(&mut self, first: u8) -> Result<(), JsonError> {
        if first != b'"' {
            return self.fail("expected a key");
        }
        self.walk_string::<CHECK>()?;
        self.expect(b':', "expected a colon")
    }
}

/// Position of the first quote or backslash. Most strings are short, where eight bytes at a time beat a call of `memchr`.
#[inline]
fn find_mark(bytes: &[u8]) -> Option<usize> {
    const WORDS: usize = 2;
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(WORDS).enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(index * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let passed = words.len().min(WORDS) * 8;
    memchr::memchr2(b'"', b'\\', &bytes[passed..]).map(|found| passed + found)
}

/// The top bit of each byte that is a quote or a backslash; exact up to the first one.
#[inline]
fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')))
}

/// Checks the content of a string: UTF-8, no control characters, good escapes without lone surrogates.
#[inline]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Value;

    #[test]
    fn items_are_ranges_without_blanks() {
        let text = br#"[ 1 , "a,]\"" ,[2, [3]],{"k":[4]} ,null ]"#;
        let found: Vec<&[u8]> = items(text).map(|range| &text[range]).collect();
        assert_eq!(found, [&b"1"[..], br#""a,]\"""#, b"[2, [3]]", br#"{"k":[4]}"#, b"null"]);
        assert_eq!(items(b"[ ]").count(), 0);
        assert_eq!(items(b"[1,").count(), 1);
        assert_eq!(items(b"{}").count(), 0);
    }

    #[test]
    fn strings_are_unescaped() {
        assert!(matches!(unescape(b"\"plain\""), Cow::Borrowed("plain")));
        let text = r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#;
        assert_eq!(unescape(text.as_bytes()), "\"\\/\u{8}\u{c}\n\r\té😀é");
    }

    /// A string with each mark at each distance, so that words and the rest are both passed.
    #[test]
    fn marks_are_found_at_any_distance() {
        for before in 0..70 {
            for mark in [r#"\""#, r"\\", r"\n", ""] {
                let text = format!("\"{}{mark}{}\"", "x".repeat(before), "é".repeat(before / 2));
                assert!(Value::parse(text.as_bytes()).is_ok(), "{text}");
                let mut scanner = Scanner::new(text.as_bytes());
                assert_eq!(scanner.skip_string(), Ok(!mark.is_empty()), "{text}");
                assert_eq!(scanner.at, text.len());
                assert!(Scanner::new(&text.as_bytes()[..text.len() - 1]).skip_string().is_err(), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let refused: [&[u8]; 34] = [
            b"",
            b" ",
            b"{",
            b"[1",
            b"[1,]",
            b"{\"a\"}",
            b"{\"a\":}",
            b"{\"a\":1,}",
            b"{a:1}",
            b"1 2",
            b"[]]",
            b"nul",
            b"nullx",
            b"tru",
            b"01",
            b"-",
            b"1.",
            b".5",
            b"1e",
            b"1e+",
            b"+1",
            b"NaN",
            b"'a'",
            b"\"a",
            b"\"\\x\"",
            b"\"\\u12\"",
            b"\"\\ud800\"",
            b"\"\\udc00\"",
            b"\"\\ud800\\u0041\"",
            b"\"\x01\"",
            b"\"\xff\"",
            b"\"\xc3\"",
            b"\xef\xbb\xbf1",
            b"[1}",
        ];
        for text in refused {
            assert!(Value::parse(text).is_err(), "{}", String::from_utf8_lossy(text));
            let mut scanner = Scanner::new(text);
            let checked = scanner.token().and_then(|_| scanner.check_value(0)).and_then(|()| scanner.finish());
            assert!(checked.is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn what_is_json_is_read_and_written_back() {
        for text in [
            r#"{"a":[1,-0,1.50,1E+2,0.1e-3],"":{},"b":[[],[null,true,false]]}"#,
            r#""\"\\\n\u0001""#,
            "\"é😀/\"",
            "12345678901234567890123",
        ] {
            assert_eq!(Value::parse(text.as_bytes()).unwrap().to_json(), text);
            let mut scanner = Scanner::new(text.as_bytes());
            assert!(scanner.skip_value(0).and_then(|()| scanner.finish()).is_ok());
        }
        assert_eq!(Value::parse(br#"{"a":1,"b":2,"a":3}"#).unwrap().to_json(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn nesting_is_bounded_at_128() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for (depth, good) in [(128, true), (129, false)] {
                assert_eq!(Value::parse(nested(depth).as_bytes()).is_ok(), good);
                assert_eq!(Scanner::new(nested(depth).as_bytes()).skip_value(0).is_ok(), good);
                assert_eq!(Scanner::new(nested(depth).as_bytes()).skip_value(1).is_ok(), good && depth < 128);
            }
            assert!(Value::parse(open.repeat(100_000).as_bytes()).is_err());
        }
    }
}
