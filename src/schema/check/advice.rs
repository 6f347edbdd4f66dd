//! What is valid but hardly meant: joins that cost one call for each item, connectors that nobody can reach, sources that nobody uses.
//!
//! Only of a schema without errors, and only in default compatibility: the original says nothing of these.

use std::sync::Arc;

use apollo_compiler::parser::SourceSpan;

use super::satisfiable::Walked;
use crate::{
    error::Diagnostic,
    schema::{Compatibility, ConnectorId, Graph, Place, SourceId, TypeRef, directive::key, findings::Findings},
};

/// Where things are written, by their ids.
pub(in crate::schema) struct Spans<'a> {
    pub(in crate::schema) connectors: &'a [Option<SourceSpan>],
    pub(in crate::schema) sources: &'a [Option<SourceSpan>],
}

/// A join that is made for every item of a list.
#[derive(Debug)]
pub(super) struct PerItem {
    pub(super) connector: ConnectorId,
    /// The field that needs it.
    pub(super) field: Arc<str>,
    /// Where it was met first: `products.brand`.
    pub(super) path: String,
}

/// Warns of all three.
pub(in crate::schema) fn check(graph: &Graph, spans: &Spans<'_>, walked: &Walked, findings: &mut Findings) {
    if graph.compatibility == Compatibility::Strict || findings.error_count() > 0 {
        return;
    }
    for (at, source) in graph.sources.iter().enumerate() {
        let is_it = |id: Option<SourceId>| id.is_some_and(|id| id.0 as usize == at);
        if !graph.connectors.iter().any(|connector| is_it(connector.source)) {
            let label = findings.label(spans.sources[at], "");
            let message = format!("no connector uses the source `{}`", source.name);
            let help = format!("remove it, or name it in a connector: `source: \"{}\"`", source.name);
            findings.push(Diagnostic::warning("UNUSED_SOURCE", message, label).help(help));
        }
    }
    let unused = walked.used.iter().enumerate().filter(|(_, used)| walked.is_complete && !**used);
    for (at, _) in unused {
        unreachable(graph, &graph.connectors[at], spans.connectors[at], findings);
    }
    // A field with arguments has no batch form to use instead: `$batch` knows no `$args`.
    let has_other_form = |join: &&PerItem| match graph.connectors[join.connector.0 as usize].place {
        Place::Field { field } => graph[field].arguments.is_empty(),
        Place::Root { .. } | Place::Type { .. } => true,
    };
    for join in walked.per_item.iter().filter(has_other_form) {
        per_item(graph, join, spans.connectors[join.connector.0 as usize], findings);
    }
}

fn unreachable(graph: &Graph, connector: &crate::schema::Connector, span: Option<SourceSpan>, findings: &mut Findings) {
    let names: Vec<String> = connector.provides.fields.keys().map(|name| format!("`{name}`")).collect();
    let (what, ty) = match connector.place {
        Place::Type { ty } => (names.join(", "), ty),
        Place::Root { field, .. } | Place::Field { field } => (format!("`{}`", graph[field].name), graph[field].parent),
    };
    let ty = &graph[ty].name;
    let message = format!("no operation can reach what this connector gives of `{ty}`: {what}");
    let key = key::text(&connector.key);
    let help = if key.is_empty() {
        format!("remove it, or return a `{ty}` from a field that can be reached")
    } else {
        format!("remove it, or select its key `{key}` where a `{ty}` is reached")
    };
    let label = findings.label(span, "");
    findings.push(Diagnostic::warning("UNREACHABLE_CONNECTOR", message, label).help(help));
}

fn per_item(graph: &Graph, join: &PerItem, span: Option<SourceSpan>, findings: &mut Findings) {
    let connector = &graph[join.connector];
    let (ty, field) = match connector.place {
        Place::Type { ty } | Place::Root { entity: Some(ty), .. } => (ty, graph[ty].fields.get(&join.field).copied()),
        Place::Root { field, entity: None } | Place::Field { field } => (graph[field].parent, Some(field)),
    };
    let is_composite = field.is_some_and(|field| !graph[graph[field].ty.named()].possible.is_empty());
    let gives = if is_composite { format!("{} {{ … }}", join.field) } else { join.field.to_string() };
    let (ty, path) = (&graph[ty].name, &join.path);
    let message = format!("`{ty}.{}` is one call for each item of the list at `{path}`", join.field);
    let source = connector.source.map(|source| format!("source: \"{}\", ", graph[source].name)).unwrap_or_default();
    let keys = key::text(&connector.key);
    let mut members = connector.key.keys.iter();
    let request = match (members.next(), members.next()) {
        (Some((key, below)), None) if below.keys.is_empty() => {
            format!("GET: \"/…\", queryParams: \"{key}: $batch.{key}\"")
        }
        // What belongs together stays together: parameters would be lists of their own.
        _ => format!("POST: \"/…\", body: \"$batch {{ {keys} }}\""),
    };
    let help = format!(
        "if the service can be asked for many at once, put this on `type {ty}`: \
         `@connect({source}http: {{ {request} }}, selection: \"{keys} {gives}\")`"
    );
    let label = findings.label(span, "called once for each item");
    findings.push(Diagnostic::warning("ONE_CALL_PER_ITEM", message, label).help(help));
}

/// Whether a type is a list at any level.
pub(super) fn is_list(ty: &TypeRef) -> bool {
    matches!(ty, TypeRef::List { .. })
}
