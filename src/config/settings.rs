//! The settings as meant: every default filled in, every text understood.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use http::HeaderName;

use super::{
    Adaptive, Balance, Breaker, Certificate, Credentials, Discovery, Health, Hedge, Outlier, Priority, Retry, Url,
    auth::Auth,
    authorization::Authorization,
    caching::{Cache, Share, SourceCache},
    client::Client,
    cost::Cost,
    documents::Documents,
    headers::Headers,
    rate::{Network, RateLimit},
    rate_store::RateStore,
    value::{Hidden, Json},
};
use crate::telemetry::{Log, Traces, audit::Audit};

/// All settings of one process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The schema files, folders already searched; in the order written, within a folder by path.
    pub schema: Vec<SchemaFile>,
    /// What all of this was read from, as named: the configuration and the schema's files and folders.
    pub origins: Vec<PathBuf>,
    /// Whose behaviour where ours and the original's differ.
    pub compatibility: Compatibility,
    /// The GraphQL listener.
    pub server: Server,
    /// The operator's listener.
    pub admin: Admin,
    /// Headers of every call, after the schema's own.
    pub headers: Headers,
    /// `$context`, by name.
    pub context: BTreeMap<String, ContextValue>,
    /// What the file says of sources, by source name or `subgraph.name`; see [`Settings::source`].
    pub sources: BTreeMap<String, Source>,
    /// The cache of replies.
    pub cache: Cache,
    /// `$config` of connectors without a source, by subgraph.
    pub config: BTreeMap<String, Hidden<Json>>,
    /// Who may ask.
    pub auth: Auth,
    /// Who may have what.
    pub authorization: Authorization,
    /// Bounds on documents.
    pub limits: Limits,
    /// Other bounds for some callers: those of the first that means them.
    pub client_limits: Vec<ClientLimits>,
    /// How costs are reckoned and shown.
    pub cost: Cost,
    /// Limits on rates, in order.
    pub rate_limits: Vec<RateLimit>,
    /// Where rates and quotas are counted.
    pub rate_store: RateStore,
    /// Documents that requests name instead of sending them.
    pub documents: Documents,
    /// Log and metrics.
    pub telemetry: Telemetry,
    /// Development: causes and mapping problems are shown to callers (`--dev`).
    pub dev: bool,
}

impl Settings {
    /// The settings of a source: those of `subgraph.name`, else of `name`, else the defaults.
    pub fn source(&self, subgraph: &str, name: &str) -> Source {
        let found = self.sources.get(&format!("{subgraph}.{name}")).or_else(|| self.sources.get(name));
        found.cloned().unwrap_or_default()
    }
}

/// One schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its subgraph: the name given, else the file's stem.
    pub subgraph: String,
}

/// Whose behaviour where they differ (reference, section 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compatibility {
    /// Ours.
    #[default]
    Default,
    /// The original's.
    Strict,
}

/// The GraphQL listener.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port; port 0 is a free one.
    pub listen: SocketAddr,
    /// Path of the GraphQL endpoint.
    pub path: String,
    /// Whether browsers get GraphiQL there.
    pub graphiql: bool,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// Deadline of a whole operation.
    pub timeout: Duration,
    /// Most bytes of a request body.
    pub body_max: usize,
    /// Longest wait for a request's head, from the first wait for a byte.
    pub header_timeout: Duration,
    /// Longest wait for a request's body.
    pub body_timeout: Duration,
    /// Most connections at once.
    pub connections_max: usize,
    /// Most requests at once; more are told to come back later.
    pub requests_max: usize,
    /// Several operations in one request.
    pub batching: Batching,
    /// Pages of other origins.
    pub cors: Cors,
    /// Whether requests that a foreign page can make without a preflight are refused.
    pub csrf: bool,
    /// Proxies that are believed about who asks.
    pub trusted_proxies: Vec<Network>,
    /// Longest wait for requests in flight when stopping.
    pub drain: Duration,
    /// HTTPS; `None`: plain HTTP.
    pub tls: Option<Tls>,
}

/// What HTTPS is served with; all files are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate and chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// Authorities of clients.
    pub client_ca: Option<PathBuf>,
    /// Whether every client has to show a certificate of theirs.
    pub client_auth: ClientAuth,
}

/// Who has to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Everybody.
    Required,
    /// Nobody, but whoever shows one shows a good one.
    Optional,
}

