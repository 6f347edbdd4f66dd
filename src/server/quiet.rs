//! Request bodies that do not wake their connection for nothing.
//!
//! hyper wakes a connection's task whenever its service takes a part of a request's body, which the service does while that very
//! task is polled. Of the last part hyper has nothing more to do; to the scheduler the wake is new work all the same, which another
//! worker could take over: it wakes one that sleeps, which finds nothing and sleeps again. With a lone caller, that was more than all of
//! weft's own work for a constant.
//!
//! What wakes itself for a reason is not polled again in place: after the other tasks that are ready, more of what it waits for is there.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;
use hyper::body::{Body, Frame, SizeHint};

/// The wakes of a connection, but for those of a [`Quiet`] body.
#[derive(Debug)]
pub(super) struct Wakes {
    connection: Arc<Connection>,
    /// `connection`, as its future is given it.
    waker: Waker,
}

/// The task of a connection.
#[derive(Debug, Default)]
struct Connection {
    task: AtomicWaker,
}

impl Wakes {
    pub(super) fn new() -> Self {
        let connection = Arc::<Connection>::default();
        Self { waker: Arc::clone(&connection).into(), connection }
    }

    /// Polls the future of the connection.
    pub(super) fn poll<F: Future>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.connection.task.register(cx.waker());
        future.poll(&mut Context::from_waker(&self.waker))
    }
}

impl Wake for Connection {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match TAKING.get() {
            Taking::Nothing => self.task.wake(),
            Taking::Part | Taking::Woken => TAKING.set(Taking::Woken),
        }
    }
}

/// Whether this thread is taking a part of a [`Quiet`] body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taking {
    Nothing,
    Part,
    /// A part, and the connection wants to be told.
    Woken,
}

thread_local! {
    static TAKING: Cell<Taking> = const { Cell::new(Taking::Nothing) };
}

/// Ends the taking of a part, also by a panic: the thread goes on to serve others, whose wakes must not be lost.
struct Taken;

impl Taken {
    fn begin() -> Self {
        TAKING.set(Taking::Part);
        Self
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        TAKING.set(Taking::Nothing);
    }
}

/// A body of a request by HTTP/1, whose connection is not woken for the last part: hyper has read all of it and let go of it before.
/// Not for HTTP/2, where the room that is free again has to be announced.
#[derive(Debug)]
pub(super) struct Quiet<B>(pub(super) B);

impl<B: Body + Unpin> Body for Quiet<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let taken = Taken::begin();
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        let is_wanted = TAKING.get() == Taking::Woken;
        drop(taken);
        if is_wanted && !self.0.is_end_stream() {
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, thread};

    use futures_test::task::new_count_waker;

    use super::*;

    /// A body in parts that wakes whoever sends it for each that is taken, as hyper's does.
    struct Parts {
        left: u32,
        sender: Waker,
    }

    impl Body for Parts {
        type Data = &'static [u8];
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<&'static [u8]>, Self::Error>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            self.sender.wake_by_ref();
            Poll::Ready(Some(Ok(Frame::data(b"part"))))
        }

        fn is_end_stream(&self) -> bool {
            self.left == 0
        }
    }

    #[test]
    fn only_the_last_part_of_a_body_wakes_nobody() {
        for (parts, expected) in [(1, 0), (2, 1), (3, 1)] {
            let ((waker, woken), own) = (new_count_waker(), Wakes::new());
            let mut body = Quiet(Parts { left: parts, sender: own.waker.clone() });
            let future = pin!(poll_fn(|cx| {
                while let Poll::Ready(Some(_)) = Pin::new(&mut body).poll_frame(cx) {}
                Poll::<()>::Pending
            }));
            assert!(own.poll(future, &mut Context::from_waker(&waker)).is_pending());
            assert_eq!(woken.get(), expected, "{parts} parts, and one wake stands for all of a poll");
        }
    }

    #[test]
    fn a_panic_of_one_body_keeps_no_wake_of_others() {
        struct Broken;

        impl Body for Broken {
            type Data = &'static [u8];
            type Error = std::convert::Infallible;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<&'static [u8]>, Self::Error>>> {
                panic!("broken");
            }
        }

        let taken = std::panic::catch_unwind(|| {
            Pin::new(&mut Quiet(Broken)).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready()
        });
        assert!(taken.is_err());
        let ((waker, woken), own) = (new_count_waker(), Wakes::new());
        assert!(own.poll(pin!(std::future::pending::<()>()), &mut Context::from_waker(&waker)).is_pending());
        own.waker.wake_by_ref();
        assert_eq!(woken.get(), 1);
    }

    #[test]
    fn every_other_wake_is_passed_on() {
        let ((waker, woken), own, mut kept) = (new_count_waker(), Wakes::new(), None);
        let mut future = pin!(poll_fn(|cx| {
            kept = Some(cx.waker().clone());
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        assert!(own.poll(future.as_mut(), &mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.get(), 1, "within a poll");
        assert!(own.poll(future, &mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.get(), 2);
        kept.expect("it was polled").wake();
        assert_eq!(woken.get(), 2, "it is to be polled again anyway");
    }

    #[test]
    fn no_wake_of_another_thread_is_lost() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (told, tell) = tokio::sync::mpsc::channel::<usize>(1);
        let teller = thread::spawn(move || (0..100_000).for_each(|n| told.blocking_send(n).unwrap()));
        let (own, mut tell) = (Wakes::new(), tell);
        let mut heard = pin!(async {
            let mut heard = 0;
            while tell.recv().await.is_some() {
                heard += 1;
            }
            heard
        });
        assert_eq!(runtime.block_on(poll_fn(|cx| own.poll(heard.as_mut(), cx))), 100_000);
        teller.join().unwrap();
    }
}
