//! Something that is given for a time: a token, temporary keys.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::upstream::clock;

/// It is renewed when this share of its life is left, while it still holds.
const RENEW_AT: f64 = 0.2;

/// After a failed renewal the next is not begun before.
const PAUSE: Duration = Duration::from_secs(1);

/// Who gives it.
pub(super) trait Issuer: Send + Sync {
    /// What is given.
    type Given: Clone + PartialEq + Send + Sync;

    /// Asks for a new one, and how long it holds. `None`: there is none now, and the log says why.
    fn issue(&self) -> impl Future<Output = Option<(Self::Given, Duration)>> + Send;
}

/// What was given, fetched once for all who wait, kept and renewed early.
#[derive(Debug)]
pub(super) struct Lease<I: Issuer> {
    issuer: I,
    current: Mutex<Option<Issued<I::Given>>>,
    /// Whoever holds it asks for a new one.
    asking: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Issued<T> {
    value: T,
    renew_at: Instant,
    ends_at: Instant,
}

impl<I: Issuer> Lease<I> {
    pub(super) fn new(issuer: I) -> Self {
        Self { issuer, current: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    fn current(&self) -> Option<Issued<I::Given>> {
        // It is replaced whole.
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().filter(|issued| issued.ends_at > clock::now())
    }

    /// One that holds; fetched when there is none, renewed early by the first who comes late in its life.
    pub(super) async fn get(&self) -> Option<I::Given> {
        match self.current() {
            Some(issued) if issued.renew_at > clock::now() => Some(issued.value),
            Some(issued) => {
                // The others go on with what still holds.
                let Ok(mut asked) = self.asking.try_lock() else { return Some(issued.value) };
                if asked.is_some_and(|asked| clock::since(asked) < PAUSE) {
                    return Some(issued.value);
                }
                *asked = Some(clock::now());
                Some(self.fetch().await.unwrap_or(issued.value))
            }
            None => {
                let mut asked = self.asking.lock().await;
                // Somebody else fetched it meanwhile, or found out that there is none.
                if let Some(issued) = self.current() {
                    return Some(issued.value);
                }
                if asked.is_some_and(|asked| clock::since(asked) < PAUSE) {
                    return None;
                }
                let value = self.fetch().await;
                *asked = value.is_none().then(clock::now);
                value
            }
        }
    }

    /// One other than one that was refused.
    pub(super) async fn instead_of(&self, refused: &I::Given) -> Option<I::Given> {
        let _asking = self.asking.lock().await;
        match self.current() {
            Some(issued) if issued.value != *refused => Some(issued.value),
            _ => self.fetch().await,
        }
    }

    async fn fetch(&self) -> Option<I::Given> {
        let (value, life) = self.issuer.issue().await?;
        let now = clock::now();
        let issued = Issued { value: value.clone(), renew_at: now + life.mul_f64(1.0 - RENEW_AT), ends_at: now + life };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(issued);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::upstream::clock::{advance, paused};

    const MINUTE: Duration = Duration::from_mins(1);

    /// Gives numbers that hold for ten minutes each, after a second; nothing where it is told so.
    #[derive(Default)]
    struct Numbers {
        asked: AtomicU32,
        dry: std::sync::atomic::AtomicBool,
    }

    impl Issuer for Numbers {
        type Given = u32;

        async fn issue(&self) -> Option<(u32, Duration)> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            clock::sleep(Duration::from_secs(1)).await;
            (!self.dry.load(Ordering::Relaxed)).then_some((number, 10 * MINUTE))
        }
    }

    #[test]
    fn it_is_asked_for_once_and_renewed_before_it_ends() {
        paused(async {
            let lease = Lease::new(Numbers::default());
            assert_eq!(tokio::join!(lease.get(), lease.get(), lease.get()), (Some(0), Some(0), Some(0)));
            advance(7 * MINUTE);
            assert_eq!(lease.get().await, Some(0));
            advance(2 * MINUTE);
            // The first renews it; who comes meanwhile goes on with what holds.
            assert_eq!(tokio::join!(lease.get(), lease.get()), (Some(1), Some(0)));
            assert_eq!(lease.instead_of(&0).await, Some(1));
            assert_eq!(lease.instead_of(&1).await, Some(2));
            assert_eq!(lease.issuer.asked.load(Ordering::Relaxed), 3);
        });
    }

    #[test]
    fn what_cannot_be_renewed_is_used_to_its_end_and_asked_for_once_a_second() {
        paused(async {
            let lease = Lease::new(Numbers::default());
            assert_eq!(lease.get().await, Some(0));
            lease.issuer.dry.store(true, Ordering::Relaxed);
            advance(9 * MINUTE);
            assert_eq!(lease.get().await, Some(0));
            assert_eq!(lease.issuer.asked.load(Ordering::Relaxed), 2);
            advance(2 * MINUTE);
            assert_eq!(lease.get().await, None);
            assert_eq!((lease.get().await, lease.get().await), (None, None));
            assert_eq!(lease.issuer.asked.load(Ordering::Relaxed), 3);
            advance(Duration::from_secs(1));
            lease.issuer.dry.store(false, Ordering::Relaxed);
            assert_eq!(lease.get().await, Some(3));
        });
    }
}
