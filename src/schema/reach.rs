//! What can come to be known of an object: the one rule that the check of a schema and the planner of operations share, so that
//! what the check accepts can be planned.
//!
//! An object is known in *parts*: what made it gave some of its fields, and every connector that was called for it gave some more.
//! A connector can be called when its key is known, all parts taken together; a nested key (`site { code }`) is known also when the
//! nested object can be completed by connectors of its own. Of a composite field each part may give another piece.
//! Knowing more never makes less possible, so calling whatever can be called finds everything that can be had.

use std::sync::Arc;

use super::{Compatibility, ConnectorId, Graph, Place, Provides, TypeId};
use crate::mapping::{KeyTree, Version};

/// Nested objects of keys that are completed by connectors while completing nested objects of keys, and so on.
pub const KEY_DEPTH_MAX: usize = 3;

/// Steps that a search may still take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    left: usize,
}

impl Budget {
    /// So many steps.
    pub fn new(steps: usize) -> Self {
        Self { left: steps }
    }

    /// Takes one; `false` when there is none left.
    pub fn spend(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    /// Whether all are taken.
    pub fn is_exhausted(&self) -> bool {
        self.left == 0
    }
}

/// A part of what is known of an object.
#[derive(Debug, Clone, Copy)]
pub enum Part<'g> {
    /// Some of its fields.
    Object(&'g Provides),
    /// One of its fields: what a connector of that field gives.
    Field(&'g Arc<str>, &'g Provides),
}

impl<'g> Part<'g> {
    /// What it gives below a name. A leaf gives itself.
    pub fn under(self, name: &str) -> Option<&'g Provides> {
        match self {
            Self::Object(provides) if provides.is_leaf => Some(provides),
            Self::Object(provides) => provides.fields.get(name),
            Self::Field(field, provides) => (**field == *name).then_some(provides),
        }
    }
}

/// What all parts together give below a name.
pub fn below<'g>(parts: &[Part<'g>], name: &str) -> Vec<&'g Provides> {
    parts.iter().filter_map(|part| part.under(name)).collect()
}

/// How a connector adds to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// It completes the object from a key.
    Entity,
    /// It gives one field, of which it is the own connector.
    Own,
}

/// A connector that can add to what is known of an object.
#[derive(Debug, Clone, Copy)]
pub struct Giver<'g> {
    /// Which.
    pub connector: ConnectorId,
    /// How.
    pub means: Means,
    /// What it needs of the object.
    pub key: &'g KeyTree,
    /// What it adds.
    pub part: Part<'g>,
    /// Whether one call serves many objects.
    pub is_batch: bool,
}

impl Graph {
    /// What can add to an object of that type without being asked for: entity connectors first, then own connectors of fields that
    /// need no arguments, each in text order.
    pub fn givers(&self, ty: TypeId) -> impl Iterator<Item = Giver<'_>> {
        let entities = self[ty].connectors.iter().map(|id| {
            let connector = &self[*id];
            Giver {
                connector: *id,
                means: Means::Entity,
                key: &connector.key,
                part: Part::Object(&connector.provides),
                is_batch: connector.batch.is_some(),
            }
        });
        let own = self[ty].own.iter().filter_map(|id| self.own_giver(*id));
        entities.filter(|giver| !giver.key.keys.is_empty()).chain(own)
    }

    /// A connector of a field that is not a root field, as seen from the object that has the field.
    pub fn own_giver(&self, id: ConnectorId) -> Option<Giver<'_>> {
        let connector = &self[id];
        let Place::Field { field } = connector.place else { return None };
        let part = Part::Field(&self[field].name, &connector.provides);
        Some(Giver { connector: id, means: Means::Own, key: &connector.key, part, is_batch: false })
    }

    /// What a connector needs of the object when it is called for its own field: a root field needs nothing.
    pub fn own_key(&self, id: ConnectorId) -> &KeyTree {
        static NOTHING: std::sync::LazyLock<KeyTree> = std::sync::LazyLock::new(KeyTree::default);
        match self[id].place {
            Place::Root { .. } => &NOTHING,
            Place::Field { .. } | Place::Type { .. } => &self[id].key,
        }
    }

    /// Whether a connector can be called at all. The original cannot reach a field connector without a key below v0.4 (reference 3.6).
    pub fn is_callable(&self, id: ConnectorId) -> bool {
        let connector = &self[id];
        let is_keyless = matches!(connector.place, Place::Field { .. }) && connector.key.keys.is_empty();
        let is_refused = self.compatibility == Compatibility::Strict && connector.selection.version < Version::V0_4;
        !(is_keyless && is_refused)
    }

    /// Whether a connector can be called for its own field of an object of `ty` of which `parts` are known.
    pub fn is_ready(&self, ty: TypeId, parts: &[Part<'_>], id: ConnectorId, budget: &mut Budget) -> bool {
        self.is_callable(id) && self.is_key_known(ty, parts, self.own_key(id), budget)
    }

    /// Whether every name of a key of `ty` is known, or can be had.
    pub fn is_key_known(&self, ty: TypeId, parts: &[Part<'_>], key: &KeyTree, budget: &mut Budget) -> bool {
        self.is_key_known_within(ty, parts, key, KEY_DEPTH_MAX, budget)
    }

    /// All that can be called for an object of `ty` of which `parts` are known, in an order in which each is ready.
    pub fn closure<'g>(&'g self, ty: TypeId, parts: &[Part<'g>], budget: &mut Budget) -> Vec<Giver<'g>> {
        self.closure_within(ty, parts, KEY_DEPTH_MAX, budget)
    }

    fn closure_within<'g>(
        &'g self,
        ty: TypeId,
        parts: &[Part<'g>],
        depth: usize,
        budget: &mut Budget,
    ) -> Vec<Giver<'g>> {
        let mut called = Vec::new();
        let mut open: Vec<Giver<'g>> = self.givers(ty).collect();
        if open.is_empty() {
            return called;
        }
        let mut known = parts.to_vec();
        loop {
            let before = open.len();
            open.retain(|giver| {
                if !budget.spend() || !self.is_key_known_within(ty, &known, giver.key, depth, budget) {
                    return true;
                }
                known.push(giver.part);
                called.push(*giver);
                false
            });
            if open.len() == before || open.is_empty() {
                return called;
            }
        }
    }

    fn is_key_known_within(
        &self,
        ty: TypeId,
        parts: &[Part<'_>],
        key: &KeyTree,
        depth: usize,
        budget: &mut Budget,
    ) -> bool {
        key.keys.iter().all(|(name, nested)| {
            if &**name == "__typename" {
                return true;
            }
            if nested.keys.is_empty() {
                return parts.iter().any(|part| part.under(name).is_some());
            }
            let inner: Vec<Part<'_>> = below(parts, name).into_iter().map(Part::Object).collect();
            let Some(field) = self[ty].fields.get(name).filter(|_| !inner.is_empty()) else { return false };
            let ty = self[*field].ty.named();
            if self.is_key_known_within(ty, &inner, nested, 0, budget) {
                return true;
            }
            let Some(depth) = depth.checked_sub(1) else { return false };
            let called = self.closure_within(ty, &inner, depth, budget);
            let known: Vec<Part<'_>> = inner.into_iter().chain(called.into_iter().map(|giver| giver.part)).collect();
            self.is_key_known_within(ty, &known, nested, depth, budget)
        })
    }
}
