//! Joins: a field whose name and type point to an entity gets that entity beside it.

use super::{
    cut, entity,
    model::{Edge, Field, Kind, Model, Scalar, Ty, TypeId, TypeKind, Usage},
    report::Report,
    words::{Names, camel, singular, words},
};

/// Joins of one document.
const JOINS_MAX: usize = 2_000;

/// Adds the joins; gives their number.
pub(super) fn propose(model: &mut Model, report: &mut Report) -> usize {
    let entities = entity::by_words(model);
    let reached = cut::reached(model);
    let mut count = 0;
    for at in 0..model.types.len() {
        let id = TypeId(at);
        let is_object = matches!(model[id].kind, TypeKind::Object { .. }) && model[id].usage == Usage::Output;
        if !is_object || !reached.contains(&id) {
            continue;
        }
        let mut names = Names::default();
        for field in model[id].fields() {
            names.take(&field.name);
        }
        let mut added = Vec::new();
        for field in model[id].fields() {
            let Some((name, to, key, is_list)) = target(model, field, &entities) else { continue };
            // No type twice on one way down.
            if to == id || count >= JOINS_MAX || !names.is_free(&name) || cut::holds(model, to, id) {
                continue;
            }
            names.take(&name);
            count += 1;
            let ty = Ty { kind: Kind::Named(to), is_nullable: true };
            let ty = if is_list { Ty::list(ty.nullable(false)) } else { ty };
            report.note(
                &format!("`{}.{name}`", model[id].name),
                &format!("joined to `{}` by `{}`, for its name and type", model[to].name, field.path.join(".")),
            );
            added.push(Field {
                name,
                path: field.path.clone(),
                ty,
                description: None,
                is_deprecated: field.is_deprecated,
                edge: Edge::Whole,
                // Whether there may be none: a join of nothing is nothing.
                is_integer: field.ty.is_nullable,
                join: Some((to, key)),
                comment: None,
            });
        }
        if let TypeKind::Object { fields, .. } = &mut model[id].kind {
            fields.extend(added);
        }
    }
    count
}

/// The entity that a field points to: its name, key, and whether it points to several.
fn target(
    model: &Model,
    field: &Field,
    entities: &[(Vec<String>, TypeId, usize)],
) -> Option<(String, TypeId, usize, bool)> {
    let (is_list, scalar) = match &field.ty.kind {
        Kind::Scalar(scalar) => (false, *scalar),
        Kind::List(item) => match item.kind {
            Kind::Scalar(scalar) => (true, scalar),
            _ => return None,
        },
        Kind::Named(_) => return None,
    };
    if scalar != Scalar::Id || field.path.len() != 1 || field.join.is_some() {
        return None;
    }
    let mut own = words(&field.path[0]);
    let last = own.pop()?;
    if !["id", "uuid", "ids", "uuids"].contains(&last.as_str()) || own.is_empty() {
        return None;
    }
    let mut wanted = own.clone();
    *wanted.last_mut()? = singular(own.last()?);
    // `billing_address_id` points to an address where there is no billing address.
    let found = (0..wanted.len()).find_map(|from| entities.iter().find(|(words, _, _)| *words == wanted[from..]))?;
    let (_, to, key) = *found;
    let is_same = model[to].fields()[key].is_integer == field.is_integer;
    if !is_same {
        return None;
    }
    if is_list {
        let last = own.last_mut()?;
        if singular(last) == *last {
            *last = format!("{last}s");
        }
    }
    Some((camel(&own)?, to, key, is_list))
}
