//! The plan and what always holds of it.
//!
//! A *position* is an object place of the answer (the root, `products[]`, `products[].brand`). Its objects are made by its *base*:
//! a column of the step that made the parent, or a field step's own result. Further steps complete them: the position's *hops*.
//! Every object of a position's base node has `hops.len()` join cells after its columns; the cell of a hop holds
//! `Slot::Result(n)` (index into that step's results), `Slot::Error(n)`, or `Slot::Missing` while there is nothing.
//! Field steps hang on their parent's position as hops too, and fields read them with `Origin::Hop`. So do merges: steps without a
//! call, which make one value of a composite field from pieces that several steps brought.
//! Some positions are in no answer: objects inside a key that have to be completed before the key is whole.
//!
//! Invariants: steps are in an order in which every step comes after those it needs; `PositionId(0)` is the root, whose one
//! object exists before any step runs, with no columns and one join cell for each hop.

use std::sync::Arc;

use crate::{
    mapping::Program,
    operation::{Clause, Kind, Operation, SelectedArgument},
    schema::{ConnectorId, FieldId, Scalar, TypeId, TypeRef},
};

/// Index into [`Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);
/// Index into [`Plan::positions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PositionId(pub u32);
/// Index into [`Position::hops`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HopId(pub u32);
/// Index into [`Plan::conditions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConditionId(pub u32);

/// Index into [`Plan::guards`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuardId(pub u32);

/// A compiled operation.
#[derive(Debug)]
pub struct Plan {
    /// What it answers.
    pub operation: Arc<Operation>,
    /// Query or mutation. Of a mutation, root fields run one after the other: a step with `turn: n` starts when every step of
    /// turns below `n` is done.
    pub kind: Kind,
    /// All calls.
    pub steps: Vec<Step>,
    /// All object places.
    pub positions: Vec<Position>,
    /// All conditions that fields and steps refer to; evaluated once per request into a bitset.
    pub conditions: Vec<Condition>,
    /// All that is decided about objects once they are there.
    pub guards: Vec<Guard>,
}

/// A decision about each object of a position: whether its caller may have fields of it.
#[derive(Debug)]
pub struct Guard {
    /// Who decides ([`super::Gates::gates`]).
    pub gate: usize,
    /// Whose objects.
    pub position: PositionId,
    /// What is to be known of an object. The steps that bring it come before everything that the guard stands before.
    pub inputs: Vec<Input>,
}

/// Holds when one alternative holds, each a conjunction of clauses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition(pub Vec<Vec<Clause>>);

/// One connector at one place of the answer.
#[derive(Debug)]
pub struct Step {
    /// What it calls; of a merge the connector of the first piece that was called for.
    pub connector: ConnectorId,
    /// How often.
    pub kind: StepKind,
    /// The position whose objects it is called for and on which its results hang.
    pub position: PositionId,
    /// As which hop.
    pub hop: HopId,
    /// Object types it applies to, where the position is abstract; empty: all.
    pub types: Vec<TypeId>,
    /// The field and its written arguments, for `$args` of a root or field connector.
    pub arguments: Option<(FieldId, Vec<SelectedArgument>)>,
    /// It is called only for objects that pass.
    pub guard: Option<GuardId>,
    /// What it needs of each object: becomes `$this`, an element of `$batch`, or (entity query field) `$args`.
    pub inputs: Vec<Input>,
    /// Steps whose results must be there (those its inputs come from, and the one that makes its position).
    pub after: Vec<StepId>,
    /// Order among the root fields of a mutation; 0 in queries.
    pub turn: u32,
    /// It runs when one of these holds; `None`: always.
    pub include: Option<Vec<ConditionId>>,
    /// Its selection, pruned and compiled; of a merge only the layout means something.
    pub program: Program,
    /// For a merge: what is merged.
    pub merge: Option<Merge>,
    /// For a batch: columns of the root node that hold the key fields, for matching, in the shape of `inputs`.
    pub matching: Vec<Input>,
}

/// Pieces of one composite value that different steps bring, and how they become one: objects by field, lists by index.
#[derive(Debug, Clone, Default)]
pub struct Merge {
    /// The pieces, as values of the step's position; of two that have a column, the earlier counts.
    pub pieces: Vec<ColumnRef>,
    /// By node of the step's layout, by column: which pieces have it. The pieces of the node below a column are those, in order.
    pub nodes: Vec<Vec<Vec<Piece>>>,
}

/// Where a column of a merged object is in one of its pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Which piece.
    pub piece: u32,
    /// Its column there.
    pub column: u32,
}

/// How often a step calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Once: a root field.
    Root,
    /// A field connector: once per object with distinct inputs; the result is the field's value.
    Field,
    /// An entity connector, single: once per object with distinct inputs; the result completes the object.
    Entity,
    /// An entity connector with `$batch`: once per chunk of distinct keys.
    Batch {
        /// Most keys in a call.
        keys_max: Option<usize>,
    },
    /// Never: what other steps brought becomes one value.
    Merge,
}

