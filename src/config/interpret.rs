//! From what is written to what is meant. Every finding is collected, and its default stands in meanwhile.

use std::{
    net::SocketAddr,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::HeaderName;
use serde_saphyr::Spanned;

use super::{
    Admin, Batching, CERTIFICATE_VALUES, ClientAuth, ClientLimits, Compatibility, ContextValue, Cors, LimitMode,
    Limits, Overrides, SchemaFile, Server, Settings, Source, Telemetry, Tls,
    document::{
        AdminDocument, AuditDocument, ClientLimitsDocument, ContextDocument, CorsDocument, Document, LimitsDocument,
        SchemaEntry, ServerDocument, SourceDocument, TelemetryDocument, TlsDocument,
    },
    environment::{Lookup, expand},
    load::list,
    schema_files,
    value::{Count, Given, Hidden, HttpUrl, Json, Meaning, Share, Size, range},
};
use crate::{
    error::{Diagnostic, Label, Severity, SourceText, did_you_mean},
    telemetry::{Log, LogFormat, Traces, audit::Audit},
};

/// Collects findings while it reads.
pub(super) struct Interpreter<'a> {
    source: &'a Arc<SourceText>,
    pub(super) folder: &'a Path,
    pub(super) environment: Lookup<'a>,
    pub(super) findings: Vec<Diagnostic>,
    pub(super) origins: Vec<PathBuf>,
}

impl<'a> Interpreter<'a> {
    /// Paths are relative to the folder.
    pub(super) fn new(source: &'a Arc<SourceText>, folder: &'a Path, environment: Lookup<'a>) -> Self {
        let origins = if source.name.is_empty() { Vec::new() } else { vec![PathBuf::from(&source.name)] };
        Self { source, folder, environment, findings: Vec::new(), origins }
    }

    /// All settings. Errors: all findings.
    pub(super) fn settings(mut self, document: Document, overrides: &Overrides) -> Result<Settings, Vec<Diagnostic>> {
        let defaults = Settings::default();
        let (limits, client_limits) = self.limits(document.limits, defaults.limits);
        let verifies_clients = document.server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let has_proxies = !document.server.trusted_proxies.is_empty();
        let mut settings = Settings {
            schema: self.schema(document.schema, overrides),
            documents: self.documents(document.documents),
            auth: self.auth(document.auth, verifies_clients, has_proxies),
            authorization: self.authorization(document.authorization),
            origins: std::mem::take(&mut self.origins),
            compatibility: self.choice(
                document.compatibility,
                &[("default", Compatibility::Default), ("strict", Compatibility::Strict)],
                Compatibility::Default,
            ),
            server: self.server(document.server),
            admin: self.admin(&document.admin, defaults.admin),
            headers: self.headers(document.headers),
            context: document.context.into_iter().map(|(name, value)| (name, self.context(value))).collect(),
            sources: document.sources.into_iter().map(|(name, source)| (name, self.source(source))).collect(),
            cache: self.cache(document.cache),
            config: document.config.into_iter().map(|(name, value)| (name, self.object(value))).collect(),
            limits,
            client_limits,
            cost: self.cost(document.cost),
            rate_store: self.rate_store(document.rate_limit_store),
            rate_limits: self.rate_limits(document.rate_limits),
            telemetry: self.telemetry(document.telemetry),
            dev: overrides.dev,
        };
        if let Some(listen) = &overrides.listen {
            match Meaning::read(listen) {
                Ok(listen) => settings.server.listen = listen,
                Err(expected) => self.find_anywhere(format!("`{listen}` cannot be listened on: {expected}")),
            }
        }
        if let Some(level) = &overrides.log_level {
            match Log::check_level(level) {
                Ok(()) => settings.telemetry.log.level.clone_from(level),
                Err(reason) => self.find_anywhere(format!("the log level `{level}` cannot be read: {reason}")),
            }
        }
        settings.server.graphiql |= overrides.dev;
        settings.server.introspection |= overrides.dev;
        if self.findings.is_empty() { Ok(settings) } else { Err(self.findings) }
    }

