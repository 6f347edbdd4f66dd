//! Which objects a step is for: the objects of its position in response order, and their distinct keys.

use std::collections::{HashMap, HashSet};

use super::{
    key::{KeyState, key_object, write_key},
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
                Some((parent, origin)) => children(view, parent, self.of(view, parent), origin),
            };
            self.known[at] = Some(found);
        }
        self.known[at].as_deref().unwrap_or_default()
    }
}

fn children(view: View<'_>, parent: PositionId, parents: &[Instance], origin: Origin) -> Vec<Instance> {
    let mut found = Vec::with_capacity(parents.len());
    // A result can hang on several objects; what is below it is still one.
    let mut seen = HashSet::new();
    let is_joined = matches!(origin, Origin::Hop(_)) || matches!(origin, Origin::Column(c) if c.hop.is_some());
    let is_shared = is_joined && parents.len() > 1;
    for &instance in parents {
        let value = match origin {
            Origin::Hop(hop) => view.hop(parent, instance, hop),
            Origin::Column(column) => view.column(Some(parent), instance, column),
            Origin::Typename | Origin::Introspection => continue,
        };
        view.objects(value, &mut |child| {
            if !is_shared || seen.insert(child) {
                found.push(child);
            }
        });
    }
    found
}

/// One distinct key of a step and the join cells that wait for its result.
#[derive(Debug)]
pub(super) struct Asked {
    /// The key object (with `__typename`), where the step has inputs.
    pub object: Option<Value>,
    /// Join cells: store and index.
    pub cells: Vec<(u32, u32)>,
}

/// The distinct keys of a step, in response order.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// One for each key.
    pub asked: Vec<Asked>,
    /// Index into `asked` by the text of the key.
    pub by_key: HashMap<Box<[u8]>, u32>,
}

/// Finds the distinct keys of a step.
pub(super) fn gather(view: View<'_>, instances: &mut Instances, step: &Step, typename: Option<&str>) -> Gathered {
    let columns = view.position(step.position).columns;
    let mut gathered = Gathered::default();
    if step.inputs.is_empty() {
        // Root fields, and fields of a namespace: what they give depends on no object.
        let cells = join_cells(view, instances, step);
        if !cells.is_empty() {
            gathered.asked.push(Asked { object: None, cells });
        }
        return gathered;
    }
    let mut key = Vec::new();
    for &instance in instances.of(view, step.position) {
        key.clear();
        if !is_meant(view, step, instance)
            || write_key(view, Some(step.position), instance, &step.inputs, &mut key) == KeyState::Dropped
        {
            continue;
        }
        let cell = (instance.store, instance.start + columns + step.hop.0);
        if let Some(&index) = gathered.by_key.get(key.as_slice()) {
            gathered.asked[index as usize].cells.push(cell);
            continue;
        }
        let mut object = Object::with_capacity(step.inputs.len() + 1);
        if let Some(typename) = typename {
            object.insert("__typename".to_owned(), Value::String(typename.to_owned()));
        }
        key_object(view, Some(step.position), instance, &step.inputs, &mut object);
        let object = Some(Value::Object(object));
        gathered.by_key.insert(key.as_slice().into(), u32::try_from(gathered.asked.len()).unwrap_or(u32::MAX));
        gathered.asked.push(Asked { object, cells: vec![cell] });
    }
    gathered
}

/// Whether an object is of a type that the step is for.
pub(super) fn is_meant(view: View<'_>, step: &Step, instance: Instance) -> bool {
    step.types.is_empty() || view.type_of(step.position, instance).is_some_and(|ty| step.types.contains(&ty))
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
