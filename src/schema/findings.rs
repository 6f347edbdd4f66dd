//! Where findings gather, and how apollo-compiler's places become ours.

use std::{collections::HashMap, ops::Range, sync::Arc};

use apollo_compiler::{
    diagnostic::ToCliReport,
    parser::{FileId, SourceSpan},
    validation::DiagnosticList,
};

use super::words::{Known, reworded};
use crate::error::{Diagnostic, Label, Severity, SourceText};

/// All findings of one compilation, and the files they point into.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Diagnostic>,
    files: HashMap<FileId, Arc<SourceText>>,
    order: Vec<Arc<SourceText>>,
}

impl Findings {
    /// Makes a file known, under the id that its nodes carry.
    pub(super) fn register(&mut self, id: FileId, source: &Arc<SourceText>) {
        self.files.insert(id, Arc::clone(source));
        if !self.order.iter().any(|known| Arc::ptr_eq(known, source)) {
            self.order.push(Arc::clone(source));
        }
    }

    /// The text of the file that a span lies in.
    pub(super) fn source(&self, span: SourceSpan) -> Option<&Arc<SourceText>> {
        self.files.get(&span.file_id())
    }

    /// A mark at a node's place; at the start of the first file for nodes without one.
    pub(super) fn label(&self, span: Option<SourceSpan>, text: impl Into<String>) -> Label {
        let (source, range) = match span.and_then(|span| Some((self.source(span)?, span))) {
            Some((source, span)) => (Arc::clone(source), trimmed(source, span.offset()..span.end_offset())),
            None => match self.order.first() {
                Some(first) => (Arc::clone(first), 0..0),
                None => (Arc::new(SourceText { name: String::new(), text: String::new() }), 0..0),
            },
        };
        Label { source, span: range, text: text.into() }
    }

    /// Adds a finding.
    pub(super) fn push(&mut self, finding: Diagnostic) {
        self.list.push(finding);
    }

    /// Adds an error at a node's place.
    pub(super) fn error(&mut self, code: &'static str, message: impl Into<String>, span: Option<SourceSpan>) {
        let label = self.label(span, "");
        self.push(Diagnostic::error(code, message, label));
    }

    /// Adds an error with something to type instead.
    pub(super) fn error_with_help(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Option<SourceSpan>,
        help: Option<String>,
    ) {
        let label = self.label(span, "");
        self.push(Diagnostic { help, ..Diagnostic::error(code, message, label) });
    }

    /// Adds what apollo-compiler found. Of syntax errors only the first of a line is kept, and none behind a wrong or missing quote; an
    /// unknown directive is told once, and a field as missing only where no unknown one stands in its place: the others follow from it.
    pub(super) fn adopt(&mut self, found: &DiagnosticList, syntax: bool, known: &Known) {
        let mut lines: Vec<(usize, usize)> = Vec::new();
        let mut ended: Vec<usize> = Vec::new();
        let mut told: Vec<String> = Vec::new();
        let places = |what: &str| -> Vec<SourceSpan> {
            let found = found.iter().filter(|finding| finding.error.to_string().contains(what));
            found.filter_map(|finding| finding.error.location()).collect()
        };
        let unknown = places("does not exist on");
        let is_replaced = |span: SourceSpan| {
            let is_inside = |it: &SourceSpan| it.offset() >= span.offset() && it.end_offset() <= span.end_offset();
            unknown.iter().any(|it| it.file_id() == span.file_id() && is_inside(it))
        };
        for finding in found.iter() {
            let message = finding.error.to_string();
            let span = finding.error.location();
            if let (true, Some(span)) = (syntax, span) {
                let line = self.source(span).map_or(0, |source| line_of(&source.text, span.offset()));
                let file = self.source(span).map_or(0, |source| Arc::as_ptr(source) as usize);
                if lines.contains(&(file, line)) || ended.contains(&file) {
                    continue;
                }
                lines.push((file, line));
                if message.contains("unterminated string") || message.contains("Unexpected character") {
                    ended.push(file);
                }
            }
            if message.starts_with("the required field") && span.is_some_and(is_replaced) {
                continue;
            }
            if message.starts_with("cannot find directive") {
                // Both come with one link.
                let missing = message.replace("`@source`", "`@connect`");
                if told.contains(&missing) {
                    continue;
                }
                told.push(missing);
            }
            let mut label = self.label(span, "");
            if message.contains("unterminated string") {
                // It runs to the end of the file; where it began is what matters.
                let text = label.source.text.get(label.span.clone()).unwrap_or_default();
                label.span.end = label.span.start + text.lines().next().unwrap_or_default().len();
            }
            let marked = label.source.text.get(label.span.clone()).unwrap_or_default();
            let (message, help) = reworded(&message, marked, known);
            self.push(Diagnostic { help, ..Diagnostic::error("GRAPH_QL_ERROR", message, label) });
        }
    }

    /// How many errors there are.
    pub(super) fn error_count(&self) -> usize {
        self.list.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// All findings in file and text order.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let Self { mut list, order, .. } = self;
        let place = |finding: &Diagnostic| {
            finding.labels.first().map_or((usize::MAX, 0), |label| {
                let file = order.iter().position(|source| Arc::ptr_eq(source, &label.source));
                (file.unwrap_or(usize::MAX), label.span.start)
            })
        };
        list.sort_by_key(place);
        list.dedup_by(|a, b| {
            let same_span = || match (a.labels.first(), b.labels.first()) {
                (Some(a), Some(b)) => a.span == b.span && Arc::ptr_eq(&a.source, &b.source),
                (a, b) => a.is_none() && b.is_none(),
            };
            a.code == b.code && a.message == b.message && same_span()
        });
        list
    }
}

/// The range without white space and comments that a syntax node may drag along at its end.
fn trimmed(source: &SourceText, range: Range<usize>) -> Range<usize> {
    let end = range.end.min(source.text.len());
    let start = range.start.min(end);
    let text = source.text.get(start..end).unwrap_or_default();
    start..start + text.trim_end().len()
}

/// The number of the line that an offset lies in, from 0.
fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}
