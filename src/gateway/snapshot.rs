//! All that one configuration produced; swapped whole on reload.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use indexmap::IndexMap;

use super::{cache::Plans, caching::Reads, context::Context, remembered::Answers, shared::Operations};
use crate::{
    config::{self, SchemaFile},
    error::{Diagnostic, Label, Severity, SourceText, did_you_mean},
    execute::{self, HeaderRules},
    mapping::{Object, Value, Variable},
    operation::{self, Limits},
    policy,
    schema::{self, Compatibility, Connector, Graph},
    telemetry::Redact,
    upstream::{CacheSpec, Hints, Kept, Lifetimes, Pressure, Storage, Transport, UpstreamSpec, Upstreams},
};

/// Remembered answers take so much of what stored replies may: one part in four.
const ANSWERS_PART: u64 = 4;

/// Serves a request from start to end.
#[derive(Debug)]
pub struct Snapshot {
    /// The compiled schema.
    pub graph: Arc<Graph>,
    /// Pools.
    pub upstreams: Arc<Upstreams>,
    /// How much there is to do; the same over reloads.
    pub pressure: Arc<Pressure>,
    /// Bounds on documents.
    pub limits: Limits,
    /// Who may ask for what.
    pub rules: policy::Rules,
    /// What runs need.
    pub settings: Arc<execute::Settings>,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// `$context`.
    pub(super) context: Context,
    /// Headers of clients that answers depend on.
    pub(super) reads: Reads,
    /// What known documents became; with the graph, because ids are its.
    pub(super) plans: Plans,
    /// Operations under way; with the plans, because they run them.
    pub(super) operations: Operations,
    /// Answers that may be given again, likewise.
    pub(super) answers: Answers,
}

impl Snapshot {
    /// Compiles the schema files that the settings name and opens the pools, or takes them over from an earlier snapshot
    /// where nothing changed (`kept`); with it come warnings. Errors: all findings about the schema.
    pub fn build(
        settings: &config::Settings,
        transport: &Transport,
        kept: &Kept,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        Self::of_files(settings, &read_all(settings)?, transport, kept)
    }

    /// As [`Self::build`], with files that are at hand instead of those that the settings name.
    pub fn of_files(
        settings: &config::Settings,
        files: &[schema::File],
        transport: &Transport,
        kept: &Kept,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (graph, mut warnings) = compile_files(settings, files)?;
        warnings.extend(unknown_sources(settings, &graph));
        warnings.extend(unknown_connectors(settings, &graph));
        // Before the lists are read: what waits for the manifest may be meant for one of them.
        let report = settings.documents.report.as_ref();
        let report = report.map(|report| policy::Report::open(report, kept)).transpose();
        let report = report.map_err(|reason| vec![report_finding(&reason)])?;
        let (mut rules, found) = rules(settings, &graph)?;
        warnings.extend(found);
        rules.authentication =
            policy::Authentication::new(&settings.auth, &settings.server.trusted_proxies, transport, kept)
                .map_err(|reason| vec![plain("AUTHENTICATION", Severity::Error, reason)])?;
        rules.rates =
            policy::Rates::new(&settings.rate_limits, &settings.server.trusted_proxies, &settings.rate_store, kept);
        if let Some((report, settings)) = report.zip(settings.documents.report.as_ref()) {
            rules.documents = rules.documents.and_report(report, settings.introspection);
        }
        rules.costing.actual |= rules.authentication.counts_cost();
        let (specs, mut runs) = upstreams(settings, &graph);
        let upstreams = Upstreams::new(specs, transport, kept)
            .map_err(|message| vec![plain("TRANSPORT", Severity::Error, message)])?;
        let of_upstream = graph.connectors.iter().zip(&runs.upstream);
        runs.joint = of_upstream.map(|(connector, upstream)| is_joint(connector, upstreams.share(*upstream))).collect();
        let snapshot = Self {
            reads: Reads::new(settings, &graph, &rules),
            graph: Arc::new(graph),
            upstreams: Arc::new(upstreams),
            pressure: kept.pressure(),
            limits: limits(settings),
            rules,
            settings: Arc::new(runs),
            introspection: settings.server.introspection,
            context: Context::new(settings),
            plans: Plans::new(),
            operations: Operations::new(settings.server.timeout),
            answers: Answers::new(memory_max(settings) / ANSWERS_PART),
        };
        Ok((snapshot, warnings))
    }

