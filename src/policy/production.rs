//! What should not face the internet (`weft check --production`): settings that are right for development, or that take a defence away.
//!
//! Each rule is a row of [`RULES`]. Errors are what nobody wants in production; warnings are what somebody may have a reason for.
//! Not here: what is wrong anywhere (`config`, `schema`).

use std::{net::IpAddr, time::Duration};

use url::{Host, Url};

use crate::{
    config::{Algorithm, Headers, KeySource, LimitMode, Limits, OtherCertificates, Propagate, RateStore, Settings},
    error::{Diagnostic, Severity},
    schema::Graph,
};

/// Beyond these a limit bounds nothing that hurts.
const TOKENS_MAX: usize = 200_000;
const DEPTH_MAX: usize = 50;
const HEIGHT_MAX: usize = 10_000;
const ALIASES_MAX: usize = 500;
const ROOT_FIELDS_MAX: usize = 200;
const COST_MAX: usize = 1_000_000;
const CALLS_MAX: usize = 10_000;
const BODY_MAX: usize = 32 << 20;
const BATCH_MAX: usize = 50;
/// A request that may take longer holds its place for longer than any caller waits.
const TIMEOUT_MAX: Duration = Duration::from_mins(2);

/// Takes everything that a rule may look at; gives what it finds.
type Rule = fn(&Settings, &Graph) -> Vec<Diagnostic>;

/// In the order in which they are told.
const RULES: &[Rule] = &[
    introspection,
    graphiql,
    cors,
    csrf,
    report_mode,
    document_report,
    loose_limits,
    batching,
    timeout,
    rate_limits,
    proxies,
    optional_identity,
    certificates,
    tokens,
    plain_keys,
    plain_sources,
    plain_redis,
    propagated,
    plain_listener,
    open_admin,
    log_level,
];

/// What should be otherwise before this faces the internet.
pub fn production(settings: &Settings, graph: &Graph) -> Vec<Diagnostic> {
    RULES.iter().flat_map(|rule| rule(settings, graph)).collect()
}

fn found(severity: Severity, code: &'static str, message: impl Into<String>, help: &str) -> Diagnostic {
    Diagnostic { code, severity, message: message.into(), labels: Vec::new(), help: Some(help.to_owned()) }
}

fn error(is_wrong: bool, code: &'static str, message: impl Into<String>, help: &str) -> Vec<Diagnostic> {
    if is_wrong { vec![found(Severity::Error, code, message, help)] } else { Vec::new() }
}

fn warning(is_odd: bool, code: &'static str, message: impl Into<String>, help: &str) -> Vec<Diagnostic> {
    if is_odd { vec![found(Severity::Warning, code, message, help)] } else { Vec::new() }
}

fn introspection(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    error(
        settings.server.introspection,
        "PRODUCTION_INTROSPECTION",
        "`server.introspection` is on: everybody can read all of the schema",
        "leave it out; `weft schema print` gives the schema to those who should have it",
    )
}

fn graphiql(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    error(
        settings.server.graphiql,
        "PRODUCTION_GRAPHIQL",
        "`server.graphiql` is on: a page for developers is served to everybody",
        "leave it out, and use `weft serve --dev` where you develop",
    )
}

fn cors(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    error(
        settings.server.cors.origins.iter().any(|origin| origin == "*"),
        "PRODUCTION_CORS",
        "`server.cors.origins` is `*`: every page on the internet may read answers in its visitors' browsers",
        "list the origins of your pages, such as `https://app.example.com`",
    )
}

fn csrf(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    error(
        !settings.server.csrf,
        "PRODUCTION_CSRF",
        "`server.csrf.enabled` is `false`: foreign pages can send operations with the cookies of their visitors",
        "leave it out; clients send `content-type: application/json`, or any header such as `apollo-require-preflight`",
    )
}

fn report_mode(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let modes = [settings.limits.mode].into_iter().chain(settings.client_limits.iter().map(|own| own.limits.mode));
    error(
        modes.into_iter().any(|mode| mode == LimitMode::Report),
        "PRODUCTION_LIMITS",
        "`limits.mode` is `report`: operations of any depth and cost are run",
        "read the log for what is passed, set the limits by it, and set `mode: enforce`",
    )
}

