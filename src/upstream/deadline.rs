//! The end of waiting.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use http::HeaderValue;

use super::{
    Call, CallError, Reply, UpstreamSpec, clock,
    report::Report,
    service::{Passage, Service},
};

/// Ends a call at its deadline, whatever it is doing: connecting, waiting for the head, reading the body, decoding. Where
/// the settings name a header for it, the service is told how many milliseconds are left.
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
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        if let Some(name) = &self.spec.deadline_header {
            let left = call.end_by(passage.deadline).since(passage.now).as_millis();
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            passage.headers.insert(name.clone(), HeaderValue::from(left));
        }
        let (deadline, waited, watch) = (passage.deadline, passage.allowed, passage.watch(passage.deadline));
        let mut sending = pin!(self.inner.call(call, passage));
        if let Some(watch) = watch {
            // It is polled again when nobody looks after it any more; till then it needs no timer of its own.
            let ended = poll_fn(|context| match sending.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if watch.is_left_alone() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(result) = ended.await {
                return result;
            }
        }
        clock::timeout_at(deadline.instant(), sending).await.unwrap_or_else(|_| {
            self.report.failure(&self.spec.name, &"no answer in time");
            Err(CallError::TimedOut { upstream: Arc::clone(&self.spec.name), waited })
        })
    }
}
