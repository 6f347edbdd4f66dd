//! Which connectors complete an object: a search over what is known of it, hopping from key to key.
//!
//! State at a position: the `Provides` trees that its objects have (what made them, then what each chosen connector adds).
//! A connector is *ready* when its key is there. Choosing goes forward only, from ready connector to ready connector, so a choice can
//! never depend on itself; what a later choice made superfluous is dropped afterwards. Deterministic: ties go to the text order.

use indexmap::IndexMap;

use super::want::{Want, WantKind, Wants};
use crate::{
    mapping::KeyTree,
    schema::{ConnectorId, Graph, Place, Provides, TypeId},
};

/// The search, with what is left of its budget.
pub(super) struct Search<'g> {
    graph: &'g Graph,
    own: &'g OwnFields,
    budget: usize,
}

/// What field connectors give as seen from the object they hang on: `{ field: … }`. Only of fields that can be asked for without
/// arguments, so that other connectors can take their keys from them.
pub(super) struct OwnFields(IndexMap<TypeId, Vec<(ConnectorId, Provides)>>);

impl OwnFields {
    pub fn of(graph: &Graph) -> Self {
        let mut found: IndexMap<TypeId, Vec<(ConnectorId, Provides)>> = IndexMap::new();
        for field in &graph.fields {
            if field.arguments.iter().any(|argument| argument.ty.is_non_null() && argument.default.is_none()) {
                continue;
            }
            for connector in &field.connectors {
                if matches!(graph[*connector].place, Place::Field { .. }) {
                    let is_leaf = graph[field.ty.named()].possible.is_empty();
                    let below = if is_leaf {
                        Provides { is_leaf, ..Provides::default() }
                    } else {
                        graph[*connector].provides.clone()
                    };
                    let fields = [(field.name.clone(), below)].into_iter().collect();
                    found.entry(field.parent).or_default().push((*connector, Provides { fields, is_leaf: false }));
                }
            }
        }
        Self(found)
    }

    /// What a field connector gives to its object.
    fn provides(&self, graph: &Graph, connector: ConnectorId) -> Option<&Provides> {
        let Place::Field { field } = graph[connector].place else { return None };
        let of_type = self.0.get(&graph[field].parent)?;
        of_type.iter().find(|(other, _)| *other == connector).map(|(_, provides)| provides)
    }
}

/// A connector that can add to what is known of an object.
#[derive(Clone, Copy)]
struct Giver<'g> {
    choice: Choice,
    key: &'g KeyTree,
    provides: &'g Provides,
    is_batch: bool,
}

