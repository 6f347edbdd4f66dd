//! A pooled connection that the upstream had closed meanwhile is nobody's failure.

use std::sync::Arc;

use super::{
    Call, CallError, Reply, Safety,
    client::{Client, Failure},
    service::{Passage, Service},
};
use crate::aside::aside;

/// Sends a safe call once more when a connection that was used before ended without one byte of an answer.
///
/// Upstreams close idle connections when they like, and the call that finds out was most likely never read. This is not
/// a retry: a fresh connection that breaks is a failure. Unsafe calls are repeated only when nothing of them was sent,
/// which the client sees to by itself.
#[derive(Debug)]
pub(super) struct Resend {
    client: Arc<Client>,
}

impl Resend {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self { client }
    }
}

impl Service for Resend {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        let trace = passage.trace.call(self.client.name(), &call.method, passage.url.as_deref().unwrap_or(&call.url));
        trace.inject(&call.headers, &mut passage.headers);
        let result = match self.client.send(call, &passage).await {
            Err(Failure { was_pooled: true, .. }) if call.safety == Safety::Safe => {
                trace.resent(1);
                aside(|| self.client.send(call, &passage)).await
            }
            result => result,
        };
        match &result {
            Ok(reply) => trace.status(reply.status, 400),
            Err(failure) => trace.failed(failure.error.code().as_str(), &failure.error),
        }
        result.map_err(|failure| failure.error)
    }
}
