//! Tokens of the language, taken one at a time from a position.

use super::{Number, ParseError, Span};

/// A position in the text of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    pub text: &'a str,
    pub at: usize,
}

/// An error at a place.
pub(super) fn error<T>(message: impl Into<String>, span: Span) -> Result<T, ParseError> {
    Err(ParseError { message: message.into(), span, help: None })
}

pub(super) fn identifier_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn identifier_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Passes white space and comments.
    pub(super) fn blank(&mut self) {
        loop {
            match self.byte(0) {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// Whether nothing but blanks is left.
    pub(super) fn ended(&mut self) -> bool {
        self.blank();
        self.at == self.text.len()
    }

    /// The next byte after blanks; 0 at the end.
    pub(super) fn peek(&mut self) -> u8 {
        self.blank();
        self.byte(0)
    }

    /// Whether `mark` follows after blanks.
    pub(super) fn looks_at(&mut self, mark: &str) -> bool {
        self.blank();
        self.text.as_bytes()[self.at..].starts_with(mark.as_bytes())
    }

    /// Takes `mark` if it follows.
    pub(super) fn take(&mut self, mark: &str) -> bool {
        let found = self.looks_at(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    /// Takes `mark`. Errors: something else follows.
    pub(super) fn require(&mut self, mark: &str) -> Result<(), ParseError> {
        if self.take(mark) {
            return Ok(());
        }
        error(format!("expected `{mark}`, found {}", self.describe()), self.here())
    }

    /// The place of the next character.
    pub(super) fn here(&mut self) -> Span {
        self.blank();
        let len = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        self.at..self.at + len
    }

    /// The next character in words.
    pub(super) fn describe(&mut self) -> String {
        self.blank();
        self.text[self.at..].chars().next().map_or_else(|| "the end".to_owned(), |found| format!("`{found}`"))
    }

    /// An identifier right here, without blanks before it.
    pub(super) fn identifier_here(&mut self) -> Option<&'a str> {
        if !identifier_start(self.byte(0)) {
            return None;
        }
        let start = self.at;
        while identifier_part(self.byte(0)) {
            self.at += 1;
        }
        Some(&self.text[start..self.at])
    }

    /// An identifier after blanks.
    pub(super) fn identifier(&mut self) -> Option<&'a str> {
        self.blank();
        self.identifier_here()
    }

    /// A string; `None` when none follows. Errors: it does not end.
    pub(super) fn string(&mut self) -> Result<Option<String>, ParseError> {
        let quote = self.peek();
        if quote != b'"' && quote != b'\'' {
            return Ok(None);
        }
        let start = self.at;
        let mut text = String::new();
        let mut rest = self.text[start + 1..].char_indices();
        while let Some((offset, found)) = rest.next() {
            match found {
                '\\' => match rest.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                _ if found == char::from(quote) => {
                    self.at = start + 1 + offset + 1;
                    return Ok(Some(text));
                }
                _ => text.push(found),
            }
        }
        error("this string does not end", start..self.text.len())
    }

    /// A number; `None` when none follows. Errors: an exponent.
    pub(super) fn number(&mut self) -> Result<Option<Number>, ParseError> {
        self.blank();
        let start = self.at;
        let mut text = String::new();
        if self.byte(0) == b'-' {
            text.push('-');
            self.at += 1;
            self.blank();
        }
        let whole = self.digits();
        let mut fraction = "";
        if self.byte(0) == b'.' {
            let next = self.byte(1);
            // `5.` is a number, `5.key` and `5 .key` are paths.
            if next.is_ascii_digit() || (!whole.is_empty() && !identifier_start(next) && !matches!(next, b'"' | b'\''))
            {
                self.at += 1;
                fraction = self.digits();
                if whole.is_empty() && fraction.is_empty() {
                    self.at = start;
                    return Ok(None);
                }
                let whole = whole.trim_start_matches('0');
                text.push_str(if whole.is_empty() { "0" } else { whole });
                text.push('.');
                text.push_str(if fraction.is_empty() { "0" } else { fraction });
                return self.number_end(start, &text);
            }
        }
        if whole.is_empty() && fraction.is_empty() {
            self.at = start;
            return Ok(None);
        }
        let whole = whole.trim_start_matches('0');
        text.push_str(if whole.is_empty() { "0" } else { whole });
        self.number_end(start, &text)
    }

    fn number_end(&self, start: usize, text: &str) -> Result<Option<Number>, ParseError> {
        if identifier_part(self.byte(0)) {
            return error("a number is followed by a letter; exponents are not supported", start..self.at + 1);
        }
        Ok(Number::from_text(text))
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        while self.byte(0).is_ascii_digit() {
            self.at += 1;
        }
        &self.text[start..self.at]
    }
}
