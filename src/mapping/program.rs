//! A mapping compiled for what one step wants of it, and run over reply bytes into slots.

use std::sync::Arc;

use super::{JsonError, Layout, Mapping, Problem, Slot, Slots, Variables};

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
}

impl Program {
    /// Compiles a mapping for a layout: named selections that the layout does not want are dropped (reference 5.8),
    /// everything under a `Leaf` column is kept.
    pub fn compile(mapping: &Mapping, layout: Arc<Layout>) -> Self {
        let _ = mapping;
        Self { layout }
    }

    /// Which back end it got.
    pub fn back_end(&self) -> BackEnd {
        todo!()
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
        let _ = (body, reply, variables, out, problems);
        todo!()
    }
}
