//! A reply becomes slots, or the failure that takes their place.

use bytes::Bytes;

use super::{
    failure::Failure,
    reply::{Content, content, is_success},
    run::Run,
    scope::{Answered, Own, Scope},
    start::Ask,
    view::Results,
};
use crate::{
    mapping::{JsonError, Problem, Slot, Value, Variable, Variables as _},
    operation,
    plan::{Plan, StepId},
    schema::{Compatibility, ConnectorId},
    telemetry::{Redact, Secrets},
    upstream::{CallError, Reply},
};

/// Most mapping problems that are shown.
const PROBLEMS_MAX: usize = 100;

impl Run<'_> {
    /// Maps a reply for a step.
    pub fn read(
        &mut self,
        id: StepId,
        own: &Own,
        outcome: &Result<Box<Reply>, CallError>,
        number: u32,
    ) -> Result<Slot, Failure> {
        let connector = &self.graph[self.plan.steps[id.0 as usize].connector];
        let reply = outcome.as_ref().map_err(|error| Failure::no_reply(id, connector, error))?;
        let Some(shared) = &self.steps[id.0 as usize].shared else { return Ok(Slot::Missing) };
        let answered = Answered::new(connector, reply.status, &reply.headers);
        let scope = Scope { shared, own, answered: Some(&answered) };
        let content = content(&reply.headers, &reply.body);
        let is_dev = self.settings.dev;
        let is_strict = self.graph.compatibility == Compatibility::Strict;
        let unreadable = |error: &JsonError| {
            let mut failure = Failure::unreadable(id, connector, Some(reply.status));
            tracing::debug!(connector = %connector.coordinate, %error, "a body is not JSON");
            if let (true, Value::Object(extensions)) = (is_dev, &mut failure.extensions) {
                extensions.insert("cause", Value::String(error.to_string()));
            }
            failure
        };
        let success = connector.success.as_deref();
        if !is_success(success, reply.status, &content, &scope).map_err(|error| unreadable(&error))? {
            let body = content.to_value().map_err(|error| unreadable(&error))?;
            let mut failure = Failure::refused(id, connector, reply.status, &body, &scope, is_strict);
            failure.hide(&secrets(&self.graph.redaction.names, &scope, &body));
            return Err(failure);
        }
        let mut problems = Vec::new();
        let slot = map(self.plan, id, &content, number, &scope, &mut self.results, &mut problems);
        self.note(id, problems);
        slot.map_err(|error| unreadable(&error))
    }

    /// Maps the empty object, for a connector without a request.
    pub fn read_nothing(&mut self, ask: u32) -> Result<Slot, Failure> {
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

    fn note(&mut self, id: StepId, problems: Vec<Problem>) {
        if self.settings.dev {
            let connector = self.connector_of(id);
            let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
            self.problems.extend(problems.into_iter().take(room).map(|problem| (connector, problem.message)));
        }
    }
}

/// What nobody should read of a reply that failed, and of what its call was made of.
fn secrets(names: &Redact, scope: &Scope<'_>, body: &Value) -> Secrets {
    const SENT: [Variable; 6] =
        [Variable::Args, Variable::This, Variable::Batch, Variable::Context, Variable::Config, Variable::Env];
    let mut secrets = Secrets::default();
    for value in SENT.into_iter().filter_map(|variable| scope.get(variable)).chain([body]) {
        operation::gather(names, value, &mut secrets);
    }
    secrets
}

/// Runs a step's program; on an error nothing of it is left behind.
fn map(
    plan: &Plan,
    id: StepId,
    content: &Content<'_>,
    number: u32,
    scope: &Scope<'_>,
    results: &mut Results,
    problems: &mut Vec<Problem>,
) -> Result<Slot, JsonError> {
    let store = &mut results.stores[id.0 as usize];
    let (cells, text) = (store.cells.len(), store.text.len());
    let mapped = plan.steps[id.0 as usize].program.read(content.as_body(), number, scope, store, problems);
    if mapped.is_err() {
        store.cells.truncate(cells);
        store.text.truncate(text);
    }
    mapped
}