    fn schema(&mut self, entries: Vec<SchemaEntry>, overrides: &Overrides) -> Vec<SchemaFile> {
        let mut files = Vec::new();
        if overrides.schema.is_empty() {
            for entry in entries {
                let (path, name) = match entry {
                    SchemaEntry::Path(path) => (path, None),
                    SchemaEntry::Named(named) => (named.path, Some(named.name)),
                };
                let span = path.span.clone();
                let (Some(path), name) = (self.text(path), name.and_then(|name| self.text(name))) else { continue };
                let path = self.folder.join(path);
                self.origins.push(path.clone());
                let found = match name {
                    None => schema_files::find(&path),
                    Some(_) if path.is_dir() => Err("a folder cannot have one name; name its files".to_owned()),
                    // Found, so that a missing file is seen here; then named.
                    Some(name) => {
                        schema_files::find(&path).and_then(|_| Ok(vec![schema_files::named(&path, Some(name))?]))
                    }
                };
                match found {
                    Ok(found) => files.extend(found),
                    Err(reason) => self.find(span, "INVALID_SCHEMA_PATH", reason),
                }
            }
        } else {
            for path in &overrides.schema {
                self.origins.push(path.clone());
                match schema_files::find(path) {
                    Ok(found) => files.extend(found),
                    Err(reason) => self.find_without_place("INVALID_SCHEMA_PATH", reason),
                }
            }
        }
        if let Some((one, other)) = schema_files::twins(&files) {
            let (name, one, other) = (&one.subgraph, one.path.display(), other.path.display());
            let message = format!("`{one}` and `{other}` are both the subgraph `{name}`: give one a `name`");
            self.find_without_place("DUPLICATE_SUBGRAPH_NAME", message);
        }
        files
    }

    fn server(&mut self, document: ServerDocument) -> Server {
        let defaults = Server::default();
        let path_span = document.path.as_ref().map(|path| path.span.clone());
        let path = self.read(document.path, defaults.path);
        // axum reads `{` and `*` as patterns.
        if !path.starts_with('/') || path.contains(['{', '}', '*', '?', '#', ' ']) {
            self.find(path_span.unwrap_or(0..0), "INVALID_VALUE", "a path starts with `/` and has no `{}*?#` in it");
        }
        Server {
            listen: self.read(document.listen, defaults.listen),
            path,
            graphiql: self.read(document.graphiql, defaults.graphiql),
            introspection: self.read(document.introspection, defaults.introspection),
            timeout: self.read(document.timeout, defaults.timeout),
            body_max: self.size(document.body_max, defaults.body_max),
            header_timeout: self.read(document.header_timeout, defaults.header_timeout),
            body_timeout: self.read(document.body_timeout, defaults.body_timeout),
            connections_max: self.count(document.connections_max, defaults.connections_max),
            requests_max: self.count(document.requests_max, defaults.requests_max),
            batching: Batching {
                enabled: self.read(document.batching.enabled, defaults.batching.enabled),
                operations_max: self.count(document.batching.operations_max, defaults.batching.operations_max),
            },
            cors: self.cors(document.cors),
            csrf: self.read(document.csrf.enabled, defaults.csrf),
            trusted_proxies: self.networks(document.trusted_proxies),
            drain: self.read(document.drain, defaults.drain),
            tls: document.tls.and_then(|TlsDocument { cert, key, client_ca, client_auth }| {
                if let Some(given) = client_auth.as_ref().filter(|_| client_ca.is_none()) {
                    let message = "`client_auth` needs `client_ca`: the authorities of clients";
                    self.find(given.span.clone(), "MISSING_KEY", message);
                }
                let client_auth = self.choice(client_auth, &ClientAuth::ALL, ClientAuth::Required);
                Some(Tls {
                    client_auth,
                    cert: self.path(cert)?,
                    key: self.path(key)?,
                    client_ca: client_ca.and_then(|path| self.path(path)),
                })
            }),
        }
    }

