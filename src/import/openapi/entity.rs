//! Who can be had by a key: `GET` by id, and calls that serve many keys at once.

use std::collections::HashSet;

use super::{
    model::{Batch, Field, Kind, Model, Operation, Place, Scalar, Style, Ty, TypeConnector, TypeId, TypeKind, Usage},
    report::Report,
    title,
    words::{singular, singular_words, words},
};

/// Keys of one call when the document does not say.
const KEYS_DEFAULT: u64 = 50;

/// Finds entities, gives them their keys and connectors, and makes `ID` of what identifies them.
pub(super) fn find(model: &mut Model, report: &mut Report) {
    for at in 0..model.operations.len() {
        single(model, at);
    }
    for at in 0..model.operations.len() {
        batch(model, at, report);
    }
    soften(model);
}

/// The object type that an operation gives one of.
fn object(model: &Model, ty: &Ty) -> Option<TypeId> {
    match ty.kind {
        Kind::Named(id) if is_plain_object(model, id) => Some(id),
        _ => None,
    }
}

fn is_plain_object(model: &Model, id: TypeId) -> bool {
    model[id].usage == Usage::Output && matches!(model[id].kind, TypeKind::Object { .. })
}

/// `GET /users/{id}` with an `id` in what it gives.
fn single(model: &mut Model, at: usize) {
    let operation = &model.operations[at];
    if operation.method != "GET" || !operation.path.ends_with('}') {
        return;
    }
    let Some(id) = object(model, &operation.result) else { return };
    let of_path: Vec<usize> = operation
        .arguments
        .iter()
        .enumerate()
        .filter(|(_, argument)| argument.place == Place::Path)
        .map(|(at, _)| at)
        .collect();
    let others = operation.arguments.len() - of_path.len();
    let is_optional = |place: &Place, ty: &Ty| *place == Place::Path || ty.is_nullable;
    if of_path.is_empty() || !operation.arguments.iter().all(|argument| is_optional(&argument.place, &argument.ty)) {
        return;
    }
    let resource = title::resource(&operation.path);
    let last = of_path.len() - 1;
    let mut key = Vec::new();
    for (number, argument) in of_path.iter().enumerate() {
        let wire = &operation.arguments[*argument].wire;
        let Some(field) = key_field(model[id].fields(), wire, (number == last).then_some(&resource)) else { return };
        if key.contains(&field) {
            return;
        }
        key.push(field);
    }
    // Arguments of an entity are called as its key fields are.
    let names: Vec<&String> = key.iter().map(|field| &model[id].fields()[*field].name).collect();
    let is_clear = operation.arguments.iter().enumerate().all(|(number, argument)| {
        if of_path.contains(&number) { argument.ty.is_scalar() } else { !names.contains(&&argument.name) }
    });
    if !is_clear || model[id].keys.contains(&key) {
        return;
    }
    for (argument, field) in of_path.iter().zip(&key) {
        identify(&mut model[id].fields_mut()[*field]);
        let Field { name, ty, .. } = model[id].fields()[*field].clone();
        let argument = &mut model.operations[at].arguments[*argument];
        argument.ty = ty.nullable(false);
        argument.name = name;
    }
    let number = model[id].keys.len();
    model[id].keys.push(key);
    // With further arguments the field is no entity resolver: the type gets a connector of its own.
    let fits = others == 0;
    model.operations[at].is_entity = fits;
    if !fits {
        model[id].connectors.push(TypeConnector { operation: at, key: number, batch: None });
    }
}

/// The field of an object that a parameter of a path means: by its name, or its id when the parameter is the last one.
fn key_field(fields: &[Field], wire: &str, resource: Option<&Vec<String>>) -> Option<usize> {
    let scalar = |field: &Field| {
        matches!(field.ty.kind, Kind::Scalar(Scalar::Id | Scalar::String | Scalar::Int | Scalar::Long | Scalar::Uuid))
            && field.path.len() == 1
    };
    let by_name = |name: &str| fields.iter().position(|field| field.path[0] == name && scalar(field));
    let wanted = words(wire);
    if let Some(found) =
        by_name(wire).or_else(|| fields.iter().position(|field| words(&field.path[0]) == wanted && scalar(field)))
    {
        return Some(found);
    }
    let resource = resource?;
    // `{id}`, `{user_id}`, `{userId}`, `{user}` of `/users/{…}`, where the object has `id`.
    let is_id = matches!(wanted.last().map(String::as_str), Some("id" | "uuid"))
        && (wanted.len() == 1
            || wanted[..wanted.len() - 1].ends_with(resource)
            || resource.ends_with(&wanted[..wanted.len() - 1]));
    let is_named = wanted == *resource;
    if is_id || is_named {
        let own = ["id", "uuid"].iter().find_map(|name| by_name(name));
        let mut long = resource.clone();
        long.push("id".to_owned());
        return own.or_else(|| fields.iter().position(|field| words(&field.path[0]) == long && scalar(field)));
    }
    None
}

