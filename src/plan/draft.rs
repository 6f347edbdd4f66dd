//! A plan under construction: steps and positions whose columns still grow, then [`Draft::finish`] numbers and compiles them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use indexmap::IndexSet;

use super::{
    ir::{
        Alike, ColumnRef, Condition, ConditionId, FieldPlan, Guard, GuardId, HopId, Input, KeyText, Merge, Origin,
        Piece, Plan, Position, PositionId, Step, StepId, StepKind, VariantPlan,
    },
    want::{Want, WantKind},
};
use crate::{
    mapping::{Column, Kind, Layout, Node, NodeId, Program},
    operation::{Include, Operation, SelectedArgument},
    schema::{
        ConnectorId, FieldId, Graph, Provides, Scalar, TypeId, TypeKind, TypeRef,
        reach::{self, Part},
    },
};

/// A node of a step's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BaseRef {
    step: StepId,
    node: NodeId,
}

/// A value that is merged with others: where it is read, its node, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct PieceDraft<'g> {
    pub from: ColumnRef,
    pub node: BaseRef,
    pub provides: Vec<&'g Provides>,
}

/// What a node of a merge is made of.
#[derive(Default)]
struct Merged<'g> {
    pieces: Vec<(BaseRef, Vec<&'g Provides>)>,
    columns: Vec<Vec<Piece>>,
}

struct StepDraft<'g> {
    connector: ConnectorId,
    kind: StepKind,
    position: PositionId,
    hop: HopId,
    types: Vec<TypeId>,
    arguments: Option<(FieldId, Vec<SelectedArgument>)>,
    guard: Option<GuardId>,
    inputs: Vec<Input>,
    after: BTreeSet<StepId>,
    turn: u32,
    is_composite: bool,
    nodes: Vec<Node>,
    matching: Vec<Input>,
    /// Of a merge: the pieces, and by node what it is made of.
    pieces: Vec<ColumnRef>,
    merged: Vec<Merged<'g>>,
}

struct PositionDraft {
    parent: Option<(PositionId, Origin)>,
    guard: Option<GuardId>,
    base: Option<BaseRef>,
    ty: TypeId,
    hops: Vec<StepId>,
    typename: Option<u32>,
    variants: Vec<VariantPlan>,
}

/// The plan so far.
pub(super) struct Draft<'g> {
    steps: Vec<StepDraft<'g>>,
    positions: Vec<PositionDraft>,
    conditions: IndexSet<Condition>,
    /// Guards, each with the steps that bring what it has to know.
    guards: Vec<(Guard, BTreeSet<StepId>)>,
    before: Before,
}

/// What stands before that which is being planned.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    /// The guard of the field.
    guard: Option<GuardId>,
    /// Steps that bring what this guard and those further up have to know.
    after: BTreeSet<StepId>,
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a document has far fewer parts than 2^32")
}

impl<'g> Draft<'g> {
    pub fn new(root: TypeId) -> Self {
        let root = PositionDraft {
            parent: None,
            guard: None,
            base: None,
            ty: root,
            hops: Vec::new(),
            typename: None,
            variants: Vec::new(),
        };
        Self {
            steps: Vec::new(),
            positions: vec![root],
            conditions: IndexSet::new(),
            guards: Vec::new(),
            before: Before::default(),
        }
    }

    /// Adds an object place made by `base`.
    pub fn position(&mut self, parent: PositionId, origin: Origin, ty: TypeId, base: BaseRef) -> PositionId {
        let id = PositionId(number(self.positions.len()));
        self.positions.push(PositionDraft {
            parent: Some((parent, origin)),
            guard: self.before.guard,
            base: Some(base),
            ty,
            hops: Vec::new(),
            typename: None,
            variants: Vec::new(),
        });
        id
    }

    /// Opens a variant of a position; fields are added to the last one opened.
    pub fn variant(&mut self, position: PositionId, types: Vec<TypeId>) {
        self.positions[position.0 as usize].variants.push(VariantPlan { types, fields: Vec::new() });
    }

