//! What is usual: the distribution of recent latencies.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

/// What the first buckets are wide.
const UNIT: Duration = Duration::from_nanos(12_500);

/// So many buckets for each doubling, equally wide: quantiles are right to an eighth.
const EACH: usize = 8;

/// The last one begins at 98 s.
const BUCKETS: usize = 168;

/// After so many all counts are halved, so that old times weigh less and less.
const HALVE_AFTER: u32 = 2048;

/// A quantile of fewer is an accident.
const SAMPLES_MIN: u32 = 100;

/// The quantile is read again after so many.
const READ_AFTER: u32 = 128;

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
        let reaches = |count: &AtomicU32| {
            sum += f64::from(count.load(Ordering::Relaxed));
            sum >= wanted
        };
        let index = self.counts.iter().position(reaches).unwrap_or(BUCKETS - 1);
        let micros = u64::try_from(upper(index).as_micros()).unwrap_or(u64::MAX);
        self.value.store(micros, Ordering::Relaxed);
    }
}

/// Where a time is counted. The first sixteen buckets are one unit wide, the next eight two, the next eight four.
fn bucket(took: Duration) -> usize {
    let second = 1_000_000_000 / UNIT.subsec_nanos();
    let units = took.as_secs().saturating_mul(second.into());
    let units = units.saturating_add((took.subsec_nanos() / UNIT.subsec_nanos()).into());
    let doubling = (u64::BITS - units.leading_zeros()).saturating_sub(4) as usize;
    let index = usize::try_from(units >> doubling).unwrap_or(usize::MAX);
    (doubling * EACH).saturating_add(index).min(BUCKETS - 1)
}

/// Where a bucket ends.
fn upper(index: usize) -> Duration {
    let doubling = (index / EACH).saturating_sub(1);
    let units = (index - doubling * EACH + 1) << doubling;
    UNIT.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_right_to_an_eighth() {
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

    #[test]
    fn every_time_is_in_its_bucket() {
        for exponent in 0..33 {
            for part in 0..64_u64 {
                let took = Duration::from_nanos((12_500 << exponent >> 8) * (64 + part) / 64);
                let index = bucket(took);
                if index == BUCKETS - 1 {
                    continue;
                }
                assert!(took < upper(index), "{took:?}");
                assert!(index == 0 || took >= upper(index - 1), "{took:?}");
                assert!(index < 2 * EACH || upper(index) <= upper(index - 1) + took / 8, "{took:?}");
            }
        }
    }
}
