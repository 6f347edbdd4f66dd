//! Documents that requests name instead of sending them: automatic persisted queries, lists of trusted ones, and the phase in which
//! such a list is made.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    Client,
    interpret::Interpreter,
    value::{Count, Given, Json, Size, range},
};

/// Documents that requests name instead of sending them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DocumentsDocument {
    /// Automatic persisted queries: a document that was sent once with its SHA-256 is known by it. Default: `true`.
    pub(super) apq: Option<Given<bool>>,
    /// List of trusted documents: a manifest (Apollo's, Relay's, graphql-codegen's), a `.graphql` file, or a folder of them.
    /// Default: none.
    pub(super) trusted: Option<Given<String>>,
    /// Whether nothing but trusted documents is run. Default: `false`.
    pub(super) only_trusted: Option<Given<bool>>,
    /// The phase before `only_trusted`: everything is answered, and documents that are not trusted are told and written to a manifest.
    /// Default: none.
    pub(super) report: Option<ReportDocument>,
    /// Further lists, each for some callers: that of the first entry that means them counts beside the one for all. Default: none.
    #[schemars(with = "Vec<ClientDocumentsDocument>")]
    pub(super) clients: Vec<Spanned<ClientDocumentsDocument>>,
}

/// A list of trusted documents for some callers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientDocumentsDocument {
    /// What they are known by: `api_key`, `certificate`, `claim:NAME` or `header:NAME`; together with `is`.
    #[serde(default)]
    pub(super) by: Option<Given<String>>,
    /// What that is, or a list of which one is enough. A claim that is a list has to have it.
    #[serde(default)]
    #[schemars(with = "Option<Json>")]
    pub(super) is: Option<Spanned<Json>>,
    /// Whom it is for: `all`, who is `anonymous`, who has a `token`, who has an `api_key`, who has a known `certificate`. Default: `all`.
    #[serde(rename = "for", default)]
    pub(super) callers: Option<Given<String>>,
    /// The list, as for all.
    pub(super) trusted: Given<String>,
}

/// The phase before `only_trusted`: what it would refuse is answered, told and written down.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportDocument {
    /// File (`.json`) that documents are added to which are not trusted, in Apollo's format; it can be used as `trusted`.
    pub(super) manifest: Given<String>,
    /// Most documents in it. Default: `1000`.
    #[serde(default)]
    pub(super) documents_max: Option<Given<Count>>,
    /// Most bytes of it, at most `64MiB`. Default: `8MiB`.
    #[serde(default)]
    pub(super) size_max: Option<Given<Size>>,
    /// Whether documents that ask for nothing but the schema (`__schema`, `__type`) count. Default: `false`.
    #[serde(default)]
    pub(super) introspection: Option<Given<bool>>,
}

/// Documents that requests name instead of sending them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// Automatic persisted queries.
    pub apq: bool,
    /// List of trusted documents: a file or a folder.
    pub trusted: Option<PathBuf>,
    /// Whether nothing but trusted documents is run.
    pub only_trusted: bool,
    /// Further lists, each for some callers: that of the first that means them.
    pub clients: Vec<ClientDocuments>,
    /// The phase before `only_trusted`.
    pub report: Option<DocumentReport>,
}

/// Where documents are told that are not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentReport {
    /// The file that they are added to.
    pub manifest: PathBuf,
    /// Most documents in it.
    pub documents_max: usize,
    /// Most bytes of it.
    pub size_max: usize,
    /// Whether documents that ask for nothing but the schema count.
    pub introspection: bool,
}

impl DocumentReport {
    /// Most bytes of a list of trusted documents, all its files together.
    pub const LIST_MAX: usize = 64 << 20;

    /// With the default bounds.
    pub fn new(manifest: PathBuf) -> Self {
        // A thousand operations are more than most teams have, and 4 MiB of large ones; more than that is rather a client that writes
        // values into its documents.
        Self { manifest, documents_max: 1000, size_max: 8 << 20, introspection: false }
    }
}

/// A list of trusted documents for some callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDocuments {
    /// Whose.
    pub client: Client,
    /// A file or a folder.
    pub trusted: PathBuf,
}

impl Default for Documents {
    fn default() -> Self {
        // A kept document is one that would be run anyway.
        Self { apq: true, trusted: None, only_trusted: false, clients: Vec::new(), report: None }
    }
}

impl Interpreter<'_> {
    pub(super) fn documents(&mut self, document: DocumentsDocument) -> Documents {
        let only_span = document.only_trusted.as_ref().map(|only| only.span.clone());
        let trusted = document.trusted.and_then(|path| self.text(path)).map(|path| self.folder.join(path));
        self.origins.extend(trusted.clone());
        let only_trusted = self.read(document.only_trusted, false);
        let clients = document.clients.into_iter().filter_map(|document| self.client_documents(document));
        let clients: Vec<ClientDocuments> = clients.collect();
        if only_trusted && trusted.is_none() && clients.is_empty() {
            let message = "`only_trusted` without a list would refuse everything: name one in `documents.trusted`";
            self.find(only_span.clone().unwrap_or(0..0), "INVALID_VALUE", message);
        }
        let report = document.report.and_then(|document| self.document_report(document));
        if only_trusted && report.is_some() {
            let message = "`only_trusted` refuses what `report` is there to find: leave `report` out, or `only_trusted` until it finds nothing";
            self.find(only_span.unwrap_or(0..0), "INVALID_VALUE", message);
        }
        Documents { apq: self.read(document.apq, Documents::default().apq), trusted, only_trusted, clients, report }
    }

    fn document_report(&mut self, document: ReportDocument) -> Option<DocumentReport> {
        let ReportDocument { manifest, documents_max, size_max, introspection } = document;
        let (span, size_span) = (manifest.span.clone(), size_max.as_ref().map(|size| size.span.clone()));
        let manifest = self.path(manifest)?;
        if !manifest.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            let message = "the name of a manifest has to end with `.json`: by that `documents.trusted` knows one";
            self.find(span, "INVALID_VALUE", message);
        }
        let defaults = DocumentReport::new(manifest);
        let size_max = self.size(size_max, defaults.size_max);
        if size_max > DocumentReport::LIST_MAX {
            let message = "expected at most `64MiB`: a list of trusted documents may have no more";
            self.find(size_span.unwrap_or(0..0), "INVALID_VALUE", message);
        }
        Some(DocumentReport {
            documents_max: self.count(documents_max, defaults.documents_max),
            size_max,
            introspection: self.read(introspection, defaults.introspection),
            ..defaults
        })
    }

    fn client_documents(&mut self, document: Spanned<ClientDocumentsDocument>) -> Option<ClientDocuments> {
        let span = range(&document);
        let ClientDocumentsDocument { by, is, callers, trusted } = document.value;
        let client = self.client(by, is, callers, &span);
        let trusted = self.path(trusted)?;
        self.origins.push(trusted.clone());
        Some(ClientDocuments { client: client?, trusted })
    }
}
