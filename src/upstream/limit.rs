//! At most so many calls at once; a bounded number waits, and none that cannot be answered in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Call, CallError, Kept, Reply, UpstreamSpec,
    adaptive::Adaptive,
    clock,
    instance::Verdict,
    service::{Passage, Service},
    verdict,
};
use crate::telemetry::{ResilienceMetrics, metrics};

/// Waiting calls for each call at once. Eight rounds of a healthy upstream are within any sensible timeout; who would
/// wait longer is better told now.
const ROUNDS_WAITING: usize = 8;

/// Room to wait for small limits, where one list of a request is already many calls.
const WAITING_MIN: usize = 1024;

/// Keeps calls at once within `concurrency_max`, or within what [`Adaptive`] finds below it.
///
/// Errors: `Overloaded` when the queue is full, when the wait would outlast the caller's patience or took longer than
/// `queue_timeout`; `TimedOut` when the deadline came while waiting.
#[derive(Debug)]
pub(super) struct Limit<S> {
    spec: Arc<UpstreamSpec>,
    room: Arc<Room>,
    metrics: ResilienceMetrics,
    inner: S,
}

/// The places of an upstream and the queue for them. Kept, so that calls of an old snapshot still count.
#[derive(Debug)]
struct Room {
    places: Arc<Semaphore>,
    /// How many there are.
    size: AtomicUsize,
    /// Places that are to go when their calls end.
    debt: AtomicUsize,
    waiting: AtomicUsize,
    waiting_max: usize,
    /// How long a call takes, in microseconds; 0: not known.
    usual: AtomicU64,
    adaptive: Option<Adaptive>,
}

impl Room {
    fn new(spec: &UpstreamSpec) -> Self {
        let most = spec.concurrency_max.clamp(1, Semaphore::MAX_PERMITS);
        let adaptive = spec.adaptive.map(|settings| Adaptive::new(settings, most));
        let places = adaptive.as_ref().map_or(most, Adaptive::limit);
        Self {
            places: Arc::new(Semaphore::new(places)),
            size: AtomicUsize::new(places),
            debt: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiting_max: most.saturating_mul(ROUNDS_WAITING).max(WAITING_MIN),
            usual: AtomicU64::new(0),
            adaptive,
        }
    }

    /// Makes it that many places.
    fn resize(&self, size: usize) {
        let before = self.size.swap(size, Ordering::Relaxed);
        if size > before {
            let mut more = size - before;
            // What was still to go stays instead.
            while more > 0 && self.pay() {
                more -= 1;
            }
            self.places.add_permits(more);
        } else {
            let fewer = before - size;
            let gone = self.places.forget_permits(fewer);
            self.debt.fetch_add(fewer - gone, Ordering::Relaxed);
        }
    }

    /// Takes one off the debt, if there is any.
    fn pay(&self) -> bool {
        self.debt.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |debt| debt.checked_sub(1)).is_ok()
    }

    /// How long the next one in the queue will wait, as far as that is known.
    fn wait(&self) -> Duration {
        let usual = self.usual.load(Ordering::Relaxed);
        let rounds = self.waiting.load(Ordering::Relaxed) / self.size.load(Ordering::Relaxed).max(1) + 1;
        Duration::from_micros(usual.saturating_mul(rounds as u64))
    }

    fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(1 << 40);
        let before = self.usual.load(Ordering::Relaxed);
        let next = if before == 0 { took } else { (before * 7 + took) / 8 };
        self.usual.store(next.max(1), Ordering::Relaxed);
    }
}

/// A place among the calls at once; given back when dropped, or gone with it when there are to be fewer.
#[derive(Debug)]
pub(super) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    room: Arc<Room>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.room.pay()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
        }
    }
}

