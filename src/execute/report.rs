//! The `errors` of an answer: failures told at every place they concern, at most [`ERRORS_MAX`] of them.

use std::collections::HashSet;

use super::{
    failure::Failure,
    key::write_string,
    view::{Instance, View},
};
use crate::{
    error::{ErrorCode, Location},
    mapping::{Slot, Value},
    plan::{Cell, FieldPlan, HopId, Origin, PositionId, StepKind, VariantPlan},
};

/// Most entries that are written out; one more counts the rest.
pub(super) const ERRORS_MAX: usize = 100;
/// Most places that are visited for counting.
const PLACES_MAX: usize = 10_000;

/// One step of a response path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    /// A response key.
    Key(&'a str),
    /// Index in a list, from 0.
    Index(usize),
}

/// The entries, already as JSON text.
#[derive(Debug, Default)]
pub(super) struct ErrorList {
    text: Vec<u8>,
    count: usize,
}

impl ErrorList {
    /// Adds one. Past the maximum it only counts.
    pub fn push(
        &mut self,
        message: &str,
        location: Option<Location>,
        path: Option<&[Segment<'_>]>,
        extensions: &Value,
    ) {
        self.count += 1;
        if self.count > ERRORS_MAX {
            return;
        }
        let out = &mut self.text;
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"message\":");
        write_string(message, out);
        if let Some(Location { line, column }) = location {
            let text = format!(",\"locations\":[{{\"line\":{line},\"column\":{column}}}]");
            out.extend_from_slice(text.as_bytes());
        }
        if let Some(path) = path {
            out.extend_from_slice(b",\"path\":");
            write_path(path, out);
        }
        out.extend_from_slice(b",\"extensions\":");
        extensions.write_json(out);
        out.push(b'}');
    }

    /// How many there are, those past the maximum included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The items of the `errors` array, and how many they are.
    pub fn finish(mut self) -> (Vec<u8>, usize) {
        if self.count <= ERRORS_MAX {
            return (self.text, self.count);
        }
        let more = self.count - ERRORS_MAX;
        let code = ErrorCode::LimitExceeded.as_str();
        let text =
            format!(",{{\"message\":\"{more} more errors are not shown\",\"extensions\":{{\"code\":\"{code}\"}}}}");
        self.text.extend_from_slice(text.as_bytes());
        (self.text, ERRORS_MAX + 1)
    }
}

fn write_path(path: &[Segment<'_>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, segment) in path.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match segment {
            Segment::Key(key) => write_string(key, out),
            Segment::Index(index) => out.extend_from_slice(index.to_string().as_bytes()),
        }
    }
    out.push(b']');
}

/// Tells all failures of a run at their places (reference 8.4): walks the answer where a failure can be met, nothing else.
pub(super) fn failures(view: View<'_>, errors: &mut ErrorList) {
    if view.results.failures.is_empty() {
        return;
    }
    let mut walk = Walk {
        view,
        errors,
        is_concerned: vec![false; view.plan.positions.len()],
        told: vec![false; view.results.failures.len()],
        told_lists: HashSet::new(),
        places: 0,
        path: Vec::new(),
    };
    for failure in &view.results.failures {
        let mut next = Some(view.plan.steps[failure.step.0 as usize].position);
        while let Some(id) = next.filter(|id| !walk.is_concerned[id.0 as usize]) {
            walk.is_concerned[id.0 as usize] = true;
            next = view.position(id).parent.map(|(parent, _)| parent);
        }
    }
    walk.object(PositionId(0), view.root(), None);
    let told = walk.told;
    for (failure, _) in view.results.failures.iter().zip(told).filter(|(_, told)| !told) {
        // Of a step whose objects are not in the answer (inputs of other steps).
        errors.push(&failure.message, None, None, &failure.extensions);
    }
}

struct Walk<'a, 'e> {
    view: View<'a>,
    errors: &'e mut ErrorList,
    is_concerned: Vec<bool>,
    told: Vec<bool>,
    told_lists: HashSet<(u32, usize, Vec<u8>)>,
    places: usize,
    path: Vec<Segment<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn object(&mut self, id: PositionId, instance: Instance, location: Option<Location>) {
        self.places += 1;
        if self.places > PLACES_MAX {
            return;
        }
        let position = self.view.position(id);
        let variant = self.view.type_of(id, instance).and_then(|ty| self.view.variant(id, ty));
        for hop in 0..u32::try_from(position.hops.len()).unwrap_or(0) {
            if let Slot::Error(number) = self.view.hop(id, instance, HopId(hop)).slot {
                self.tell(number, id, HopId(hop), position.hops[hop as usize].0 as usize, variant, location);
            }
        }
        let Some(variant) = variant else { return };
        for field in &variant.fields {
            let Some(child) = field.child.filter(|child| self.is_concerned[child.0 as usize]) else { continue };
            if !self.view.holds(field.include) || !self.view.passes(field.guard, instance) {
                continue;
            }
            let found = match field.from {
                Origin::Column(column) => self.view.column(Some(id), instance, column),
                Origin::Hop(hop) => self.view.hop(id, instance, hop),
                Origin::Typename | Origin::Introspection | Origin::Denied => continue,
            };
            self.path.push(Segment::Key(&field.key));
            self.value(child, found.store, found.slot, field);
            self.path.pop();
        }
    }

