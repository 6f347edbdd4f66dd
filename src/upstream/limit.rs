//! At most so many calls at once; a bounded number waits, and none that cannot be answered in time.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering, fence},
    },
    time::Duration,
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{
    Call, CallError, Kept, Pressure, Reply, UpstreamSpec,
    adaptive::Adaptive,
    clock,
    instance::Verdict,
    service::{Passage, Service},
    verdict,
};
use crate::{
    aside::aside,
    config::Priority,
    telemetry::{ResilienceMetrics, metrics},
};

/// Waiting calls for each call at once. Eight rounds of a healthy upstream are within any sensible timeout; who would
/// wait longer is better told now.
const ROUNDS_WAITING: usize = 8;

/// Room to wait for small limits, where one list of a request is already many calls.
const WAITING_MIN: usize = 1024;

/// Optional calls have one part in so many of the queue, and of the time to wait in it.
const OPTIONAL_PART: u32 = 2;

/// Keeps calls at once within `concurrency_max`, or within what [`Adaptive`] finds below it.
///
/// Optional calls wait behind all normal ones, have half of the queue and half of the time to wait, and are not made while the
/// gateway as a whole has much to do.
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
    /// Normal calls that wait.
    waiting: AtomicUsize,
    waiting_max: usize,
    optional: Optional,
    /// Of the gateway as a whole.
    pressure: Arc<Pressure>,
    /// How long a call takes, in microseconds; 0: not known.
    usual: AtomicU64,
    adaptive: Option<Adaptive>,
}

/// Optional calls that wait. They stand in no line for places: the first of them takes what nobody else wants.
#[derive(Debug)]
struct Optional {
    waiting: AtomicUsize,
    /// Held by the first of them.
    turn: Semaphore,
    /// Told when there may be a place for it.
    news: Notify,
}

