//! The run of one plan.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;

use crate::{
    mapping::{Object, Value},
    operation::VariableValues,
    plan::Plan,
    schema::Graph,
    upstream::Upstreams,
};

/// What one request brings beside its operation.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Headers of the client's request, for `from:` and `$request`.
    pub headers: Arc<HeaderMap>,
    /// `$context`.
    pub context: Object,
}

/// What a snapshot gives to every run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `$config` by connector (index as in `Graph::connectors`).
    pub config: Vec<Arc<Value>>,
    /// Upstream of each connector, as index into `Upstreams`.
    pub upstream: Vec<usize>,
    /// Deadline of a whole operation.
    pub timeout: Duration,
    /// Most calls of one operation to one upstream, by upstream index.
    pub calls_max: Vec<usize>,
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
}

/// Runs a plan. `introspection` holds the values of `__schema` and `__type` by response key.
/// Dropping the future stops its reads; a write already sent is read to its end.
pub async fn run(
    graph: &Arc<Graph>,
    plan: &Arc<Plan>,
    variables: &VariableValues,
    introspection: Object,
    caller: &Caller,
    settings: &Settings,
    upstreams: &Arc<Upstreams>,
) -> Outcome {
    let _ = (graph, plan, variables, introspection, caller, settings, upstreams);
    todo!()
}
