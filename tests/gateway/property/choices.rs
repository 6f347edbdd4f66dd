//! A stream of choices: what a generated world is made from.
//!
//! Zero is always the simplest choice, and a stream that has ended gives zeros, so a shorter stream of smaller numbers makes a
//! simpler world. That is how proptest shrinks schemas, data and operations without knowing them.

/// Reads choices.
pub struct Choices<'a> {
    stream: &'a [u16],
}

impl<'a> Choices<'a> {
    /// Over a stream.
    pub fn new(stream: &'a [u16]) -> Self {
        Self { stream }
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.stream.split_first() else { return 0 };
        self.stream = rest;
        (usize::from(*first) * count) >> 16
    }

    /// True in so many of a hundred; false is the simple choice.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }
}
