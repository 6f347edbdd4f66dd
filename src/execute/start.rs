//! Keys become calls, and replies become results: what happens to a step between its inputs and its join cells.

use std::{hash::BuildHasher, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;

use super::{
    batch::{ChunkKey, ChunkLoader, Ready},
    failure::Failure,
    gather::{Asked, gather},
    reply::{Content, content, is_success},
    run::{Phase, Run},
    scope::{Answered, Own, Scope, Shared},
    view::View,
};
use crate::{
    mapping::{Object, Slot, Value},
    operation::{self, Kind},
    plan::{Origin, Step, StepId, StepKind},
    schema::{Compatibility, ConnectorId, Place},
    upstream::{Call, CallError, Reply, Safety, Upstreams},
};

/// Most mapping problems that are shown.
const PROBLEMS_MAX: usize = 100;

/// A call for one key, and the join cells that wait for its result.
#[derive(Debug)]
pub(super) struct Ask {
    /// Of which step.
    pub step: StepId,
    /// Its key object.
    pub own: Own,
    /// Who waits.
    pub cells: Vec<(u32, u32)>,
    /// Whether its outcome is there.
    pub is_done: bool,
}

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
    waiters: Vec<Waiter>,
    /// The call, where an equal one may join.
    call: Option<Call>,
    /// Its outcome and the number of its body, likewise.
    outcome: Option<(Result<Reply, CallError>, u32)>,
}

/// What the loop has to poll.
pub(super) enum Job {
    /// One call.
    Call(u32, Arc<Upstreams>, Call),
    /// One call of a batch, through the loader.
    Load(u32, Arc<async_graphql::dataloader::DataLoader<ChunkLoader>>, ChunkKey),
    /// What the loader wants to be polled.
    Spawned(BoxFuture<'static, ()>),
}

impl Job {
    /// Works it off. It holds nothing of the run.
    pub async fn work(self) -> Option<(u32, Result<Reply, CallError>)> {
        match self {
            Self::Call(flight, upstreams, call) => Some((flight, upstreams.call(call).await)),
            Self::Load(flight, loader, key) => {
                let loaded = loader.load_one(key).await;
                // The loader answers every key; without an answer there is nothing to land.
                loaded.ok().flatten().map(|outcome| (flight, outcome))
            }
            Self::Spawned(future) => {
                future.await;
                None
            }
        }
    }
}

impl Run<'_> {
    /// Starts every step whose inputs are there, until no more can be.
    pub fn advance(&mut self) {
        loop {
            let mut ready = Vec::new();
            let mut has_moved = false;
            let turn = self.turn();
            for index in 0..self.steps.len() {
                let step = &self.plan.steps[index];
                let is_ready = self.steps[index].phase == Phase::Waiting
                    && turn.is_none_or(|turn| step.turn <= turn)
                    && step.after.iter().all(|id| self.steps[id.0 as usize].phase == Phase::Done);
                if is_ready {
                    has_moved = true;
                    self.start(StepId(u32::try_from(index).unwrap_or(u32::MAX)), &mut ready);
                }
            }
            self.launch(ready);
            if !has_moved {
                return;
            }
        }
    }

    /// Of a mutation, the turn that is on: root fields run one after the other, each with all that follows from it.
    fn turn(&self) -> Option<u32> {
        if self.plan.kind != Kind::Mutation {
            return None;
        }
        let undone = self.steps.iter().zip(&self.plan.steps).filter(|(progress, _)| progress.phase != Phase::Done);
        undone.map(|(_, step)| step.turn).min()
    }

    fn start(&mut self, id: StepId, ready: &mut Vec<Ready>) {
        let (plan, graph) = (self.plan, self.graph);
        let step = &plan.steps[id.0 as usize];
        let connector = &graph[step.connector];
        let asked = if self.is_included(step) {
            let typename = match connector.place {
                Place::Root { entity, .. } => entity,
                Place::Field { field } => Some(graph[field].parent),
                Place::Type { ty } => Some(ty),
            };
            let typename = typename.map(|ty| &*graph[ty].name);
            let view = View { graph, plan, results: &self.results, conditions: &self.conditions };
            gather(view, &mut self.instances, step, typename)
        } else {
            Vec::new()
        };
        if asked.is_empty() {
            self.steps[id.0 as usize].phase = Phase::Done;
            return;
        }
        let args = match (&step.arguments, step.kind) {
            (Some((field, written)), _) => {
                Some(Value::Object(operation::arguments(graph, *field, written, self.variables)))
            }
            (None, StepKind::Root | StepKind::Field) => Some(Value::Object(Object::default())),
            (None, StepKind::Entity | StepKind::Batch { .. }) => None,
        };
        let config = self.settings.config.get(step.connector.0 as usize).cloned();
        let progress = &mut self.steps[id.0 as usize];
        progress.shared = Some(Shared::new(connector, self.caller, config, args));
        progress.phase = Phase::Running;
        if let StepKind::Batch { keys_max } = step.kind {
            ready.push(Ready { step: id, connector: step.connector, keys_max, asked });
            return;
        }
        progress.pending = asked.len();
        for asked in asked {
            self.ask(id, asked);
        }
    }