    /// Starts what runs beside requests. Without a runtime nothing can be asked, so there is nothing to start.
    pub(super) fn start(&self) {
        if tokio::runtime::Handle::try_current().is_ok() {
            self.upstreams.start();
            self.rules.authentication.start();
            self.rules.rates.start();
        }
    }
}

/// The bounds on documents that the settings name.
pub fn limits(settings: &config::Settings) -> Limits {
    Limits {
        bytes_max: settings.limits.bytes,
        tokens_max: settings.limits.tokens,
        nesting_max: settings.limits.nesting,
        selections_max: settings.limits.selections,
    }
}

/// What the settings allow, with a warning for each trusted document that does not fit the schema.
/// Errors: the list of trusted documents cannot be read.
fn rules(settings: &config::Settings, graph: &Graph) -> Result<(policy::Rules, Vec<Diagnostic>), Vec<Diagnostic>> {
    let documents = &settings.documents;
    let read = |path: &Path| {
        policy::Trusted::read(path)
            .map_err(|reason| vec![plain("TRUSTED_DOCUMENTS_UNREADABLE", Severity::Error, reason)])
    };
    let trusted = documents.trusted.as_deref().map(read).transpose()?.unwrap_or_default();
    let mut warnings = misfits(settings, graph, &trusted);
    let mut of_clients = Vec::with_capacity(documents.clients.len());
    for config::ClientDocuments { client, trusted } in &documents.clients {
        let own = read(trusted)?;
        warnings.extend(misfits(settings, graph, &own));
        of_clients.push((client.clone(), own));
    }
    let documents = policy::Documents::new(documents.apq, trusted, documents.only_trusted).and_of_clients(of_clients);
    let rules = policy::Rules {
        authentication: policy::Authentication::default(),
        authorization: policy::Authorization::new(&settings.authorization, graph)?,
        documents,
        limits: client_limits(settings),
        costing: costing(settings),
        rates: policy::Rates::default(),
    };
    Ok((rules, warnings))
}

/// How large an operation may be, for each caller.
fn client_limits(settings: &config::Settings) -> policy::ClientLimits {
    let some = settings.client_limits.iter().map(|own| (own.client.clone(), maxima(&own.limits)));
    policy::ClientLimits::new(size_limits(settings), some.collect())
}

/// How large an operation may be for all of whom the settings say nothing else.
pub fn size_limits(settings: &config::Settings) -> policy::Limits {
    maxima(&settings.limits)
}

fn maxima(limits: &config::Limits) -> policy::Limits {
    policy::Limits {
        depth: limits.depth,
        height: limits.height,
        aliases: limits.aliases,
        root_fields: limits.root_fields,
        directives: limits.directives,
        cost: limits.cost,
        upstream_calls: limits.upstream_calls,
        mode: match limits.mode {
            config::LimitMode::Enforce => policy::Mode::Enforce,
            config::LimitMode::Report => policy::Mode::Report,
        },
    }
}

/// How the settings have costs reckoned.
pub fn costing(settings: &config::Settings) -> policy::Costing {
    let cost = &settings.cost;
    let counts_cost = settings.rate_limits.iter().any(|limit| limit.unit == config::RateUnit::Cost);
    policy::Costing {
        list_size: u64::try_from(cost.list_size).unwrap_or(u64::MAX),
        actual: cost.actual || cost.extensions || cost.header || counts_cost,
        extensions: cost.extensions,
        header: cost.header,
    }
}

