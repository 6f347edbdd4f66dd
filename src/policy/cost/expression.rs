//! What an estimate is made of: numbers where the document alone says them, and the least that has to be reckoned with variables.
//!
//! Sums and products stay at the largest number instead of wrapping.

use std::sync::Arc;

use crate::{
    mapping::Value,
    operation::{Clause, Include, VariableId, VariableValues},
    schema::{Graph, TypeId, TypeKind, TypeRef},
};

/// A number that may depend on variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// The same for every request.
    Constant(u64),
    /// All of them.
    Sum(Vec<Expression>),
    /// The largest of them.
    Max(Vec<Expression>),
    /// One times the other.
    Product(Box<Expression>, Box<Expression>),
    /// How often so many fit in, rounded up.
    Chunks(Box<Expression>, u64),
    /// Nothing, unless one of the alternatives holds.
    When(Vec<Vec<Clause>>, Box<Expression>),
    /// The length of a list.
    Size(Slicing),
    /// What the value of a variable weighs.
    Weight(VariableId, Arc<Weights>),
}

/// How long a list gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slicing {
    /// The slicing arguments.
    pub(super) given: Vec<Given>,
    /// Where none is given.
    pub(super) assumed: u64,
}

/// The number that one slicing argument says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// Written in the document, or its default; `None`: it is not given.
    Literal(Option<u64>),
    /// In a variable.
    Variable {
        /// Which.
        variable: VariableId,
        /// Where in its value.
        path: Vec<Arc<str>>,
        /// What counts without a value.
        otherwise: Option<u64>,
    },
}

/// What values of an input type weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weights {
    /// The argument's own weight, for each value.
    pub(super) own: u64,
    /// The type.
    pub(super) ty: TypeRef,
    /// Of input objects that can be in it.
    pub(super) objects: Vec<(TypeId, Vec<InputField>)>,
}

/// A field of an input object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputField {
    name: Arc<str>,
    pub(super) weight: u64,
    ty: TypeRef,
}

impl Expression {
    pub(super) const ZERO: Self = Self::Constant(0);
    pub(super) const ONE: Self = Self::Constant(1);

    /// The sum, with what is known added up.
    pub(super) fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        let (mut known, mut open) = (0_u64, Vec::new());
        for part in parts {
            match part {
                Self::Constant(value) => known = known.saturating_add(value),
                Self::Sum(inner) => open.extend(inner),
                other => open.push(other),
            }
        }
        if open.is_empty() {
            return Self::Constant(known);
        }
        if known > 0 {
            open.push(Self::Constant(known));
        }
        if open.len() == 1 { open.swap_remove(0) } else { Self::Sum(open) }
    }

    /// The largest; nothing is 0.
    pub(super) fn max(parts: impl IntoIterator<Item = Self>) -> Self {
        let (mut known, mut open) = (0_u64, Vec::new());
        for part in parts {
            match part {
                Self::Constant(value) => known = known.max(value),
                other if open.contains(&other) => {}
                other => open.push(other),
            }
        }
        if open.is_empty() {
            return Self::Constant(known);
        }
        if known > 0 {
            open.push(Self::Constant(known));
        }
        if open.len() == 1 { open.swap_remove(0) } else { Self::Max(open) }
    }

    pub(super) fn times(self, other: Self) -> Self {
        match (self, other) {
            (Self::Constant(0), _) | (_, Self::Constant(0)) => Self::ZERO,
            (Self::Constant(1), other) | (other, Self::Constant(1)) => other,
            (Self::Constant(one), Self::Constant(other)) => Self::Constant(one.saturating_mul(other)),
            (one, other) => Self::Product(Box::new(one), Box::new(other)),
        }
    }

    pub(super) fn chunks(self, size: Option<usize>) -> Self {
        // Without a bound all are in one.
        let size = size.and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX).max(1);
        match self {
            Self::Constant(value) => Self::Constant(value.div_ceil(size)),
            other => Self::Chunks(Box::new(other), size),
        }
    }

    pub(super) fn when(self, include: &Include) -> Self {
        match include {
            Include::Always => self,
            Include::AnyOf(alternatives) => self.when_any(alternatives.clone()),
        }
    }

    pub(super) fn when_any(self, alternatives: Vec<Vec<Clause>>) -> Self {
        if self == Self::ZERO { self } else { Self::When(alternatives, Box::new(self)) }
    }

    pub(super) fn size(slicing: Slicing) -> Self {
        if slicing.given.iter().all(|given| matches!(given, Given::Literal(_))) {
            return Self::Constant(slicing.of(&VariableValues::default()));
        }
        Self::Size(slicing)
    }

    /// The number for one request. Recursion is bounded by the nesting of the document.
    pub(super) fn value(&self, variables: &VariableValues) -> u64 {
        match self {
            Self::Constant(value) => *value,
            Self::Sum(parts) => parts.iter().fold(0, |sum, part| sum.saturating_add(part.value(variables))),
            Self::Max(parts) => parts.iter().map(|part| part.value(variables)).max().unwrap_or(0),
            Self::Product(one, other) => match one.value(variables) {
                0 => 0,
                one => one.saturating_mul(other.value(variables)),
            },
            Self::Chunks(of, size) => of.value(variables).div_ceil(*size),
            Self::When(alternatives, part) if hold(alternatives, variables) => part.value(variables),
            Self::When(..) => 0,
            Self::Size(slicing) => slicing.of(variables),
            Self::Weight(variable, weights) => {
                value_of(variables, *variable).map_or(0, |value| weights.of(value, &weights.ty, weights.own))
            }
        }
    }
}

