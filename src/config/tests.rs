//! What a file means, and what is said about one that means nothing.

use std::{fs, path::PathBuf, time::Duration};

use super::*;
use crate::{
    error::Diagnostic,
    telemetry::{LogFormat, Traces},
};

/// A folder of its own, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("weft-config-{}", uuid::Uuid::now_v7()));
        for (name, text) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }

    fn load(&self, overrides: &Overrides) -> Result<Settings, Vec<Diagnostic>> {
        let lookup = |name: &str| match name {
            "PORT" => Some("5001".to_owned()),
            "CALLS" => Some("7".to_owned()),
            "KEY" => Some("s3cret".to_owned()),
            _ => None,
        };
        load_with(Some(&self.0.join("weft.yaml")), overrides, &lookup)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn read(text: &str) -> Result<Settings, Vec<Diagnostic>> {
    Folder::new(&[("weft.yaml", text)]).load(&Overrides::default())
}

/// Code, the text that is marked, message and help of each finding.
fn findings(text: &str) -> Vec<String> {
    let found = read(text).expect_err("the file is wrong");
    found
        .iter()
        .map(|finding| {
            let marked = finding.labels.first().map_or("", |label| &label.source.text[label.span.clone()]);
            let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{} [{marked}] {}{help}", finding.code, finding.message)
        })
        .collect()
}

#[test]
fn an_empty_file_is_the_defaults() {
    for text in ["", "# nothing\n\n", "{}"] {
        let settings = read(text).unwrap();
        assert_eq!(settings.server.listen, "127.0.0.1:4000".parse().unwrap());
        assert_eq!(settings.admin.listen, Some("127.0.0.1:9090".parse().unwrap()));
        assert_eq!(settings.server.timeout, Duration::from_secs(30));
        assert!(!settings.server.introspection && !settings.server.graphiql && settings.server.csrf);
        assert_eq!(settings.limits, Limits::default());
        assert_eq!(
            (settings.limits.depth, settings.limits.aliases, settings.limits.mode),
            (15, 30, LimitMode::Enforce)
        );
        assert_eq!(settings.source("any", "thing").concurrency_max, 512);
    }
}

#[test]
fn every_key_has_its_meaning() {
    let text = "
compatibility: strict
server:
  listen: 0.0.0.0:80
  path: /api
  graphiql: true
  introspection: true
  timeout: 3s
  body_max: 1MiB
  header_timeout: 1s
  body_timeout: 2s
  connections_max: 50
  batching: { enabled: true, operations_max: 3 }
  cors: { origins: ['https://a.example', \"http://localhost:3000\"], credentials: true }
  csrf: { enabled: false }
  drain: 1m
admin: { listen: off }
context:
  tenant: { header: X-Tenant }
  all: { header: x-all, json: true }
  region: { value: { name: eu, zones: [1, 2] } }
  nothing: { value: null }
sources:
  catalog:
    urls: [http://127.0.0.1:5001/v1]
    config: { tier: gold }
    timeout: 250ms
    connect_timeout: 100ms
    concurrency_max: 5
    calls_per_operation_max: 6
    body_max: 64KiB
config: { shop: { key: 1 } }
limits:
  { bytes: 10KiB, tokens: 100, nesting: 20, selections: 30, depth: 1, height: 2, aliases: 3, root_fields: 4, directives: 5, cost: 6, upstream_calls: 7, mode: report }
cost: { list_size: 3, actual: true, extensions: true, header: true }
documents: { apq: false, trusted: lists, report: { manifest: seen.json, documents_max: 7, size_max: 1KiB, introspection: true } }
telemetry:
  log: { format: json, level: 'warn,weft=debug' }
  traces: { otlp: 'http://collector:4318', sample: 0.25 }
  metrics: { prometheus: false }
";
    let settings = read(text).unwrap();
    assert_eq!(settings.compatibility, Compatibility::Strict);
    let server = &settings.server;
    assert_eq!((server.path.as_str(), server.connections_max, server.body_max), ("/api", 50, 1 << 20));
    assert_eq!(server.batching, Batching { enabled: true, operations_max: 3 });
    assert_eq!(server.cors.origins, ["https://a.example", "http://localhost:3000"]);
    assert!(server.cors.credentials && server.graphiql && server.introspection && !server.csrf);
    assert_eq!(server.drain, Duration::from_mins(1));
    assert_eq!(settings.admin.listen, None);
    assert!(matches!(&settings.context["tenant"], ContextValue::Header { name, json: false } if name == "x-tenant"));
    assert!(matches!(&settings.context["all"], ContextValue::Header { json: true, .. }));
    assert!(matches!(&settings.context["region"], ContextValue::Value(value) if value["zones"][1] == 2));
    assert!(matches!(&settings.context["nothing"], ContextValue::Value(value) if value.is_null()));
    let source = settings.source("shop", "catalog");
    assert_eq!(source.urls, [Url::from("http://127.0.0.1:5001/v1")]);
    assert_eq!(source.config["tier"], "gold");
    assert_eq!((source.timeout, source.connect_timeout), (Duration::from_millis(250), Duration::from_millis(100)));
    assert_eq!((source.concurrency_max, source.calls_per_operation_max, source.body_max), (5, 6, 65_536));
    assert_eq!(settings.config["shop"]["key"], 1);
    let limits = Limits {
        bytes: 10_240,
        tokens: 100,
        nesting: 20,
        selections: 30,
        depth: 1,
        height: 2,
        aliases: 3,
        root_fields: 4,
        directives: 5,
        cost: 6,
        upstream_calls: 7,
        mode: LimitMode::Report,
    };
    assert_eq!(settings.limits, limits);
    assert_eq!(settings.cost, Cost { list_size: 3, actual: true, extensions: true, header: true });
    let Documents { apq, trusted, only_trusted, clients, report } = &settings.documents;
    let report = report.as_ref().expect("a report");
    assert!(
        report.manifest.ends_with("seen.json") && !settings.origins.contains(&report.manifest),
        "it writes that itself"
    );
    assert_eq!((report.documents_max, report.size_max, report.introspection), (7, 1024, true));
    assert_eq!(clients, &[]);
    let trusted = trusted.as_ref().expect("a list");
    assert!(trusted.ends_with("lists") && !apq && !only_trusted);
    assert!(settings.origins.contains(trusted), "a list is watched like a schema");
    assert_eq!(settings.telemetry.log.format, LogFormat::Json);
    assert_eq!(settings.telemetry.traces, Traces { otlp: Some("http://collector:4318".to_owned()), sample: 0.25 });
    assert!(!settings.telemetry.prometheus);
}

#[test]
fn a_source_of_one_subgraph_beats_the_common_one() {
    let settings = read("sources: { api: { timeout: 1s }, shop.api: { timeout: 2s } }").unwrap();
    assert_eq!(settings.source("shop", "api").timeout, Duration::from_secs(2));
    assert_eq!(settings.source("blog", "api").timeout, Duration::from_secs(1));
}

#[test]
fn the_environment_expands_everywhere() {
    let text = "
sources:
  api:
    urls: [\"http://127.0.0.1:${env.PORT}\"]
    concurrency_max: ${env.CALLS}
    timeout: \"${env.NONE:-5s}\"
    config: { key: \"${env.KEY}\", list: [\"a ${env.KEY}\"] }
";
    let settings = read(text).unwrap();
    let source = settings.source("", "api");
    assert_eq!(source.urls, [Url::from("http://127.0.0.1:5001")]);
    assert_eq!(source.concurrency_max, 7);
    assert_eq!(source.timeout, Duration::from_secs(5));
    assert_eq!(source.config["list"][0], "a s3cret");
    assert!(!format!("{settings:?}").contains("s3cret"), "secrets are not printed");
}

#[test]
fn all_findings_at_once_each_at_its_place() {
    let text = "
compatibility: stricter
server:
  listen: 4000
  timeout: 5 parsecs
  body_max: lots
  path: api
  graphiql: maybe
  cors: { origins: ['*', 'https://a.example/'], credentials: true }
context:
  a: { header: 'no header' }
  b: { header: x, value: 1 }
  c: {}
sources:
  api: { urls: [ftp://x, 'http://a', 'http://b?x', 'http://a/'], concurrency_max: 0, config: \"${env.NONE}\" }
telemetry: { log: { level: 'weft=loud' }, traces: { otlp: 'localhost:4318', sample: 2 } }
";
    let found = findings(text).join("\n");
    let expected = [
        "INVALID_VALUE [stricter] expected one of `default`, `strict` (did you mean `strict`?)",
        "INVALID_VALUE [api] a path starts with `/` and has no `{}*?#` in it",
        "INVALID_VALUE [4000] expected an address and a port such as `127.0.0.1:4000` or `[::]:4000`",
        "INVALID_VALUE [maybe] expected `true` or `false`",
        "INVALID_VALUE [5 parsecs] expected a duration such as `250ms`, `5s`, `1m` or `2h`",
        "INVALID_VALUE [lots] expected a size such as `64KiB`, `2MiB`, `1GiB` or `500kB`",
        "INVALID_VALUE ['https://a.example/'] `https://a.example/` is not an origin (did you mean `https://a.example`?)",
        "INVALID_VALUE [true] credentials cannot be allowed to every origin: list the origins instead of `*`",
        "INVALID_VALUE ['no header'] `no header` is not the name of a header",
        "give one of `header`, `claim`, `certificate` and `value`, not several",
        "one of `header`, `claim`, `certificate` and `value` is needed",
        "INVALID_URL [ftp://x] not an absolute URL: expected one such as `https://api.example.com/v1`",
        "INVALID_URL ['http://b?x'] one of several URLs cannot have a query",
        "INVALID_VALUE ['http://a/'] this URL is given twice",
        "INVALID_VALUE [0] expected a whole number from 1 to 1000000000",
        "INVALID_ENVIRONMENT [\"${env.NONE}\"] the environment variable `NONE` is not set",
        "INVALID_VALUE ['weft=loud'] not a log level",
        "INVALID_VALUE ['localhost:4318'] expected an absolute URL such as `http://localhost:4318`",
        "INVALID_VALUE [2] expected a number from 0 to 1 such as `0.05`",
    ];
    for line in expected {
        assert!(found.contains(line), "`{line}` is not in:\n{found}");
    }
}

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    assert_eq!(
        findings("server:\n  lissten: 127.0.0.1:1\n"),
        ["UNKNOWN_KEY [lissten] there is no key `lissten` here (did you mean `listen`?)"]
    );
    assert_eq!(
        findings("server: { csrf: { zzz: 1 } }"),
        ["UNKNOWN_KEY [zzz] there is no key `zzz` here (keys here: `enabled`)"]
    );
    assert_eq!(findings("sources: { a: { retries: 1 } }").len(), 1);
    assert_eq!(findings("schema: [{ path: x, named: y }]").len(), 1);
}

#[test]
fn broken_yaml_is_a_finding() {
    assert_eq!(findings("server: {}\nserver: {}\n"), ["DUPLICATE_KEY [server] the key `server` is given twice"]);
    for text in ["server: [", "server: 5", "a: b: c", "\t- x", "schema: [[x]]", "&a [*a]", "server: null\n---\nx"] {
        assert_eq!(findings(text).len(), 1, "{text}");
    }
    let deep = format!("config: {{ a: {}{} }}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(findings(&deep).len(), 1);
}

#[test]
fn schema_files_are_found_and_named() {
    let folder = Folder::new(&[
        ("weft.yaml", "schema: [graph, { path: other/x.graphql, name: api }]"),
        ("graph/b.graphql", ""),
        ("graph/a.graphql", ""),
        ("graph/notes.md", ""),
        ("graph/operations/query.graphql", ""),
        ("other/x.graphql", ""),
    ]);
    let settings = folder.load(&Overrides::default()).unwrap();
    let names: Vec<&str> = settings.schema.iter().map(|file| file.subgraph.as_str()).collect();
    assert_eq!(names, ["a", "b", "api"]);
    assert!(settings.schema[0].path.ends_with("graph/a.graphql") && settings.schema[0].path.starts_with(&folder.0));
    let one = Overrides { schema: vec![folder.0.join("other/x.graphql")], ..Overrides::default() };
    assert_eq!(folder.load(&one).unwrap().schema[0].subgraph, "x");
}

#[test]
fn missing_schema_files_are_findings_at_their_path() {
    let found = findings("schema: [nowhere]");
    assert!(found[0].starts_with("INVALID_SCHEMA_PATH [nowhere] there is no file or folder"), "{found:?}");
    let folder =
        Folder::new(&[("weft.yaml", "schema: [a/x.graphql, b/x.graphql]"), ("a/x.graphql", ""), ("b/x.graphql", "")]);
    let found = folder.load(&Overrides::default()).unwrap_err();
    assert!(found[0].message.contains("are both the subgraph `x`"), "{found:?}");
}

#[test]
fn flags_beat_the_file() {
    let folder = Folder::new(&[("weft.yaml", "server: { listen: 127.0.0.1:1 }")]);
    let overrides = Overrides {
        listen: Some("localhost:0".to_owned()),
        log_level: Some("debug".to_owned()),
        dev: true,
        ..Overrides::default()
    };
    let settings = folder.load(&overrides).unwrap();
    assert_eq!(settings.server.listen, "127.0.0.1:0".parse().unwrap());
    assert_eq!(settings.telemetry.log.level, "debug");
    assert!(settings.dev && settings.server.graphiql && settings.server.introspection);
    let wrong = Overrides { listen: Some("here".to_owned()), log_level: Some("a=b=c".to_owned()), ..overrides };
    assert_eq!(folder.load(&wrong).unwrap_err().len(), 2);
}

#[test]
fn a_missing_file_is_a_finding() {
    let found = load(Some("/nowhere/weft.yaml".as_ref()), &Overrides::default()).unwrap_err();
    assert_eq!(found[0].code, "CONFIG_UNREADABLE");
}

#[test]
fn the_json_schema_knows_every_key() {
    let schema = json_schema();
    for key in ["calls_per_operation_max", "header_timeout", "prometheus", "Longest time of one call"] {
        assert!(schema.contains(key), "{key}");
    }
    assert!(schema.contains("\"additionalProperties\": false"));
}

#[test]
fn a_source_says_what_it_does_about_trouble() {
    let text = "
sources:
  a:
    urls: [{ url: 'http://a/v1', weight: 3 }, 'http://b, http://c']
    balance: hash
    hash_by: 'header: X-User'
    slow_start: 1s
    health: { path: /up, interval: 1s, timeout: 200ms, unhealthy_after: 3, healthy_after: 4 }
    outlier: { consecutive_failures: 7, eject: 1s, ejected_max: 0.3 }
    retry: { attempts: 3, budget: 0.1, timeout: 400ms, methods: [GET, POST], idempotency_key: Idempotency-Key }
    breaker: { failure_rate: 0.4, calls_min: 9, open: 2s }
    hedge: { after: p99, rate_max: 0.02 }
    adaptive: { min: 2, initial: 1 }
    queue_timeout: 1s
    timeouts: { Query.user: 100ms }
    priority: optional
    priorities: { Query.user: normal }
    deadline_header: x-timeout-ms
    credentials: { basic: { username: weft, password: pw }, mtls: { cert: c.pem, key: k.pem } }
  b: { urls: ['http://a'], health: {}, breaker: {}, hedge: { after: 20ms }, retry: {}, adaptive: {} }
  c: { urls: ['http://a', 'http://b'], retry: { enabled: false }, outlier: { enabled: false } }
  d: { urls: ['http://a'], discovery: { dns: true } }
";
    let settings = read(text).unwrap();
    let a = settings.source("x", "a");
    let urls: Vec<(&str, f64)> = a.urls.iter().map(|url| (url.url.as_str(), url.weight)).collect();
    assert_eq!(urls, [("http://a/v1", 3.0), ("http://b", 1.0), ("http://c", 1.0)]);
    assert_eq!(a.balance, Balance::Hash(HashKey::Header("x-user".parse().unwrap())));
    let health = a.health.unwrap();
    assert_eq!((health.path.as_str(), health.unhealthy_after, health.healthy_after), ("/up", 3, 4));
    assert_eq!(a.outlier.unwrap().consecutive_failures, 7);
    let retry = a.retry.unwrap();
    assert_eq!((retry.attempts, retry.timeout, retry.methods.len()), (3, Some(Duration::from_millis(400)), 2));
    assert_eq!(retry.idempotency_key.unwrap(), "idempotency-key");
    assert_eq!(a.breaker.unwrap().calls_min, 9);
    assert_eq!(a.hedge.unwrap().after, HedgeAfter::Quantile(0.99));
    assert_eq!(a.adaptive, Some(Adaptive { min: 2, initial: 2 }));
    assert_eq!(a.timeouts["Query.user"], Duration::from_millis(100));
    assert_eq!((a.priority, a.priorities["Query.user"]), (Priority::Optional, Priority::Normal));
    assert!(!format!("{:?}", a.credentials).contains("pw"), "secrets are not printed");
    assert!(a.certificate.is_some());
    let b = settings.source("x", "b");
    assert_eq!(
        (b.health, b.breaker, b.retry),
        (Some(Health::default()), Some(Breaker::default()), Some(Retry::default()))
    );
    assert_eq!(b.hedge.unwrap().after, HedgeAfter::Fixed(Duration::from_millis(20)));
    assert_eq!((b.adaptive, b.outlier), (Some(Adaptive::default()), None));
    let c = settings.source("x", "c");
    assert_eq!((c.retry, c.outlier, c.health, c.breaker), (None, None, None, None));
    let d = settings.source("x", "d");
    assert_eq!((d.retry, d.outlier), (Some(Retry::default()), Some(Outlier::default())), "it may have several");
    let plain = settings.source("x", "not named");
    assert!(plain.retry.is_none() && plain.breaker.is_none() && plain.hedge.is_none() && plain.adaptive.is_none());
}

#[test]
fn wrong_words_about_trouble_are_all_told() {
    let text = "
sources:
  a:
    balance: p2d
    hash_by: cookie
    health: { path: up }
    retry: { methods: [GTE], budget: 2, idempotency_key: 'a b' }
    hedge: { after: p10 }
    priorities: { Query.user: optionel }
    discovery: { dns: true, file: x }
    credentials: { basic: { username: 'a:b', password: x }, bearer: { token: t } }
  b: { urls: [{ url: 'http://a', weight: 0 }], credentials: { bearer: {} } }
  c: { urls: ['http://a', 'http://b'], discovery: { dns: true }, credentials: { bearer: { token: 'a b' } } }
";
    let found = findings(text).join("\n");
    let expected = [
        "INVALID_VALUE [p2d] expected one of `hash`, `least_request`, `p2c`, `round_robin` (did you mean `p2c`?)",
        "INVALID_VALUE [cookie] expected `url`, `path` or `header:NAME`",
        "INVALID_VALUE [up] a path starts with `/`",
        "`health` needs `urls`",
        "INVALID_VALUE [GTE] expected methods of",
        "INVALID_VALUE [2] expected a number above 0 and at most 1",
        "INVALID_VALUE ['a b'] `a b` is not the name of a header",
        "INVALID_VALUE [optionel] expected one of `normal`, `optional` (did you mean `optional`?)",
        "INVALID_VALUE [p10] expected a quantile from `p50` to `p99.9`, or a duration",
        "give one of `dns`, `srv` and `file`",
        "give one of `basic`, `bearer`, `oauth2` and `sigv4`",
        "INVALID_VALUE [0] expected a number from 0.001 to 1000",
        "`bearer` needs a `token` or a `file`",
        "`dns` needs exactly one URL",
        "a token has visible ASCII characters only",
    ];
    for line in expected {
        assert!(found.contains(line), "`{line}` is not in:\n{found}");
    }
    assert_eq!(
        findings("sources: { a: { retry: { attempt: 1 } } }"),
        ["UNKNOWN_KEY [attempt] there is no key `attempt` here (did you mean `attempts`?)"]
    );
}

#[test]
fn names_are_looked_up_where_the_file_says() {
    let discovery = |text: &str| {
        let text = format!("sources: {{ a: {{ urls: ['http://a'], discovery: {{ {text} }} }} }}");
        read(&text).unwrap().source("x", "a").discovery
    };
    let refresh = Duration::from_secs(5);
    let server = "10.0.0.2:53".parse().unwrap();
    let name = "_http._tcp.a.svc.".to_owned();
    assert_eq!(discovery("dns: true"), Some(Discovery::Dns { refresh, nameservers: Vec::new() }));
    assert_eq!(
        discovery("srv: _http._tcp.a.svc., nameservers: ['10.0.0.2:53']"),
        Some(Discovery::Srv { name, refresh, nameservers: vec![server] })
    );
    for (discovery, found) in [
        ("srv: a.b, file: x", "INVALID_VALUE [x] give one of `dns`, `srv` and `file`"),
        ("dns: true, srv: a.b", "INVALID_VALUE [a.b] give one of `dns`, `srv` and `file`"),
        ("srv: 'http://a'", "INVALID_VALUE ['http://a'] expected the name of SRV records"),
        (
            "file: x, nameservers: ['10.0.0.2:53']",
            "INVALID_VALUE ['10.0.0.2:53'] `nameservers` are for `dns` and `srv`",
        ),
        ("srv: a.b, nameservers: [10.0.0.2]", "INVALID_VALUE [10.0.0.2] expected an address and a port"),
    ] {
        let text = format!("sources: {{ a: {{ urls: ['http://a'], discovery: {{ {discovery} }} }} }}");
        let all = findings(&text);
        assert!(all.iter().any(|line| line.starts_with(found)), "{discovery}: {all:?}");
    }
    let found = findings("sources: { a: { urls: ['http://a', 'http://b'], discovery: { srv: a.b } } }");
    assert!(found[0].contains("`srv` needs exactly one URL"), "{found:?}");
}

#[test]
fn keys_of_aws_come_from_the_file_or_the_environment() {
    let folder = |text: &str| Folder::new(&[("weft.yaml", text)]);
    let keys = |sigv4: &str, env: &[(&str, &str)]| {
        let text = format!("sources: {{ a: {{ credentials: {{ sigv4: {{ region: eu-1, service: s3{sigv4} }} }} }} }}");
        let lookup = |name: &str| env.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let settings = load_with(Some(&folder(&text).0.join("weft.yaml")), &Overrides::default(), &lookup);
        match settings.map(|settings| settings.source("x", "a").credentials) {
            Ok(Some(Credentials::Sigv4 { region, service, keys })) => {
                assert_eq!((region.as_str(), service.as_str()), ("eu-1", "s3"));
                let shown = format!("{keys:?}");
                assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
                Ok(keys)
            }
            Ok(other) => panic!("{other:?}"),
            Err(findings) => Err(findings[0].message.clone()),
        }
    };
    let hidden = |text: &str| Hidden(text.to_owned());
    let fixed = |session: Option<&str>| {
        Ok(AwsKeys::Fixed { id: "AKID".to_owned(), secret: hidden("s3cret"), session: session.map(hidden) })
    };
    let own = ", access_key_id: AKID, secret_access_key: s3cret";
    let both = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s3cret")];
    assert_eq!(keys(own, &[("AWS_SESSION_TOKEN", "t0ken")]), fixed(None), "a session belongs to its keys");
    assert_eq!(keys(&format!("{own}, session_token: t0ken"), &[]), fixed(Some("t0ken")));
    assert_eq!(keys("", &both), fixed(None));
    assert_eq!(keys("", &[both[0], both[1], ("AWS_SESSION_TOKEN", "t0ken")]), fixed(Some("t0ken")));
    let file = |path: &str, profile: &str| Ok(AwsKeys::File { path: path.into(), profile: profile.to_owned() });
    assert_eq!(keys(", file: /keys", &both), file("/keys", "default"), "what is written comes first");
    assert_eq!(keys(", profile: shop", &[("HOME", "/home/weft")]), file("/home/weft/.aws/credentials", "shop"));
    assert_eq!(keys("", &[("AWS_PROFILE", "shop"), ("AWS_SHARED_CREDENTIALS_FILE", "/keys")]), file("/keys", "shop"));
    let role = [("AWS_ROLE_ARN", "role"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_PROFILE", "shop")];
    assert_eq!(
        keys("", &role),
        Ok(AwsKeys::WebIdentity {
            url: "https://sts.eu-1.amazonaws.com/".to_owned(),
            role: "role".to_owned(),
            session: "weft".to_owned(),
            token: "/token".into(),
        })
    );
    assert_eq!(
        keys("", &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t0ken")]),
        Ok(AwsKeys::Container { url: "http://169.254.170.2/x".to_owned(), token: Some(Token::Fixed(hidden("t0ken"))) })
    );
    for (sigv4, problem) in [
        ("", "`sigv4` needs keys: give `access_key_id`"),
        (", access_key_id: AKID", "go together"),
        (", session_token: t", "go together"),
        (", access_key_id: AKID, secret_access_key: s, profile: x", "not both"),
        (", access_key_id: AKID, secret_access_key: 'a b'", "visible ASCII"),
        (", profile: shop", "no home folder"),
    ] {
        let message = keys(sigv4, &[]).expect_err(sigv4);
        assert!(message.contains(problem), "{sigv4}: {message}");
    }
    let found = findings("sources: { a: { credentials: { sigv4: { region: 'eu 1', service: s3, file: x } } } }");
    assert_eq!(
        found,
        ["INVALID_VALUE ['eu 1'] expected letters, digits and `-`, such as `eu-central-1` or `execute-api`"]
    );
}

#[test]
fn headers_are_read_for_all_sources_and_for_one() {
    let text = r#"
headers:
  propagate: [X-Trace, { name: x-a, as: X-B }, { matching: "^x-app-" }]
  set: { X-Client: weft, x-key: "${env.KEY}" }
  remove: [Cookie]
sources:
  catalog: { headers: { set: { x-client: catalog } } }
"#;
    let settings = read(text).unwrap();
    let names = |headers: &Headers| {
        let propagate = headers.propagate.iter().map(|rule| match rule {
            Propagate::Named { name, sent_as } => format!("{name} as {sent_as}"),
            Propagate::Matching(pattern) => pattern.to_string(),
        });
        let set = headers.set.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let remove = headers.remove.iter().map(ToString::to_string);
        propagate.chain(set).chain(remove).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&settings.headers),
        ["x-trace as x-trace", "x-a as x-b", "^x-app-", "x-client: weft", "x-key: s3cret", "cookie"]
    );
    assert_eq!(names(&settings.source("api", "catalog").headers), ["x-client: catalog"]);
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn headers_that_cannot_be_sent_are_findings() {
    for (text, wanted) in [
        (
            "propagate: [Connection]",
            "INVALID_VALUE [Connection] `connection` belongs to the connection and is set by weft",
        ),
        (
            "propagate: [accept]",
            "INVALID_VALUE [accept] `accept` speaks of the client's request and is not passed on: use `set`",
        ),
        ("propagate: [{ name: x-a, as: te }]", "INVALID_VALUE [te] `te` belongs to the connection and is set by weft"),
        ("propagate: [{ name: x-a, matching: b }]", "INVALID_VALUE [{] give `name` or `matching`, not both"),
        ("propagate: [{ as: b }]", "INVALID_VALUE [{] one of `name` and `matching` is needed"),
        ("propagate: [a b]", "INVALID_VALUE [a b] `a b` is not the name of a header"),
        (
            "set: { content-length: 1 }",
            "INVALID_VALUE [1] `content-length` belongs to the connection and is set by weft",
        ),
        ("set: { x-a: \"1\\n2\" }", "INVALID_VALUE [\"1\\n2\"] the value of `x-a` cannot stand in a header"),
        ("set: { x-a: 1, X-A: 2 }", "INVALID_VALUE [1] `x-a` is set twice, in capitals and without"),
        ("{ set: { x-a: 1 }, remove: [x-a] }", "INVALID_VALUE [1] `x-a` is both set and removed: keep one of them"),
    ] {
        let text = if text.starts_with('{') { format!("headers: {text}") } else { format!("headers: {{ {text} }}") };
        assert_eq!(findings(&text), [wanted], "{text}");
    }
    let unclosed = findings("headers: { propagate: [{ matching: \"(\" }] }");
    assert!(unclosed[0].contains("is not a regular expression: unclosed group"), "{unclosed:?}");
    assert!(findings("headers: { propogate: [] }")[0].contains("did you mean `propagate`?"));
}

#[test]
fn who_may_ask_is_read() {
    let text = "
auth:
  required: true
  jwt:
    cookie: session
    leeway: 5s
    issuers:
      - { issuer: 'https://id.example', audiences: [weft] }
      - { issuer: a, jwks: keys.json, audiences: [weft], algorithms: [ES256], scopes: [roles] }
      - { issuer: b, secret: '0123456789012345678901234567890123456789', claims: { azp: [x, y] } }
  api_keys:
    keys:
      - { id: k, sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, expires: 2027-01-31 }
context: { user: { claim: sub } }
";
    let settings = read(text).unwrap();
    let jwt = settings.auth.jwt.unwrap();
    assert!(matches!(&settings.context["user"], ContextValue::Claim(name) if name == "sub"));
    assert_eq!((jwt.leeway, jwt.cookie.as_deref()), (Duration::from_secs(5), Some("session")));
    assert_eq!(jwt.issuers[0].keys, KeySource::Discovery);
    assert_eq!(jwt.issuers[0].scopes, ["scope", "scp"]);
    assert!(matches!(&jwt.issuers[1].keys, KeySource::File(path) if path.ends_with("keys.json")));
    assert_eq!(jwt.issuers[2].algorithms, [Algorithm::HS256]);
    assert_eq!(jwt.issuers[2].claims[0].1.len(), 2);
    assert!(!format!("{jwt:?}").contains("01234567890"), "secrets are not printed");
    let keys = settings.auth.api_keys.unwrap();
    assert_eq!((keys.header.as_str(), keys.keys[0].expires), ("x-api-key", Some(1_801_353_600)));
}

#[test]
fn who_may_ask_is_not_guessed() {
    for (text, expected) in [
        ("auth: { required: true }", "would refuse everybody"),
        ("auth: { jwt: {} }", "`auth.jwt` needs `issuers`"),
        ("auth: { api_keys: {} }", "`auth.api_keys` needs `keys` or a `file`"),
        ("auth: { jwt: { issuers: [{ issuer: 'https://a' }] } }", "`audiences` are missing"),
        ("auth: { jwt: { issuers: [{ issuer: a, audiences: [w] }] } }", "no OpenID configuration"),
        ("auth: { jwt: { issuers: [{ issuer: a, audiences: [w], secret: short }] } }", "shorter than 32 bytes"),
        (
            "auth: { jwt: { issuers: [{ issuer: 'https://a', audiences: [w], algorithms: [HS256] }] } }",
            "need a `secret`",
        ),
        (
            "auth: { jwt: { issuers: [{ issuer: 'https://a', audiences: [w], algorithms: [RS265] }] } }",
            "did you mean `RS256`?",
        ),
        (
            "auth: { jwt: { issuers: [{ issuer: 'https://a', audiences: [w], algorithms: [none] }] } }",
            "expected one of",
        ),
        ("auth: { jwt: { issuers: [{ issuer: 'https://a', audiences: [w], jwks: 'ftp://a' }] } }", "http or https"),
        ("auth: { jwt: { header: cookie, issuers: [{ issuer: 'https://a', audiences: [w] }] } }", "use `cookie`"),
        ("auth: { api_keys: { keys: [{ id: a, sha256: 00 }] } }", "64 hexadecimal digits"),
        ("auth: { jwt: { isuers: [] } }", "did you mean `issuers`?"),
    ] {
        let found = findings(text).join("\n");
        assert!(found.contains(expected), "{text}: `{expected}` is not in:\n{found}");
    }
}

#[test]
fn names_to_redact_are_not_found_in_everything() {
    assert_eq!(read("telemetry: { redact: [iban, x-user] }").unwrap().telemetry.redact, ["iban", "x-user"]);
    for text in ["telemetry: { redact: [''] }", "telemetry: { redact: [a-] }"] {
        assert!(findings(text)[0].contains("two letters or digits at least"), "{text}");
    }
}

#[test]
fn whom_client_certificates_stand_for_is_read() {
    let text = "
server: { tls: { cert: c.pem, key: k.pem, client_ca: ca.pem, client_auth: optional } }
auth:
  required: true
  client_certificates:
    others: refused
    clients:
      - { by: uri, is: ['spiffe://a/b', 'spiffe://a/c'], name: billing, scopes: [s], claims: { tier: gold } }
      - { by: dns, ends_with: .Acme.example }
      - { by: sha256, is: 'AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99' }
      - { by: subject, ends_with: ',O=Acme' }
limits: { clients: [{ by: certificate, is: billing, depth: 20 }, { for: certificate, depth: 9 }] }
context: { host: { certificate: dns } }
";
    let settings = read(text).unwrap();
    assert_eq!(settings.server.tls.unwrap().client_auth, ClientAuth::Optional);
    let certificates = settings.auth.client_certificates.unwrap();
    assert_eq!(certificates.others, OtherCertificates::Refused);
    let [billing, host, one, _] = certificates.clients.as_slice() else { panic!("{certificates:?}") };
    assert_eq!(billing.matches, CertificateMatch::Is(vec!["spiffe://a/b".to_owned(), "spiffe://a/c".to_owned()]));
    assert_eq!((billing.name.as_deref(), &host.name), (Some("billing"), &None));
    assert_eq!(host.matches, CertificateMatch::EndsWith(".acme.example".to_owned()));
    let hash = "aabbccddeeff00112233445566778899";
    assert_eq!(one.matches, CertificateMatch::Is(vec![format!("{hash}{hash}")]));
    assert_eq!(settings.client_limits[1].client.callers, RateFor::Certificate);
    assert!(matches!(settings.context["host"], ContextValue::Certificate("dns")));
    assert!(!format!("{billing:?}").contains("gold"), "claims are not printed");
    assert!(!certificates.forwarded);
    let behind = "server: { trusted_proxies: [10.0.0.0/8] }\nauth: { client_certificates: { forwarded: true } }";
    assert!(read(behind).unwrap().auth.client_certificates.unwrap().forwarded);
    let required = read("server: { tls: { cert: c.pem, key: k.pem, client_ca: ca.pem } }").unwrap();
    assert_eq!(required.server.tls.unwrap().client_auth, ClientAuth::Required);
}

#[test]
fn whom_client_certificates_stand_for_is_not_guessed() {
    let own = "server: { tls: { cert: c.pem, key: k.pem, client_ca: ca.pem } }\n";
    let client = |client: &str| format!("{own}auth: {{ client_certificates: {{ clients: [{client}] }} }}");
    for (text, expected) in [
        ("auth: { client_certificates: {} }".to_owned(), "needs `server.tls.client_ca`"),
        ("auth: { client_certificates: { forwarded: true } }".to_owned(), "needs `server.trusted_proxies`"),
        (format!("{own}auth: {{ client_certificates: {{ forwarded: true }} }}"), "needs `server.trusted_proxies`"),
        ("server: { tls: { cert: c, key: k, client_auth: optional } }".to_owned(), "needs `client_ca`"),
        (format!("{own}auth: {{ required: true, client_certificates: {{}} }}"), "would refuse everybody"),
        (format!("{own}auth: {{ client_certificates: {{ others: knwon }} }}"), "did you mean `known`?"),
        (client("{ by: uri }"), "one of `is`, `starts_with` and `ends_with` is needed"),
        (client("{ by: uri, is: 'a://b/c', starts_with: 'a://b/' }"), "not several"),
        (client("{ by: url, is: 'a://b/c' }"), "did you mean `uri`?"),
        (client("{ by: uri, starts_with: 'spiffe://acme.example' }"), "at least to the `/` behind its host"),
        (client("{ by: uri, starts_with: 'spiffe:///x' }"), "at least to the `/` behind its host"),
        (client("{ by: uri, ends_with: /billing }"), "use `starts_with`"),
        (client("{ by: dns, starts_with: billing. }"), "use `ends_with`"),
        (client("{ by: dns, ends_with: acme.example }"), "begins with a dot"),
        (client("{ by: email, ends_with: acme.example }"), "has its `@`"),
        (client("{ by: subject, ends_with: 'O=Acme' }"), "begins with a comma"),
        (client("{ by: common_name, ends_with: '' }"), "that is how every name ends"),
        (client("{ by: common_name, starts_with: '' }"), "that is how every name begins"),
        (client("{ by: sha256, is: aabb }"), "64 hexadecimal digits"),
        (client("{ by: sha256, starts_with: aabb }"), "given whole"),
        (client("{ by: dns, is: [] }"), "expected a text"),
        (client("{ by: dns, is: '' }"), "that of nobody"),
        (client("{ by: dns, is: a, name: '' }"), "1 to 256 bytes"),
        (client("{ by: dns, is: a }, { by: dns, is: A, name: b }"), "this one never counts"),
        ("context: { a: { certificate: cn } }".to_owned(), "expected one of"),
        ("context: { a: { certificate: dns, json: true } }".to_owned(), "only for a `header`"),
    ] {
        let found = findings(&text).join("\n");
        assert!(found.contains(expected), "{text}: `{expected}` is not in:\n{found}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn redis_by_its_url_or_with_more() {
    let folder = Folder::new(&[("weft.yaml", "cache: { redis: \"redis://weft:${env.KEY}@cache.example\" }")]);
    let settings = folder.load(&Overrides::default()).unwrap();
    assert_eq!(settings.cache.redis, Some(Redis::at("redis://weft:s3cret@cache.example".to_owned())));
    assert!(!format!("{settings:?}").contains("s3cret"));
    let text = "cache: { redis: { url: rediss://cache.example/1, prefix: shop, timeout: 20ms, connect_timeout: 2s, reply_max: 64KiB, ttl_max: 2h } }";
    let redis = Folder::new(&[("weft.yaml", text)]).load(&Overrides::default()).unwrap().cache.redis.unwrap();
    assert_eq!((redis.prefix.as_str(), redis.reply_max), ("shop", 64 << 10));
    assert_eq!(
        [redis.timeout, redis.connect_timeout, redis.ttl_max],
        [Duration::from_millis(20), Duration::from_secs(2), Duration::from_hours(2)]
    );
}

#[cfg(feature = "redis")]
#[test]
fn redis_that_means_nothing_is_refused() {
    for (text, wanted) in [
        ("http://cache.example", "expected `redis://host:6379/0`, or `rediss://…` for TLS"),
        ("\"redis://:${env.KEY}@\"", "expected `redis://host:6379/0`, or `rediss://…` for TLS"),
        ("{ url: \"redis://a\", prefix: \"a b\" }", "a prefix has visible ASCII characters, one at least"),
        ("{ url: \"redis://a\", ttl_max: 0s }", "expected `1s` at least"),
        ("{ url: \"redis://a\", time_out: 1s }", "time_out"),
        ("{ prefix: a }", "url"),
        ("5", "a URL, or `url` and more"),
    ] {
        let folder = Folder::new(&[("weft.yaml", &format!("cache: {{ redis: {text} }}"))]);
        let findings = folder.load(&Overrides::default()).unwrap_err();
        let told = format!("{findings:?}");
        assert!(told.contains(wanted), "{text}: {told}");
        assert!(!findings[0].message.contains("s3cret"), "{told}");
    }
}

#[test]
fn limits_on_rates_as_written() {
    let text = "
server: { trusted_proxies: [10.0.0.0/8] }
rate_limits:
  - { by: ip, requests: 600, per: 1m, burst: 100 }
  - { by: 'claim:tenant', for: token, cost: 10000, per: 1d, name: tenants, keys_max: 7 }
  - { by: ip, requests: 5, per: 1s }
";
    let settings = read(text).unwrap();
    let ip = RateLimit {
        name: "ip".to_owned(),
        by: RateBy::Ip,
        callers: RateFor::All,
        unit: RateUnit::Requests,
        amount: 600,
        per: Duration::from_mins(1),
        burst: 100,
        keys_max: 100_000,
    };
    let tenants = RateLimit {
        name: "tenants".to_owned(),
        by: RateBy::Claim("tenant".to_owned()),
        callers: RateFor::Token,
        unit: RateUnit::Cost,
        amount: 10_000,
        per: Duration::from_hours(24),
        burst: 10_000,
        keys_max: 7,
    };
    let again = RateLimit { name: "ip-2".to_owned(), amount: 5, per: Duration::from_secs(1), burst: 5, ..ip.clone() };
    assert_eq!(settings.rate_limits, [ip, tenants, again]);
    assert_eq!(settings.rate_store, RateStore::Memory);
    assert_eq!(settings.server.trusted_proxies, [Network::read("10.0.0.0/8").unwrap()]);
}

#[test]
fn a_quota_is_part_of_its_key() {
    let hash = "9beab85d6db685c992054758332276e8c8e5cbeb9045f5a838dab9c4ea3da344";
    let key = |quota: &str| format!("auth: {{ api_keys: {{ keys: [{{ id: a, sha256: {hash}, quota: {quota} }}] }} }}");
    let settings = read(&key("{ cost: 50, per: month }")).unwrap();
    let quota = settings.auth.api_keys.unwrap().keys[0].quota;
    assert_eq!(quota, Some(Quota { unit: RateUnit::Cost, amount: 50, per: QuotaPeriod::Month }));
    for (quota, expected) in [
        ("{ requests: 5, per: week }", "expected one of"),
        ("{ per: day }", "one of `requests` and `cost` is needed"),
        ("{ requests: 5, cost: 5, per: day }", "each limit counts one of them"),
        ("{ requests: 5 }", "`per` is missing"),
    ] {
        let found = findings(&key(quota)).join("\n");
        assert!(found.contains(expected), "{quota}: `{expected}` is not in:\n{found}");
    }
}

#[test]
fn limits_on_rates_that_mean_nothing_are_refused() {
    for (text, expected) in [
        ("rate_limits: [{ by: user, requests: 1, per: 1s }]", "expected `ip`, `api_key`"),
        ("rate_limits: [{ by: 'claim:', requests: 1, per: 1s }]", "expected `ip`, `api_key`"),
        ("rate_limits: [{ by: 'header:a b', requests: 1, per: 1s }]", "expected `ip`, `api_key`"),
        ("rate_limits: [{ by: ip, per: 1s }]", "one of `requests` and `cost` is needed"),
        ("rate_limits: [{ by: ip, requests: 1, cost: 1, per: 1s }]", "each limit counts one of them"),
        ("rate_limits: [{ by: ip, requests: 0, per: 1s }]", "a whole number from 1"),
        ("rate_limits: [{ by: ip, requests: 1, per: 0s }]", "expected a time such as"),
        ("rate_limits: [{ by: ip, requests: 1000001, per: 1s }]", "more than a million in a second"),
        ("rate_limits: [{ by: ip, requests: 1, per: 30d, burst: 13 }]", "never does"),
        ("rate_limits: [{ by: ip, for: bots, requests: 1, per: 1s }]", "expected one of"),
        ("rate_limits: [{ by: ip, requests: 1, per: 1s, name: 'a b' }]", "letters, digits"),
        ("rate_limits: [{ by: ip, requests: 1, per: 1s, name: quota }]", "quotas of API keys"),
        (
            "rate_limits: [{ by: ip, requests: 1, per: 1s, name: a }, { by: ip, cost: 1, per: 1s, name: a }, { by: global, cost: 1, per: 1s, name: a-2 }]",
            "two limits have the name `a-2`",
        ),
        ("server: { trusted_proxies: [10.0.0.0/33] }", "is no network"),
        ("rate_limit_store: redis", "expected one of `memory`"),
        ("rate_limit_store: { away: allow }", "`redis` is missing"),
        ("rate_limit_store: { redis: 'http://a' }", "expected `redis://host:6379/0`"),
        ("rate_limit_store: { redis: 'redis://a', away: wait }", "expected one of"),
    ] {
        let found = findings(text).join("\n");
        assert!(found.contains(expected), "{text}: `{expected}` is not in:\n{found}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn rates_are_kept_in_redis_where_it_is_named() {
    let text = "rate_limit_store: { redis: 'redis://:${env.KEY}@a', prefix: shop, timeout: 20ms, away: refuse }";
    let settings = read(text).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
    let redis = Redis {
        prefix: "shop".to_owned(),
        timeout: Duration::from_millis(20),
        ..Redis::at("redis://:s3cret@a".to_owned())
    };
    assert_eq!(settings.rate_store, RateStore::Redis { redis, away: WhenAway::Refuse });
}

#[test]
fn documents_are_only_trusted_or_reported_and_not_both() {
    let settings = read("documents: { trusted: lists, only_trusted: true }").unwrap();
    assert!(settings.documents.only_trusted && settings.documents.report.is_none());
    for (entry, expected) in [
        ("only_trusted: true", "`only_trusted` without a list"),
        ("trusted: lists, only_trusted: true, report: { manifest: seen.json }", "is there to find"),
        ("report: { documents_max: 5 }", "manifest"),
        ("report: { manifest: seen }", "end with `.json`"),
        ("report: { manifest: seen.json, documents_max: 0 }", "a whole number from 1"),
        ("report: { manifest: seen.json, size_max: 65MiB }", "at most `64MiB`"),
        ("report: { manifest: seen.json, max: 5 }", "UNKNOWN_KEY"),
    ] {
        let found = findings(&format!("documents: {{ {entry} }}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{entry}: {found:?}");
    }
}

#[test]
fn limits_of_clients_say_whose_they_are() {
    let settings = read(
        "limits: { depth: 7, cost: 50, clients: [{ for: anonymous, cost: 5 }, { by: \"claim:plan\", is: [gold, 5], depth: 20 }] }",
    );
    let settings = settings.expect("it can be read");
    let [one, other] = &settings.client_limits[..] else { panic!("{:?}", settings.client_limits) };
    assert_eq!((one.limits.cost, one.limits.depth, one.client.known.as_ref()), (5, 7, None));
    assert_eq!((other.limits.cost, other.limits.depth), (50, 20));
    assert_eq!(
        other.client.known.as_ref().map(|known| known.values.clone()),
        Some(vec!["gold".to_owned(), "5".to_owned()])
    );
    for (entry, expected) in [
        ("{ cost: 5 }", "MISSING_KEY"),
        ("{ for: all, cost: 5 }", "MISSING_KEY"),
        ("{ by: api_key, cost: 5 }", "MISSING_KEY"),
        ("{ is: mobile, cost: 5 }", "MISSING_KEY"),
        ("{ by: ip, is: 10.0.0.1 }", "INVALID_VALUE"),
        ("{ by: api_key, is: { a: b } }", "INVALID_VALUE"),
        ("{ by: api_key, is: [] }", "INVALID_VALUE"),
        ("{ by: api_key, is: mobile, tokens: 5 }", "UNKNOWN_KEY"),
    ] {
        let found = findings(&format!("limits: {{ clients: [{entry}] }}"));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{entry}: {found:?}");
    }
}