/// Trusted documents that the schema cannot answer: clients that are out there would see errors.
fn misfits(settings: &config::Settings, graph: &Graph, trusted: &policy::Trusted) -> Vec<Diagnostic> {
    let limits = limits(settings);
    let misfit = |(id, text): (&str, &str)| {
        let refusal = operation::parse(graph, text, &limits).err()?;
        let reason = &refusal.errors.first()?.message;
        let message = format!("the trusted document `{id}` does not fit the schema: {reason}");
        Some(plain("TRUSTED_DOCUMENT_INVALID", Severity::Warning, message))
    };
    trusted.iter().filter_map(misfit).collect()
}

/// Compiles the schema alone, without pools: for `weft check` and `weft plan`.
pub fn compile(settings: &config::Settings) -> Result<(Graph, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (graph, mut warnings) = compile_files(settings, &read_all(settings)?)?;
    warnings.extend(rules(settings, &graph)?.1);
    if let Some(report) = &settings.documents.report {
        policy::Report::check(&report.manifest).map_err(|reason| vec![report_finding(&reason)])?;
    }
    Ok((graph, warnings))
}

/// The manifest of the report phase cannot be used.
fn report_finding(reason: &str) -> Diagnostic {
    let help = "name a new file or a manifest of Apollo's format in `documents.report.manifest`, in a folder that weft may write to";
    plain("DOCUMENTS_REPORT_UNUSABLE", Severity::Error, format!("`documents.report`: {reason}")).help(help)
}

/// The API that the schema files make, also where they are an API written down (`weft schema print`).
pub fn api(settings: &config::Settings) -> Result<schema::Api, Vec<Diagnostic>> {
    schema::Api::read(&read_all(settings)?, &options(settings))
}

fn compile_files(
    settings: &config::Settings,
    files: &[schema::File],
) -> Result<(Graph, Vec<Diagnostic>), Vec<Diagnostic>> {
    let compiled = schema::compile(files, &options(settings))?;
    Ok((compiled.graph, compiled.warnings))
}

fn options(settings: &config::Settings) -> schema::Options {
    schema::Options {
        compatibility: match settings.compatibility {
            config::Compatibility::Default => Compatibility::Default,
            config::Compatibility::Strict => Compatibility::Strict,
        },
        redact: Redact::new(&settings.telemetry.redact),
        urls: settings
            .sources
            .iter()
            .filter(|(_, source)| !source.urls.is_empty())
            .map(|(name, source)| (name.clone(), source.urls.iter().map(|url| url.url.clone()).collect()))
            .collect(),
    }
}

