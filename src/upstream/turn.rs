//! Whether a write lets the others of its turn go first.
//!
//! Every write wakes whoever reads at the other end, which costs the system several microseconds where that one sleeps. Written
//! one by one, as each call and each answer is ready, every write pays it; written one after the other, when nothing else is left to
//! compute, they share it. Under load that is a quarter of the cost of a request. A lone request has nobody to share with, and would
//! only pay for one more look at the sockets: while turns bring the writes of one task only, they are let pass now and then.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use tokio::task::Id;

/// After so many turns alone, one after the other, writes go out at once.
const ALONE: u32 = 8;
/// Of the writes that go out at once, every so manyth looks for company again.
const LOOK: u32 = 16;

thread_local! {
    /// What this worker's turns have brought.
    static TURNS: Turns = const { Turns { crowd: Cell::new(0), last: Cell::new(None), alone: Cell::new(0), at_once: Cell::new(0) } };
}

struct Turns {
    /// Grows with each write by another task than the one before; wraps.
    crowd: Cell<u64>,
    /// Whose write was the last.
    last: Cell<Option<Id>>,
    /// The last turns that no other write was part of.
    alone: Cell<u32>,
    /// Writes that took no turn since the last look.
    at_once: Cell<u32>,
}

/// The turn of one socket's writes.
#[derive(Debug, Default)]
pub struct Turn {
    /// How large the crowd was when the turn of the write at hand began.
    begun: Option<u64>,
}

impl Turn {
    /// Ready where the write is to go out. Pending at most once for each write, until the tasks that are ready now have run.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        TURNS.with(|turns| {
            if let Some(begun) = self.begun.take() {
                turns.end(begun);
                return Poll::Ready(());
            }
            let crowd = turns.begin();
            if turns.is_at_once() {
                return Poll::Ready(());
            }
            let polled = pin!(tokio::task::yield_now()).poll(cx);
            self.begun = polled.is_pending().then_some(crowd);
            polled
        })
    }

    /// As [`Self::poll`], for one write.
    pub(super) async fn come() {
        let mut turn = Self::default();
        poll_fn(|cx| turn.poll(cx)).await;
    }
}

impl Turns {
    /// Whether the write at hand takes no turn.
    fn is_at_once(&self) -> bool {
        if self.alone.get() < ALONE {
            return false;
        }
        let at_once = self.at_once.get() + 1;
        self.at_once.set(at_once % LOOK);
        at_once < LOOK
    }

    fn begin(&self) -> u64 {
        let task = tokio::task::try_id();
        if self.last.replace(task) != task {
            self.crowd.set(self.crowd.get().wrapping_add(1));
        }
        self.crowd.get()
    }

    /// Another task has begun to write meanwhile, or this one was carried to another worker, which happens to the busy: company.
    fn end(&self, begun: u64) {
        self.alone.set(if self.crowd.get() == begun { self.alone.get().saturating_add(1) } else { 0 });
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// How many of `writers` that are ready together wrote before all of them were ready to.
    fn early(writers: usize) -> usize {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let ready = std::rc::Rc::new(Cell::new(0));
            let tasks = tokio::task::LocalSet::new();
            let written: Vec<_> = (0..writers)
                .map(|_| {
                    let ready = std::rc::Rc::clone(&ready);
                    tasks.spawn_local(async move {
                        let mut turn = Turn::default();
                        ready.set(ready.get() + 1);
                        poll_fn(|cx| turn.poll(cx)).await;
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
    fn turns(writes: usize) -> usize {
        let taken = |_: &usize| {
            let mut turn = Turn::default();
            let is_taken = turn.poll(&mut Context::from_waker(Waker::noop())).is_pending();
            let _ = is_taken && turn.poll(&mut Context::from_waker(Waker::noop())).is_ready();
            is_taken
        };
        (0..writes).filter(taken).count()
    }

    #[test]
    fn writes_that_are_ready_together_go_out_together() {
        (0..50).for_each(|_| assert_eq!(early(3), 0));
    }

    #[test]
    fn a_lone_writer_soon_goes_out_at_once_and_looks_for_company_now_and_then() {
        assert_eq!(turns(8), 8);
        assert_eq!(turns(160), 10);
    }

    #[test]
    fn the_writes_of_one_task_are_no_company() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tasks = tokio::task::LocalSet::new();
        let turns = tasks.block_on(&runtime, async {
            let work = async || {
                futures_util::future::join_all((0..3).map(|_| Turn::come())).await;
            };
            for _ in 0..8 {
                tokio::task::spawn_local(work()).await.unwrap();
            }
            TURNS.with(|turns| turns.alone.get())
        });
        assert!(turns >= ALONE, "{turns}");
    }

    #[test]
    fn company_is_found_again() {
        turns(100);
        let early: Vec<_> = (0..10).map(|_| early(3)).collect();
        assert!(early.iter().any(|&early| early > 0), "nobody knew yet: {early:?}");
        assert!(early.ends_with(&[0, 0]), "the next look finds the others: {early:?}");
    }
}
