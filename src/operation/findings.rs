//! What is wrong with a request, gathered: places in the text, at most so many messages, none longer than so much.

use apollo_compiler::parser::SourceSpan;
use serde_json::Map;

use crate::error::{ErrorCode, Location, Refusal, RequestError};

/// Findings shown; the rest is counted, so that an answer stays in proportion to what came in.
pub(super) const SHOWN_MAX: usize = 100;
/// Bytes of one message; names in it come from the caller.
const MESSAGE_MAX: usize = 400;

/// Offsets of a text as lines and columns, each look-up in a few steps whatever the length of the line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    starts: Vec<u32>,
    /// Characters before each block of the text; empty when every character is one byte.
    blocks: Vec<u32>,
    text: Box<str>,
}

/// Bytes in a block of [`Lines::blocks`].
const BLOCK: usize = 64;

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            if bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n') {
                starts.push(count(at + 1));
            }
        }
        if text.is_ascii() {
            return Self { starts, ..Self::default() };
        }
        let mut blocks = vec![0];
        for block in bytes.chunks(BLOCK) {
            let before = blocks[blocks.len() - 1];
            blocks.push(before + count(characters(block)));
        }
        Self { starts, blocks, text: text.into() }
    }

    /// Line and column of a byte offset; columns count characters.
    pub(super) fn location(&self, offset: usize) -> Location {
        let line = self.starts.partition_point(|&start| start as usize <= offset);
        let start = self.starts[line - 1] as usize;
        Location {
            line: count(line),
            column: count(self.characters_before(offset) - self.characters_before(start)) + 1,
        }
    }

    /// Where a node starts; the start of the text for nodes without a place.
    pub(super) fn at(&self, span: Option<SourceSpan>) -> Location {
        self.location(span.map_or(0, |span| span.offset()))
    }

    fn characters_before(&self, offset: usize) -> usize {
        if self.blocks.is_empty() {
            return offset;
        }
        let offset = offset.min(self.text.len());
        let block = offset / BLOCK;
        self.blocks[block] as usize + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }
}

fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count()
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Findings of one code, in the order they were made.
#[derive(Debug)]
pub(super) struct Findings {
    code: ErrorCode,
    errors: Vec<RequestError>,
    more: usize,
}

impl Findings {
    pub(super) fn new(code: ErrorCode) -> Self {
        Self { code, errors: Vec::new(), more: 0 }
    }

    /// Adds one; the text is made only when it will be shown.
    pub(super) fn push(&mut self, location: Option<Location>, message: impl FnOnce() -> String) {
        if self.errors.len() == SHOWN_MAX {
            self.more += 1;
        } else {
            self.errors.push(RequestError {
                message: shortened(message()),
                locations: location.into_iter().collect(),
                extensions: Map::new(),
            });
        }
    }

    /// The refusal, if anything was found.
    pub(super) fn into_refusal(mut self) -> Option<Refusal> {
        if self.errors.is_empty() {
            return None;
        }
        if self.more > 0 {
            let message = format!("{} more errors are not shown", self.more);
            self.errors.push(RequestError { message, locations: Vec::new(), extensions: Map::new() });
        }
        Some(Refusal { code: self.code, errors: self.errors, challenge: None, headers: Vec::new(), fields: Vec::new() })
    }

    pub(super) fn into_result(self) -> Result<(), Refusal> {
        self.into_refusal().map_or(Ok(()), Err)
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX));
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let long = "é".repeat(200);
        let text = format!("a\nbc\r\n{long}x\rz");
        let lines = Lines::new(&text);
        let place = |what: &str| {
            let location = lines.location(text.find(what).expect("is in the text"));
            (location.line, location.column)
        };
        assert_eq!(place("a"), (1, 1));
        assert_eq!(place("c"), (2, 2));
        assert_eq!(place("x"), (3, 201));
        assert_eq!(place("z"), (4, 1));
        let end = lines.location(text.len());
        assert_eq!((end.line, end.column), (4, 2));
    }

    #[test]
    fn findings_are_counted_past_the_hundredth() {
        let mut findings = Findings::new(ErrorCode::BadUserInput);
        for number in 0..250 {
            findings.push(None, || format!("finding {number} {}", "é".repeat(1000)));
        }
        let refusal = findings.into_refusal().expect("has findings");
        assert_eq!(refusal.errors.len(), 101);
        assert_eq!(refusal.errors[100].message, "150 more errors are not shown");
        assert!(refusal.errors.iter().all(|error| error.message.len() < 410));
    }
}
