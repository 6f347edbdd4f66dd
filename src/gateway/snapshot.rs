//! All that one configuration produced; swapped whole on reload.

use std::sync::Arc;

use crate::{execute, operation::Limits, schema::Graph, upstream::Upstreams};

/// Serves a request from start to end.
#[derive(Debug)]
pub struct Snapshot {
    /// The compiled schema.
    pub graph: Arc<Graph>,
    /// Pools.
    pub upstreams: Arc<Upstreams>,
    /// Bounds on documents.
    pub limits: Limits,
    /// What runs need.
    pub settings: execute::Settings,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
}
