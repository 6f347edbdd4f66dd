//! Rules about the whole of a document or the graph, a file each. They run when every single connector is valid.

pub(super) mod advice;
pub(super) mod federation;
pub(super) mod key;
pub(super) mod satisfiable;
pub(super) mod support;
pub(super) mod unresolved;
