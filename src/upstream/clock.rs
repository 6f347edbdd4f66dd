//! The clock of the layers: tokio's, and in unit tests one that stands still until it is moved.

use std::{ops::Add, sync::LazyLock, time::Duration};

use tokio::time::Instant;

pub(super) use self::time::{now, sleep, sleep_until, timeout_at};

/// Moments are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment of this clock in nanoseconds, for the next five hundred years. What is compared and subtracted several times for each call
/// is a number: an [`Instant`] is two, and its differences are no single instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(u64);

impl Moment {
    /// That of an instant; what was before the first one counts as the first.
    pub(super) fn of(at: Instant) -> Self {
        Self(nanoseconds(at.saturating_duration_since(*START)))
    }

    /// The instant, for timers.
    pub(super) fn instant(self) -> Instant {
        *START + Duration::from_nanos(self.0)
    }

    /// How long after another moment; nothing when it was before.
    #[inline]
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Likewise, in seconds.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "a hundred days are exact to the nanosecond")]
    pub(super) fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 * 1e-9
    }

    /// As a number, for atomics.
    #[inline]
    pub(super) fn to_bits(self) -> u64 {
        self.0
    }

    /// The moment of such a number.
    #[inline]
    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    #[inline]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }
}

#[inline]
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

/// This moment.
#[inline]
pub(super) fn moment() -> Moment {
    Moment::of(now())
}

/// How long ago that was.
pub(super) fn since(at: Instant) -> Duration {
    now().saturating_duration_since(at)
}

#[cfg(not(test))]
mod time {
    pub(in crate::upstream) use tokio::time::{sleep, sleep_until, timeout_at};

    /// The time.
    #[inline]
    pub(in crate::upstream) fn now() -> tokio::time::Instant {
        tokio::time::Instant::now()
    }
}

#[cfg(test)]
pub(super) use self::time::{advance, paused};

/// In tests, within [`paused`], time passes only when everything waits for it, and then at once. Elsewhere (tests over
/// sockets) it is tokio's.
#[cfg(test)]
mod time {
    use std::{
        cell::RefCell,
        collections::BTreeMap,
        future::{Future, poll_fn},
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Context, Poll, Wake, Waker},
        time::Duration,
    };

    use futures_util::future::{Either, select};
    use tokio::time::Instant;

    struct Paused {
        now: Instant,
        count: u64,
        timers: BTreeMap<(Instant, u64), Waker>,
    }

    thread_local! {
        static CLOCK: RefCell<Option<Paused>> = const { RefCell::new(None) };
    }

    pub(in crate::upstream) fn now() -> Instant {
        CLOCK.with_borrow(|clock| clock.as_ref().map(|clock| clock.now)).unwrap_or_else(Instant::now)
    }

    fn is_paused() -> bool {
        CLOCK.with_borrow(Option::is_some)
    }

    pub(in crate::upstream) async fn sleep_until(until: Instant) {
        if !is_paused() {
            return tokio::time::sleep_until(until).await;
        }
        poll_fn(|context| {
            CLOCK.with_borrow_mut(|clock| {
                let clock = clock.as_mut().expect("still paused");
                if clock.now >= until {
                    return Poll::Ready(());
                }
                clock.count += 1;
                clock.timers.insert((until, clock.count), context.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }

    pub(in crate::upstream) async fn sleep(duration: Duration) {
        sleep_until(now() + duration).await;
    }

    /// The time was over first.
    #[derive(Debug)]
    pub(in crate::upstream) struct Elapsed;

    pub(in crate::upstream) async fn timeout_at<F: Future>(until: Instant, future: F) -> Result<F::Output, Elapsed> {
        match select(pin!(future), pin!(sleep_until(until))).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err(Elapsed),
        }
    }

    /// Moves the time on.
    pub(in crate::upstream) fn advance(duration: Duration) {
        CLOCK.with_borrow_mut(|clock| {
            let clock = clock.as_mut().expect("only where the clock is paused");
            clock.now += duration;
            let later = clock.timers.split_off(&(clock.now, u64::MAX));
            std::mem::replace(&mut clock.timers, later).into_values().for_each(Waker::wake);
        });
    }

    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Runs a test to its end, without waiting.
    pub(in crate::upstream) fn paused<F: Future>(test: F) -> F::Output {
        let clock = Paused { now: (*super::START).max(Instant::now()), count: 0, timers: BTreeMap::new() };
        CLOCK.with_borrow_mut(|place| *place = Some(clock));
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut test = pin!(test);
        loop {
            woken.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = test.as_mut().poll(&mut context) {
                CLOCK.with_borrow_mut(|place| *place = None);
                return output;
            }
            if woken.0.load(Ordering::Relaxed) {
                continue;
            }
            let next = CLOCK.with_borrow(|clock| {
                let clock = clock.as_ref().expect("still paused");
                let ((next, _), _) = clock.timers.first_key_value().expect("the test waits for nothing");
                next.saturating_duration_since(clock.now)
            });
            advance(next);
        }
    }
}