    /// Adds a field to the position's last variant.
    pub fn field(&mut self, position: PositionId, want: &Want, from: Origin, child: Option<PositionId>) {
        let include = match &want.include {
            Include::Always => None,
            Include::AnyOf(alternatives) => {
                let (at, _) = self.conditions.insert_full(Condition(alternatives.clone()));
                Some(ConditionId(number(at)))
            }
        };
        let plan = FieldPlan {
            key: Arc::clone(&want.key),
            text: KeyText::new(&want.key),
            field: match want.kind {
                WantKind::Field(field) | WantKind::Denied(field) => Some(field),
                WantKind::Typename | WantKind::Introspection => None,
            },
            ty: None,
            scalar: None,
            from,
            child,
            include,
            guard: self.before.guard,
            location: want.location,
        };
        let position = &mut self.positions[position.0 as usize];
        position.variants.last_mut().expect("a variant is open").fields.push(plan);
    }

    /// Adds a guard, and the steps that bring what it has to know.
    pub fn guard(&mut self, guard: Guard, after: BTreeSet<StepId>) -> GuardId {
        let id = GuardId(number(self.guards.len()));
        self.guards.push((guard, after));
        id
    }

    /// Until it is left, what is added stands behind that guard, and comes after what it and those further up have to know. Gives what
    /// to leave with.
    pub fn enter(&mut self, guard: Option<GuardId>) -> Before {
        let outer = self.before.clone();
        self.before.guard = guard;
        if let Some(GuardId(id)) = guard {
            self.before.after.extend(&self.guards[id as usize].1);
        }
        outer
    }

    /// Back to what stood before.
    pub fn leave(&mut self, outer: Before) {
        self.before = outer;
    }

    /// Adds a call for the objects of a position.
    #[expect(clippy::too_many_arguments, reason = "these are the parts of a step")]
    pub fn step(
        &mut self,
        position: PositionId,
        connector: ConnectorId,
        kind: StepKind,
        arguments: Option<(FieldId, Vec<SelectedArgument>)>,
        inputs: Vec<Input>,
        mut after: BTreeSet<StepId>,
        turn: u32,
        is_composite: bool,
    ) -> (StepId, HopId) {
        after.extend(&self.before.after);
        let guard = self.before.guard.filter(|_| kind == StepKind::Field);
        let id = StepId(number(self.steps.len()));
        let hops = &mut self.positions[position.0 as usize].hops;
        let hop = HopId(number(hops.len()));
        hops.push(id);
        let nodes = if is_composite { vec![Node::default()] } else { Vec::new() };
        let types = Vec::new();
        let matching = Vec::new();
        self.steps.push(StepDraft {
            connector,
            kind,
            position,
            hop,
            types,
            arguments,
            guard,
            inputs,
            after,
            turn,
            is_composite,
            nodes,
            matching,
            pieces: Vec::new(),
            merged: Vec::new(),
        });
        (id, hop)
    }

    /// Adds a merge of values of a position's objects.
    pub fn merge(
        &mut self,
        position: PositionId,
        pieces: Vec<PieceDraft<'g>>,
        after: BTreeSet<StepId>,
        turn: u32,
    ) -> (StepId, HopId) {
        let first = pieces.iter().map(|piece| piece.node.step).min().expect("something is merged");
        let connector = self.steps[first.0 as usize].connector;
        let (step, hop) = self.step(position, connector, StepKind::Merge, None, Vec::new(), after, turn, true);
        let draft = &mut self.steps[step.0 as usize];
        draft.pieces = pieces.iter().map(|piece| piece.from).collect();
        let pieces = pieces.into_iter().map(|piece| (piece.node, piece.provides)).collect();
        draft.merged.push(Merged { pieces, columns: Vec::new() });
        (step, hop)
    }

    /// Limits a step to some object types; an empty list: all.
    pub fn restrict(&mut self, step: StepId, types: &[TypeId]) {
        self.steps[step.0 as usize].types = types.to_vec();
    }

    pub fn matching(&mut self, step: StepId, matching: Vec<Input>) {
        self.steps[step.0 as usize].matching = matching;
    }

    /// The node of the objects that a step brings.
    #[expect(clippy::unused_self, reason = "the root node is always the first, here is where that is known")]
    pub fn root_node(&self, step: StepId) -> BaseRef {
        BaseRef { step, node: NodeId(0) }
    }