impl ClientAuth {
    /// All with their names.
    pub const ALL: [(&str, Self); 2] = [("required", Self::Required), ("optional", Self::Optional)];
}

/// Several operations in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Whether an array is answered at all.
    pub enabled: bool,
    /// Most operations of one request.
    pub operations_max: usize,
}

/// Pages of other origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins that may read answers; `*` alone is every origin.
    pub origins: Vec<String>,
    /// Whether cookies and authorization may be sent; never together with `*`.
    pub credentials: bool,
}

/// The operator's listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; `None`: switched off.
    pub listen: Option<SocketAddr>,
}

/// Where one value of `$context` comes from.
#[derive(Debug, Clone)]
pub enum ContextValue {
    /// A header of the client's request; null when it is not there.
    Header {
        /// Its name.
        name: HeaderName,
        /// Whether its text is read as JSON (null when it is none) rather than taken as it is.
        json: bool,
    },
    /// A claim of the caller's token; null when it is not there. A name with dots is looked up as it is, then as a path.
    Claim(String),
    /// What the client's certificate says, by one of the names of [`super::CERTIFICATE_VALUES`]; null without one.
    Certificate(&'static str),
    /// The same for everybody.
    Value(Hidden<Json>),
}

/// One upstream.
#[derive(Debug, Clone)]
pub struct Source {
    /// Replaces `baseURL` when not empty; several are balanced.
    pub urls: Vec<Url>,
    /// Who gets the next call.
    pub balance: Balance,
    /// The zone that weft is in: instances there are asked first.
    pub zone: Option<String>,
    /// How long an instance that came back gets less than its share.
    pub slow_start: Duration,
    /// Asking instances whether they are well.
    pub health: Option<Health>,
    /// Leaving instances alone whose calls fail.
    pub outlier: Option<Outlier>,
    /// Where instances come from when they are not all in `urls`.
    pub discovery: Option<Discovery>,
    /// Making failed calls again.
    pub retry: Option<Retry>,
    /// Leaving the service alone when most calls fail.
    pub breaker: Option<Breaker>,
    /// Asking a second time when an answer is slow.
    pub hedge: Option<Hedge>,
    /// Longest times of single connectors, by coordinate (`Query.user`, or `shop:Query.user[0]`).
    pub timeouts: BTreeMap<String, Duration>,
    /// Whether its calls make room for those of others.
    pub priority: Priority,
    /// The same of single connectors, by coordinate.
    pub priorities: BTreeMap<String, Priority>,
    /// A header that tells the service how many milliseconds are left.
    pub deadline_header: Option<HeaderName>,
    /// Longest wait for a place among the calls at once; `None`: what the timeout leaves.
    pub queue_timeout: Option<Duration>,
    /// Finding a lower number of calls at once from how latency answers.
    pub adaptive: Option<Adaptive>,
    /// What the service wants to see of us.
    pub credentials: Option<Credentials>,
    /// A client certificate.
    pub certificate: Option<Certificate>,
    /// `$config`, an object.
    pub config: Hidden<Json>,
    /// Longest time of one call.
    pub timeout: Duration,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Most calls at once.
    pub concurrency_max: usize,
    /// Most calls of one operation.
    pub calls_per_operation_max: usize,
    /// Most bytes of a body, as received and again as decoded.
    pub body_max: usize,
    /// Headers of its calls, after those of every call.
    pub headers: Headers,
    /// What may be shared between requests.
    pub share: Share,
    /// How long keys of several requests are gathered at most while a call for others is under way.
    pub batch_wait: Duration,
    /// What is kept of its replies.
    pub cache: SourceCache,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            balance: Balance::default(),
            zone: None,
            // Long enough for caches and connections to fill, short enough not to be missed.
            slow_start: Duration::from_secs(5),
            health: None,
            outlier: None,
            discovery: None,
            // A lone service that fails is rarely better a moment later, and nobody is surprised by calls that were not asked for.
            retry: None,
            breaker: None,
            hedge: None,
            timeouts: BTreeMap::new(),
            priority: Priority::default(),
            priorities: BTreeMap::new(),
            deadline_header: None,
            queue_timeout: None,
            adaptive: None,
            credentials: None,
            certificate: None,
            config: Hidden(Json::Object(serde_json::Map::new())),
            // Below the operation's 30 s, so that what depends on a slow source still has time of its own.
            timeout: Duration::from_secs(10),
            // A SYN that was lost is sent again after 1 s; one such loss is survived.
            connect_timeout: Duration::from_secs(2),
            concurrency_max: 512,
            calls_per_operation_max: 500,
            body_max: 16 << 20,
            headers: Headers::default(),
            share: Share::default(),
            // Less than most calls take, so that waiting costs less than it saves.
            batch_wait: Duration::from_millis(2),
            cache: SourceCache::default(),
        }
    }
}

