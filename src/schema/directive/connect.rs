//! `@connect`: one REST call behind a field or a type (reference, section 3).

use std::sync::Arc;

use ::http::Method;
use apollo_compiler::{
    Name, Node,
    ast::{Directive, FieldDefinition, OperationType, Type, Value},
    parser::SourceSpan,
    schema::{ExtendedType, ObjectType},
};

use super::{
    argument, caching, entity, http, key,
    mapping::{Codes, Expected, Phase, Scope, Text, read},
    member, selection,
    source::SourceDraft,
};
use crate::{
    error::Diagnostic,
    mapping::{KeyTree, Mapping, Variable, Version},
    schema::{
        Batch, CacheTag, Compatibility, Errors, Provides, Reads,
        document::{Document, known_names},
        findings::Findings,
        literal::Literal,
        template::{Parts, Request, scheme_of},
    },
};

/// The methods, as written.
const METHODS: [(&str, Method); 5] = [
    ("GET", Method::GET),
    ("POST", Method::POST),
    ("PUT", Method::PUT),
    ("PATCH", Method::PATCH),
    ("DELETE", Method::DELETE),
];

/// Where a connector hangs, by names.
#[derive(Debug, Clone)]
pub(in crate::schema) enum DraftPlace {
    /// A field; `root` says of which operation, if its type is one.
    Field { parent: Name, field: Name, root: Option<OperationType> },
    /// An object type.
    Type { ty: Name },
}

/// One `@connect`, checked.
#[derive(Debug)]
pub(in crate::schema) struct Draft {
    pub(in crate::schema) coordinate: String,
    pub(in crate::schema) place: DraftPlace,
    pub(in crate::schema) span: Option<SourceSpan>,
    pub(in crate::schema) id: Option<(String, Option<SourceSpan>)>,
    /// Index into the document's sources.
    pub(in crate::schema) source: Option<usize>,
    pub(in crate::schema) request: Option<Request>,
    /// Set when `$batch` is used.
    pub(in crate::schema) batch: Option<Batch>,
    pub(in crate::schema) selection: Arc<Mapping>,
    pub(in crate::schema) success: Option<Arc<Mapping>>,
    pub(in crate::schema) errors: Errors,
    pub(in crate::schema) entity: bool,
    pub(in crate::schema) key: KeyTree,
    /// The key without what only `errors` and `isSuccess` use, where that is another.
    pub(in crate::schema) narrow_key: Option<KeyTree>,
    pub(in crate::schema) provides: Provides,
    pub(in crate::schema) reads: Reads,
    /// The named type that the selection yields.
    pub(in crate::schema) yields: Name,
    /// Names of the arguments of its field.
    pub(in crate::schema) arguments: Option<Vec<Arc<str>>>,
    pub(in crate::schema) tags: Vec<CacheTag>,
}

/// What reading a connector depends on.
pub(in crate::schema) struct Reader<'a> {
    pub(in crate::schema) document: &'a Document,
    pub(in crate::schema) sources: &'a [SourceDraft],
    pub(in crate::schema) compatibility: Compatibility,
    pub(in crate::schema) findings: &'a mut Findings,
    /// Fields that some selection names.
    pub(in crate::schema) selected: &'a mut selection::Selected,
}

/// One `@connect` with what it hangs on.
struct Site<'a> {
    directive: &'a Node<Directive>,
    index: usize,
    object: &'a ObjectType,
    field: Option<&'a FieldDefinition>,
    root: Option<OperationType>,
}

