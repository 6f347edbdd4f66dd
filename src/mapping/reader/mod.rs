//! The span reader: mappings of keys, paths, aliases and groups, carried out in one pass over the bytes of a reply.
//!
//! A mapping is compiled to tries over the keys of input objects; reading walks the body once, skips what no trie wants
//! and leaves spans in cells. Whatever one pass cannot do like the evaluator (a key applied to a list, a key given twice,
//! a spread of something that is no object) makes it give the body back, and the evaluator takes it.
//!
//! In reading order: `compile` (mapping to tries), `run` (one body), `shape` (what the rows of a list have in common).

use super::{Problem, Slot, Span, Value, Variables, ast::Expr, evaluate::PROBLEMS_MAX};

mod compile;
mod run;
mod shape;
#[cfg(test)]
mod tests;

/// A compiled mapping.
#[derive(Debug)]
pub(super) struct Reader {
    /// What to do with the body; its cells follow one cell for the result.
    root: Action,
    /// Values that do not depend on the body.
    constants: Vec<Expr>,
    /// Keys in all tries, for reporting each once.
    key_count: usize,
    /// How many tries there are.
    trie_count: usize,
}

/// What reading a body came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The slot of the whole output.
    Slot(Slot),
    /// Nothing was written; the evaluator has to do it.
    GivenBack,
}

/// What to do with one input value. Cells are counted from the first cell of the enclosing output object.
#[derive(Debug)]
enum Action {
    /// The value as a span.
    Take { cell: u32, optional: bool },
    /// A group applied to the value, its result put into the cell.
    Group { cell: u32, optional: bool, plan: Box<Plan> },
    /// The middle of a path: keys of the value, into the same output object. `optional`: null is no problem.
    Descend { trie: Trie, optional: bool },
    /// A group whose members go into the same output object.
    Spread(Trie),
}

/// A group over a value: an output object for each input object.
#[derive(Debug, Default)]
struct Plan {
    /// The cells of an output object and of the groups over the same input inside it, which it points to by distance.
    template: Vec<Slot>,
    /// Cells of the template that are such groups.
    frames: Vec<u32>,
    /// Cells that take the input itself.
    selves: Vec<u32>,
    /// Cells that take constants, by index.
    constants: Vec<(u32, usize)>,
    /// What is wanted of the input's keys.
    trie: Trie,
}

/// Wanted keys of an input object.
#[derive(Debug, Default)]
struct Trie {
    keys: Vec<Key>,
    /// Its number in the reader.
    number: usize,
    /// A bit for each key.
    all: u128,
}

/// One wanted key.
#[derive(Debug)]
struct Key {
    name: Box<str>,
    actions: Vec<Action>,
    /// Number of the key, for reporting it once; `None` where its absence is no problem.
    report: Option<usize>,
    span: Span,
}

/// Appends a problem, within the bound.
fn problem(problems: &mut Vec<Problem>, span: &Span, message: String) {
    if problems.len() < PROBLEMS_MAX {
        problems.push(Problem { message, span: span.clone() });
    }
}

/// The value of a constant.
fn constant(expr: &Expr, variables: &dyn Variables, problems: &mut Vec<Problem>) -> Option<Value> {
    super::evaluate::constant(expr, variables, problems)
}
