//! One walk over the text before any parser sees it: tokens counted, nesting measured, what means nothing blanked.
//!
//! Commas, comments and byte order marks become spaces of the same length, so that a text of nothing but those costs the
//! parser one run of white space and every offset stays where it was. Not here: whether the text is GraphQL.

use std::borrow::Cow;

/// What the walk found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned<'a> {
    /// The text without commas, comments and byte order marks, every other byte at its place.
    pub text: Cow<'a, str>,
    /// Lexical tokens.
    pub tokens: usize,
    /// Deepest nesting of `(`, `[` and `{` together.
    pub nesting: usize,
}

/// Walks the text once. Stops early when `tokens_max` or `nesting_max` is passed; the counts are then one past the maximum.
pub(super) fn scan(text: &str, tokens_max: usize, nesting_max: usize) -> Scanned<'_> {
    let mut walk = Walk { bytes: text.as_bytes(), at: 0, blanks: Vec::new() };
    let (mut tokens, mut depth, mut nesting) = (0usize, 0usize, 0usize);
    while let Some(first) = walk.token() {
        tokens += 1;
        match first {
            b'(' | b'[' | b'{' => {
                depth += 1;
                nesting = nesting.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if tokens > tokens_max || nesting > nesting_max {
            break;
        }
    }
    Scanned { text: blanked(text, &walk.blanks), tokens, nesting }
}

fn blanked<'a>(text: &'a str, blanks: &[(usize, usize)]) -> Cow<'a, str> {
    if blanks.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for &(start, end) in blanks {
        out.push_str(&text[from..start]);
        out.extend(std::iter::repeat_n(' ', end - start));
        from = end;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    blanks: Vec<(usize, usize)>,
}

impl Walk<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, what: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(what)
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    /// Moves past the next token and gives its first byte.
    fn token(&mut self) -> Option<u8> {
        self.skip_ignored();
        let first = self.peek(0)?;
        match first {
            b'"' => self.string(),
            b'.' if self.starts_with(b"...") => self.at += 3,
            b'-' | b'0'..=b'9' => self.number(),
            _ if is_name(first) => self.skip_while(is_name),
            // Every other character is a token, or an error that the parser reports one by one.
            _ => {
                self.at += 1;
                self.skip_while(|byte| byte & 0b1100_0000 == 0b1000_0000);
            }
        }
        Some(first)
    }

    fn skip_ignored(&mut self) {
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b',' => self.at += 1,
                b'#' => self.skip_while(|byte| byte != b'\n' && byte != b'\r'),
                0xEF if self.starts_with("\u{feff}".as_bytes()) => self.at += 3,
                _ => return,
            }
            match self.blanks.last_mut() {
                Some((_, end)) if *end == start => *end = self.at,
                _ => self.blanks.push((start, self.at)),
            }
        }
    }

    fn string(&mut self) {
        if self.starts_with(b"\"\"\"") {
            self.at += 3;
            while self.at < self.bytes.len() {
                if self.starts_with(b"\\\"\"\"") {
                    self.at += 4;
                } else if self.starts_with(b"\"\"\"") {
                    self.at += 3;
                    return;
                } else {
                    self.at += 1;
                }
            }
            return;
        }
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                // A string ends with its line; the parser says so.
                b'\n' | b'\r' => return,
                b'\\' if !matches!(self.peek(1), None | Some(b'\n' | b'\r')) => {
                    self.at += 2;
                    self.skip_while(|byte| byte & 0b1100_0000 == 0b1000_0000);
                }
                _ => self.at += 1,
            }
        }
    }

    /// One number as the grammar has it: `1-1-1` is three tokens.
    fn number(&mut self) {
        self.at += usize::from(self.peek(0) == Some(b'-'));
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip_while(|byte| byte.is_ascii_digit());
            }
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, tokens: usize, nesting: usize) {
        let scanned = scan(text, usize::MAX, usize::MAX);
        assert_eq!((scanned.tokens, scanned.nesting), (tokens, nesting), "{text:?}");
        assert_eq!(scanned.text.len(), text.len(), "offsets moved in {text:?}");
    }

    #[test]
    fn counts_tokens_and_nesting() {
        check("", 0, 0);
        check("{a}", 3, 1);
        check("{ a(x: [1, 2.5e-3]) { b } }", 14, 3);
        check("...on T @d", 5, 0);
        check("1-1-1", 3, 0);
        check("}}}{", 4, 1);
        check("é€", 2, 0);
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        check(r#"{ a(x: "{{{ \" [[" ) }"#, 8, 2);
        check("{ a # {{{ \"\n b }", 4, 1);
        check("{ a(x: \"\"\" {{ \" \\\"\"\" [ \"\"\") }", 8, 2);
        check("{ a(x: \"unterminated {{{\n { }", 8, 3);
    }

    #[test]
    fn blanks_what_means_nothing_and_keeps_offsets() {
        let text = "\u{feff}{ a,,, # no é\n b(x: \"a,b#c\") }";
        let scanned = scan(text, usize::MAX, usize::MAX);
        assert_eq!(scanned.text, "   { a           \n b(x: \"a,b#c\") }");
        assert_eq!(scanned.text.find("b("), text.find("b("));
        assert!(matches!(scan("{ a }", 9, 9).text, Cow::Borrowed(_)));
    }

    #[test]
    fn stops_one_past_the_maximum() {
        let text = "a ".repeat(1000);
        assert_eq!(scan(&text, 10, 10).tokens, 11);
        assert_eq!(scan(&"[".repeat(1000), 5000, 10).nesting, 11);
    }
}