impl Reader<'_> {
    /// Reads all connectors of the document, in the order of its types.
    pub(in crate::schema) fn read_all(&mut self) -> Vec<Draft> {
        let Some(version) = self.document.version else { return Vec::new() };
        let document = self.document;
        let definition = &document.schema.schema_definition;
        let mut drafts = Vec::new();
        for ty in document.schema.types.values() {
            let ExtendedType::Object(object) = ty else { continue };
            let root =
                definition.iter_root_operations().find(|(_, name)| name.name == object.name).map(|(kind, _)| kind);
            let wanted = |directive: &Directive| directive.name == document.names.connect.as_str();
            for (index, directive) in object.directives.0.iter().filter(|directive| wanted(directive)).enumerate() {
                if root.is_some() {
                    let message = format!("`{}` is a root type and cannot carry a connector", object.name);
                    let help = Some("put `@connect` on its fields".to_owned());
                    self.findings.error_with_help("CONNECT_ON_ROOT", message, directive.location(), help);
                    continue;
                }
                drafts
                    .extend(self.one(version, &Site { directive: &directive.node, index, object, field: None, root }));
            }
            for field in object.fields.values() {
                for (index, directive) in field.directives.iter().filter(|directive| wanted(directive)).enumerate() {
                    let site = Site { directive, index, object, field: Some(field), root };
                    if root != Some(OperationType::Subscription) {
                        drafts.extend(self.one(version, &site));
                    }
                }
            }
        }
        self.refuse_equal_ids(&drafts);
        drafts
    }

    fn refuse_equal_ids(&mut self, drafts: &[Draft]) {
        for (at, draft) in drafts.iter().enumerate() {
            let Some((id, span)) = &draft.id else { continue };
            if drafts[..at].iter().any(|other| other.id.as_ref().is_some_and(|(known, _)| known == id)) {
                let message = format!("two connectors have the id `{id}`");
                self.findings.error_with_help(
                    "DUPLICATE_ID_NAME",
                    message,
                    *span,
                    Some("give each its own id".to_owned()),
                );
            }
        }
    }

    fn one(&mut self, version: Version, site: &Site<'_>) -> Option<Draft> {
        let directive = site.directive;
        let before = self.findings.error_count();
        let source = self.source(directive);
        let id = self.id(directive);
        let is_entity = entity::check_place(self.document, directive, site.field, site.root, self.findings);
        let this = (site.root.is_none()).then_some(site.object.name.as_str());
        let scope = Scope {
            schema: &self.document.schema,
            version,
            args: site.field.map(|field| field.arguments.as_slice()),
            this,
            batch: if site.field.is_none() { this } else { None },
            phase: Phase::Request,
            compatibility: self.compatibility,
        };
        let (request, mut request_texts) = self.request(directive, source, &scope);
        let source = source.flatten();

        let response = Scope { phase: Phase::Response, ..scope };
        let outcome_texts = self.outcome(directive, &response);
        let written = argument(directive, "selection")?;
        let codes = Codes { place: "INVALID_SELECTION", argument: "UNDEFINED_ARGUMENT", field: "UNDEFINED_FIELD" };
        let selection_scope = Scope { batch: None, ..response };
        let text = read(written, &selection_scope, codes, Expected::Any, self.findings)?;
        if text.mapping.is_empty() {
            self.findings.error_with_help(
                "INVALID_SELECTION",
                "the selection is empty",
                written.location(),
                Some("name at least one field".to_owned()),
            );
            return None;
        }
        if request.is_none() && argument(directive, "http").is_none() {
            self.check_requestless(version, site, &text);
        }
        let named = Type::Named(site.object.name.clone());
        let ty = site.field.map_or(&named, |field| &field.ty);
        let provides = selection::Check {
            document: self.document,
            text: &text,
            compatibility: self.compatibility,
            selected: self.selected,
            findings: self.findings,
        }
        .run(&selection_scope, ty, site.field.map(|_| &site.object.name).filter(|_| site.root.is_none()));

        if let Some(source) = source {
            request_texts.extend(self.sources[source].request_texts.iter().cloned());
        }
        let uses_batch = uses(&request_texts, Variable::Batch);
        if let Some(batch) = uses_batch {
            let this = request_texts.iter().chain([&text]).find_map(|text| first_use(text, Variable::This));
            if this.is_some() {
                self.conflict_batch_this(batch, this);
            }
        }
        let mut draft = Draft {
            coordinate: coordinate(self.document, site),
            place: match site.field {
                Some(field) => {
                    DraftPlace::Field { parent: site.object.name.clone(), field: field.name.clone(), root: site.root }
                }
                None => DraftPlace::Type { ty: site.object.name.clone() },
            },
            span: directive.location(),
            id,
            source,
            request,
            batch: uses_batch.map(|_| Batch { keys_max: self.keys_max(directive) }),
            selection: Arc::clone(&text.mapping),
            success: outcome_texts.success.as_ref().map(|text| Arc::clone(&text.mapping)),
            errors: Errors::default(),
            entity: is_entity,
            key: KeyTree::default(),
            narrow_key: None,
            provides,
            reads: Reads::default(),
            yields: ty.inner_named_type().clone(),
            arguments: site
                .field
                .map(|field| field.arguments.iter().map(|argument| Arc::from(argument.name.as_str())).collect()),
            tags: Vec::new(),
        };
        self.inherit(&mut draft, &outcome_texts);
        draft.reads = reads(&draft, &request_texts);
        if self.findings.error_count() == before {
            self.derive_key(&mut draft, site, &request_texts, &text, &outcome_texts);
            let yielded = self.document.schema.types.get(&draft.yields).map(ExtendedType::directives);
            let places = (site.field.map(|field| &field.directives), yielded);
            draft.tags = caching::tags(self.document, &draft, places, self.findings);
        }
        Some(draft)
    }

    /// The source named, if any: `None` when it does not exist, `Some(None)` when none is named.
    #[expect(clippy::option_option, reason = "named but unknown differs from not named")]
    fn source(&mut self, directive: &Directive) -> Option<Option<usize>> {
        let Some(written) = argument(directive, "source") else { return Some(None) };
        let name = written.as_str()?;
        if let Some(index) = self.sources.iter().position(|source| source.name == name && !name.is_empty()) {
            return Some(Some(index));
        }
        let (code, message) = if self.sources.is_empty() {
            ("NO_SOURCES_DEFINED", format!("the source `{name}` is used, but no source is defined"))
        } else {
            ("SOURCE_NAME_MISMATCH", format!("there is no source `{name}`"))
        };
        let is_imported = !self.document.names.source.contains("__");
        let help = if self.sources.is_empty() && !is_imported {
            Some(format!(
                "add `\"@source\"` to the `import` of the connect link, and `@source(name: \"{name}\", http: {{ baseURL: \"https://…\" }})` \
                 to the schema where there is none"
            ))
        } else if self.sources.is_empty() {
            Some(format!(
                "add `@{}(name: \"{name}\", http: {{ baseURL: \"https://…\" }})` to the schema",
                self.document.names.source
            ))
        } else {
            known_names(name, self.sources.iter().map(|source| source.name.as_str()))
        };
        self.findings.error_with_help(code, message, written.location(), help);
        None
    }

    fn id(&mut self, directive: &Directive) -> Option<(String, Option<SourceSpan>)> {
        let written = argument(directive, "id")?;
        let id = written.as_str()?.to_owned();
        if Name::new(&id).is_err() {
            let help = Some("use letters, digits and `_`, and begin with no digit".to_owned());
            let message = format!("`{id}` is no name for a connector");
            self.findings.error_with_help("INVALID_CONNECTOR_ID_NAME", message, written.location(), help);
        }
        Some((id, written.location()))
    }

    /// The request, and its own mappings. `source` as [`Self::source`] gives it.
    #[expect(clippy::option_option, reason = "named but unknown differs from not named")]
    fn request(
        &mut self,
        directive: &Node<Directive>,
        source: Option<Option<usize>>,
        scope: &Scope<'_>,
    ) -> (Option<Request>, Vec<Text>) {
        let Some(settings) = argument(directive, "http") else {
            if scope.version < Version::V0_4 {
                let help = Some("add `http: { GET: \"/…\" }`, or link connect `v0.4`".to_owned());
                let message = "a connector without `http` needs connect v0.4";
                self.findings.error_with_help("HTTP_OMITTED_REQUIRES_V0_4", message, directive.location(), help);
            }
            return (None, Vec::new());
        };
        let (parts, mut texts) = http::parts(settings, scope, self.findings);
        let (own_headers, header_texts) = http::headers(settings, scope, self.findings);
        texts.extend(header_texts);
        let body = member(settings, "body")
            .and_then(|body| read(body, scope, Codes::one("INVALID_BODY"), Expected::Any, self.findings));
        texts.extend(body.clone());
        let Some((method, url)) = self.method(settings) else { return (None, texts) };
        let Some(url) = http::template(url, scope, "INVALID_URL", self.findings) else { return (None, texts) };
        texts.extend(url.texts.iter().cloned());
        self.check_url(&url, source);
        let source = source.flatten().map(|source| &self.sources[source]);
        let mut headers = source.map(|source| source.headers.clone()).unwrap_or_default();
        headers.retain(|header| own_headers.iter().all(|own| own.name != header.name));
        headers.extend(own_headers);
        let request = Request {
            method,
            base: source.map(|source| source.base.clone()),
            base_parts: source.map_or_else(Parts::default, |source| source.parts.clone()),
            template: url.template,
            parts,
            headers,
            body: body.map(|text| text.mapping),
        };
        (Some(request), texts)
    }

    fn method<'v>(&mut self, settings: &'v Node<Value>) -> Option<(Method, &'v Node<Value>)> {
        let mut found = METHODS.iter().filter_map(|(name, method)| Some((method.clone(), member(settings, name)?)));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            (None, _) => {
                let help = Some("add one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`".to_owned());
                self.findings.error_with_help("MISSING_HTTP_METHOD", "`http` has no method", settings.location(), help);
                None
            }
            (Some((_, first)), Some((_, second))) => {
                let start = |value: &Node<Value>| value.location().map(|span| span.offset());
                let second = if start(first) > start(second) { first } else { second };
                let help = Some("keep one; further connectors may follow on the same field".to_owned());
                self.findings.error_with_help(
                    "MULTIPLE_HTTP_METHODS",
                    "`http` has more than one method",
                    second.location(),
                    help,
                );
                None
            }
        }
    }

    #[expect(clippy::option_option, reason = "named but unknown differs from not named")]
    fn check_url(&mut self, url: &http::CheckedTemplate, source: Option<Option<usize>>) {
        let is_absolute = scheme_of(&url.literal.text).is_some();
        let is_sourced = source != Some(None);
        let whole = 0..url.literal.text.len();
        if is_sourced && is_absolute {
            let label = url.literal.label(whole, self.findings, "");
            let message = "the URL is absolute although the connector has a source";
            self.findings.push(
                Diagnostic::error("ABSOLUTE_CONNECT_URL_WITH_SOURCE", message, label)
                    .help("write only the path, or remove `source`"),
            );
        } else if !is_sourced && !is_absolute {
            let label = url.literal.label(whole, self.findings, "");
            let message = "the URL is relative although the connector has no source";
            self.findings.push(
                Diagnostic::error("RELATIVE_CONNECT_URL_WITHOUT_SOURCE", message, label)
                    .help("write the whole URL, or add `source`"),
            );
        } else if !is_sourced {
            http::check_absolute(url, false, self.findings);
        }
    }

    fn outcome(&mut self, directive: &Directive, scope: &Scope<'_>) -> Outcome {
        let errors = argument(directive, "errors");
        let mut one = |value: Option<&Node<Value>>, code, expected| {
            read(value?, scope, Codes::one(code), expected, self.findings)
        };
        let message = errors.and_then(|errors| member(errors, "message"));
        let extensions = errors.and_then(|errors| member(errors, "extensions"));
        Outcome {
            message: one(message, "INVALID_ERRORS_MESSAGE", Expected::Text),
            extensions: one(extensions, "INVALID_ERRORS_MESSAGE", Expected::Object),
            success: one(argument(directive, "isSuccess"), "INVALID_IS_SUCCESS", Expected::Boolean),
        }
    }

    /// Takes over from the source what the connector leaves open.
    fn inherit(&self, draft: &mut Draft, own: &Outcome) {
        let source = draft.source.map(|source| &self.sources[source]);
        let mapping = |text: &Option<Text>| text.as_ref().map(|text| Arc::clone(&text.mapping));
        draft.success = mapping(&own.success).or_else(|| source.and_then(|source| source.success.clone()));
        draft.errors = Errors {
            message: mapping(&own.message).or_else(|| source.and_then(|source| source.message.clone())),
            extensions: source
                .and_then(|source| source.extensions.clone())
                .into_iter()
                .chain(mapping(&own.extensions))
                .collect(),
        };
    }

    fn keys_max(&mut self, directive: &Directive) -> Option<usize> {
        let size = member(argument(directive, "batch")?, "maxSize")?;
        match size.to_i32() {
            Some(number) if number > 0 => usize::try_from(number).ok(),
            _ => {
                let help = Some("give the most keys that one request may hold".to_owned());
                self.findings.error_with_help(
                    "GRAPH_QL_ERROR",
                    "`maxSize` has to be at least 1",
                    size.location(),
                    help,
                );
                None
            }
        }
    }

    fn conflict_batch_this(&mut self, batch: &Text, this: Option<(Literal, std::ops::Range<usize>)>) {
        let mut finding = Diagnostic::error(
            "CONNECT_BATCH_AND_THIS",
            "a connector cannot use both `$batch` and `$this`",
            first_use(batch, Variable::Batch).map_or_else(
                || self.findings.label(batch.literal.span(), ""),
                |(literal, range)| literal.label(range, self.findings, "`$batch` makes one call for many objects"),
            ),
        );
        finding
            .labels
            .extend(this.map(|(literal, range)| literal.label(range, self.findings, "`$this` is one object")));
        self.findings.push(finding.help("use `$batch` alone, or `$this` alone"));
    }

    fn check_requestless(&mut self, version: Version, site: &Site<'_>, text: &Text) {
        if version < Version::V0_4 {
            return;
        }
        let mut spans = text.mapping.reads_input();
        let outcome = [Variable::Status, Variable::Response];
        spans.extend(
            text.mapping
                .uses()
                .into_iter()
                .filter(|used| used.variable.is_some_and(|variable| outcome.contains(&variable)))
                .map(|used| used.span),
        );
        if let Some(span) = spans.first() {
            let message =
                format!("`{}` makes no request, so there is no response to read", coordinate(self.document, site));
            let finding = text.error("REQUESTLESS_SELECTION_USES_REQUEST_DATA", message, span, self.findings);
            self.findings.push(finding.help("add `http`, or use variables and literals only"));
        }
    }

    /// What the connector needs of the object it completes. What only `errors` and `isSuccess` use is part of it (reference, section 13,
    /// row 15) unless that would make a good connector a bad one.
    fn derive_key(
        &mut self,
        draft: &mut Draft,
        site: &Site<'_>,
        request: &[Text],
        selection: &Text,
        outcome: &Outcome,
    ) {
        let narrow: Vec<&Text> = request.iter().chain([selection]).collect();
        let outcome = [&outcome.message, &outcome.extensions, &outcome.success];
        let wide: Vec<&Text> = narrow.iter().copied().chain(outcome.into_iter().flatten()).collect();
        let (narrow_key, is_good) = self.quietly(|this| this.key_of(draft, site, &narrow, selection));
        if self.compatibility == Compatibility::Default {
            let (wide_key, is_wide_good) = self.quietly(|this| this.key_of(draft, site, &wide, selection));
            if is_wide_good || !is_good {
                draft.narrow_key = (is_good && narrow_key != wide_key).then_some(narrow_key);
                draft.key = self.key_of(draft, site, &wide, selection);
                return;
            }
        }
        draft.key = self.key_of(draft, site, &narrow, selection);
    }

    /// What a question gives, and whether it found no error; what it found is forgotten.
    fn quietly<T>(&mut self, ask: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let kept = std::mem::take(self.findings);
        let answer = ask(self);
        let is_good = self.findings.error_count() == 0;
        *self.findings = kept;
        (answer, is_good)
    }

    /// The key that the uses of `$this`, `$batch` or `$args` in those texts imply.
    fn key_of(&mut self, draft: &Draft, site: &Site<'_>, texts: &[&Text], selection: &Text) -> KeyTree {
        let needs = |variable: Variable| {
            let mut found = texts.iter().filter_map(|text| text.mapping.needs(variable)).peekable();
            found.peek()?;
            let mut tree = KeyTree::default();
            found.for_each(|needs| key::merge(&mut tree, &needs));
            tree.keys.shift_remove("__typename");
            Some(tree)
        };
        let ty = match (site.field, site.root) {
            (Some(field), Some(_)) if draft.entity => {
                let needs = needs(Variable::Args).unwrap_or_default();
                return entity::key(self.document, field, &needs, draft.span, self.findings);
            }
            (Some(_), Some(_)) => return KeyTree::default(),
            _ => site.object.name.as_str(),
        };
        let variable = if draft.batch.is_some() { Variable::Batch } else { Variable::This };
        let Some(mut tree) = needs(variable) else {
            if site.field.is_none() {
                let help = Some(
                    "use `$this` or `$batch` in the request, so that it is clear which object is asked for".to_owned(),
                );
                let message = format!("the connector on `{ty}` uses no key");
                self.findings.error_with_help("CONNECTORS_CANNOT_RESOLVE_KEY", message, draft.span, help);
            }
            return KeyTree::default();
        };
        // The whole object is its declared key.
        if tree.keys.is_empty() {
            tree = key::keys_of(self.document, ty, None).into_iter().next().map(|key| key.fields).unwrap_or_default();
        }
        if let Some(name) = key::bare_composite(&self.document.schema, ty, &tree) {
            let message = format!("`${}.{name}` is an object, and a key is made of scalars", variable_name(variable));
            let help = Some(format!("name the fields of `{name}` that are needed"));
            self.findings.error_with_help("CONNECTORS_CANNOT_RESOLVE_KEY", message, draft.span, help);
        }
        if let Some(missing) = draft.batch.and_then(|_| missing_in(&draft.provides, &tree)) {
            let message = format!("the batch selection does not return its key field `{missing}`");
            let help = Some(format!("select `{missing}`: results are matched to objects by it"));
            let label = selection.literal.label(0..selection.literal.text.len(), self.findings, "");
            let finding = Diagnostic::error("CONNECTORS_BATCH_KEY_NOT_IN_SELECTION", message, label);
            self.findings.push(Diagnostic { help, ..finding });
        }
        tree
    }
}

