//! The words of failure: codes, diagnostics for authors, refusals for callers.
//!
//! Not here: what went wrong in a room (each room has its own error enum) and HTTP statuses (`server/status.rs`).

mod code;
mod diagnostic;
mod refusal;
mod report;

pub use code::ErrorCode;
pub use diagnostic::{Diagnostic, Label, Severity, SourceText};
pub use refusal::{Location, Refusal, RequestError};
pub use report::{Format, render};
