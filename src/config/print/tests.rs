//! What is printed: nothing secret, everything else, and again a configuration that means the same.

use std::path::{Path, PathBuf};

use super::*;
use crate::config::load_with;

/// Every key, with every kind of secret: written down (`lit-…`), or from the environment (`env-…`).
const ALL: &str = r#"
schema: [{ path: api.graphql, name: shop }]
compatibility: strict
server:
  listen: ${env.LISTEN}
  graphiql: true
  timeout: 1500ms
  body_max: 1000B
  batching: { enabled: true, operations_max: 3 }
  cors: { origins: ["https://app.example.com"], credentials: true }
  trusted_proxies: [10.0.0.0/8, "fd00::1"]
  tls: { cert: cert.pem, key: key.pem, client_ca: ca.pem, client_auth: optional }
admin: { listen: off }
headers:
  propagate: [x-a, { name: x-b, as: x-c }, { matching: "^x-app-" }]
  set: { authorization: "Bearer lit-header", x-key: "${env.KEY}" }
  remove: [cookie]
context: { tenant: { header: x-tenant, json: true }, who: { claim: sub }, host: { certificate: dns }, fixed: { value: { deep: ["lit-context", "${env.KEY}"] } } }
config: { api: { token: "lit-config", other: "${env.KEY}", "odd key": 5 } }
sources:
  catalog:
    urls: ["https://user:lit-user@a.example/x", { url: "https://b.example", weight: 0.5, zone: z, canary: { header: x-canary, value: yes-please } }, "${env.SOURCE}"]
    balance: hash
    hash_by: header:x-user
    zone: z
    health: { path: /up, interval: 1s }
    outlier: { ejected_max: 0.25 }
    retry: { attempts: 3, timeout: 1s, methods: [GET], idempotency_key: idempotency-key }
    breaker: { open: 3s }
    hedge: { after: p99.9 }
    adaptive: { min: 2 }
    timeouts: { Query.user: 1s }
    priority: optional
    priorities: { Query.user: normal }
    deadline_header: x-deadline
    queue_timeout: 20ms
    credentials: { basic: { username: me, password: lit-password }, mtls: { cert: c.pem, key: k.pem } }
    config: { secret: lit-source }
    share: batch
    batch_wait: 3ms
    cache: { ttl: 1m, connectors: { Query.user: { ttl: 5s, override: true } } }
  query: { urls: ["https://b.example/?key=lit-query"] }
  bearer: { urls: ["http://b"], credentials: { bearer: { token: "${env.KEY:-lit-default}" } }, hedge: { after: 50ms } }
  file: { urls: ["http://b"], discovery: { dns: true }, credentials: { bearer: { file: token } } }
  oauth: { urls: ["http://b"], discovery: { srv: _http._tcp.b, nameservers: ["10.0.0.2:53"] }, credentials: { oauth2: { token_url: "https://id/t?x=lit-token-url", client_id: c, client_secret: lit-client, scopes: [a], audience: x } } }
  aws: { urls: ["http://b"], credentials: { sigv4: { region: eu-central-1, service: lambda, access_key_id: lit-access, secret_access_key: lit-aws, session_token: "${env.KEY}" } } }
cache: { memory_max: 1GiB, redis: { url: "redis://:lit-redis@r:6379/0", prefix: p } }
auth:
  required: true
  jwt:
    issuers:
      - { issuer: one, secret: "lit-jwt-0123456789012345678901234567890123456789", audiences: [weft] }
      - { issuer: two, secret: "${env.JWT}", claims: { client_id: [a, 5] } }
      - { issuer: "https://id.example", jwks: "https://id:lit-jwks@id.example/keys", audiences: [weft], algorithms: [PS256], scopes: [roles] }
    cookie: session
    identify: sub
  api_keys:
    header: x-key
    file: keys.yaml
    keys:
      - { id: a, sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b, scopes: [s], expires: 2027-01-31, quota: { cost: 5, per: day }, claims: { tier: lit-claim } }
  client_certificates:
    others: refused
    forwarded: true
    clients:
      - { by: uri, is: "spiffe://acme.example/billing", name: billing, scopes: [s], claims: { tier: lit-certificate } }
      - { by: dns, ends_with: .acme.example }
      - { by: common_name, starts_with: app- }
authorization: { reject: true, hide: true, policies: { own: "this.owner == claims.sub" } }
documents: { apq: false, trusted: trusted.json, clients: [{ by: api_key, is: web, trusted: web.json }], report: { manifest: seen.json, documents_max: 7, size_max: 1MiB, introspection: true } }
limits: { depth: 7, mode: report, clients: [{ for: anonymous, cost: 5 }, { by: "claim:plan", is: gold, depth: 20, mode: enforce }, { by: api_key, is: [a, b], aliases: 3 }, { by: certificate, is: billing, aliases: 4 }, { for: certificate, aliases: 5 }] }
cost: { list_size: 5, header: true }
rate_limits:
  - { by: ip, for: anonymous, requests: 10, per: 1m, burst: 5 }
  - { by: ip, requests: 10, per: 1h }
  - { by: "claim:sub", cost: 100, per: 1d, name: users, keys_max: 7 }
rate_limit_store: { redis: "${env.REDIS}", away: refuse }
telemetry:
  log: { format: json, level: "warn,weft=debug" }
  traces: { otlp: "https://lit-otlp@collector:4318", sample: 0.5 }
  metrics: { prometheus: false }
  audit: { file: audit.jsonl, events_max: 3 }
  redact: [iban, x-user]
