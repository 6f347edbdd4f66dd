//! How many extra calls (retries, hedges) a source bears: a share of the calls it gets anyway.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use tokio::time::Instant;

use super::clock;
/// Tokens are counted in thousandths.
const TOKEN: i64 = 1000;

/// Extra calls that may be saved up, so that a short burst of failures is borne by itself.
const SAVED_MAX: i64 = 10 * TOKEN;

/// A bucket of tokens: each call puts a share of a token in, each extra call takes a whole one out. What comes of a storm
/// is bounded by the share, whatever the number of failures.
///
/// One token a second comes of itself, so that a source with few calls is not left without.
#[derive(Debug)]
pub(super) struct Budget {
    share: i64,
    tokens: AtomicI64,
    refilled: Mutex<Instant>,
}

impl Budget {
    /// Extra calls for each call in the long run.
    pub(super) fn new(share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the configuration keeps shares between 0 and 1")]
        let share = (share * 1e3).round() as i64;
        Self { share, tokens: AtomicI64::new(SAVED_MAX), refilled: Mutex::new(clock::now()) }
    }

    /// A call is made.
    pub(super) fn deposit(&self) {
        self.add(self.share);
    }

    /// Whether an extra call may be made.
    pub(super) fn withdraw(&self) -> bool {
        self.refill();
        let take = |tokens: i64| (tokens >= TOKEN).then_some(tokens - TOKEN);
        self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn refill(&self) {
        let now = clock::now();
        let mut refilled = self.refilled.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = i64::try_from(now.saturating_duration_since(*refilled).as_secs()).unwrap_or(i64::MAX);
        if seconds > 0 {
            *refilled = now;
            self.add(seconds.min(SAVED_MAX / TOKEN) * TOKEN);
        }
    }

    fn add(&self, tokens: i64) {
        if self.tokens.load(Ordering::Relaxed) < SAVED_MAX {
            let add = |before: i64| Some((before + tokens).min(SAVED_MAX));
            // The closure always gives a value.
            let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::upstream::clock::{advance, paused};

    fn withdrawn(budget: &Budget) -> usize {
        (0..1000).take_while(|_| budget.withdraw()).count()
    }

    #[test]
    fn extra_calls_are_a_share_of_the_calls() {
        paused(async {
            let budget = Budget::new(0.2);
            assert_eq!(withdrawn(&budget), 10, "what is saved up");
            let mut extra = 0;
            for _ in 0..1000 {
                budget.deposit();
                extra += usize::from(budget.withdraw());
            }
            assert_eq!(extra, 200);
        });
    }

    #[test]
    fn a_quiet_source_gets_one_a_second_and_saves_up_ten() {
        paused(async {
            let budget = Budget::new(0.0);
            withdrawn(&budget);
            advance(Duration::from_secs(3));
            assert_eq!(withdrawn(&budget), 3);
            advance(Duration::from_hours(1));
            assert_eq!(withdrawn(&budget), 10);
        });
    }
}
