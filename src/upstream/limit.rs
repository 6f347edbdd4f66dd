//! At most so many calls at once; a bounded number waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{sync::Semaphore, time::timeout_at};

use super::{
    Call, CallError, Kept, Reply, UpstreamSpec,
    service::{Passage, Service},
};

/// Waiting calls for each call at once. Eight rounds of a healthy upstream are within any sensible timeout; who would
/// wait longer is better told now.
const ROUNDS_WAITING: usize = 8;

/// Room to wait for small limits, where one list of a request is already many calls.
const WAITING_MIN: usize = 1024;

/// Keeps calls at once within `concurrency_max`.
///
/// Errors: `Overloaded` when the queue is full, `TimedOut` when the deadline came while waiting.
#[derive(Debug)]
pub(super) struct Limit<S> {
    spec: Arc<UpstreamSpec>,
    room: Arc<Room>,
    inner: S,
}

/// The places of an upstream and the queue for them. Kept, so that calls of an old snapshot still count.
#[derive(Debug)]
struct Room {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Room {
    fn new(places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
            waiting_max: places.saturating_mul(ROUNDS_WAITING).max(WAITING_MIN),
        }
    }
}

impl<S> Limit<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, kept: &Kept, inner: S) -> Self {
        let room = kept.share(&spec.name, &spec.concurrency_max, || Room::new(spec.concurrency_max));
        Self { spec: Arc::clone(spec), room, inner }
    }
}

impl<S: Service> Service for Limit<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Reply, CallError> {
        let Room { places, waiting, waiting_max } = &*self.room;
        // A free place is taken at once; the queue is first in, first out.
        passage.permit = if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            Some(permit)
        } else {
            let Some(_waiting) = Waiting::enter(waiting, *waiting_max) else {
                return Err(CallError::Overloaded { upstream: Arc::clone(&self.spec.name) });
            };
            let permit = timeout_at(passage.deadline, Arc::clone(places).acquire_owned()).await;
            let permit = permit
                .map_err(|_| CallError::TimedOut { upstream: Arc::clone(&self.spec.name), waited: passage.allowed })?;
            Some(permit.expect("the semaphore is never closed"))
        };
        self.inner.call(call, passage).await
    }
}

/// A place in the queue, left when dropped: also when the caller leaves.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(waiting);
        (before < max).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
