//! The planner.

use std::sync::Arc;

use super::Plan;
use crate::{operation::Operation, schema::Graph};

/// Why an operation has no plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlanError {
    /// No connector provides the field from where it is asked.
    #[error("no connector can provide `{path}` here")]
    Unreachable {
        /// Response path of the field.
        path: String,
    },
    /// The search took more steps than it may.
    #[error("the operation needs too many planning steps")]
    TooComplex,
}

/// Plans an operation.
pub fn build(graph: &Graph, operation: Arc<Operation>) -> Result<Plan, PlanError> {
    let _ = (graph, operation);
    todo!()
}
