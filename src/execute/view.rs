//! What a run has so far, and how a plan's references are read from it.

use bytes::Bytes;

use super::{copy::Part, failure::Failure, guard::Guards};
use crate::{
    mapping::{Slot, Slots, scan},
    operation::VariableValues,
    plan::{Cell, ColumnRef, ConditionId, GuardId, HopId, Plan, Position, PositionId, StepId, VariantPlan},
    schema::{Compatibility, Graph, TypeId, TypeKind},
};

/// The results of all steps. Only the run writes here.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Cells by step; one more at the end holds the root object.
    pub stores: Vec<Slots>,
    /// By step: the slots that `Slot::Result` numbers.
    pub outcomes: Vec<Vec<Slot>>,
    /// The bodies that `Slot::Span` numbers.
    pub replies: Vec<Bytes>,
    /// The failures that `Slot::Error` numbers.
    pub failures: Vec<Failure>,
}

impl Results {
    /// Nothing but the root object.
    pub fn new(plan: &Plan) -> Self {
        let mut stores: Vec<Slots> = Vec::with_capacity(plan.steps.len() + 1);
        stores.resize_with(plan.steps.len() + 1, Slots::default);
        if let (Some(root), Some(position)) = (stores.last_mut(), plan.positions.first()) {
            root.cells = vec![Slot::Missing; position.columns as usize + position.hops.len()];
        }
        Self { stores, outcomes: vec![Vec::new(); plan.steps.len()], replies: Vec::new(), failures: Vec::new() }
    }

    /// Puts a slot into cells, each named by store and index.
    pub fn fill(&mut self, cells: &[(u32, u32)], slot: Slot) {
        for &(store, index) in cells {
            if let Some(cell) = self.stores[store as usize].cells.get_mut(index as usize) {
                *cell = slot;
            }
        }
    }

    /// A cell; `Missing` when there is none.
    pub fn cell(&self, store: u32, index: u32) -> Slot {
        self.stores.get(store as usize).and_then(|store| store.cells.get(index as usize)).copied().unwrap_or_default()
    }

    /// The cells of a store from one on.
    #[inline]
    pub fn from(&self, store: u32, start: u32) -> &[Slot] {
        self.stores.get(store as usize).and_then(|store| store.cells.get(start as usize..)).unwrap_or_default()
    }

    /// The JSON text of a scalar (or raw) slot.
    pub fn text(&self, found: Found) -> Option<&[u8]> {
        Some(self.part(found)?.bytes())
    }

    /// The same, with what lies behind it.
    #[inline]
    pub fn part(&self, found: Found) -> Option<Part<'_>> {
        let (source, start, len): (&[u8], _, _) = match found.slot {
            Slot::Span { reply, start, len } => (self.replies.get(reply as usize)?, start, len),
            Slot::Owned { start, len } => (&self.stores.get(found.store as usize)?.text, start, len),
            _ => return None,
        };
        Part::new(source.get(start as usize..)?, len as usize)
    }
}

/// A slot and the store it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Index into [`Results::stores`].
    pub store: u32,
    /// The value.
    pub slot: Slot,
}

impl Found {
    /// No value.
    pub const NOTHING: Self = Self { store: 0, slot: Slot::Missing };
}

/// One object: where its cells begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Instance {
    /// Index into [`Results::stores`].
    pub store: u32,
    /// Its first cell.
    pub start: u32,
}

/// Everything that reading needs, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// The schema.
    pub graph: &'a Graph,
    /// The plan.
    pub plan: &'a Plan,
    /// What is there.
    pub results: &'a Results,
    /// Which conditions hold, by [`ConditionId`].
    pub conditions: &'a [bool],
    /// What was decided about objects.
    pub guards: &'a Guards<'a>,
}

