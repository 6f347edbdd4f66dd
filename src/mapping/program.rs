//! A mapping compiled for what one step wants of it, and run over reply bytes into slots.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{
    JsonError, Layout, Mapping, Problem, Slot, Slots, Value, Variables, pour, prune,
    reader::{Outcome, Reader},
};

/// After that many bodies in a row that the reader had to give back, the evaluator gets them at once …
const GIVEN_BACK_MAX: u32 = 8;

/// … except for one in that many, so that a change of the upstream's habit is noticed.
const RETRY_EVERY: u32 = 64;

/// Which back end runs a program; `explain` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// One pass over the bytes, spans out.
    Reader,
    /// The body is parsed to a value, the pruned mapping evaluated, the result poured into slots.
    Evaluator,
}

/// What a reply's body is, decided by its content type (reference 8.1).
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// Nothing, or of a type that is not read.
    Null,
    /// Bytes that should be JSON.
    Json(&'a [u8]),
    /// Text, decoded.
    Text(&'a str),
}

/// A compiled, pruned mapping with its layout.
#[derive(Debug)]
pub struct Program {
    /// What is wanted.
    pub layout: Arc<Layout>,
    /// The pruned mapping.
    mapping: Mapping,
    /// Where one pass over the bytes will do.
    reader: Option<Reader>,
    /// Bodies in a row that the reader gave back.
    given_back: AtomicU32,
}

impl Program {
    /// Compiles a mapping for a layout: named selections that the layout does not want are dropped (reference 5.8),
    /// everything under a `Leaf` column is kept.
    pub fn compile(mapping: &Mapping, layout: Arc<Layout>) -> Self {
        let mut mapping = mapping.clone();
        mapping.root = prune::expr(mapping.root, layout.root, &layout);
        let reader = Reader::compile(&mapping, &layout);
        Self { layout, mapping, reader, given_back: AtomicU32::new(0) }
    }

    /// Which back end it got.
    pub fn back_end(&self) -> BackEnd {
        if self.reader.is_some() { BackEnd::Reader } else { BackEnd::Evaluator }
    }

    /// Maps one body. Objects are appended to `out.cells`; the slot of the whole output is given back.
    /// `reply` is the number that spans carry. A value that does not fit its `Kind` (a scalar where an object is wanted) is given
    /// as it is, as `Span` or `Owned`: completion judges it.
    /// Errors: the body is not JSON (cut, bytes after it, bad text in a wanted value, deeper than 128).
    pub fn read(
        &self,
        body: Body<'_>,
        reply: u32,
        variables: &dyn Variables,
        out: &mut Slots,
        problems: &mut Vec<Problem>,
    ) -> Result<Slot, JsonError> {
        if let (Body::Json(bytes), Some(reader)) = (body, &self.reader)
            && self.worth_a_try()
        {
            match reader.read(bytes, reply, variables, out, problems)? {
                Outcome::Slot(slot) => {
                    self.given_back.store(0, Ordering::Relaxed);
                    return Ok(slot);
                }
                Outcome::GivenBack => {
                    self.given_back.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.read_with_evaluator(body, variables, out, problems)
    }

    /// Whether the reader has a chance, judged by the bodies before.
    fn worth_a_try(&self) -> bool {
        let given_back = self.given_back.load(Ordering::Relaxed);
        if given_back < GIVEN_BACK_MAX {
            return true;
        }
        self.given_back.fetch_add(1, Ordering::Relaxed).is_multiple_of(RETRY_EVERY)
    }

    /// `read` by the evaluator, whatever the body.
    pub(super) fn read_with_evaluator(
        &self,
        body: Body<'_>,
        variables: &dyn Variables,
        out: &mut Slots,
        problems: &mut Vec<Problem>,
    ) -> Result<Slot, JsonError> {
        let input = match body {
            Body::Null => Value::Null,
            Body::Json(bytes) => Value::parse(bytes)?,
            Body::Text(text) => Value::String(text.to_owned()),
        };
        match self.mapping.evaluate(&input, variables, problems) {
            Some(value) => pour::pour(&value, self.layout.root, &self.layout, out),
            None => Ok(Slot::Missing),
        }
    }
}
