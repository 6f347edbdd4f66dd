//! Figures of what was not asked again: the HTTP cache and calls that were shared.

use ::metrics::{Counter, Gauge, counter, gauge, with_local_recorder};

use super::{metrics::Metrics, names};

/// What came of looking into the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutcome {
    /// A fresh reply was there.
    Hit,
    /// The service was asked.
    Miss,
    /// A stale reply was used.
    Stale,
    /// The service said that what was there still holds.
    Revalidated,
    /// A fresh reply was in Redis.
    HitRedis,
}

const OUTCOMES: [&str; 5] = ["hit", "miss", "stale", "revalidated", "hit_redis"];

/// The figures of one upstream's replies.
#[derive(Clone)]
pub struct ReuseMetrics {
    lookups: [Counter; OUTCOMES.len()],
    shared: Counter,
}

impl ReuseMetrics {
    /// Counts one look into the cache.
    pub fn looked_up(&self, outcome: CacheOutcome) {
        self.lookups[outcome as usize].increment(1);
    }

    /// Counts one call that was answered by another one in flight.
    pub fn shared(&self) {
        self.shared.increment(1);
    }
}

impl std::fmt::Debug for ReuseMetrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ReuseMetrics").finish_non_exhaustive()
    }
}

/// Bytes in the cache.
#[derive(Clone)]
pub struct CacheBytes(Gauge);

impl CacheBytes {
    /// Notes how many there are.
    pub fn set(&self, bytes: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        self.0.set(bytes as f64);
    }
}

impl std::fmt::Debug for CacheBytes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CacheBytes").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The handles of one upstream's replies, to be kept with it.
    pub fn reuse(&self, upstream: &str) -> ReuseMetrics {
        with_local_recorder(self.recorder(), || ReuseMetrics {
            lookups: OUTCOMES.map(|outcome| {
                counter!(
                    names::CACHE_LOOKUPS,
                    names::LABEL_UPSTREAM => upstream.to_owned(), names::LABEL_OUTCOME => outcome
                )
            }),
            shared: counter!(names::SHARED_CALLS, names::LABEL_UPSTREAM => upstream.to_owned()),
        })
    }

    /// The handle of the cache's size.
    pub fn cache_bytes(&self) -> CacheBytes {
        with_local_recorder(self.recorder(), || CacheBytes(gauge!(names::CACHE_SIZE)))
    }
}

#[cfg(test)]
mod tests {
    use crate::telemetry::metrics;

    use super::*;

    #[test]
    fn counts_by_upstream_and_outcome() {
        let reuse = metrics().reuse("reuse-test");
        reuse.looked_up(CacheOutcome::Hit);
        reuse.looked_up(CacheOutcome::Revalidated);
        reuse.shared();
        metrics().cache_bytes().set(5);
        let text = metrics().render();
        for line in [
            "weft_cache_lookups_total{upstream=\"reuse-test\",outcome=\"hit\"} 1",
            "weft_cache_lookups_total{upstream=\"reuse-test\",outcome=\"revalidated\"} 1",
            "weft_cache_lookups_total{upstream=\"reuse-test\",outcome=\"miss\"} 0",
            "weft_shared_calls_total{upstream=\"reuse-test\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "`{line}` is not in:\n{text}");
        }
        assert!(text.contains("weft_cache_size_bytes "), "{text}");
    }
}
