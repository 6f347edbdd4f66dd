//! What is usual: the distribution of recent latencies.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

/// Each bucket is a tenth wider than the one before it: quantiles are right to 10 %.
const GROWTH: f64 = 1.1;

/// Upper bound of the first bucket, in seconds.
const FIRST: f64 = 0.000_1;

/// The last one begins above 100 s.
const BUCKETS: usize = 148;

/// After so many all counts are halved, so that old times weigh less and less.
const HALVE_AFTER: u32 = 2048;

/// A quantile of fewer is an accident.
const SAMPLES_MIN: u32 = 100;

/// The quantile is read again after so many.
const READ_AFTER: u32 = 32;

/// A histogram that forgets, and one quantile of it.
#[derive(Debug)]
pub(super) struct Latencies {
    quantile: f64,
    counts: [AtomicU32; BUCKETS],
    recorded: AtomicU32,
    /// In microseconds; 0: too little is known.
    value: AtomicU64,
}

impl Latencies {
    /// To know this quantile, between 0 and 1.
    pub(super) fn new(quantile: f64) -> Self {
        Self {
            quantile,
            counts: [const { AtomicU32::new(0) }; BUCKETS],
            recorded: AtomicU32::new(0),
            value: AtomicU64::new(0),
        }
    }

    /// Takes one in.
    pub(super) fn record(&self, took: Duration) {
        self.counts[bucket(took)].fetch_add(1, Ordering::Relaxed);
        let recorded = self.recorded.fetch_add(1, Ordering::Relaxed) + 1;
        if recorded.is_multiple_of(READ_AFTER) {
            self.read();
        }
        if recorded.is_multiple_of(HALVE_AFTER) {
            for count in &self.counts {
                count.store(count.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
    }

    /// The quantile; `None` while too little is known.
    pub(super) fn quantile(&self) -> Option<Duration> {
        Some(self.value.load(Ordering::Relaxed)).filter(|value| *value > 0).map(Duration::from_micros)
    }

    fn read(&self) {
        let all: u32 = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        if all < SAMPLES_MIN {
            return;
        }
        let wanted = f64::from(all) * self.quantile;
        let mut sum = 0.0;
        let mut upper = FIRST;
        for count in &self.counts {
            sum += f64::from(count.load(Ordering::Relaxed));
            if sum >= wanted {
                break;
            }
            upper *= GROWTH;
        }
        let micros = u64::try_from(Duration::from_secs_f64(upper).as_micros()).unwrap_or(u64::MAX);
        self.value.store(micros, Ordering::Relaxed);
    }
}

fn bucket(took: Duration) -> usize {
    let times = took.as_secs_f64() / FIRST;
    if times <= 1.0 {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 440")]
    let index = (times.ln() / GROWTH.ln()).ceil() as usize;
    index.min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_right_to_a_tenth() {
        let latencies = Latencies::new(0.95);
        for number in 0..1000_u64 {
            latencies.record(Duration::from_millis(1 + number % 100));
        }
        let found = latencies.quantile().unwrap().as_secs_f64();
        assert!((0.094..0.107).contains(&found), "{found}");
    }

    #[test]
    fn little_is_nothing() {
        let latencies = Latencies::new(0.5);
        (0..96).for_each(|_| latencies.record(Duration::from_millis(5)));
        assert_eq!(latencies.quantile(), None);
    }

    #[test]
    fn old_times_are_forgotten() {
        let latencies = Latencies::new(0.95);
        (0..2000).for_each(|_| latencies.record(Duration::from_secs(1)));
        (0..20_000).for_each(|_| latencies.record(Duration::from_millis(10)));
        assert!(latencies.quantile().unwrap() < Duration::from_millis(12));
    }

    #[test]
    fn the_ends_are_bounded() {
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }
}
