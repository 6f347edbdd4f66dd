//! What was found out about tokens and certificates, so that the next request with one costs a hash and a look.

use std::sync::Arc;

use moka::sync::Cache;

use super::Subject;

/// Estimated bytes of all that one of these keeps.
const BYTES_MAX: u64 = 32 << 20;
/// Estimated bytes of what is kept, for each byte that came in.
const BYTES_PER_BYTE: usize = 4;

/// What was found out about a token.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) subject: Arc<Subject>,
    /// The second of its end, leeway included.
    pub(super) ends: i64,
    /// Its issuer.
    pub(super) issuer: usize,
    /// Of the keys that it was checked with: with others it is checked again.
    pub(super) generation: u64,
}

/// By SHA-256 of the whole of what came in; the least used go first.
#[derive(Debug)]
pub(super) struct Known<T: Clone + Send + Sync + 'static> {
    values: Cache<[u8; 32], (T, usize)>,
}

impl<T: Clone + Send + Sync + 'static> Known<T> {
    pub(super) fn new() -> Self {
        let weigh = |_: &[u8; 32], (_, size): &(T, usize)| {
            u32::try_from(size.saturating_mul(BYTES_PER_BYTE) + 512).unwrap_or(u32::MAX)
        };
        Self { values: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build() }
    }

    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<T> {
        self.values.get(hash).map(|(value, _)| value)
    }

    /// `size`: bytes that came in.
    pub(super) fn insert(&self, hash: [u8; 32], value: T, size: usize) {
        self.values.insert(hash, (value, size));
    }

    pub(super) fn forget(&self, hash: &[u8; 32]) {
        self.values.invalidate(hash);
    }
}
