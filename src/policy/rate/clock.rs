//! The clock of the limits: it begins with them, and in tests it stands still until it is moved.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use governor::{clock, nanos::Nanos};

/// Nanoseconds since it was made, and the time of day.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    start: Instant,
    #[cfg(test)]
    stands_at: Option<std::sync::Arc<std::sync::atomic::AtomicU64>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(test)]
            stands_at: None,
        }
    }
}

impl Clock {
    /// One that shows what is stored there; it began in 1970.
    #[cfg(test)]
    pub(super) fn still(at: &std::sync::Arc<std::sync::atomic::AtomicU64>) -> Self {
        Self { stands_at: Some(std::sync::Arc::clone(at)), ..Self::default() }
    }

    /// Seconds since 1970.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "in tests it is its own"))]
    pub(super) fn wall(&self) -> i64 {
        #[cfg(test)]
        if let Some(at) = &self.stands_at {
            return i64::try_from(at.load(std::sync::atomic::Ordering::Relaxed) / 1_000_000_000).unwrap_or(i64::MAX);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

impl clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        #[cfg(test)]
        if let Some(at) = &self.stands_at {
            return Nanos::new(at.load(std::sync::atomic::Ordering::Relaxed));
        }
        // 584 years.
        Nanos::new(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
