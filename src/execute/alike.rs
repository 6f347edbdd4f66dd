//! Objects that are written alike: one that shows what an earlier one shows is copied from the answer instead of being completed again.

use std::ops::Range;

use super::view::{Found, Instance, View};
use crate::{
    mapping::Slot,
    plan::{Alike, HopId, PositionId},
};

/// Where objects were written, by position and by number of the first hop's result.
#[derive(Debug, Default)]
pub(super) struct Written {
    places: Vec<Vec<Option<Place>>>,
    /// Times that something written was taken back: what was noted before may be gone.
    age: u32,
}

#[derive(Debug, Clone)]
struct Place {
    instance: Instance,
    text: Range<usize>,
    age: u32,
}

impl Written {
    /// Something written was taken back.
    pub fn forget(&mut self) {
        self.age = self.age.wrapping_add(1);
    }

    /// Where an object like that one is in the answer.
    #[inline]
    pub fn find(&self, view: View<'_>, id: PositionId, alike: &Alike, instance: Instance) -> Option<Range<usize>> {
        let place = self.places.get(id.0 as usize)?.get(number(view, id, alike, instance)?)?.as_ref()?;
        (place.age == self.age && are_alike(view, id, alike, place.instance, instance)).then(|| place.text.clone())
    }

    /// Notes where an object was written.
    #[inline]
    pub fn note(&mut self, view: View<'_>, id: PositionId, alike: &Alike, instance: Instance, text: Range<usize>) {
        let Some(number) = number(view, id, alike, instance) else { return };
        if self.places.is_empty() {
            self.places.resize(view.plan.positions.len(), Vec::new());
        }
        let places = &mut self.places[id.0 as usize];
        if places.len() <= number {
            places.resize(number + 1, None);
        }
        places[number] = Some(Place { instance, text, age: self.age });
    }
}

/// The number of the result of the first hop.
fn number(view: View<'_>, id: PositionId, alike: &Alike, instance: Instance) -> Option<usize> {
    match joined(view, id, instance, *alike.hops.first()?) {
        Slot::Result(number) => Some(number as usize),
        _ => None,
    }
}

fn joined(view: View<'_>, id: PositionId, instance: Instance, hop: HopId) -> Slot {
    view.results.cell(instance.store, instance.start + view.position(id).columns + hop.0)
}

fn are_alike(view: View<'_>, id: PositionId, alike: &Alike, left: Instance, right: Instance) -> bool {
    let cell = |instance: Instance, column: u32| {
        let slot = view.results.cell(instance.store, instance.start + column);
        (slot, view.results.text(Found { store: instance.store, slot }))
    };
    left.store == right.store
        && alike.hops.iter().skip(1).all(|hop| joined(view, id, left, *hop) == joined(view, id, right, *hop))
        && alike.columns.iter().all(|column| match (cell(left, *column), cell(right, *column)) {
            ((_, Some(left)), (_, Some(right))) => left == right,
            // Lists and objects lie elsewhere for each: never equal, which costs a copy and no more.
            ((left, _), (right, _)) => left == right,
        })
}