impl Room {
    fn new(spec: &UpstreamSpec, pressure: Arc<Pressure>) -> Self {
        let most = spec.concurrency_max.clamp(1, Semaphore::MAX_PERMITS);
        let adaptive = spec.adaptive.map(|settings| Adaptive::new(settings, most));
        let places = adaptive.as_ref().map_or(most, Adaptive::limit);
        Self {
            places: Arc::new(Semaphore::new(places)),
            size: AtomicUsize::new(places),
            debt: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiting_max: most.saturating_mul(ROUNDS_WAITING).max(WAITING_MIN),
            optional: Optional { waiting: AtomicUsize::new(0), turn: Semaphore::new(1), news: Notify::new() },
            pressure,
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
            self.tell_optional();
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

    /// Calls that go before a new one.
    fn ahead(&self, priority: Priority) -> usize {
        let normal = self.waiting.load(Ordering::Relaxed);
        match priority {
            Priority::Normal => normal,
            Priority::Optional => normal + self.optional.waiting.load(Ordering::Relaxed),
        }
    }

    /// A place that is free, where nobody waits who goes before.
    fn free(self: &Arc<Self>, priority: Priority) -> Option<OwnedSemaphorePermit> {
        // What normal ones wait for is never free.
        if priority == Priority::Optional && self.ahead(priority) > 0 {
            return None;
        }
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place that no normal call wants; optional ones get theirs in turn.
    async fn left_over(&self) -> OwnedSemaphorePermit {
        let _turn = self.optional.turn.acquire().await.expect("the semaphore is never closed");
        loop {
            let mut news = pin!(self.optional.news.notified());
            news.as_mut().enable();
            // Who gives a place back looks for us after that; we look for a place after we are there to be seen.
            fence(Ordering::SeqCst);
            if self.waiting.load(Ordering::Relaxed) == 0
                && let Ok(permit) = Arc::clone(&self.places).try_acquire_owned()
            {
                return permit;
            }
            news.await;
        }
    }

    /// A place may be free for an optional call.
    fn tell_optional(&self) {
        fence(Ordering::SeqCst);
        if self.optional.waiting.load(Ordering::Relaxed) > 0 {
            self.optional.news.notify_one();
        }
    }

    /// How long the next one in the queue will wait, as far as that is known.
    fn wait(&self, priority: Priority) -> Duration {
        let usual = self.usual.load(Ordering::Relaxed);
        let rounds = self.ahead(priority) / self.size.load(Ordering::Relaxed).max(1) + 1;
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
        let Some(permit) = self.permit.take() else { return };
        if self.room.pay() {
            return permit.forget();
        }
        drop(permit);
        self.room.tell_optional();
    }
}

impl<S> Limit<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, kept: &Kept, inner: S) -> Self {
        let pressure = kept.pressure();
        let room = kept.share(&spec.name, &(spec.concurrency_max, spec.adaptive), || Room::new(spec, pressure));
        Self { spec: Arc::clone(spec), room, metrics: metrics().resilience(&spec.name), inner }
    }

    fn overloaded(&self) -> CallError {
        self.metrics.shed();
        CallError::Overloaded { upstream: Arc::clone(&self.spec.name) }
    }

    /// Waits for a place: normal calls first, then first come, first served.
    async fn queue(&self, call: &Call, passage: &Passage) -> Result<OwnedSemaphorePermit, CallError> {
        let room = &*self.room;
        let (now, patience) = (clock::moment(), call.end_by(passage.deadline));
        // It would wait, then be made, then be too late: the caller and the service are better off when it is not made.
        let usual = Duration::from_micros(room.usual.load(Ordering::Relaxed));
        let wait = room.wait(call.priority);
        // Of the time to wait, as of the queue, an optional call has a part: what is more is for others.
        let part = match call.priority {
            Priority::Normal => 1,
            Priority::Optional => OPTIONAL_PART,
        };
        let queue_timeout = self.spec.queue_timeout.map(|longest| longest / part);
        if now + (wait + usual) * part > patience || queue_timeout.is_some_and(|longest| wait > longest) {
            return Err(self.overloaded());
        }
        let Some(_waiting) = Waiting::enter(room, call.priority) else {
            return Err(self.overloaded());
        };
        let longest = queue_timeout.map(|longest| now + longest);
        let until = longest.map_or(passage.deadline, |until| until.min(passage.deadline));
        let permit = match call.priority {
            Priority::Normal => {
                let permit = clock::timeout_at(until.instant(), Arc::clone(&room.places).acquire_owned()).await;
                permit.map(|permit| permit.expect("the semaphore is never closed"))
            }
            Priority::Optional => clock::timeout_at(until.instant(), room.left_over()).await,
        };
        let now = clock::moment();
        if now >= passage.deadline {
            return Err(CallError::TimedOut { upstream: Arc::clone(&self.spec.name), waited: passage.allowed });
        }
        match permit {
            Ok(permit) if now + usual <= patience => Ok(permit),
            // The wait was too long, or longer than it looked: what is left does not suffice.
            Ok(_) | Err(_) => Err(self.overloaded()),
        }
    }
}

impl<S: Service> Service for Limit<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        let room = &self.room;
        if call.priority == Priority::Optional && room.pressure.is_high() {
            return Err(self.overloaded());
        }
        // A free place is taken at once.
        let free = room.free(call.priority);
        let is_full = free.is_none();
        let permit = if let Some(permit) = free {
            permit
        } else {
            let permit = aside(|| self.queue(call, &passage)).await?;
            passage.has_waited();
            permit
        };
        passage.set_out();
        passage.permit = Some(Place { permit: Some(permit), room: Arc::clone(room) });
        // Nobody needs the time while nobody waits.
        if !is_full && room.adaptive.is_none() {
            return self.inner.call(call, passage).await;
        }
        let began = passage.now;
        let result = self.inner.call(call, passage).await;
        let ended = verdict::ended(&result);
        let took = ended.since(began);
        if let Some(verdict) = verdict::of(&result) {
            if verdict == Verdict::Good {
                room.learn(took);
            }
            let under_way = room.size.load(Ordering::Relaxed).saturating_sub(room.places.available_permits());
            let refused = matches!(&result, Ok(reply) if reply.status == 429 || reply.status == 503)
                || matches!(&result, Err(CallError::TimedOut { .. }));
            if let Some(adaptive) = &room.adaptive
                && let Some(limit) = adaptive.observe(took, under_way, refused, ended)
            {
                room.resize(limit);
                self.metrics.limit(limit);
            }
        }
        result
    }
}

/// A place in the queue, left when dropped: also when the caller leaves.
struct Waiting<'a> {
    room: &'a Room,
    priority: Priority,
}