    fn value(&mut self, child: PositionId, store: u32, slot: Slot, field: &'a FieldPlan) {
        match slot {
            Slot::Object { start } => self.object(child, Instance { store, start }, Some(field.location)),
            Slot::List { start, len } => {
                for (index, item) in self.view.cells(store, start, len).enumerate() {
                    self.path.push(Segment::Index(index));
                    self.value(child, item.store, item.slot, field);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    fn tell(
        &mut self,
        number: u32,
        id: PositionId,
        hop: HopId,
        step: usize,
        variant: Option<&'a VariantPlan>,
        location: Option<Location>,
    ) {
        let view = self.view;
        let Some(failure) = view.results.failures.get(number as usize) else { return };
        self.told[number as usize] = true;
        let fields = || variant.map_or(&[][..], |variant| &variant.fields).iter();
        let is_batch = match view.plan.steps[step].kind {
            StepKind::Root | StepKind::Field => {
                let is_its_own =
                    |field: &&FieldPlan| field.from == Origin::Hop(hop) || self.merges(id, field, hop, true);
                let own: Vec<&'a FieldPlan> = fields().filter(is_its_own).collect();
                return self.tell_fields(failure, own.into_iter(), location);
            }
            // Told for the steps whose results it merges.
            StepKind::Merge => return,
            StepKind::Entity => false,
            StepKind::Batch { .. } => true,
        };
        if failure.is_late {
            let is_served = |field: &&FieldPlan| {
                matches!(field.from, Origin::Column(c) if c.hop == Some(hop)) || self.merges(id, field, hop, false)
            };
            let served: Vec<&'a FieldPlan> = fields().filter(is_served).collect();
            return self.tell_fields(failure, served.into_iter(), location);
        }
        let mut path = self.path.as_slice();
        if is_batch {
            let first_index = path.iter().position(|segment| matches!(segment, Segment::Index(_)));
            path = &path[..first_index.unwrap_or(path.len())];
            let mut text = Vec::new();
            write_path(path, &mut text);
            if !self.told_lists.insert((number, step, text)) {
                return;
            }
        }
        self.errors.push(&failure.message, location, Some(path), &failure.extensions);
    }

    /// Whether a field of a position is merged from what a hop brought, as a whole value or as a column of it.
    fn merges(&self, id: PositionId, field: &FieldPlan, hop: HopId, is_whole: bool) -> bool {
        let Origin::Hop(merged) = field.from else { return false };
        let step = self.view.position(id).hops[merged.0 as usize];
        let merge = self.view.plan.steps[step.0 as usize].merge.as_ref();
        merge.is_some_and(|merge| {
            merge.pieces.iter().any(|piece| piece.hop == Some(hop) && is_whole == (piece.column == Cell::Whole))
        })
    }

    /// At the fields that miss it; at the object when none is in the answer.
    fn tell_fields(
        &mut self,
        failure: &Failure,
        fields: impl Iterator<Item = &'a FieldPlan>,
        location: Option<Location>,
    ) {
        let mut is_told = false;
        for field in fields.filter(|field| self.view.holds(field.include)) {
            self.path.push(Segment::Key(&field.key));
            self.errors.push(&failure.message, Some(field.location), Some(&self.path), &failure.extensions);
            self.path.pop();
            is_told = true;
        }
        if !is_told {
            self.errors.push(&failure.message, location, Some(&self.path), &failure.extensions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(list: ErrorList) -> (String, usize) {
        let (bytes, count) = list.finish();
        (String::from_utf8(bytes).expect("JSON text is UTF-8"), count)
    }

    #[test]
    fn an_entry_has_its_members_in_order() {
        let mut list = ErrorList::default();
        let location = Some(Location { line: 2, column: 3 });
        list.push("a \"b\"", location, Some(&[Segment::Key("x"), Segment::Index(4)]), &Value::Null);
        list.push("c", None, None, &Value::Bool(true));
        let first = r#"{"message":"a \"b\"","locations":[{"line":2,"column":3}],"path":["x",4],"extensions":null}"#;
        assert_eq!(text(list), (format!(r#"{first},{{"message":"c","extensions":true}}"#), 2));
    }

    #[test]
    fn the_hundred_and_first_counts_the_rest() {
        let mut list = ErrorList::default();
        for _ in 0..ERRORS_MAX {
            list.push("m", None, None, &Value::Null);
        }
        let mut exactly = ErrorList::default();
        for _ in 0..ERRORS_MAX + 2 {
            exactly.push("m", None, None, &Value::Null);
        }
        assert_eq!(text(list).1, ERRORS_MAX);
        let (more, count) = text(exactly);
        assert_eq!(count, ERRORS_MAX + 1);
        assert_eq!(more.matches("\"message\":\"m\"").count(), ERRORS_MAX);
        assert!(more.ends_with(r#"{"message":"2 more errors are not shown","extensions":{"code":"LIMIT_EXCEEDED"}}"#));
    }
}
