//! Flights, their waiters, and who leaves when. Single-threaded and without sockets: every order is as written.

use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use super::*;
use crate::upstream::Freshness;

/// Answers when it is let; counts what began and what was given up.
#[derive(Debug)]
struct Slow {
    begun: AtomicUsize,
    given_up: AtomicUsize,
    let_go: Semaphore,
    has_deadline: AtomicUsize,
}

struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Service for Arc<Slow> {
    async fn call(&self, call: &Call, _: Passage) -> Outcome {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.has_deadline.fetch_add(usize::from(call.deadline.is_some()), Ordering::Relaxed);
        let working = Working(&self.given_up);
        self.let_go.acquire().await.expect("never closed").forget();
        assert!(!call.url.ends_with("/panic"), "as this test wants it");
        std::mem::forget(working);
        let body = Bytes::from(number.to_string());
        let (headers, freshness) = (Arc::default(), Freshness::default());
        Ok(Box::new(Reply { status: 200, headers, body, freshness, served: Served::Fresh, stored: None, ended: None }))
    }
}

fn layer(share: Share) -> (Arc<Coalesce<Arc<Slow>>>, Arc<Slow>) {
    let counts = || AtomicUsize::new(0);
    let (begun, given_up, has_deadline) = (counts(), counts(), counts());
    let slow = Arc::new(Slow { begun, given_up, let_go: Semaphore::new(0), has_deadline });
    let spec = Arc::new(UpstreamSpec { share, ..UpstreamSpec::named("coalesce-test") });
    (Arc::new(Coalesce::new(&spec, Arc::clone(&slow))), slow)
}

fn get(path: &str) -> Call {
    Call {
        upstream: 0,
        method: Method::GET,
        url: format!("http://a{path}"),
        headers: HeaderMap::new(),
        body: None,
        safety: Safety::Safe,
        deadline: Some(tokio::time::Instant::now()),
        timeout: None,
        priority: Priority::Normal,
        caching: None,
    }
}

fn with(call: Call, name: &'static str) -> Call {
    let mut call = call;
    call.headers.insert(name, HeaderValue::from_static("1"));
    call
}

type Task = tokio::task::JoinHandle<Outcome>;

/// Makes calls one after the other, each as a task that has got as far as it can.
async fn begin(layer: &Arc<Coalesce<Arc<Slow>>>, calls: impl IntoIterator<Item = Call>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for call in calls {
        let layer = Arc::clone(layer);
        tasks.push(tokio::spawn(async move { layer.call(&call, Passage::within(Duration::from_secs(1))).await }));
        settle().await;
    }
    tasks
}

/// Lets every task get as far as it can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn count(number: &AtomicUsize) -> usize {
    number.load(Ordering::Relaxed)
}

#[tokio::test]
async fn equal_calls_at_once_are_one() {
    let (layer, slow) = layer(Share::Anonymous);
    let tasks = begin(&layer, (0..5).map(|_| get("/x"))).await;
    slow.let_go.add_permits(5);
    let mut shared = 0;
    for task in tasks {
        let reply = task.await.unwrap().unwrap();
        assert_eq!(reply.body, "0");
        shared += usize::from(reply.served == Served::Shared);
    }
    assert_eq!((count(&slow.begun), shared), (1, 4));
    assert_eq!(count(&slow.has_deadline), 0, "the first caller's deadline does not bind the others");
    // What is over is not shared: the next call is made.
    let tasks = begin(&layer, [get("/x")]).await;
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().body, "1");
    }
    assert!(layer.flights.lock().is_empty());
}

#[tokio::test]
async fn what_differs_is_not_shared() {
    let (layer, slow) = layer(Share::Coalesce);
    let calls = [
        get("/x"),
        get("/y"),
        Call { priority: Priority::Optional, ..get("/x") },
        with(get("/x"), "accept-language"),
        with(get("/x"), "authorization"),
        with(get("/x"), "cache-control"),
        Call { body: Some("1".into()), method: Method::POST, ..get("/x") },
    ];
    let tasks = begin(&layer, calls).await;
    assert_eq!(count(&slow.begun), tasks.len());
}

