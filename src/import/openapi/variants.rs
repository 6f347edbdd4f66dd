//! `oneOf`, `anyOf` and families of components: unions and interfaces where a value tells which one it is, else one type with
//! the fields of all.

use std::rc::Rc;

use serde_json::Value;

use super::{
    document::Node,
    flat::{Flat, Kinds},
    model::{Field, Kind, Member, Model, Scalar, TypeId, TypeKind, Usage},
    report::Report,
    types::{Types, fixed_values, is_plain},
};

/// Alternatives beyond which a value is any JSON.
const MEMBERS_MAX: usize = 120;

/// Values of a discriminator in one mapping: the checks of a schema follow 32 alternatives, and one of them is null.
const TAGS_MAX: usize = 31;

/// Alternatives of alternatives.
const NESTING_MAX: usize = 4;

/// An alternative and the values of the discriminator that mean it.
type Tagged<'d> = (Rc<Flat<'d>>, Vec<Value>);

impl<'d> Types<'d> {
    /// The type of a value that is one of several.
    pub(super) fn variants(&mut self, flat: &Rc<Flat<'d>>, hint: &str, usage: Usage, report: &mut Report) -> Kind {
        let shown = flat.name.clone().unwrap_or_else(|| hint.to_owned());
        let mut parts = Vec::new();
        self.spread(flat, NESTING_MAX, &mut parts, report);
        let objects: Vec<Rc<Flat<'d>>> = parts.iter().filter(|part| part.is_object()).map(Rc::clone).collect();
        if objects.len() != parts.len() || parts.is_empty() || parts.len() > MEMBERS_MAX {
            let reads = parts.iter().all(|part| {
                part.kinds.within(Kinds::STRING.with(Kinds::INTEGER).with(Kinds::NUMBER).with(Kinds::BOOLEAN))
            });
            if !reads {
                report.note(&format!("`{shown}`"), "it is an object or something else; any JSON is taken");
            }
            return Kind::Scalar(Scalar::Json);
        }
        let is_closed = flat.properties.keys().all(|name| parts.iter().all(|part| part.properties.contains_key(name)));
        if usage == Usage::Output
            && is_closed
            && let Some((property, tagged)) = self.tags(flat, &parts, report)
        {
            return self.union(flat, hint, &property, tagged);
        }
        let mut all = objects;
        if !flat.properties.is_empty() {
            all.insert(0, Rc::new(Flat { variants: Rc::default(), ..Flat::clone(flat) }));
        }
        let comment = "The alternatives cannot be told apart: this has the fields of all of them.";
        if usage == Usage::Output {
            report.note(
                &format!("`{shown}`"),
                "nothing tells its alternatives apart; one type has the fields of all of them",
            );
        }
        Kind::Named(self.together(flat, all, hint, usage, Some(comment).filter(|_| usage == Usage::Output)))
    }

    /// The alternatives, with those of alternatives.
    fn spread(&mut self, flat: &Flat<'d>, nesting: usize, out: &mut Vec<Rc<Flat<'d>>>, report: &mut Report) {
        for variant in flat.variants.iter() {
            if out.len() > MEMBERS_MAX {
                return;
            }
            let part = self.flats.read(*variant, report);
            match nesting.checked_sub(1) {
                Some(nesting) if !part.variants.is_empty() && part.properties.is_empty() => {
                    self.spread(&part, nesting, out, report);
                }
                _ if out.iter().any(|known| known.identity == part.identity) => {}
                _ => out.push(part),
            }
        }
    }

    /// The property that tells the alternatives apart, and its values for each. `None`: there is none.
    fn tags(
        &mut self,
        flat: &Flat<'d>,
        parts: &[Rc<Flat<'d>>],
        report: &mut Report,
    ) -> Option<(String, Vec<Tagged<'d>>)> {
        let named = flat.discriminator.and_then(|node| node.text("propertyName").or_else(|| node.value.as_str()));
        let mut candidates: Vec<&'d str> = named.into_iter().collect();
        if candidates.is_empty() {
            candidates.extend(parts.first()?.properties.keys().copied());
        }
        for property in candidates.into_iter().filter(|name| is_plain(name)).take(64) {
            let mut tagged: Vec<Tagged<'d>> = Vec::new();
            for part in parts {
                let mut values = flat.discriminator.map(|node| mapped(node, part)).unwrap_or_default();
                if values.is_empty() {
                    values = self.fixed(part, property, report);
                }
                if values.is_empty() && named.is_some() {
                    values.extend(part.name.clone().map(Value::String));
                }
                tagged.push((Rc::clone(part), values));
            }
            let mut seen = std::collections::HashSet::new();
            let is_clear = tagged.iter().all(|(_, values)| {
                !values.is_empty() && values.iter().all(|value| is_taggable(value) && seen.insert(value.to_string()))
            });
            if is_clear && seen.len() <= TAGS_MAX {
                return Some((property.to_owned(), tagged));
            }
        }
        None
    }

    /// The values to which a property of an alternative is bound.
    fn fixed(&mut self, part: &Flat<'d>, property: &str, report: &mut Report) -> Vec<Value> {
        let Some(node) = part.properties.get(property) else { return Vec::new() };
        let flat = self.flats.read(*node, report);
        if flat.nullable || !part.required.contains(property) && flat.values.len() > 1 {
            return Vec::new();
        }
        fixed_values(&flat).into_iter().cloned().collect()
    }

    fn union(&mut self, flat: &Rc<Flat<'d>>, hint: &str, property: &str, tagged: Vec<Tagged<'d>>) -> Kind {
        if tagged.len() == 1 {
            return Kind::Named(self.object(&tagged[0].0, hint, Usage::Output));
        }
        let name = self.name(flat.name.as_deref(), hint, Usage::Output);
        let kind = TypeKind::Abstract { fields: Vec::new(), members: Vec::new(), discriminator: property.to_owned() };
        let id = self.add(flat, name.clone(), kind, Usage::Output);
        let members = self.members(&name, tagged);
        if let TypeKind::Abstract { members: place, .. } = &mut self.all[id.0].kind {
            *place = members;
        }
        Kind::Named(id)
    }

    fn members(&mut self, name: &str, tagged: Vec<Tagged<'d>>) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        for (part, tags) in tagged {
            let own = tags.first().and_then(Value::as_str).unwrap_or("variant").to_owned();
            let ty = self.object(&part, &format!("{name}{}", super::words::type_name(&own)), Usage::Output);
            match members.iter_mut().find(|member| member.ty == ty) {
                Some(member) => member.tags.extend(tags),
                None => members.push(Member { ty, tags }),
            }
        }
        members
    }