/// How a want that is not inline is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Complete the object with an entity connector.
    Entity(ConnectorId),
    /// Call a connector of the field itself, for the want of that index.
    Field(usize, ConnectorId),
    /// Call a field's own connector because another call takes its key from it.
    Own(ConnectorId),
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
    pub fn new(graph: &'g Graph, own: &'g OwnFields, budget: usize) -> Self {
        Self { graph, own, budget }
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
        let mut open = self.givers(ty);
        loop {
            let before = open.len();
            open.retain(|giver| {
                if !self.spend() || !is_key_known(&known, giver.key) {
                    return true;
                }
                known.push(giver.provides);
                false
            });
            if open.len() == before {
                return known;
            }
        }
    }

    /// Entity connectors first, then fields' own connectors, each in text order.
    fn givers(&self, ty: TypeId) -> Vec<Giver<'g>> {
        let graph = self.graph;
        let entities = graph[ty].connectors.iter().map(|connector| {
            let definition = &graph[*connector];
            Giver {
                choice: Choice::Entity(*connector),
                key: &definition.key,
                provides: &definition.provides,
                is_batch: definition.batch.is_some(),
            }
        });
        let own = self.own.0.get(&ty).into_iter().flatten().map(|(connector, provides)| Giver {
            choice: Choice::Own(*connector),
            key: &graph[*connector].key,
            provides,
            is_batch: false,
        });
        entities.filter(|giver| !giver.key.keys.is_empty()).chain(own).collect()
    }

    /// What a choice adds to what is known of the object.
    pub fn given(&self, choice: Choice) -> Option<&'g Provides> {
        match choice {
            Choice::Entity(connector) => Some(&self.graph[connector].provides),
            Choice::Own(connector) => self.own.provides(self.graph, connector),
            Choice::Field(..) => None,
        }
    }

    /// The connector of the want's own field to call: its key is known, what it gives can meet the wants below, and of those the one that
    /// gives most of them itself.
    fn field_connector(&mut self, ty: TypeId, known: &[&'g Provides], want: &Want) -> Option<ConnectorId> {
        let graph = self.graph;
        let field = want.on(graph, ty)?;
        let mut best: Option<(usize, ConnectorId)> = None;
        for connector in &graph[field].connectors {
            if !self.spend() || !is_key_known(known, self.own_key(*connector)) {
                continue;
            }
            let provides = &graph[*connector].provides;
            let inline = match &want.below {
                None => 1,
                Some(below) if self.feasible(provides, below) => inline_count(graph, provides, below),
                Some(_) => continue,
            };
            if best.is_none_or(|(count, _)| inline > count) {
                best = Some((inline, *connector));
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
            let best = self.best(ty, &known, wants, &open);
            let Some(choice) = best.or_else(|| self.enabler(ty, &known, wants, &open)) else {
                return if self.is_exhausted() { Found::Exhausted } else { Found::Unreachable(first) };
            };
            choices.push(choice);
            if let Choice::Field(at, _) = choice {
                open.retain(|other| *other != at);
            }
            if let Some(given) = self.given(choice) {
                known.push(given);
                open.retain(|at| self.provider(&known, &wants[*at]).is_none());
            }
        }
        self.drop_superfluous(base, wants, &mut choices);
        Found::Choices(choices)
    }

    /// Of the ready connectors the one that meets most open wants; a field's own connector before an entity, batched before single.
    fn best(&mut self, ty: TypeId, known: &[&'g Provides], wants: &[Want], open: &[usize]) -> Option<Choice> {
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
        for giver in self.givers(ty) {
            let is_entity = matches!(giver.choice, Choice::Entity(_));
            if !is_entity || is_among(known, giver.provides) || !is_key_known(known, giver.key) {
                continue;
            }
            let gain = open.iter().filter(|at| self.provider(&[giver.provides], &wants[**at]).is_some()).count();
            if gain > 0 {
                offer((gain, false, giver.is_batch), giver.choice);
            }
        }
        best.map(|(_, choice)| choice)
    }

    /// When no ready connector meets a want: the ready connector that leads, in fewest hops, to one that does.
    fn enabler(&mut self, ty: TypeId, known: &[&'g Provides], wants: &[Want], open: &[usize]) -> Option<Choice> {
        let givers = self.givers(ty);
        // Layers of connectors by the number of hops needed, each with the ready connector it was reached through.
        let mut reached: Vec<&'g Provides> = known.to_vec();
        let mut layers: Vec<(Giver<'g>, Choice)> = Vec::new();
        loop {
            let layer: Vec<Giver<'g>> = givers
                .iter()
                .copied()
                .filter(|giver| !is_among(&reached, giver.provides) && is_key_known(&reached, giver.key))
                .collect();
            if layer.is_empty() || !self.spend() {
                return None;
            }
            for giver in layer {
                let through = through(known, &layers, giver.key).unwrap_or(giver.choice);
                layers.push((giver, through));
                reached.push(giver.provides);
            }
            for at in open {
                if let Some(connector) = self.field_connector(ty, &reached, &wants[*at])
                    && let Some(through) = through(known, &layers, self.own_key(connector))
                {
                    return Some(through);
                }
                let met = layers.iter().find(|(giver, _)| self.provider(&[giver.provides], &wants[*at]).is_some());
                if let Some((_, through)) = met {
                    return Some(*through);
                }
            }
        }
    }

    /// Drops calls without which everything is still met, first to last.
    fn drop_superfluous(&mut self, base: &'g Provides, wants: &[Want], choices: &mut Vec<Choice>) {
        let mut at = 0;
        while at < choices.len() {
            if !matches!(choices[at], Choice::Field(..)) {
                let mut without = choices.clone();
                without.remove(at);
                if self.holds(base, wants, &without) {
                    *choices = without;
                    continue;
                }
            }
            at += 1;
        }
    }

    /// Whether the choices are ready one after the other and meet all wants.
    fn holds(&mut self, base: &'g Provides, wants: &[Want], choices: &[Choice]) -> bool {
        let mut known = vec![base];
        let mut own = Vec::new();
        for choice in choices {
            let key = match *choice {
                Choice::Entity(connector) | Choice::Own(connector) => &self.graph[connector].key,
                Choice::Field(at, connector) => {
                    own.push(at);
                    self.own_key(connector)
                }
            };
            if !is_key_known(&known, key) {
                return false;
            }
            known.extend(self.given(*choice));
        }
        (0..wants.len())
            .all(|at| wants[at].field().is_none() || own.contains(&at) || self.provider(&known, &wants[at]).is_some())
    }
}

/// Whether every name of a key is known.
fn is_key_known(known: &[&Provides], key: &KeyTree) -> bool {
    key.keys.iter().all(|(name, below)| &**name == "__typename" || is_name_known(known, name, below))
}

fn is_name_known(known: &[&Provides], name: &str, below: &KeyTree) -> bool {
    known.iter().any(|provides| under(provides, name).is_some_and(|found| covers(found, below)))
}

fn is_among(known: &[&Provides], provides: &Provides) -> bool {
    known.iter().any(|other| std::ptr::eq(*other, provides))
}

/// The ready connector that leads to the first name of the key that is not known.
fn through(known: &[&Provides], layers: &[(Giver<'_>, Choice)], key: &KeyTree) -> Option<Choice> {
    let (name, below) = key.keys.iter().find(|(name, below)| !is_name_known(known, name, below))?;
    layers.iter().find(|(giver, _)| is_name_known(&[giver.provides], name, below)).map(|(_, through)| *through)
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