fn document_report(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    warning(
        settings.documents.report.is_some(),
        "PRODUCTION_DOCUMENTS",
        "`documents.report` is on: every document is answered, and what somebody sends is written to the manifest",
        "when the metric `weft.documents.untrusted` grows no more, take the manifest into `documents.trusted` and set `only_trusted: true` instead",
    )
}

fn loose_limits(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let all = sizes(&settings.limits);
    let of_some = settings.client_limits.iter().flat_map(|own| {
        let others = sizes(&own.limits).into_iter().zip(all).filter(|(own, all)| own != all);
        others.map(|((key, given, most), _)| (format!("limits.clients.{key}"), given, most))
    });
    let bounds = [("limits.tokens".to_owned(), settings.limits.tokens, TOKENS_MAX)]
        .into_iter()
        .chain(all.map(|(key, given, most)| (format!("limits.{key}"), given, most)))
        .chain([("server.body_max".to_owned(), settings.server.body_max, BODY_MAX)])
        .chain(of_some);
    let passed = bounds.filter(|(_, given, most)| given > most);
    passed
        .map(|(key, given, most)| {
            found(
                Severity::Error,
                "PRODUCTION_LIMITS",
                format!("`{key}` is {given}: beyond {most} it bounds nothing that hurts"),
                "take the default, or what `weft check --operations` says your largest operation needs",
            )
        })
        .collect()
}

