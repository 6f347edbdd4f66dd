//! Tokens that were checked and certificates that were read, so that the next request with one costs a hash and a look.

use std::sync::Arc;

use moka::sync::Cache;

use super::{Subject, certificate::Presented};

/// Estimated bytes of all tokens kept, and of all certificates.
const BYTES_MAX: u64 = 32 << 20;
/// Estimated bytes of the subject of a token, for each byte of the token.
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
    /// Bytes of the token.
    size: usize,
}

/// By SHA-256 of the whole token; the least used go first.
#[derive(Debug)]
pub(super) struct Verified {
    tokens: Cache<[u8; 32], Checked>,
}

impl Checked {
    pub(super) fn new(subject: Arc<Subject>, ends: i64, issuer: usize, generation: u64, token: &str) -> Self {
        Self { subject, ends, issuer, generation, size: token.len() }
    }
}

impl Verified {
    pub(super) fn new() -> Self {
        let weigh = |_: &[u8; 32], checked: &Checked| {
            u32::try_from(checked.size.saturating_mul(BYTES_PER_BYTE) + 512).unwrap_or(u32::MAX)
        };
        Self { tokens: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build() }
    }

    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<Checked> {
        self.tokens.get(hash)
    }

    pub(super) fn insert(&self, hash: [u8; 32], checked: Checked) {
        self.tokens.insert(hash, checked);
    }

    pub(super) fn forget(&self, hash: &[u8; 32]) {
        self.tokens.invalidate(hash);
    }
}

/// Certificates that proxies forward, by SHA-256 of what they say; the least used go first.
#[derive(Debug)]
pub(super) struct Read {
    certificates: Cache<[u8; 32], (Arc<Presented>, usize)>,
}

impl Read {
    pub(super) fn new() -> Self {
        let weigh = |_: &[u8; 32], (_, size): &(Arc<Presented>, usize)| {
            u32::try_from(size.saturating_mul(BYTES_PER_BYTE) + 512).unwrap_or(u32::MAX)
        };
        Self { certificates: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build() }
    }

    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<Arc<Presented>> {
        self.certificates.get(hash).map(|(presented, _)| presented)
    }

    /// `size`: its bytes.
    pub(super) fn insert(&self, hash: [u8; 32], presented: Arc<Presented>, size: usize) {
        self.certificates.insert(hash, (presented, size));
    }
}
