//! The scanner: a position in JSON bytes, moved forward value by value.

use super::DEPTH_MAX;
use crate::mapping::JsonError;

/// A position in JSON bytes, moved forward value by value.
#[derive(Debug, Clone)]
pub(in crate::mapping) struct Scanner<'a> {
    pub(in crate::mapping) bytes: &'a [u8],
    pub(in crate::mapping) at: usize,
}

impl<'a> Scanner<'a> {
    pub(in crate::mapping) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(in crate::mapping) fn fail<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        Err(JsonError { reason, at: self.at })
    }

    /// The next byte that is no white space, not consumed. Errors: the end.
    #[inline]
    pub(in crate::mapping) fn token(&mut self) -> Result<u8, JsonError> {
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
    pub(in crate::mapping) fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), JsonError> {
        if self.token()? == byte {
            self.at += 1;
            Ok(())
        } else {
            self.fail(reason)
        }
    }

    /// Errors: anything but white space is left.
    pub(in crate::mapping) fn finish(&mut self) -> Result<(), JsonError> {
        if self.token().is_ok() { self.fail("unexpected text after the end") } else { Ok(()) }
    }

    /// Skips a number, checking its syntax.
    #[inline]
    pub(in crate::mapping) fn number(&mut self) -> Result<(), JsonError> {
        if let Some(end) = end_of_digits(self.bytes, self.at) {
            self.at = end;
            return Ok(());
        }
        self.any_number()
    }

    fn any_number(&mut self) -> Result<(), JsonError> {
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
    pub(in crate::mapping) fn plain(&mut self, first: u8) -> Result<(), JsonError> {
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
    pub(in crate::mapping) fn skip_value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.token()? {
            b'"' => self.skip_text(),
            b'{' | b'[' => self.walk::<false>(depth),
            first => self.plain(first),
        }
    }

    /// Skips one value inside `depth` others, checking all of it.
    pub(in crate::mapping) fn check_value(&mut self, depth: usize) -> Result<(), JsonError> {
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

/// Where a whole number without a sign that begins at `start` ends. `None`: it is another number, or none, or the text ends there.
#[inline]
pub(in crate::mapping) fn end_of_digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while bytes.get(at)?.is_ascii_digit() {
        at += 1;
    }
    let is_whole = at == start + 1 || (at > start && bytes[start] != b'0');
    (is_whole && !matches!(bytes[at], b'.' | b'e' | b'E')).then_some(at)
}
