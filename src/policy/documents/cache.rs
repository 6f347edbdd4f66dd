//! Documents of automatic persisted queries, within a number of bytes.

use std::sync::Arc;

use moka::sync::Cache;

use super::Hash;

/// Bytes of all texts kept. A thousand large operations are 4 MiB.
const BYTES_MAX: u64 = 16 << 20;
/// Bytes beside a text.
const OVERHEAD: usize = 128;

/// Text by hash; the least used go first.
#[derive(Debug)]
pub(super) struct Kept {
    texts: Cache<Hash, Arc<str>>,
}

impl Kept {
    pub(super) fn new() -> Self {
        let weigh = |_: &Hash, text: &Arc<str>| u32::try_from(text.len() + OVERHEAD).unwrap_or(u32::MAX);
        Self { texts: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build() }
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<Arc<str>> {
        self.texts.get(hash)
    }

    pub(super) fn insert(&self, hash: Hash, text: &str) {
        self.texts.insert(hash, text.into());
    }
}