/// What bounds an operation, with the most that bounds something.
fn sizes(limits: &Limits) -> [(&'static str, usize, usize); 6] {
    [
        ("depth", limits.depth, DEPTH_MAX),
        ("height", limits.height, HEIGHT_MAX),
        ("aliases", limits.aliases, ALIASES_MAX),
        ("root_fields", limits.root_fields, ROOT_FIELDS_MAX),
        ("cost", limits.cost, COST_MAX),
        ("upstream_calls", limits.upstream_calls, CALLS_MAX),
    ]
}

fn batching(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let batching = settings.server.batching;
    error(
        batching.enabled && batching.operations_max > BATCH_MAX,
        "PRODUCTION_BATCHING",
        format!(
            "`server.batching.operations_max` is {}: each limit counts that often in one request",
            batching.operations_max
        ),
        "clients that batch send ten at once",
    )
}

fn timeout(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let timeout = settings.server.timeout;
    error(
        timeout > TIMEOUT_MAX,
        "PRODUCTION_TIMEOUT",
        format!(
            "`server.timeout` is {} s: callers are gone long before, and each holds a place until then",
            timeout.as_secs()
        ),
        "30 s is the default; pages want less",
    )
}

fn rate_limits(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    error(
        settings.rate_limits.is_empty(),
        "PRODUCTION_RATE_LIMITS",
        "there are no `rate_limits`: one caller can take all that the services have",
        "begin with `rate_limits: [{ by: ip, requests: 600, per: 1m, burst: 100 }]`",
    )
}

fn proxies(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    // An address that is nobody's proxy: who trusts it trusts everybody.
    let strangers: [IpAddr; 2] = [[203, 0, 113, 7].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into()];
    let trusted = &settings.server.trusted_proxies;
    error(
        strangers.iter().any(|stranger| trusted.iter().any(|network| network.contains(*stranger))),
        "PRODUCTION_PROXIES",
        "`server.trusted_proxies` holds the whole internet: every caller can say in a header which address it has",
        "list the networks of your own proxies, such as `10.0.0.0/8`",
    )
}

fn optional_identity(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let auth = &settings.auth;
    warning(
        !auth.required && (auth.jwt.is_some() || auth.api_keys.is_some() || auth.client_certificates.is_some()),
        "PRODUCTION_ANONYMOUS",
        "callers can say who they are, and need not: `auth.required` is `false`",
        "set `auth.required: true`, or protect the fields that are not for everybody with `@authenticated`",
    )
}

fn certificates(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let given = settings.auth.client_certificates.as_ref();
    warning(
        given.is_some_and(|given| given.others == OtherCertificates::Known),
        "PRODUCTION_CERTIFICATES",
        "`auth.client_certificates.others` is `known`: whoever has any certificate of `server.tls.client_ca` counts as somebody",
        "name who may ask under `clients`: an authority often signs for more machines than one thinks of",
    )
}

fn tokens(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let issuers = settings.auth.jwt.iter().flat_map(|jwt| &jwt.issuers);
    issuers
        .flat_map(|issuer| {
            let name = &issuer.issuer;
            let symmetric = issuer.algorithms.iter().copied().any(Algorithm::is_symmetric);
            let mixed = symmetric && issuer.algorithms.iter().any(|algorithm| !algorithm.is_symmetric());
            let nobody = issuer.audiences.is_empty() && issuer.claims.is_empty();
            let mut all = error(
                mixed || (symmetric && !matches!(issuer.keys, KeySource::Secret(_))),
                "PRODUCTION_TOKENS",
                format!("the issuer `{name}` may sign with a shared secret although its keys are public"),
                "take the `HS…` algorithms off the list: who knows a public key could sign with it",
            );
            all.extend(error(
                nobody,
                "PRODUCTION_TOKENS",
                format!("tokens of `{name}` are taken whomever they are for"),
                "name yourself under `audiences`, or else every token of that issuer for another service opens this one",
            ));
            all.extend(warning(
                matches!(issuer.keys, KeySource::Secret(_)),
                "PRODUCTION_TOKENS",
                format!("tokens of `{name}` are signed with a shared secret: whoever checks them can make them"),
                "let the issuer sign with a key pair (RS256, ES256, EdDSA) and name its `jwks`",
            ));
            all
        })
        .collect()
}

/// Keys that anybody on the way can replace are nobody's.
fn plain_keys(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let issuers = settings.auth.jwt.iter().flat_map(|jwt| &jwt.issuers);
    let urls = issuers.filter_map(|issuer| match &issuer.keys {
        KeySource::Url(url) => Some(url),
        KeySource::Discovery => Some(&issuer.issuer),
        KeySource::File(_) | KeySource::Secret(_) => None,
    });
    let plain = urls.filter(|url| is_plain_and_remote(url));
    plain
        .map(|url| {
            found(
                Severity::Error,
                "PRODUCTION_PLAIN_HTTP",
                format!("keys of an identity provider are fetched by plain HTTP: `{url}`"),
                "fetch them by `https://`: who can change them on the way can sign tokens",
            )
        })
        .collect()
}

fn plain_sources(settings: &Settings, graph: &Graph) -> Vec<Diagnostic> {
    let given = settings
        .sources
        .iter()
        .flat_map(|(name, source)| source.urls.iter().map(move |url| (format!("sources.{name}"), url.url.clone())));
    let written = graph.connectors.iter().filter_map(|connector| {
        let start = connector.request.as_ref()?.origin()?;
        let name = connector
            .source
            .map_or_else(|| connector.coordinate.to_string(), |source| format!("sources.{}", graph[source].name));
        Some((name, start.to_owned()))
    });
    let mut plain: Vec<(String, String)> = given.chain(written).filter(|(_, url)| is_plain_and_remote(url)).collect();
    plain.sort();
    plain.dedup_by(|one, other| one.0 == other.0);
    plain
        .into_iter()
        .map(|(name, url)| {
            found(
                Severity::Error,
                "PRODUCTION_PLAIN_HTTP",
                format!("`{name}` is called by plain HTTP over a network that is not yours: `{}`", without_secrets(&url)),
                "call it by `https://`; names of one label and of `.internal`, `.local`, `.svc` and private addresses count as yours",
            )
        })
        .collect()
}

fn plain_redis(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let cache = settings.cache.redis.iter();
    let rates = match &settings.rate_store {
        RateStore::Redis { redis, .. } => Some(redis),
        RateStore::Memory => None,
    };
    let plain = cache.chain(rates).filter(|redis| {
        let url = redis.url.0.strip_prefix("redis://").map(|rest| format!("http://{rest}"));
        url.is_some_and(|url| is_plain_and_remote(&url))
    });
    plain
        .take(1)
        .map(|_| {
            found(
                Severity::Error,
                "PRODUCTION_PLAIN_HTTP",
                "Redis is asked without TLS over a network that is not yours",
                "write `rediss://`: what is kept there are answers of your services",
            )
        })
        .collect()
}

fn propagated(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    const SECRETS: [&str; 2] = ["authorization", "cookie"];
    let passes = |headers: &Headers| {
        headers.propagate.iter().any(|rule| match rule {
            Propagate::Matching(pattern) => SECRETS.iter().any(|name| pattern.is_match(name)),
            Propagate::Named { .. } => false,
        })
    };
    let of_sources = settings.sources.iter().map(|(name, source)| (format!("sources.{name}.headers"), &source.headers));
    let all = std::iter::once(("headers".to_owned(), &settings.headers)).chain(of_sources);
    all.filter(|(_, headers)| passes(headers))
        .map(|(key, _)| {
            found(
                Severity::Error,
                "PRODUCTION_PROPAGATE",
                format!("a pattern of `{key}.propagate` matches `Authorization` or `Cookie`: callers' secrets go where nobody named them"),
                "name the headers, or narrow the pattern: `{ matching: \"^x-app-\" }`",
            )
        })
        .collect()
}

fn plain_listener(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let server = &settings.server;
    warning(
        server.tls.is_none() && server.trusted_proxies.is_empty() && !server.listen.ip().is_loopback(),
        "PRODUCTION_PLAIN_LISTENER",
        format!("`{}` is served by plain HTTP, and no proxy is named that would add TLS", server.listen),
        "name what terminates TLS under `server.trusted_proxies`, or set `server.tls`",
    )
}

fn open_admin(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let open = settings.admin.listen.filter(|address| !is_own(address.ip()));
    open.iter()
        .map(|address| {
            found(
                Severity::Error,
                "PRODUCTION_ADMIN",
                format!("the operator's listener is at `{address}`: whoever reaches it reads the metrics and empties the cache"),
                "listen on `127.0.0.1:9090` or on an address of a private network",
            )
        })
        .collect()
}

fn log_level(settings: &Settings, _: &Graph) -> Vec<Diagnostic> {
    let level = settings.telemetry.log.level.to_ascii_lowercase();
    warning(
        level.contains("debug") || level.contains("trace"),
        "PRODUCTION_LOG",
        format!("`telemetry.log.level` is `{level}`: details of calls are written for each request"),
        "`info` is the default; raise it for as long as you look for something",
    )
}

/// Whether a URL leads out of what is yours without TLS. What is no URL is somebody else's finding.
fn is_plain_and_remote(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    url.scheme() == "http"
        && match url.host() {
            None => false,
            Some(Host::Ipv4(address)) => !is_own(address.into()),
            Some(Host::Ipv6(address)) => !is_own(address.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let is_local = !name.contains('.')
                    || [".internal", ".local", ".localhost", ".svc", ".cluster.local"]
                        .iter()
                        .any(|end| name.ends_with(end));
                !is_local
            }
        }
}

/// Loopback, link-local and private addresses (RFC 1918, RFC 4193).
fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// A URL for people: what stands before `@` in it is for nobody to read.
fn without_secrets(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_yours_may_be_plain() {
        for own in [
            "http://127.0.0.1:1",
            "http://[::1]/",
            "http://10.1.2.3",
            "http://192.168.1.1",
            "http://[fd00::1]",
            "http://catalog:8080",
            "http://catalog.shop.svc.cluster.local",
            "http://catalog.internal",
            "http://localhost",
            "https://example.com",
            "catalog",
            "",
        ] {
            assert!(!is_plain_and_remote(own), "{own}");
        }
        for remote in [
            "http://example.com",
            "http://8.8.8.8/",
            "http://[2001:db8::1]",
            "HTTP://Example.COM.",
            "http://svc.example.com",
        ] {
            assert!(is_plain_and_remote(remote), "{remote}");
        }
        assert_eq!(without_secrets("http://user:secret@example.com/x?key=1"), "http://example.com");
    }
}
