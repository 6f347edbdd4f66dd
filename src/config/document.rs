//! `weft.yaml` as it is written. Every key is here, with the doc line that the JSON Schema shows.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{
    auth_document::AuthDocument,
    authorization::AuthorizationDocument,
    caching::{CacheDocument, SourceCacheDocument},
    cost::CostDocument,
    documents::DocumentsDocument,
    headers::HeadersDocument,
    rate::RateLimitDocument,
    rate_store::RateStoreEntry,
    resilience_document::{
        AdaptiveDocument, BreakerDocument, CredentialsDocument, DiscoveryDocument, HealthDocument, HedgeDocument,
        OutlierDocument, RetryDocument, UrlEntry,
    },
    value::{Count, Given, HttpUrl, Json, OrText, Share, Size, TextOr, range},
};

/// Configuration of weft. `${env.NAME}` and `${env.NAME:-default}` expand in every value.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "weft.yaml")]
pub(super) struct Document {
    /// Schema files, or folders that are searched for `*.graphql`; relative to this file.
    pub(super) schema: Vec<SchemaEntry>,
    /// `default`, or `strict` for the behaviour of the original where ours differs. Default: `default`.
    pub(super) compatibility: Option<Given<String>>,
    /// The GraphQL listener.
    pub(super) server: ServerDocument,
    /// The operator's listener: health, readiness, metrics.
    pub(super) admin: AdminDocument,
    /// Headers sent to every source, after the schema's own.
    pub(super) headers: HeadersDocument,
    /// Values of `$context` in connectors, by name.
    #[schemars(with = "BTreeMap<String, ContextDocument>")]
    pub(super) context: BTreeMap<String, Spanned<ContextDocument>>,
    /// Upstreams, by the name in `@source`, or `subgraph.name` where two files use one name.
    pub(super) sources: BTreeMap<String, SourceDocument>,
    /// The cache of replies.
    pub(super) cache: CacheDocument,
    /// `$config` of connectors without a source, by subgraph.
    #[schemars(with = "BTreeMap<String, Json>")]
    pub(super) config: BTreeMap<String, Spanned<Json>>,
    /// Who may ask.
    pub(super) auth: AuthDocument,
    /// Who may have what.
    pub(super) authorization: AuthorizationDocument,
    /// Documents that requests name instead of sending them.
    pub(super) documents: DocumentsDocument,
    /// Bounds on documents, checked before the work they bound.
    pub(super) limits: LimitsDocument,
    /// How the cost of operations is reckoned and shown.
    pub(super) cost: CostDocument,
    /// How often, and how much in cost, callers may ask; all of them hold.
    pub(super) rate_limits: Vec<RateLimitDocument>,
    /// Where rates and quotas are counted: `memory`, each process by itself, or Redis. Default: `memory`.
    pub(super) rate_limit_store: Option<RateStoreEntry>,
    /// Log, traces and metrics.
    pub(super) telemetry: TelemetryDocument,
}

/// A schema file or folder.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum SchemaEntry {
    /// A path; the subgraph is the file's stem.
    Path(Given<String>),
    /// A file and the name of its subgraph.
    Named(NamedSchema),
}

/// A file and the name of its subgraph.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedSchema {
    /// The file.
    pub(super) path: Given<String>,
    /// The subgraph's name in coordinates, error extensions and config keys.
    pub(super) name: Given<String>,
}

/// The GraphQL listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerDocument {
    /// Address and port. Default: `127.0.0.1:4000`.
    pub(super) listen: Option<Given<SocketAddr>>,
    /// Path of the endpoint. Default: `/graphql`.
    pub(super) path: Option<Given<String>>,
    /// GraphiQL for browsers at the same path. Default: off; `--dev` turns it on.
    pub(super) graphiql: Option<Given<bool>>,
    /// Answers `__schema` and `__type`. Default: off; `--dev` turns it on.
    pub(super) introspection: Option<Given<bool>>,
    /// Deadline of a whole operation: what is missing then is null, with an error. Default: `30s`.
    pub(super) timeout: Option<Given<Duration>>,
    /// Most bytes of a request body. Default: `2MiB`.
    pub(super) body_max: Option<Given<Size>>,
    /// Longest wait for a request's head, from the first wait for a byte. Default: `10s`.
    pub(super) header_timeout: Option<Given<Duration>>,
    /// Longest wait for a request's body. Default: `10s`.
    pub(super) body_timeout: Option<Given<Duration>>,
    /// Most connections at once. Default: `10000`.
    pub(super) connections_max: Option<Given<Count>>,
    /// Most requests at once; more are answered with 503 and `Retry-After`. Default: `4096`.
    pub(super) requests_max: Option<Given<Count>>,
    /// Several operations in one request.
    pub(super) batching: BatchingDocument,
    /// Pages of other origins.
    pub(super) cors: CorsDocument,
    /// Requests that a foreign page can make unasked.
    pub(super) csrf: CsrfDocument,
    /// Networks of proxies whose `X-Forwarded-For` and `Forwarded` say who asks, such as `10.0.0.0/8`. Default: none.
    pub(super) trusted_proxies: Vec<Given<String>>,
    /// Longest wait for requests in flight when stopping. Default: `30s`.
    pub(super) drain: Option<Given<Duration>>,
    /// HTTPS instead of HTTP. Default: off.
    pub(super) tls: Option<TlsDocument>,
}

