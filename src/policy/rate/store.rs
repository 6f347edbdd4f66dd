//! The state of one limit: for each key the time at which all that it took has come back. Never more than a maximum of keys.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use governor::{clock::Clock as _, nanos::Nanos, state::StateStore};

use super::clock::Clock;

/// Parts with a lock of their own.
const SHARDS: usize = 16;
/// Nanoseconds between two searches for keys that can be forgotten, of a part that is full.
const SWEEP: u64 = 1_000_000_000;
/// The limiter began a moment after the clock: so much later a time has passed for sure.
const SLACK: u64 = 1_000_000;

/// Keys with their times. A key whose share is whole again is as good as new, so it can be forgotten; while a part is full of keys that
/// are not, new ones share one state, so that a flood of keys takes no memory and gains nothing. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Store(Arc<State>);

#[derive(Debug)]
struct State {
    shards: Box<[Mutex<Shard>]>,
    others: Mutex<Option<Nanos>>,
    hasher: RandomState,
    clock: Clock,
    /// Of each part.
    keys_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    keys: HashMap<u128, Nanos>,
    swept: u64,
}

impl Store {
    pub(super) fn new(keys_max: usize, clock: Clock) -> Self {
        let count = keys_max.clamp(1, SHARDS);
        Self(Arc::new(State {
            shards: (0..count).map(|_| Mutex::default()).collect(),
            others: Mutex::default(),
            hasher: RandomState::new(),
            clock,
            keys_max: keys_max / count,
        }))
    }

    /// When all that a key took has come back; `None`: it has.
    pub(super) fn due(&self, key: u128) -> Option<Nanos> {
        let known = self.shard(key).keys.get(&key).copied();
        known.or_else(|| *lock(&self.0.others))
    }

    /// Makes it `nanos` earlier. Keys without a state of their own get nothing back.
    pub(super) fn give_back(&self, key: u128, nanos: u64) {
        if let Some(due) = self.shard(key).keys.get_mut(&key) {
            *due = Nanos::new(due.as_u64().saturating_sub(nanos));
        }
    }

    /// Makes it `nanos` later, but not later than `latest`. Of keys without a state of their own nothing more is taken.
    pub(super) fn take_more(&self, key: u128, nanos: u64, latest: u64) {
        if let Some(due) = self.shard(key).keys.get_mut(&key) {
            *due = Nanos::new(due.as_u64().saturating_add(nanos).min(latest.max(due.as_u64())));
        }
    }

    /// How many keys have a state.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).keys.len()).sum()
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        // Callers choose their keys, so the part is chosen by a hash that they do not know.
        let index = usize::try_from(self.0.hasher.hash_one(key) >> 32).unwrap_or(0) % self.0.shards.len();
        lock(&self.0.shards[index])
    }
}

impl Shard {
    fn has_room(&mut self, keys_max: usize, now: u64) -> bool {
        if self.keys.len() >= keys_max && now >= self.swept.saturating_add(SWEEP) {
            self.swept = now;
            self.keys.retain(|_, due| due.as_u64().saturating_add(SLACK) > now);
            if self.keys.len() < keys_max / 4 {
                self.keys.shrink_to(keys_max / 4);
            }
        }
        self.keys.len() < keys_max
    }
}

impl StateStore for Store {
    type Key = u128;

    fn measure_and_replace<T, F, E>(&self, key: &u128, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.shard(*key);
        if let Some(due) = shard.keys.get_mut(key) {
            let (outcome, next) = judge(Some(*due))?;
            *due = next;
            return Ok(outcome);
        }
        if shard.has_room(self.0.keys_max, self.0.clock.now().as_u64()) {
            let (outcome, next) = judge(None)?;
            shard.keys.insert(*key, next);
            return Ok(outcome);
        }
        drop(shard);
        let mut others = lock(&self.0.others);
        let (outcome, next) = judge(*others)?;
        *others = Some(next);
        Ok(outcome)
    }
}

/// Nothing in here panics half way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
