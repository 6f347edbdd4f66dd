//! Selections that end: no type twice on one way down, and none longer than people read.
//!
//! The rule: walking down from the operations in the document's order, a field whose type is already on the way holds JSON. After that, a
//! type of more than [`SIZE_MAX`] fields, those of its fields included, gives up its largest parts: a field of an entity keeps the
//! key only, and a connector gives the rest; any other holds JSON. What a field holds depends on its type alone and not on the
//! way to it, so that a type has the same fields wherever it is reached.

use std::collections::HashSet;

use super::model::{Edge, Kind, Model, Place, TypeId, TypeKind};

/// Fields of one selection.
const SIZE_MAX: usize = 250;

/// Groups inside each other.
const DEPTH_MAX: usize = 8;

/// Fields of all selections together.
const TOTAL_MAX: usize = 1_500_000;

/// Why a field holds JSON.
pub(super) const CIRCLE: &str = "its type contains itself";
const LENGTH: &str = "its selection would be too long";

/// Bounds the selections. Gives the number of operations that fit, in their order.
pub(super) fn cut(model: &mut Model) -> usize {
    let order = break_circles(model);
    bound(model, &order);
    let mut total: usize = 0;
    let size =
        |model: &Model, ty: &super::model::Ty| ty.inner().and_then(|id| model.sizes.get(&id).copied()).unwrap_or(1);
    for (at, operation) in model.operations.iter().enumerate() {
        total = total.saturating_add(size(model, &operation.result));
        for argument in operation.arguments.iter().filter(|argument| argument.place == Place::Body) {
            total = total.saturating_add(size(model, &argument.ty));
        }
        if total > TOTAL_MAX {
            return at;
        }
    }
    model.operations.len()
}

/// The types that operations begin with.
fn roots(model: &Model) -> Vec<TypeId> {
    let of = |operation: &super::model::Operation| {
        let arguments = operation.arguments.iter().filter_map(|argument| argument.ty.inner());
        operation.result.inner().into_iter().chain(arguments).collect::<Vec<_>>()
    };
    model.operations.iter().flat_map(of).collect()
}

/// What a type leads to: by a field, or as a member of a union.
fn next(model: &Model, id: TypeId) -> Vec<(Option<usize>, TypeId)> {
    match &model[id].kind {
        TypeKind::Abstract { members, .. } => members.iter().map(|member| (None, member.ty)).collect(),
        TypeKind::Object { fields, .. } => fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.edge == Edge::Whole && field.join.is_none())
            .filter_map(|(at, field)| Some((Some(at), field.ty.inner()?)))
            .filter(|(_, id)| !matches!(model[*id].kind, TypeKind::Enum { .. }))
            .collect(),
        TypeKind::Enum { .. } => Vec::new(),
    }
}

/// Cuts fields that lead back. Gives all types that are reached, each behind those that it leads to.
fn break_circles(model: &mut Model) -> Vec<TypeId> {
    let mut order = Vec::new();
    let mut done: HashSet<TypeId> = HashSet::new();
    let mut above: HashSet<TypeId> = HashSet::new();
    for root in roots(model) {
        if done.contains(&root) {
            continue;
        }
        above.insert(root);
        // By hand and not by recursion: a chain of types can be as long as the document.
        let mut stack = vec![(root, next(model, root), 0_usize)];
        while let Some((id, leads, at)) = stack.last_mut() {
            let Some((field, to)) = leads.get(*at).copied() else {
                done.insert(*id);
                above.remove(id);
                order.push(*id);
                stack.pop();
                continue;
            };
            *at += 1;
            let id = *id;
            let members = match &model[to].kind {
                TypeKind::Abstract { members, .. } => members.iter().map(|member| member.ty).collect(),
                _ => Vec::new(),
            };
            if above.contains(&to) || members.iter().any(|member| above.contains(member)) {
                if let Some(field) = field {
                    model[id].fields_mut()[field].edge = Edge::Json(CIRCLE);
                }
            } else if !done.contains(&to) {
                above.insert(to);
                stack.push((to, next(model, to), 0));
            }
        }
    }
    order
}

