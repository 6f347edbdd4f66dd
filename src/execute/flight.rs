//! Calls under way: an equal one is joined instead of repeated, and an outcome goes to everybody who waits for it.

use std::{
    future::Future,
    hash::BuildHasher,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use http::Method;

use super::{
    batch::ChunkKey,
    failure::Failure,
    joint::Parts,
    run::{Phase, Run},
};
use crate::{
    aside::aside,
    mapping::Slot,
    plan::{StepId, StepKind},
    schema::Compatibility,
    telemetry::Trace,
    upstream::{Call, CallError, Reply, Safety},
};

/// Who waits for a flight.
#[derive(Debug, Clone, Copy)]
pub(super) enum Waiter {
    /// Index into `Run::asks`.
    Ask(u32),
    /// Index into `Run::chunks`.
    Chunk(u32),
}

/// A call that went out.
#[derive(Debug)]
pub(super) struct Flight {
    /// Whom it calls.
    upstream: usize,
    /// Whether it changes what reads find.
    is_write: bool,
    waiters: Vec<Waiter>,
    /// The call, where an equal one may join.
    call: Option<Arc<Call>>,
    /// Its outcome and the number of its body, likewise.
    outcome: Option<(Result<Box<Reply>, CallError>, u32)>,
}

/// What the loop has to poll. It holds nothing of the run.
pub(super) enum Job {
    /// One call.
    Call(u32, BoxFuture<'static, Result<Box<Reply>, CallError>>),
    /// One call of a batch, through the loader.
    Load(u32, BoxFuture<'static, Option<Result<Box<Reply>, CallError>>>),
    /// Keys that are asked for together with those of other requests; index into `Run::joints`.
    Joint(u32, BoxFuture<'static, Parts>),
    /// What the loader wants to be polled.
    Spawned(BoxFuture<'static, ()>),
}

/// What came of a job.
pub(super) enum Landed {
    /// Of a flight.
    Flight(u32, Result<Box<Reply>, CallError>),
    /// Of keys; index into `Run::joints`.
    Joint(u32, Parts),
}

impl Future for Job {
    type Output = Option<Landed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Landed>> {
        match &mut *self {
            Self::Call(flight, call) => call.poll_unpin(context).map(|outcome| Some(Landed::Flight(*flight, outcome))),
            // The loader answers every key; without an answer there is nothing to land.
            Self::Load(flight, load) => load.poll_unpin(context).map(|outcome| Some(Landed::Flight(*flight, outcome?))),
            Self::Joint(number, load) => load.poll_unpin(context).map(|parts| Some(Landed::Joint(*number, parts))),
            Self::Spawned(work) => work.poll_unpin(context).map(|()| None),
        }
    }
}

impl Run<'_> {
    /// Sends a call, or joins an equal one of the same connector. Errors: the operation may call this upstream no more.
    pub fn fly(&mut self, id: StepId, call: Call, waiter: Waiter) -> Result<(), Failure> {
        let connector = self.plan.steps[id.0 as usize].connector;
        let hash = self.can_join(id, &call).then(|| self.hasher.hash_one((connector, &call.url)));
        if let Some(hash) = hash
            && let Some(flight) = self.equal_flight(hash, &call)
        {
            match self.flights[flight as usize].outcome.take() {
                Some((outcome, number)) => {
                    self.hand_over(waiter, &outcome, number);
                    self.flights[flight as usize].outcome = Some((outcome, number));
                }
                None => self.flights[flight as usize].waiters.push(waiter),
            }
            return Ok(());
        }
        self.count_call(id)?;
        let flight = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
        let is_write = call.safety == Safety::Unsafe;
        if is_write {
            self.joinable.clear();
        }
        if let Some(hash) = hash {
            self.joinable.entry(hash).or_default().push(flight);
        }
        let call = Arc::new(call);
        self.flights.push(Flight {
            upstream: call.upstream,
            is_write,
            waiters: vec![waiter],
            call: hash.map(|_| Arc::clone(&call)),
            outcome: None,
        });
        let trace = self.steps[id.0 as usize].trace.clone();
        self.jobs.push(match waiter {
            Waiter::Ask(_) => Job::Call(flight, self.upstreams.call_for(trace, call)),
            Waiter::Chunk(_) => {
                let (loader, key) = (self.loads.loader(self.upstreams), ChunkKey::new(flight, call, trace));
                Job::Load(flight, aside(|| async move { loader.load_one(key).await.ok().flatten() }))
            }
        });
        Ok(())
    }

    /// Counts a call of a step. Errors: the operation may call this upstream no more.
    pub fn count_call(&mut self, id: StepId) -> Result<(), Failure> {
        let site = self.site(id);
        let (upstream, Some(most)) = (site.upstream(), site.calls_max()) else { return Ok(()) };
        if self.made.len() <= upstream {
            self.made.resize(upstream + 1, 0);
        }
        if self.made[upstream] >= most {
            return Err(Failure::too_many_calls(id, self.site(id).connector));
        }
        self.made[upstream] += 1;
        Ok(())
    }

    /// Reads by GET are made once where an equal one can be expected at all; the original repeats them.
    fn can_join(&self, id: StepId, call: &Call) -> bool {
        let step = &self.plan.steps[id.0 as usize];
        self.graph.compatibility == Compatibility::Default
            && call.method == Method::GET
            && call.safety == Safety::Safe
            && (step.kind != StepKind::Root
                || self.plan.steps.iter().filter(|other| other.connector == step.connector).nth(1).is_some())
    }

    fn equal_flight(&self, hash: u64, call: &Call) -> Option<u32> {
        let candidates = self.joinable.get(&hash)?;
        candidates.iter().copied().find(|&flight| {
            self.flights[flight as usize].call.as_ref().is_some_and(|other| {
                other.upstream == call.upstream
                    && other.url == call.url
                    && other.headers == call.headers
                    && other.body == call.body
            })
        })
    }

    /// What was waited for has come.
    pub fn land(&mut self, landed: Landed) {
        match landed {
            Landed::Flight(flight, outcome) => self.land_flight(flight, outcome),
            Landed::Joint(number, parts) => self.land_joint(number, parts),
        }
    }

    /// Everybody who waits for an outcome gets it.
    fn land_flight(&mut self, flight: u32, outcome: Result<Box<Reply>, CallError>) {
        if self.flights[flight as usize].is_write {
            // What was read before, or meanwhile, is no answer to what follows from the write.
            self.joinable.clear();
        }
        let waiters = std::mem::take(&mut self.flights[flight as usize].waiters);
        let number = self.keep_outcome(self.flights[flight as usize].upstream, &outcome, &waiters);
        for waiter in waiters {
            self.hand_over(waiter, &outcome, number);
        }
        let flight = &mut self.flights[flight as usize];
        if flight.call.is_some() {
            flight.outcome = Some((outcome, number));
        }
    }

    /// Keeps a reply's body for what is read of it, and how fresh it was; its number.
    pub fn keep_outcome(
        &mut self,
        upstream: usize,
        outcome: &Result<Box<Reply>, CallError>,
        waiters: &[Waiter],
    ) -> u32 {
        let number = u32::try_from(self.results.replies.len()).unwrap_or(u32::MAX);
        self.results.replies.push(outcome.as_ref().map(|reply| reply.body.clone()).unwrap_or_default());
        self.sources.note(upstream, outcome);
        self.note_stale(outcome, waiters);
        number
    }

    fn hand_over(&mut self, waiter: Waiter, outcome: &Result<Box<Reply>, CallError>, number: u32) {
        match waiter {
            Waiter::Ask(ask) => {
                let own = std::mem::take(&mut self.asks[ask as usize].own);
                let result = self.read(self.asks[ask as usize].step, &own, outcome, number);
                self.settle(ask, result);
            }
            Waiter::Chunk(chunk) => self.distribute(chunk, outcome, number),
        }
    }

    /// Puts a result (or what took its place) where it is waited for.
    pub fn settle(&mut self, ask: u32, result: Result<Slot, Failure>) {
        let step = self.asks[ask as usize].step;
        let slot = match result {
            Ok(slot) => self.keep(step, slot),
            Err(failure) => self.fail(failure),
        };
        let ask = &mut self.asks[ask as usize];
        ask.is_done = true;
        self.results.fill(self.steps[step.0 as usize].waiting.of(ask.number), slot);
        self.one_done(step);
    }

    /// Numbers a result of a step.
    pub fn keep(&mut self, step: StepId, slot: Slot) -> Slot {
        let outcomes = &mut self.results.outcomes[step.0 as usize];
        outcomes.push(slot);
        Slot::Result(u32::try_from(outcomes.len() - 1).unwrap_or(u32::MAX))
    }

    /// One call or chunk less to wait for.
    #[inline]
    pub fn one_done(&mut self, step: StepId) {
        let progress = &mut self.steps[step.0 as usize];
        progress.pending = progress.pending.saturating_sub(1);
        if progress.pending == 0 {
            progress.phase = Phase::Done;
            progress.trace = Trace::default();
        }
    }
}