    fn cors(&mut self, document: CorsDocument) -> Cors {
        let credentials_span = document.credentials.as_ref().map(|given| given.span.clone());
        let credentials = self.read(document.credentials, false);
        let mut origins = Vec::new();
        for given in document.origins {
            let span = given.span.clone();
            let Some(origin) = self.text(given) else { continue };
            // What a browser sends: scheme, host and port, and nothing behind them.
            let parsed = url::Url::parse(&origin).ok().map(|url| url.origin().ascii_serialization());
            if origin != "*" && parsed.as_deref() != Some(origin.as_str()) {
                let finding = self.finding(span, "INVALID_VALUE", format!("`{origin}` is not an origin"));
                let meant = parsed.filter(|parsed| parsed != "null");
                let help = meant.map_or("an origin is `https://app.example.com`".to_owned(), |meant| {
                    format!("did you mean `{meant}`?")
                });
                self.findings.push(finding.help(help));
                continue;
            }
            origins.push(origin);
        }
        if credentials && origins.iter().any(|origin| origin == "*") {
            let message = "credentials cannot be allowed to every origin: list the origins instead of `*`";
            self.find(credentials_span.unwrap_or(0..0), "INVALID_VALUE", message);
        }
        Cors { origins, credentials }
    }

    fn admin(&mut self, document: &AdminDocument, default: Admin) -> Admin {
        match &document.listen {
            None => default,
            // YAML 1.1 readers make `false` of `off`.
            Some(given) if ["off", "false"].contains(&given.text.as_str()) => Admin { listen: None },
            Some(given) => {
                let address = Given::<SocketAddr>::new(given.text.clone(), given.span.clone());
                Admin { listen: Some(self.read(Some(address), Server::default().listen)) }
            }
        }
    }

    fn context(&mut self, value: Spanned<ContextDocument>) -> ContextValue {
        let span = range(&value);
        let ContextDocument { header, claim, certificate, json, value } = value.value;
        let json_is_given = json.is_some();
        let json = self.read(json, false);
        match (header, claim, certificate, value) {
            (Some(header), None, None, None) => {
                let span = header.span.clone();
                let text = self.text(header).unwrap_or_default();
                if let Ok(name) = HeaderName::try_from(&text) {
                    return ContextValue::Header { name, json };
                }
                self.find(span, "INVALID_VALUE", format!("`{text}` is not the name of a header"));
            }
            (None, Some(claim), None, None) if !json_is_given => {
                return ContextValue::Claim(self.text(claim).unwrap_or_default());
            }
            (None, None, Some(certificate), None) if !json_is_given => {
                let names = CERTIFICATE_VALUES.map(|name| (name, name));
                return ContextValue::Certificate(self.choice(Some(certificate), &names, CERTIFICATE_VALUES[0]));
            }
            (None, None, None, Some(value)) if !json_is_given => {
                return ContextValue::Value(Hidden(self.json(value, &span)));
            }
            (None, None, None, None) => {
                self.find(span, "INVALID_VALUE", "one of `header`, `claim`, `certificate` and `value` is needed");
            }
            (None, Some(_), None, None) | (None, None, Some(_), None) | (None, None, None, Some(_)) => {
                self.find(span, "INVALID_VALUE", "`json` is only for a `header`");
            }
            _ => {
                let message = "give one of `header`, `claim`, `certificate` and `value`, not several";
                self.find(span, "INVALID_VALUE", message);
            }
        }
        ContextValue::Value(Hidden(Json::Null))
    }

    fn source(&mut self, document: SourceDocument) -> Source {
        let defaults = Source::default();
        let urls = self.urls(document.urls);
        let discovery = self.discovery(document.discovery, &urls);
        let has_several = urls.len() > 1 || discovery.is_some();
        if document.health.is_some() && urls.is_empty() {
            let path = document.health.as_ref().and_then(|health| health.path.as_ref());
            let span = path.map(|path| path.span.clone());
            self.needs_urls("health", span);
        }
        let timeouts = document.timeouts.into_iter();
        let timeouts = timeouts.map(|(name, timeout)| (name, self.read(Some(timeout), defaults.timeout))).collect();
        let priority = self.priority(document.priority);
        let priorities = document.priorities.into_iter();
        let priorities = priorities.map(|(name, priority)| (name, self.priority(Some(priority)))).collect();
        let (credentials, certificate) = self.credentials(document.credentials);
        Source {
            urls,
            queue_timeout: document.queue_timeout.map(|timeout| self.read(Some(timeout), defaults.timeout)),
            adaptive: self.adaptive(document.adaptive),
            credentials,
            certificate,
            balance: self.balance(document.balance, document.hash_by),
            // An empty one is that of a machine that does not know its zone.
            zone: document.zone.and_then(|zone| self.text(zone)).filter(|zone| !zone.is_empty()),
            slow_start: self.read(document.slow_start, defaults.slow_start),
            health: self.health(document.health),
            outlier: self.outlier(document.outlier, has_several),
            discovery,
            retry: self.retry(document.retry, has_several),
            breaker: self.breaker(document.breaker),
            hedge: self.hedge(document.hedge),
            timeouts,
            priority,
            priorities,
            deadline_header: document.deadline_header.and_then(|name| self.header(name)),
            config: document.config.map_or(defaults.config, |config| self.object(config)),
            timeout: self.read(document.timeout, defaults.timeout),
            connect_timeout: self.read(document.connect_timeout, defaults.connect_timeout),
            concurrency_max: self.count(document.concurrency_max, defaults.concurrency_max),
            calls_per_operation_max: self.count(document.calls_per_operation_max, defaults.calls_per_operation_max),
            body_max: self.size(document.body_max, defaults.body_max),
            headers: self.headers(document.headers),
            share: self.shared(document.share),
            batch_wait: self.read(document.batch_wait, defaults.batch_wait),
            cache: self.source_cache(document.cache),
        }
    }

