//! Counts calls by result.

use super::{
    Call, CallError, Reply,
    service::{Passage, Service},
    verdict,
};
use crate::telemetry::{UpstreamMetrics, metrics};

/// Counts every call with its duration; one whose caller left is not counted.
#[derive(Debug)]
pub(super) struct Observe<S> {
    metrics: UpstreamMetrics,
    inner: S,
}

impl<S> Observe<S> {
    pub(super) fn new(upstream: &str, inner: S) -> Self {
        Self { metrics: metrics().upstream(upstream), inner }
    }
}

impl<S: Service> Service for Observe<S> {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        let began = passage.now;
        let result = self.inner.call(call, passage).await;
        let took = verdict::ended(&result).since(began);
        self.metrics.call(result.as_ref().ok().map(|reply| reply.status), took);
        result
    }
}