/// Reads all files. Errors: there are none, or those that cannot be read.
fn read_all(settings: &config::Settings) -> Result<Vec<schema::File>, Vec<Diagnostic>> {
    if settings.schema.is_empty() {
        let message = "there is no schema: name `.graphql` files or folders under `schema`, or with `--schema`";
        return Err(vec![plain("NO_SCHEMA", Severity::Error, message)]);
    }
    let mut files = Vec::new();
    let mut findings = Vec::new();
    for file in &settings.schema {
        match read(file) {
            Ok(file) => files.push(file),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(files) } else { Err(findings) }
}

fn read(file: &SchemaFile) -> Result<schema::File, Diagnostic> {
    let name = file.path.display().to_string();
    match std::fs::read_to_string(&file.path) {
        Ok(text) => {
            let source = Arc::new(SourceText { name, text });
            Ok(schema::File { subgraph: file.subgraph.clone(), source })
        }
        Err(error) => {
            let source = Arc::new(SourceText { name: name.clone(), text: String::new() });
            let label = Label { source, span: 0..0, text: String::new() };
            Err(Diagnostic::error("SCHEMA_FILE", format!("cannot read `{name}`: {error}"), label))
        }
    }
}

/// A finding that no line of a file stands for.
fn plain(code: &'static str, severity: Severity, message: impl Into<String>) -> Diagnostic {
    Diagnostic { code, severity, message: message.into(), labels: Vec::new(), help: None }
}

/// Settings of sources that no file declares: a typing error, or a schema that has moved on.
fn unknown_sources(settings: &config::Settings, graph: &Graph) -> Vec<Diagnostic> {
    let known: Vec<String> = graph
        .sources
        .iter()
        .flat_map(|source| [source.name.to_string(), format!("{}.{}", source.subgraph, source.name)])
        .collect();
    let unknown = settings.sources.keys().filter(|name| !known.contains(name));
    unknown
        .map(|name| {
            let message = format!("`sources.{name}` is configured, but no schema file has an `@source` of that name");
            let finding = plain("UNKNOWN_SOURCE", Severity::Warning, message);
            match did_you_mean(name, known.iter().map(String::as_str)) {
                Some(help) => finding.help(help),
                None => finding,
            }
        })
        .collect()
}

/// Settings for connectors that no file declares.
fn unknown_connectors(settings: &config::Settings, graph: &Graph) -> Vec<Diagnostic> {
    let known: Vec<&str> = graph
        .connectors
        .iter()
        .flat_map(|connector| [&*connector.coordinate, field_of(&connector.coordinate)])
        .collect();
    let named = settings.sources.iter().flat_map(|(source, given)| {
        let timeouts = given.timeouts.keys().map(|name| ("timeouts", name));
        let cached = given.cache.connectors.keys().map(|name| ("cache.connectors", name));
        let priorities = given.priorities.keys().map(|name| ("priorities", name));
        timeouts.chain(cached).chain(priorities).map(move |(key, name)| (source, key, name))
    });
    let unknown = named.filter(|(_, _, name)| !known.contains(&name.as_str()));
    unknown
        .map(|(source, key, name)| {
            let message = format!("`sources.{source}.{key}` names `{name}`, but no schema file has such a connector");
            let finding = plain("UNKNOWN_SOURCE", Severity::Warning, message);
            match did_you_mean(name, known.iter().copied()) {
                Some(help) => finding.help(help),
                None => finding,
            }
        })
        .collect()
}

/// `Query.user` of `shop:Query.user[0]`.
fn field_of(coordinate: &str) -> &str {
    let field = coordinate.split_once(':').map_or(coordinate, |(_, field)| field);
    field.split('[').next().unwrap_or(field)
}

/// Most bytes of stored replies.
fn memory_max(settings: &config::Settings) -> u64 {
    u64::try_from(settings.cache.memory_max).unwrap_or(u64::MAX)
}

/// What is kept of the replies of one upstream.
fn cache(settings: &config::Settings, source: &config::SourceCache) -> Option<CacheSpec> {
    source.enabled.then_some(CacheSpec {
        storage: Storage { memory_max: memory_max(settings), redis: settings.cache.redis.clone() },
        defaults: Lifetimes {
            ttl: Some(source.ttl).filter(|ttl| !ttl.is_zero()),
            stale_if_error: source.stale_if_error,
            stale_while_revalidate: source.stale_while_revalidate,
        },
        post: source.post,
    })
}

/// What schema and configuration say of a connector's replies; the configuration knows better.
fn hints(graph: &Graph, connector: &Connector, source: &config::SourceCache) -> Option<Arc<Hints>> {
    let schema = graph.connector_cache_hint(connector);
    let given = by_coordinate(&source.connectors, &connector.coordinate).cloned().unwrap_or_default();
    let hints = Hints {
        is_off: given.enabled == Some(false),
        ttl: given.ttl.or(schema.max_age.map(|seconds| Duration::from_secs(seconds.into()))),
        stale_if_error: given.stale_if_error,
        stale_while_revalidate: given.stale_while_revalidate,
        is_override: given.is_override,
        is_private: schema.private == Some(true),
        tags: Vec::new(),
    };
    (hints != Hints::default()).then(|| Arc::new(hints))
}

/// What is given for a connector: by the whole coordinate (`shop:Query.user[0]`), or by what is unique in it for people (`Query.user`).
fn by_coordinate<'a, T>(given: &'a BTreeMap<String, T>, coordinate: &str) -> Option<&'a T> {
    given.get(coordinate).or_else(|| given.get(field_of(coordinate)))
}