/// What HTTPS is served with. The files are PEM, and read again when they change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsDocument {
    /// Certificate and chain.
    pub(super) cert: Given<String>,
    /// Private key.
    pub(super) key: Given<String>,
    /// Authorities of clients, who show a certificate of one of them. Default: nobody is asked for one.
    pub(super) client_ca: Option<Given<String>>,
    /// With `client_ca`: `required`: without such a certificate nobody is let in; `optional`: with none one is, with one of another
    /// authority not. Default: `required`.
    pub(super) client_auth: Option<Given<String>>,
}

/// Several operations in one request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BatchingDocument {
    /// Answers arrays of operations. Default: `false`.
    pub(super) enabled: Option<Given<bool>>,
    /// Most operations of one request. Default: `10`.
    pub(super) operations_max: Option<Given<Count>>,
}

/// Pages of other origins.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CorsDocument {
    /// Origins such as `https://app.example.com` that may read answers; `*` is every origin. Default: none.
    pub(super) origins: Vec<Given<String>>,
    /// Cookies and authorization may be sent; not together with `*`. Default: `false`.
    pub(super) credentials: Option<Given<bool>>,
}

/// Requests that a foreign page can make unasked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CsrfDocument {
    /// Refuses them. Default: `true`.
    pub(super) enabled: Option<Given<bool>>,
}

/// The operator's listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AdminDocument {
    /// Address and port, or `off`. Default: `127.0.0.1:9090`.
    pub(super) listen: Option<Given<String>>,
}

/// Where a value of `$context` comes from: `header`, `claim`, `certificate` or `value`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ContextDocument {
    /// A header of the client's request; null without it.
    pub(super) header: Option<Given<String>>,
    /// A claim of the caller's token, such as `sub` or `realm_access.roles`; null without it.
    pub(super) claim: Option<Given<String>>,
    /// What the client's certificate says: its `name` by `auth.client_certificates`, `subject`, `common_name`, `uris`, `dns`, `emails`,
    /// `issuer`, `serial` or `sha256`; null without one.
    pub(super) certificate: Option<Given<String>>,
    /// Reads the header's text as JSON. Default: `false`.
    pub(super) json: Option<Given<bool>>,
    /// The same value for everybody.
    #[serde(deserialize_with = "present")]
    #[schemars(with = "Json")]
    pub(super) value: Option<Json>,
}

