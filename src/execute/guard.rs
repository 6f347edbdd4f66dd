//! Guards: what has to be decided about an object before its caller is shown fields of it.

use std::{cell::RefCell, collections::HashMap, fmt::Debug};

use super::{
    key::key_object,
    view::{Found, Instance, View},
};
use crate::{
    mapping::{Object, Slot},
    plan::{Guard, GuardId, Input, PositionId},
};

/// Whoever decides.
pub trait Judge: Debug + Sync {
    /// Whether a caller may have what a gate guards, of an object of which this is known.
    fn allows(&self, gate: usize, this: Object) -> bool;
}

/// What one run has decided: about each object once, because it is asked before calls, and again when the answer is written.
#[derive(Debug, Default)]
pub(super) struct Guards<'a> {
    judge: Option<&'a dyn Judge>,
    decided: RefCell<HashMap<(GuardId, Instance), bool>>,
}

impl<'a> Guards<'a> {
    /// With whom to ask. Without, nothing passes.
    pub fn new(judge: Option<&'a dyn Judge>) -> Self {
        Self { judge, decided: RefCell::default() }
    }

    /// Whether an object passes. What it takes to know has to be there: what is not, by then, never will be.
    #[cold]
    pub fn let_pass(&self, view: View<'_>, id: GuardId, instance: Instance) -> bool {
        if let Some(decided) = self.decided.borrow().get(&(id, instance)) {
            return *decided;
        }
        let guard = &view.plan.guards[id.0 as usize];
        let passes = self.judge.is_some_and(|judge| {
            !is_lost(view, Some(guard.position), instance, &guard.inputs)
                && judge.allows(guard.gate, this(view, guard, instance))
        });
        self.decided.borrow_mut().insert((id, instance), passes);
        passes
    }
}

fn this(view: View<'_>, guard: &Guard, instance: Instance) -> Object {
    let mut this = Object::with_capacity(guard.inputs.len());
    key_object(view, Some(guard.position), instance, &guard.inputs, &mut this);
    this
}

/// Whether something could not be had. A value that its service leaves out is null, but one for which a call failed, or was not made, is
/// not known: a policy must not take it for null.
fn is_lost(view: View<'_>, position: Option<PositionId>, instance: Instance, inputs: &[Input]) -> bool {
    inputs.iter().any(|input| is_lost_at(view, input, view.column(position, instance, input.from)))
}

fn is_lost_at(view: View<'_>, input: &Input, found: Found) -> bool {
    match found.slot {
        Slot::Error(_) => true,
        Slot::Missing => input.from.hop.is_some(),
        Slot::Object { start } => is_lost(view, input.nested_at, Instance { store: found.store, start }, &input.nested),
        Slot::List { start, len } => {
            let mut items = view.cells(found.store, start, len);
            items.any(|item| is_lost_at(view, input, item))
        }
        Slot::Null | Slot::Span { .. } | Slot::Owned { .. } | Slot::Result(_) => false,
    }
}
