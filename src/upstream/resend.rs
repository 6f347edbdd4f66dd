//! A pooled connection that the upstream had closed meanwhile is nobody's failure.

use super::{
    Call, CallError, Reply, Safety,
    client::{Client, Failure},
    service::{Passage, Service},
};

/// Sends a safe call once more when a connection that was used before ended without one byte of an answer.
///
/// Upstreams close idle connections when they like, and the call that finds out was most likely never read. This is not
/// a retry: a fresh connection that breaks is a failure. Unsafe calls are repeated only when nothing of them was sent,
/// which the client sees to by itself.
#[derive(Debug)]
pub(super) struct Resend {
    client: Client,
}

impl Resend {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Service for Resend {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Reply, CallError> {
        match self.client.send(call, &passage.headers).await {
            Err(Failure { was_pooled: true, .. }) if call.safety == Safety::Safe => {
                self.client.send(call, &passage.headers).await.map_err(|failure| failure.error)
            }
            result => result.map_err(|failure| failure.error),
        }
    }
}
