//! Files in, graph or diagnostics out.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Compatibility, ConnectorId, Graph, Place, access, check,
    directive::{caching, connect::Reader, cost, selection::Selected, source},
    document::{self, Document},
    findings::Findings,
    lower::{self, Checked, Lowered},
    merge,
    redaction::{self, Redaction},
    tables,
    template::{Base, Template},
};
use crate::{
    error::{Diagnostic, SourceText},
    telemetry::Redact,
};

const NO_QUERY_MESSAGE: &str = "the schema has no query field";
const NO_QUERY_HELP: &str = "add `type Query` with at least one field that has a connector";

/// One SDL file. Its `subgraph` name shows in coordinates, error extensions and config keys.
#[derive(Debug, Clone)]
pub struct File {
    /// Subgraph name: the file's stem unless the config names it.
    pub subgraph: String,
    /// The text, with the path as its name.
    pub source: Arc<SourceText>,
}

/// What compiling depends on beside the files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ours, or the original's behaviour (reference, section 13).
    pub compatibility: Compatibility,
    /// `urls` from the configuration: replaces `baseURL`. Key: source name or `subgraph.name`.
    pub urls: IndexMap<String, Vec<String>>,
    /// Names of values that nobody should read, beside those that the schema marks.
    pub redact: Redact,
}

/// A graph that can be served, with what is worth knowing about it.
#[derive(Debug)]
pub struct Compiled {
    /// The graph.
    pub graph: Graph,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles files to one graph. Errors: all findings (errors and warnings), in file and text order.
pub fn compile(files: &[File], options: &Options) -> Result<Compiled, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    match graph(files, options, &mut findings) {
        Some(graph) if findings.error_count() == 0 => Ok(Compiled { graph, warnings: findings.into_sorted() }),
        _ => Err(findings.into_sorted()),
    }
}

/// The passes in order. Later ones rely on what earlier ones have checked, so each stops where the ones before found errors.
fn graph(files: &[File], options: &Options, findings: &mut Findings) -> Option<Graph> {
    let documents = document::read_all(files, findings);
    refuse_equal_names(&documents, findings);
    if findings.error_count() == 0 && !documents.is_empty() && !documents.iter().any(document::has_query) {
        // Without one nothing can be reached, and every field would be told.
        findings.error_with_help("GRAPH_QL_ERROR", NO_QUERY_MESSAGE, None, Some(NO_QUERY_HELP.to_owned()));
        return None;
    }
    let mut checked = Vec::new();
    for document in documents {
        checked.push(check_document(document, options, findings));
    }
    if findings.error_count() > 0 {
        return None;
    }
    if checked.is_empty() {
        findings.error_with_help(
            "GRAPH_QL_ERROR",
            "there is no schema file",
            None,
            Some("name a `.graphql` file".to_owned()),
        );
        return None;
    }
    let documents: Vec<&Document> = checked.iter().map(|checked| &checked.document).collect();
    let merged = merge::merge(&documents, findings)?;
    let api = merge::api(&merged.schema, &documents, findings)?;
    let mut tables = tables::build(&merged.schema, &api);
    let costs = cost::read(&documents, &merged.renames, &tables);
    let redact = redaction::marked(options.redact.clone(), &documents);
    let named: Vec<_> = documents.into_iter().zip(&merged.renames).collect();
    let access = access::read(&named, &mut tables, findings);
    let Lowered { sources, connectors, spans, source_spans, narrow_keys } =
        lower::lower(checked.into_iter().zip(merged.renames).collect(), &mut tables);
    let root = |name: Option<&apollo_compiler::Name>| name.and_then(|name| tables.by_name.get(name.as_str()).copied());
    let definition = &merged.schema.schema_definition;
    let mut graph = Graph {
        query: root(definition.query.as_ref().map(|name| &name.name))?,
        mutation: root(definition.mutation.as_ref().map(|name| &name.name)),
        types: tables.types,
        fields: tables.fields,
        sources,
        redaction: Redaction::new(redact, &connectors),
        connectors,
        by_name: tables.by_name,
        schema: api,
        compatibility: options.compatibility,
        costs,
        access,
    };
    hang_own(&mut graph);
    // A text of an error is not worth a field that could be had without it.
    if !narrow_keys.is_empty() && !check::satisfiable::is_met(&graph, &merged.schema) {
        for (id, key) in narrow_keys {
            graph.connectors[id.0 as usize].key = key;
        }
    }
    let walked = check::satisfiable::check(&graph, &spans, &merged.schema, findings);
    let spans = check::advice::Spans { connectors: &spans, sources: &source_spans };
    check::advice::check(&graph, &spans, &walked, findings);
    Some(graph)
}

/// Tells each type which connectors of its fields can be called without arguments.
fn hang_own(graph: &mut Graph) {
    for at in 0..graph.fields.len() {
        let field = &graph.fields[at];
        if field.arguments.iter().any(|argument| argument.ty.is_non_null() && argument.default.is_none()) {
            continue;
        }
        let parent = field.parent.0 as usize;
        let is_own = |id: &&ConnectorId| matches!(graph[**id].place, Place::Field { .. }) && graph.is_callable(**id);
        let own: Vec<ConnectorId> = field.connectors.iter().filter(is_own).copied().collect();
        graph.types[parent].own.extend(own);
    }
}

/// All that can be said of one document by itself.
fn check_document(document: Document, options: &Options, findings: &mut Findings) -> Checked {
    let before = findings.error_count();
    check::support::check(&document, findings);
    check::federation::check(&document, findings);
    caching::check(&document, findings);
    check::key::check_syntax(&document, findings);
    cost::check(&document, findings);
    let mut sources = source::read_all(&document, options.compatibility, findings);
    for source in &mut sources {
        let exact = options.urls.get(&format!("{}.{}", document.subgraph, source.name));
        if let Some(url) = exact.or_else(|| options.urls.get(&source.name)).and_then(|urls| urls.first()) {
            source.base = Base::from(Template::constant(url));
            if matches!(source.base, Base::Computed(_)) {
                let message = format!("the configured URL of the source `{}` is no absolute http URL", source.name);
                let help = Some(format!("correct `urls` of `{}` in the configuration", source.name));
                findings.error_with_help("INVALID_URL", message, source.span, help);
            }
        }
    }
    let mut selected = Selected::new();
    let drafts = Reader {
        document: &document,
        sources: &sources,
        compatibility: options.compatibility,
        findings,
        selected: &mut selected,
    }
    .read_all();
    if findings.error_count() == before {
        check::unresolved::check(&document, &selected, findings);
        check::key::check(&document, &drafts, findings);
    }
    Checked { document, sources, drafts }
}

/// Coordinates and configuration name a file by its subgraph name, so each needs its own.
fn refuse_equal_names(documents: &[Document], findings: &mut Findings) {
    for (at, document) in documents.iter().enumerate() {
        if documents[..at].iter().any(|other| other.subgraph == document.subgraph) {
            let label = crate::error::Label { source: Arc::clone(&document.source), span: 0..0, text: String::new() };
            let message = format!("two files have the subgraph name `{}`", document.subgraph);
            let help = "rename one file, or give it a name in the configuration: `{ path: …, name: … }`";
            findings.push(Diagnostic::error("DUPLICATE_SUBGRAPH_NAME", message, label).help(help));
        }
    }
}
