//! Settings as they are meant, written as a `weft.yaml` again: every default filled in, where each value comes from, no secrets.
//!
//! What is printed is read from [`Settings`], so it is what holds; the file is looked at for where a value comes from, and for the
//! variables that stand for a secret. `tree` writes values, `sources` and `auth` are two of the blocks. A setting that is not
//! named here does not compile.

mod auth;
mod sources;
#[cfg(test)]
mod tests;
mod tree;

use std::path::Path;

use self::{
    sources::{headers, redis, source},
    tree::{At, Node},
};
use super::{
    Admin, Authorization, Batching, Cache, Client, ClientAuth, ClientDocuments, ClientLimits, Compatibility,
    ContextValue, Cors, Cost, DocumentReport, Documents, LimitMode, Limits, Overrides, RateBy, RateFor, RateLimit,
    RateStore, RateUnit, Server, Settings, Telemetry, Tls, WhenAway, load,
};
use crate::{
    error::Diagnostic,
    telemetry::{Log, LogFormat, Traces, audit::Audit},
};

/// The settings of a file (or the defaults) with the environment and the flags over it, as YAML. Errors: as [`super::load`].
pub fn print(path: Option<&Path>, overrides: &Overrides) -> Result<String, Vec<Diagnostic>> {
    print_with(path, overrides, &|name| std::env::var(name).ok())
}

/// As [`print`], with the given environment.
pub(super) fn print_with(
    path: Option<&Path>,
    overrides: &Overrides,
    environment: super::environment::Lookup<'_>,
) -> Result<String, Vec<Diagnostic>> {
    let (settings, raw) = load::load_raw(path, overrides, environment)?;
    let mut out =
        String::from("# What holds: the file, the environment and the command line together. Secrets are not shown.\n");
    all(&settings, overrides, At::file(&raw, environment)).write(&mut out, 0);
    Ok(out)
}

fn all(settings: &Settings, overrides: &Overrides, at: At<'_>) -> Node {
    let Settings {
        schema,
        origins: _,
        compatibility,
        server: listener,
        admin: operator,
        headers: for_all,
        context,
        sources,
        cache: kept,
        config,
        auth: who,
        authorization: what,
        limits: bounds,
        client_limits: of_some,
        cost: costs,
        rate_limits,
        rate_store: store,
        documents: named,
        telemetry: told,
        dev: _,
    } = settings;
    let by = (!overrides.schema.is_empty()).then_some("--schema");
    let files = at.key("schema").list(schema, |at, file| {
        at.map([("path", &|_| at.path(&file.path).by(by)), ("name", &|at| at.text(&file.subgraph).by(by))])
    });
    let mut node = at.map([
        ("compatibility", &|at| {
            at.plain(match compatibility {
                Compatibility::Default => "default",
                Compatibility::Strict => "strict",
            })
        }),
        ("server", &|at| server(at, listener, overrides)),
        ("admin", &|at| admin(at, *operator)),
        ("headers", &|at| headers(at, for_all)),
        ("context", &|at| at.named(context, context_value)),
        ("sources", &|at| at.named(sources, source)),
        ("cache", &|at| cache(at, kept)),
        ("config", &|at| at.named(config, |at, value| at.secrets(value))),
        ("auth", &|at| auth::auth(at, who)),
        ("authorization", &|at| authorization(at, what)),
        ("documents", &|at| documents(at, named)),
        ("limits", &|at| limits(at, bounds, of_some)),
        ("cost", &|at| cost(at, *costs)),
        ("rate_limits", &|at| at.list(rate_limits, rate_limit)),
        ("rate_limit_store", &|at| rate_store(at, store)),
        ("telemetry", &|at| telemetry(at, told, overrides)),
    ]);
    if let Node::Map(members) = &mut node {
        members.insert(0, ("schema".to_owned(), files));
    }
    node
}

fn server(at: At<'_>, server: &Server, overrides: &Overrides) -> Node {
    let Server {
        listen,
        path,
        graphiql,
        introspection,
        timeout,
        body_max,
        header_timeout,
        body_timeout,
        connections_max,
        requests_max,
        batching: Batching { enabled, operations_max },
        cors: Cors { origins, credentials },
        csrf,
        trusted_proxies,
        drain,
        tls: encryption,
    } = server;
    let dev = overrides.dev.then_some("--dev");
    at.map([
        ("listen", &|at| at.text(listen.to_string()).by(overrides.listen.as_ref().map(|_| "--listen or WEFT_LISTEN"))),
        ("path", &|at| at.text(path)),
        ("graphiql", &|at| at.plain(graphiql).by(dev)),
        ("introspection", &|at| at.plain(introspection).by(dev)),
        ("timeout", &|at| at.time(*timeout)),
        ("body_max", &|at| at.size(*body_max)),
        ("header_timeout", &|at| at.time(*header_timeout)),
        ("body_timeout", &|at| at.time(*body_timeout)),
        ("connections_max", &|at| at.plain(connections_max)),
        ("requests_max", &|at| at.plain(requests_max)),
        ("batching", &|at| {
            at.map([("enabled", &|at| at.plain(enabled)), ("operations_max", &|at| at.plain(operations_max))])
        }),
        ("cors", &|at| {
            at.map([("origins", &|at| at.list(origins, At::text)), ("credentials", &|at| at.plain(credentials))])
        }),
        ("csrf", &|at| at.map([("enabled", &|at| at.plain(csrf))])),
        ("trusted_proxies", &|at| at.list(trusted_proxies, |at, network| at.text(network.to_string()))),
        ("drain", &|at| at.time(*drain)),
        ("tls", &|at| match encryption {
            None => Node::Unset("none, it is plain HTTP"),
            Some(encryption) => tls(at, encryption),
        }),
    ])
}