/// One upstream.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SourceDocument {
    /// Replaces `baseURL`: absolute URLs; several are balanced. Each keeps the path that it has.
    pub(super) urls: Vec<UrlEntry>,
    /// Who gets the next call: `p2c` (of two at random the one with less latency times load), `round_robin`, `least_request` or
    /// `hash`. Default: `p2c`.
    pub(super) balance: Option<Given<String>>,
    /// What goes to the same instance with `balance: hash`: `url`, `path` or `header:NAME`. Default: `url`.
    pub(super) hash_by: Option<Given<String>>,
    /// The zone that weft is in, best as `${env.NAME}`: instances of the same zone are asked first, while half of them are well. Default: none.
    pub(super) zone: Option<Given<String>>,
    /// How long an instance that came back or is new gets less than its share. Default: `5s`.
    pub(super) slow_start: Option<Given<Duration>>,
    /// Active health checks. Default: off.
    pub(super) health: Option<HealthDocument>,
    /// Passive checks: instances whose calls fail are left alone. Default: on where there are several instances.
    pub(super) outlier: Option<OutlierDocument>,
    /// Where instances come from when they are not all in `urls`. Default: only `urls`.
    pub(super) discovery: Option<DiscoveryDocument>,
    /// Retries. Default: on where there are several instances.
    pub(super) retry: Option<RetryDocument>,
    /// The circuit breaker. Default: off.
    pub(super) breaker: Option<BreakerDocument>,
    /// A second question where an answer is slow. Default: off.
    pub(super) hedge: Option<HedgeDocument>,
    /// Longest times of single connectors, by coordinate such as `Query.user` or `shop:Query.user[0]`. Default: none.
    pub(super) timeouts: BTreeMap<String, Given<Duration>>,
    /// `optional`: its calls make room for normal ones where calls wait, and are not made when there is too much to do; their fields are
    /// null then. Writes are always `normal`. Default: `normal`.
    pub(super) priority: Option<Given<String>>,
    /// The same for single connectors, by coordinate, such as `{ Product.reviews: optional }`.
    pub(super) priorities: BTreeMap<String, Given<String>>,
    /// A header that tells the service how many milliseconds are left. Default: none.
    pub(super) deadline_header: Option<Given<String>>,
    /// Longest wait for a place among the calls at once; then the call is not made. Default: what `timeout` leaves.
    pub(super) queue_timeout: Option<Given<Duration>>,
    /// Fewer calls at once than `concurrency_max`, found from how latency answers to load. Default: off.
    pub(super) adaptive: Option<AdaptiveDocument>,
    /// What the service wants to see of us. Default: nothing.
    pub(super) credentials: Option<CredentialsDocument>,
    /// `$config` in this source's connectors.
    #[schemars(with = "BTreeMap<String, Json>")]
    pub(super) config: Option<Spanned<Json>>,
    /// Longest time of one call. Default: `10s`.
    pub(super) timeout: Option<Given<Duration>>,
    /// Longest time to connect. Default: `2s`.
    pub(super) connect_timeout: Option<Given<Duration>>,
    /// Most calls at once; more wait. Default: `512`.
    pub(super) concurrency_max: Option<Given<Count>>,
    /// Most calls of one operation. Default: `500`.
    pub(super) calls_per_operation_max: Option<Given<Count>>,
    /// Most bytes of a body, as received and again as decompressed. Default: `16MiB`.
    pub(super) body_max: Option<Given<Size>>,
    /// Headers sent to this source, after those for every source.
    pub(super) headers: HeadersDocument,
    /// What may be shared between requests: `off`; `coalesce`, equal reads in flight; `batch`, these, and keys of several
    /// requests in one call.
    /// Default: equal reads in flight by GET that carry no credentials.
    pub(super) share: Option<Given<String>>,
    /// With `share: batch`, how long keys are gathered at most while a call for others is under way. Default: `2ms`.
    pub(super) batch_wait: Option<Given<Duration>>,
    /// What is kept of its replies.
    pub(super) cache: SourceCacheDocument,
}

/// Bounds on documents: the first four protect the parser, the others say how large an operation may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsDocument {
    /// Size of the text. Default: `1MiB`.
    pub(super) bytes: Option<Given<Size>>,
    /// Tokens of the text. Default: `15000`.
    pub(super) tokens: Option<Given<Count>>,
    /// Nesting of brackets and braces of any kind. Default: `200`.
    pub(super) nesting: Option<Given<Count>>,
    /// Selections with fragments expanded, summed over all operations. Default: `20000`.
    pub(super) selections: Option<Given<Count>>,
    /// Fields on the way from the root to a leaf, the leaf included. Default: `15`.
    pub(super) depth: Option<Given<Count>>,
    /// Fields of the answer's shape, lists counted as one item. Default: `500`.
    pub(super) height: Option<Given<Count>>,
    /// Fields with an alias, fragments expanded. Default: `30`.
    pub(super) aliases: Option<Given<Count>>,
    /// Response keys of the root. Default: `20`.
    pub(super) root_fields: Option<Given<Count>>,
    /// Directives, fragments expanded. Default: `50`.
    pub(super) directives: Option<Given<Count>>,
    /// Estimated cost, by `@cost` and `@listSize`. Default: `10000`.
    pub(super) cost: Option<Given<Count>>,
    /// Estimated calls of upstreams. Default: `500`.
    pub(super) upstream_calls: Option<Given<Count>>,
    /// `enforce`: an operation that passes one of the last seven is refused; `report`: it is answered, and log and metrics tell. Default: `enforce`.
    pub(super) mode: Option<Given<String>>,
    /// Other limits for some callers: those of the first entry that means them. Default: none.
    #[schemars(with = "Vec<ClientLimitsDocument>")]
    pub(super) clients: Vec<Spanned<ClientLimitsDocument>>,
}

