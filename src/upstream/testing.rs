//! What tests of layers share: the layers below, played from a script.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderMap, Method};

use super::{
    Call, CallError, Freshness, Reply, Sent, Served, clock,
    service::{Passage, Service},
};

/// What comes of a call, and after what time.
type Outcome = (Duration, Result<Box<Reply>, CallError>);

/// Answers calls in order; counts them and keeps what layers added.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    outcomes: Arc<Mutex<VecDeque<Outcome>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    finished: Arc<Mutex<usize>>,
}

impl Script {
    /// These outcomes, at once.
    pub(super) fn of(outcomes: impl IntoIterator<Item = Result<Box<Reply>, CallError>>) -> Self {
        Self::timed(outcomes.into_iter().map(|outcome| (Duration::ZERO, outcome)))
    }

    /// These outcomes, each after its time.
    pub(super) fn timed(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self { outcomes: Arc::new(Mutex::new(outcomes.into_iter().collect())), ..Self::default() }
    }

    /// Calls that came.
    pub(super) fn calls(&self) -> usize {
        self.headers.lock().unwrap().len()
    }

    /// Calls that were waited for to their end.
    pub(super) fn finished(&self) -> usize {
        *self.finished.lock().unwrap()
    }

    /// What layers added to each.
    pub(super) fn headers(&self) -> Vec<HeaderMap> {
        self.headers.lock().unwrap().clone()
    }
}

impl Service for Script {
    async fn call(&self, _call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        self.headers.lock().unwrap().push(passage.headers.clone());
        let next = self.outcomes.lock().unwrap().pop_front();
        let (after, outcome) = next.unwrap_or_else(|| (Duration::ZERO, Ok(reply(200))));
        if !after.is_zero() {
            clock::sleep(after).await;
        }
        *self.finished.lock().unwrap() += 1;
        outcome.map(|mut reply| {
            reply.ended = Some(clock::moment());
            reply
        })
    }
}

/// A read with this method.
pub(super) fn call(method: Method) -> Call {
    Call::new(method, "http://catalog/x")
}

/// Makes it with ten seconds of time.
pub(super) async fn run(layer: &impl Service, call: &Call) -> Result<Box<Reply>, CallError> {
    layer.call(call, Passage::within(Duration::from_secs(10))).await
}

/// A reply with this status.
pub(super) fn reply(status: u16) -> Box<Reply> {
    let (freshness, served) = (Freshness::default(), Served::Fresh);
    let (headers, body) = (Arc::default(), bytes::Bytes::new());
    Box::new(Reply { status, headers, body, freshness, served, stored: None, ended: None })
}

/// No connection, or one that broke.
pub(super) fn unreachable(sent: Sent) -> CallError {
    CallError::Connection { upstream: "catalog".into(), sent }
}
