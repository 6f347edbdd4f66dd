//! The planner: walks the wanted fields position by position, lets `search` choose the calls, and lays out what each brings.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Plan,
    draft::{BaseRef, Draft},
    ir::{Cell, ColumnRef, HopId, Input, Origin, PositionId, StepId, StepKind},
    search::{Choice, Found, OwnFields, Search, covers, under},
    want::{Want, WantKind, Wants},
};
use crate::{
    mapping::KeyTree,
    operation::{Kind as OperationKind, Operation},
    schema::{ConnectorId, Graph, Place, Provides, Scalar, TypeId, TypeKind},
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

/// Plans an operation.
///
/// Errors: a field that no connector can provide from where it is asked (a checked graph has none), or a search beyond its budget.
pub fn build(graph: &Graph, operation: Arc<Operation>) -> Result<Plan, PlanError> {
    let wants = Wants::of_selection(&operation.selection);
    let kind = operation.kind;
    let own = OwnFields::of(graph);
    let mut builder = Builder {
        graph,
        search: Search::new(graph, &own, BUDGET),
        draft: Draft::new(wants.ty),
        path: Vec::new(),
        turn: 0,
    };
    builder.root(&wants, kind)?;
    Ok(builder.draft.finish(graph, operation))
}

struct Builder<'g> {
    graph: &'g Graph,
    search: Search<'g>,
    draft: Draft<'g>,
    path: Vec<Arc<str>>,
    /// Turn of the mutation's root field that is being planned; 0 in queries.
    turn: u32,
}

/// A call made for the objects of a position, and what it brings.
#[derive(Clone, Copy)]
struct Hop<'g> {
    id: HopId,
    step: StepId,
    provides: &'g Provides,
    /// Whether the whole result stands for one name: a field's own connector was called.
    is_whole: bool,
}

