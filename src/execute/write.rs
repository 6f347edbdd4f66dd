//! The writer: one walk over the plan's positions, one buffer. A null that may not be there truncates the buffer back to the
//! nearest place where it may (GraphQL October 2021, 6.4.4).

use super::{
    alike::Written,
    complete::{self, describe, leaf},
    report::{ErrorList, Segment},
    view::{Found, Instance, View},
};
use crate::{
    error::{ErrorCode, denial},
    mapping::{Object, Slot, Value, scan},
    plan::{Cell, ColumnRef, FieldPlan, HopId, Origin, PositionId},
    schema::{FieldId, Scalar, TypeId, TypeRef},
};

/// Most bytes of an answer: results that hang in many places are written in each of them.
const ANSWER_MAX: usize = 128 << 20;

/// Writes subtrees of an answer.
pub(super) struct Writer<'a> {
    view: View<'a>,
    is_strict: bool,
    /// `__schema` and `__type` by response key.
    introspection: &'a Object,
    /// What is written so far.
    pub out: Vec<u8>,
    /// What could not be completed.
    pub errors: ErrorList,
    /// Where the subtrees are.
    prefix: &'a [Segment<'a>],
    pub(super) answer_max: usize,
    /// Whether somebody is known to ask.
    pub is_known: bool,
    /// The answer is larger than it may be: nothing of it is kept.
    is_too_large: bool,
    /// Objects to copy.
    written: Written,
}

/// What came of a value. Except when written, the buffer is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is in the buffer.
    Written,
    /// It is null, and an error says why.
    Explained,
    /// It is null, or not of its type; the word says what it is.
    Misfit(&'static str),
}

/// Where a value is below the prefix: a chain on the stack, so that the way costs nothing until an error is told.
#[derive(Clone, Copy)]
struct Place<'p> {
    parent: Option<&'p Self>,
    segment: Segment<'p>,
}

impl<'p> Place<'p> {
    fn path(self) -> Vec<Segment<'p>> {
        let chain = std::iter::successors(Some(self), |place| place.parent.copied());
        let mut path: Vec<_> = chain.map(|place| place.segment).collect();
        path.reverse();
        path
    }
}

/// An object that is being written.
struct At<'p> {
    position: PositionId,
    instance: Instance,
    ty: TypeId,
    place: Option<&'p Place<'p>>,
    /// What a hop brought last: several fields in a row are often of one.
    last: Option<(HopId, Found)>,
}

/// A null that has to move up; it is explained by now (except in strict compatibility, where nobody is told).
struct Nulled;