/// Limits of some callers; what is not given is as for all.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClientLimitsDocument {
    /// What they are known by: `api_key`, `certificate`, `claim:NAME` or `header:NAME`; together with `is`.
    pub(super) by: Option<Given<String>>,
    /// What that is, or a list of which one is enough. A claim that is a list has to have it.
    #[schemars(with = "Option<Json>")]
    pub(super) is: Option<Spanned<Json>>,
    /// Whom it is for: `all`, who is `anonymous`, who has a `token`, who has an `api_key`, who has a known `certificate`. Default: `all`.
    #[serde(rename = "for")]
    pub(super) callers: Option<Given<String>>,
    /// As for all.
    pub(super) depth: Option<Given<Count>>,
    /// As for all.
    pub(super) height: Option<Given<Count>>,
    /// As for all.
    pub(super) aliases: Option<Given<Count>>,
    /// As for all.
    pub(super) root_fields: Option<Given<Count>>,
    /// As for all.
    pub(super) directives: Option<Given<Count>>,
    /// As for all.
    pub(super) cost: Option<Given<Count>>,
    /// As for all.
    pub(super) upstream_calls: Option<Given<Count>>,
    /// As for all.
    pub(super) mode: Option<Given<String>>,
}

/// Log, traces and metrics.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TelemetryDocument {
    /// The log on stderr.
    pub(super) log: LogDocument,
    /// Spans, for a collector.
    pub(super) traces: TracesDocument,
    /// Figures for monitoring.
    pub(super) metrics: MetricsDocument,
    /// The audit log: who was refused what, and what operators did.
    pub(super) audit: AuditDocument,
    /// Names of variables, arguments, fields and headers whose values are left out of errors, logs and traces; parts of names count.
    /// `authorization`, `cookie`, `password`, `secret`, `token`, `api_key` and the like always are. Default: no others.
    pub(super) redact: Vec<Given<String>>,
}

/// The audit log: who was refused what, and what operators did.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditDocument {
    /// Writes it, whatever the level of the log is. Default: `true`.
    pub(super) enabled: Option<Given<bool>>,
    /// A file that it is appended to, as a JSON object a line; opened anew at a reload. Default: none, it is part of the log on stderr.
    pub(super) file: Option<Given<String>>,
    /// Most events of one reason that are written in a second; one line says how many more there were. Default: `10`.
    pub(super) events_max: Option<Given<Count>>,
}

/// The log on stderr.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LogDocument {
    /// `auto` (text on a terminal, JSON elsewhere), `text` or `json`. Default: `auto`.
    pub(super) format: Option<Given<String>>,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,weft::upstream=debug`. Default: `info`.
    pub(super) level: Option<Given<String>>,
}

/// Spans, for a collector. OpenTelemetry's own environment variables (`OTEL_…`) beat what is here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TracesDocument {
    /// URL of a collector that takes OTLP, such as `http://localhost:4318` (HTTP; the spans go to `/v1/traces` below it) or, with
    /// port 4317, gRPC. Default: no spans.
    pub(super) otlp: Option<Given<HttpUrl>>,
    /// Share of the traces that begin here that is recorded, from 0 to 1; who sends a `traceparent` has decided. Default: `1.0`.
    pub(super) sample: Option<Given<Share>>,
}

/// Figures for monitoring.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MetricsDocument {
    /// Serves `/metrics` on the admin listener. Default: `true`.
    pub(super) prometheus: Option<Given<bool>>,
}

/// The JSON Schema of `weft.yaml`, for editors.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Document);
    // A schema is a JSON value already: writing it cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// A value that is there, null included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl OrText for NamedSchema {
    const EXPECTED: &'static str = "a path, or `path` and `name`";
}

impl<'de> Deserialize<'de> for SchemaEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Spanned::<TextOr<NamedSchema>>::deserialize(deserializer)?;
        let span = range(&entry);
        Ok(match entry.value {
            TextOr::Text(text) => Self::Path(Given::new(text, span)),
            TextOr::More(document) => Self::Named(document),
        })
    }
}
