//! The jobs of a run that are under way.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU8,
            Ordering::{AcqRel, Acquire},
        },
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{StreamExt, stream::FuturesUnordered, task::AtomicWaker};

/// So many times jobs are looked at in a row because of what they woke themselves; then other tasks go first.
const ROUNDS_MAX: usize = 8;

/// Futures that are polled when they were woken.
///
/// What wakes one of them while they are polled is seen to in place. `FuturesUnordered` wakes its task whenever it has polled all it has,
/// and one job may end another: for each, the whole request would be polled once more, down from its connection.
pub(super) struct Work<F> {
    jobs: FuturesUnordered<F>,
    /// Made with the first job.
    wakes: Option<Wakes>,
}

struct Wakes {
    shared: Arc<Shared>,
    /// `shared`, as jobs are given it.
    waker: Waker,
}

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    /// The task of the request.
    task: AtomicWaker,
}

/// Nobody polls: who wakes, wakes the task.
const WAITING: u8 = 0;
/// A poll is under way.
const POLLED: u8 = 1;
/// A poll is under way, and another one is wanted.
const WOKEN: u8 = 2;

impl<F: Future> Work<F> {
    /// Without jobs.
    pub fn new() -> Self {
        Self { jobs: FuturesUnordered::new(), wakes: None }
    }

    /// Adds jobs; they begin with the next poll.
    pub fn extend(&mut self, jobs: impl IntoIterator<Item = F>) {
        self.jobs.extend(jobs);
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// What the next job that ends gives; `None`: there is none. Where one has ended, this has to be called again: only when the others
    /// are pending does a wake reach the task.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.jobs.is_empty() {
            return Poll::Ready(None);
        }
        let Wakes { shared, waker } = self.wakes.get_or_insert_with(Wakes::new);
        shared.task.register(cx.waker());
        for _ in 0..ROUNDS_MAX {
            shared.state.swap(POLLED, AcqRel);
            if let Poll::Ready(ended) = self.jobs.poll_next_unpin(&mut Context::from_waker(waker)) {
                return Poll::Ready(ended);
            }
            if shared.state.compare_exchange(POLLED, WAITING, AcqRel, Acquire).is_ok() {
                return Poll::Pending;
            }
        }
        shared.state.swap(WAITING, AcqRel);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wakes {
    fn new() -> Self {
        let shared = Arc::<Shared>::default();
        Self { waker: Arc::clone(&shared).into(), shared }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A second wake of a poll changes nothing, but what was done before it has to be seen by the next one, too.
        let woken = self.state.fetch_update(AcqRel, Acquire, |state| (state != WAITING).then_some(WOKEN));
        if woken.is_err() {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
    };

    use futures_test::task::new_count_waker;
    use futures_util::future::{BoxFuture, FutureExt};
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    fn work(jobs: impl IntoIterator<Item = BoxFuture<'static, u32>>) -> Work<BoxFuture<'static, u32>> {
        let mut work = Work::new();
        work.extend(jobs);
        work
    }

    #[test]
    fn a_job_that_waits_wakes_nobody() {
        let (waker, woken) = new_count_waker();
        let mut work = work([std::future::pending().boxed(), std::future::pending().boxed()]);
        assert!(work.poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.get(), 0);
    }

    #[test]
    fn what_ends_another_job_ends_it_in_the_same_poll() {
        let (waker, woken) = new_count_waker();
        let (tell, told) = oneshot::channel();
        // In this order: the first waits already.
        let waits = async { told.await.expect("it is told") }.boxed();
        let tells = async move {
            tell.send(7).expect("somebody waits");
            std::future::pending().await
        };
        let mut work = work([waits, tells.boxed()]);
        assert_eq!(work.poll_next(&mut Context::from_waker(&waker)), Poll::Ready(Some(7)));
        assert!(work.poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.get(), 0);
    }

    #[test]
    fn what_always_wakes_itself_does_not_hold_its_task() {
        let ((waker, woken), polls) = (new_count_waker(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&polls);
        let restless = poll_fn(move |cx| {
            counted.fetch_add(1, SeqCst);
            cx.waker().wake_by_ref();
            Poll::<u32>::Pending
        });
        assert!(work([restless.boxed()]).poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!((polls.load(SeqCst), woken.get()), (ROUNDS_MAX, 1));
    }

    #[test]
    fn a_wake_between_polls_wakes_the_task() {
        let (waker, woken) = new_count_waker();
        let (tell, told) = oneshot::channel();
        let mut work = work([async { told.await.expect("it is told") }.boxed()]);
        assert!(work.poll_next(&mut Context::from_waker(&waker)).is_pending());
        tell.send(3).expect("somebody waits");
        assert_eq!(woken.get(), 1);
        assert_eq!(work.poll_next(&mut Context::from_waker(&waker)), Poll::Ready(Some(3)));
        assert_eq!(work.poll_next(&mut Context::from_waker(&waker)), Poll::Ready(None));
    }

    #[test]
    fn no_wake_of_another_thread_is_lost() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (jobs, tellers): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (told, mut tell) = mpsc::channel::<u32>(1);
                let teller = thread::spawn(move || (0..50_000).for_each(|n| told.blocking_send(n).unwrap()));
                let heard = async move {
                    let mut heard = 0;
                    while tell.recv().await.is_some() {
                        heard += 1;
                    }
                    heard
                };
                (heard.boxed(), teller)
            })
            .unzip();
        let mut work = work(jobs);
        for _ in 0..2 {
            assert_eq!(runtime.block_on(poll_fn(|cx| work.poll_next(cx))), Some(50_000));
        }
        for teller in tellers {
            teller.join().unwrap();
        }
    }
}
