//! What a layer is: something that makes calls, around something that makes calls.

use std::future::Future;

use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Call, CallError, Reply};

/// A layer, or the client at the bottom. Layers are concrete types around each other: no boxed futures between them.
pub(super) trait Service: Send + Sync {
    /// Makes one call.
    fn call(&self, call: Call, passage: Passage) -> impl Future<Output = Result<Reply, CallError>> + Send;
}

/// What travels with a call through the layers.
#[derive(Debug)]
pub(super) struct Passage {
    /// When the call has to be over. Made once at the top, so that a wait in one layer leaves less to the next.
    pub(super) deadline: Instant,
    /// A place among the calls at once; given back when the call is over, also when its caller left before.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}