    /// An object with a discriminator, and the components that are made of it: an interface. `None`: nobody is made of it.
    pub(super) fn family(&mut self, flat: &Rc<Flat<'d>>, hint: &str, report: &mut Report) -> Option<Kind> {
        let node = flat.discriminator?;
        let property = node.text("propertyName").or_else(|| node.value.as_str()).filter(|name| is_plain(name))?;
        let children: Vec<Node<'d>> = self.children.get(&flat.identity)?.clone();
        let mut tagged: Vec<Tagged<'d>> = Vec::new();
        for child in children {
            let mut part = Flat::clone(&*self.flats.read(child, report));
            if part.name.is_none() {
                part.name = self.component_name(child);
            }
            if !part.is_object() || part.identity == flat.identity || tagged.len() > MEMBERS_MAX {
                continue;
            }
            let part = Rc::new(part);
            let mut values = mapped(node, &part);
            if values.is_empty() {
                let fixed = self.fixed(&part, property, report);
                // A list of all values comes from the base and tells nothing.
                values.extend(
                    (fixed.len() == 1).then(|| fixed[0].clone()).or_else(|| part.name.clone().map(Value::String)),
                );
            }
            tagged.push((part, values));
        }
        let mut seen = std::collections::HashSet::new();
        let is_clear = |(_, values): &Tagged<'_>| values.iter().all(is_taggable);
        tagged.retain(|entry| is_clear(entry) && entry.1.iter().all(|value| seen.insert(value.to_string())));
        if tagged.is_empty() || seen.len() > TAGS_MAX {
            return None;
        }
        let name = self.name(flat.name.as_deref(), hint, Usage::Output);
        let kind = TypeKind::Abstract { fields: Vec::new(), members: Vec::new(), discriminator: property.to_owned() };
        let id = self.add(flat, name.clone(), kind, Usage::Output);
        let parts = self.members(&name, tagged);
        if let TypeKind::Abstract { members, .. } = &mut self.all[id.0].kind {
            *members = parts;
        }
        Some(Kind::Named(id))
    }

    fn component_name(&self, node: Node<'d>) -> Option<String> {
        self.flats.document.components().find(|(_, known)| known.id() == node.id()).map(|(name, _)| name.to_owned())
    }
}

/// Gives each interface the fields that all of its members have. What has no such field is a union.
pub(super) fn share_fields(model: &mut Model) {
    for at in 0..model.types.len() {
        let TypeKind::Abstract { members, .. } = &model.types[at].kind else { continue };
        let members: Vec<TypeId> = members.iter().map(|member| member.ty).collect();
        let Some(first) = members.first() else { continue };
        let mut shared: Vec<Field> = model[*first].fields().to_vec();
        shared.retain_mut(|field| {
            members[1..].iter().all(|member| {
                let other = model[*member].fields().iter().find(|other| other.name == field.name);
                other.filter(|other| other.ty.with_inner_null() == field.ty.with_inner_null()).is_some_and(|other| {
                    field.ty = field.ty.or_null(&other.ty);
                    true
                })
            })
        });
        if shared.is_empty() {
            continue;
        }
        for member in &members {
            if let TypeKind::Object { implements, .. } = &mut model[*member].kind {
                implements.push(TypeId(at));
            }
        }
        if let TypeKind::Abstract { fields, .. } = &mut model.types[at].kind {
            *fields = shared;
        }
    }
}

/// The values that `mapping` gives an alternative.
fn mapped(discriminator: Node<'_>, part: &Flat<'_>) -> Vec<Value> {
    let Some(name) = &part.name else { return Vec::new() };
    discriminator
        .members_of("mapping")
        .filter(|(_, target)| {
            let target = target.value.as_str().unwrap_or_default();
            target.rsplit('/').next() == Some(name) || target == name
        })
        .map(|(value, _)| Value::String(value.to_owned()))
        .collect()
}

fn is_taggable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() < 200 && !text.chars().any(char::is_control),
        Value::Bool(_) => true,
        Value::Number(number) => number.is_i64(),
        _ => false,
    }
}