impl<'a> Writer<'a> {
    /// A writer whose places begin at `prefix`.
    pub fn new(
        view: View<'a>,
        introspection: &'a Object,
        out: Vec<u8>,
        errors: ErrorList,
        prefix: &'a [Segment<'a>],
    ) -> Self {
        Self {
            view,
            is_strict: view.is_strict(),
            introspection,
            out,
            errors,
            prefix,
            answer_max: ANSWER_MAX,
            is_known: false,
            is_too_large: false,
            written: Written::default(),
        }
    }

    /// One object of a position, at the prefix.
    pub fn object(&mut self, position: PositionId, instance: Instance) -> Fit {
        self.object_at(position, instance, None)
    }

    fn object_at(&mut self, position: PositionId, instance: Instance, place: Option<&Place<'_>>) -> Fit {
        let view = self.view;
        let start = self.out.len();
        if start > self.answer_max {
            self.refuse_size();
            return Fit::Explained;
        }
        let alike = view.position(position).alike.as_ref();
        if let Some(alike) = alike
            && let Some(text) = self.written.find(view, position, alike, instance)
        {
            self.out.extend_from_within(text);
            return Fit::Written;
        }
        let Some(ty) = view.type_of(position, instance) else { return Fit::Misfit("an object of an unknown type") };
        let Some(variant) = view.variant(position, ty) else { return Fit::Misfit("an object of another type") };
        let told = self.errors.count();
        let cells = view.results.from(instance.store, instance.start);
        let mut object = At { position, instance, ty, place, last: None };
        for field in &variant.fields {
            if !view.holds(field.include) {
                continue;
            }
            let before = self.out.len();
            field.text.append_to(&mut self.out);
            if before == start {
                self.out[start] = b'{';
            }
            // Most are scalars of the object itself, and what they should be.
            if let (None, Some(scalar), Origin::Column(ColumnRef { hop: None, column: Cell::Column(column) })) =
                (field.guard, field.scalar, field.from)
                && let Some(&slot) = cells.get(column as usize)
                && self.scalar(scalar, Found { store: instance.store, slot })
            {
                continue;
            }
            if self.field(field, &mut object).is_err() {
                return self.take_back(start);
            }
        }
        if self.out.len() == start {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        // One with an error is completed each time: every place has an error of its own.
        if let Some(alike) = alike.filter(|_| self.errors.count() == told) {
            self.written.note(view, position, alike, instance, start..self.out.len());
        }
        Fit::Written
    }

    /// A field of an object, after its key.
    fn field(&mut self, field: &'a FieldPlan, object: &mut At<'_>) -> Result<(), Nulled> {
        let (view, position, instance) = (self.view, object.position, object.instance);
        let place = Place { parent: object.place, segment: Segment::Key(&field.key) };
        if field.from == Origin::Denied || !view.passes(field.guard, instance) {
            return self.deny(field, place);
        }
        let mut hop = |hop| match object.last {
            Some((same, found)) if same == hop => found,
            _ => object.last.insert((hop, view.hop(position, instance, hop))).1,
        };
        let found = match field.from {
            Origin::Typename | Origin::Introspection => {
                self.own(object.ty, field);
                return Ok(());
            }
            Origin::Denied => Found::NOTHING,
            Origin::Column(ColumnRef { hop: Some(id), column }) => view.column_of(hop(id), column),
            Origin::Column(column) => view.column(None, instance, column),
            Origin::Hop(id) => hop(id),
        };
        if let Some(scalar) = field.scalar
            && self.scalar(scalar, found)
        {
            return Ok(());
        }
        let Some(ty) = &field.ty else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        self.value(field, ty, found, place)
    }

    /// A scalar that is what it should be. `false`: nothing was written, it is to be looked at closely.
    #[inline]
    fn scalar(&mut self, scalar: Scalar, found: Found) -> bool {
        let text = self.view.results.part(found).filter(|text| !text.is_null());
        text.is_some_and(|text| complete::scalar(scalar, text, self.is_strict, &mut self.out))
    }

    /// What no service gives.
    fn own(&mut self, ty: TypeId, field: &FieldPlan) {
        if field.from == Origin::Typename {
            self.out.push(b'"');
            self.out.extend_from_slice(self.view.graph[ty].name.as_bytes());
            self.out.push(b'"');
        } else {
            self.introspection.get(&field.key).unwrap_or(&Value::Null).write_json(&mut self.out);
        }
    }

    /// A value in a place of that type: itself, null, or a null that moves up.
    #[inline]
    fn value(&mut self, field: &'a FieldPlan, ty: &'a TypeRef, found: Found, place: Place<'_>) -> Result<(), Nulled> {
        let fit = match ty {
            TypeRef::List { item, .. } => self.list(field, item, found, place),
            TypeRef::Named { ty, .. } => self.named(field, *ty, found, place),
        };
        if fit == Fit::Written && !self.is_too_large { Ok(()) } else { self.null(field, ty, found, fit, place) }
    }

    /// What is no value of its type.
    #[cold]
    fn null(
        &mut self,
        field: &FieldPlan,
        ty: &TypeRef,
        found: Found,
        fit: Fit,
        place: Place<'_>,
    ) -> Result<(), Nulled> {
        match fit {
            _ if self.is_too_large => Err(Nulled),
            Fit::Written => Ok(()),
            _ if !ty.is_non_null() => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            Fit::Explained => Err(Nulled),
            Fit::Misfit(actual) => {
                if !self.is_strict {
                    self.tell(field, ty, found, actual, place);
                }
                Err(Nulled)
            }
        }
    }

    #[inline]
    fn named(&mut self, field: &'a FieldPlan, ty: TypeId, found: Found, place: Place<'_>) -> Fit {
        match found.slot {
            Slot::Missing => return Fit::Misfit("nothing"),
            Slot::Null => return Fit::Misfit("null"),
            Slot::Error(_) | Slot::Result(_) => return Fit::Explained,
            Slot::List { .. } => return Fit::Misfit("a list"),
            Slot::Object { start } => {
                let instance = Instance { store: found.store, start };
                return match field.child {
                    Some(child) => self.object_at(child, instance, Some(&place)),
                    None => Fit::Misfit("an object"),
                };
            }
            Slot::Span { .. } | Slot::Owned { .. } => {}
        }
        let Some(text) = self.view.results.part(found) else { return Fit::Misfit("nothing") };
        if !text.is_null() && leaf(&self.view.graph[ty].kind, text, self.is_strict, &mut self.out) {
            return Fit::Written;
        }
        Fit::Misfit(describe(text.bytes()))
    }

    fn list(&mut self, field: &'a FieldPlan, item: &'a TypeRef, found: Found, place: Place<'_>) -> Fit {
        match found.slot {
            Slot::Missing => return Fit::Misfit("nothing"),
            Slot::Null => return Fit::Misfit("null"),
            Slot::Error(_) | Slot::Result(_) => return Fit::Explained,
            Slot::Object { .. } => return Fit::Misfit("an object"),
            Slot::List { start, len } => {
                let items = self.view.cells(found.store, start, len);
                return self.items(field, item, items, place);
            }
            Slot::Span { .. } | Slot::Owned { .. } => {}
        }
        let Some(text) = self.view.results.text(found) else { return Fit::Misfit("nothing") };
        if scan::kind(text) != scan::TokenKind::Array {
            return Fit::Misfit(describe(text));
        }
        let items = scan::items(text).map(|range| Found { store: found.store, slot: part(found.slot, &range) });
        self.items(field, item, items, place)
    }

    fn items(
        &mut self,
        field: &'a FieldPlan,
        ty: &'a TypeRef,
        items: impl Iterator<Item = Found>,
        place: Place<'_>,
    ) -> Fit {
        let start = self.out.len();
        for (index, found) in items.enumerate() {
            self.out.push(if index == 0 { b'[' } else { b',' });
            let place = Place { parent: Some(&place), segment: Segment::Index(index) };
            if self.value(field, ty, found, place).is_err() {
                return self.take_back(start);
            }
        }
        if self.out.len() == start {
            self.out.push(b'[');
        }
        self.out.push(b']');
        Fit::Written
    }

    /// A null moves up: what was written of the object or list that began at `start` goes.
    #[cold]
    fn take_back(&mut self, start: usize) -> Fit {
        self.out.truncate(start);
        self.written.forget();
        Fit::Explained
    }

    fn refuse_size(&mut self) {
        if !std::mem::replace(&mut self.is_too_large, true) {
            let message = format!("the answer is larger than {} bytes; ask for less in one operation", self.answer_max);
            let code = Value::String(ErrorCode::LimitExceeded.as_str().to_owned());
            let extensions = Value::Object(Object::from_iter([("code", code)]));
            self.errors.push(&message, None, None, &extensions);
        }
    }

    /// What the caller may not have.
    #[cold]
    fn deny(&mut self, field: &FieldPlan, place: Place<'_>) -> Result<(), Nulled> {
        let (code, message) = denial(&self.name_of(field), self.is_known);
        let code = Value::String(code.as_str().to_owned());
        let extensions = Value::Object(Object::from_iter([("code", code)]));
        let path = [self.prefix, &place.path()].concat();
        self.errors.push(&message, Some(field.location), Some(&path), &extensions);
        match &field.ty {
            Some(ty) if ty.is_non_null() => Err(Nulled),
            _ => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
        }
    }

    /// `Type.field`
    fn name_of(&self, field: &FieldPlan) -> String {
        let graph = self.view.graph;
        let name = |id: FieldId| format!("{}.{}", graph[graph[id].parent].name, graph[id].name);
        field.field.map_or_else(|| field.key.to_string(), name)
    }

    /// A value that is not of its type, in a place that cannot be null.
    fn tell(&mut self, field: &FieldPlan, ty: &TypeRef, found: Found, actual: &str, place: Place<'_>) {
        let graph = self.view.graph;
        let name = self.name_of(field);
        let message = format!("`{name}` should be `{}`, but the service gave {actual}", type_text(self.view, ty));
        let text = |text: &str| Value::String(text.to_owned());
        let mut extensions = Object::default();
        extensions.insert("code", text(ErrorCode::ConnectorResponseShape.as_str()));
        if let Some(step) = self.view.plan.steps.get(found.store as usize) {
            let connector = &graph[step.connector];
            extensions.insert("service", text(&connector.subgraph));
            let coordinate = Object::from_iter([("coordinate", text(&connector.coordinate))]);
            extensions.insert("connector", Value::Object(coordinate));
        }
        let path = [self.prefix, &place.path()].concat();
        self.errors.push(&message, Some(field.location), Some(&path), &Value::Object(extensions));
    }
}

/// A part of the text of a raw slot.
fn part(slot: Slot, range: &std::ops::Range<usize>) -> Slot {
    let offset = u32::try_from(range.start).unwrap_or(u32::MAX);
    let len = u32::try_from(range.len()).unwrap_or(0);
    match slot {
        Slot::Span { reply, start, .. } => Slot::Span { reply, start: start.saturating_add(offset), len },
        Slot::Owned { start, .. } => Slot::Owned { start: start.saturating_add(offset), len },
        other => other,
    }
}

fn type_text(view: View<'_>, ty: &TypeRef) -> String {
    let mark = if ty.is_non_null() { "!" } else { "" };
    match ty {
        TypeRef::Named { ty, .. } => format!("{}{mark}", view.graph[*ty].name),
        TypeRef::List { item, .. } => format!("[{}]{mark}", type_text(view, item)),
    }
}
