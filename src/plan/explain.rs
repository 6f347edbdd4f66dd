//! A plan as text, for people and snapshots.

use super::Plan;
use crate::schema::Graph;

/// The plan, one step a paragraph.
pub fn explain(graph: &Graph, plan: &Plan) -> String {
    let _ = (graph, plan);
    todo!()
}
