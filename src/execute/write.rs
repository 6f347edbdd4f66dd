//! The writer: one walk over the plan's positions, one buffer. A null that may not be there truncates the buffer back to the
//! nearest place where it may (GraphQL October 2021, 6.4.4).

use super::{
    complete::{describe, leaf},
    report::{ErrorList, Segment},
    view::{Found, Instance, View},
};
use crate::{
    error::ErrorCode,
    mapping::{Object, Slot, Value, scan},
    plan::{FieldPlan, Origin, PositionId},
    schema::{TypeId, TypeKind, TypeRef},
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
    path: Vec<Segment<'a>>,
    pub(super) answer_max: usize,
    /// The answer is larger than it may be: nothing of it is kept.
    is_too_large: bool,
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

/// A null that has to move up; it is explained by now (except in strict compatibility, where nobody is told).
struct Nulled;

impl<'a> Writer<'a> {
    /// A writer whose places begin at `prefix`.
    pub fn new(
        view: View<'a>,
        introspection: &'a Object,
        out: Vec<u8>,
        errors: ErrorList,
        prefix: &[Segment<'a>],
    ) -> Self {
        Self {
            view,
            is_strict: view.is_strict(),
            introspection,
            out,
            errors,
            path: prefix.to_vec(),
            answer_max: ANSWER_MAX,
            is_too_large: false,
        }
    }

    /// One object of a position, wherever it is in the answer.
    pub fn object(&mut self, position: PositionId, instance: Instance) -> Fit {
        let view = self.view;
        let Some(ty) = view.type_of(position, instance) else { return Fit::Misfit("an object of an unknown type") };
        let Some(variant) = view.variant(position, ty) else { return Fit::Misfit("an object of another type") };
        let start = self.out.len();
        if start > self.answer_max {
            self.refuse_size();
            return Fit::Explained;
        }
        self.out.push(b'{');
        let mut is_first = true;
        for field in &variant.fields {
            if !view.holds(field.include) {
                continue;
            }
            if !is_first {
                self.out.push(b',');
            }
            is_first = false;
            self.out.extend_from_slice(&field.text);
            if self.field(position, instance, ty, field).is_err() {
                self.out.truncate(start);
                return Fit::Explained;
            }
        }
        self.out.push(b'}');
        Fit::Written
    }

    fn field(
        &mut self,
        position: PositionId,
        instance: Instance,
        ty: TypeId,
        field: &'a FieldPlan,
    ) -> Result<(), Nulled> {
        let found = match field.from {
            Origin::Typename => {
                self.out.push(b'"');
                self.out.extend_from_slice(self.view.graph[ty].name.as_bytes());
                self.out.push(b'"');
                return Ok(());
            }
            Origin::Introspection => {
                self.introspection.get(&*field.key).unwrap_or(&Value::Null).write_json(&mut self.out);
                return Ok(());
            }
            Origin::Column(column) => self.view.column(Some(position), instance, column),
            Origin::Hop(hop) => self.view.hop(position, instance, hop),
        };
        let Some(ty) = &field.ty else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        self.path.push(Segment::Key(&field.key));
        let result = self.value(field, ty, found);
        self.path.pop();
        result
    }

    /// A value in a place of that type: itself, null, or a null that moves up.
    fn value(&mut self, field: &'a FieldPlan, ty: &'a TypeRef, found: Found) -> Result<(), Nulled> {
        let fit = match ty {
            TypeRef::List { item, .. } => self.list(field, item, found),
            TypeRef::Named { ty, .. } => self.named(field, *ty, found),
        };
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
                    self.tell(field, ty, found, actual);
                }
                Err(Nulled)
            }
        }
    }

    fn named(&mut self, field: &'a FieldPlan, ty: TypeId, found: Found) -> Fit {
        match found.slot {
            Slot::Missing => return Fit::Misfit("nothing"),
            Slot::Null => return Fit::Misfit("null"),
            Slot::Error(_) | Slot::Result(_) => return Fit::Explained,
            Slot::List { .. } => return Fit::Misfit("a list"),
            Slot::Object { start } => {
                let instance = Instance { store: found.store, start };
                return match field.child {
                    Some(child) => self.object(child, instance),
                    None => Fit::Misfit("an object"),
                };
            }
            Slot::Span { .. } | Slot::Owned { .. } => {}
        }
        let Some(text) = self.view.results.text(found) else { return Fit::Misfit("nothing") };
        self.leaf(&self.view.graph[ty].kind, text)
    }

    fn leaf(&mut self, kind: &TypeKind, text: &[u8]) -> Fit {
        if text != b"null" && leaf(kind, text, self.is_strict, &mut self.out) {
            return Fit::Written;
        }
        Fit::Misfit(describe(text))
    }

    fn list(&mut self, field: &'a FieldPlan, item: &'a TypeRef, found: Found) -> Fit {
        match found.slot {
            Slot::Missing => return Fit::Misfit("nothing"),
            Slot::Null => return Fit::Misfit("null"),
            Slot::Error(_) | Slot::Result(_) => return Fit::Explained,
            Slot::Object { .. } => return Fit::Misfit("an object"),
            Slot::List { start, len } => {
                let items = self.view.cells(found.store, start, len);
                return self.items(field, item, items);
            }
            Slot::Span { .. } | Slot::Owned { .. } => {}
        }
        let Some(text) = self.view.results.text(found) else { return Fit::Misfit("nothing") };
        if scan::kind(text) != scan::TokenKind::Array {
            return Fit::Misfit(describe(text));
        }
        let items = scan::items(text).map(|range| Found { store: found.store, slot: part(found.slot, &range) });
        self.items(field, item, items)
    }

    fn items(&mut self, field: &'a FieldPlan, ty: &'a TypeRef, items: impl Iterator<Item = Found>) -> Fit {
        let start = self.out.len();
        self.out.push(b'[');
        for (index, found) in items.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.path.push(Segment::Index(index));
            let result = self.value(field, ty, found);
            self.path.pop();
            if result.is_err() {
                self.out.truncate(start);
                return Fit::Explained;
            }
        }
        self.out.push(b']');
        Fit::Written
    }

    fn refuse_size(&mut self) {
        if !std::mem::replace(&mut self.is_too_large, true) {
            let message = format!("the answer is larger than {} bytes; ask for less in one operation", self.answer_max);
            let code = Value::String(ErrorCode::LimitExceeded.as_str().to_owned());
            let extensions = Value::Object(Object::from_iter([("code".to_owned(), code)]));
            self.errors.push(&message, None, None, &extensions);
        }
    }

    /// A value that is not of its type, in a place that cannot be null.
    fn tell(&mut self, field: &FieldPlan, ty: &TypeRef, found: Found, actual: &str) {
        let graph = self.view.graph;
        let name = field
            .field
            .map_or_else(|| field.key.to_string(), |id| format!("{}.{}", graph[graph[id].parent].name, graph[id].name));
        let message = format!("`{name}` should be `{}`, but the service gave {actual}", type_text(self.view, ty));
        let text = |text: &str| Value::String(text.to_owned());
        let mut extensions = Object::default();
        extensions.insert("code".to_owned(), text(ErrorCode::ConnectorResponseShape.as_str()));
        if let Some(step) = self.view.plan.steps.get(found.store as usize) {
            let connector = &graph[step.connector];
            extensions.insert("service".to_owned(), text(&connector.subgraph));
            let coordinate = Object::from_iter([("coordinate".to_owned(), text(&connector.coordinate))]);
            extensions.insert("connector".to_owned(), Value::Object(coordinate));
        }
        self.errors.push(&message, Some(field.location), Some(&self.path), &Value::Object(extensions));
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