    /// The step that makes the objects of a position; `None` for the root.
    pub fn base_step(&self, position: PositionId) -> Option<StepId> {
        self.positions[position.0 as usize].base.map(|base| base.step)
    }

    fn add_column(&mut self, at: BaseRef, name: &Arc<str>, is_composite: bool) -> usize {
        let merged = self.merged_column(at, name, is_composite);
        let step = &mut self.steps[at.step.0 as usize];
        let kind = if is_composite { Kind::Object(NodeId(number(step.nodes.len()))) } else { Kind::Leaf };
        if is_composite {
            step.nodes.push(Node::default());
        }
        if let Some((pieces, below)) = merged {
            step.merged[at.node.0 as usize].columns.push(pieces);
            if is_composite {
                step.merged.push(Merged { pieces: below, columns: Vec::new() });
            }
        }
        let columns = &mut step.nodes[at.node.0 as usize].columns;
        columns.push(Column { name: Arc::clone(name), kind });
        columns.len() - 1
    }

    /// At a node of a merge: the pieces that have a name, each with its column there, and what they know below it.
    #[expect(clippy::type_complexity, reason = "two lists of the same pieces")]
    fn merged_column(
        &mut self,
        at: BaseRef,
        name: &Arc<str>,
        is_composite: bool,
    ) -> Option<(Vec<Piece>, Vec<(BaseRef, Vec<&'g Provides>)>)> {
        let merged = self.steps[at.step.0 as usize].merged.get(at.node.0 as usize)?;
        let known = merged.pieces.iter().map(|(node, provides)| {
            let parts: Vec<Part<'g>> = provides.iter().map(|provides| Part::Object(provides)).collect();
            (*node, reach::below(&parts, name))
        });
        let known: Vec<(BaseRef, Vec<&'g Provides>)> = known.collect();
        let is_known = known.iter().any(|(_, provides)| !provides.is_empty());
        let mut pieces = Vec::new();
        let mut below = Vec::new();
        for (piece, (node, provides)) in known.into_iter().enumerate() {
            // Of a name that no piece is known to have (`__typename`), all are asked.
            if is_known && provides.is_empty() {
                continue;
            }
            let (column, child) = self.column(node, name, is_composite);
            pieces.push(Piece { piece: number(piece), column });
            below.extend(child.map(|child| (child, provides)));
        }
        Some((pieces, below))
    }

    /// The column of that name at a node, added when it is not there yet; with the node below it when objects are wanted.
    pub fn column(&mut self, at: BaseRef, name: &Arc<str>, is_composite: bool) -> (u32, Option<BaseRef>) {
        let node = &self.steps[at.step.0 as usize].nodes[at.node.0 as usize];
        let found = node
            .columns
            .iter()
            .position(|column| column.name == *name && matches!(column.kind, Kind::Object(_)) == is_composite);
        let column = found.unwrap_or_else(|| self.add_column(at, name, is_composite));
        let step = &self.steps[at.step.0 as usize];
        let child = match step.nodes[at.node.0 as usize].columns[column].kind {
            Kind::Object(node) => Some(BaseRef { step: at.step, node }),
            Kind::Leaf => None,
        };
        (number(column), child)
    }

    /// Makes the base of an abstract position tell the type of its objects.
    pub fn typename_column(&mut self, position: PositionId, base: BaseRef) {
        let (column, _) = self.column(base, &Arc::from("__typename"), false);
        self.positions[position.0 as usize].typename = Some(column);
    }

    /// Numbers join cells, spreads conditions over steps, compiles programs.
    pub fn finish(mut self, graph: &Graph, operation: Arc<Operation>) -> Plan {
        let first_join = self.place_joins();
        let include = self.includes();
        for position in &mut self.positions {
            for field in position.variants.iter_mut().flat_map(|variant| &mut variant.fields) {
                field.ty = field.field.map(|field| graph[field].ty.clone());
                field.scalar = match field.ty.as_ref() {
                    Some(TypeRef::Named { ty, .. }) => match graph[*ty].kind {
                        TypeKind::Scalar(Scalar::Custom) => None,
                        TypeKind::Scalar(scalar) => Some(scalar),
                        _ => None,
                    },
                    _ => None,
                };
            }
        }
        let steps = self
            .steps
            .into_iter()
            .zip(include)
            .map(|(step, include)| {
                let root = if step.is_composite { Kind::Object(NodeId(0)) } else { Kind::Leaf };
                let layout = Layout { root, nodes: step.nodes };
                let nodes = step.merged.into_iter().map(|merged| merged.columns).collect();
                let merge = (step.kind == StepKind::Merge).then_some(Merge { pieces: step.pieces, nodes });
                Step {
                    connector: step.connector,
                    kind: step.kind,
                    position: step.position,
                    hop: step.hop,
                    types: step.types,
                    arguments: step.arguments,
                    guard: step.guard,
                    inputs: step.inputs,
                    after: step.after.into_iter().collect(),
                    turn: step.turn,
                    include,
                    program: Program::compile(&graph[step.connector].selection, Arc::new(layout)),
                    merge,
                    matching: step.matching,
                }
            })
            .collect();
        let positions = self
            .positions
            .into_iter()
            .zip(first_join)
            .map(|(position, columns)| Position {
                parent: position.parent,
                guard: position.guard,
                ty: position.ty,
                columns,
                hops: position.hops,
                typename: position.typename,
                alike: Alike::of(position.typename, &position.variants),
                variants: position.variants,
            })
            .collect();
        let conditions = self.conditions.into_iter().collect();
        let kind = operation.kind;
        let guards = self.guards.into_iter().map(|(guard, _)| guard).collect();
        Plan { operation, kind, steps, positions, conditions, guards }
    }

    /// Several positions may share a node (two aliases of one inline field): each gets join cells of its own, one after the other.
    fn place_joins(&mut self) -> Vec<u32> {
        let mut taken: BTreeMap<BaseRef, u32> = BTreeMap::new();
        self.positions
            .iter()
            .map(|position| {
                let Some(base) = position.base else { return 0 };
                let node = &mut self.steps[base.step.0 as usize].nodes[base.node.0 as usize];
                let used = taken.entry(base).or_default();
                let first = number(node.columns.len()) + *used;
                *used += number(position.hops.len());
                node.joins = *used;
                first
            })
            .collect()
    }

    /// A step is needed when a field that reads it is in the answer, or a step that takes input from it is needed.
    fn includes(&self) -> Vec<Option<Vec<ConditionId>>> {
        #[derive(Clone)]
        enum Need {
            Always,
            Any(BTreeSet<ConditionId>),
        }
        fn add(need: &mut Need, other: &Need) {
            match (&mut *need, other) {
                (Need::Always, _) => {}
                (_, Need::Always) => *need = Need::Always,
                (Need::Any(mine), Need::Any(theirs)) => mine.extend(theirs),
            }
        }
        let mut needs = vec![Need::Any(BTreeSet::new()); self.steps.len()];
        for position in &self.positions {
            for field in position.variants.iter().flat_map(|variant| &variant.fields) {
                let hop = match field.from {
                    Origin::Hop(hop) => Some(hop),
                    Origin::Column(column) => column.hop,
                    Origin::Typename | Origin::Introspection | Origin::Denied => None,
                };
                let guarding = field.guard.map(|GuardId(id)| &self.guards[id as usize].1);
                let steps = hop.map(|hop| position.hops[hop.0 as usize]).into_iter();
                for StepId(step) in steps.chain(guarding.into_iter().flatten().copied()) {
                    let need = field.include.map_or(Need::Always, |condition| Need::Any([condition].into()));
                    add(&mut needs[step as usize], &need);
                }
            }
        }
        for step in (0..self.steps.len()).rev() {
            let need = needs[step].clone();
            for earlier in &self.steps[step].after {
                add(&mut needs[earlier.0 as usize], &need);
            }
        }
        needs
            .into_iter()
            .map(|need| match need {
                Need::Always => None,
                Need::Any(conditions) => Some(conditions.into_iter().collect()),
            })
            .collect()
    }
}
