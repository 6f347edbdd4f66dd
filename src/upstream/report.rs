//! Failures in the log: a dead upstream must not drown the log.

use std::fmt::Display;

use crate::telemetry::Sparse;

/// At most one line a second for each place that reports.
#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Sparse,
}

impl Report {
    /// Logs the cause, or counts it for the next line.
    pub(super) fn failure(&self, upstream: &str, cause: &dyn Display) {
        if let Some(left_out) = self.lines.due(1) {
            tracing::warn!(upstream, %cause, left_out, "upstream call failed");
        }
    }
}