fn tls(at: At<'_>, Tls { cert, key, client_ca, client_auth }: &Tls) -> Node {
    at.map([
        ("cert", &|at| at.path(cert)),
        ("key", &|at| at.path(key)),
        ("client_ca", &|at| match client_ca {
            None => Node::Unset("none, clients need no certificate"),
            Some(path) => at.path(path),
        }),
        ("client_auth", &|at| match client_ca {
            None => Node::Unset("none, clients need no certificate"),
            Some(_) => at.plain(named(&ClientAuth::ALL, *client_auth)),
        }),
    ])
}

fn admin(at: At<'_>, Admin { listen }: Admin) -> Node {
    at.map([("listen", &|at| at.text(listen.map_or_else(|| "off".to_owned(), |address| address.to_string())))])
}

fn context_value(at: At<'_>, value: &ContextValue) -> Node {
    match value {
        ContextValue::Header { name, json } => {
            at.map([("header", &|at| at.text(name)), ("json", &|at| at.plain(json))])
        }
        ContextValue::Claim(claim) => at.map([("claim", &|at| at.text(claim))]),
        ContextValue::Certificate(name) => at.map([("certificate", &|at| at.plain(name))]),
        ContextValue::Value(value) => at.map([("value", &|at| at.secrets(value))]),
    }
}

fn cache(at: At<'_>, Cache { memory_max, redis: second }: &Cache) -> Node {
    at.map([
        ("memory_max", &|at| at.size(*memory_max)),
        ("redis", &|at| match second {
            None => Node::Unset("none"),
            Some(second) => redis(at, second),
        }),
    ])
}

fn authorization(at: At<'_>, Authorization { reject, hide, policies }: &Authorization) -> Node {
    at.map([
        ("reject", &|at| at.plain(reject)),
        ("hide", &|at| at.plain(hide)),
        ("policies", &|at| at.named(policies, At::text)),
    ])
}

fn documents(at: At<'_>, Documents { apq, trusted, only_trusted, clients, report }: &Documents) -> Node {
    at.map([
        ("apq", &|at| at.plain(apq)),
        ("trusted", &|at| match trusted {
            None => Node::Unset("none"),
            Some(path) => at.path(path),
        }),
        ("only_trusted", &|at| at.plain(only_trusted)),
        ("clients", &|at| {
            at.list(clients, |at, ClientDocuments { client: whose, trusted }| {
                Node::all([client(at, whose), at.map([("trusted", &|at| at.path(trusted))])])
            })
        }),
        ("report", &|at| match report {
            None => Node::Unset("none"),
            Some(report) => document_report(at, report),
        }),
    ])
}

fn document_report(at: At<'_>, report: &DocumentReport) -> Node {
    let DocumentReport { manifest, documents_max, size_max, introspection } = report;
    at.map([
        ("manifest", &|at| at.path(manifest)),
        ("documents_max", &|at| at.plain(documents_max)),
        ("size_max", &|at| at.size(*size_max)),
        ("introspection", &|at| at.plain(introspection)),
    ])
}

/// Whose something is.
fn client(at: At<'_>, Client { callers, known }: &Client) -> Node {
    at.map([
        ("by", &|at| known.as_ref().map_or(Node::Unset("anything"), |known| at.text(rate_by(&known.by)))),
        ("is", &|at| match known {
            None => Node::Unset("anything"),
            Some(known) => at.list(&known.values, At::text),
        }),
        ("for", &|at| at.plain(rate_for(*callers))),
    ])
}

fn limits(at: At<'_>, limits: &Limits, of_some: &[ClientLimits]) -> Node {
    let Limits { bytes, tokens, nesting, selections, .. } = limits;
    let parser = at.map([
        ("bytes", &|at| at.size(*bytes)),
        ("tokens", &|at| at.plain(tokens)),
        ("nesting", &|at| at.plain(nesting)),
        ("selections", &|at| at.plain(selections)),
    ]);
    let clients = at.map([("clients", &|at| at.list(of_some, client_limits))]);
    Node::all([parser, operation_limits(at, limits), clients])
}

