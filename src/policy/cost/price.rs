//! Fields to expressions: what the cost directives' draft says of one field, over the bound operation.

use std::sync::Arc;

use super::expression::{Expression, Given, Slicing, size_at, type_weight, weights};
use crate::{
    mapping::Value,
    operation::{ArgumentValue, FieldRef, Include, Selected, SelectedArgument, Selection, Variant},
    schema::{Argument, FieldCost, FieldId, Graph, TypeId, TypeKind, TypeRef},
};

/// Prices the fields of an operation.
pub(super) struct Pricer<'a> {
    pub(super) graph: &'a Graph,
    /// Items of a list that no directive says the length of.
    pub(super) list_size: u64,
    /// Fields that want exactly one slicing argument, and which they have.
    pub(super) required: Vec<Required>,
}

/// A field that wants exactly one slicing argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Required {
    /// `Query.products`
    pub(super) field: String,
    /// Names of the arguments.
    pub(super) arguments: Vec<String>,
    pub(super) given: Vec<Given>,
    pub(super) include: Include,
    pub(super) location: crate::error::Location,
}

/// The lists below a field whose length its arguments say.
#[derive(Debug, Clone)]
pub(super) struct Sized<'a> {
    fields: &'a [Arc<str>],
    size: Expression,
}

/// What one field costs, in parts: `arguments + size × (weight + what is below)`.
pub(super) struct Parts<'a> {
    pub(super) arguments: Expression,
    pub(super) size: Expression,
    /// `@cost` of the field, which counts for each of its objects instead of their types'.
    pub(super) weight: Option<u64>,
    /// What it says of the lists below.
    pub(super) sized: Option<Sized<'a>>,
}

impl<'a> Pricer<'a> {
    /// The operation's cost: all fields of the root, whose own object is free.
    pub(super) fn operation(&mut self, selection: &Selection) -> Expression {
        self.objects(selection, Some(0), None)
    }

    /// One object with its fields: of what it can be, the dearest.
    fn objects(&mut self, selection: &Selection, weight: Option<u64>, sized: Option<&Sized<'_>>) -> Expression {
        let graph = self.graph;
        let variants = selection.variants.iter().map(|variant| {
            let own =
                weight.unwrap_or_else(|| variant.types.iter().map(|ty| type_weight(graph, *ty)).max().unwrap_or(1));
            let fields = variant.fields.iter().map(|field| self.field(variant, field, sized));
            Expression::sum(std::iter::once(Expression::Constant(own)).chain(fields.collect::<Vec<_>>()))
        });
        Expression::max(variants.collect::<Vec<_>>())
    }

    /// A response key, for one object.
    pub(super) fn field(&mut self, variant: &Variant, field: &Selected, sized: Option<&Sized<'_>>) -> Expression {
        let alternatives = self.definitions(variant, field).into_iter().map(|id| {
            let parts = self.parts(id, field, sized);
            let each = match &field.selection {
                Some(below) => self.objects(below, parts.weight, parts.sized.as_ref()),
                None => Expression::Constant(self.leaf_weight(id, parts.weight)),
            };
            Expression::sum([parts.arguments, parts.size.times(each)])
        });
        Expression::max(alternatives.collect::<Vec<_>>()).when(&field.include)
    }

    /// What a value without fields weighs.
    pub(super) fn leaf_weight(&self, field: FieldId, own: Option<u64>) -> u64 {
        own.unwrap_or_else(|| type_weight(self.graph, self.graph[field].ty.named()))
    }

    /// The fields that a response key stands for: types that share a variant may weigh differently.
    pub(super) fn definitions(&self, variant: &Variant, field: &Selected) -> Vec<FieldId> {
        let FieldRef::Field(first) = field.field else { return Vec::new() };
        let name = &self.graph[first].name;
        let mut ids: Vec<FieldId> = Vec::new();
        for ty in &variant.types {
            let id = self.graph[*ty].fields.get(name).copied().unwrap_or(first);
            if !ids.iter().any(|known| self.directives(*known) == self.directives(id)) {
                ids.push(id);
            }
        }
        ids
    }

    fn directives(&self, field: FieldId) -> Option<&'a FieldCost> {
        self.graph.costs.fields.get(&field)
    }

    /// The parts of a field's cost. `sized`: what the field above says.
    pub(super) fn parts(&mut self, id: FieldId, selected: &Selected, sized: Option<&Sized<'_>>) -> Parts<'a> {
        let graph = self.graph;
        let definition = &graph[id];
        let cost = self.directives(id);
        let list = cost.and_then(|cost| cost.list.as_ref());
        let size = list.map(|list| {
            let assumed = list.assumed.unwrap_or(self.list_size);
            let given: Vec<Given> = list
                .slicing
                .iter()
                .map(|path| given(graph, &definition.arguments, &selected.arguments, path))
                .collect();
            if list.one_required {
                let required = Required {
                    field: format!("{}.{}", graph[definition.parent].name, definition.name),
                    arguments: list.slicing.iter().map(|path| path.join(".")).collect(),
                    given: given.clone(),
                    include: selected.include.clone(),
                    location: selected.location,
                };
                self.required.push(required);
            }
            Expression::size(Slicing { given, assumed })
        });
        let depth = depth(&definition.ty);
        let is_sized = sized.filter(|sized| sized.fields.contains(&definition.name));
        let mut parts = Parts {
            arguments: Expression::sum(selected.arguments.iter().filter_map(|written| {
                let argument = definition.arguments.iter().find(|argument| argument.name == written.name)?;
                let own = cost.and_then(|cost| cost.arguments.get(&argument.name)).copied();
                let own = own.unwrap_or_else(|| type_weight(graph, argument.ty.named()));
                Some(argument_weight(graph, own, &argument.ty, &written.value))
            })),
            size: Expression::ONE,
            weight: cost.and_then(|cost| cost.weight),
            sized: None,
        };
        if depth > 0 {
            let outermost = match (is_sized, list.filter(|list| list.sized.is_empty()), size) {
                (Some(sized), ..) => sized.size.clone(),
                (None, Some(_), Some(size)) => size,
                _ => Expression::Constant(self.list_size),
            };
            let inner = u32::try_from(depth - 1).unwrap_or(u32::MAX);
            parts.size = outermost.times(Expression::Constant(self.list_size.saturating_pow(inner)));
        } else if let (Some(list), Some(size)) = (list, size) {
            parts.sized = Some(Sized { fields: &list.sized, size });
        }
        parts
    }
}

