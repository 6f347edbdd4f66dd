//! How much the gateway as a whole has to do.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests under way, and how many of them are many.
///
/// Whoever lets requests in counts here; optional calls look.
#[derive(Debug)]
pub struct Pressure {
    under_way: AtomicUsize,
    many: AtomicUsize,
}

/// A request that counts until it is dropped, also when its caller leaves.
#[derive(Debug)]
pub struct UnderWay<'a>(&'a Pressure);

impl Default for Pressure {
    fn default() -> Self {
        Self { under_way: AtomicUsize::new(0), many: AtomicUsize::new(usize::MAX) }
    }
}

impl Pressure {
    /// Counts one more request, if less than `most` are under way.
    pub fn enter(&self, most: usize) -> Option<UnderWay<'_>> {
        // Three quarters: the last one is for requests, not for what they could do without.
        let many = most - most / 4;
        if self.many.load(Ordering::Relaxed) != many {
            self.many.store(many, Ordering::Relaxed);
        }
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let request = UnderWay(self);
        (before < most).then_some(request)
    }

    /// Whether more than three quarters of the requests that may be under way are.
    pub fn is_high(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > self.many.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_high_above_three_quarters() {
        let pressure = Pressure::default();
        assert!(!pressure.is_high());
        let mut inside: Vec<UnderWay<'_>> = (0..6).map(|_| pressure.enter(8).expect("room")).collect();
        assert!(!pressure.is_high());
        inside.push(pressure.enter(8).expect("room"));
        assert!(pressure.is_high());
        assert!(pressure.enter(7).is_none(), "who is refused is not under way");
        inside.pop();
        inside.pop();
        assert!(!pressure.is_high(), "a reload said six of seven");
        drop(inside);
        let _only = pressure.enter(1).expect("room");
        assert!(!pressure.is_high(), "one of one is all there can be");
    }
}
