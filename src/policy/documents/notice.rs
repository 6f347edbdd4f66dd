//! The phase before `only_trusted`: everything is answered, and what would be refused is noticed.
//!
//! What a document is to the callers of each list is found out with the first request and kept with its plan ([`Standing`]); after
//! that a request reads a byte. Without a report there is none to read.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use super::{Documents, Own, Report, hash_of, manifest::Entry};
use crate::{
    operation::{FieldRef, Operation},
    telemetry::{self, Untrusted},
};

/// The phase before `only_trusted`.
#[derive(Debug)]
pub(super) struct Reporting {
    report: Arc<Report>,
    /// Whether documents that ask for nothing but the schema count.
    introspection: bool,
}

/// What a document is to the callers of each list: first of those who have no list of their own, then by the lists of clients.
#[derive(Debug)]
pub struct Standing(Box<[AtomicU8]>);

/// What a document is to some callers.
#[derive(Debug, Clone, Copy)]
enum Found {
    Trusted,
    Untrusted(Untrusted),
}

/// Nobody has looked yet.
const UNKNOWN: u8 = 0;
const TRUSTED: u8 = 1;
const PROPOSED: u8 = 2;
const LEFT_OUT: u8 = 3;

impl Standing {
    fn new(lists: usize) -> Self {
        Self((0..lists).map(|_| AtomicU8::new(UNKNOWN)).collect())
    }

    /// What it is to callers of that list, once somebody has looked.
    #[inline]
    fn get(&self, list: usize) -> Option<Found> {
        match self.0[list].load(Ordering::Relaxed) {
            UNKNOWN => None,
            PROPOSED => Some(Found::Untrusted(Untrusted::Proposed)),
            LEFT_OUT => Some(Found::Untrusted(Untrusted::LeftOut)),
            _ => Some(Found::Trusted),
        }
    }

    /// Remembers what it is; whether nobody knew before.
    fn set(&self, list: usize, found: Found) -> bool {
        let state = match found {
            Found::Trusted => TRUSTED,
            Found::Untrusted(Untrusted::Proposed) => PROPOSED,
            Found::Untrusted(Untrusted::LeftOut) => LEFT_OUT,
        };
        self.0[list].swap(state, Ordering::Relaxed) == UNKNOWN
    }
}

impl Documents {
    /// The same in a phase in which what is not trusted is reported; `introspection`: also what asks for nothing but the schema.
    #[must_use]
    pub fn and_report(self, report: Arc<Report>, introspection: bool) -> Self {
        Self { report: Some(Reporting { report, introspection }), ..self }
    }

    /// What is kept with the plan of a document; `None`: nobody will ask.
    pub fn standing(&self, operation: &Operation) -> Option<Standing> {
        let reporting = self.report.as_ref()?;
        let is_looked_at = reporting.introspection || !asks_for_the_schema_only(operation);
        is_looked_at.then(|| Standing::new(1 + self.clients.len()))
    }

    /// Counts a request that is answered, if its document is in no list of its caller, and proposes the document.
    /// Gives what became of that when it is news to be told.
    #[inline]
    pub fn notice(
        &self,
        standing: &Standing,
        own: Option<Own<'_>>,
        text: &str,
        operation: &Operation,
    ) -> Option<Untrusted> {
        let list = own.map_or(0, |own| 1 + own.index);
        let (found, news) = match standing.get(list) {
            Some(Found::Trusted) => return None,
            Some(Found::Untrusted(found)) => (found, None),
            None => self.look(standing, list, own, text, operation)?,
        };
        telemetry::metrics().untrusted(found);
        news
    }

    /// The same for the first request with a document: what it is, and whether that is news.
    #[cold]
    fn look(
        &self,
        standing: &Standing,
        list: usize,
        own: Option<Own<'_>>,
        text: &str,
        operation: &Operation,
    ) -> Option<(Untrusted, Option<Untrusted>)> {
        let hash = hash_of(text);
        if self.lists(own).any(|list| list.has_text(&hash)) {
            standing.set(list, Found::Trusted);
            return None;
        }
        let entry = || Entry {
            hash,
            name: operation.name.as_deref().unwrap_or_default().to_owned(),
            kind: operation.kind.as_str(),
            body: text.to_owned(),
        };
        let (found, is_new) = self.report.as_ref()?.report.propose(hash, entry);
        // Of two requests at once, one proposes it; which of them comes here first says nothing.
        let is_first = standing.set(list, Found::Untrusted(found));
        let is_news = is_new || (found == Untrusted::LeftOut && is_first);
        Some((found, is_news.then_some(found)))
    }

    /// Writes what was noticed and is not in the manifest yet; blocks.
    pub fn write_report(&self) {
        if let Some(Reporting { report, .. }) = &self.report {
            report.write();
        }
    }
}

fn asks_for_the_schema_only(operation: &Operation) -> bool {
    let mut asks = false;
    let fields = operation.selection.variants.iter().flat_map(|variant| &variant.fields);
    for field in fields {
        match field.field {
            FieldRef::Introspection => asks = true,
            FieldRef::Typename => {}
            FieldRef::Field(_) => return false,
        }
    }
    asks
}
