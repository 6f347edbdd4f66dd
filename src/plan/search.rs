//! Which connectors complete an object: a search over what is known of it, hopping from key to key.
//!
//! State at a position: the parts that are known of its objects (what made them, then what each chosen connector adds), by the rule
//! that the check of schemas follows too (`schema::reach`). A connector is *ready* when its key is there. Choosing goes forward only,
//! from ready connector to ready connector, so a choice can never depend on itself; what a later choice made superfluous is dropped
//! afterwards. One source for a field comes before several that have to be merged. Deterministic: ties go to the text order.

use std::collections::HashMap;

use super::want::{Want, WantKind, Wants};
use crate::{
    mapping::KeyTree,
    schema::{
        ConnectorId, FieldId, Graph, Provides, TypeId,
        reach::{Budget, Giver, Means, Part, below},
    },
};

/// The search, with what is left of its budget.
pub(super) struct Search<'g> {
    graph: &'g Graph,
    budget: Budget,
    /// By wants and the parts that are known: whether all can be met.
    feasible: HashMap<(u32, Vec<usize>), bool>,
}

/// A call that adds to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Complete the object with an entity connector.
    Entity(ConnectorId),
    /// Call a connector of the field itself, for the want of that index.
    Field(usize, ConnectorId),
    /// Call a field's own connector because another call takes its key from it.
    Own(ConnectorId),
}

/// Where a wanted value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// What made the object.
    Base,
    /// The call of that index.
    Call(usize),
}

/// Calls to make, each ready once those before it are done, and for each want where its value comes from: one place, or several
/// whose values have to be merged.
#[derive(Debug)]
pub(super) struct Chosen {
    pub calls: Vec<Choice>,
    pub sources: Vec<Vec<Source>>,
}

/// Why nothing was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dead {
    /// Nothing can provide the want of that index.
    Unreachable(usize),
    /// The budget is spent.
    Exhausted,
}

/// The objects that are to be completed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a, 'g> {
    /// Their type.
    pub ty: TypeId,
    /// What they have.
    pub base: &'a [&'g Provides],
    /// What is wanted of them.
    pub wants: &'a [Want],
    /// Whether a field may be asked of several of its connectors: not where calls write.
    pub may_merge: bool,
}

/// Something that is known of an object.
#[derive(Debug, Clone)]
struct Known<'g> {
    from: Candidate,
    parts: Vec<Part<'g>>,
    /// Known for one want only: what a field's own connector gives for the arguments of that want.
    only: Option<usize>,
}

/// Who knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Candidate {
    /// It is there, or chosen.
    Chosen(Source),
    /// The connector of that index of the layers of a search ahead.
    Ahead(usize),
    /// A connector of the want's own field that could be called.
    Own(ConnectorId),
}

/// Connectors by the number of hops needed, each with the ready connector it was reached through.
type Layers<'g> = Vec<(Giver<'g>, Choice)>;

/// Whether one tree holds all names of a key.
pub(super) fn covers(provides: &Provides, key: &KeyTree) -> bool {
    key.keys.iter().all(|(name, nested)| {
        let found = Part::Object(provides).under(name);
        &**name == "__typename" || found.is_some_and(|found| covers(found, nested))
    })
}

impl<'g> Search<'g> {
    pub fn new(graph: &'g Graph, steps: usize) -> Self {
        Self { graph, budget: Budget::new(steps), feasible: HashMap::new() }
    }

    pub fn is_exhausted(&self) -> bool {
        self.budget.is_exhausted()
    }

