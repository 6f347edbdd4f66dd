//! Whether a write lets the others of its turn go first.
//!
//! Every write wakes whoever reads at the other end, which costs the system several microseconds where that one sleeps. Written
//! one by one, as each call and each answer is ready, every write pays it; written one after the other, when nothing else is left to
//! compute, they share it. Under load that is a quarter of the cost of a request. A lone request has nobody to share with, and would
//! only pay for one more look at the sockets: while turns bring the writes of one task only, they are let pass now and then.

use std::{
    future::poll_fn,
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
};

/// After so many turns alone, one after the other, writes go out at once.
const ALONE: u32 = 8;
/// Of the writes that go out at once, every so manyth looks for company again.
const LOOK: u32 = 128;

/// What the turns of this process have brought. Of all workers together: a task whose turn is over may go on at another one.
static TURNS: Turns = Turns::new();

#[derive(Debug)]
struct Turns {
    /// Grows with each write by another task than the one before; wraps.
    crowd: AtomicU64,
    /// Whose write was the last.
    last: AtomicU64,
    /// The last turns that no other task was part of.
    alone: AtomicU32,
    /// Writes that took no turn since the last look.
    at_once: AtomicU32,
}

/// The turn of one socket's writes.
#[derive(Debug)]
pub struct Turn {
    turns: &'static Turns,
    /// How large the crowd was when the turn of the write at hand began.
    begun: Option<u64>,
}

impl Default for Turn {
    fn default() -> Self {
        Self { turns: &TURNS, begun: None }
    }
}

impl Turn {
    /// One that knows of no other turn.
    #[cfg(test)]
    pub fn unacquainted() -> Self {
        Self { turns: Box::leak(Box::new(Turns::new())), begun: None }
    }

    /// Ready where the write is to go out. Pending at most once for each write, until the tasks that are ready now have run.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(begun) = self.begun.take() {
            self.turns.end(begun);
            return Poll::Ready(());
        }
        let crowd = self.turns.begin();
        if self.turns.is_at_once() {
            return Poll::Ready(());
        }
        let polled = pin!(tokio::task::yield_now()).poll(cx);
        self.begun = polled.is_pending().then_some(crowd);
        polled
    }

    /// As [`Self::poll`], for one write.
    pub(super) async fn come() {
        let mut turn = Self::default();
        poll_fn(|cx| turn.poll(cx)).await;
    }
}

impl Turns {
    const fn new() -> Self {
        Self { crowd: AtomicU64::new(0), last: AtomicU64::new(0), alone: AtomicU32::new(0), at_once: AtomicU32::new(0) }
    }

    /// Whether the write at hand takes no turn.
    fn is_at_once(&self) -> bool {
        self.alone.load(Relaxed) >= ALONE && self.at_once.fetch_add(1, Relaxed) % LOOK != LOOK - 1
    }

    /// A task writes; how large the crowd is.
    fn begin(&self) -> u64 {
        let mut task = DefaultHasher::new();
        tokio::task::try_id().hash(&mut task);
        let task = task.finish();
        if self.last.load(Relaxed) == task {
            return self.crowd.load(Relaxed);
        }
        self.last.store(task, Relaxed);
        self.crowd.fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// A turn is over: another task has begun to write meanwhile, or none.
    fn end(&self, begun: u64) {
        if self.crowd.load(Relaxed) == begun {
            self.alone.fetch_add(1, Relaxed);
        } else {
            self.alone.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, task::Waker};

    use super::*;

    /// The turns of a test.
    fn turns() -> &'static Turns {
        Turn::unacquainted().turns
    }

    async fn come_among(turns: &'static Turns) {
        let mut turn = Turn { turns, begun: None };
        poll_fn(|cx| turn.poll(cx)).await;
    }

    /// How many of `writers` that are ready together wrote before all of them were ready to.
    fn early(turns: &'static Turns, writers: usize) -> usize {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let ready = Rc::new(Cell::new(0));
            let tasks = tokio::task::LocalSet::new();
            let written: Vec<_> = (0..writers)
                .map(|_| {
                    let ready = Rc::clone(&ready);
                    tasks.spawn_local(async move {
                        ready.set(ready.get() + 1);
                        come_among(turns).await;
                        ready.get() < writers
                    })
                })
                .collect();
            tasks
                .run_until(async {
                    let mut early = 0;
                    for written in written {
                        early += usize::from(written.await.unwrap());
                    }
                    early
                })
                .await
        })
    }

    /// The turns that a lone writer takes for `writes` writes.
    fn taken(turns: &'static Turns, writes: usize) -> usize {
        let is_taken = |_: &usize| {
            let mut turn = Turn { turns, begun: None };
            let mut poll = || turn.poll(&mut Context::from_waker(Waker::noop()));
            poll().is_pending() && poll().is_ready()
        };
        (0..writes).filter(is_taken).count()
    }

    #[test]
    fn writes_that_are_ready_together_go_out_together() {
        let turns = turns();
        (0..50).for_each(|_| assert_eq!(early(turns, 3), 0));
    }

    #[test]
    fn a_lone_writer_soon_goes_out_at_once_and_looks_for_company_now_and_then() {
        let turns = turns();
        assert_eq!(taken(turns, ALONE as usize), ALONE as usize);
        assert_eq!(taken(turns, 10 * LOOK as usize), 10);
    }

    #[test]
    fn the_writes_of_one_task_are_no_company() {
        let turns = turns();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async {
            for _ in 0..8 {
                let work = async move {
                    futures_util::future::join_all((0..3).map(|_| come_among(turns))).await;
                };
                tokio::task::spawn_local(work).await.unwrap();
            }
        });
        assert!(turns.alone.load(Relaxed) >= ALONE, "{turns:?}");
    }

    #[test]
    fn company_is_found_again() {
        let turns = turns();
        taken(turns, 100);
        let early: Vec<_> = (0..LOOK).map(|_| early(turns, 3)).collect();
        assert!(early.iter().any(|&early| early > 0), "nobody knew yet: {early:?}");
        assert!(early.ends_with(&[0, 0]), "the next look finds the others: {early:?}");
    }
}
