//! Figures of what the resilience layers of one upstream do.

use ::metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge, with_local_recorder};

use super::{Metrics, names};

/// Handles of one upstream, to be kept with it. A layer that is off never touches its own.
#[derive(Clone)]
pub struct ResilienceMetrics {
    retries: Counter,
    retries_refused: Counter,
    hedges: Counter,
    hedges_won: Counter,
    sheds: Counter,
    opened: Counter,
    breaker: Gauge,
    ejections: Counter,
    instances: Gauge,
    available: Gauge,
    limit: Gauge,
}

impl Metrics {
    /// The handles of one upstream.
    pub fn resilience(&self, upstream: &str) -> ResilienceMetrics {
        let name = || upstream.to_owned();
        with_local_recorder(self.recorder(), || ResilienceMetrics {
            retries: counter!(names::RETRIES, names::LABEL_UPSTREAM => name(), names::LABEL_OUTCOME => "made"),
            retries_refused: counter!(names::RETRIES, names::LABEL_UPSTREAM => name(), names::LABEL_OUTCOME => "no_budget"),
            hedges: counter!(names::HEDGES, names::LABEL_UPSTREAM => name(), names::LABEL_OUTCOME => "made"),
            hedges_won: counter!(names::HEDGES, names::LABEL_UPSTREAM => name(), names::LABEL_OUTCOME => "won"),
            sheds: counter!(names::SHEDS, names::LABEL_UPSTREAM => name()),
            opened: counter!(names::BREAKER_OPENED, names::LABEL_UPSTREAM => name()),
            breaker: gauge!(names::BREAKER_STATE, names::LABEL_UPSTREAM => name()),
            ejections: counter!(names::EJECTIONS, names::LABEL_UPSTREAM => name()),
            instances: gauge!(names::INSTANCES, names::LABEL_UPSTREAM => name(), names::LABEL_STATE => "known"),
            available: gauge!(names::INSTANCES, names::LABEL_UPSTREAM => name(), names::LABEL_STATE => "available"),
            limit: gauge!(names::CONCURRENCY_LIMIT, names::LABEL_UPSTREAM => name()),
        })
    }
}

impl ResilienceMetrics {
    /// A call is made once more.
    pub fn retried(&self) {
        self.retries.increment(1);
    }

    /// A call would have been made once more, had the budget allowed it.
    pub fn retry_refused(&self) {
        self.retries_refused.increment(1);
    }

    /// A slow call is asked a second time.
    pub fn hedged(&self) {
        self.hedges.increment(1);
    }

    /// The second question was answered first.
    pub fn hedge_won(&self) {
        self.hedges_won.increment(1);
    }

    /// A call was not made because too many wait.
    pub fn shed(&self) {
        self.sheds.increment(1);
    }

    /// The breaker is 0 closed, 1 half open, 2 open.
    pub fn breaker(&self, state: u8) {
        self.breaker.set(f64::from(state));
        if state == 2 {
            self.opened.increment(1);
        }
    }

    /// An instance is left alone after failures.
    pub fn ejected(&self) {
        self.ejections.increment(1);
    }

    /// How many instances there are, and how many of them get calls.
    pub fn instances(&self, known: usize, available: usize) {
        #[expect(clippy::cast_precision_loss, reason = "instances are counted in tens")]
        {
            self.instances.set(known as f64);
            self.available.set(available as f64);
        }
    }

    /// So many calls at once are made now.
    pub fn limit(&self, calls: usize) {
        #[expect(clippy::cast_precision_loss, reason = "calls at once are counted in thousands")]
        self.limit.set(calls as f64);
    }
}

impl std::fmt::Debug for ResilienceMetrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ResilienceMetrics").finish_non_exhaustive()
    }
}

/// Tells Prometheus what they mean.
pub(super) fn describe() {
    describe_counter!(names::RETRIES, "Calls made once more, or not for want of budget");
    describe_counter!(
        names::HEDGES,
        "Slow calls that were asked a second time, and those whose second answer came first"
    );
    describe_counter!(names::SHEDS, "Calls not made because too many wait");
    describe_counter!(names::BREAKER_OPENED, "How often the breaker opened");
    describe_gauge!(names::BREAKER_STATE, "0 closed, 1 half open, 2 open");
    describe_counter!(names::EJECTIONS, "Instances left alone after failures");
    describe_gauge!(names::INSTANCES, "Instances of an upstream");
    describe_gauge!(names::CONCURRENCY_LIMIT, "Calls at once that the adaptive limit allows");
}
