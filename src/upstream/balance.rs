//! One of several instances makes the call.

use std::sync::Arc;

use super::{
    Call, CallError, Reply, UpstreamSpec,
    instances::Instances,
    service::{Passage, Service},
    verdict,
};

/// Sends each call to one instance and learns from how it ends.
///
/// Errors: `Unavailable` when discovery found no instance.
#[derive(Debug)]
pub(super) struct Balance<S> {
    spec: Arc<UpstreamSpec>,
    instances: Option<Arc<Instances>>,
    inner: S,
}

impl<S> Balance<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, instances: Option<&Arc<Instances>>, inner: S) -> Self {
        Self { spec: Arc::clone(spec), instances: instances.cloned(), inner }
    }
}

impl<S: Service> Service for Balance<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        let Some(instances) = &self.instances else { return self.inner.call(call, passage).await };
        let tried = passage.sendings.as_deref().map(|sendings| &sendings.tried);
        let Some(instance) = instances.choose(call, tried, passage.now) else {
            return Err(CallError::Unavailable { upstream: Arc::clone(&self.spec.name) });
        };
        let begun = instance.begin(passage.now);
        passage.url = match instance.place.url(&call.url, instances.primary()) {
            std::borrow::Cow::Owned(url) => Some(url),
            std::borrow::Cow::Borrowed(_) => None,
        };
        passage.instance = Some(Arc::clone(&instance));
        let result = self.inner.call(call, passage).await;
        // What says nothing about the service says nothing about the instance.
        if let Some(verdict) = verdict::of(&result) {
            instances.ended(&instance, begun.end(verdict, verdict::ended(&result)));
        }
        result
    }
}
