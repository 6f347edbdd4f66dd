//! Quotas of API keys: a number for each calendar day or month (UTC), of which nothing comes back before it ends.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::config::QuotaPeriod;

const DAY: i64 = 86_400;

/// A calendar day or month, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Its first second.
    pub(super) start: i64,
    /// The first second after it.
    pub(super) end: i64,
}

/// What was used of each quota in its current window; bounded by the number of API keys.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    used: Mutex<HashMap<u128, Used>>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    window: Window,
    number: u64,
}

impl Window {
    /// The one of a second.
    pub(super) fn of(period: QuotaPeriod, second: i64) -> Self {
        let day = second.div_euclid(DAY);
        match period {
            QuotaPeriod::Day => Self { start: day * DAY, end: (day + 1) * DAY },
            QuotaPeriod::Month => {
                let of_month = day_of_month(day);
                let first = day - i64::from(of_month) + 1;
                // The 32nd day from the first of a month lies in the next one, wherever that begins.
                let later = first + 31;
                let next = later - i64::from(day_of_month(later)) + 1;
                Self { start: first * DAY, end: next * DAY }
            }
        }
    }

    /// How long it is.
    pub(super) fn length(self) -> Duration {
        Duration::from_secs(u64::try_from(self.end - self.start).unwrap_or(0))
    }

    /// How long it still lasts: a second at least.
    pub(super) fn rest(self, second: i64) -> Duration {
        Duration::from_secs(u64::try_from(self.end - second).unwrap_or(0).max(1))
    }
}

impl Quotas {
    /// Takes so many, where they are left. Gives how many are used then; `Err`: how many are, and nothing was taken.
    pub(super) fn take(&self, key: u128, window: Window, number: u64, most: u64) -> Result<u64, u64> {
        let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&key) && all.len() == all.capacity() {
            // Keys that are no longer used go when room is needed for others.
            all.retain(|_, used| used.window.end > window.start);
        }
        let used = all.entry(key).or_insert(Used { window, number: 0 });
        // Only forward: who looked at the clock before midnight may come after who did later.
        if window.start > used.window.start {
            *used = Used { window, number: 0 };
        }
        let next = used.number.saturating_add(number);
        if next > most {
            return Err(used.number);
        }
        used.number = next;
        Ok(next)
    }

    /// Corrects what was taken, unless its window is over.
    pub(super) fn settle(&self, key: u128, window: Window, difference: i64) {
        let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = all.get_mut(&key).filter(|used| used.window == window) {
            used.number = used.number.saturating_add_signed(difference);
        }
    }
}

/// From 1. Source: Howard Hinnant's `civil_from_days`, which counts years from March, so that the day that comes and goes is their last.
fn day_of_month(days: i64) -> u8 {
    let of_era = (days + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    u8::try_from(of_year - (153 * month + 2) / 5 + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_the_calendar() {
        use QuotaPeriod::{Day, Month};
        // What `date -u -d DAY +%s` says: leap years, a century without one, ends of months and of a year.
        for (period, second, start, end) in [
            (Month, 0, 0, 2_678_400),
            (Month, 951_782_400, 949_363_200, 951_868_800),
            (Month, 951_868_799, 949_363_200, 951_868_800),
            (Month, 951_868_800, 951_868_800, 954_547_200),
            (Month, 1_835_395_200, 1_832_976_000, 1_835_481_600),
            (Month, 1_893_369_600, 1_890_777_600, 1_893_456_000),
            (Month, 4_107_542_399, 4_105_123_200, 4_107_542_400),
            (Day, 951_868_799, 951_782_400, 951_868_800),
            (Day, 951_868_800, 951_868_800, 951_955_200),
        ] {
            assert_eq!(Window::of(period, second), Window { start, end }, "{period:?} of {second}");
        }
    }
}
