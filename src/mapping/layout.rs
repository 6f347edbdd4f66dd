//! What a step wants of a mapping: the object positions below its root, and the columns of each.

use std::sync::Arc;

/// Index of a node in [`Layout::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// What is wanted of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The whole value, as one slot: a scalar, or anything under a custom scalar, or a list of scalars.
    Leaf,
    /// An object of that node, or a list (of lists) of such objects.
    Object(NodeId),
}

/// One wanted output name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The output name (a GraphQL field name, or `__typename`).
    pub name: Arc<str>,
    /// What is wanted of its value.
    pub kind: Kind,
}

/// One object position: an object of it takes `columns.len() + joins` cells, the columns first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// What is taken from the mapping.
    pub columns: Vec<Column>,
    /// Cells after the columns, left `Missing` by the mapping, for the plan to hang joined results on.
    pub joins: u32,
}

impl Node {
    /// Cells an object of this node takes.
    pub fn width(&self) -> usize {
        self.columns.len() + self.joins as usize
    }
}

/// The wanted part of a mapping's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What is wanted of the whole output.
    pub root: Kind,
    /// All object positions; `root` and columns refer to them.
    pub nodes: Vec<Node>,
}
