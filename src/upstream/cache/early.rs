//! Asking again a little before a reply goes stale, so that a fleet of gateways does not ask all at once when it does.
//!
//! A. Vattani, F. Chierichetti, K. Lowenstein: "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015. Each use asks early with
//! a probability that grows as the end comes near, and is larger for what takes long to get. Nobody waits for a lock, and none can be
//! left behind by a gateway that died.

use std::time::Duration;

/// Beyond so many times the cost nobody asks early: one use in 10¹³ would.
const COSTS_MAX: u32 = 30;

/// Whether a use of a reply that stays fresh for `left`, and took `cost` to get, asks for it again now. `chance`: a random number from
/// 0 to below 1.
pub(super) fn is_due(left: Duration, cost: Duration, chance: impl FnOnce() -> f64) -> bool {
    if left > cost.saturating_mul(COSTS_MAX) {
        return false;
    }
    // Of 1 − x, which is never 0.
    let draw = -(1.0 - chance()).ln();
    cost.mul_f64(draw.min(f64::from(COSTS_MAX))) >= left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_the_end_the_likelier() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut share = |left: u64| {
            let due = |_: &u32| is_due(Duration::from_millis(left), Duration::from_millis(100), || random.f64());
            (0..20_000).filter(due).count()
        };
        // The probability is e^(−left / cost).
        for (left, wanted) in [(0, 20_000), (100, 7358), (200, 2707), (500, 135), (3001, 0)] {
            let found = share(left);
            assert!(found.abs_diff(wanted) <= 20 + wanted / 20, "{left} ms: {found}, expected {wanted}");
        }
    }

    #[test]
    fn what_costs_nothing_is_never_asked_for_early() {
        assert!(!is_due(Duration::from_millis(1), Duration::ZERO, || 0.999));
    }
}