/// Bounds on documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Tokens of the text.
    pub tokens: usize,
    /// Nesting of brackets and braces of any kind.
    pub nesting: usize,
    /// Selections with fragments expanded, summed over all operations.
    pub selections: usize,
    /// Fields on the way from the root to a leaf.
    pub depth: usize,
    /// Fields of the answer's shape.
    pub height: usize,
    /// Fields with an alias.
    pub aliases: usize,
    /// Response keys of the root.
    pub root_fields: usize,
    /// Directives.
    pub directives: usize,
    /// Estimated cost.
    pub cost: usize,
    /// Estimated calls of upstreams.
    pub upstream_calls: usize,
    /// What happens to an operation that passes one of the last seven.
    pub mode: LimitMode,
}

/// Bounds on the documents of some callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// Whose.
    pub client: Client,
    /// All of them; what protects the parser is as for all.
    pub limits: Limits,
}

/// What happens to an operation that passes a limit on its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is answered; log and metrics tell.
    Report,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 15,000 tokens are far above what tools generate; a million is where parsing takes noticeable time.
            bytes: 1 << 20,
            tokens: 15_000,
            nesting: 200,
            selections: 20_000,
            // Several times what the largest hand-written page asks, and far below what makes one request a burden.
            depth: 15,
            height: 500,
            aliases: 30,
            root_fields: 20,
            directives: 50,
            // Three lists of ten within each other (1110) with room for what hangs on them, not four (11110): some megabytes of answer.
            cost: 10_000,
            // As many as one source takes from one operation.
            upstream_calls: 500,
            mode: LimitMode::Enforce,
        }
    }
}

/// Log, traces and metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The log.
    pub log: Log,
    /// Where spans go.
    pub traces: Traces,
    /// Whether `/metrics` is served on the admin listener.
    pub prometheus: bool,
    /// The audit log.
    pub audit: Audit,
    /// Names of values that nobody should read, beside those that are so anywhere.
    pub redact: Vec<String>,
}

/// What the command line says; it beats the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Schema files and folders instead of the file's; relative to the working directory.
    pub schema: Vec<PathBuf>,
    /// Instead of `server.listen`, as text.
    pub listen: Option<String>,
    /// Instead of `telemetry.log.level`.
    pub log_level: Option<String>,
    /// GraphiQL, introspection and causes on.
    pub dev: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: Vec::new(),
            origins: Vec::new(),
            compatibility: Compatibility::Default,
            server: Server::default(),
            admin: Admin { listen: Some(SocketAddr::from(([127, 0, 0, 1], 9090))) },
            headers: Headers::default(),
            context: BTreeMap::new(),
            sources: BTreeMap::new(),
            cache: Cache::default(),
            config: BTreeMap::new(),
            auth: Auth::default(),
            authorization: Authorization::default(),
            limits: Limits::default(),
            client_limits: Vec::new(),
            cost: Cost::default(),
            rate_limits: Vec::new(),
            rate_store: RateStore::Memory,
            documents: Documents::default(),
            telemetry: Telemetry {
                log: Log::default(),
                traces: Traces::default(),
                prometheus: true,
                audit: Audit::default(),
                redact: Vec::new(),
            },
            dev: false,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            // Loopback: nothing is exposed before somebody says so.
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            path: "/graphql".to_owned(),
            graphiql: false,
            introspection: false,
            timeout: Duration::from_secs(30),
            body_max: 2 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            connections_max: 10_000,
            // At 50 kB each these are 200 MB; a gateway with more under way is not keeping up.
            requests_max: 4096,
            batching: Batching { enabled: false, operations_max: 10 },
            cors: Cors::default(),
            csrf: true,
            trusted_proxies: Vec::new(),
            drain: Duration::from_secs(30),
            tls: None,
        }
    }
}
