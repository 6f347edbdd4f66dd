//! A write that was sent is read to its end, whoever still waits for it.

use std::{future::Future, sync::Arc};

use futures_util::future::Either;

use super::{
    Call, CallError, Reply, Safety, Sent, UpstreamSpec,
    service::{Passage, Service},
};
use crate::{aside::aside, telemetry};

/// Runs unsafe calls as tasks of their own, safe ones as part of the caller.
///
/// A service may undo or lose a write whose client hangs up, and the caller would never know which. Reads are the
/// opposite: nobody needs their answer, so they stop with their caller.
#[derive(Debug)]
pub(super) struct Detach<S> {
    spec: Arc<UpstreamSpec>,
    inner: Arc<S>,
}

impl<S> Detach<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, inner: S) -> Self {
        Self { spec: Arc::clone(spec), inner: Arc::new(inner) }
    }
}

impl<S: Service + 'static> Service for Detach<S> {
    #[inline]
    fn call(&self, call: &Call, passage: Passage) -> impl Future<Output = Result<Box<Reply>, CallError>> + Send {
        match call.safety {
            Safety::Safe => Either::Left(self.inner.call(call, passage)),
            Safety::Unsafe => Either::Right(async move { aside(|| self.detached(call, passage)).await }),
        }
    }
}

impl<S: Service + 'static> Detach<S> {
    async fn detached(&self, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let task = tokio::spawn(telemetry::carried(async move { inner.call(&call, passage).await }));
        // A task ends without a result only when it panicked or the runtime stops.
        let lost = |_| Err(CallError::Connection { upstream: Arc::clone(&self.spec.name), sent: Sent::Maybe });
        task.await.unwrap_or_else(lost)
    }
}
