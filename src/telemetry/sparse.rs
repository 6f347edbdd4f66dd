//! Lines of the log that could be one for each request: at most so many a second, and how many there were.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Seconds are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The number of the second that is on.
fn second() -> u64 {
    START.elapsed().as_secs()
}

/// Counts what is written in one second of the process.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The second (above) and its count (the lower 32 bits).
    state: AtomicU64,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { state: AtomicU64::new(0) }
    }

    /// Whether one more is within `most` for this second; it is counted then.
    pub(super) fn admits(&self, most: u32) -> bool {
        self.admits_in(second(), most)
    }

    fn admits_in(&self, second: u64, most: u32) -> bool {
        let count = |state: u64| if state >> 32 == second { state & u64::from(u32::MAX) } else { 0 };
        let next = |state: u64| (count(state) < u64::from(most)).then(|| second << 32 | (count(state) + 1));
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

/// A line of the log that may be due very often. Each that is written says how many before it were not.
#[derive(Debug, Default)]
pub struct Sparse {
    window: Window,
    left_out: AtomicU64,
}

impl Sparse {
    /// One that was never written.
    pub const fn new() -> Self {
        Self { window: Window::new(), left_out: AtomicU64::new(0) }
    }

    /// Whether to write a line now, of `most` a second, and then how many were left out since the last; `None`: this one is, too.
    pub fn due(&self, most: u32) -> Option<u64> {
        self.due_in(second(), most)
    }

    fn due_in(&self, second: u64, most: u32) -> Option<u64> {
        if self.window.admits_in(second, most) {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second_and_not_one_more() {
        let window = Window::new();
        let admitted = |second| (0..1000).filter(|_| window.admits_in(second, 3)).count();
        assert_eq!([0, 0, 1, 7, 7].map(admitted), [3, 0, 3, 3, 0]);
    }

    #[test]
    fn a_line_says_how_many_were_left_out_before_it() {
        let line = Sparse::new();
        let due = |second| line.due_in(second, 1);
        assert_eq!([5, 5, 5, 6, 8].map(due), [Some(0), None, None, Some(2), Some(0)]);
    }
}
