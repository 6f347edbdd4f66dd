//! The end of waiting.

use std::sync::Arc;

use tokio::time::timeout_at;

use super::{
    Call, CallError, Reply, UpstreamSpec,
    report::Report,
    service::{Passage, Service},
};

/// Ends a call at its deadline, whatever it is doing: connecting, waiting for the head, reading the body, decoding.
///
/// Errors: `TimedOut`.
#[derive(Debug)]
pub(super) struct Deadline<S> {
    spec: Arc<UpstreamSpec>,
    report: Report,
    inner: S,
}

impl<S> Deadline<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, inner: S) -> Self {
        Self { spec: Arc::clone(spec), report: Report::default(), inner }
    }
}

impl<S: Service> Service for Deadline<S> {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Reply, CallError> {
        let (deadline, waited) = (passage.deadline, passage.allowed);
        timeout_at(deadline, self.inner.call(call, passage)).await.unwrap_or_else(|_| {
            self.report.failure(&self.spec.name, &"no answer in time");
            Err(CallError::TimedOut { upstream: Arc::clone(&self.spec.name), waited })
        })
    }
}