impl Slicing {
    /// The largest of what is given, else what is assumed.
    fn of(&self, variables: &VariableValues) -> u64 {
        self.given.iter().filter_map(|given| given.of(variables)).max().unwrap_or(self.assumed)
    }
}

impl Given {
    /// The number, where one is given.
    pub(super) fn of(&self, variables: &VariableValues) -> Option<u64> {
        match self {
            Self::Literal(size) => *size,
            Self::Variable { variable, path, otherwise } => match value_of(variables, *variable) {
                None => *otherwise,
                Some(value) => size_at(value, path),
            },
        }
    }
}

impl Weights {
    /// What a value weighs; each that is there counts, null does not. Recursion follows the value, whose nesting was bounded when
    /// it was read.
    fn of(&self, value: &Value, ty: &TypeRef, own: u64) -> u64 {
        match (value, ty) {
            (Value::Null, _) => 0,
            (Value::Array(items), TypeRef::List { item, .. }) => {
                items.iter().fold(0, |sum, value| sum.saturating_add(self.of(value, item, own)))
            }
            (Value::Object(members), TypeRef::Named { ty, .. }) => {
                let fields = self.objects.iter().find(|(known, _)| known == ty).map(|(_, fields)| fields);
                fields.into_iter().flatten().fold(own, |sum, InputField { name, weight, ty }| {
                    members.get(name).map_or(sum, |value| sum.saturating_add(self.of(value, ty, *weight)))
                })
            }
            _ => own,
        }
    }
}

/// Whether one of the alternatives holds. A request has all variables of conditions; where they are left open (`weft check`) what
/// they may bring counts.
pub(super) fn hold(alternatives: &[Vec<Clause>], variables: &VariableValues) -> bool {
    alternatives.iter().any(|clauses| clauses.iter().all(|clause| clause.holds(variables) != Some(false)))
}

fn value_of(variables: &VariableValues, variable: VariableId) -> Option<&Value> {
    variables.0.get(variable.0 as usize)?.as_ref()
}

/// The number at a path of a value; what is below 0 is none, and a list is as long as it is.
pub(super) fn size_at(value: &Value, path: &[Arc<str>]) -> Option<u64> {
    let value = path.iter().try_fold(value, |value, name| value.get(name))?;
    match value {
        Value::Number(number) => Some(match number.as_i64() {
            Some(number) => u64::try_from(number).unwrap_or(0),
            // An `Int` fits; of anything else the worst is assumed.
            None => u64::MAX,
        }),
        Value::Array(items) => u64::try_from(items.len()).ok(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => None,
    }
}

/// All that values of an input type can weigh.
pub(super) fn weights(graph: &Graph, own: u64, ty: &TypeRef) -> Weights {
    let mut weights = Weights { own, ty: ty.clone(), objects: Vec::new() };
    let mut open = vec![ty.named()];
    while let Some(next) = open.pop() {
        let TypeKind::InputObject { fields } = &graph[next].kind else { continue };
        if weights.objects.iter().any(|(known, _)| *known == next) {
            continue;
        }
        let rows = fields.iter().map(|field| {
            let written = graph.costs.inputs.get(&next).and_then(|known| known.get(&field.name));
            let weight = written.copied().unwrap_or_else(|| type_weight(graph, field.ty.named()));
            InputField { name: Arc::clone(&field.name), weight, ty: field.ty.clone() }
        });
        weights.objects.push((next, rows.collect()));
        open.extend(fields.iter().map(|field| field.ty.named()));
    }
    weights
}

/// What a type weighs: its `@cost`, else 1 where it has fields and 0 where it has none.
pub(super) fn type_weight(graph: &Graph, ty: TypeId) -> u64 {
    let is_leaf = matches!(graph[ty].kind, TypeKind::Enum { .. } | TypeKind::Scalar(_));
    graph.costs.types.get(&ty).copied().unwrap_or(u64::from(!is_leaf))
}
