//! The planner: walks the wanted fields position by position, lets `search` choose the calls, and lays out what each brings.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use super::{
    Gates, Mask, Plan,
    draft::{BaseRef, Draft, PieceDraft},
    ir::{Cell, ColumnRef, Guard, GuardId, HopId, Input, Origin, PositionId, StepId, StepKind},
    search::{Choice, Dead, Search, Source, Task, covers},
    want::{Numbers, Share, Want, WantKind, Wants},
};
use crate::{
    error::{ErrorCode, Refusal},
    mapping::KeyTree,
    operation::{Kind as OperationKind, Operation},
    schema::{
        ConnectorId, Graph, Place, Provides, Scalar, TypeId, TypeKind,
        reach::{Part, below},
    },
};

/// Most steps of the search for one document; a page of a hundred fields over a dozen services takes some thousands.
const BUDGET: usize = 2_000_000;

/// Why an operation has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No connector provides the field from where it is asked.
    #[error("no connector can provide `{path}` here")]
    Unreachable {
        /// Response path of the field.
        path: String,
    },
    /// The search took more steps than it may.
    #[error("the operation needs too many planning steps; ask for less in one operation")]
    TooComplex,
}

/// What a caller is told.
impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        let code = match error {
            PlanError::TooComplex => ErrorCode::LimitExceeded,
            // A schema that allows this is refused when it is loaded.
            PlanError::Unreachable { .. } => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// Plans an operation.
///
/// Errors: a field that no connector can provide from where it is asked (a checked graph has none), or a search beyond its budget.
pub fn build(graph: &Graph, operation: Arc<Operation>) -> Result<Plan, PlanError> {
    build_share(Share { graph, mask: None }, operation)
}

/// The same without what a caller may not have: nothing is called for it, and an error stands in its place. What depends on the object
/// stands behind a guard. Errors: as [`build`].
pub fn build_masked(graph: &Graph, operation: Arc<Operation>, gates: &Gates, mask: &Mask) -> Result<Plan, PlanError> {
    build_share(Share { graph, mask: Some((gates, mask)) }, operation)
}

fn build_share(share: Share<'_>, operation: Arc<Operation>) -> Result<Plan, PlanError> {
    let graph = share.graph;
    let mut numbers = Numbers::default();
    let wants = Wants::of_selection(&operation.selection, &mut numbers, share);
    let mut builder = Builder {
        graph,
        share,
        kind: operation.kind,
        search: Search::new(graph, BUDGET),
        draft: Draft::new(wants.ty),
        numbers,
        path: Vec::new(),
        turn: 0,
    };
    builder.root(&wants)?;
    Ok(builder.draft.finish(graph, operation))
}

struct Builder<'g> {
    graph: &'g Graph,
    share: Share<'g>,
    kind: OperationKind,
    search: Search<'g>,
    draft: Draft<'g>,
    numbers: Numbers,
    path: Vec<Arc<str>>,
    /// Turn of the mutation's root field that is being planned; 0 in queries.
    turn: u32,
}

/// A call made for the objects of a position, and what it brings.
#[derive(Debug, Clone, Copy)]
struct Hop {
    id: HopId,
    step: StepId,
    /// Whether the whole result stands for one name: a field's own connector was called.
    is_whole: bool,
}

/// The objects that calls are planned for: those of a position, of one type, and what is known of them.
#[derive(Debug, Clone)]
struct Objects<'a, 'g> {
    position: PositionId,
    ty: TypeId,
    /// Where they come from; `None` for the root.
    base: Option<BaseRef>,
    /// What they have from there.
    given: &'a [&'g Provides],
    /// Calls that were chosen for them, in the order in which they are ready.
    calls: Vec<Choice>,
    /// The steps of those calls; `None` for calls that are made with the field that they are for.
    hops: Vec<Option<Hop>>,
    /// The types that calls are limited to, where the position is abstract; empty: all.
    only: &'a [TypeId],
    /// Whether calls for fields of these objects are writes: the root of a mutation, and its namespaces.
    is_write: bool,
}

/// A value of an object: where it is read, and (of a composite field) its node and what is known below it.
#[derive(Debug, Clone)]
struct Value<'g> {
    from: ColumnRef,
    node: Option<BaseRef>,
    provides: Vec<&'g Provides>,
    /// The step that brings it; `None`: it comes with the object.
    step: Option<StepId>,
}

