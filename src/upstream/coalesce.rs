//! Equal calls at the same time are one call.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{HeaderMap, HeaderName, Method, header};
use tokio::{runtime::Handle, sync::oneshot, time::Instant};

use super::{
    Call, CallError, Reply, Safety, Sent, Served, UpstreamSpec,
    fingerprint::{Counted, Fingerprint, Seed},
    service::{Passage, Service},
};
use crate::{
    aside::aside,
    config::{Priority, Share},
    telemetry::{self, ReuseMetrics, metrics},
};

/// Sends one of several equal calls in flight, and gives its outcome to all of them.
///
/// Equal is what agrees in everything that is sent, so the upstream could not tell the callers apart. The shared call runs
/// under the source's timeout, whatever its first caller had left, and ends when its last waiter leaves. Writes, and calls
/// with an idempotency key, are never shared.
///
/// Errors: those of the shared call.
#[derive(Debug)]
pub(super) struct Coalesce<S> {
    spec: Arc<UpstreamSpec>,
    seed: Seed,
    flights: Arc<Flights>,
    metrics: ReuseMetrics,
    inner: Arc<S>,
}

impl<S> Coalesce<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, inner: S) -> Self {
        Self {
            spec: Arc::clone(spec),
            seed: Seed::new(&spec.name, ""),
            flights: Arc::default(),
            metrics: metrics().reuse(&spec.name),
            inner: Arc::new(inner),
        }
    }
}

/// Whether a call may be one with an equal one of another request.
pub(super) fn may_share(share: Share, call: &Call) -> bool {
    const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
    let is_meant = match share {
        Share::Off => false,
        Share::Anonymous => [Method::GET, Method::HEAD].contains(&call.method) && !has_credentials(&call.headers),
        Share::Coalesce | Share::Batch => true,
    };
    is_meant && call.safety == Safety::Safe && !call.headers.contains_key(IDEMPOTENCY_KEY)
}

/// Whether headers say who the caller is.
pub fn has_credentials(headers: &HeaderMap) -> bool {
    const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
    headers.keys().any(|name| CREDENTIALS.contains(name))
}

impl<S: Service + 'static> Service for Coalesce<S> {
    #[inline]
    fn call(&self, call: &Call, passage: Passage) -> impl Future<Output = Outcome> + Send {
        // A service that is told how long its caller waits gets a call for each.
        if self.spec.deadline_header.is_some() || !may_share(self.spec.share, call) {
            return Either::Left(self.inner.call(call, passage));
        }
        Either::Right(async move { aside(|| self.shared(call, passage)).await })
    }
}

impl<S: Service + 'static> Coalesce<S> {
    async fn shared(&self, call: &Call, passage: Passage) -> Outcome {
        let fingerprint = self.seed.of(call, Counted::Sent);
        // Who is not optional must not wait for what is given up first.
        let fingerprint = match call.priority {
            Priority::Normal => fingerprint,
            Priority::Optional => fingerprint.with("optional"),
        };
        match self.flights.enter(fingerprint, call.deadline) {
            // On the heap, as the call that is led: who waits for somebody else's has no room for its own.
            Role::Alone => aside(|| self.inner.call(call, passage)).await,
            Role::Lead => {
                // How long its first caller waits does not bind the others.
                let (inner, call) = (Arc::clone(&self.inner), Call { deadline: None, ..call.clone() });
                let work = aside(|| async move { inner.call(&call, passage).await });
                let flight = Flight { flights: Arc::clone(&self.flights), fingerprint, work: Some(work), orphan: None };
                flight.await
            }
            Role::Join(outcome) => {
                self.metrics.shared();
                // Without an outcome the shared call was lost to a panic or the end of the runtime.
                let lost = || CallError::Connection { upstream: Arc::clone(&self.spec.name), sent: Sent::Maybe };
                let mut reply = outcome.await.unwrap_or_else(|_| Err(lost()))?;
                if reply.served == Served::Fresh {
                    reply.served = Served::Shared;
                }
                Ok(reply)
            }
        }
    }
}

