//! A step starts as soon as its inputs are there: its distinct keys become calls.

use super::{
    batch::Ready,
    call::Site,
    failure::Failure,
    flight::Waiter,
    gather::{Gathered, gather},
    run::{Phase, Run},
    scope::{Own, Shared},
    view::View,
};
use crate::{
    mapping::{Object, Value},
    operation::{self, Kind},
    plan::{Origin, Step, StepId, StepKind},
    schema::Place,
    upstream::{Call, Safety},
};

/// A call for one key, and the join cells that wait for its result.
#[derive(Debug)]
pub(super) struct Ask {
    /// Of which step.
    pub step: StepId,
    /// Its key object.
    pub own: Own,
    /// Number of its key.
    pub number: u32,
    /// Whether its outcome is there.
    pub is_done: bool,
}

impl<'a> Run<'a> {
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
        if step.kind == StepKind::Merge {
            if self.is_included(step) {
                self.merge(id);
            }
            self.steps[id.0 as usize].phase = Phase::Done;
            return;
        }
        let connector = &graph[step.connector];
        let gathered = if self.is_included(step) {
            let typename = match connector.place {
                Place::Root { entity, .. } => entity,
                Place::Field { field } => Some(graph[field].parent),
                Place::Type { ty } => Some(ty),
            };
            let typename = typename.map(|ty| &*graph[ty].name);
            let (results, conditions, guards) = (&self.results, &*self.conditions, &self.guards);
            let view = View { graph, plan, results, conditions, guards };
            gather(view, &mut self.instances, step, typename)
        } else {
            Gathered::default()
        };
        if gathered.objects.is_empty() {
            self.steps[id.0 as usize].phase = Phase::Done;
            return;
        }
        let args = match (&step.arguments, step.kind) {
            (Some((field, written)), _) => {
                Some(Value::Object(operation::arguments(graph, *field, written, self.variables)))
            }
            (None, StepKind::Root | StepKind::Field) => Some(Value::Object(Object::default())),
            (None, StepKind::Entity | StepKind::Batch { .. } | StepKind::Merge) => None,
        };
        if let (Some((field, _)), Some(Value::Object(args))) = (&step.arguments, &args)
            && let Some(argument) = operation::misplaced_null(graph, *field, args)
        {
            let slot = self.fail(Failure::misplaced_null(id, connector, &argument));
            for number in 0..u32::try_from(gathered.objects.len()).unwrap_or(u32::MAX) {
                self.results.fill(gathered.waiting.of(number), slot);
            }
            self.steps[id.0 as usize].phase = Phase::Done;
            return;
        }
        let config = self.settings.config.get(step.connector.0 as usize).cloned();
        let progress = &mut self.steps[id.0 as usize];
        progress.shared = Some(Shared::new(connector, self.caller, config, args));
        progress.phase = Phase::Running;
        progress.trace = self.caller.trace.step(&connector.coordinate, kind(step.kind), gathered.objects.len());
        if graph.redaction.hides_path(step.connector.0 as usize) {
            progress.trace.hide_paths();
        }
        let Gathered { objects, keys, waiting } = gathered;
        progress.waiting = waiting;
        if let StepKind::Batch { keys_max } = step.kind {
            ready.push(Ready { step: id, connector: step.connector, keys_max, objects, keys });
            return;
        }
        progress.pending = objects.len();
        for (number, object) in (0..).zip(objects) {
            self.ask(id, number, object);
        }
    }

    fn ask(&mut self, id: StepId, key: u32, object: Option<Value>) {
        let step = &self.plan.steps[id.0 as usize];
        let connector = &self.graph[step.connector];
        let own = match (step.kind, connector.place) {
            (StepKind::Entity, Place::Root { .. }) => Own { args: object, ..Own::default() },
            _ => Own { this: object, ..Own::default() },
        };
        let number = u32::try_from(self.asks.len()).unwrap_or(u32::MAX);
        self.asks.push(Ask { step: id, own, number: key, is_done: false });
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
        let Some(shared) = &self.steps[id.0 as usize].shared else { return Ok(None) };
        let site = self.site(id);
        let call = site
            .call(shared, own, &self.caller.headers, self.safety(step))
            .map_err(|error| Failure::no_request(id, site.connector, &error.message))?;
        Ok(call.map(|call| Call { deadline: Some(self.deadline), ..call }))
    }

    /// What a step calls.
    pub fn site(&self, id: StepId) -> Site<'a> {
        let (graph, id) = (self.graph, self.plan.steps[id.0 as usize].connector);
        Site { connector: &graph[id], id, settings: self.settings }
    }

    /// A mutation's own call is a write: a root field, or a field of a namespace (reference 3.6).
    fn safety(&self, step: &Step) -> Safety {
        let is_write = self.plan.kind == Kind::Mutation
            && match step.kind {
                StepKind::Root => true,
                StepKind::Field => self.is_namespace(step),
                StepKind::Entity | StepKind::Batch { .. } | StepKind::Merge => false,
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
}

/// A step's kind, for its span.
fn kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Root => "root",
        StepKind::Field => "field",
        StepKind::Entity => "entity",
        StepKind::Batch { .. } => "batch",
        StepKind::Merge => "merge",
    }
}
