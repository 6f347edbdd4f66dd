//! Failures in the log, at most one line a second for each place that reports: a dead upstream must not drown the log.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_secs(1);

/// The last line and what was left out since.
#[derive(Debug, Default)]
pub(super) struct Report {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Report {
    /// Logs the cause, or counts it for the next line.
    pub(super) fn failure(&self, upstream: &str, cause: &dyn Display) {
        if let Some(left_out) = self.due(Instant::now()) {
            tracing::warn!(upstream, %cause, left_out, "upstream call failed");
        }
    }

    /// Whether a line is due, and how many were left out before it.
    fn due(&self, now: Instant) -> Option<u64> {
        // A poisoned count is still a count.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now.duration_since(last) < PAUSE) {
            state.1 += 1;
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second() {
        let report = Report::default();
        let start = Instant::now();
        assert_eq!(report.due(start), Some(0));
        assert_eq!(report.due(start + PAUSE / 2), None);
        assert_eq!(report.due(start + PAUSE / 2), None);
        assert_eq!(report.due(start + PAUSE), Some(2));
        assert_eq!(report.due(start + 3 * PAUSE), Some(0));
    }
}
