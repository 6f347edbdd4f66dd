//! The words of failure: codes, diagnostics for authors, refusals for callers.
//!
//! Not here: what went wrong in a room (each room has its own error enum) and HTTP statuses (`server/status.rs`).

mod code;
mod codes;
mod diagnostic;
mod refusal;
mod report;
mod suggest;

pub use code::ErrorCode;
pub use codes::{CODES, DiagnosticCode};
pub use diagnostic::{Diagnostic, Label, Severity, SourceText};
pub use refusal::{Location, Refusal, RequestError, denial};
pub use report::{Format, render};
pub use suggest::{did_you_mean, nearest};
