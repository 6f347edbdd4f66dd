//! The run of one plan: what it holds, and the loop.

use std::{
    cell::OnceCell, collections::HashMap, future::poll_fn, hash::RandomState, pin::pin, sync::Arc, task::Poll,
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use super::{
    batch::{BatchState, Batched, Chunk, Loads},
    failure::Failure,
    flight::{Flight, Job},
    gather::{Instances, join_cells},
    guard::{Guards, Judge},
    headers::HeaderRules,
    joint::JointLoads,
    known::Waiting,
    report::{self, ErrorList},
    scope::Shared,
    sources::{Sources, StaleStep},
    start::Ask,
    view::{Results, View, conditions},
    work::Work,
    write::{Fit, Writer},
};
use crate::{
    config::Priority,
    mapping::{Object, Slot, Value},
    operation::{self, VariableValues},
    plan::{Plan, PositionId, Step, StepId, StepKind},
    schema::{ConnectorId, Graph},
    telemetry::{Secrets, Trace},
    upstream::{Hints, Upstreams},
};

/// What one request brings beside its operation.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Headers of the client's request, for `from:` and `$request`.
    pub headers: Arc<HeaderMap>,
    /// `$context`.
    pub context: Object,
    /// Whether somebody is known to ask: what is told of fields that they may not have.
    pub is_known: bool,
    /// The request's trace.
    pub trace: Trace,
}

impl Caller {
    /// Writes down what it says in these headers and under these keys of `$context`: what is written is equal where all of that is.
    /// Parts end with 0 and values of one header with 1: neither is in JSON text nor in a header's value.
    pub fn say<'n>(&self, headers: impl IntoIterator<Item = &'n HeaderName>, context: &[Arc<str>], said: &mut Vec<u8>) {
        for key in context {
            if let Some(value) = self.context.get(key) {
                value.write_json(said);
            }
            said.push(0);
        }
        for name in headers {
            for value in self.headers.get_all(name) {
                said.extend_from_slice(value.as_bytes());
                said.push(1);
            }
            said.push(0);
        }
    }
}

/// What a snapshot gives to every run.
#[derive(Debug)]
pub struct Settings {
    /// `$config` by connector (index as in `Graph::connectors`).
    pub config: Vec<Arc<Value>>,
    /// Upstream of each connector, as index into `Upstreams`.
    pub upstream: Vec<usize>,
    /// Deadline of a whole operation.
    pub timeout: Duration,
    /// Longest time of a connector's calls where it is less than its source's, by connector.
    pub call_timeout: Vec<Option<Duration>>,
    /// Whether a connector's reads make room for other calls, by connector.
    pub priority: Vec<Priority>,
    /// What is said of a connector's replies for the cache, by connector.
    pub caching: Vec<Option<Arc<Hints>>>,
    /// What is sent to an upstream beside the schema's headers, by upstream index.
    pub headers: Vec<HeaderRules>,
    /// Most calls of one operation to one upstream, by upstream index.
    pub calls_max: Vec<usize>,
    /// Whether keys of several requests may be in one call of a connector, by connector.
    pub joint: Vec<bool>,
    /// The loads of those that are.
    pub loads: JointLoads,
    /// Whether mapping problems and error causes are shown in `extensions` (`--dev`).
    pub dev: bool,
}

/// The answer.
#[derive(Debug)]
pub struct Outcome {
    /// The whole response body: `{"data":…,"errors":[…]}`.
    pub body: Vec<u8>,
    /// Number of errors in it.
    pub error_count: usize,
    /// Whether `data` is null.
    pub data_is_null: bool,
    /// What went into it.
    pub sources: Sources,
}