    fn ask(&mut self, id: StepId, asked: Asked) {
        let step = &self.plan.steps[id.0 as usize];
        let connector = &self.graph[step.connector];
        let own = match (step.kind, connector.place) {
            (StepKind::Entity, Place::Root { .. }) => Own { args: asked.object, ..Own::default() },
            _ => Own { this: asked.object, ..Own::default() },
        };
        let number = u32::try_from(self.asks.len()).unwrap_or(u32::MAX);
        self.asks.push(Ask { step: id, own, cells: asked.cells, is_done: false });
        let built = self.build(id, &self.asks[number as usize].own);
        match built {
            Ok(Some(call)) => {
                if let Err(failure) = self.fly(id, call, Waiter::Ask(number)) {
                    self.settle(number, Err(failure));
                }
            }
            Ok(None) => {
                let result = self.read_nothing(number);
                self.settle(number, result);
            }
            Err(failure) => self.settle(number, Err(failure)),
        }
    }

    /// The call of a step, rendered; `None` for connectors without a request.
    pub fn build(&self, id: StepId, own: &Own) -> Result<Option<Call>, Failure> {
        let step = &self.plan.steps[id.0 as usize];
        let connector = &self.graph[step.connector];
        let (Some(request), Some(shared)) = (&connector.request, &self.steps[id.0 as usize].shared) else {
            return Ok(None);
        };
        let scope = Scope { shared, own, answered: None };
        let rendered = request
            .render(&scope, &self.caller.headers)
            .map_err(|error| Failure::no_request(id, connector, &error.message))?;
        let upstream = self.settings.upstream.get(step.connector.0 as usize).copied().unwrap_or(usize::MAX);
        let safety = self.safety(step);
        Ok(Some(Call {
            upstream,
            method: rendered.method,
            url: rendered.url,
            headers: rendered.headers,
            body: rendered.body,
            safety,
        }))
    }

    /// A mutation's own call is a write: a root field, or a field of a namespace (reference 3.6).
    fn safety(&self, step: &Step) -> Safety {
        let is_write = self.plan.kind == Kind::Mutation
            && match step.kind {
                StepKind::Root => true,
                StepKind::Field => self.is_namespace(step),
                StepKind::Entity | StepKind::Batch { .. } => false,
            };
        if is_write { Safety::Unsafe } else { Safety::Safe }
    }

    fn is_namespace(&self, step: &Step) -> bool {
        let mut position = step.position;
        while let Some((parent, origin)) = self.plan.positions[position.0 as usize].parent {
            let Origin::Hop(hop) = origin else { return false };
            let maker = self.plan.positions[parent.0 as usize].hops[hop.0 as usize];
            if self.graph[self.plan.steps[maker.0 as usize].connector].request.is_some() {
                return false;
            }
            position = parent;
        }
        true
    }

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
        if self.made.len() <= call.upstream && call.upstream < self.settings.calls_max.len() {
            self.made.resize(self.settings.calls_max.len(), 0);
        }
        if let (Some(made), Some(most)) = (self.made.get_mut(call.upstream), self.settings.calls_max.get(call.upstream))
        {
            if *made >= *most {
                return Err(Failure::too_many_calls(id, &self.graph[connector]));
            }
            *made += 1;
        }
        let flight = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
        if let Some(hash) = hash {
            self.joinable.entry(hash).or_default().push(flight);
        }
        let kept = hash.is_some().then(|| call.clone());
        self.flights.push(Flight { waiters: vec![waiter], call: kept, outcome: None });
        self.jobs.push(match waiter {
            Waiter::Ask(_) => Job::Call(flight, Arc::clone(self.upstreams), call),
            Waiter::Chunk(_) => Job::Load(flight, self.loads.loader(self.upstreams), ChunkKey::new(flight, call)),
        });
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

    /// An outcome has come: everybody who waits for it gets it.
    pub fn land(&mut self, flight: u32, outcome: Result<Reply, CallError>) {
        let number = self.results.replies.len();
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.results.replies.push(outcome.as_ref().map(|reply| reply.body.clone()).unwrap_or_default());
        for waiter in std::mem::take(&mut self.flights[flight as usize].waiters) {
            self.hand_over(waiter, &outcome, number);
        }
        let flight = &mut self.flights[flight as usize];
        if flight.call.is_some() {
            flight.outcome = Some((outcome, number));
        }
    }

