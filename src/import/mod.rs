//! Beside serving: a schema made of an OpenAPI document, and two APIs compared.

mod diff;
#[cfg(test)]
mod diff_tests;
pub mod openapi;

pub use diff::{Change, Level, diff};
