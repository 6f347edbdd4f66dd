//! Which connectors complete an object: a search over what is known of it, hopping from key to key.
//!
//! State at a position: the `Provides` trees that its objects have (what made them, then what each chosen connector adds).
//! A connector is *ready* when its key is there. Choosing goes forward only, from ready connector to ready connector, so a choice can
//! never depend on itself; what a later choice made superfluous is dropped afterwards. Deterministic: ties go to the text order.

use crate::{
    mapping::KeyTree,
    schema::{ConnectorId, FieldId, Graph, Place, Provides, TypeId},
};

use super::want::{Want, WantKind, Wants};

/// The search, with what is left of its budget.
pub(super) struct Search<'g> {
    graph: &'g Graph,
    budget: usize,
}

/// How a want that is not inline is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Complete the object with an entity connector.
    Entity(ConnectorId),
    /// Call a connector of the field itself, for the want of that index.
    Field(usize, ConnectorId),
}

/// What `choose` found.
pub(super) enum Found {
    /// Calls to make, each ready once those before it are done.
    Choices(Vec<Choice>),
    /// Index of a want that nothing can provide.
    Unreachable(usize),
    /// The budget is spent.
    Exhausted,
}

/// What a tree gives under a name; a leaf gives itself.
pub(super) fn under<'p>(provides: &'p Provides, name: &str) -> Option<&'p Provides> {
    if provides.is_leaf { Some(provides) } else { provides.fields.get(name) }
}

/// Whether a tree holds all names of a key.
pub(super) fn covers(provides: &Provides, key: &KeyTree) -> bool {
    key.keys
        .iter()
        .all(|(name, below)| &**name == "__typename" || under(provides, name).is_some_and(|found| covers(found, below)))
}

impl<'g> Search<'g> {
    pub fn new(graph: &'g Graph, budget: usize) -> Self {
        Self { graph, budget }
    }

    pub fn is_exhausted(&self) -> bool {
        self.budget == 0
    }

    fn spend(&mut self) -> bool {
        self.budget = self.budget.saturating_sub(1);
        self.budget > 0
    }

