//! One value from the pieces that several steps brought: objects by field, lists by index.
//!
//! Of two pieces that have a column the earlier counts, unless it has no value there. A piece that is null or missing takes nothing
//! from the others; one that could not be had leaves its own fields in error.

use super::{
    gather::is_meant,
    run::Run,
    view::{Found, Results, View},
};
use crate::{
    mapping::{Kind, Layout, NodeId, Slot, Slots},
    plan::{Merge, StepId},
};

/// Nesting of lists in lists beyond which a value is cut to null; no type is nested like that.
const LISTS_MAX: usize = 64;

impl Run<'_> {
    /// Carries out a merge: every object of its position gets its value.
    pub fn merge(&mut self, id: StepId) {
        let plan = self.plan;
        let step = &plan.steps[id.0 as usize];
        let Some(merge) = &step.merge else { return };
        let mut out = std::mem::take(&mut self.results.stores[id.0 as usize]);
        let mut filled = Vec::new();
        {
            let (results, conditions, guards) = (&self.results, &*self.conditions, &self.guards);
            let view = View { graph: self.graph, plan, results, conditions, guards };
            let columns = view.position(step.position).columns;
            for &instance in self.instances.of(view, step.position) {
                if !is_meant(view, step, instance) {
                    continue;
                }
                let pieces: Vec<Found> =
                    merge.pieces.iter().map(|piece| view.column(Some(step.position), instance, *piece)).collect();
                let mut merger = Merger { results: view.results, layout: &step.program.layout, merge, out: &mut out };
                let slot = merger.value(NodeId(0), &pieces, LISTS_MAX);
                filled.push(((instance.store, instance.start + columns + step.hop.0), slot));
            }
        }
        self.results.stores[id.0 as usize] = out;
        for (cell, slot) in filled {
            let result = self.keep(id, slot);
            self.fill(&[cell], result);
        }
    }
}

struct Merger<'a> {
    results: &'a Results,
    layout: &'a Layout,
    merge: &'a Merge,
    out: &'a mut Slots,
}

impl Merger<'_> {
    /// A value whose objects are of a node; the pieces are those of the node.
    fn value(&mut self, node: NodeId, pieces: &[Found], depth: usize) -> Slot {
        let shape = pieces.iter().find(|piece| matches!(piece.slot, Slot::Object { .. } | Slot::List { .. }));
        match shape.map(|piece| piece.slot) {
            Some(Slot::Object { .. }) => self.object(node, pieces),
            Some(_) if depth > 0 => self.list(node, pieces, depth - 1),
            Some(_) => Slot::Null,
            None => self.nothing(pieces),
        }
    }

    fn object(&mut self, node: NodeId, pieces: &[Found]) -> Slot {
        let columns = &self.layout.nodes[node.0 as usize];
        let start = self.out.cells.len();
        self.out.cells.resize(start + columns.width(), Slot::Missing);
        for (at, (column, sources)) in columns.columns.iter().zip(&self.merge.nodes[node.0 as usize]).enumerate() {
            let cells = sources.iter().map(|source| {
                let piece = pieces[source.piece as usize];
                let slot = match piece.slot {
                    Slot::Object { start } => self.results.cell(piece.store, start + source.column),
                    error @ Slot::Error(_) => error,
                    _ => Slot::Missing,
                };
                Found { store: piece.store, slot }
            });
            let cells: Vec<Found> = cells.collect();
            let slot = match column.kind {
                Kind::Object(below) => self.value(below, &cells, LISTS_MAX),
                Kind::Leaf => self.leaf(&cells),
            };
            self.out.cells[start + at] = slot;
        }
        u32::try_from(start).map_or(Slot::Null, |start| Slot::Object { start })
    }

    fn list(&mut self, node: NodeId, pieces: &[Found], depth: usize) -> Slot {
        let len = |piece: &Found| if let Slot::List { len, .. } = piece.slot { len } else { 0 };
        let most = pieces.iter().map(len).max().unwrap_or(0);
        let first = self.out.cells.len();
        self.out.cells.resize(first + most as usize, Slot::Missing);
        for index in 0..most {
            let items = pieces.iter().map(|piece| {
                let slot = match piece.slot {
                    Slot::List { start, len } if index < len => self.results.cell(piece.store, start + index),
                    error @ Slot::Error(_) => error,
                    _ => Slot::Missing,
                };
                Found { store: piece.store, slot }
            });
            let items: Vec<Found> = items.collect();
            let slot = self.value(node, &items, depth);
            self.out.cells[first + index as usize] = slot;
        }
        u32::try_from(first).map_or(Slot::Null, |start| Slot::List { start, len: most })
    }

    /// The first piece that has a value, else what stands for there being none.
    fn leaf(&mut self, pieces: &[Found]) -> Slot {
        let value = pieces.iter().find(|piece| matches!(piece.slot, Slot::Span { .. } | Slot::Owned { .. }));
        match value {
            Some(piece) => self.copied(*piece),
            None => self.nothing(pieces),
        }
    }

    /// Of pieces without objects: what does not fit, for completion to judge; else the error; else null.
    fn nothing(&mut self, pieces: &[Found]) -> Slot {
        let rank = |piece: &&Found| match piece.slot {
            Slot::Span { .. } | Slot::Owned { .. } => 3,
            Slot::Error(_) => 2,
            Slot::Null => 1,
            _ => 0,
        };
        // Of equals the first.
        let best = pieces.iter().rev().max_by_key(rank);
        best.map_or(Slot::Missing, |piece| self.copied(*piece))
    }

    /// The slot, with a text that is not a reply's copied to where it is read from now on.
    fn copied(&mut self, piece: Found) -> Slot {
        let Slot::Owned { .. } = piece.slot else { return piece.slot };
        let text = self.results.text(piece).unwrap_or(b"null");
        let start = self.out.text.len();
        self.out.text.extend_from_slice(text);
        match (u32::try_from(start), u32::try_from(text.len())) {
            (Ok(start), Ok(len)) => Slot::Owned { start, len },
            _ => Slot::Null,
        }
    }
}