type Outcome = Result<Box<Reply>, CallError>;
type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The calls under way, by fingerprint, each with those who wait for it beside its first caller.
#[derive(Debug, Default)]
struct Flights {
    waiting: Mutex<HashMap<Fingerprint, Waiting>>,
}

/// Who waits for a call, and the deadline of the request that made it.
#[derive(Debug)]
struct Waiting {
    request: Option<Instant>,
    waiters: Vec<oneshot::Sender<Outcome>>,
}

enum Role {
    /// There is no such call: make it.
    Lead,
    /// There is one: wait for its outcome.
    Join(oneshot::Receiver<Outcome>),
    /// There is one of the same request. Which of its own calls are one is for the request to say: what it makes twice is meant.
    Alone,
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Waiting>> {
        // A list of waiters is whole at every moment.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `request`: the deadline of the request, which tells requests apart. Two with one deadline to the nanosecond share nothing.
    fn enter(&self, fingerprint: Fingerprint, request: Option<Instant>) -> Role {
        match self.lock().entry(fingerprint) {
            Entry::Vacant(place) => {
                place.insert(Waiting { request, waiters: Vec::new() });
                Role::Lead
            }
            Entry::Occupied(waiting) if request.is_some() && waiting.get().request == request => Role::Alone,
            Entry::Occupied(mut waiting) => {
                let (sender, receiver) = oneshot::channel();
                waiting.get_mut().waiters.push(sender);
                Role::Join(receiver)
            }
        }
    }

    fn finish(&self, fingerprint: Fingerprint, outcome: &Outcome) {
        let waiting = self.lock().remove(&fingerprint);
        for waiter in waiting.into_iter().flat_map(|waiting| waiting.waiters) {
            // Who left meanwhile does not want it.
            waiter.send(outcome.clone()).ok();
        }
    }

    /// Whether nobody waits any more; then the flight is taken off the list.
    fn abandon(
        &self,
        fingerprint: Fingerprint,
        mut has_left: impl FnMut(&mut oneshot::Sender<Outcome>) -> bool,
    ) -> bool {
        let mut flights = self.lock();
        let is_deserted = flights.get_mut(&fingerprint).is_none_or(|waiting| {
            waiting.waiters.retain_mut(|waiter| !has_left(waiter));
            waiting.waiters.is_empty()
        });
        if is_deserted {
            flights.remove(&fingerprint);
        }
        is_deserted
    }
}

/// The shared call. Its first caller polls it; when that one leaves before the end and others wait, it goes on as a task.
struct Flight {
    flights: Arc<Flights>,
    fingerprint: Fingerprint,
    /// `None` once it is over or handed on.
    work: Option<Work>,
    orphan: Option<Orphan>,
}

/// Marks a flight without its first caller.
struct Orphan;

impl Future for Flight {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            self.work = None;
            self.flights.finish(self.fingerprint, &outcome);
            return Poll::Ready(outcome);
        }
        Poll::Pending
    }
}

impl Flight {
    /// Goes on until the outcome is there or nobody waits for it.
    async fn adopted(mut self) {
        std::future::poll_fn(|context| {
            if Pin::new(&mut self).poll(context).is_ready() {
                return Poll::Ready(());
            }
            // Registers for the departure of everybody who waits now; who joins later does so before the last of them leaves.
            let (flights, fingerprint) = (&self.flights, self.fingerprint);
            if flights.abandon(fingerprint, |waiter| waiter.poll_closed(context).is_ready()) {
                self.work = None;
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        let is_deserted = self.flights.abandon(self.fingerprint, |waiter| waiter.is_closed());
        match Handle::try_current() {
            Ok(runtime) if !is_deserted && self.orphan.is_none() && !std::thread::panicking() => {
                let flights = Arc::clone(&self.flights);
                let next = Self { flights, fingerprint: self.fingerprint, work: Some(work), orphan: Some(Orphan) };
                runtime.spawn(telemetry::carried(next.adopted()));
            }
            // Waiters of a call that cannot go on are told by the end of their channels.
            _ => drop(self.flights.lock().remove(&self.fingerprint)),
        }
    }
}

#[cfg(test)]
#[path = "coalesce_tests.rs"]
mod tests;
