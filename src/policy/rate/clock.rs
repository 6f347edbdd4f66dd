//! The clock of the limits: it begins with them, and in tests it stands still until it is moved.

use std::time::Instant;

use governor::{clock, nanos::Nanos};

/// Nanoseconds since it was made.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    start: Instant,
    #[cfg(test)]
    stands_at: Option<std::sync::Arc<std::sync::atomic::AtomicU64>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(test)]
            stands_at: None,
        }
    }

    /// One that shows what is stored there.
    #[cfg(test)]
    pub(super) fn still(at: &std::sync::Arc<std::sync::atomic::AtomicU64>) -> Self {
        Self { stands_at: Some(std::sync::Arc::clone(at)), ..Self::new() }
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