    /// Whether each want can be had from one source or several.
    pub fn is_inline(&mut self, base: &[&'g Provides], want: &Want) -> bool {
        let known = [Known::base(base)];
        want.field().is_none() || self.serve(&known, want, None).is_some()
    }

    /// Whether all wants can be met for objects of which those parts are known, whatever the number of calls.
    fn is_feasible(&mut self, parts: &[&'g Provides], wants: &Wants) -> bool {
        let mut state: Vec<usize> = parts.iter().map(|provides| std::ptr::from_ref(*provides) as usize).collect();
        state.sort_unstable();
        state.dedup();
        let key = (wants.id, state);
        if let Some(known) = self.feasible.get(&key) {
            return *known;
        }
        let found = self.is_feasible_now(parts, wants);
        if !self.is_exhausted() {
            self.feasible.insert(key, found);
        }
        found
    }

    fn is_feasible_now(&mut self, parts: &[&'g Provides], wants: &Wants) -> bool {
        let base: Vec<Part<'g>> = parts.iter().map(|provides| Part::Object(provides)).collect();
        wants.variants.iter().all(|variant| {
            let are_inline =
                variant.fields.iter().all(|want| want.field().is_none() || self.can_serve(None, &base, want));
            are_inline
                || variant.types.iter().all(|ty| {
                    let called = self.graph.closure(*ty, &base, &mut self.budget);
                    let known: Vec<Part<'g>> =
                        base.iter().copied().chain(called.into_iter().map(|giver| giver.part)).collect();
                    variant.fields.iter().all(|want| want.field().is_none() || self.can_serve(Some(*ty), &known, want))
                })
        })
    }

    /// Whether a want can be met with all that is known, and (where a type is given) with all connectors of its own field.
    fn can_serve(&mut self, ty: Option<TypeId>, known: &[Part<'g>], want: &Want) -> bool {
        let WantKind::Field(field) = want.kind else { return true };
        let graph = self.graph;
        let mut parts = below(known, &graph[field].name);
        if let Some((ty, field)) = ty.and_then(|ty| Some((ty, self.asked(want, ty)?))) {
            for id in &graph[field].connectors {
                if graph.is_ready(ty, known, *id, &mut self.budget) {
                    parts.push(&graph[*id].provides);
                }
            }
        }
        !parts.is_empty() && want.below.as_ref().is_none_or(|below| self.is_feasible(&parts, below))
    }

    /// From where a want can be met: the first of `known` that is enough, else the fewest that are enough together.
    fn serve(&mut self, known: &[Known<'g>], want: &Want, at: Option<usize>) -> Option<Vec<Candidate>> {
        let WantKind::Field(field) = want.kind else { return None };
        let name = &self.graph[field].name;
        let mut candidates: Vec<(Candidate, Vec<&'g Provides>)> = known
            .iter()
            .filter(|known| known.only.is_none() || known.only == at)
            .map(|known| (known.from, below(&known.parts, name)))
            .filter(|(_, parts)| !parts.is_empty())
            .collect();
        let Some(wants) = &want.below else { return candidates.first().map(|(from, _)| vec![*from]) };
        if let Some((from, _)) = candidates.iter().find(|(_, parts)| self.is_feasible(parts, wants)) {
            return Some(vec![*from]);
        }
        let all = |candidates: &[(Candidate, Vec<&'g Provides>)]| -> Vec<&'g Provides> {
            candidates.iter().flat_map(|(_, parts)| parts.iter().copied()).collect()
        };
        if candidates.len() < 2 || !self.is_feasible(&all(&candidates), wants) {
            return None;
        }
        for at in (0..candidates.len()).rev() {
            let without = candidates.remove(at);
            if !self.is_feasible(&all(&candidates), wants) {
                candidates.insert(at, without);
            }
        }
        Some(candidates.into_iter().map(|(from, _)| from).collect())
    }

    /// The field whose own connectors can be called with what the operation gives it. For a key they are called without arguments,
    /// like everything else that completes an object.
    fn asked(&self, want: &Want, ty: TypeId) -> Option<FieldId> {
        want.on(self.graph, ty).filter(|_| !want.is_of_key)
    }

    /// The connector of the want's own field to call: its key is known, what it gives can meet the wants below, and of those the one that
    /// gives most of them itself.
    fn field_connector(&mut self, ty: TypeId, known: &[Known<'g>], want: &Want) -> Option<ConnectorId> {
        let graph = self.graph;
        let parts = parts_of(known);
        let mut best: Option<(usize, ConnectorId)> = None;
        for id in &graph[self.asked(want, ty)?].connectors {
            if !self.budget.spend() || !graph.is_ready(ty, &parts, *id, &mut self.budget) {
                continue;
            }
            let provides = &graph[*id].provides;
            let inline = match &want.below {
                None => 1,
                Some(below) if self.is_feasible(&[provides], below) => inline_count(graph, provides, below),
                Some(_) => continue,
            };
            if best.is_none_or(|(count, _)| inline > count) {
                best = Some((inline, *id));
            }
        }
        best.map(|(_, connector)| connector)
    }

    /// The calls that complete an object, so that all wants are met.
    pub fn choose(&mut self, task: Task<'_, 'g>) -> Result<Chosen, Dead> {
        let Task { wants, base, .. } = task;
        let mut known = vec![Known::base(base)];
        let mut calls: Vec<Choice> = Vec::new();
        let mut open: Vec<usize> = (0..wants.len())
            .filter(|at| wants[*at].field().is_some() && self.serve(&known, &wants[*at], Some(*at)).is_none())
            .collect();
        while let Some(&first) = open.first() {
            if !self.budget.spend() {
                return Err(Dead::Exhausted);
            }
            let best = self.best(task, &mut known, &open);
            let Some(choice) = best.or_else(|| self.enabler(task, &known, &open)) else {
                return Err(if self.is_exhausted() { Dead::Exhausted } else { Dead::Unreachable(first) });
            };
            known.push(self.given(task, calls.len(), choice));
            calls.push(choice);
            open.retain(|at| self.serve(&known, &wants[*at], Some(*at)).is_none());
        }
        let mut at = 0;
        while at < calls.len() {
            let mut without = calls.clone();
            without.remove(at);
            if self.sources(task, &without).is_some() {
                calls = without;
            } else {
                at += 1;
            }
        }
        match self.sources(task, &calls) {
            Some(sources) => Ok(Chosen { calls, sources }),
            None => Err(Dead::Exhausted),
        }
    }

    /// What a chosen call adds.
    fn given(&self, task: Task<'_, 'g>, index: usize, choice: Choice) -> Known<'g> {
        let graph = self.graph;
        let from = Candidate::Chosen(Source::Call(index));
        let (part, only) = match choice {
            Choice::Entity(id) => (Some(Part::Object(&graph[id].provides)), None),
            Choice::Own(id) => (graph.own_giver(id).map(|giver| giver.part), None),
            Choice::Field(at, id) => {
                let field = task.wants[at].on(graph, task.ty);
                (field.map(|field| Part::Field(&graph[field].name, &graph[id].provides)), Some(at))
            }
        };
        Known { from, parts: part.into_iter().collect(), only }
    }

    /// Of the ready connectors the one that meets most open wants; a field's own connector before an entity, batched before single.
    fn best(&mut self, task: Task<'_, 'g>, known: &mut Vec<Known<'g>>, open: &[usize]) -> Option<Choice> {
        let mut best: Option<((usize, bool, bool), Choice)> = None;
        let mut offer = |score: (usize, bool, bool), choice: Choice| {
            if best.is_none_or(|(other, _)| score > other) {
                best = Some((score, choice));
            }
        };
        for at in open {
            if let Some(connector) = self.field_connector(task.ty, known, &task.wants[*at]) {
                offer((1, true, true), Choice::Field(*at, connector));
            }
        }
        let graph = self.graph;
        let parts = parts_of(known);
        for giver in graph.givers(task.ty).filter(|giver| giver.means == Means::Entity) {
            if is_among(known, giver.part) || !graph.is_key_known(task.ty, &parts, giver.key, &mut self.budget) {
                continue;
            }
            known.push(Known { from: Candidate::Ahead(0), parts: vec![giver.part], only: None });
            let gain = open.iter().filter(|at| self.serve(known, &task.wants[**at], Some(**at)).is_some()).count();
            known.pop();
            if gain > 0 {
                offer((gain, false, giver.is_batch), Choice::Entity(giver.connector));
            }
        }
        best.map(|(_, choice)| choice)
    }

    /// When no ready connector meets a want by itself: the ready connector that leads, in fewest hops, to those that do.
    fn enabler(&mut self, task: Task<'_, 'g>, known: &[Known<'g>], open: &[usize]) -> Option<Choice> {
        let graph = self.graph;
        let givers: Vec<Giver<'g>> = graph.givers(task.ty).collect();
        let mut reached: Vec<Known<'g>> = known.to_vec();
        let mut layers: Layers<'g> = Vec::new();
        loop {
            let parts = parts_of(&reached);
            let layer: Vec<Giver<'g>> = givers
                .iter()
                .copied()
                .filter(|giver| {
                    !is_among(&reached, giver.part) && graph.is_key_known(task.ty, &parts, giver.key, &mut self.budget)
                })
                .collect();
            if !self.budget.spend() {
                return None;
            }
            if layer.is_empty() {
                break;
            }
            for giver in layer {
                let through = self.through(task.ty, known, &layers, giver.key).unwrap_or(match giver.means {
                    Means::Entity => Choice::Entity(giver.connector),
                    Means::Own => Choice::Own(giver.connector),
                });
                reached.push(Known { from: Candidate::Ahead(layers.len()), parts: vec![giver.part], only: None });
                layers.push((giver, through));
            }
            for at in open {
                let want = &task.wants[*at];
                if let Some(connector) = self.field_connector(task.ty, &reached, want)
                    && let Some(through) = self.through(task.ty, known, &layers, graph.own_key(connector))
                {
                    return Some(through);
                }
                let sources = self.serve(&reached, want, Some(*at)).unwrap_or_default();
                if let Some(choice) = self.first_step(task, known, &layers, *at, &sources) {
                    return Some(choice);
                }
            }
        }
        if !task.may_merge {
            return None;
        }
        // Several connectors of the field itself, or one of them together with what is known, as the last resort.
        let parts = parts_of(&reached);
        open.iter().find_map(|at| {
            let want = &task.wants[*at];
            let field = self.asked(want, task.ty)?;
            let before = reached.len();
            for id in &graph[field].connectors {
                if graph.is_ready(task.ty, &parts, *id, &mut self.budget) {
                    let part = Part::Field(&graph[field].name, &graph[*id].provides);
                    let is_chosen = |known: &Known<'g>| {
                        known.only == Some(*at) && known.parts.iter().any(|other| is_same(*other, part))
                    };
                    if !known.iter().any(is_chosen) {
                        reached.push(Known { from: Candidate::Own(*id), parts: vec![part], only: Some(*at) });
                    }
                }
            }
            let sources = self.serve(&reached, want, Some(*at)).unwrap_or_default();
            reached.truncate(before);
            self.first_step(task, known, &layers, *at, &sources)
        })
    }

    /// The ready call that leads to the first of the sources of a want that is not there yet.
    fn first_step(
        &mut self,
        task: Task<'_, 'g>,
        known: &[Known<'g>],
        layers: &Layers<'g>,
        at: usize,
        sources: &[Candidate],
    ) -> Option<Choice> {
        sources.iter().find_map(|source| match *source {
            Candidate::Chosen(_) => None,
            Candidate::Ahead(layer) => Some(layers[layer].1),
            Candidate::Own(id) => {
                let key = self.graph.own_key(id);
                Some(self.through(task.ty, known, layers, key).unwrap_or(Choice::Field(at, id)))
            }
        })
    }

    /// The ready connector that leads to the first name of the key that is not known; `None` when all are.
    fn through(&mut self, ty: TypeId, known: &[Known<'g>], layers: &Layers<'g>, key: &KeyTree) -> Option<Choice> {
        let mut parts = parts_of(known);
        let single = |name: &std::sync::Arc<str>, nested: &KeyTree| KeyTree {
            keys: [(std::sync::Arc::clone(name), nested.clone())].into_iter().collect(),
        };
        let missing = key
            .keys
            .iter()
            .map(|(name, nested)| single(name, nested))
            .find(|single| !self.graph.is_key_known(ty, &parts, single, &mut self.budget))?;
        layers.iter().find_map(|(giver, through)| {
            parts.push(giver.part);
            self.graph.is_key_known(ty, &parts, &missing, &mut self.budget).then_some(*through)
        })
    }

    /// Where a want of a key comes from when those calls are made; calls for single fields give nothing to keys.
    pub fn sources_of_key(&mut self, task: Task<'_, 'g>, calls: &[Choice], want: &Want) -> Option<Vec<Source>> {
        let mut known = vec![Known::base(task.base)];
        for (index, choice) in calls.iter().enumerate() {
            if !matches!(choice, Choice::Field(..)) {
                known.push(self.given(task, index, *choice));
            }
        }
        chosen(self.serve(&known, want, None)?)
    }

    /// Where each want comes from when those calls are made; `None` when they are not ready one after the other, or not enough.
    fn sources(&mut self, task: Task<'_, 'g>, calls: &[Choice]) -> Option<Vec<Vec<Source>>> {
        let graph = self.graph;
        let mut known = vec![Known::base(task.base)];
        for (index, choice) in calls.iter().enumerate() {
            let key = match *choice {
                Choice::Entity(id) | Choice::Own(id) => &graph[id].key,
                Choice::Field(_, id) => graph.own_key(id),
            };
            if !graph.is_key_known(task.ty, &parts_of(&known), key, &mut self.budget) {
                return None;
            }
            known.push(self.given(task, index, *choice));
        }
        let wants = task.wants.iter().enumerate();
        wants
            .map(|(at, want)| {
                if want.field().is_none() {
                    return Some(Vec::new());
                }
                chosen(self.serve(&known, want, Some(at))?)
            })
            .collect()
    }
}

impl<'g> Known<'g> {
    fn base(base: &[&'g Provides]) -> Self {
        let parts = base.iter().map(|provides| Part::Object(provides)).collect();
        Self { from: Candidate::Chosen(Source::Base), parts, only: None }
    }
}

/// The candidates as sources; `None` when one of them is not chosen.
fn chosen(candidates: Vec<Candidate>) -> Option<Vec<Source>> {
    let source = |candidate| match candidate {
        Candidate::Chosen(source) => Some(source),
        Candidate::Ahead(_) | Candidate::Own(_) => None,
    };
    candidates.into_iter().map(source).collect()
}

/// What is known for every purpose.
fn parts_of<'g>(known: &[Known<'g>]) -> Vec<Part<'g>> {
    known.iter().filter(|known| known.only.is_none()).flat_map(|known| known.parts.iter().copied()).collect()
}

/// Whether a part is known for every purpose.
fn is_among(known: &[Known<'_>], part: Part<'_>) -> bool {
    parts_of(known).into_iter().any(|other| is_same(other, part))
}

fn is_same(one: Part<'_>, other: Part<'_>) -> bool {
    let provides = |part: Part<'_>| match part {
        Part::Object(provides) | Part::Field(_, provides) => std::ptr::from_ref(provides),
    };
    std::ptr::eq(provides(one), provides(other))
}

/// How many of the wants a tree meets itself, leaves counted.
fn inline_count(graph: &Graph, provides: &Provides, wants: &Wants) -> usize {
    wants
        .variants
        .iter()
        .flat_map(|variant| &variant.fields)
        .filter_map(|want| {
            let found = Part::Object(provides).under(&graph[want.field()?].name)?;
            Some(want.below.as_ref().map_or(1, |below| inline_count(graph, found, below)))
        })
        .sum()
}
