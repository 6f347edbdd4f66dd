//! Answers that are given again: nothing of them is made anew while every reply that they were made of is still stored and fresh.
//!
//! An answer is remembered once a request was answered from stored replies alone; requests that do not repeat pay nothing for this. Its
//! key is all that it depends on ([`Key`]). Its replies are looked up at each use, so what time, a write or a purge made wrong is not given again.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use moka::sync::Cache;

use super::{
    answer::Made,
    repeats::{Key, Terms},
};
use crate::{execute::Sources, upstream::Upstreams};

/// Bytes that an answer takes beside body and key, roughly; a reply's name is within.
const OVERHEAD: usize = 512;
/// An answer takes at most this part of the budget.
const PARTS_MIN: u64 = 8;

/// An answer without errors.
#[derive(Debug)]
struct Remembered {
    body: Bytes,
    sources: Sources,
    actual: Option<u64>,
}

/// The answers of a snapshot, within a budget of bytes.
#[derive(Debug)]
pub(super) struct Answers {
    cache: Cache<Key, Arc<Remembered>>,
    answer_max: u64,
}

impl Answers {
    /// With room for so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        let weight = |key: &Key, answer: &Arc<Remembered>| {
            let stored = answer.sources.stored.len() * 48;
            u32::try_from(OVERHEAD + key.weight() + answer.body.len() + stored).unwrap_or(u32::MAX)
        };
        Self {
            cache: Cache::builder().max_capacity(bytes_max).weigher(weight).build(),
            answer_max: bytes_max / PARTS_MIN,
        }
    }

    /// An answer that may be given again, with what is to be said of its replies now.
    pub(super) fn find(&self, key: &Key, upstreams: &Upstreams) -> Option<Made> {
        let answer = self.cache.get(key)?;
        let sources = answer.sources.again(upstreams)?;
        Some(Made { body: answer.body.clone(), sources, error_count: 0, actual: answer.actual })
    }

    /// Remembers an answer without errors, if it was made of nothing but stored replies.
    pub(super) fn keep(&self, terms: &Terms, key: impl FnOnce() -> Key, made: &Made) {
        let is_good = terms.is_remembered && made.error_count == 0 && made.sources.is_all_stored();
        if is_good && made.body.len() as u64 <= self.answer_max {
            let (body, sources) = (made.body.clone(), made.sources.clone());
            let answer = Remembered { body, sources, actual: made.actual };
            self.cache.insert(key(), Arc::new(answer));
            terms.has_remembered.store(true, Ordering::Relaxed);
        }
    }
}
