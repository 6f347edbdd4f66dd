//! Figures for Prometheus: handles made once, so that a request pays a few atomic additions.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ::metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    with_local_recorder,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::names;
use crate::error::ErrorCode;

/// Bounds of the duration buckets in seconds, after OpenTelemetry's advice for HTTP, with finer ones below 5 ms:
/// a gateway's own work is there.
const DURATION_BUCKETS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Durations are kept one by one until somebody folds them into the buckets; after this many we do it, so that memory
/// stays bounded also when nobody ever asks for the metrics.
const FOLD_AFTER: u32 = 4096;

/// Values of the status class label; the last is for calls without a usable reply.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "failed"];

/// Result of a look-up in the plan cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It was there.
    Hit,
    /// It had to be made.
    Miss,
}

/// What becomes of a document that is not trusted, while everything is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// It is in the manifest.
    Proposed,
    /// The manifest has no room for it.
    LeftOut,
}

impl Untrusted {
    /// As labels and log fields have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::LeftOut => "left_out",
        }
    }
}

/// All figures of the process.
pub struct Metrics {
    recorder: PrometheusRecorder,
    prometheus: PrometheusHandle,
    unfolded: AtomicU32,
    requests: [Histogram; CLASSES.len()],
    field_errors: Counter,
    cost_estimated: Counter,
    cost_actual: Counter,
    plan_hits: Counter,
    plan_misses: Counter,
    answers_repeated: Counter,
    operations_shared: Counter,
    documents_proposed: Counter,
    documents_left_out: Counter,
}

/// The figures of one upstream.
#[derive(Clone)]
pub struct UpstreamMetrics {
    calls: [Histogram; CLASSES.len()],
}

/// The figures of this process; made when first asked for.
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(Metrics::new)
}

