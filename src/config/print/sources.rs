//! `sources:` as they are meant, and what they have in common with other blocks.

use super::{
    super::{
        Adaptive, AwsKeys, Balance, Breaker, Canary, Certificate, ConnectorCache, Credentials, Discovery, HashKey,
        Headers, Health, Hedge, HedgeAfter, Outlier, Priority, Propagate, Redis, Retry, Share, Source, SourceCache,
        Token, Url,
    },
    tree::{At, Node},
};

/// One upstream.
pub(super) fn source(at: At<'_>, source: &Source) -> Node {
    let Source {
        urls,
        balance,
        zone,
        slow_start,
        health: asked,
        outlier: left_alone,
        discovery: found,
        retry: again,
        breaker: rests,
        hedge: twice,
        timeouts,
        priority,
        priorities,
        deadline_header,
        queue_timeout,
        adaptive: fewer,
        credentials: shown,
        certificate,
        config,
        timeout,
        connect_timeout,
        concurrency_max,
        calls_per_operation_max,
        body_max,
        headers: own_headers,
        share,
        batch_wait,
        cache: kept,
    } = source;
    let hash_key = match balance {
        Balance::Hash(key) => Some(key),
        Balance::P2c | Balance::RoundRobin | Balance::LeastRequest => None,
    };
    at.map([
        ("urls", &|at| if urls.is_empty() { Node::Unset("the schema's baseURL") } else { at.list(urls, url) }),
        ("balance", &|at| {
            at.plain(match balance {
                Balance::P2c => "p2c",
                Balance::RoundRobin => "round_robin",
                Balance::LeastRequest => "least_request",
                Balance::Hash(_) => "hash",
            })
        }),
        ("hash_by", &|at| match hash_key {
            None => Node::Unset("only for `balance: hash`"),
            Some(HashKey::Url) => at.text("url"),
            Some(HashKey::Path) => at.text("path"),
            Some(HashKey::Header(name)) => at.text(format!("header:{name}")),
        }),
        ("zone", &|at| zone.as_ref().map_or(Node::Unset("none"), |zone| at.text(zone))),
        ("slow_start", &|at| at.time(*slow_start)),
        ("health", &|at| asked.as_ref().map_or(OFF, |it| health(at, it))),
        ("outlier", &|at| left_alone.as_ref().map_or_else(|| off(at), |it| outlier(at, it))),
        ("discovery", &|at| found.as_ref().map_or(Node::Unset("only `urls`"), |it| discovery(at, it))),
        ("retry", &|at| again.as_ref().map_or_else(|| off(at), |it| retry(at, it))),
        ("breaker", &|at| rests.as_ref().map_or(OFF, |it| breaker(at, it))),
        ("hedge", &|at| twice.as_ref().map_or(OFF, |it| hedge(at, it))),
        ("timeouts", &|at| at.named(timeouts, |at, timeout| at.time(*timeout))),
        ("priority", &|at| word(at, *priority)),
        ("priorities", &|at| at.named(priorities, |at, priority| word(at, *priority))),
        ("deadline_header", &|at| deadline_header.as_ref().map_or(Node::Unset("none"), |name| at.text(name))),
        ("queue_timeout", &|at| queue_timeout.map_or(Node::Unset("what `timeout` leaves"), |timeout| at.time(timeout))),
        ("adaptive", &|at| fewer.map_or(OFF, |it| adaptive(at, it))),
        ("credentials", &|at| match (shown, certificate) {
            (None, None) => Node::Unset("none"),
            _ => credentials(at, shown.as_ref(), certificate.as_ref()),
        }),
        ("config", &|at| at.secrets(config)),
        ("timeout", &|at| at.time(*timeout)),
        ("connect_timeout", &|at| at.time(*connect_timeout)),
        ("concurrency_max", &|at| at.plain(concurrency_max)),
        ("calls_per_operation_max", &|at| at.plain(calls_per_operation_max)),
        ("body_max", &|at| at.size(*body_max)),
        ("headers", &|at| headers(at, own_headers)),
        ("share", &|at| match share {
            Share::Off => at.text("off"),
            Share::Anonymous => Node::Unset("equal reads by GET without credentials"),
            Share::Coalesce => at.text("coalesce"),
            Share::Batch => at.text("batch"),
        }),
        ("batch_wait", &|at| at.time(*batch_wait)),
        ("cache", &|at| cache(at, kept)),
    ])
}

fn word(at: At<'_>, priority: Priority) -> Node {
    at.plain(match priority {
        Priority::Normal => "normal",
        Priority::Optional => "optional",
    })
}

const OFF: Node = Node::Unset("off");

/// What is on where there are several instances, and not here.
fn off(at: At<'_>) -> Node {
    at.map([("enabled", &|at| at.plain(false))])
}