    /// The limits for all, and those of some.
    fn limits(&mut self, document: LimitsDocument, defaults: Limits) -> (Limits, Vec<ClientLimits>) {
        let limits = Limits {
            bytes: self.size(document.bytes, defaults.bytes),
            tokens: self.count(document.tokens, defaults.tokens),
            nesting: self.count(document.nesting, defaults.nesting),
            selections: self.count(document.selections, defaults.selections),
            depth: self.count(document.depth, defaults.depth),
            height: self.count(document.height, defaults.height),
            aliases: self.count(document.aliases, defaults.aliases),
            root_fields: self.count(document.root_fields, defaults.root_fields),
            directives: self.count(document.directives, defaults.directives),
            cost: self.count(document.cost, defaults.cost),
            upstream_calls: self.count(document.upstream_calls, defaults.upstream_calls),
            mode: self.limit_mode(document.mode, defaults.mode),
        };
        let clients = document.clients.into_iter().filter_map(|document| self.client_limits(document, limits));
        (limits, clients.collect())
    }

    fn client_limits(&mut self, document: Spanned<ClientLimitsDocument>, all: Limits) -> Option<ClientLimits> {
        let span = range(&document);
        let document = document.value;
        let client = self.client(document.by, document.is, document.callers, &span);
        let limits = Limits {
            depth: self.count(document.depth, all.depth),
            height: self.count(document.height, all.height),
            aliases: self.count(document.aliases, all.aliases),
            root_fields: self.count(document.root_fields, all.root_fields),
            directives: self.count(document.directives, all.directives),
            cost: self.count(document.cost, all.cost),
            upstream_calls: self.count(document.upstream_calls, all.upstream_calls),
            mode: self.limit_mode(document.mode, all.mode),
            ..all
        };
        Some(ClientLimits { client: client?, limits })
    }

    fn limit_mode(&mut self, mode: Option<Given<String>>, default: LimitMode) -> LimitMode {
        self.choice(mode, &[("enforce", LimitMode::Enforce), ("report", LimitMode::Report)], default)
    }

    fn telemetry(&mut self, document: TelemetryDocument) -> Telemetry {
        let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
        let format = self.choice(document.log.format, &formats, LogFormat::Auto);
        let level_span = document.log.level.as_ref().map(|level| level.span.clone());
        let level = self.read(document.log.level, Log::default().level);
        if let Err(reason) = Log::check_level(&level) {
            self.find(level_span.unwrap_or(0..0), "INVALID_VALUE", format!("not a log level: {reason}"));
        }
        let traces = Traces {
            otlp: document.traces.otlp.map(|url| self.read(Some(url), HttpUrl::default()).0),
            sample: self.read(document.traces.sample, Share(Traces::default().sample)).0,
        };
        let prometheus = self.read(document.metrics.prometheus, true);
        let mut redact = Vec::new();
        for given in document.redact {
            let span = given.span.clone();
            let Some(name) = self.text(given) else { continue };
            if name.chars().filter(|letter| letter.is_alphanumeric()).count() < 2 {
                self.find(
                    span,
                    "INVALID_VALUE",
                    "a name to redact has two letters or digits at least: it is found in longer ones",
                );
                continue;
            }
            redact.push(name);
        }
        Telemetry { log: Log { format, level }, traces, prometheus, audit: self.audit(document.audit), redact }
    }

