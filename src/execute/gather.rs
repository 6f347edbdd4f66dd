//! Which objects a step is for: the objects of its position in response order, and their distinct keys.

use std::collections::HashSet;

use super::{
    key::{KeyState, key_object, write_key},
    known::{Keys, Waiting},
    view::{Instance, View},
};
use crate::{
    mapping::{Object, Value},
    plan::{Origin, PositionId, Step},
};

/// The objects of positions, found once each. A position is complete before a step on it starts, so nothing grows stale.
#[derive(Debug, Default)]
pub(super) struct Instances {
    known: Vec<Option<Vec<Instance>>>,
}

impl Instances {
    /// The distinct objects of a position, in response order.
    pub fn of(&mut self, view: View<'_>, id: PositionId) -> &[Instance] {
        let at = id.0 as usize;
        if self.known.len() <= at {
            self.known.resize(view.plan.positions.len(), None);
        }
        if self.known[at].is_none() {
            let found = match view.position(id).parent {
                None => vec![view.root()],
                Some((parent, origin)) => {
                    let guard = view.position(id).guard;
                    let parents = self.of(view, parent);
                    if guard.is_none() {
                        children(view, parent, parents, origin)
                    } else {
                        let passing = parents.iter().copied().filter(|parent| view.passes(guard, *parent));
                        children(view, parent, &passing.collect::<Vec<_>>(), origin)
                    }
                }
            };
            self.known[at] = Some(found);
        }
        self.known[at].as_deref().unwrap_or_default()
    }
}

fn children(view: View<'_>, parent: PositionId, parents: &[Instance], origin: Origin) -> Vec<Instance> {
    let mut found = Vec::with_capacity(parents.len());
    for &instance in parents {
        let value = match origin {
            Origin::Hop(hop) => view.hop(parent, instance, hop),
            Origin::Column(column) => view.column(Some(parent), instance, column),
            Origin::Typename | Origin::Introspection | Origin::Denied => continue,
        };
        view.objects(value, &mut found);
    }
    // A result can hang on several objects; what is below it is still one.
    let is_joined = matches!(origin, Origin::Hop(_)) || matches!(origin, Origin::Column(c) if c.hop.is_some());
    if is_joined && parents.len() > 1 {
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|child| seen.insert(*child));
    }
    found
}

/// The distinct keys of a step, in response order.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The key objects (with `__typename`); `None` where the step has no inputs.
    pub objects: Vec<Option<Value>>,
    /// Their texts.
    pub keys: Keys,
    /// Who waits for the result of each.
    pub waiting: Waiting,
}

/// Finds the distinct keys of a step.
pub(super) fn gather(view: View<'_>, instances: &mut Instances, step: &Step, typename: Option<&str>) -> Gathered {
    let columns = view.position(step.position).columns;
    if step.inputs.is_empty() {
        // Root fields, and fields of a namespace: what they give depends on no object.
        let cells = join_cells(view, instances, step);
        if cells.is_empty() {
            return Gathered::default();
        }
        return Gathered { objects: vec![None], keys: Keys::default(), waiting: Waiting::for_one(cells) };
    }
    let instances = instances.of(view, step.position);
    let (mut objects, mut keys) = (Vec::new(), Keys::default());
    let mut cells = Vec::with_capacity(instances.len());
    let mut key = Vec::new();
    // The key of one part that was complete last, and its number: rows are often sorted by what they are joined on.
    let mut last: Option<(&[u8], u32)> = None;
    for &instance in instances {
        if !is_meant(view, step, instance) {
            continue;
        }
        let sole = match &*step.inputs {
            [input] => view.results.text(view.column(Some(step.position), instance, input.from)),
            _ => None,
        };
        let cell = (instance.store, instance.start + columns + step.hop.0);
        if let Some((_, number)) = last.filter(|(text, _)| sole == Some(text)) {
            cells.push((number, cell));
            continue;
        }
        key.clear();
        if write_key(view, Some(step.position), instance, &step.inputs, &mut key) == KeyState::Dropped {
            continue;
        }
        let number = keys.number(&key);
        last = sole.map(|text| (text, number));
        cells.push((number, cell));
        if number as usize == objects.len() {
            let mut object = Object::with_capacity(step.inputs.len() + 1);
            if let Some(typename) = typename {
                object.insert("__typename", Value::String(typename.to_owned()));
            }
            key_object(view, Some(step.position), instance, &step.inputs, &mut object);
            objects.push(Some(Value::Object(object)));
        }
    }
    let waiting = Waiting::group(&cells, objects.len());
    Gathered { objects, keys, waiting }
}

/// Whether a step is for an object: of that type, and with such values.
pub(super) fn is_meant(view: View<'_>, step: &Step, instance: Instance) -> bool {
    let is_its_type = || view.type_of(step.position, instance).is_some_and(|ty| step.types.contains(&ty));
    (step.types.is_empty() || is_its_type()) && view.passes(step.guard, instance)
}

/// The join cells of a step on every object that is there, whatever its key.
pub(super) fn join_cells(view: View<'_>, instances: &mut Instances, step: &Step) -> Vec<(u32, u32)> {
    let columns = view.position(step.position).columns;
    let mut cells = Vec::new();
    for &instance in instances.of(view, step.position) {
        if is_meant(view, step, instance) {
            cells.push((instance.store, instance.start + columns + step.hop.0));
        }
    }
    cells
}
