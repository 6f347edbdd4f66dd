//! The state of a rate in this process.

use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware, nanos::Nanos};

use super::{clock::Clock, fleet, pace, store::Store};
use crate::config::RateLimit;

/// Who has taken how much of one limit.
#[derive(Debug)]
pub(super) struct Shares {
    limiter: RateLimiter<u128, Store, Clock, NoOpMiddleware<Nanos>>,
    pub(super) store: Store,
    keys: Keys,
}

/// How a text becomes a key, for which nobody outside can find a second text.
#[derive(Debug)]
pub(super) enum Keys {
    /// As no other process does it.
    Own([RandomState; 2]),
    /// As all of a fleet do.
    Shared,
}

impl Shares {
    /// Nobody has taken anything.
    pub(super) fn new(limit: &RateLimit, clock: Clock, keys: Keys) -> Self {
        let store = Store::new(limit.keys_max, clock.clone());
        let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
        // A pace is never zero.
        let quota = Quota::with_period(Duration::from_nanos(pace(limit))).unwrap_or_else(|| Quota::per_second(burst));
        let limiter = RateLimiter::new(quota.allow_burst(burst), store.clone(), clock);
        Self { limiter, store, keys }
    }

    /// The key of a text.
    pub(super) fn key(&self, text: &[u8]) -> u128 {
        match &self.keys {
            Keys::Own([one, other]) => u128::from(one.hash_one(text)) << 64 | u128::from(other.hash_one(text)),
            Keys::Shared => fleet::fingerprint(text),
        }
    }

    /// Takes so many, at most `burst`, where they are left. Gives how many nanoseconds have to pass until all is back; `Err`: nothing
    /// was taken.
    pub(super) fn take(&self, key: u128, number: u32) -> Result<u64, u64> {
        let number = NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let is_taken = matches!(self.limiter.check_key_n(&key, number), Ok(Ok(())));
        let behind = self.store.due(key).map_or(0, |due| due.as_u64().saturating_sub(self.now()));
        if is_taken { Ok(behind) } else { Err(behind) }
    }

    /// Gives back what takes so long to come back.
    pub(super) fn give_back(&self, key: u128, nanos: u64) {
        self.store.give_back(key, nanos);
    }

    /// Takes more than was estimated, until so much is behind.
    pub(super) fn take_more(&self, key: u128, nanos: u64, behind_max: u64) {
        self.store.take_more(key, nanos, self.now().saturating_add(behind_max));
    }

    fn now(&self) -> u64 {
        self.limiter.clock().now().as_u64()
    }
}

impl Keys {
    /// Of this process.
    pub(super) fn own() -> Self {
        Self::Own([RandomState::new(), RandomState::new()])
    }
}
