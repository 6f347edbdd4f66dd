//! What of an operation a caller may not have, or only of some objects: a decision for each protected kind of field.

use std::collections::HashMap;

use crate::{
    error::Location,
    mapping::KeyTree,
    operation::{FieldRef, Operation, Selected, SelectedArgument, Selection},
    schema::{AccessId, FieldId, Graph},
};

/// What is decided for an operation and a caller before it is planned.
#[derive(Debug, Default)]
pub struct Gates {
    /// In the order of the text.
    pub gates: Vec<Gate>,
    by_place: HashMap<Place, usize>,
}

/// One decision.
#[derive(Debug)]
pub struct Gate {
    /// What is required.
    pub access: AccessId,
    /// The field and its written arguments, where the requirement depends on them.
    pub arguments: Option<(FieldId, Vec<SelectedArgument>)>,
    /// What the requirement has to know of the object that has the field.
    pub this: KeyTree,
}

/// What a requirement depends on beside the caller.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// The field's arguments.
    pub arguments: bool,
    /// Fields of the object that has the field.
    pub this: KeyTree,
}

/// Fields for which one decision is made: all of one requirement, or those at one place in the text where arguments count.
type Place = (AccessId, Option<(FieldId, Location)>);

impl Gates {
    /// Those of an operation; `None`: nothing in it is protected.
    pub fn of(graph: &Graph, operation: &Operation, needs: impl Fn(AccessId) -> Needs) -> Option<Self> {
        if graph.access.requirements.is_empty() {
            return None;
        }
        let mut gates = Self::default();
        gates.collect(graph, &operation.selection, &needs);
        (!gates.gates.is_empty()).then_some(gates)
    }

    fn collect(&mut self, graph: &Graph, selection: &Selection, needs: &impl Fn(AccessId) -> Needs) {
        for selected in selection.variants.iter().flat_map(|variant| &variant.fields) {
            if let Some((field, access)) = protected(graph, selected) {
                let Needs { arguments, this } = needs(access);
                let place = (access, arguments.then_some((field, selected.location)));
                let next = self.gates.len();
                if *self.by_place.entry(place).or_insert(next) == next {
                    let arguments = arguments.then(|| (field, selected.arguments.clone()));
                    self.gates.push(Gate { access, arguments, this });
                }
            }
            if let Some(below) = &selected.selection {
                self.collect(graph, below, needs);
            }
        }
    }

    /// What was decided about a field of the operation.
    pub fn verdict(&self, graph: &Graph, mask: &Mask, selected: &Selected) -> Verdict {
        let Some((field, access)) = protected(graph, selected) else { return Verdict::Allowed };
        let number = self.by_place.get(&(access, Some((field, selected.location))));
        // What nobody has decided about is not given away.
        number.or_else(|| self.by_place.get(&(access, None))).map_or(Verdict::Denied, |number| mask.verdict(*number))
    }
}

fn protected(graph: &Graph, selected: &Selected) -> Option<(FieldId, AccessId)> {
    let FieldRef::Field(field) = selected.field else { return None };
    Some((field, graph[field].access?))
}

/// What is decided about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be had.
    Allowed,
    /// It may not.
    Denied,
    /// That depends on the object, which is asked by the gate of that number.
    Guarded(usize),
}

/// By gate, what is decided: what it guards is denied, or depends on the object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Mask {
    denied: Vec<u64>,
    guarded: Vec<u64>,
}

impl Mask {
    /// Denies what a gate guards.
    pub fn deny(&mut self, gate: usize) {
        set(&mut self.denied, gate);
    }

    /// Leaves what a gate guards to be decided for each object.
    pub fn guard(&mut self, gate: usize) {
        set(&mut self.guarded, gate);
    }

    /// Whether all is allowed.
    pub fn is_empty(&self) -> bool {
        self.denied.is_empty() && !self.has_guards()
    }

    /// Whether something is denied.
    pub fn has_denied(&self) -> bool {
        !self.denied.is_empty()
    }

    /// Whether something is to be decided for each object.
    pub fn has_guards(&self) -> bool {
        !self.guarded.is_empty()
    }

    /// Whether what a gate guards is denied.
    pub fn denies(&self, gate: usize) -> bool {
        is_set(&self.denied, gate)
    }

    fn verdict(&self, gate: usize) -> Verdict {
        if self.denies(gate) {
            Verdict::Denied
        } else if is_set(&self.guarded, gate) {
            Verdict::Guarded(gate)
        } else {
            Verdict::Allowed
        }
    }
}

fn set(bits: &mut Vec<u64>, gate: usize) {
    if bits.len() <= gate / 64 {
        bits.resize(gate / 64 + 1, 0);
    }
    bits[gate / 64] |= 1 << (gate % 64);
}

fn is_set(bits: &[u64], gate: usize) -> bool {
    bits.get(gate / 64).is_some_and(|bits| bits >> (gate % 64) & 1 == 1)
}
