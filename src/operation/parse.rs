//! Text to a validated document, within limits.
//!
//! Every step is bounded by the one before it: bytes, then one scan for tokens and nesting, then the parser; the expansion of
//! fragments, then the cost of merging fields, then validation, apollo-compiler's and our own rules.

use std::{collections::HashSet, sync::Arc};

use apollo_compiler::{
    ExecutableDocument,
    diagnostic::ToCliReport,
    parser::Parser,
    validation::{DiagnosticData, DiagnosticList, Valid},
};

use super::{
    expand,
    findings::{Findings, Lines},
    overlap, rules,
    scan::scan,
    secrets,
};
use crate::{
    error::{ErrorCode, Refusal},
    schema::Graph,
    telemetry::Secrets,
};

/// Bounds on a document, checked before the work they bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes_max: usize,
    /// Tokens of the text.
    pub tokens_max: usize,
    /// Nesting of brackets and braces of any kind; of selections also with fragments expanded.
    pub nesting_max: usize,
    /// Selections with fragments expanded, summed over all operations.
    pub selections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 1 << 20, tokens_max: 15_000, nesting_max: 200, selections_max: 20_000 }
    }
}

/// Budget of field merging for each allowed selection.
const MERGE_PER_SELECTION: usize = 25;

/// A valid document; one or more operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Document {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    executable: Valid<ExecutableDocument>,
    lines: Lines,
    selections_max: usize,
}

impl Document {
    pub(super) fn executable(&self) -> &Valid<ExecutableDocument> {
        &self.inner.executable
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.inner.lines
    }

    /// Names of its operations, in order; `None` for the only one without.
    pub fn operation_names(&self) -> Vec<Option<&str>> {
        let operations = self.executable().operations.iter();
        operations.map(|operation| operation.name.as_ref().map(apollo_compiler::Name::as_str)).collect()
    }

    /// The limit it was parsed under, for what binding makes of it.
    pub(super) fn selections_max(&self) -> usize {
        self.inner.selections_max
    }
}

/// Parses and validates. Errors: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` (all findings), `LIMIT_EXCEEDED`.
pub fn parse(graph: &Graph, text: &str, limits: &Limits) -> Result<Document, Refusal> {
    if text.len() > limits.bytes_max {
        return Err(Refusal::limit_exceeded("bytes", limits.bytes_max, text.len(), None));
    }
    let scanned = scan(text, limits.tokens_max, limits.nesting_max);
    if scanned.nesting > limits.nesting_max {
        return Err(Refusal::limit_exceeded("nesting", limits.nesting_max, scanned.nesting, None));
    }
    if scanned.tokens > limits.tokens_max {
        return Err(Refusal::limit_exceeded("tokens", limits.tokens_max, scanned.tokens, None));
    }
    let lines = Lines::new(text);
    let redact = &graph.redaction.names;
    let parsed = Parser::new().parse_ast(scanned.text, "operation.graphql");
    let ast = parsed.map_err(|failed| {
        // What could be read of it.
        syntax_refusal(&failed.errors, &lines, &secrets::of_document(redact, &failed.partial))
    })?;
    expand::check(&ast, limits, &lines)?;

    let budget = limits.selections_max.saturating_mul(MERGE_PER_SELECTION);
    let built = ast.to_executable(&graph.schema);
    let unvalidated = built.as_ref().unwrap_or_else(|failed| &failed.partial);
    let Some(conflicts) = overlap::conflicts(&graph.schema, unvalidated, budget) else {
        return Err(Refusal::limit_exceeded("merged fields", budget, budget.saturating_add(1), None));
    };
    let mut found: Vec<(usize, String)> = rules::check(&graph.schema, unvalidated).into_iter().collect();
    found.extend(conflicts.into_iter().map(|offset| (offset, "fields of one name have different arguments".into())));
    let validated = ast.to_executable_validate(&graph.schema);
    let theirs = validated.as_ref().err().map(|failed| &failed.errors);
    if theirs.is_some() || !found.is_empty() {
        let secrets = secrets::of_document(redact, &ast);
        validation_findings(text, found, theirs, &lines, &secrets).into_result()?;
    }
    let Ok(executable) = validated else {
        return Err(Refusal::new(ErrorCode::GraphqlValidationFailed, "the operation is not valid"));
    };
    Ok(Document { inner: Arc::new(Inner { executable, lines, selections_max: limits.selections_max }) })
}

/// Our findings and apollo-compiler's, in the order of the text.
fn validation_findings(
    text: &str,
    ours: Vec<(usize, String)>,
    theirs: Option<&DiagnosticList>,
    lines: &Lines,
    secrets: &Secrets,
) -> Findings {
    type Message<'a> = Box<dyn FnOnce() -> String + 'a>;
    let mut all: Vec<(usize, Message<'_>)> = Vec::new();
    for (offset, message) in ours {
        all.push((offset, Box::new(move || message)));
    }
    for diagnostic in theirs.into_iter().flat_map(DiagnosticList::iter) {
        if is_consequence(text, diagnostic.error) {
            continue;
        }
        let offset = diagnostic.error.location().map_or(0, |span| span.offset());
        all.push((offset, Box::new(move || diagnostic.error.to_string())));
    }
    all.sort_by_key(|(offset, _)| *offset);
    let mut findings = Findings::new(ErrorCode::GraphqlValidationFailed);
    for (offset, message) in all {
        findings.push(Some(lines.location(offset)), || secrets.hide(&message()).into_owned());
    }
    findings
}

/// A selection set was written, and each of its fields is a finding by itself: that nothing is left of it is none.
fn is_consequence(text: &str, found: &DiagnosticData) -> bool {
    found.unstable_error_name() == Some("MissingSubselection")
        && found
            .location()
            .and_then(|span| text.get(span.offset()..span.end_offset()))
            .is_some_and(|written| written.trim_end().ends_with('}'))
}

/// What the parser found. After a mistake it finds more of them in what follows, so each line shows its first only.
fn syntax_refusal(errors: &DiagnosticList, lines: &Lines, secrets: &Secrets) -> Refusal {
    let mut findings = Findings::new(ErrorCode::GraphqlParseFailed);
    let mut seen = HashSet::new();
    for diagnostic in errors.iter() {
        let location = lines.at(diagnostic.error.location());
        if seen.insert(location.line) {
            findings.push(Some(location), || secrets.hide(&diagnostic.error.to_string()).into_owned());
        }
    }
    findings
        .into_refusal()
        .unwrap_or_else(|| Refusal::new(ErrorCode::GraphqlParseFailed, "the text is not a graphql document"))
}