    fn hand_over(&mut self, waiter: Waiter, outcome: &Result<Reply, CallError>, number: u32) {
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
    fn settle(&mut self, ask: u32, result: Result<Slot, Failure>) {
        let step = self.asks[ask as usize].step;
        let slot = match result {
            Ok(slot) => self.keep(step, slot),
            Err(failure) => self.fail(failure),
        };
        let cells = std::mem::take(&mut self.asks[ask as usize].cells);
        self.fill(&cells, slot);
        self.asks[ask as usize].is_done = true;
        self.one_done(step);
    }

    /// Numbers a result of a step.
    pub fn keep(&mut self, step: StepId, slot: Slot) -> Slot {
        let outcomes = &mut self.results.outcomes[step.0 as usize];
        outcomes.push(slot);
        Slot::Result(u32::try_from(outcomes.len() - 1).unwrap_or(u32::MAX))
    }

    /// One call or chunk less to wait for.
    pub fn one_done(&mut self, step: StepId) {
        let progress = &mut self.steps[step.0 as usize];
        progress.pending = progress.pending.saturating_sub(1);
        if progress.pending == 0 {
            progress.phase = Phase::Done;
        }
    }

    /// Maps a reply for a step.
    pub fn read(
        &mut self,
        id: StepId,
        own: &Own,
        outcome: &Result<Reply, CallError>,
        number: u32,
    ) -> Result<Slot, Failure> {
        let connector = &self.graph[self.plan.steps[id.0 as usize].connector];
        let reply = outcome.as_ref().map_err(|error| Failure::no_reply(id, connector, error))?;
        let Some(shared) = &self.steps[id.0 as usize].shared else { return Ok(Slot::Missing) };
        let answered = Answered::new(connector, reply.status, &reply.headers);
        let scope = Scope { shared, own, answered: Some(&answered) };
        let content = content(&reply.headers, &reply.body);
        let is_dev = self.settings.dev;
        let unreadable = |error: &crate::mapping::JsonError| {
            let mut failure = Failure::unreadable(id, connector, Some(reply.status));
            tracing::debug!(connector = %connector.coordinate, %error, "a body is not JSON");
            if let (true, Value::Object(extensions)) = (is_dev, &mut failure.extensions) {
                extensions.insert("cause".to_owned(), Value::String(error.to_string()));
            }
            failure
        };
        let success = connector.success.as_deref();
        if !is_success(success, reply.status, &content, &scope).map_err(|error| unreadable(&error))? {
            let body = content.to_value().map_err(|error| unreadable(&error))?;
            return Err(Failure::refused(id, connector, reply.status, &body, &scope));
        }
        let mut problems = Vec::new();
        let slot = map(self.plan, id, &content, number, &scope, &mut self.results, &mut problems);
        self.note(id, problems);
        slot.map_err(|error| unreadable(&error))
    }

    /// Maps the empty object, for a connector without a request.
    fn read_nothing(&mut self, ask: u32) -> Result<Slot, Failure> {
        let number = *self.empty_body.get_or_insert_with(|| {
            self.results.replies.push(Bytes::from_static(b"{}"));
            u32::try_from(self.results.replies.len() - 1).unwrap_or(u32::MAX)
        });
        let Ask { step: id, own, .. } = &self.asks[ask as usize];
        let id = *id;
        let Some(shared) = &self.steps[id.0 as usize].shared else { return Ok(Slot::Missing) };
        let scope = Scope { shared, own, answered: None };
        let mut problems = Vec::new();
        let slot = map(self.plan, id, &Content::Json(b"{}"), number, &scope, &mut self.results, &mut problems);
        self.note(id, problems);
        let connector = self.connector_of(id);
        slot.map_err(|_| Failure::unreadable(id, &self.graph[connector], None))
    }

    fn connector_of(&self, id: StepId) -> ConnectorId {
        self.plan.steps[id.0 as usize].connector
    }

    fn note(&mut self, id: StepId, problems: Vec<crate::mapping::Problem>) {
        if self.settings.dev {
            let connector = self.connector_of(id);
            let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
            self.problems.extend(problems.into_iter().take(room).map(|problem| (connector, problem.message)));
        }
    }
}

/// Runs a step's program; on an error nothing of it is left behind.
fn map(
    plan: &crate::plan::Plan,
    id: StepId,
    content: &Content<'_>,
    number: u32,
    scope: &Scope<'_>,
    results: &mut super::view::Results,
    problems: &mut Vec<crate::mapping::Problem>,
) -> Result<Slot, crate::mapping::JsonError> {
    let store = &mut results.stores[id.0 as usize];
    let (cells, text) = (store.cells.len(), store.text.len());
    let mapped = plan.steps[id.0 as usize].program.read(content.as_body(), number, scope, store, problems);
    if mapped.is_err() {
        store.cells.truncate(cells);
        store.text.truncate(text);
    }
    mapped
}
