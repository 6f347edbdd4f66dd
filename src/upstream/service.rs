//! What a layer is: something that makes calls, around something that makes calls.

use std::{future::Future, time::Duration};

use http::HeaderMap;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Call, CallError, Reply};

/// A layer, or the client at the bottom. Layers are concrete types around each other: no boxed futures between them.
pub(super) trait Service: Send + Sync {
    /// Makes one call. The call is lent, so that a layer can make it again.
    fn call(&self, call: &Call, passage: Passage) -> impl Future<Output = Result<Reply, CallError>> + Send;
}

/// What travels with a call through the layers.
#[derive(Debug)]
pub(super) struct Passage {
    /// When the call has to be over. Made once at the top, so that a wait in one layer leaves less to the next.
    pub(super) deadline: Instant,
    /// How much time that was from the start, for messages.
    pub(super) allowed: Duration,
    /// A place among the calls at once; given back when the call is over, also when its caller left before.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Headers that layers add to this sending (credentials, deadline); they replace the call's of the same name and do
    /// not count for what makes two calls equal.
    pub(super) headers: HeaderMap,
}

impl Passage {
    /// For a call that starts now and may take so long.
    pub(super) fn within(allowed: Duration) -> Self {
        Self { deadline: Instant::now() + allowed, allowed, permit: None, headers: HeaderMap::new() }
    }
}
