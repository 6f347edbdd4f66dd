//! How many calls at once a service bears, found from how its latency answers.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::clock::{self, Moment};
use crate::config;

/// A round of measuring has at least so many calls ...
const CALLS_MIN: u32 = 16;

/// ... and takes at least this long.
const ROUND_MIN: Duration = Duration::from_millis(50);

/// The latency without a queue is allowed to grow so much a round, so that a service that became slower for good is not
/// taken for one that is overloaded: about 12 % a minute.
const DRIFT: f64 = 1.000_1;

/// What is left of the limit after a round with many refusals.
const BACK_OFF: f64 = 0.9;

/// Finds the limit at which a service is busy and has no long queue.
///
/// From the latency without load and the latency now follows how many calls wait inside of the service:
/// `limit × (1 − base / now)`. Few waiting: the limit grows; many: it shrinks; many refusals: it shrinks by a tenth.
/// Source: Brakmo and Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global Internet" (1995), with the
/// logarithmic bounds of Netflix's concurrency-limits. Latencies are means of a round, so that a service with quick and
/// slow calls is compared with itself.
#[derive(Debug)]
pub(super) struct Adaptive {
    settings: config::Adaptive,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: f64,
    /// Mean latency without load, in seconds.
    base: Option<f64>,
    began: Moment,
    calls: u32,
    refused: u32,
    sum: f64,
    /// Most calls at once in this round.
    busiest: usize,
}

impl Adaptive {
    /// Between the settings' minimum and `most`.
    pub(super) fn new(settings: config::Adaptive, most: usize) -> Self {
        let settings = config::Adaptive { min: settings.min.min(most), initial: settings.initial.min(most) };
        #[expect(clippy::cast_precision_loss, reason = "calls at once are counted in thousands")]
        let limit = settings.initial as f64;
        let began = clock::moment();
        let state = State { limit, base: None, began, calls: 0, refused: 0, sum: 0.0, busiest: 0 };
        Self { settings, most, state: Mutex::new(state) }
    }

    /// The limit now.
    pub(super) fn limit(&self) -> usize {
        self.settings.initial
    }

    /// Takes the end of a call in. Returns the limit at the end of a round.
    pub(super) fn observe(&self, took: Duration, under_way: usize, refused: bool, now: Moment) -> Option<usize> {
        // Numbers that a panic left are still numbers.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        state.refused += u32::from(refused);
        state.sum += took.as_secs_f64();
        state.busiest = state.busiest.max(under_way);
        if state.calls < CALLS_MIN || now.since(state.began) < ROUND_MIN {
            return None;
        }
        state.end_round();
        #[expect(clippy::cast_precision_loss, reason = "calls at once are counted in thousands")]
        let bounds = (self.settings.min.max(1) as f64, self.most as f64);
        state.limit = state.limit.clamp(bounds.0, bounds.1);
        state.began = now;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds")]
        Some(state.limit.round() as usize)
    }
}

impl State {
    fn end_round(&mut self) {
        let calls = f64::from(self.calls);
        let mean = (self.sum / calls).max(1e-6);
        let is_refused = f64::from(self.refused) > calls * 0.1;
        let base = self.base.map_or(mean, |base| (base * DRIFT).min(mean));
        self.base = Some(base);
        let step = self.limit.log10().max(0.5);
        let queued = self.limit * (1.0 - base / mean);
        #[expect(clippy::cast_precision_loss, reason = "calls at once are counted in thousands")]
        let is_used = self.busiest as f64 * 2.0 >= self.limit;
        if is_refused {
            self.limit *= BACK_OFF;
        } else if queued > 6.0 * step {
            self.limit -= step;
        } else if queued < 3.0 * step && is_used {
            // Far from a queue it may grow faster.
            self.limit += if queued < step { 3.0 * step } else { step };
        }
        self.calls = 0;
        self.refused = 0;
        self.sum = 0.0;
        self.busiest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::clock::{advance, paused};

    /// A service that works on so many calls at once, each for 20 ms; what is more waits.
    fn play(adaptive: &Adaptive, capacity: usize, wanted: usize, rounds: usize) -> usize {
        let mut limit = adaptive.limit();
        for _ in 0..rounds * 4 {
            let under_way = limit.min(wanted);
            let took = Duration::from_millis(20) * small(under_way.max(capacity)) / small(capacity);
            advance(Duration::from_millis(20));
            for _ in 0..under_way {
                limit = adaptive.observe(took, under_way, false, clock::moment()).unwrap_or(limit);
            }
        }
        limit
    }

    fn small(number: usize) -> u32 {
        u32::try_from(number).expect("a small number")
    }

    fn adaptive(initial: usize, most: usize) -> Adaptive {
        Adaptive::new(config::Adaptive { min: 2, initial }, most)
    }

    #[test]
    fn it_finds_what_the_service_bears() {
        paused(async {
            let found = play(&adaptive(8, 512), 40, 1000, 200);
            assert!((40..70).contains(&found), "{found}");
        });
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        paused(async {
            assert_eq!(play(&adaptive(32, 512), 1000, 10, 100), 32);
        });
    }

    #[test]
    fn it_keeps_its_bounds() {
        paused(async {
            assert_eq!(play(&adaptive(8, 20), 1000, 1000, 200), 20);
            let adaptive = adaptive(32, 512);
            let mut limit = 32;
            for _ in 0..200 {
                advance(ROUND_MIN);
                for _ in 0..CALLS_MIN {
                    limit = adaptive.observe(Duration::from_millis(20), 32, true, clock::moment()).unwrap_or(limit);
                }
            }
            assert_eq!(limit, 2);
        });
    }

    #[test]
    fn a_service_that_slows_down_gets_fewer() {
        paused(async {
            let adaptive = adaptive(8, 512);
            let before = play(&adaptive, 80, 1000, 200);
            let mut limit = before;
            for _ in 0..400 {
                advance(Duration::from_millis(20));
                let under_way = limit;
                let took = Duration::from_millis(2) * small(under_way.max(10));
                for _ in 0..under_way {
                    limit = adaptive.observe(took, under_way, false, clock::moment()).unwrap_or(limit);
                }
            }
            assert!(limit < before / 2, "{before} → {limit}");
        });
    }
}
