//! GraphQL string literals with the way back: which byte of the value was written where in the file.

use std::ops::Range;

use apollo_compiler::{Node, ast::Value, parser::SourceSpan};

use super::findings::Findings;
use crate::error::Label;

/// The value of a string literal, and the offset in the file of each of its bytes.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    /// The value.
    pub(super) text: String,
    /// Offset in the file of each byte of `text`, and of the end.
    offsets: Vec<usize>,
    /// The literal itself.
    span: Option<SourceSpan>,
}

impl Literal {
    /// The literal at a value node; `None` for values that are no strings.
    pub(super) fn read(node: &Node<Value>, findings: &Findings) -> Option<Self> {
        let text = node.as_str()?;
        let span = node.location();
        let traced = span.and_then(|span| {
            let source = findings.source(span)?;
            let (value, offsets) = trace(&source.text, span.offset())?;
            (value == text).then_some(offsets)
        });
        let start = span.map_or(0, |span| span.offset());
        let offsets = traced.unwrap_or_else(|| vec![start; text.len() + 1]);
        Some(Self { text: text.to_owned(), offsets, span })
    }

    /// The same; a value that is neither a string nor null is a finding: the scalars of the connect spec take any value as GraphQL.
    pub(super) fn required(node: &Node<Value>, code: &'static str, findings: &mut Findings) -> Option<Self> {
        let literal = Self::read(node, findings);
        if literal.is_none() && !node.is_null() {
            let help = Some("put it between quotes, or between `\"\"\"` where it has several lines".to_owned());
            findings.error_with_help(code, "a text is wanted here", node.location(), help);
        }
        literal
    }

    /// Where the literal is.
    pub(super) fn span(&self) -> Option<SourceSpan> {
        self.span
    }

    /// A mark at a part of the value; the whole literal for an empty part of an empty value.
    pub(super) fn label(&self, part: Range<usize>, findings: &Findings, text: impl Into<String>) -> Label {
        let whole = findings.label(self.span, text);
        if self.text.is_empty() {
            return whole;
        }
        let at = |index: usize| self.offsets.get(index.min(self.text.len())).copied().unwrap_or(whole.span.start);
        let start = at(part.start);
        let end = if part.end > part.start { at(part.end - 1) + 1 } else { start };
        // A multi-byte character at the end is marked whole.
        let end = (end..end + 4).find(|end| whole.source.text.is_char_boundary(*end)).unwrap_or(start);
        Label { span: start..end.max(start), ..whole }
    }
}

/// Reads the literal that starts at or after `from`: its value, and the offset of each byte of it.
fn trace(source: &str, from: usize) -> Option<(String, Vec<usize>)> {
    let start = from + source.get(from..)?.find('"')?;
    let rest = source.get(start..)?;
    if rest.starts_with("\"\"\"") { block(source, start + 3) } else { quoted(source, start + 1) }
}

/// A literal in single quotes: escapes resolved.
fn quoted(source: &str, start: usize) -> Option<(String, Vec<usize>)> {
    let mut out = Traced::default();
    let mut chars = source.get(start..)?.char_indices().map(|(at, c)| (start + at, c));
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some(out.end(at)),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n', at),
                't' => out.push('\t', at),
                'r' => out.push('\r', at),
                'b' => out.push('\u{8}', at),
                'f' => out.push('\u{c}', at),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?, at);
                }
                other => out.push(other, at),
            },
            other => out.push(other, at),
        }
    }
    None
}

/// A block string: common indentation and blank lines at both ends removed (GraphQL October 2021, 2.9.4).
fn block(source: &str, start: usize) -> Option<(String, Vec<usize>)> {
    let mut raw: Vec<Vec<(usize, char)>> = vec![Vec::new()];
    let mut at = start;
    let end = loop {
        let rest = source.get(at..)?;
        if rest.starts_with("\"\"\"") {
            break at;
        }
        if rest.starts_with("\\\"\"\"") {
            let line = raw.last_mut()?;
            line.extend((1..4).map(|step| (at + step, '"')));
            at += 4;
            continue;
        }
        let c = rest.chars().next()?;
        if c == '\r' && rest[1..].starts_with('\n') {
            at += 1;
        }
        if matches!(c, '\r' | '\n') {
            raw.push(Vec::new());
        } else {
            raw.last_mut()?.push((at, c));
        }
        at += c.len_utf8();
    };
    let indent_of = |line: &[(usize, char)]| line.iter().take_while(|(_, c)| matches!(c, ' ' | '\t')).count();
    let is_blank = |line: &[(usize, char)]| indent_of(line) == line.len();
    let indent = raw.iter().skip(1).filter(|line| !is_blank(line)).map(|line| indent_of(line)).min().unwrap_or(0);
    let first = raw.iter().position(|line| !is_blank(line)).unwrap_or(raw.len());
    let last = raw.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
    let mut out = Traced::default();
    let mut line_end = start;
    for (number, line) in raw.iter().enumerate().take(last).skip(first) {
        if number > first {
            out.push('\n', line_end);
        }
        let skip = if number == 0 { 0 } else { indent };
        for (at, c) in line.iter().skip(skip) {
            out.push(*c, *at);
        }
        line_end = line.last().map_or(line_end, |(at, c)| at + c.len_utf8());
    }
    Some(out.end(if first < last { line_end } else { end }))
}

/// A text under construction, with the offset of each byte.
#[derive(Default)]
struct Traced {
    text: String,
    offsets: Vec<usize>,
}

impl Traced {
    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.offsets.extend((0..c.len_utf8()).map(|step| at + step));
    }

    fn end(mut self, at: usize) -> (String, Vec<usize>) {
        self.offsets.push(at);
        (self.text, self.offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_escapes_of_quoted_strings() {
        let source = r#"x: "a\"b\u00e9c" "#;
        let (text, offsets) = trace(source, 3).expect("a literal");
        assert_eq!(text, "a\"béc");
        assert_eq!(offsets, [4, 5, 7, 8, 9, 14, 15]);
    }

    #[test]
    fn traces_indented_block_strings() {
        let source = "s: \"\"\"\n    id\n      name \\\"\"\"\n\n    \"\"\"";
        let (text, offsets) = trace(source, 3).expect("a literal");
        assert_eq!(text, "id\n  name \"\"\"");
        assert_eq!(&source[offsets[0]..offsets[0] + 2], "id");
        assert_eq!(&source[offsets[5]..offsets[5] + 4], "name");
    }

    #[test]
    fn empty_blocks_are_empty() {
        let (text, offsets) = trace("\"\"\"\n  \n\"\"\"", 0).expect("a literal");
        assert_eq!((text.as_str(), offsets.len()), ("", 1));
    }
}
