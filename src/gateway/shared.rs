//! Equal operations under way are one run, and its answer is everybody's.
//!
//! What is equal is what [`Key`] holds: plan, variables, and of the caller all that the plan's connectors read; so every call would be
//! the same, and shared anyway (`config::Share`). Here the rest is shared too: reading, joining, writing. The run ends when nobody waits
//! for it any more.

use std::{
    collections::HashMap,
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
    poll,
};
use tokio::time::Instant;

use super::{answer::Made, repeats::Key};
use crate::telemetry;

/// Operations of one key are in one part; requests of other parts do not wait for its lock.
const PARTS: usize = 16;
/// Who would join a run later than after this part of its time runs anew: it would be given up with the first one.
const JOIN_MAX: u32 = 4;

type Run = BoxFuture<'static, Arc<Made>>;

/// The operations of a snapshot that are under way.
#[derive(Debug)]
pub(super) struct Operations {
    parts: Arc<[Mutex<HashMap<Key, UnderWay>>; PARTS]>,
    hasher: RandomState,
    /// Writes that came to their end: what was read before is no answer to who asks after them.
    writes: AtomicU64,
    timeout: Duration,
}

#[derive(Debug)]
struct UnderWay {
    run: WeakShared<Run>,
    number: u64,
    writes: u64,
    began: Instant,
}

impl Operations {
    /// For runs that take at most so long.
    pub(super) fn new(timeout: Duration) -> Self {
        let parts = Arc::new(std::array::from_fn(|_| Mutex::default()));
        Self { parts, hasher: RandomState::new(), writes: AtomicU64::new(0), timeout }
    }

    /// A mutation runs; it is over when this is dropped.
    pub(super) fn write(&self) -> impl Drop + use<'_> {
        Write(&self.writes)
    }

    /// Joins an equal operation under way, or runs this one and lets others join.
    pub(super) async fn run<F>(&self, key: Key, begin: impl FnOnce() -> F) -> Arc<Made>
    where
        F: Future<Output = Arc<Made>> + Send + 'static,
    {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let part = usize::try_from(self.hasher.hash_one(&key) % PARTS as u64).unwrap_or(0);
        let writes = self.writes.load(Ordering::Relaxed);
        let is_open = |it: &&UnderWay| it.writes == writes && it.began.elapsed() < self.timeout / JOIN_MAX;
        let equal = lock(&self.parts[part]).get(&key).filter(is_open).and_then(|it| it.run.upgrade());
        if let Some(run) = equal {
            telemetry::metrics().operation_shared();
            return run.await;
        }
        let mut work = begin().boxed();
        // What waits for nothing is done before anybody could join: that is dearer.
        if let Poll::Ready(made) = poll!(&mut work) {
            return made;
        }
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let place = Place { parts: Arc::clone(&self.parts), part, key: key.clone(), number };
        let run: Shared<Run> = async move {
            let made = work.await;
            // Who comes now runs anew.
            drop(place);
            made
        }
        .boxed()
        .shared();
        if let Some(weak) = run.downgrade() {
            let under_way = UnderWay { run: weak, number, writes, began: Instant::now() };
            lock(&self.parts[part]).insert(key, under_way);
        }
        run.await
    }
}

/// A mutation that runs.
struct Write<'a>(&'a AtomicU64);

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A run's place among those under way; free when it is over or nobody waits for it any more.
struct Place {
    parts: Arc<[Mutex<HashMap<Key, UnderWay>>; PARTS]>,
    part: usize,
    key: Key,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = lock(&self.parts[self.part]);
        // A later one may have taken it.
        if under_way.get(&self.key).is_some_and(|it| it.number == self.number) {
            under_way.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A table is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Waker},
    };

    use tokio::sync::Semaphore;

    use super::*;

    struct World {
        operations: Operations,
        begun: Arc<AtomicU64>,
        /// How many runs may end.
        may_end: Arc<Semaphore>,
    }

    type Asked<'a> = Pin<Box<dyn Future<Output = usize> + 'a>>;

    impl World {
        fn new() -> Self {
            let operations = Operations::new(Duration::from_secs(40));
            Self { operations, begun: Arc::default(), may_end: Arc::new(Semaphore::new(0)) }
        }

        /// Asks, and waits for the number of the run that answers.
        fn ask(&self) -> Asked<'_> {
            let (begun, may_end) = (Arc::clone(&self.begun), Arc::clone(&self.may_end));
            let make = || async move {
                let error_count = usize::try_from(begun.fetch_add(1, Ordering::Relaxed)).expect("few runs");
                may_end.acquire().await.expect("it is open").forget();
                Arc::new(Made {
                    body: bytes::Bytes::new(),
                    sources: crate::execute::Sources::default(),
                    error_count,
                    actual: None,
                })
            };
            let mut asked: Asked<'_> =
                Box::pin(async move { self.operations.run(Key::of(1, b"{}"), make).await.error_count });
            assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            asked
        }

        fn age(&self, time: Duration) {
            for part in &*self.operations.parts {
                lock(part).values_mut().for_each(|it| it.began -= time);
            }
        }

        fn under_way(&self) -> usize {
            self.operations.parts.iter().map(|part| lock(part).len()).sum()
        }
    }

    #[tokio::test]
    async fn who_asks_after_a_write_is_not_answered_from_before() {
        let world = World::new();
        let write = world.operations.write();
        let (before, meanwhile) = (world.ask(), world.ask());
        drop(write);
        let (after, later) = (world.ask(), world.ask());
        world.may_end.add_permits(2);
        assert_eq!(tokio::join!(before, meanwhile, after, later), (0, 0, 1, 1));
        assert_eq!(world.under_way(), 0);
    }

    #[tokio::test]
    async fn nobody_joins_a_run_that_is_soon_given_up() {
        let world = World::new();
        let first = world.ask();
        world.age(Duration::from_secs(9));
        let second = world.ask();
        world.age(Duration::from_secs(1));
        let (third, fourth) = (world.ask(), world.ask());
        world.may_end.add_permits(2);
        assert_eq!(tokio::join!(first, second, third, fourth), (0, 0, 1, 1));
        assert_eq!(world.under_way(), 0);
    }

    #[tokio::test]
    async fn a_run_ends_with_the_last_who_waits() {
        let world = World::new();
        let (first, second) = (world.ask(), world.ask());
        drop(first);
        assert_eq!(world.under_way(), 1);
        drop(second);
        assert_eq!(world.under_way(), 0);
        let third = world.ask();
        world.may_end.add_permits(1);
        assert_eq!(third.await, 1);
    }
}