"#;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "LISTEN" => "127.0.0.1:5005",
        "KEY" => "env-key",
        "SOURCE" => "https://env-user:env-pass@c.example",
        "JWT" => "env-jwt-0123456789012345678901234567890123456789",
        "REDIS" => "redis://:env-redis@r/0",
        _ => return None,
    };
    Some(value.to_owned())
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, config: &str) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("weft-print-{name}-{}", std::process::id())));
        std::fs::create_dir_all(&folder.0).unwrap();
        folder.write("api.graphql", "type Query { a: Int }");
        folder.write("weft.yaml", config);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    fn print(&self, name: &str, overrides: &Overrides) -> String {
        let printed = print_with(Some(&self.0.join(name)), overrides, &environment);
        printed.unwrap_or_else(|findings| panic!("{findings:#?}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The line of a key, without the spaces before it.
#[track_caller]
fn line<'a>(printed: &'a str, start: &str) -> &'a str {
    let mut lines = printed.lines().map(str::trim_start);
    lines.find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no `{start}` in:\n{printed}"))
}

#[test]
fn nothing_secret_is_in_it() {
    let folder = Folder::new("secrets", ALL);
    let printed = folder.print("weft.yaml", &Overrides::default());
    let found = printed.lines().filter(|line| line.contains("lit-") || line.contains("env-"));
    assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
    for (start, expected) in [
        ("x-key:", r#"x-key: "${env.KEY}"  # environment: KEY"#),
        ("authorization: \"", r#"authorization: "***"  # file"#),
        ("token: \"${env", r#"token: "${env.KEY:-***}"  # environment: KEY"#),
        ("- url: \"https://*", r#"- url: "https://***@a.example/x"  # file"#),
        ("listen: ", r#"listen: "127.0.0.1:5005"  # environment: LISTEN"#),
        ("path: \"/graphql\"", r#"path: "/graphql"  # default"#),
        ("timeout: ", "timeout: 1500ms  # file"),
    ] {
        assert_eq!(line(&printed, start), expected);
    }
}

#[test]
fn what_is_printed_means_the_same() {
    // With secrets from the environment only, as they should be.
    let config = ALL.replace("Bearer lit-header", "${env.KEY}");
    let put = |pattern: &str, config: &str, text: &str| {
        regex::Regex::new(pattern).unwrap().replace_all(config, regex::NoExpand(text)).into_owned()
    };
    let config = put(r"lit-jwt-\d+", &config, "${env.JWT}");
    let config = config.replace("https://user:lit-user@a.example/x", "https://a.example/x");
    let config = config.replace("https://b.example/?key=lit-query", "https://b.example");
    let config = config
        .replace("https://id/t?x=lit-token-url", "https://id/t")
        .replace("https://id:lit-jwks@id.example/keys", "https://id.example/keys");
    let config = config
        .replace("redis://:lit-redis@r:6379/0", "${env.REDIS}")
        .replace("https://lit-otlp@collector:4318", "${env.SOURCE}");
    let config = config
        .replace("${env.KEY:-lit-default}", "${env.KEY}")
        .replace("\"odd key\": 5", "\"odd key\": \"${env.KEY}\"");
    let config = put(r#""?lit-[a-z]+"?"#, &config, "\"${env.KEY}\"");
    let folder = Folder::new("again", &config);
    let printed = folder.print("weft.yaml", &Overrides::default());
    folder.write("printed.yaml", &printed);
    let read = |name: &str| {
        let settings = load_with(Some(&folder.0.join(name)), &Overrides::default(), &environment);
        let settings = settings.unwrap_or_else(|findings| panic!("{findings:#?}\n{printed}"));
        // Secrets do not print: a few of them are looked at.
        let jwt = settings.auth.jwt.as_ref().map(|jwt| format!("{:?}", jwt.issuers[1].keys));
        let secrets = (jwt, settings.sources["catalog"].config.0.clone(), settings.config["api"].0.clone());
        (secrets, format!("{:#?}", Settings { origins: Vec::new(), ..settings }))
    };
    let (first, second) = (read("weft.yaml"), read("printed.yaml"));
    assert_eq!(first.0, second.0);
    for (one, other) in first.1.lines().zip(second.1.lines()) {
        assert_eq!(one, other, "{printed}");
    }
    // Only where values come from has changed.
    let values = |text: &str| {
        text.lines().map(|line| line.split("  # ").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&printed), values(&folder.print("printed.yaml", &Overrides::default())));
}

#[test]
fn defaults_and_flags_are_named() {
    let overrides = Overrides {
        listen: Some("127.0.0.1:0".to_owned()),
        log_level: Some("debug".to_owned()),
        dev: true,
        ..Overrides::default()
    };
    let printed = print_with(None, &overrides, &|_| None).unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(line(&printed, "listen:"), r#"listen: "127.0.0.1:0"  # --listen or WEFT_LISTEN"#);
    assert_eq!(line(&printed, "graphiql:"), "graphiql: true  # --dev");
    assert_eq!(line(&printed, "level:"), r#"level: "debug"  # WEFT_LOG"#);
    assert_eq!(line(&printed, "depth:"), "depth: 15  # default");
    assert_eq!(line(&printed, "rate_limits:"), "rate_limits: []  # default");
    assert_eq!(line(&printed, "# jwt:"), "# jwt: none are taken");
    let folder = Folder::new("defaults", &printed.replace("schema: []", "schema: [api.graphql]"));
    load_with(Some(&folder.0.join("weft.yaml")), &Overrides::default(), &|_| None).unwrap();
    assert_eq!(
        print_with(Some(Path::new("/nowhere/weft.yaml")), &overrides, &|_| None).unwrap_err()[0].code,
        "CONFIG_UNREADABLE"
    );
}