/// Keys are `ID`, never null.
fn identify(field: &mut Field) {
    if let Kind::Scalar(scalar) = field.ty.kind {
        field.is_integer |= matches!(scalar, Scalar::Int | Scalar::Long);
    }
    field.ty = Ty::scalar(Scalar::Id).nullable(false);
}

/// A list that can be asked for by keys: `?ids=1,2`, `?id=1&id=2`, or a body with nothing but keys.
fn batch(model: &mut Model, at: usize, report: &mut Report) {
    let operation = &model.operations[at];
    if !operation.is_query {
        return;
    }
    let Some((id, _)) = listed(model, operation) else { return };
    let Some((argument, field)) = operation.arguments.iter().enumerate().find_map(|(number, argument)| {
        let names = keys_of(model, operation, argument)?;
        let field = names.iter().find_map(|wanted| {
            model[id].fields().iter().position(|field| {
                let is_leaf = matches!(field.ty.kind, Kind::Scalar(scalar) if scalar != Scalar::Json && scalar != Scalar::Boolean && scalar != Scalar::Float);
                is_leaf && words(&field.path[0]) == *wanted && field.path.len() == 1
            })
        })?;
        Some((number, field))
    }) else {
        return;
    };
    let others_are_optional =
        operation.arguments.iter().enumerate().all(|(number, other)| number == argument || other.ty.is_nullable);
    let known = &model[id];
    let is_served =
        known.connectors.iter().any(|connector| connector.batch.is_some() && known.keys[connector.key] == [field]);
    if !others_are_optional || is_served {
        return;
    }
    // A body says it at its only property.
    let of_body = operation.arguments[argument].ty.inner().and_then(|id| model[id].fields().first());
    let text = of_body.map_or(&operation.arguments[argument].description, |field| &field.description);
    let text = text.clone().unwrap_or_default();
    let stated = operation.arguments[argument].items_max.or_else(|| stated_maximum(&text));
    let keys_max = stated.unwrap_or(KEYS_DEFAULT).clamp(1, 1_000);
    identify(&mut model[id].fields_mut()[field]);
    let argument_ty = &mut model.operations[at].arguments[argument].ty;
    if argument_ty.is_list() {
        *argument_ty = argument_ty.with_inner(&Kind::Scalar(Scalar::Id));
    }
    let known = model[id].keys.iter().position(|key| *key == [field]);
    let key = known.unwrap_or_else(|| {
        model[id].keys.push(vec![field]);
        model[id].keys.len() - 1
    });
    // The single call by this key is not needed beside the batch.
    model[id].connectors.retain(|connector| connector.key != key);
    let name = model[id].name.clone();
    for operation in &mut model.operations {
        if operation.is_entity && operation.result.kind == Kind::Named(id) && operation.arguments.len() == 1 {
            operation.is_entity = operation.arguments[0].name != model.types[id.0].fields()[field].name;
        }
    }
    let comma = matches!(model.operations[at].arguments[argument].place, Place::Query(Style::Repeated))
        && !model.operations[at].arguments[argument].ty.is_list();
    if comma {
        model.operations[at].arguments[argument].place = Place::Query(Style::Joined(","));
    }
    let title = model.operations[at].title.clone();
    let how = if stated.is_some() {
        "as its description says"
    } else {
        "a guess: the document does not say how many it takes"
    };
    report.note(&title, &format!("`{name}` is asked for by up to {keys_max} keys in one call ({how})"));
    model[id].connectors.push(TypeConnector { operation: at, key, batch: Some(Batch { keys_max, argument }) });
}

/// The object type that an operation gives a list of, and the names that lead to the list.
pub(super) fn listed(model: &Model, operation: &Operation) -> Option<(TypeId, Vec<String>)> {
    let (ty, mut path) = (operation.result.clone(), operation.envelope.clone());
    let ty = match object(model, &ty) {
        Some(page) => {
            let items = model[page].fields().iter().find(|field| field.name == "items" && field.ty.is_list())?;
            path.extend(items.path.iter().cloned());
            items.ty.clone()
        }
        None => ty,
    };
    match ty.kind {
        Kind::List(item) => Some((object(model, &item)?, path)),
        _ => None,
    }
}