impl<S> Limit<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, kept: &Kept, inner: S) -> Self {
        let room = kept.share(&spec.name, &(spec.concurrency_max, spec.adaptive), || Room::new(spec));
        Self { spec: Arc::clone(spec), room, metrics: metrics().resilience(&spec.name), inner }
    }

    fn overloaded(&self) -> CallError {
        self.metrics.shed();
        CallError::Overloaded { upstream: Arc::clone(&self.spec.name) }
    }

    /// Waits for a place: first come, first served.
    async fn queue(&self, call: &Call, passage: &Passage) -> Result<OwnedSemaphorePermit, CallError> {
        let room = &*self.room;
        let now = clock::now();
        let patience = call.deadline.map_or(passage.deadline, |deadline| deadline.min(passage.deadline));
        // It would wait, then be made, then be too late: the caller and the service are better off when it is not made.
        let usual = Duration::from_micros(room.usual.load(Ordering::Relaxed));
        let wait = room.wait();
        if now + wait + usual > patience || self.spec.queue_timeout.is_some_and(|longest| wait > longest) {
            return Err(self.overloaded());
        }
        let Some(_waiting) = Waiting::enter(&room.waiting, room.waiting_max) else {
            return Err(self.overloaded());
        };
        let longest = self.spec.queue_timeout.map(|longest| now + longest);
        let until = longest.map_or(passage.deadline, |until| until.min(passage.deadline));
        let permit = clock::timeout_at(until, Arc::clone(&room.places).acquire_owned()).await;
        let now = clock::now();
        if now >= passage.deadline {
            return Err(CallError::TimedOut { upstream: Arc::clone(&self.spec.name), waited: passage.allowed });
        }
        match permit {
            Ok(permit) if now + usual <= patience => Ok(permit.expect("the semaphore is never closed")),
            // The wait was too long, or longer than it looked: what is left does not suffice.
            Ok(_) | Err(_) => Err(self.overloaded()),
        }
    }
}

impl<S: Service> Service for Limit<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Reply, CallError> {
        let room = &self.room;
        // A free place is taken at once.
        let free = Arc::clone(&room.places).try_acquire_owned().ok();
        let is_full = free.is_none();
        let permit = match free {
            Some(permit) => permit,
            None => Box::pin(self.queue(call, &passage)).await?,
        };
        passage.set_out();
        passage.permit = Some(Place { permit: Some(permit), room: Arc::clone(room) });
        // Nobody needs the time while nobody waits.
        if !is_full && room.adaptive.is_none() {
            return self.inner.call(call, passage).await;
        }
        let began = clock::now();
        let result = self.inner.call(call, passage).await;
        let took = clock::since(began);
        if let Some(verdict) = verdict::of(&result) {
            if verdict == Verdict::Good {
                room.learn(took);
            }
            let under_way = room.size.load(Ordering::Relaxed).saturating_sub(room.places.available_permits());
            let refused = matches!(&result, Ok(reply) if reply.status == 429 || reply.status == 503)
                || matches!(&result, Err(CallError::TimedOut { .. }));
            if let Some(adaptive) = &room.adaptive
                && let Some(limit) = adaptive.observe(took, under_way, refused)
            {
                room.resize(limit);
                self.metrics.limit(limit);
            }
        }
        result
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

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::upstream::clock::paused;
    use crate::upstream::testing::{Script, call, reply, run};

    const SECOND: Duration = Duration::from_secs(1);

    fn layer(change: impl FnOnce(&mut UpstreamSpec), script: &Script) -> Limit<Script> {
        let mut spec = UpstreamSpec { concurrency_max: 1, ..UpstreamSpec::named("catalog") };
        change(&mut spec);
        Limit::new(&Arc::new(spec), &Kept::default(), script.clone())
    }

    fn taking(each: Duration) -> Script {
        Script::timed((0..100).map(|_| (each, Ok(reply(200)))))
    }