impl<'a> View<'a> {
    /// A position of the plan.
    pub fn position(self, id: PositionId) -> &'a Position {
        &self.plan.positions[id.0 as usize]
    }

    /// The one object of the root position.
    pub fn root(self) -> Instance {
        Instance { store: u32::try_from(self.plan.steps.len()).unwrap_or(u32::MAX), start: 0 }
    }

    /// Whether the original's behaviour is wanted.
    pub fn is_strict(self) -> bool {
        self.graph.compatibility == Compatibility::Strict
    }

    /// Whether a condition holds.
    pub fn holds(self, condition: Option<ConditionId>) -> bool {
        condition.is_none_or(|id| self.conditions[id.0 as usize])
    }

    /// Whether an object passes.
    #[inline]
    pub fn passes(self, guard: Option<GuardId>, instance: Instance) -> bool {
        guard.is_none_or(|guard| self.guards.let_pass(self, guard, instance))
    }

    /// The whole result of a hop of an object.
    pub fn hop(self, position: PositionId, instance: Instance, hop: HopId) -> Found {
        let position = self.position(position);
        let StepId(step) = position.hops[hop.0 as usize];
        match self.results.cell(instance.store, instance.start + position.columns + hop.0) {
            Slot::Result(n) => {
                let slot = self.results.outcomes[step as usize].get(n as usize).copied().unwrap_or_default();
                Found { store: step, slot }
            }
            slot @ Slot::Error(_) => Found { store: step, slot },
            _ => Found { store: step, slot: Slot::Missing },
        }
    }

    /// A column of an object. `position` may be unknown where the reference names no hop.
    pub fn column(self, position: Option<PositionId>, instance: Instance, column: ColumnRef) -> Found {
        let Some(hop) = column.hop else {
            let Cell::Column(column) = column.column else { return Found::NOTHING };
            return Found { store: instance.store, slot: self.results.cell(instance.store, instance.start + column) };
        };
        let Some(position) = position else { return Found::NOTHING };
        self.column_of(self.hop(position, instance, hop), column.column)
    }

    /// A column of what a hop brought.
    #[inline]
    pub fn column_of(self, found: Found, cell: Cell) -> Found {
        match (cell, found.slot) {
            (Cell::Whole, _) | (Cell::Column(_), Slot::Error(_)) => found,
            (Cell::Column(column), Slot::Object { start }) => {
                Found { store: found.store, slot: self.results.cell(found.store, start + column) }
            }
            (Cell::Column(_), _) => Found { store: found.store, slot: Slot::Missing },
        }
    }

    /// The items of a list of cells.
    pub fn cells(self, store: u32, start: u32, len: u32) -> impl Iterator<Item = Found> + 'a {
        self.results.from(store, start).iter().take(len as usize).map(move |&slot| Found { store, slot })
    }

    /// Appends every object in a value, in order, through lists of lists.
    pub fn objects(self, found: Found, out: &mut Vec<Instance>) {
        match found.slot {
            Slot::Object { start } => out.push(Instance { store: found.store, start }),
            Slot::List { start, len } => {
                out.reserve(len as usize);
                self.cells(found.store, start, len).for_each(|item| self.objects(item, out));
            }
            _ => {}
        }
    }

    /// The object type of an object; `None` when its `__typename` names no type that can be there.
    pub fn type_of(self, id: PositionId, instance: Instance) -> Option<TypeId> {
        let position = self.position(id);
        let Some(column) = position.typename else { return sole_type(position) };
        let found = Found { store: instance.store, slot: self.results.cell(instance.store, instance.start + column) };
        let Some(text) = self.results.text(found).filter(|text| text.first() == Some(&b'"')) else {
            // A concrete type is known without `__typename` (reference 3.6), an abstract one is not, however few types it has (5.9).
            let is_concrete = self.graph[position.ty].kind == TypeKind::Object;
            return if is_concrete && found.slot == Slot::Missing { sole_type(position) } else { None };
        };
        let ty = *self.graph.by_name.get(&*scan::unescape(text))?;
        self.graph[position.ty].possible.contains(&ty).then_some(ty)
    }

    /// What is written for an object of that type.
    pub fn variant(self, id: PositionId, ty: TypeId) -> Option<&'a VariantPlan> {
        self.position(id).variants.iter().find(|variant| variant.types.contains(&ty))
    }
}

fn sole_type(position: &Position) -> Option<TypeId> {
    match position.variants.as_slice() {
        [variant] if variant.types.len() == 1 => Some(variant.types[0]),
        [] => Some(position.ty),
        _ => None,
    }
}

/// Evaluates the conditions of a plan, once per request.
pub(super) fn conditions(plan: &Plan, variables: &VariableValues) -> Vec<bool> {
    plan.conditions
        .iter()
        .map(|condition| {
            condition.0.iter().any(|clauses| clauses.iter().all(|clause| clause.holds(variables) == Some(true)))
        })
        .collect()
}