/// Runs a plan. `judge` decides what its guards leave to be decided about objects. `introspection` holds the values of `__schema` and `__type` by response key.
/// Dropping the future stops its reads; a write already sent is read to its end.
#[expect(clippy::too_many_arguments, reason = "these are what an answer depends on")]
pub async fn run(
    graph: &Arc<Graph>,
    plan: &Arc<Plan>,
    variables: &VariableValues,
    introspection: Object,
    caller: &Caller,
    judge: Option<&dyn Judge>,
    settings: &Arc<Settings>,
    upstreams: &Arc<Upstreams>,
) -> Outcome {
    let mut run = Run::new(graph, plan, variables, caller, judge, settings, upstreams);
    let mut deadline = pin!(tokio::time::sleep_until(run.deadline));
    let mut work = Work::new();
    run.advance();
    while !run.is_done() {
        let landed = poll_fn(|context| {
            let mut landed = Vec::new();
            loop {
                work.extend(run.jobs.drain(..));
                work.extend(run.loads.take_spawned().into_iter().map(Job::Spawned));
                match work.poll_next(context) {
                    Poll::Ready(Some(outcome)) => landed.extend(outcome),
                    Poll::Ready(None) | Poll::Pending if run.loads.has_spawned() => {}
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            match deadline.as_mut().poll(context) {
                _ if !landed.is_empty() || work.is_empty() => Poll::Ready(Some(landed)),
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match landed {
            None => {
                run.give_up(Failure::late);
                break;
            }
            Some(landed) if landed.is_empty() => {
                run.give_up(Failure::stuck);
                break;
            }
            Some(landed) => landed.into_iter().for_each(|landed| run.land(landed)),
        }
        run.advance();
    }
    run.finish(&introspection)
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its inputs are not there.
    Waiting,
    /// Its calls are under way.
    Running,
    /// Nothing more will come of it (also: it is not included, or there was nothing to ask).
    Done,
}

/// A step in this run.
#[derive(Debug)]
pub(super) struct Progress {
    /// How far it is.
    pub phase: Phase,
    /// Calls (or chunks) whose outcome is missing.
    pub pending: usize,
    /// Variables that are the same for all its calls, from its start on.
    pub shared: Option<Shared>,
    /// Who waits for which of its keys.
    pub waiting: Waiting,
    /// For batches: keys and their chunks.
    pub batch: Option<BatchState>,
    /// Its part of the trace, while it runs.
    pub trace: Trace,
}

/// Everything that one request owns while it is answered.
pub(super) struct Run<'a> {
    pub graph: &'a Arc<Graph>,
    pub plan: &'a Plan,
    pub variables: &'a VariableValues,
    pub caller: &'a Caller,
    pub settings: &'a Arc<Settings>,
    pub upstreams: &'a Arc<Upstreams>,
    /// When the answer goes out, with what is there.
    pub deadline: Instant,
    /// Which conditions of the plan hold.
    pub conditions: Vec<bool>,
    /// What came so far.
    pub results: Results,
    /// What was decided about objects.
    pub guards: Guards<'a>,
    /// Objects by position.
    pub instances: Instances,
    /// By step.
    pub steps: Vec<Progress>,
    /// Calls for one key each.
    pub asks: Vec<Ask>,
    /// Calls for many keys.
    pub chunks: Vec<Chunk>,
    /// Keys that are asked for together with those of other requests; `None`: something came of them.
    pub joints: Vec<Option<Batched>>,
    /// What went out.
    pub flights: Vec<Flight>,
    /// Flights that an equal call can join, by hash of connector and URL.
    pub joinable: HashMap<u64, Vec<u32>>,
    /// The hasher of `joinable`.
    pub hasher: RandomState,
    /// Calls made, by upstream.
    pub made: Vec<usize>,
    /// What the loop has to start.
    pub jobs: Vec<Job>,
    /// The loader of batches.
    pub loads: Loads,
    /// Number of the body `{}` of connectors without a request.
    pub empty_body: Option<u32>,
    /// How fresh the replies are.
    pub sources: Sources,
    /// Steps whose reply was stale.
    pub stale: Vec<StaleStep>,
    /// What mappings complained of, in development.
    pub problems: Vec<(ConnectorId, String)>,
    /// What nobody should read of the request; gathered when something is told of it.
    secrets: OnceCell<Secrets>,
}

impl<'a> Run<'a> {
    fn new(
        graph: &'a Arc<Graph>,
        plan: &'a Plan,
        variables: &'a VariableValues,
        caller: &'a Caller,
        judge: Option<&'a dyn Judge>,
        settings: &'a Arc<Settings>,
        upstreams: &'a Arc<Upstreams>,
    ) -> Self {
        let progress = || Progress {
            phase: Phase::Waiting,
            pending: 0,
            shared: None,
            waiting: Waiting::default(),
            batch: None,
            trace: Trace::default(),
        };
        let mut steps = Vec::with_capacity(plan.steps.len());
        steps.resize_with(plan.steps.len(), progress);
        Self {
            graph,
            plan,
            variables,
            caller,
            settings,
            upstreams,
            deadline: Instant::now() + settings.timeout,
            conditions: conditions(plan, variables),
            results: Results::new(plan),
            guards: Guards::new(judge),
            instances: Instances::default(),
            steps,
            asks: Vec::new(),
            chunks: Vec::new(),
            joints: Vec::new(),
            flights: Vec::new(),
            joinable: HashMap::new(),
            hasher: RandomState::new(),
            made: Vec::new(),
            jobs: Vec::new(),
            loads: Loads::default(),
            empty_body: None,
            sources: Sources::default(),
            stale: Vec::new(),
            problems: Vec::new(),
            secrets: OnceCell::new(),
        }
    }

    /// A view of what is there.
    pub fn view(&self) -> View<'_> {
        let Self { graph, plan, results, conditions, guards, .. } = self;
        View { graph, plan, results, conditions, guards }
    }

    /// Whether a step serves anything that is in the answer.
    pub fn is_included(&self, step: &Step) -> bool {
        step.include.as_ref().is_none_or(|any| any.iter().any(|id| self.conditions[id.0 as usize]))
    }

    fn is_done(&self) -> bool {
        self.steps.iter().all(|step| step.phase == Phase::Done)
    }

    /// Puts a slot into join cells.
    pub fn fill(&mut self, cells: &[(u32, u32)], slot: Slot) {
        self.results.fill(cells, slot);
    }

    /// Records a failure; its slot. What a service said may repeat what it was sent.
    pub fn fail(&mut self, mut failure: Failure) -> Slot {
        let secrets = self.secrets.get_or_init(|| {
            let given = |at: usize| self.variables.0.get(at)?.as_ref();
            operation::secrets(&self.graph.redaction.names, &self.plan.operation, given, &self.caller.headers)
        });
        failure.hide(secrets);
        let connector = &self.graph[self.plan.steps[failure.step.0 as usize].connector];
        tracing::debug!(connector = %connector.coordinate, message = %failure.message, "a call gave no data");
        self.steps[failure.step.0 as usize].trace.failed(failure.code(), &failure.message);
        let number = u32::try_from(self.results.failures.len()).unwrap_or(u32::MAX);
        self.results.failures.push(failure);
        Slot::Error(number)
    }

    /// Stops here: what has not come is marked with a failure, step by step.
    fn give_up(&mut self, failure: fn(StepId, &crate::schema::Connector) -> Failure) {
        self.jobs.clear();
        for index in 0..self.steps.len() {
            let step = &self.plan.steps[index];
            let cells = match self.steps[index].phase {
                Phase::Done => continue,
                Phase::Waiting if !self.is_included(step) => continue,
                Phase::Waiting if step.kind == StepKind::Merge => {
                    // What its pieces are by now is told where they come from.
                    self.merge(StepId(u32::try_from(index).unwrap_or(u32::MAX)));
                    self.steps[index].phase = Phase::Done;
                    continue;
                }
                Phase::Waiting => {
                    let view = View {
                        graph: self.graph,
                        plan: self.plan,
                        results: &self.results,
                        conditions: &self.conditions,
                        guards: &self.guards,
                    };
                    join_cells(view, &mut self.instances, step)
                }
                Phase::Running => self.waiting_cells(index),
            };
            self.steps[index].phase = Phase::Done;
            if cells.is_empty() {
                continue;
            }
            let id = StepId(u32::try_from(index).unwrap_or(u32::MAX));
            let slot = self.fail(failure(id, &self.graph[step.connector]));
            self.fill(&cells, slot);
        }
    }

    fn waiting_cells(&self, index: usize) -> Vec<(u32, u32)> {
        let step = &self.steps[index];
        let asks = self.asks.iter().filter(|ask| !ask.is_done && ask.step.0 as usize == index);
        let mut cells: Vec<_> = asks.flat_map(|ask| step.waiting.of(ask.number)).copied().collect();
        if let Some(batch) = &step.batch {
            let missing = (0..).zip(&batch.chunks).filter(|(_, chunk)| !self.chunks[**chunk as usize].is_done);
            cells.extend(missing.flat_map(|(number, _)| step.waiting.of(number)));
        }
        cells
    }

    fn finish(self, introspection: &Object) -> Outcome {
        let view = self.view();
        let mut errors = ErrorList::default();
        report::failures(view, &mut errors);
        let read: usize = self.results.replies.iter().map(bytes::Bytes::len).sum();
        let mut out = Vec::with_capacity((read + 256).min(1 << 20));
        out.extend_from_slice(b"{\"data\":");
        let mut writer = Writer::new(view, introspection, out, errors, &[]);
        writer.is_known = self.caller.is_known;
        let data_is_null = writer.object(PositionId(0), view.root()) != Fit::Written;
        let mut body = writer.out;
        if data_is_null {
            body.extend_from_slice(b"null");
        }
        let (texts, error_count) = writer.errors.finish();
        if error_count > 0 {
            body.extend_from_slice(b",\"errors\":[");
            body.extend_from_slice(&texts);
            body.push(b']');
        }
        if let Some(extensions) = self.extensions() {
            body.extend_from_slice(b",\"extensions\":");
            extensions.write_json(&mut body);
        }
        body.push(b'}');
        Outcome { body, error_count, data_is_null, sources: self.sources.finish() }
    }

    fn extensions(&self) -> Option<Value> {
        let mut extensions = Object::default();
        if !self.problems.is_empty() {
            extensions.insert("problems", self.problem_list());
        }
        if !self.stale.is_empty() {
            extensions.insert("stale", self.stale_list());
        }
        (!extensions.is_empty()).then_some(Value::Object(extensions))
    }

    fn problem_list(&self) -> Value {
        let problems = self.problems.iter().map(|(connector, message)| {
            let coordinate = self.graph[*connector].coordinate.to_string();
            Value::Object(Object::from_iter([
                ("connector", Value::String(coordinate)),
                ("message", Value::String(message.clone())),
            ]))
        });
        Value::Array(problems.collect())
    }
}