/// Whether keys of several requests may be in one call of a connector: if what is made of the reply for one key depends on no other.
fn is_joint(connector: &Connector, share: config::Share) -> bool {
    share == config::Share::Batch
        && connector.batch.is_some()
        && connector.success.is_none()
        && connector.selection.needs(Variable::Batch).is_none()
}

/// One upstream for each source, and one for each file's connectors without a source (their pools are apart by host anyway).
fn upstreams(settings: &config::Settings, graph: &Graph) -> (Vec<UpstreamSpec>, execute::Settings) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for source in &graph.sources {
        *names.entry(&source.name).or_default() += 1;
    }
    let mut specs = Vec::new();
    let mut calls_max = Vec::new();
    let mut headers = Vec::new();
    let for_all = Arc::new(settings.headers.clone());
    let mut configs = Vec::new();
    let mut given = Vec::new();
    let mut add = |name: Arc<str>, source: &config::Source| {
        specs.push(UpstreamSpec {
            share: source.share,
            cache: cache(settings, &source.cache),
            ..UpstreamSpec::new(name, source)
        });
        calls_max.push(source.calls_per_operation_max);
        headers.push(HeaderRules::new([Arc::clone(&for_all), Arc::new(source.headers.clone())]));
    };
    for source in &graph.sources {
        let wanted = settings.source(&source.subgraph, &source.name);
        // The short name where it says enough.
        let name = if names[&*source.name] == 1 {
            Arc::clone(&source.name)
        } else {
            format!("{}.{}", source.subgraph, source.name).into()
        };
        add(name, &wanted);
        configs.push(Arc::new(Value::from(&wanted.config.0)));
        given.push(wanted);
    }
    let mut alone: IndexMap<&str, (usize, Arc<Value>)> = IndexMap::new();
    let mut config = Vec::with_capacity(graph.connectors.len());
    let mut call_timeout = Vec::with_capacity(graph.connectors.len());
    let mut priority = Vec::with_capacity(graph.connectors.len());
    let mut caching = Vec::with_capacity(graph.connectors.len());
    let mut upstream = Vec::with_capacity(graph.connectors.len());
    for connector in &graph.connectors {
        if let Some(source) = connector.source {
            let index = source.0 as usize;
            let given = &given[index];
            call_timeout.push(by_coordinate(&given.timeouts, &connector.coordinate).copied());
            priority.push(*by_coordinate(&given.priorities, &connector.coordinate).unwrap_or(&given.priority));
            caching.push(hints(graph, connector, &given.cache));
            upstream.push(index);
            config.push(Arc::clone(&configs[index]));
            continue;
        }
        let next = graph.sources.len() + alone.len();
        let (index, value) = alone.entry(&connector.subgraph).or_insert_with(|| {
            add(Arc::clone(&connector.subgraph), &config::Source::default());
            let value = settings.config.get(&*connector.subgraph);
            (next, Arc::new(value.map_or_else(|| Value::Object(Object::new()), |value| Value::from(&value.0))))
        });
        call_timeout.push(None);
        priority.push(config::Priority::Normal);
        caching.push(hints(graph, connector, &config::SourceCache::default()));
        upstream.push(*index);
        config.push(Arc::clone(value));
    }
    let runs = execute::Settings {
        config,
        upstream,
        timeout: settings.server.timeout,
        call_timeout,
        priority,
        caching,
        headers,
        calls_max,
        joint: Vec::new(),
        loads: execute::JointLoads::default(),
        dev: settings.dev,
    };
    (specs, runs)
}