/// `errors` and `isSuccess`.
struct Outcome {
    message: Option<Text>,
    extensions: Option<Text>,
    success: Option<Text>,
}

fn variable_name(variable: Variable) -> &'static str {
    if variable == Variable::Batch { "batch" } else { "this" }
}

/// The first path of a key that a selection does not give.
fn missing_in(provides: &Provides, key: &KeyTree) -> Option<String> {
    key.keys.iter().find_map(|(name, below)| match provides.fields.get(name) {
        None => Some(name.to_string()),
        Some(inner) => missing_in(inner, below).map(|rest| format!("{name}.{rest}")),
    })
}

fn uses(texts: &[Text], variable: Variable) -> Option<&Text> {
    texts.iter().find(|text| first_use(text, variable).is_some())
}

fn first_use(text: &Text, variable: Variable) -> Option<(Literal, std::ops::Range<usize>)> {
    let used = text.mapping.uses().into_iter().find(|used| used.variable == Some(variable))?;
    Some((text.literal.clone(), text.place(&used.span)))
}

fn coordinate(document: &Document, site: &Site<'_>) -> String {
    match site.field {
        Some(field) => format!("{}:{}.{}[{}]", document.subgraph, site.object.name, field.name, site.index),
        None => format!("{}:{}[{}]", document.subgraph, site.object.name, site.index),
    }
}

/// The literal keys of open-ended variables, over all mappings of a connector.
fn reads(draft: &Draft, request: &[Text]) -> Reads {
    let mut reads = Reads::default();
    let mut all: Vec<&Mapping> = request.iter().map(|text| &*text.mapping).collect();
    all.push(&draft.selection);
    all.extend(draft.success.as_deref());
    all.extend(draft.errors.message.as_deref());
    all.extend(draft.errors.extensions.iter().map(|mapping| &**mapping));
    for used in all.into_iter().flat_map(Mapping::uses) {
        let key = |at: usize| used.path.get(at).map(|(name, _)| Arc::clone(name));
        let header = || key(1).map(|name| Arc::from(name.to_ascii_lowercase()));
        let (list, name) = match used.variable {
            Some(Variable::Context) => (&mut reads.context, key(0)),
            Some(Variable::Env) => (&mut reads.env, key(0)),
            Some(Variable::Request) => (&mut reads.request_headers, header()),
            Some(Variable::Response) => (&mut reads.response_headers, header()),
            _ => continue,
        };
        if let Some(name) = name.filter(|name| !list.contains(name)) {
            list.push(name);
        }
    }
    reads
}