impl Metrics {
    fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .with_recommended_naming(true)
            .set_buckets(&DURATION_BUCKETS)
            .expect("the buckets are not empty")
            .build_recorder();
        // No global recorder: handles are bound to this one, whoever else uses the facade.
        let handles = with_local_recorder(&recorder, || {
            describe();
            (
                CLASSES.map(|class| histogram!(names::SERVER_REQUEST_DURATION, names::LABEL_STATUS_CLASS => class)),
                counter!(names::FIELD_ERRORS),
                (counter!(names::COST_ESTIMATED), counter!(names::COST_ACTUAL)),
                (
                    counter!(names::PLAN_CACHE_LOOKUPS, names::LABEL_OUTCOME => "hit"),
                    counter!(names::PLAN_CACHE_LOOKUPS, names::LABEL_OUTCOME => "miss"),
                ),
                (counter!(names::ANSWERS_REPEATED), counter!(names::SHARED_OPERATIONS)),
                (
                    counter!(names::DOCUMENTS_UNTRUSTED, names::LABEL_OUTCOME => Untrusted::Proposed.as_str()),
                    counter!(names::DOCUMENTS_UNTRUSTED, names::LABEL_OUTCOME => Untrusted::LeftOut.as_str()),
                ),
            )
        });
        let prometheus = recorder.handle();
        let (requests, field_errors, cost, plans, reused, documents) = handles;
        Self {
            recorder,
            prometheus,
            unfolded: AtomicU32::new(0),
            requests,
            field_errors,
            cost_estimated: cost.0,
            cost_actual: cost.1,
            plan_hits: plans.0,
            plan_misses: plans.1,
            answers_repeated: reused.0,
            operations_shared: reused.1,
            documents_proposed: documents.0,
            documents_left_out: documents.1,
        }
    }

    /// Counts one GraphQL request that was answered with this HTTP status.
    pub fn request(&self, status: u16, duration: Duration) {
        self.requests[class(Some(status))].record(duration);
        self.fold_when_due();
    }

    /// Counts errors in answers that have data.
    pub fn field_errors(&self, count: usize) {
        if count > 0 {
            self.field_errors.increment(count as u64);
        }
    }

    /// Counts what one operation was estimated to cost, and what its answer did where that is reckoned.
    pub fn cost(&self, estimated: u64, actual: Option<u64>) {
        // A sum of numbers without bound would wrap.
        let bounded = |cost: u64| cost.min(u32::MAX.into());
        self.cost_estimated.increment(bounded(estimated));
        if let Some(actual) = actual {
            self.cost_actual.increment(bounded(actual));
        }
    }

    /// Counts one refused request. Not on the fast path, so the handle is looked up by the code.
    pub fn refused(&self, code: ErrorCode) {
        with_local_recorder(&self.recorder, || {
            counter!(names::REFUSALS, names::LABEL_CODE => code.as_str()).increment(1);
        });
    }

    /// Counts one operation that passes a limit on its size. Not on the fast path either.
    pub fn limit_passed(&self, limit: &'static str) {
        with_local_recorder(&self.recorder, || {
            counter!(names::LIMITS_PASSED, names::LABEL_LIMIT => limit).increment(1);
        });
    }

    /// Counts one request whose document is not trusted, where that is only reported.
    pub fn untrusted(&self, outcome: Untrusted) {
        match outcome {
            Untrusted::Proposed => self.documents_proposed.increment(1),
            Untrusted::LeftOut => self.documents_left_out.increment(1),
        }
    }

    /// Counts one request that a limit on rates refuses; `limit` is its name in the configuration.
    pub fn rate_limited(&self, limit: &str) {
        with_local_recorder(&self.recorder, || {
            counter!(names::RATE_LIMITED, names::LABEL_LIMIT => limit.to_owned()).increment(1);
        });
    }

    /// Counts one look-up of the plan cache.
    pub fn plan_lookup(&self, lookup: Lookup) {
        match lookup {
            Lookup::Hit => self.plan_hits.increment(1),
            Lookup::Miss => self.plan_misses.increment(1),
        }
    }

    /// Counts one answer that was given again, all of its replies still being fresh.
    pub fn answer_repeated(&self) {
        self.answers_repeated.increment(1);
    }

    /// Counts one operation that was answered by an equal one under way.
    pub fn operation_shared(&self) {
        self.operations_shared.increment(1);
    }

    /// The handles of one upstream, to be kept with it.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        let calls = with_local_recorder(&self.recorder, || {
            CLASSES.map(|class| {
                histogram!(
                    names::CLIENT_REQUEST_DURATION,
                    names::LABEL_UPSTREAM => name.to_owned(), names::LABEL_STATUS_CLASS => class
                )
            })
        });
        UpstreamMetrics { calls }
    }

    /// What handles are bound to.
    pub(super) fn recorder(&self) -> &PrometheusRecorder {
        &self.recorder
    }

    /// All figures in Prometheus' text format.
    pub fn render(&self) -> String {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let count = u32::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(u32::MAX);
            with_local_recorder(&self.recorder, || gauge!(names::TASKS)).set(f64::from(count));
        }
        self.prometheus.render()
    }

    fn fold_when_due(&self) {
        if self.unfolded.fetch_add(1, Ordering::Relaxed) % FOLD_AFTER == FOLD_AFTER - 1 {
            self.prometheus.run_upkeep();
        }
    }
}

impl UpstreamMetrics {
    /// Counts one call; `status` is `None` when there was no usable reply.
    pub fn call(&self, status: Option<u16>, duration: Duration) {
        self.calls[class(status)].record(duration);
        metrics().fold_when_due();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UpstreamMetrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("UpstreamMetrics").finish_non_exhaustive()
    }
}

/// Index into [`CLASSES`].
fn class(status: Option<u16>) -> usize {
    match status {
        Some(status @ 100..=599) => usize::from(status / 100) - 1,
        // A status outside of HTTP's range counts with the server's failures, as RFC 9110 (15) treats it.
        Some(_) => 4,
        None => 5,
    }
}