/// One name of a representation, and where its value comes from. With `nested`, the value is an object (or a list of objects) of
/// which only those names are taken, read from the object at that column; without, the whole value.
#[derive(Debug, Clone)]
pub struct Input {
    /// The key field's name.
    pub name: Arc<str>,
    /// Where to read.
    pub from: ColumnRef,
    /// Names below it; their `ColumnRef`s are relative to the object found there.
    pub nested: Vec<Input>,
    /// The position of that object, where steps of its own complete it.
    pub nested_at: Option<PositionId>,
    /// A missing value drops the call (non-null key field); else it enters as null.
    pub required: bool,
    /// Whether equal texts are equal keys (type `ID`, default compatibility).
    pub is_id: bool,
}

/// A value of an object of a position: of its base, or of what a hop brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColumnRef {
    /// `None`: the base; else the hop's result.
    pub hop: Option<HopId>,
    /// Which part of it.
    pub column: Cell,
}

/// Which part of an object or of a hop's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// A column of the object's node.
    Column(u32),
    /// The whole result of the hop (a field's own connector whose value is the key of another).
    Whole,
}

/// An object place of the answer.
#[derive(Debug)]
pub struct Position {
    /// The parent position and where its objects come from; `None` for the root.
    pub parent: Option<(PositionId, Origin)>,
    /// Only parents that pass have any.
    pub guard: Option<GuardId>,
    /// Its static type.
    pub ty: TypeId,
    /// Columns of its base node (its join cells come after them); 0 for the root.
    pub columns: u32,
    /// Steps that hang on its objects.
    pub hops: Vec<StepId>,
    /// Column of the base node that holds `__typename`, for abstract types.
    pub typename: Option<u32>,
    /// What is written for an object, by its type. For an object type there is one.
    pub variants: Vec<VariantPlan>,
    /// Where objects show nothing but leaves, some of them of hops: when two of them are written alike.
    pub alike: Option<Alike>,
}

/// All that the text of an object depends on: two with the same results of these hops and the same values in these columns are written
/// alike, as the authors of posts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Hops that fields read; at least one.
    pub hops: Vec<HopId>,
    /// Columns of the base that fields read, and that of `__typename`.
    pub columns: Vec<u32>,
}

impl Alike {
    /// Of a position; `None` where there is more below it, or nothing of a hop.
    pub(super) fn of(typename: Option<u32>, variants: &[VariantPlan]) -> Option<Self> {
        let mut alike = Self { hops: Vec::new(), columns: typename.into_iter().collect() };
        for field in variants.iter().flat_map(|variant| &variant.fields) {
            match field.from {
                _ if field.child.is_some() || field.guard.is_some() => return None,
                Origin::Typename => {}
                Origin::Hop(hop) | Origin::Column(ColumnRef { hop: Some(hop), .. }) => alike.hops.push(hop),
                Origin::Column(ColumnRef { hop: None, column: Cell::Column(column) }) => alike.columns.push(column),
                Origin::Introspection
                | Origin::Denied
                | Origin::Column(ColumnRef { hop: None, column: Cell::Whole }) => return None,
            }
        }
        alike.hops.sort_unstable();
        alike.hops.dedup();
        (!alike.hops.is_empty()).then_some(alike)
    }
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The type's name.
    Typename,
    /// Given from outside by response key (introspection).
    Introspection,
    /// From nowhere: the caller may not have it.
    Denied,
    /// A column of the object.
    Column(ColumnRef),
    /// The whole result of a field or root step.
    Hop(HopId),
}

/// The answer's fields for some object types.
#[derive(Debug)]
pub struct VariantPlan {
    /// The types it is for.
    pub types: Vec<TypeId>,
    /// The fields in answer order.
    pub fields: Vec<FieldPlan>,
}

/// A response key as it stands in the answer, after a comma: `,"title":`.
#[derive(Debug, Clone)]
pub struct KeyText {
    /// Short ones, as most are; zeros behind. Copying a fixed number of bytes costs less than copying just the right ones.
    short: [u8; 32],
    /// Those that are longer.
    long: Option<Box<[u8]>>,
    len: usize,
}

impl KeyText {
    /// Encodes a key, which is a GraphQL name.
    pub fn new(key: &str) -> Self {
        let text = format!(",\"{key}\":").into_bytes();
        let (len, mut short) = (text.len(), [0; 32]);
        if let Some(room) = short.get_mut(..len) {
            room.copy_from_slice(&text);
            return Self { short, long: None, len };
        }
        Self { short, long: Some(text.into_boxed_slice()), len }
    }

    /// Appends it.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        if let Some(text) = &self.long {
            return out.extend_from_slice(text);
        }
        let end = out.len() + self.len;
        out.extend_from_slice(&self.short);
        out.truncate(end);
    }
}

/// One response key.
#[derive(Debug)]
pub struct FieldPlan {
    /// The key.
    pub key: Arc<str>,
    /// The key, encoded.
    pub text: KeyText,
    /// The field; `None` for `__typename` and introspection.
    pub field: Option<FieldId>,
    /// Its type; `None` for `__typename` and introspection.
    pub ty: Option<TypeRef>,
    /// Where its value comes from. `None` cannot be: a plan is built only when every field has a source.
    pub from: Origin,
    /// The scalar that it is (not in a list), where a scalar's text is looked at.
    pub scalar: Option<Scalar>,
    /// The position of its objects, for composite types.
    pub child: Option<PositionId>,
    /// In the answer when it holds; `None`: always.
    pub include: Option<ConditionId>,
    /// Only objects that pass show it.
    pub guard: Option<GuardId>,
    /// Line and column of the field in the operation.
    pub location: crate::error::Location,
}
