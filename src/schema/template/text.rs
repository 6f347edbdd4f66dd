//! Text with `{ expression }` parts.

use std::{borrow::Cow, ops::Range};

use super::{RenderError, compute, encode};
use crate::mapping::{Mapping, ParseError, Value, Variables, Version, parse};

/// A parsed template.
#[derive(Debug, Clone)]
pub(in crate::schema) struct Template {
    /// Its pieces, in order.
    pub(in crate::schema) parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone)]
pub(in crate::schema) enum Part {
    /// Constant text.
    Text(Constant),
    /// An expression; the range is that of the text between the braces.
    Expression(Box<Mapping>, Range<usize>),
}

/// Constant text, and how it stands in a URL.
#[derive(Debug, Clone)]
pub(in crate::schema) struct Constant {
    /// As written.
    pub(in crate::schema) plain: String,
    encoded: String,
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        let mut encoded = String::new();
        encode::constant(text, &mut encoded);
        Self::Text(Constant { plain: text.to_owned(), encoded })
    }
}

/// Why a text is no template.
#[derive(Debug, Clone)]
pub(in crate::schema) enum TemplateError {
    /// An opening brace without its closing one.
    Unclosed(Range<usize>),
    /// An expression that does not parse; the offset is that of the expression.
    Expression(ParseError, usize),
}

/// Whose text a template's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Anybody's: encoded.
    Data,
    /// The operator's (`$config` and `$env` of a base URL): scheme and authority are taken as they are.
    Operator,
}

impl Template {
    /// Parses a template. The end of an expression is found by counting braces; string literals are skipped.
    pub(in crate::schema) fn parse(text: &str, version: Version) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('{') {
            let open = at + found;
            if open > at {
                parts.push(Part::from(&text[at..open]));
            }
            let close = closing_brace(text, open + 1).ok_or(TemplateError::Unclosed(open..text.len()))?;
            let inner = &text[open + 1..close];
            let mapping = parse(inner, version).map_err(|error| TemplateError::Expression(error, open + 1))?;
            if mapping.is_empty() {
                let empty =
                    ParseError { message: "the expression is empty".to_owned(), span: 0..inner.len(), help: None };
                return Err(TemplateError::Expression(empty, open + 1));
            }
            parts.push(Part::Expression(Box::new(mapping), open + 1..close));
            at = close + 1;
        }
        if at < text.len() {
            parts.push(Part::from(&text[at..]));
        }
        Ok(Self { parts })
    }

    /// A template of constant text.
    pub(in crate::schema) fn constant(text: &str) -> Self {
        Self { parts: vec![Part::from(text)] }
    }

    /// The constant text that it begins with.
    pub(super) fn start(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Text(text)) => Some(&text.plain),
            Some(Part::Expression(..)) | None => None,
        }
    }

    /// The encoded text of a template without expressions.
    pub(super) fn fixed(&self) -> Option<String> {
        self.expressions().next().is_none().then(|| {
            let texts = self.parts.iter().filter_map(|part| match part {
                Part::Text(text) => Some(text.encoded.as_str()),
                Part::Expression(..) => None,
            });
            texts.collect()
        })
    }

    /// Its expressions, with where they stand.
    pub(in crate::schema) fn expressions(&self) -> impl Iterator<Item = (&Mapping, &Range<usize>)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(mapping, range) => Some((&**mapping, range)),
            Part::Text(_) => None,
        })
    }

    /// The text as a URL, or a part of one. Errors: a value that is a list or an object.
    pub(super) fn render_url(&self, variables: &dyn Variables, trust: Trust) -> Result<String, RenderError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(&text.encoded),
                Part::Expression(mapping, _) => {
                    let value = compute(mapping, variables);
                    let text = value.as_ref().map_or(Some(Cow::Borrowed("")), scalar);
                    let text = text.ok_or_else(|| RenderError::new("a list or an object cannot stand in the URL"))?;
                    if trust == Trust::Operator && before_path(&out) {
                        encode::constant(&text, &mut out);
                    } else {
                        encode::value(&text, &mut out);
                    }
                }
            }
        }
        Ok(out)
    }

    /// The text without encoding, line breaks removed. `None` when a value is a list or an object.
    pub(in crate::schema) fn render_plain(&self, variables: &dyn Variables) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(&text.plain),
                Part::Expression(mapping, _) => {
                    let value = compute(mapping, variables);
                    out.push_str(&value.as_ref().map_or(Some(Cow::Borrowed("")), scalar)?);
                }
            }
        }
        out.retain(|c| !matches!(c, '\n' | '\r'));
        Some(out)
    }
}

/// Whether a URL under construction has not reached its path yet.
fn before_path(url: &str) -> bool {
    match url.split_once("://") {
        Some((_, rest)) => !rest.contains(['/', '?', '#']),
        None => true,
    }
}

/// The text of a scalar, empty for null; `None` for lists and objects.
pub(super) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => Some(Cow::Borrowed("")),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => Some(Cow::Borrowed(number.as_str())),
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Offset of the brace that closes an expression which starts at `from`.
fn closing_brace(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == open {
                quote = None;
            }
            continue;
        }
        match byte {
            b'"' | b'\'' => quote = Some(byte),
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
