//! An operation becomes a [`Plan`]: which connectors to call, for which objects, in which order, and where each field of the
//! answer comes from. Made once per document; knows no variable value and no caller.
//!
//! Not here: making calls (`execute`), judging cost (`policy`).

mod build;
mod draft;
mod explain;
mod ir;
mod mask;
mod search;
mod want;

#[cfg(test)]
mod tests;

pub use build::{PlanError, build, build_masked};
pub use explain::explain;
pub use ir::{
    Alike, Cell, ColumnRef, Condition, ConditionId, FieldPlan, Guard, GuardId, HopId, Input, KeyText, Merge, Origin,
    Piece, Plan, Position, PositionId, Step, StepId, StepKind, VariantPlan,
};
pub use mask::{Gate, Gates, Mask, Needs, Verdict};