type Make<'a> = &'a dyn Fn() -> Call;

#[tokio::test]
async fn only_what_may_be_shared_is() {
    let post = || Call { method: Method::POST, ..get("/x") };
    let write = || Call { safety: Safety::Unsafe, ..post() };
    let table: [(Share, Make<'_>, usize); 9] = [
        (Share::Off, &|| get("/x"), 2),
        (Share::Anonymous, &|| get("/x"), 1),
        (Share::Anonymous, &|| with(get("/x"), "authorization"), 2),
        (Share::Anonymous, &|| with(get("/x"), "cookie"), 2),
        (Share::Anonymous, &post, 2),
        (Share::Coalesce, &|| with(get("/x"), "authorization"), 1),
        (Share::Coalesce, &post, 1),
        (Share::Coalesce, &|| with(post(), "idempotency-key"), 2),
        (Share::Coalesce, &write, 2),
    ];
    for (number, (share, make, calls)) in table.into_iter().enumerate() {
        let (layer, slow) = layer(share);
        let _tasks = begin(&layer, [make(), make()]).await;
        assert_eq!(count(&slow.begun), calls, "row {number}");
    }
}

#[tokio::test]
async fn the_first_caller_may_leave() {
    let (layer, slow) = layer(Share::Anonymous);
    let mut tasks = begin(&layer, (0..3).map(|_| get("/x"))).await;
    tasks.remove(0).abort();
    settle().await;
    // Who comes now joins what is under way.
    tasks.extend(begin(&layer, [get("/x")]).await);
    slow.let_go.add_permits(1);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().body, "0");
    }
    assert_eq!((count(&slow.begun), count(&slow.given_up)), (1, 0));
}

#[tokio::test]
async fn the_call_ends_when_its_last_waiter_leaves() {
    let (layer, slow) = layer(Share::Anonymous);
    for leaving in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let before = count(&slow.given_up);
        let tasks = begin(&layer, (0..3).map(|_| get("/x"))).await;
        for (gone, which) in leaving.into_iter().enumerate() {
            assert_eq!(count(&slow.given_up), before, "{leaving:?}: {gone} are gone");
            tasks[which].abort();
            settle().await;
        }
        assert_eq!(count(&slow.given_up), before + 1, "{leaving:?}");
        assert!(layer.flights.lock().is_empty());
    }
    let alone = begin(&layer, [get("/x")]).await;
    alone[0].abort();
    settle().await;
    assert_eq!(count(&slow.given_up), 4);
}

#[tokio::test]
async fn a_panic_is_an_error_of_those_who_wait() {
    let (layer, slow) = layer(Share::Anonymous);
    let mut tasks = begin(&layer, (0..2).map(|_| get("/panic"))).await;
    slow.let_go.add_permits(1);
    assert!(tasks.remove(0).await.is_err());
    assert!(matches!(tasks.remove(0).await.unwrap(), Err(CallError::Connection { .. })));
    // Nor does it stay in the way when its first caller had left.
    let mut tasks = begin(&layer, (0..2).map(|_| get("/panic"))).await;
    tasks.remove(0).abort();
    settle().await;
    slow.let_go.add_permits(1);
    assert!(matches!(tasks.remove(0).await.unwrap(), Err(CallError::Connection { .. })));
    assert!(layer.flights.lock().is_empty());
}

#[tokio::test]
async fn a_waiter_that_is_dropped_between_polls_is_forgotten() {
    let (layer, slow) = layer(Share::Anonymous);
    let call = get("/x");
    let mut first = pin!(layer.call(&call, Passage::within(Duration::from_secs(1))));
    {
        let mut second = pin!(layer.call(&call, Passage::within(Duration::from_secs(1))));
        poll_fn(|context| {
            assert!(first.as_mut().poll(context).is_pending() && second.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    slow.let_go.add_permits(1);
    assert_eq!(first.await.unwrap().body, "0");
}
