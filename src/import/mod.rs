//! Beside serving: two APIs compared.

mod diff;
#[cfg(test)]
mod diff_tests;

pub use diff::{Change, Level, diff};