impl<'a> Waiting<'a> {
    fn enter(room: &'a Room, priority: Priority) -> Option<Self> {
        let (ahead, most) = match priority {
            Priority::Normal => (room.waiting.fetch_add(1, Ordering::Relaxed), room.waiting_max),
            Priority::Optional => {
                let before = room.optional.waiting.fetch_add(1, Ordering::Relaxed);
                (before + room.ahead(Priority::Normal), room.waiting_max / OPTIONAL_PART as usize)
            }
        };
        let place = Self { room, priority };
        (ahead < most).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let count = match self.priority {
            Priority::Normal => &self.room.waiting,
            Priority::Optional => &self.room.optional.waiting,
        };
        count.fetch_sub(1, Ordering::Relaxed);
        // It may have left without the place that was meant for it, or with one that came too late.
        self.room.tell_optional();
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::upstream::clock::{Moment, paused};
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
                let mut passage = Passage::within(10 * SECOND);
                passage.longest = longest;
                let result = layer.call(&read, passage).await;
                (result.is_ok(), clock::since(begin))
            };
            let other = async {
                let mut passage = Passage::within(10 * SECOND);
                passage.longest = Some(SECOND + SECOND / 2);
                passage.set_out();
                (passage.deadline.since(Moment::of(begin)), passage.allowed)
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

    /// What each of these calls got and when, in seconds from now on; they come in this order.
    async fn outcomes(layer: &Limit<Script>, calls: &[Priority]) -> Vec<(bool, u64)> {
        let begin = clock::now();
        let all = calls.iter().map(async |priority| {
            let read = Call { priority: *priority, ..call(Method::GET) };
            let result = run(layer, &read).await;
            (result.is_ok(), clock::since(begin).as_secs())
        });
        futures_util::future::join_all(all).await
    }

    use Priority::{Normal, Optional as Spare};

    #[test]
    fn optional_calls_wait_behind_normal_ones_and_in_turn() {
        paused(async {
            let layer = layer(|_| {}, &taking(SECOND));
            let found = outcomes(&layer, &[Normal, Spare, Spare, Normal, Normal]).await;
            assert_eq!(found, [(true, 1), (true, 4), (true, 5), (true, 2), (true, 3)]);
            assert_eq!(
                outcomes(&layer, &[Spare, Normal]).await,
                [(true, 1), (true, 2)],
                "nobody who works is sent away"
            );
        });
    }

    #[test]
    fn an_optional_call_has_half_of_the_time_to_wait() {
        paused(async {
            let layer = layer(|spec| spec.queue_timeout = Some(4 * SECOND), &taking(SECOND));
            // The second teaches how long a call takes.
            outcomes(&layer, &[Normal, Normal]).await;
            let found = outcomes(&layer, &[Normal, Spare, Normal, Spare, Normal]).await;
            assert_eq!(
                found,
                [(true, 1), (false, 2), (true, 2), (false, 0), (true, 3)],
                "told at once, or when others came"
            );
        });
    }

    #[test]
    fn an_optional_call_is_refused_when_the_queue_is_half_full() {
        paused(async {
            let script = Script::of([]);
            let layer = layer(|_| {}, &script);
            let _taken = layer.room.free(Normal).expect("a place");
            let half: Vec<Waiting<'_>> =
                (0..WAITING_MIN / 2 - 1).map(|_| Waiting::enter(&layer.room, Normal).expect("room")).collect();
            let last = Waiting::enter(&layer.room, Spare).expect("room for one more");
            assert!(Waiting::enter(&layer.room, Spare).is_none());
            drop(last);
            let _normal = Waiting::enter(&layer.room, Normal).expect("room for normal ones");
            assert_eq!(outcomes(&layer, &[Spare]).await, [(false, 0)]);
            assert_eq!((half.len(), script.calls()), (WAITING_MIN / 2 - 1, 0));
        });
    }

    #[test]
    fn optional_calls_are_not_made_while_the_gateway_has_much_to_do() {
        paused(async {
            let layer = layer(|_| {}, &taking(SECOND));
            let _request = layer.room.pressure.enter(4);
            let many: Vec<_> = (0..3).map(|_| layer.room.pressure.enter(4).expect("room")).collect();
            assert_eq!(outcomes(&layer, &[Spare, Normal]).await, [(false, 0), (true, 1)]);
            drop(many);
            assert_eq!(outcomes(&layer, &[Spare]).await, [(true, 1)]);
        });
    }

    #[test]
    fn a_place_that_came_too_late_for_one_is_there_for_the_next() {
        paused(async {
            let (half, begin) = (SECOND / 2, clock::now());
            let script = Script::timed([SECOND, SECOND, 7 * half, SECOND].map(|each| (each, Ok(reply(200)))));
            let layer = layer(|_| {}, &script);
            // The second teaches how long a call takes; then one takes longer.
            outcomes(&layer, &[Normal, Normal]).await;
            let (long, next) = (call(Method::GET), Call { priority: Spare, ..call(Method::GET) });
            let late = Call { deadline: Some(clock::now() + 4 * SECOND), ..next.clone() };
            let (long, late, next) = tokio::join!(run(&layer, &long), run(&layer, &late), run(&layer, &next));
            assert!(matches!(late, Err(CallError::Overloaded { .. })), "{late:?}");
            assert!(long.is_ok() && next.is_ok(), "{next:?}");
            assert_eq!(clock::since(begin), 6 * SECOND + half, "it began when the long one ended");
        });
    }

    #[test]
    fn a_place_that_a_caller_left_is_not_lost_for_optional_calls() {
        paused(async {
            let layer = layer(|_| {}, &taking(SECOND));
            let taken = Place { permit: layer.room.free(Normal), room: Arc::clone(&layer.room) };
            let (normal, spare) = (call(Method::GET), Call { priority: Spare, ..call(Method::GET) });
            let mut first = Box::pin(run(&layer, &normal));
            let mut second = Box::pin(run(&layer, &spare));
            assert!(futures_util::future::poll_immediate(&mut first).await.is_none());
            assert!(futures_util::future::poll_immediate(&mut second).await.is_none());
            // It is given to the first, who leaves before it knows.
            drop(taken);
            assert!(futures_util::future::poll_immediate(&mut second).await.is_none());
            drop(first);
            assert!(second.await.is_ok());
        });
    }

    #[test]
    fn the_room_grows_and_shrinks_while_it_is_used() {
        paused(async {
            let room = Arc::new(Room::new(
                &UpstreamSpec { concurrency_max: 4, ..UpstreamSpec::named("catalog") },
                Arc::default(),
            ));
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