    #[test]
    fn what_cannot_be_answered_in_time_is_not_begun() {
        paused(async {
            let script = taking(SECOND);
            let layer = layer(|_| {}, &script);
            // The first two teach how long a call takes.
            let read = call(Method::GET);
            let _ = tokio::join!(run(&layer, &read), run(&layer, &read));
            let short = Call { deadline: Some(clock::now() + 2 * SECOND + SECOND / 2), ..call(Method::GET) };
            let begin = clock::now();
            let all = futures_util::future::join_all((0..4).map(|_| async {
                let result = run(&layer, &short).await;
                (result.is_ok(), clock::since(begin))
            }));
            let all = all.await;
            assert_eq!(all.iter().filter(|(is_ok, _)| *is_ok).count(), 2, "{all:?}");
            assert!(all.iter().all(|(is_ok, at)| *is_ok || at.is_zero()), "told at once: {all:?}");
        });
    }

    #[test]
    fn the_time_of_one_try_begins_when_it_goes_out() {
        paused(async {
            let script = taking(SECOND);
            let layer = layer(|_| {}, &script);
            let read = call(Method::GET);
            let begin = clock::now();
            let one = async {
                let longest = Some(SECOND + SECOND / 2);
                let result = layer.call(&read, Passage::within(10 * SECOND).next(longest)).await;
                (result.is_ok(), clock::since(begin))
            };
            let other = async {
                let mut passage = Passage::within(10 * SECOND).next(Some(SECOND + SECOND / 2));
                passage.set_out();
                (passage.deadline - begin, passage.allowed)
            };
            let (first, second, third, bounds) = tokio::join!(run(&layer, &read), run(&layer, &read), one, other);
            assert!(first.is_ok() && second.is_ok());
            assert_eq!(third, (true, 3 * SECOND), "it waited for two and had its own time then");
            assert_eq!(bounds, (SECOND + SECOND / 2, SECOND + SECOND / 2));
        });
    }

    #[test]
    fn what_waited_longer_than_it_looked_is_not_begun() {
        paused(async {
            // One that takes a second teaches; then one takes three.
            let script = Script::timed([SECOND, 3 * SECOND, SECOND].map(|each| (each, Ok(reply(200)))));
            let layer = layer(|_| {}, &script);
            let read = call(Method::GET);
            let _ = tokio::join!(run(&layer, &read), async {
                let short = Call { deadline: Some(clock::now() + 3 * SECOND + SECOND / 2), ..call(Method::GET) };
                tokio::join!(run(&layer, &read), run(&layer, &short)).1.expect_err("it is too late for it")
            });
            assert_eq!(script.calls(), 2);
        });
    }

    #[test]
    fn a_queue_has_its_own_timeout() {
        paused(async {
            let script = taking(5 * SECOND);
            let layer = layer(|spec| spec.queue_timeout = Some(SECOND), &script);
            let begin = clock::now();
            let read = call(Method::GET);
            let waiting = async {
                let result = run(&layer, &read).await;
                (matches!(result, Err(CallError::Overloaded { .. })), clock::since(begin))
            };
            let (first, second) = tokio::join!(run(&layer, &read), waiting);
            assert!(first.is_ok());
            assert_eq!(second, (true, SECOND));
        });
    }

    #[test]
    fn the_room_grows_and_shrinks_while_it_is_used() {
        paused(async {
            let room = Arc::new(Room::new(&UpstreamSpec { concurrency_max: 4, ..UpstreamSpec::named("catalog") }));
            let take = || {
                let permit = Arc::clone(&room.places).try_acquire_owned().ok()?;
                Some(Place { permit: Some(permit), room: Arc::clone(&room) })
            };
            let mut taken: Vec<Place> = (0..4).map(|_| take().expect("a place")).collect();
            room.resize(2);
            assert!(take().is_none());
            taken.truncate(2);
            assert!(take().is_none(), "two went with their calls");
            taken.truncate(1);
            assert!(take().is_some());
            room.resize(3);
            taken.extend([take().expect("a place"), take().expect("a place")]);
            assert!(take().is_none());
            room.resize(1);
            room.resize(3);
            taken.clear();
            let taken: Vec<Place> = std::iter::from_fn(take).collect();
            assert_eq!(taken.len(), 3, "what was still to go stayed");
        });
    }
}