fn url(at: At<'_>, Url { url, weight, zone, canary }: &Url) -> Node {
    at.map([
        ("url", &|_| at.key_or_text("url").url(url)),
        ("weight", &|at| at.plain(weight)),
        ("zone", &|at| zone.as_ref().map_or(Node::Unset("none"), |zone| at.text(zone))),
        ("canary", &|at| match canary {
            None => Node::Unset("none"),
            Some(Canary { header, value }) => at.map([
                ("header", &|at| at.text(header)),
                ("value", &|at| value.as_ref().map_or(Node::Unset("any"), |value| at.text(value))),
            ]),
        }),
    ])
}

fn health(at: At<'_>, Health { path, interval, timeout, unhealthy_after, healthy_after }: &Health) -> Node {
    at.map([
        ("path", &|at| at.text(path)),
        ("interval", &|at| at.time(*interval)),
        ("timeout", &|at| at.time(*timeout)),
        ("unhealthy_after", &|at| at.plain(unhealthy_after)),
        ("healthy_after", &|at| at.plain(healthy_after)),
    ])
}

fn outlier(at: At<'_>, Outlier { consecutive_failures, eject, ejected_max }: &Outlier) -> Node {
    at.map([
        ("consecutive_failures", &|at| at.plain(consecutive_failures)),
        ("eject", &|at| at.time(*eject)),
        ("ejected_max", &|at| at.plain(ejected_max)),
    ])
}

fn discovery(at: At<'_>, discovery: &Discovery) -> Node {
    let (dns, srv, file, asked) = match discovery {
        Discovery::Dns { refresh: _, nameservers } => (true, None, None, Some(nameservers)),
        Discovery::Srv { name, refresh: _, nameservers } => (false, Some(name), None, Some(nameservers)),
        Discovery::File { path, refresh: _ } => (false, None, Some(path), None),
    };
    at.map([
        ("dns", &|at| at.plain(dns)),
        ("srv", &|at| srv.map_or(Node::Unset("none"), |name| at.text(name))),
        ("file", &|at| file.map_or(Node::Unset("none"), |path| at.path(path))),
        ("refresh", &|at| at.time(discovery.refresh())),
        ("nameservers", &|at| match asked.filter(|asked| !asked.is_empty()) {
            None => Node::Unset("those of the operating system"),
            Some(asked) => at.list(asked, |at, server| at.text(server.to_string())),
        }),
    ])
}

fn retry(at: At<'_>, Retry { attempts, budget, timeout, methods, idempotency_key }: &Retry) -> Node {
    at.map([
        ("attempts", &|at| at.plain(attempts)),
        ("budget", &|at| at.plain(budget)),
        ("timeout", &|at| timeout.map_or(Node::Unset("what the source's leaves"), |timeout| at.time(timeout))),
        ("methods", &|at| {
            // TRACE is one of them, and nobody can name it.
            if at.is_there() { at.list(methods, At::text) } else { Node::Unset("idempotent ones") }
        }),
        ("idempotency_key", &|at| idempotency_key.as_ref().map_or(Node::Unset("none"), |name| at.text(name))),
    ])
}

fn breaker(at: At<'_>, Breaker { failure_rate, calls_min, open }: &Breaker) -> Node {
    at.map([
        ("failure_rate", &|at| at.plain(failure_rate)),
        ("calls_min", &|at| at.plain(calls_min)),
        ("open", &|at| at.time(*open)),
    ])
}

fn hedge(at: At<'_>, Hedge { after, rate_max }: &Hedge) -> Node {
    at.map([
        ("after", &|at| match after {
            // As it is written: p99.9 at most.
            HedgeAfter::Quantile(share) => at.plain(format_args!("p{}", (share * 1000.0).round() / 10.0)),
            HedgeAfter::Fixed(time) => at.time(*time),
        }),
        ("rate_max", &|at| at.plain(rate_max)),
    ])
}

fn adaptive(at: At<'_>, Adaptive { min, initial }: Adaptive) -> Node {
    at.map([("min", &|at| at.plain(min)), ("initial", &|at| at.plain(initial))])
}