    fn audit(&mut self, document: AuditDocument) -> Audit {
        let defaults = Audit::default();
        Audit {
            enabled: self.read(document.enabled, defaults.enabled),
            file: document.file.and_then(|file| self.path(file)),
            events_max: self.count(document.events_max, defaults.events_max),
        }
    }
}

/// Reading of single values.
impl Interpreter<'_> {
    pub(super) fn read<T: Meaning>(&mut self, given: Option<Given<T>>, default: T) -> T {
        let Some(given) = given else { return default };
        let span = given.span.clone();
        let Some(text) = self.text(given) else { return default };
        match T::read(&text) {
            Ok(value) => value,
            Err(expected) => {
                // What came from the environment may be a secret, so the text is shown as it is written.
                self.find(span, "INVALID_VALUE", expected);
                default
            }
        }
    }

    pub(super) fn count(&mut self, given: Option<Given<Count>>, default: usize) -> usize {
        self.read(given, Count(default)).0
    }

    pub(super) fn size(&mut self, given: Option<Given<Size>>, default: usize) -> usize {
        self.read(given, Size(default)).0
    }

    pub(super) fn choice<T: Copy>(&mut self, given: Option<Given<String>>, choices: &[(&str, T)], default: T) -> T {
        let Some(given) = given else { return default };
        let span = given.span.clone();
        let Some(text) = self.text(given) else { return default };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return *value;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let finding = self.finding(span, "INVALID_VALUE", format!("expected one of {}", list(&names)));
        self.findings.push(match did_you_mean(&text, names) {
            Some(help) => finding.help(help),
            None => finding,
        });
        default
    }

    /// The text with the environment in it; `None` when there is a finding.
    pub(super) fn text<T>(&mut self, given: Given<T>) -> Option<String> {
        match expand(&given.text, self.environment) {
            Ok(text) => Some(text.into_owned()),
            Err(reason) => {
                self.find(given.span, "INVALID_ENVIRONMENT", reason);
                None
            }
        }
    }

    fn object(&mut self, value: Spanned<Json>) -> Hidden<Json> {
        let span = range(&value);
        let value = self.json(value.value, &span);
        if !value.is_object() {
            self.find(span, "INVALID_VALUE", "`$config` is an object: give keys and values");
        }
        Hidden(value)
    }

    /// Expands the texts inside. A text stays a text, whatever comes from the environment. The depth is bounded by the
    /// YAML reader's budget.
    pub(super) fn json(&mut self, value: Json, span: &Range<usize>) -> Json {
        match value {
            Json::String(text) => Json::String(self.text(Given::<String>::new(text, span.clone())).unwrap_or_default()),
            Json::Array(items) => Json::Array(items.into_iter().map(|item| self.json(item, span)).collect()),
            Json::Object(members) => {
                Json::Object(members.into_iter().map(|(name, value)| (name, self.json(value, span))).collect())
            }
            scalar @ (Json::Null | Json::Bool(_) | Json::Number(_)) => scalar,
        }
    }

    pub(super) fn finding(&self, span: Range<usize>, code: &'static str, message: impl Into<String>) -> Diagnostic {
        let end = self.source.text.len();
        let span = span.start.min(end)..span.end.min(end);
        Diagnostic::error(code, message, Label { source: Arc::clone(self.source), span, text: String::new() })
    }

    pub(super) fn find(&mut self, span: Range<usize>, code: &'static str, message: impl Into<String>) {
        let finding = self.finding(span, code, message);
        self.findings.push(finding);
    }

    /// A finding about the command line or the files, not about a place in `weft.yaml`.
    /// A flag that is wrong.
    fn find_anywhere(&mut self, message: String) {
        self.find_without_place("INVALID_VALUE", message);
    }

    fn find_without_place(&mut self, code: &'static str, message: String) {
        self.findings.push(Diagnostic { code, severity: Severity::Error, message, labels: Vec::new(), help: None });
    }
}
