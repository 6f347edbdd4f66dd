//! Figures of Redis.

use ::metrics::{Counter, Gauge, counter, gauge, with_local_recorder};

use super::{metrics::Metrics, names};

/// What came of asking Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It answered.
    Done,
    /// It did not answer in time, or not as it should.
    Failed,
    /// It was away, so it was not asked.
    Skipped,
}

const OUTCOMES: [&str; 3] = ["done", "failed", "skipped"];

/// The handles of one Redis.
#[derive(Clone)]
pub struct StoreMetrics {
    calls: [Counter; OUTCOMES.len()],
    up: Gauge,
}

impl StoreMetrics {
    /// Counts one question.
    pub fn called(&self, outcome: StoreOutcome) {
        self.calls[outcome as usize].increment(1);
    }

    /// Notes whether there is a connection.
    pub fn is_up(&self, is_up: bool) {
        self.up.set(if is_up { 1.0 } else { 0.0 });
    }
}

impl std::fmt::Debug for StoreMetrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("StoreMetrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The handles of a Redis, to be kept with its connection; `purpose` is what it is for.
    pub fn store(&self, purpose: &'static str) -> StoreMetrics {
        with_local_recorder(self.recorder(), || {
            StoreMetrics {
            calls: OUTCOMES.map(|outcome| {
                counter!(names::REDIS_CALLS, names::LABEL_PURPOSE => purpose, names::LABEL_OUTCOME => outcome)
            }),
            up: gauge!(names::REDIS_UP, names::LABEL_PURPOSE => purpose),
        }
        })
    }
}