fn credentials(at: At<'_>, shown: Option<&Credentials>, certificate: Option<&Certificate>) -> Node {
    let (key, node) = match shown {
        None => ("bearer", Node::Unset("none")),
        Some(Credentials::Basic { username, password: _ }) => {
            let members = at.key("basic");
            ("basic", members.map([("username", &|at| at.text(username)), ("password", &|at| at.secret())]))
        }
        Some(Credentials::Bearer(Token::Fixed(_))) => ("bearer", at.key("bearer").map([("token", &|at| at.secret())])),
        Some(Credentials::Bearer(Token::File(path))) => {
            ("bearer", at.key("bearer").map([("file", &|at| at.path(path))]))
        }
        Some(Credentials::Oauth2 { token_url, client_id, client_secret: _, scopes, audience }) => {
            let members = at.key("oauth2").map([
                ("token_url", &|at| at.url(token_url)),
                ("client_id", &|at| at.text(client_id)),
                ("client_secret", &|at| at.secret()),
                ("scopes", &|at| at.list(scopes, At::text)),
                ("audience", &|at| audience.as_ref().map_or(Node::Unset("none"), |audience| at.text(audience))),
            ]);
            ("oauth2", members)
        }
        Some(Credentials::Sigv4 { region, service, keys }) => ("sigv4", sigv4(at.key("sigv4"), region, service, keys)),
    };
    let mtls = certificate.map_or(Node::Unset("none"), |Certificate { cert, key }| {
        at.key("mtls").map([("cert", &|at| at.path(cert)), ("key", &|at| at.path(key))])
    });
    Node::Map(vec![(key.to_owned(), node), ("mtls".to_owned(), mtls)])
}

fn sigv4(at: At<'_>, region: &str, service: &str, keys: &AwsKeys) -> Node {
    let secret = |at: At<'_>| if at.is_there() { at.secret() } else { Node::Unset("as the environment says") };
    let (file, profile) = match keys {
        AwsKeys::File { path, profile } => (Some(path), Some(profile)),
        AwsKeys::Fixed { .. } | AwsKeys::Container { .. } | AwsKeys::WebIdentity { .. } => (None, None),
    };
    at.map([
        ("region", &|at| at.text(region)),
        ("service", &|at| at.text(service)),
        ("access_key_id", &secret),
        ("secret_access_key", &secret),
        ("session_token", &secret),
        ("file", &|at| file.map_or(Node::Unset("none"), |path| at.path(path))),
        ("profile", &|at| profile.map_or(Node::Unset("none"), |profile| at.text(profile))),
    ])
}

/// Headers that are passed on, set and left out.
pub(super) fn headers(at: At<'_>, Headers { propagate, remove, set }: &Headers) -> Node {
    at.map([
        ("propagate", &|at| {
            at.list(propagate, |at, rule| match rule {
                Propagate::Named { name, sent_as } => {
                    at.map([("name", &|_| at.key_or_text("name").text(name)), ("as", &|at| at.text(sent_as))])
                }
                Propagate::Matching(pattern) => at.map([("matching", &|at| at.text(pattern.as_str()))]),
            })
        }),
        ("set", &|at| at.named(set.iter().map(|(name, _)| (name, ())), |at, ()| at.secret())),
        ("remove", &|at| at.list(remove, At::text)),
    ])
}

/// A Redis as second tier.
pub(super) fn redis(at: At<'_>, redis: &Redis) -> Node {
    let Redis { url, prefix, timeout, connect_timeout, reply_max, ttl_max } = redis;
    at.map([
        ("url", &|_| at.key_or_text("url").url(url)),
        ("prefix", &|at| at.text(prefix)),
        ("timeout", &|at| at.time(*timeout)),
        ("connect_timeout", &|at| at.time(*connect_timeout)),
        ("reply_max", &|at| at.size(*reply_max)),
        ("ttl_max", &|at| at.time(*ttl_max)),
    ])
}

fn cache(at: At<'_>, cache: &SourceCache) -> Node {
    let SourceCache { enabled, ttl, stale_if_error, stale_while_revalidate, post, connectors } = cache;
    at.map([
        ("enabled", &|at| at.plain(enabled)),
        ("ttl", &|at| at.time(*ttl)),
        ("stale_if_error", &|at| at.time(*stale_if_error)),
        ("stale_while_revalidate", &|at| at.time(*stale_while_revalidate)),
        ("post", &|at| at.plain(post)),
        ("connectors", &|at| at.named(connectors, connector_cache)),
    ])
}

fn connector_cache(at: At<'_>, cache: &ConnectorCache) -> Node {
    let ConnectorCache { enabled, ttl, stale_if_error, stale_while_revalidate, is_override } = cache;
    let time = |at: At<'_>, time: &Option<std::time::Duration>| {
        time.map_or(Node::Unset("as its source"), |time| at.time(time))
    };
    at.map([
        ("enabled", &|at| enabled.map_or(Node::Unset("as its source"), |enabled| at.plain(enabled))),
        ("ttl", &|at| time(at, ttl)),
        ("stale_if_error", &|at| time(at, stale_if_error)),
        ("stale_while_revalidate", &|at| time(at, stale_while_revalidate)),
        ("override", &|at| at.plain(is_override)),
    ])
}