/// Lists around the named type.
pub(super) fn depth(ty: &TypeRef) -> usize {
    match ty {
        TypeRef::Named { .. } => 0,
        TypeRef::List { item, .. } => depth(item) + 1,
    }
}

/// What is written for an argument or input field.
fn argument_weight(graph: &Graph, own: u64, ty: &TypeRef, written: &ArgumentValue) -> Expression {
    match (written, ty) {
        (ArgumentValue::Variable(variable), _) => {
            Expression::Weight(*variable, Arc::new(weights(graph, own, ty))).unless_free()
        }
        (ArgumentValue::List(items), TypeRef::List { item, .. }) => {
            Expression::sum(items.iter().map(|value| argument_weight(graph, own, item, value)))
        }
        (ArgumentValue::Object(members), TypeRef::Named { ty, .. }) => {
            let members = members.iter().map(|(name, value)| {
                let Some((weight, ty)) = input_field(graph, *ty, name) else { return Expression::ZERO };
                argument_weight(graph, weight, ty, value)
            });
            Expression::sum(std::iter::once(Expression::Constant(own)).chain(members))
        }
        (ArgumentValue::Literal(value), _) => Expression::Constant(literal_weight(graph, own, ty, value)),
        // Inside of custom scalars.
        (ArgumentValue::List(_) | ArgumentValue::Object(_), _) => Expression::Constant(own),
    }
}

fn literal_weight(graph: &Graph, own: u64, ty: &TypeRef, value: &Value) -> u64 {
    match (value, ty) {
        (Value::Null, _) => 0,
        (Value::Array(items), TypeRef::List { item, .. }) => {
            items.iter().fold(0, |sum, value| sum.saturating_add(literal_weight(graph, own, item, value)))
        }
        (Value::Object(members), TypeRef::Named { ty, .. }) => members.iter().fold(own, |sum, (name, value)| {
            let Some((weight, ty)) = input_field(graph, *ty, name) else { return sum };
            sum.saturating_add(literal_weight(graph, weight, ty, value))
        }),
        _ => own,
    }
}

/// Weight and type of an input field.
fn input_field<'a>(graph: &'a Graph, ty: TypeId, name: &str) -> Option<(u64, &'a TypeRef)> {
    let TypeKind::InputObject { fields } = &graph[ty].kind else { return None };
    let field = fields.iter().find(|field| *field.name == *name)?;
    let weight = graph.costs.inputs.get(&ty).and_then(|known| known.get(name)).copied();
    Some((weight.unwrap_or_else(|| type_weight(graph, field.ty.named())), &field.ty))
}

/// What a slicing argument says: as written, else its default.
fn given(graph: &Graph, definitions: &[Argument], written: &[SelectedArgument], path: &[Arc<str>]) -> Given {
    let Some((name, rest)) = path.split_first() else { return Given::Literal(None) };
    let definition = definitions.iter().find(|definition| definition.name == *name);
    let default = || definition.and_then(|definition| size_at(definition.default.as_ref()?, rest));
    match written.iter().find(|argument| argument.name == *name).map(|argument| &argument.value) {
        None => Given::Literal(default()),
        Some(ArgumentValue::Variable(variable)) => {
            Given::Variable { variable: *variable, path: rest.to_vec(), otherwise: default() }
        }
        Some(ArgumentValue::Literal(value)) if rest.is_empty() => Given::Literal(size_at(value, &[])),
        Some(ArgumentValue::List(items)) => Given::Literal(u64::try_from(items.len()).ok()),
        Some(value) => match definition.map(|definition| &graph[definition.ty.named()].kind) {
            Some(TypeKind::InputObject { fields }) => given(graph, fields, &members(value), rest),
            _ => Given::Literal(None),
        },
    }
}

/// The members of a written input object.
fn members(value: &ArgumentValue) -> Vec<SelectedArgument> {
    match value {
        ArgumentValue::Object(members) => members
            .iter()
            .map(|(name, value)| SelectedArgument { name: Arc::clone(name), value: value.clone() })
            .collect(),
        ArgumentValue::Literal(Value::Object(members)) => {
            let literal = |value: &Value| ArgumentValue::Literal(value.clone());
            members
                .iter()
                .map(|(name, value)| SelectedArgument { name: name.as_str().into(), value: literal(value) })
                .collect()
        }
        ArgumentValue::Literal(_) | ArgumentValue::Variable(_) | ArgumentValue::List(_) => Vec::new(),
    }
}

impl Expression {
    /// A value that weighs nothing whatever it is need not be looked at.
    fn unless_free(self) -> Self {
        match &self {
            Self::Weight(_, weights)
                if weights.own == 0
                    && weights.objects.iter().all(|(_, fields)| fields.iter().all(|field| field.weight == 0)) =>
            {
                Self::ZERO
            }
            _ => self,
        }
    }
}