    /// The first of `known` that provides the want, nested wants included (perhaps by calls further down).
    pub fn provider(&mut self, known: &[&'g Provides], want: &Want) -> Option<usize> {
        let WantKind::Field(field) = want.kind else { return None };
        let name = &self.graph[field].name;
        known.iter().position(|provides| {
            under(provides, name)
                .is_some_and(|found| want.below.as_ref().is_none_or(|below| self.feasible(found, below)))
        })
    }

    /// Whether all wants can be met for objects that have `provides`.
    pub fn feasible(&mut self, provides: &'g Provides, wants: &Wants) -> bool {
        wants.variants.iter().all(|variant| {
            let all_inline =
                variant.fields.iter().all(|want| want.field().is_none() || self.provider(&[provides], want).is_some());
            all_inline
                || variant.types.iter().all(|ty| {
                    let known = self.closure(*ty, vec![provides]);
                    variant.fields.iter().all(|want| {
                        want.field().is_none()
                            || self.provider(&known, want).is_some()
                            || self.field_connector(*ty, &known, want).is_some()
                    })
                })
        })
    }

    /// All that can become known of an object, whatever the number of calls.
    fn closure(&mut self, ty: TypeId, mut known: Vec<&'g Provides>) -> Vec<&'g Provides> {
        let graph = self.graph;
        let mut open = graph[ty].connectors.clone();
        loop {
            let before = open.len();
            open.retain(|connector| {
                if !self.spend() || !self.is_ready(ty, &known, *connector) {
                    return true;
                }
                known.push(&graph[*connector].provides);
                false
            });
            if open.len() == before {
                return known;
            }
        }
    }

    /// Whether every name of the connector's key is known: from a provider, or from a field connector that is ready itself.
    fn is_ready(&mut self, ty: TypeId, known: &[&'g Provides], connector: ConnectorId) -> bool {
        let key = &self.graph[connector].key;
        !key.keys.is_empty() && self.is_key_known(ty, known, key)
    }

    fn is_key_known(&mut self, _ty: TypeId, known: &[&'g Provides], key: &KeyTree) -> bool {
        key.keys.iter().all(|(name, below)| {
            &**name == "__typename"
                || known.iter().any(|provides| under(provides, name).is_some_and(|found| covers(found, below)))
        })
    }

    /// The connector of the want's own field to call: its key is known, what it gives can meet the wants below, and of those the one that
    /// gives most of them itself.
    fn field_connector(&mut self, ty: TypeId, known: &[&'g Provides], want: &Want) -> Option<ConnectorId> {
        let field = want.on(self.graph, ty)?;
        let candidates = self.field_connectors(field);
        let mut best: Option<(usize, ConnectorId)> = None;
        for connector in candidates {
            if !self.spend() || !self.is_key_known(ty, known, self.own_key(connector)) {
                continue;
            }
            let provides = &self.graph[connector].provides;
            let inline = match &want.below {
                None => 1,
                Some(below) if self.feasible(provides, below) => inline_count(self.graph, provides, below),
                Some(_) => continue,
            };
            if best.is_none_or(|(count, _)| inline > count) {
                best = Some((inline, connector));
            }
        }
        best.map(|(_, connector)| connector)
    }

    /// The key a connector needs when it is called for its own field: a root field needs nothing of an object.
    pub fn own_key(&self, connector: ConnectorId) -> &'g KeyTree {
        static NOTHING: std::sync::LazyLock<KeyTree> = std::sync::LazyLock::new(KeyTree::default);
        match self.graph[connector].place {
            Place::Root { .. } => &NOTHING,
            Place::Field { .. } | Place::Type { .. } => &self.graph[connector].key,
        }
    }

    fn field_connectors(&self, field: FieldId) -> Vec<ConnectorId> {
        self.graph[field].connectors.clone()
    }

    /// The calls that complete an object of `ty` that has `base`, so that all `wants` are met.
    pub fn choose(&mut self, ty: TypeId, base: &'g Provides, wants: &[Want]) -> Found {
        let mut known = vec![base];
        let mut choices: Vec<Choice> = Vec::new();
        let mut open: Vec<usize> = (0..wants.len())
            .filter(|at| wants[*at].field().is_some() && self.provider(&known, &wants[*at]).is_none())
            .collect();
        while let Some(&first) = open.first() {
            if !self.spend() {
                return Found::Exhausted;
            }
            let Some(choice) = self.best(ty, &known, wants, &open).or_else(|| self.enabler(ty, &known, wants, &open))
            else {
                return if self.is_exhausted() { Found::Exhausted } else { Found::Unreachable(first) };
            };
            choices.push(choice);
            match choice {
                Choice::Entity(connector) => {
                    known.push(&self.graph[connector].provides);
                    open.retain(|at| self.provider(&known, &wants[*at]).is_none());
                }
                Choice::Field(at, _) => open.retain(|other| *other != at),
            }
        }
        self.drop_superfluous(ty, base, wants, &mut choices);
        Found::Choices(choices)
    }

    /// Of the ready connectors the one that meets most open wants; batched before single, a field's own connector before an entity.
    fn best(&mut self, ty: TypeId, known: &[&'g Provides], wants: &[Want], open: &[usize]) -> Option<Choice> {
        let graph = self.graph;
        let mut best: Option<((usize, bool, bool), Choice)> = None;
        let mut offer = |score: (usize, bool, bool), choice: Choice| {
            if best.is_none_or(|(other, _)| score > other) {
                best = Some((score, choice));
            }
        };
        for at in open {
            if let Some(connector) = self.field_connector(ty, known, &wants[*at]) {
                offer((1, true, true), Choice::Field(*at, connector));
            }
        }
        for connector in &graph[ty].connectors {
            if known.iter().any(|other| std::ptr::eq(*other, &raw const graph[*connector].provides))
                || !self.is_ready(ty, known, *connector)
            {
                continue;
            }
            let given = [&graph[*connector].provides];
            let gain = open.iter().filter(|at| self.provider(&given, &wants[**at]).is_some()).count();
            if gain > 0 {
                offer((gain, false, graph[*connector].batch.is_some()), Choice::Entity(*connector));
            }
        }
        best.map(|(_, choice)| choice)
    }

    /// When no ready connector meets a want: the ready connector that leads, in fewest hops, to one that does.
    fn enabler(&mut self, ty: TypeId, known: &[&'g Provides], wants: &[Want], open: &[usize]) -> Option<Choice> {
        let graph = self.graph;
        // Layers of connectors by the number of hops needed; `first` is the ready connector each was reached through.
        let mut reached: Vec<&'g Provides> = known.to_vec();
        let mut first: Vec<(ConnectorId, ConnectorId)> = Vec::new();
        loop {
            let layer: Vec<ConnectorId> = graph[ty]
                .connectors
                .iter()
                .copied()
                .filter(|connector| {
                    !reached.iter().any(|other| std::ptr::eq(*other, &raw const graph[*connector].provides))
                        && self.is_ready(ty, &reached, *connector)
                })
                .collect();
            if layer.is_empty() || !self.spend() {
                return None;
            }
            for connector in layer {
                let origin = first
                    .iter()
                    .find(|(from, _)| {
                        graph[connector].key.keys.iter().any(|(name, below)| {
                            !known
                                .iter()
                                .any(|provides| under(provides, name).is_some_and(|found| covers(found, below)))
                                && under(&graph[*from].provides, name).is_some_and(|found| covers(found, below))
                        })
                    })
                    .map_or(connector, |(_, origin)| *origin);
                first.push((connector, origin));
                reached.push(&graph[connector].provides);
            }
            for at in open {
                // A field's own connector whose key has just become reachable.
                if let Some(connector) = self.field_connector(ty, &reached, &wants[*at]) {
                    let key = self.own_key(connector);
                    let missing = key.keys.iter().find(|(name, below)| {
                        !known.iter().any(|provides| under(provides, name).is_some_and(|found| covers(found, below)))
                    });
                    if let Some((name, below)) = missing
                        && let Some((_, origin)) = first.iter().find(|(from, _)| {
                            under(&graph[*from].provides, name).is_some_and(|found| covers(found, below))
                        })
                    {
                        return Some(Choice::Entity(*origin));
                    }
                }
                let met = first
                    .iter()
                    .position(|(connector, _)| self.provider(&[&graph[*connector].provides], &wants[*at]).is_some());
                if let Some(met) = met {
                    return Some(Choice::Entity(first[met].1));
                }
            }
        }
    }

    /// Drops entity calls without which everything is still met, first to last.
    fn drop_superfluous(&mut self, ty: TypeId, base: &'g Provides, wants: &[Want], choices: &mut Vec<Choice>) {
        let mut at = 0;
        while at < choices.len() {
            if matches!(choices[at], Choice::Entity(_)) {
                let mut without = choices.clone();
                without.remove(at);
                if self.holds(ty, base, wants, &without) {
                    *choices = without;
                    continue;
                }
            }
            at += 1;
        }
    }

    fn holds(&mut self, ty: TypeId, base: &'g Provides, wants: &[Want], choices: &[Choice]) -> bool {
        let mut known = vec![base];
        let mut own = Vec::new();
        for choice in choices {
            match *choice {
                Choice::Entity(connector) => {
                    if !self.is_ready(ty, &known, connector) {
                        return false;
                    }
                    known.push(&self.graph[connector].provides);
                }
                Choice::Field(at, connector) => {
                    if !self.is_key_known(ty, &known, self.own_key(connector)) {
                        return false;
                    }
                    own.push(at);
                }
            }
        }
        (0..wants.len())
            .all(|at| wants[at].field().is_none() || own.contains(&at) || self.provider(&known, &wants[at]).is_some())
    }
}

/// How many of the wants a tree meets itself, leaves counted.
fn inline_count(graph: &Graph, provides: &Provides, wants: &Wants) -> usize {
    wants
        .variants
        .iter()
        .flat_map(|variant| &variant.fields)
        .filter_map(|want| {
            let found = under(provides, &graph[want.field()?].name)?;
            Some(want.below.as_ref().map_or(1, |below| inline_count(graph, found, below)))
        })
        .sum()
}
