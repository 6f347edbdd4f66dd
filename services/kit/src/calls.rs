//! Counts what reached a service, so that tests and readers can see how many calls an operation made.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

/// Calls since the start or the last reset, by method and route.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    by: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// The body of `GET /__calls`.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Tally {
    /// All calls.
    pub total: u64,
    /// Calls by method and route: `GET /products/{id}`.
    pub by: BTreeMap<String, u64>,
}

impl Calls {
    /// Notes one call. There are as many entries as routes: a path without a route counts as `(no route)`.
    pub fn count(&self, method: &str, route: Option<&str>) {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        *by.entry(format!("{method} {}", route.unwrap_or("(no route)"))).or_default() += 1;
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        let by = self.by.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Tally { total: by.values().sum(), by }
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        self.by.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_route_and_starts_again() {
        let calls = Calls::default();
        calls.count("GET", Some("/products"));
        calls.count("GET", Some("/products"));
        calls.count("PUT", None);
        let tally = calls.tally();
        assert_eq!((tally.total, tally.by["GET /products"], tally.by["PUT (no route)"]), (3, 2, 1));
        calls.reset();
        assert_eq!(calls.tally().total, 0);
    }
}