/// Cuts what is too long.
fn bound(model: &mut Model, order: &[TypeId]) {
    let mut depths = std::collections::HashMap::new();
    model.sizes.clear();
    for id in order {
        let mut leads = next(model, *id);
        // The largest last.
        leads.sort_by_key(|(_, to)| model.sizes.get(to).copied().unwrap_or(1));
        let leaves = model[*id].fields().len().saturating_sub(leads.len());
        let depth_of = |depths: &std::collections::HashMap<TypeId, usize>, leads: &[(Option<usize>, TypeId)]| {
            leads.iter().map(|(_, to)| depths.get(to).copied().unwrap_or(0) + 1).max().unwrap_or(0)
        };
        let mut size = leads.iter().fold(leaves, |sum, (_, to)| {
            sum.saturating_add(model.sizes.get(to).copied().unwrap_or(1)).saturating_add(1)
        });
        let mut depth = depth_of(&depths, &leads);
        while size > SIZE_MAX || depth > DEPTH_MAX {
            let at = if size > SIZE_MAX {
                leads.len().checked_sub(1)
            } else {
                leads.iter().position(|(_, to)| depths.get(to).copied().unwrap_or(0) + 1 == depth)
            };
            let Some(at) = at else { break };
            let (Some(field), to) = leads.remove(at) else { break };
            size = size.saturating_sub(model.sizes.get(&to).copied().unwrap_or(1));
            model[*id].fields_mut()[field].edge = if model[to].is_entity() { Edge::Key } else { Edge::Json(LENGTH) };
            depth = depth_of(&depths, &leads);
        }
        model.sizes.insert(*id, size);
        depths.insert(*id, depth);
    }
}

/// Whether one type's selection holds the other.
pub(super) fn holds(model: &Model, from: TypeId, wanted: TypeId) -> bool {
    let mut open = vec![from];
    let mut seen = HashSet::from([from]);
    while let Some(id) = open.pop() {
        if id == wanted {
            return true;
        }
        open.extend(next(model, id).into_iter().map(|(_, to)| to).filter(|to| seen.insert(*to)));
    }
    false
}

/// The types that have to be written.
pub(super) fn reached(model: &Model) -> HashSet<TypeId> {
    let mut open: Vec<TypeId> = roots(model);
    let mut seen: HashSet<TypeId> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        let mut more: Vec<TypeId> = next(model, id).into_iter().map(|(_, to)| to).collect();
        for field in model[id].fields() {
            if matches!(field.edge, Edge::Json(_)) {
                continue;
            }
            more.extend(field.ty.inner());
            more.extend(field.join.map(|(to, _)| to));
        }
        open.extend(more.into_iter().filter(|to| seen.insert(*to)));
    }
    seen
}

/// Types of which nothing is left (all of it is written only, or read only) are JSON, wherever they are.
pub(super) fn drop_empty(model: &mut Model) {
    let mut empty: HashSet<TypeId> = HashSet::new();
    loop {
        let is_empty = |ty: &super::model::Type, empty: &HashSet<TypeId>| match &ty.kind {
            TypeKind::Object { fields, .. } => fields.is_empty(),
            TypeKind::Abstract { members, .. } => members.iter().all(|member| empty.contains(&member.ty)),
            TypeKind::Enum { .. } => false,
        };
        let found: Vec<TypeId> = (0..model.types.len())
            .map(TypeId)
            .filter(|id| !empty.contains(id) && is_empty(&model[*id], &empty))
            .collect();
        if found.is_empty() {
            break;
        }
        empty.extend(found);
    }
    let settle = |ty: &mut super::model::Ty| {
        if ty.inner().is_some_and(|id| empty.contains(&id)) {
            *ty = ty.with_inner(&Kind::Scalar(super::model::Scalar::Json));
        }
    };
    for ty in &mut model.types {
        if let TypeKind::Abstract { members, .. } = &mut ty.kind {
            members.retain(|member| !empty.contains(&member.ty));
        }
        for field in ty.fields_mut() {
            settle(&mut field.ty);
        }
    }
    for operation in &mut model.operations {
        settle(&mut operation.result);
        for argument in &mut operation.arguments {
            settle(&mut argument.ty);
        }
    }
}

/// Fields that hold JSON instead of their type.
pub(super) fn settle(model: &mut Model) {
    for ty in &mut model.types {
        for field in ty.fields_mut() {
            if let Edge::Json(why) = field.edge {
                field.ty = field.ty.with_inner(&Kind::Scalar(super::model::Scalar::Json));
                field.comment = Some(format!("JSON: {why}."));
            }
        }
    }
}