/// Of an operation; the others protect the parser.
fn operation_limits(at: At<'_>, limits: &Limits) -> Node {
    let Limits {
        bytes: _,
        tokens: _,
        nesting: _,
        selections: _,
        depth,
        height,
        aliases,
        root_fields,
        directives,
        cost,
        upstream_calls,
        mode,
    } = limits;
    at.map([
        ("depth", &|at| at.plain(depth)),
        ("height", &|at| at.plain(height)),
        ("aliases", &|at| at.plain(aliases)),
        ("root_fields", &|at| at.plain(root_fields)),
        ("directives", &|at| at.plain(directives)),
        ("cost", &|at| at.plain(cost)),
        ("upstream_calls", &|at| at.plain(upstream_calls)),
        ("mode", &|at| {
            at.plain(match mode {
                LimitMode::Enforce => "enforce",
                LimitMode::Report => "report",
            })
        }),
    ])
}

fn client_limits(at: At<'_>, own: &ClientLimits) -> Node {
    let ClientLimits { client: whose, limits } = own;
    Node::all([client(at, whose), operation_limits(at, limits)])
}

/// How a value is written.
fn named<T: Copy + PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

fn rate_by(by: &RateBy) -> String {
    match by {
        RateBy::Ip => "ip".to_owned(),
        RateBy::ApiKey => "api_key".to_owned(),
        RateBy::Certificate => "certificate".to_owned(),
        RateBy::Claim(name) => format!("claim:{name}"),
        RateBy::Header(name) => format!("header:{name}"),
        RateBy::Operation => "operation".to_owned(),
        RateBy::Global => "global".to_owned(),
    }
}

fn rate_for(callers: RateFor) -> &'static str {
    match callers {
        RateFor::All => "all",
        RateFor::Anonymous => "anonymous",
        RateFor::Token => "token",
        RateFor::ApiKey => "api_key",
        RateFor::Certificate => "certificate",
    }
}

fn cost(at: At<'_>, Cost { list_size, actual, extensions, header }: Cost) -> Node {
    at.map([
        ("list_size", &|at| at.plain(list_size)),
        ("actual", &|at| at.plain(actual)),
        ("extensions", &|at| at.plain(extensions)),
        ("header", &|at| at.plain(header)),
    ])
}

fn rate_limit(at: At<'_>, limit: &RateLimit) -> Node {
    let RateLimit { name, by, callers, unit, amount, per, burst, keys_max } = limit;
    at.map([
        ("by", &|at| at.text(rate_by(by))),
        ("for", &|at| at.plain(rate_for(*callers))),
        (unit_key(*unit), &|at| at.plain(amount)),
        ("per", &|at| at.time(*per)),
        ("burst", &|at| at.plain(burst)),
        ("name", &|at| at.text(name)),
        ("keys_max", &|at| at.plain(keys_max)),
    ])
}

/// The key that says how much.
fn unit_key(unit: RateUnit) -> &'static str {
    match unit {
        RateUnit::Requests => "requests",
        RateUnit::Cost => "cost",
    }
}

fn rate_store(at: At<'_>, store: &RateStore) -> Node {
    let RateStore::Redis { redis, away } = store else { return at.plain("memory") };
    at.map([
        ("redis", &|at| at.url(&redis.url)),
        ("prefix", &|at| at.text(&redis.prefix)),
        ("timeout", &|at| at.time(redis.timeout)),
        ("connect_timeout", &|at| at.time(redis.connect_timeout)),
        ("away", &|at| {
            at.plain(match away {
                WhenAway::Memory => "memory",
                WhenAway::Allow => "allow",
                WhenAway::Refuse => "refuse",
            })
        }),
    ])
}

fn telemetry(at: At<'_>, telemetry: &Telemetry, overrides: &Overrides) -> Node {
    let Telemetry { log, traces, prometheus, audit, redact } = telemetry;
    let Log { format, level } = log;
    let Traces { otlp, sample } = traces;
    let Audit { enabled, file, events_max } = audit;
    at.map([
        ("log", &|at| {
            at.map([
                ("format", &|at| {
                    at.plain(match format {
                        LogFormat::Auto => "auto",
                        LogFormat::Text => "text",
                        LogFormat::Json => "json",
                    })
                }),
                ("level", &|at| at.text(level).by(overrides.log_level.as_ref().map(|_| "WEFT_LOG"))),
            ])
        }),
        ("traces", &|at| {
            at.map([
                ("otlp", &|at| match otlp {
                    None => Node::Unset("none"),
                    Some(url) => at.url(url),
                }),
                ("sample", &|at| at.plain(sample)),
            ])
        }),
        ("redact", &|at| at.list(redact, At::text)),
        ("metrics", &|at| at.map([("prometheus", &|at| at.plain(prometheus))])),
        ("audit", &|at| {
            at.map([
                ("enabled", &|at| at.plain(enabled)),
                ("file", &|at| match file {
                    None => Node::Unset("none, it is part of the log"),
                    Some(path) => at.path(path),
                }),
                ("events_max", &|at| at.plain(events_max)),
            ])
        }),
    ])
}
