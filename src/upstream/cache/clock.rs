//! What time it is for the cache: the seam by which tests let time pass.

use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::upstream::clock::{self, Moment};

/// A clock: the machine's, or one that moves by hand only.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    hand: Option<Arc<Hand>>,
}

/// Clocks are the same when they move together.
impl PartialEq for Clock {
    fn eq(&self, other: &Self) -> bool {
        match (&self.hand, &other.hand) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Clock {}

impl Hash for Clock {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hand.is_some().hash(state);
    }
}

#[derive(Debug)]
struct Hand {
    start: SystemTime,
    passed: AtomicU64,
    wrong: AtomicI64,
}

/// One moment. How long something lies here is read from `steady`, which no correction of the date moves; `date` is for
/// comparison with what others say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Time since the process first asked.
    pub(super) steady: Duration,
    /// The date.
    pub(super) date: SystemTime,
}

/// A moment whose date nobody may ever want.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    /// By the machine's clock.
    At(Moment),
    /// By a clock that moves by hand.
    Now(Now),
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock {
    /// One that stands still until it is moved; it starts at a whole second of the year 2026.
    pub fn by_hand() -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        Self { hand: Some(Arc::new(Hand { start, passed: AtomicU64::new(0), wrong: AtomicI64::new(0) })) }
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        if let Some(hand) = &self.hand {
            hand.passed.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Makes the date wrong by so many milliseconds, without any time passing.
    pub fn set_wrong(&self, milliseconds: i64) {
        if let Some(hand) = &self.hand {
            hand.wrong.store(milliseconds, Ordering::Relaxed);
        }
    }

    /// The date, right for everybody else.
    pub fn date(&self) -> SystemTime {
        self.hand.as_ref().map_or_else(SystemTime::now, |hand| hand.start + hand.passed())
    }

    /// Marks a moment that has just been. `at`: when, by the clock of the layers.
    pub(super) fn mark(&self, at: Moment) -> Mark {
        if self.hand.is_some() { Mark::Now(self.now()) } else { Mark::At(at) }
    }

    /// The moment that was marked.
    pub(super) fn marked(&self, mark: Mark) -> Now {
        match mark {
            Mark::Now(now) => now,
            Mark::At(at) => {
                let (now, ago) = (self.now(), clock::moment().since(at));
                let date = now.date.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH);
                Now { steady: now.steady.saturating_sub(ago), date }
            }
        }
    }

    pub(super) fn now(&self) -> Now {
        let Some(hand) = &self.hand else { return Now { steady: START.elapsed(), date: SystemTime::now() } };
        let wrong = hand.wrong.load(Ordering::Relaxed);
        let by = Duration::from_millis(wrong.unsigned_abs());
        let date = self.date();
        Now { steady: hand.passed(), date: if wrong < 0 { date - by } else { date + by } }
    }
}

impl Hand {
    fn passed(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::Relaxed))
    }
}