impl<'g> Builder<'g> {
    fn unreachable(&self, want: &Want) -> PlanError {
        let mut path = self.path.iter().map(|key| &**key).collect::<Vec<_>>().join(".");
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&want.key);
        PlanError::Unreachable { path }
    }

    /// The root object has nothing: every field is a call, or the typename, or introspection.
    fn root(&mut self, wants: &Wants) -> Result<(), PlanError> {
        let position = PositionId(0);
        let is_write = self.kind == OperationKind::Mutation;
        for variant in &wants.variants {
            self.draft.variant(position, variant.types.clone());
            for (order, want) in variant.fields.iter().enumerate() {
                if is_write {
                    self.turn = u32::try_from(order).expect("fields of a document are bounded");
                }
                let mut objects = Objects {
                    position,
                    ty: wants.ty,
                    base: None,
                    given: &[],
                    calls: Vec::new(),
                    hops: Vec::new(),
                    only: &[],
                    is_write,
                };
                self.fields(&mut objects, std::slice::from_ref(want))?;
            }
        }
        Ok(())
    }

    fn failure(&self, want: &Want) -> PlanError {
        if self.search.is_exhausted() { PlanError::TooComplex } else { self.unreachable(want) }
    }

    /// Completes the objects of a position: `base` is where they come from, `given` what they have.
    fn complete(
        &mut self,
        position: PositionId,
        base: BaseRef,
        given: &[&'g Provides],
        wants: &Wants,
        is_write: bool,
    ) -> Result<(), PlanError> {
        let outer = self.draft.enter(None);
        let is_abstract = !matches!(self.graph[wants.ty].kind, TypeKind::Object);
        let mut wants = std::borrow::Cow::Borrowed(wants);
        if is_abstract {
            let mut fields = wants.variants.iter().flat_map(|variant| &variant.fields);
            if !fields.all(|want| self.search.is_inline(given, want)) {
                wants = std::borrow::Cow::Owned(wants.split());
            }
            self.draft.typename_column(position, base);
        }
        for variant in &wants.variants {
            self.draft.variant(position, variant.types.clone());
            let ty = variant.types.first().copied().unwrap_or(wants.ty);
            let only: &[TypeId] = if is_abstract { &variant.types } else { &[] };
            let (calls, hops) = (Vec::new(), Vec::new());
            let mut objects = Objects { position, ty, base: Some(base), given, calls, hops, only, is_write };
            self.fields(&mut objects, &variant.fields)?;
        }
        self.draft.leave(outer);
        Ok(())
    }

    /// Plans fields of the position's last variant.
    fn fields(&mut self, objects: &mut Objects<'_, 'g>, wants: &[Want]) -> Result<(), PlanError> {
        let sources = self.choose(objects, wants)?;
        let guards = self.guards(objects, wants)?;
        // What only guards have to know is in no answer.
        for (want, sources) in wants.iter().zip(sources).filter(|(want, _)| !want.is_of_key) {
            let outer = self.draft.enter(want.gate.map(|gate| guards[&gate]));
            match want.kind {
                WantKind::Typename => self.draft.field(objects.position, want, Origin::Typename, None),
                WantKind::Introspection => self.draft.field(objects.position, want, Origin::Introspection, None),
                WantKind::Denied(_) => self.draft.field(objects.position, want, Origin::Denied, None),
                WantKind::Field(_) => self.graph_field(objects, want, &sources)?,
            }
            self.draft.leave(outer);
        }
        Ok(())
    }

    /// The guards of fields, by gate.
    fn guards(&mut self, objects: &Objects<'_, 'g>, wants: &[Want]) -> Result<BTreeMap<usize, GuardId>, PlanError> {
        let mut guards = BTreeMap::new();
        let Some((gates, _)) = self.share.mask else { return Ok(guards) };
        for gate in wants.iter().filter_map(|want| want.gate) {
            let Entry::Vacant(entry) = guards.entry(gate) else { continue };
            let (inputs, after) = self.inputs(objects, &gates.gates[gate].this)?;
            let guard = Guard { gate, position: objects.position, inputs };
            entry.insert(self.draft.guard(guard, after));
        }
        Ok(guards)
    }

    /// Chooses the calls that complete objects and makes their steps; where each want comes from.
    fn choose(&mut self, objects: &mut Objects<'_, 'g>, wants: &[Want]) -> Result<Vec<Vec<Source>>, PlanError> {
        let task = Task { ty: objects.ty, base: objects.given, wants, may_merge: !objects.is_write };
        let chosen = self.search.choose(task).map_err(|dead| match dead {
            Dead::Unreachable(at) => self.failure(&wants[at]),
            Dead::Exhausted => PlanError::TooComplex,
        })?;
        for choice in chosen.calls {
            let hop = match choice {
                Choice::Entity(connector) => Some(self.entity_step(objects, connector)?),
                Choice::Own(connector) => Some(self.own_step(objects, connector)?),
                Choice::Field(..) => None,
            };
            objects.calls.push(choice);
            objects.hops.push(hop);
        }
        Ok(chosen.sources)
    }

    /// A field of the graph: a value that is there, a call of its own, or several of these merged; and what is wanted below it.
    fn graph_field(&mut self, objects: &Objects<'_, 'g>, want: &Want, sources: &[Source]) -> Result<(), PlanError> {
        let name = &self.graph[want.field().expect("only fields of the graph are looked up")].name;
        let mut values = Vec::with_capacity(sources.len());
        for source in sources {
            values.push(match *source {
                Source::Call(at) if objects.hops[at].is_none() => {
                    let Choice::Field(_, connector) = objects.calls[at] else { return Err(self.failure(want)) };
                    self.field_step(objects, want, connector)?
                }
                source => self.value(objects, name, want.below.is_some(), source),
            });
        }
        let Some(value) = self.merged(objects, values) else { return Err(self.failure(want)) };
        let origin = match value.from {
            ColumnRef { hop: Some(hop), column: Cell::Whole } => Origin::Hop(hop),
            column => Origin::Column(column),
        };
        let position = objects.position;
        let (Some(wants), Some(node)) = (&want.below, value.node) else {
            self.draft.field(position, want, origin, None);
            return Ok(());
        };
        let child = self.draft.position(position, origin, wants.ty, node);
        self.draft.field(position, want, origin, Some(child));
        let is_called = |source: &Source| match *source {
            Source::Base => true,
            Source::Call(at) => match objects.calls[at] {
                Choice::Entity(id) | Choice::Own(id) | Choice::Field(_, id) => self.graph[id].request.is_some(),
            },
        };
        let is_write = objects.is_write && !sources.iter().any(is_called);
        self.path.push(Arc::clone(&want.key));
        self.complete(child, node, &value.provides, wants, is_write)?;
        self.path.pop();
        Ok(())
    }

    /// A value that the base or a hop brings.
    fn value(&mut self, objects: &Objects<'_, 'g>, name: &Arc<str>, is_composite: bool, source: Source) -> Value<'g> {
        let provides = below(&self.parts(objects, source), name);
        let hop = match source {
            Source::Base => None,
            Source::Call(at) => objects.hops[at],
        };
        if let Some(hop) = hop.filter(|hop| hop.is_whole) {
            let from = ColumnRef { hop: Some(hop.id), column: Cell::Whole };
            let node = is_composite.then(|| self.draft.root_node(hop.step));
            return Value { from, node, provides, step: Some(hop.step) };
        }
        let at = match hop {
            Some(hop) => self.draft.root_node(hop.step),
            None => objects.base.expect("the root object has no columns"),
        };
        let (column, node) = self.draft.column(at, name, is_composite);
        let from = ColumnRef { hop: hop.map(|hop| hop.id), column: Cell::Column(column) };
        Value { from, node, provides, step: hop.map(|hop| hop.step) }
    }

    /// What a source knows of the objects.
    fn parts(&self, objects: &Objects<'_, 'g>, source: Source) -> Vec<Part<'g>> {
        let graph = self.graph;
        match source {
            Source::Base => objects.given.iter().map(|provides| Part::Object(provides)).collect(),
            Source::Call(at) => match objects.calls[at] {
                Choice::Entity(id) => vec![Part::Object(&graph[id].provides)],
                Choice::Own(id) => graph.own_giver(id).map(|giver| giver.part).into_iter().collect(),
                Choice::Field(..) => Vec::new(),
            },
        }
    }

    /// One value of several: the only one, or a merge of them. `None` when there is none, or a leaf comes in pieces.
    fn merged(&mut self, objects: &Objects<'_, 'g>, mut values: Vec<Value<'g>>) -> Option<Value<'g>> {
        if values.len() < 2 {
            return values.pop();
        }
        let mut after: BTreeSet<StepId> = values.iter().filter_map(|value| value.step).collect();
        after.extend(self.draft.base_step(objects.position));
        let provides = values.iter().flat_map(|value| value.provides.iter().copied()).collect();
        let pieces = values
            .into_iter()
            .map(|value| Some(PieceDraft { from: value.from, node: value.node?, provides: value.provides }))
            .collect::<Option<Vec<_>>>()?;
        let (step, hop) = self.draft.merge(objects.position, pieces, after, self.turn);
        self.draft.restrict(step, objects.only);
        let from = ColumnRef { hop: Some(hop), column: Cell::Whole };
        Some(Value { from, node: Some(self.draft.root_node(step)), provides, step: Some(step) })
    }

    /// A call for the field itself: a root field or a field connector.
    fn field_step(
        &mut self,
        objects: &Objects<'_, 'g>,
        want: &Want,
        connector: ConnectorId,
    ) -> Result<Value<'g>, PlanError> {
        let kind = if objects.base.is_some() { StepKind::Field } else { StepKind::Root };
        let field = want.on(self.graph, objects.ty).expect("only fields of the graph have connectors");
        let (inputs, after) = self.inputs(objects, self.graph.own_key(connector))?;
        let arguments = Some((field, want.arguments.clone()));
        let is_composite = want.below.is_some();
        let (step, hop) =
            self.draft.step(objects.position, connector, kind, arguments, inputs, after, self.turn, is_composite);
        self.draft.restrict(step, objects.only);
        Ok(Value {
            from: ColumnRef { hop: Some(hop), column: Cell::Whole },
            node: is_composite.then(|| self.draft.root_node(step)),
            provides: vec![&self.graph[connector].provides],
            step: Some(step),
        })
    }

    /// A call that completes the objects of a position from their key.
    fn entity_step(&mut self, objects: &Objects<'_, 'g>, connector: ConnectorId) -> Result<Hop, PlanError> {
        let position = objects.position;
        let definition = &self.graph[connector];
        let (inputs, after) = self.inputs(objects, &definition.key)?;
        let kind = match definition.batch {
            Some(batch) => StepKind::Batch { keys_max: batch.keys_max },
            None => StepKind::Entity,
        };
        let (step, id) = self.draft.step(position, connector, kind, None, inputs, after, self.turn, true);
        self.draft.restrict(step, objects.only);
        if definition.batch.is_some() {
            let node = self.draft.root_node(step);
            let matching = self.pick(objects.ty, &definition.key, None, node);
            self.draft.matching(step, matching);
        }
        Ok(Hop { id, step, is_whole: false })
    }

    /// A call of a field's own connector, made because another call takes its key from that field.
    fn own_step(&mut self, objects: &Objects<'_, 'g>, connector: ConnectorId) -> Result<Hop, PlanError> {
        let (inputs, after) = self.inputs(objects, &self.graph[connector].key)?;
        let Place::Field { field } = self.graph[connector].place else {
            unreachable!("only connectors of fields are called for their own field's sake")
        };
        let is_composite = !self.graph[self.graph[field].ty.named()].possible.is_empty();
        let arguments = Some((field, Vec::new()));
        let kind = StepKind::Field;
        let (step, id) =
            self.draft.step(objects.position, connector, kind, arguments, inputs, after, self.turn, is_composite);
        self.draft.restrict(step, objects.only);
        Ok(Hop { id, step, is_whole: true })
    }

    /// Where each name of a key is read, and the steps that bring it.
    fn inputs(
        &mut self,
        objects: &Objects<'_, 'g>,
        key: &KeyTree,
    ) -> Result<(Vec<Input>, BTreeSet<StepId>), PlanError> {
        let mut inputs = Vec::new();
        let mut after: BTreeSet<StepId> = self.draft.base_step(objects.position).into_iter().collect();
        if objects.base.is_none() {
            return Ok((inputs, after));
        }
        for (name, nested) in &key.keys {
            if &**name == "__typename" {
                continue;
            }
            let is_composite = !nested.keys.is_empty();
            let calls = (0..objects.calls.len()).filter(|at| objects.hops[*at].is_some()).map(Source::Call);
            let whole = std::iter::once(Source::Base).chain(calls).find(|source| {
                let provides = below(&self.parts(objects, *source), name);
                provides.iter().any(|provides| covers(provides, nested))
            });
            if let Some(source) = whole {
                let value = self.value(objects, name, is_composite, source);
                after.extend(value.step);
                let nested = match value.node {
                    Some(node) => self.pick(self.type_of(objects.ty, name), nested, None, node),
                    None => Vec::new(),
                };
                inputs.push(self.input(objects.ty, name, value.from, nested, None));
            } else {
                inputs.push(self.pieced_input(objects, name, nested, &mut after)?);
            }
        }
        Ok((inputs, after))
    }

    /// A nested name of a key that no source has whole: its pieces are merged, and where that is not enough the nested objects are
    /// completed by calls of their own.
    fn pieced_input(
        &mut self,
        objects: &Objects<'_, 'g>,
        name: &Arc<str>,
        nested: &KeyTree,
        after: &mut BTreeSet<StepId>,
    ) -> Result<Input, PlanError> {
        let graph = self.graph;
        let want = Want::of_name(graph, objects.ty, name, nested, &mut self.numbers);
        let Some((want, wants)) = want.and_then(|want| Some((want.clone(), want.below?))) else {
            return Err(PlanError::Unreachable { path: name.to_string() });
        };
        let task = Task { ty: objects.ty, base: objects.given, wants: &[], may_merge: true };
        let sources = self.search.sources_of_key(task, &objects.calls, &want).ok_or_else(|| self.failure(&want))?;
        let values = sources.into_iter().map(|source| self.value(objects, name, true, source)).collect();
        let value = self.merged(objects, values).ok_or_else(|| self.failure(&want))?;
        let node = value.node.ok_or_else(|| self.failure(&want))?;
        after.extend(value.step);
        let parts: Vec<Part<'g>> = value.provides.iter().map(|provides| Part::Object(provides)).collect();
        let is_whole = nested
            .keys
            .iter()
            .all(|(name, nested)| below(&parts, name).iter().any(|provides| covers(provides, nested)));
        if is_whole {
            let nested = self.pick(wants.ty, nested, None, node);
            return Ok(self.input(objects.ty, name, value.from, nested, None));
        }
        let origin = match value.from {
            ColumnRef { hop: Some(hop), column: Cell::Whole } => Origin::Hop(hop),
            column => Origin::Column(column),
        };
        let position = self.draft.position(objects.position, origin, wants.ty, node);
        let outer = self.draft.enter(None);
        let mut inner = Objects {
            position,
            ty: wants.ty,
            base: Some(node),
            given: &value.provides,
            calls: Vec::new(),
            hops: Vec::new(),
            only: &[],
            is_write: false,
        };
        for variant in &wants.variants {
            self.choose(&mut inner, &variant.fields)?;
        }
        let (nested, more) = self.inputs(&inner, nested)?;
        self.draft.leave(outer);
        after.extend(more);
        Ok(self.input(objects.ty, name, value.from, nested, Some(position)))
    }

    /// Columns for the names of a key at a node.
    fn pick(&mut self, ty: TypeId, key: &KeyTree, hop: Option<HopId>, node: BaseRef) -> Vec<Input> {
        let mut picked = Vec::with_capacity(key.keys.len());
        for (name, below) in &key.keys {
            if &**name == "__typename" {
                continue;
            }
            let inner = self.type_of(ty, name);
            let has_nested = !below.keys.is_empty();
            let (column, child) = self.draft.column(node, name, has_nested);
            let nested = match child {
                Some(child) if has_nested => self.pick(inner, below, None, child),
                _ => Vec::new(),
            };
            let from = ColumnRef { hop, column: Cell::Column(column) };
            picked.push(self.input(ty, name, from, nested, None));
        }
        picked
    }

    /// The named type of a field; the type itself where there is no such field.
    fn type_of(&self, ty: TypeId, name: &Arc<str>) -> TypeId {
        self.graph[ty].fields.get(name).map_or(ty, |field| self.graph[*field].ty.named())
    }

    fn input(
        &self,
        ty: TypeId,
        name: &Arc<str>,
        from: ColumnRef,
        nested: Vec<Input>,
        nested_at: Option<PositionId>,
    ) -> Input {
        let field = self.graph[ty].fields.get(name).map(|field| &self.graph[*field]);
        Input {
            name: Arc::clone(name),
            from,
            nested,
            nested_at,
            required: field.is_some_and(|field| field.ty.is_non_null()),
            is_id: field.is_some_and(|field| matches!(self.graph[field.ty.named()].kind, TypeKind::Scalar(Scalar::Id))),
        }
    }
}