/// The objects that calls are planned for: those of a position, of one type, and what is known of them.
struct Objects<'a, 'g> {
    position: PositionId,
    ty: TypeId,
    /// Where they come from; `None` for the root.
    base: Option<BaseRef>,
    /// What they have from there.
    given: &'g Provides,
    /// What calls bring in addition, in the order in which they are chosen.
    hops: Vec<Hop<'g>>,
    /// The types that calls are limited to, where the position is abstract; empty: all.
    only: &'a [TypeId],
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
    fn root(&mut self, wants: &Wants, kind: OperationKind) -> Result<(), PlanError> {
        let position = PositionId(0);
        for variant in &wants.variants {
            self.draft.variant(position, variant.types.clone());
            for (order, want) in variant.fields.iter().enumerate() {
                if kind == OperationKind::Mutation {
                    self.turn = u32::try_from(order).expect("fields of a document are bounded");
                }
                match want.kind {
                    WantKind::Typename => self.draft.field(position, want, Origin::Typename, None),
                    WantKind::Introspection => self.draft.field(position, want, Origin::Introspection, None),
                    WantKind::Field(_) => {
                        let given = nothing();
                        let objects =
                            Objects { position, ty: wants.ty, base: None, given, hops: Vec::new(), only: &[] };
                        let Found::Choices(choices) = self.search.choose(wants.ty, given, std::slice::from_ref(want))
                        else {
                            return Err(self.failure(want));
                        };
                        for choice in choices {
                            if let Choice::Field(_, connector) = choice {
                                self.field_step(&objects, want, connector)?;
                            }
                        }
                    }
                }
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
        given: &'g Provides,
        wants: &Wants,
    ) -> Result<(), PlanError> {
        let is_abstract = !matches!(self.graph[wants.ty].kind, TypeKind::Object);
        let mut wants = std::borrow::Cow::Borrowed(wants);
        if is_abstract {
            let all_inline = wants
                .variants
                .iter()
                .flat_map(|variant| &variant.fields)
                .all(|want| want.field().is_none() || self.search.provider(&[given], want).is_some());
            if !all_inline {
                wants = std::borrow::Cow::Owned(wants.split());
            }
            self.draft.typename_column(position, base);
        }
        for variant in &wants.variants {
            self.draft.variant(position, variant.types.clone());
            let ty = variant.types.first().copied().unwrap_or(wants.ty);
            let only: &[TypeId] = if is_abstract { &variant.types } else { &[] };
            let choices = match self.search.choose(ty, given, &variant.fields) {
                Found::Choices(choices) => choices,
                Found::Unreachable(at) => return Err(self.unreachable(&variant.fields[at])),
                Found::Exhausted => return Err(PlanError::TooComplex),
            };
            let mut objects = Objects { position, ty, base: Some(base), given, hops: Vec::new(), only };
            for choice in &choices {
                let hop = match *choice {
                    Choice::Entity(connector) => Some(self.entity_step(&objects, connector)),
                    Choice::Own(connector) => self.own_step(&objects, connector),
                    Choice::Field(..) => None,
                };
                objects.hops.extend(hop);
            }
            for (at, want) in variant.fields.iter().enumerate() {
                match want.kind {
                    WantKind::Typename => self.draft.field(position, want, Origin::Typename, None),
                    WantKind::Introspection => self.draft.field(position, want, Origin::Introspection, None),
                    WantKind::Field(_) => {
                        let own = choices.iter().find_map(|choice| match choice {
                            Choice::Field(of, connector) if *of == at => Some(*connector),
                            _ => None,
                        });
                        if let Some(connector) = own {
                            self.field_step(&objects, want, connector)?;
                        } else {
                            self.inline_field(&objects, base, want)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A field whose value the base or a hop brings.
    fn inline_field(&mut self, objects: &Objects<'_, 'g>, base: BaseRef, want: &Want) -> Result<(), PlanError> {
        let mut known = vec![objects.given];
        known.extend(objects.hops.iter().map(|hop| hop.provides));
        let Some(provider) = self.search.provider(&known, want) else { return Err(self.failure(want)) };
        let field = want.field().expect("only fields of the graph are looked up");
        let name = &self.graph[field].name;
        let below_provides = under(known[provider], name).expect("the provider has the name");
        let hop = provider.checked_sub(1).map(|at| objects.hops[at]);
        let (origin, child_node) = match hop {
            Some(hop) if hop.is_whole => {
                (Origin::Hop(hop.id), want.below.as_ref().map(|_| self.draft.root_node(hop.step)))
            }
            _ => {
                let node = hop.map_or(base, |hop| self.draft.root_node(hop.step));
                let (column, child_node) = self.draft.column(node, name, want.below.is_some());
                let column = ColumnRef { hop: hop.map(|hop| hop.id), column: Cell::Column(column) };
                (Origin::Column(column), child_node)
            }
        };
        self.field(objects.position, want, origin, child_node.map(|node| (node, below_provides)))
    }

    /// Adds a field and plans what is wanted below it, for objects made by a node that have `below`.
    fn field(
        &mut self,
        position: PositionId,
        want: &Want,
        origin: Origin,
        below: Option<(BaseRef, &'g Provides)>,
    ) -> Result<(), PlanError> {
        let (Some(wants), Some((node, provides))) = (&want.below, below) else {
            self.draft.field(position, want, origin, None);
            return Ok(());
        };
        let child = self.draft.position(position, origin, wants.ty, node);
        self.draft.field(position, want, origin, Some(child));
        self.path.push(Arc::clone(&want.key));
        self.complete(child, node, provides, wants)?;
        self.path.pop();
        Ok(())
    }

    /// A call for the field itself: a root field or a field connector.
    fn field_step(&mut self, objects: &Objects<'_, 'g>, want: &Want, connector: ConnectorId) -> Result<(), PlanError> {
        let position = objects.position;
        let kind = if objects.base.is_some() { StepKind::Field } else { StepKind::Root };
        let field = want.on(self.graph, objects.ty).expect("only fields of the graph have connectors");
        let provides = &self.graph[connector].provides;
        let (inputs, after) = self.inputs(objects, self.search.own_key(connector));
        let arguments = Some((field, want.arguments.clone()));
        let (step, hop) =
            self.draft.step(position, connector, kind, arguments, inputs, after, self.turn, want.below.is_some());
        self.draft.restrict(step, objects.only);
        let node = self.draft.root_node(step);
        self.field(position, want, Origin::Hop(hop), Some((node, provides)))
    }

    /// A call that completes the objects of a position from their key.
    fn entity_step(&mut self, objects: &Objects<'_, 'g>, connector: ConnectorId) -> Hop<'g> {
        let position = objects.position;
        let definition = &self.graph[connector];
        let (inputs, after) = self.inputs(objects, &definition.key);
        let kind = match definition.batch {
            Some(batch) => StepKind::Batch { keys_max: batch.keys_max },
            None => StepKind::Entity,
        };
        let (step, hop) = self.draft.step(position, connector, kind, None, inputs, after, self.turn, true);
        self.draft.restrict(step, objects.only);
        if definition.batch.is_some() {
            let node = self.draft.root_node(step);
            let matching = self.pick(objects.ty, &definition.key, None, node);
            self.draft.matching(step, matching);
        }
        Hop { id: hop, step, provides: &definition.provides, is_whole: false }
    }

    /// A call of a field's own connector, made because another call takes its key from that field.
    fn own_step(&mut self, objects: &Objects<'_, 'g>, connector: ConnectorId) -> Option<Hop<'g>> {
        let position = objects.position;
        let provides = self.search.given(Choice::Own(connector))?;
        let (inputs, after) = self.inputs(objects, &self.graph[connector].key);
        let Place::Field { field } = self.graph[connector].place else { return None };
        let is_composite = !self.graph[self.graph[field].ty.named()].possible.is_empty();
        let arguments = Some((field, Vec::new()));
        let (step, hop) =
            self.draft.step(position, connector, StepKind::Field, arguments, inputs, after, self.turn, is_composite);
        self.draft.restrict(step, objects.only);
        Some(Hop { id: hop, step, provides, is_whole: true })
    }

    /// Where each name of a key is read, and the steps that bring it.
    fn inputs(&mut self, objects: &Objects<'_, 'g>, key: &KeyTree) -> (Vec<Input>, BTreeSet<StepId>) {
        let ty = objects.ty;
        let mut inputs = Vec::new();
        let mut after: BTreeSet<StepId> = self.draft.base_step(objects.position).into_iter().collect();
        let Some(base) = objects.base else { return (inputs, after) };
        for (name, below) in &key.keys {
            if &**name == "__typename" {
                continue;
            }
            let single = KeyTree { keys: [(Arc::clone(name), below.clone())].into_iter().collect() };
            let found = objects.hops.iter().find(|hop| covers(hop.provides, &single));
            match found {
                Some(hop) if !covers(objects.given, &single) => {
                    after.insert(hop.step);
                    let node = self.draft.root_node(hop.step);
                    if hop.is_whole {
                        let from = ColumnRef { hop: Some(hop.id), column: Cell::Whole };
                        let nested = if below.keys.is_empty() {
                            Vec::new()
                        } else {
                            self.pick(self.type_of(ty, name), below, None, node)
                        };
                        inputs.push(self.input(ty, name, from, nested));
                    } else {
                        inputs.extend(self.pick(ty, &single, Some(hop.id), node));
                    }
                }
                _ => inputs.extend(self.pick(ty, &single, None, base)),
            }
        }
        (inputs, after)
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
            picked.push(self.input(ty, name, from, nested));
        }
        picked
    }

    /// The named type of a field; the type itself where there is no such field.
    fn type_of(&self, ty: TypeId, name: &Arc<str>) -> TypeId {
        self.graph[ty].fields.get(name).map_or(ty, |field| self.graph[*field].ty.named())
    }

    fn input(&self, ty: TypeId, name: &Arc<str>, from: ColumnRef, nested: Vec<Input>) -> Input {
        let field = self.graph[ty].fields.get(name).map(|field| &self.graph[*field]);
        Input {
            name: Arc::clone(name),
            from,
            nested,
            required: field.is_some_and(|field| field.ty.is_non_null()),
            is_id: field.is_some_and(|field| matches!(self.graph[field.ty.named()].kind, TypeKind::Scalar(Scalar::Id))),
        }
    }
}

/// What the root object has.
fn nothing() -> &'static Provides {
    static NOTHING: std::sync::LazyLock<Provides> = std::sync::LazyLock::new(Provides::default);
    &NOTHING
}