fn describe() {
    describe_histogram!(names::SERVER_REQUEST_DURATION, Unit::Seconds, "Duration of GraphQL requests");
    describe_histogram!(names::CLIENT_REQUEST_DURATION, Unit::Seconds, "Duration of calls of upstreams");
    describe_counter!(names::FIELD_ERRORS, "Errors of fields in answers with data");
    describe_counter!(names::RATE_LIMITED, "Requests refused by limits on rates");
    describe_counter!(names::COST_ESTIMATED, "What operations were estimated to cost");
    describe_counter!(names::COST_ACTUAL, "What answers cost, where it is reckoned");
    describe_counter!(names::REFUSALS, "Requests refused before execution");
    describe_counter!(names::LIMITS_PASSED, "Operations that pass a limit on their size");
    describe_counter!(
        names::DOCUMENTS_UNTRUSTED,
        "Requests whose document is not trusted, while that is only reported"
    );
    describe_counter!(names::PLAN_CACHE_LOOKUPS, "Look-ups of the plan cache");
    describe_counter!(
        names::ANSWERS_REPEATED,
        "Answers given again while all replies that they were made of are fresh"
    );
    describe_counter!(names::SHARED_OPERATIONS, "Operations answered by an equal one under way");
    super::resilience::describe();
    describe_counter!(names::CACHE_LOOKUPS, "Looks into the HTTP cache");
    describe_gauge!(names::CACHE_SIZE, Unit::Bytes, "Size of the HTTP cache");
    describe_counter!(names::SHARED_CALLS, "Calls answered by an equal one in flight");
    describe_gauge!(names::TASKS, "Tasks of the runtime that are alive");
    describe_counter!(names::REDIS_CALLS, "Questions to Redis");
    describe_gauge!(names::REDIS_UP, "Whether there is a connection to Redis");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_names_units_and_labels() {
        let metrics = Metrics::new();
        metrics.request(200, Duration::from_millis(3));
        metrics.request(404, Duration::from_millis(3));
        metrics.field_errors(2);
        metrics.field_errors(0);
        metrics.plan_lookup(Lookup::Hit);
        metrics.plan_lookup(Lookup::Miss);
        metrics.plan_lookup(Lookup::Hit);
        metrics.refused(ErrorCode::LimitExceeded);
        metrics.upstream("catalog").call(Some(503), Duration::from_millis(1));
        metrics.upstream("catalog").call(None, Duration::from_millis(1));
        let text = metrics.render();
        for line in [
            "http_server_request_duration_seconds_count{status_class=\"2xx\"} 1",
            "http_server_request_duration_seconds_bucket{status_class=\"2xx\",le=\"0.005\"} 1",
            "http_server_request_duration_seconds_bucket{status_class=\"2xx\",le=\"0.0025\"} 0",
            "http_server_request_duration_seconds_count{status_class=\"4xx\"} 1",
            "weft_field_errors_total 2",
            "weft_plan_cache_lookups_total{outcome=\"hit\"} 2",
            "weft_plan_cache_lookups_total{outcome=\"miss\"} 1",
            "weft_refusals_total{code=\"LIMIT_EXCEEDED\"} 1",
            "http_client_request_duration_seconds_count{upstream=\"catalog\",status_class=\"5xx\"} 1",
            "http_client_request_duration_seconds_count{upstream=\"catalog\",status_class=\"failed\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "`{line}` is not in:\n{text}");
        }
    }

    #[test]
    fn folding_loses_nothing() {
        let metrics = Metrics::new();
        for _ in 0..2 * FOLD_AFTER + 5 {
            metrics.request(200, Duration::from_micros(10));
        }
        let count = format!("_count{{status_class=\"2xx\"}} {}", 2 * FOLD_AFTER + 5);
        assert!(metrics.render().contains(&count));
    }

    #[test]
    fn an_odd_status_counts_as_a_failure_of_the_server() {
        assert_eq!(CLASSES[class(Some(204))], "2xx");
        assert_eq!(CLASSES[class(Some(999))], "5xx");
        assert_eq!(CLASSES[class(None)], "failed");
    }
}