/// What the key may be called, when an argument takes many keys.
fn keys_of(model: &Model, operation: &Operation, argument: &super::model::Argument) -> Option<Vec<Vec<String>>> {
    let own = match (&argument.place, argument.wire.as_str()) {
        // `{ "skus": ["…"] }` and nothing else.
        (Place::Body, "") => {
            let id = argument.ty.inner().filter(|_| !argument.ty.is_list())?;
            let [field] = model[id].fields() else { return None };
            if !is_scalar_list(&field.ty) {
                return None;
            }
            words(&field.path[0])
        }
        (Place::Query(_), wire) => {
            let own = words(wire);
            let text = argument.description.as_deref().unwrap_or_default().to_ascii_lowercase();
            let is_joined = argument.ty.kind == Kind::Scalar(Scalar::String)
                && singular_words(&own) != own
                && (text.contains("comma") || own == ["ids"]);
            if !is_scalar_list(&argument.ty) && !is_joined {
                return None;
            }
            own
        }
        _ => return None,
    };
    let one = singular_words(&own);
    let mut names = vec![one.clone()];
    // `ids` and `user_ids` of users mean `id`.
    if one.last().map(String::as_str) == Some("id") {
        let resource = title::resource(&operation.path);
        if one.len() > 1 && resource.ends_with(&one[..one.len() - 1]) {
            names.push(vec!["id".to_owned()]);
        }
        if one.len() == 1 {
            names.push([resource, one].concat());
        }
    }
    Some(names)
}

fn is_scalar_list(ty: &Ty) -> bool {
    matches!(&ty.kind, Kind::List(item) if matches!(item.kind, Kind::Scalar(scalar) if scalar != Scalar::Json))
}

/// The number in `up to 200 ids`.
fn stated_maximum(text: &str) -> Option<u64> {
    let words: Vec<&str> = text
        .split(|char: char| char.is_whitespace() || char == '(' || char == ':')
        .filter(|word| !word.is_empty())
        .collect();
    let number = |word: &str| {
        word.trim_end_matches(['.', ',', ';', ')']).replace(',', "").parse::<u64>().ok().filter(|number| *number > 0)
    };
    words.windows(3).find_map(|window| {
        let [first, second, third] = window else { return None };
        match (first.to_ascii_lowercase().as_str(), second.to_ascii_lowercase().as_str()) {
            ("up" | "limited", "to") | ("at", "most") | ("maximum" | "limit", "of") => number(third),
            ("max" | "maximum" | "max.", _) => number(second),
            _ => None,
        }
    })
}

/// What another call may complete is null when that call fails: only keys of entities are never null.
fn soften(model: &mut Model) {
    for ty in &mut model.types {
        let keys: HashSet<usize> = ty.keys.iter().flatten().copied().collect();
        if keys.is_empty() {
            continue;
        }
        for (at, field) in ty.fields_mut().iter_mut().enumerate() {
            field.ty.is_nullable |= !keys.contains(&at);
        }
    }
}

/// The entities with one key of one field: their words, and the key.
pub(super) fn by_words(model: &Model) -> Vec<(Vec<String>, TypeId, usize)> {
    let mut found = Vec::new();
    let mut add = |words: Vec<String>, id: TypeId, key: usize| {
        if !words.is_empty() && !found.iter().any(|(known, _, _)| *known == words) {
            found.push((words, id, key));
        }
    };
    for operation in model.operations.iter().filter(|it| it.path.ends_with('}') && it.method == "GET") {
        let Kind::Named(id) = operation.result.kind else { continue };
        let key = model[id].keys.iter().find_map(|key| if let [one] = key.as_slice() { Some(*one) } else { None });
        if let Some(key) = key.filter(|key| key_words(model, id, *key)) {
            add(words(&model[id].name), id, key);
            add(title::resource(&operation.path), id, key);
        }
    }
    for (at, ty) in model.types.iter().enumerate() {
        for connector in ty.connectors.iter().filter(|connector| connector.batch.is_some()) {
            match ty.keys[connector.key].as_slice() {
                [key] if key_words(model, TypeId(at), *key) => add(words(&ty.name), TypeId(at), *key),
                _ => {}
            }
        }
    }
    found
}

/// Whether a key is the entity's own, and not what it belongs to: `product_id` of a summary is not.
fn key_words(model: &Model, id: TypeId, key: usize) -> bool {
    let field = words(&model[id].fields()[key].path[0]);
    let own: Vec<String> = words(&model[id].name).iter().map(|word| singular(word)).collect();
    match field.as_slice() {
        [one] => one == "id" || one == "uuid" || one == "sku" || one == "code" || one == "slug",
        [before @ .., last] => (last == "id" || last == "uuid") && own.ends_with(before),
        [] => false,
    }
}
