//! What a source does about trouble: the settings of the resilience layers as meant. A layer whose settings are `None`
//! is off and costs nothing.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use http::{HeaderName, Method};

use super::{aws::AwsKeys, value::Hidden};

/// One place where a service answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Url {
    /// Absolute, with the path that all its calls begin with.
    pub url: String,
    /// Its share of the calls, relative to the others'; 0: only calls that are named for it.
    pub weight: f64,
    /// The zone that it is in.
    pub zone: Option<String>,
    /// Calls that go there first.
    pub canary: Option<Canary>,
}

/// Calls that go to one place first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Those with this header, as it is sent to the service.
    pub header: HeaderName,
    /// And this value; `None`: any.
    pub value: Option<String>,
}

impl From<&str> for Url {
    fn from(url: &str) -> Self {
        Self { url: url.to_owned(), weight: 1.0, zone: None, canary: None }
    }
}

/// Who gets the next call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Balance {
    /// Of two instances taken at random the one with the lower decayed latency times load.
    #[default]
    P2c,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest calls under way.
    LeastRequest,
    /// Equal keys go to the same instance for as long as it is there.
    Hash(HashKey),
}

/// What makes two calls go to the same instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HashKey {
    /// Path and query of the call.
    Url,
    /// The path alone.
    Path,
    /// A header of the call; calls without it go by their URL.
    Header(HeaderName),
}

/// Asking instances whether they are well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Health {
    /// Below the instance's URL.
    pub path: String,
    /// From one question to the next.
    pub interval: Duration,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Bad answers in a row after which an instance gets no calls.
    pub unhealthy_after: u32,
    /// Good answers in a row after which it gets calls again.
    pub healthy_after: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: "/health".to_owned(),
            // An instance that died is out after 10 s, and back 10 s after its return, at 0.2 questions a second.
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            // One bad answer is a garbage collection, two in a row are a fault.
            unhealthy_after: 2,
            healthy_after: 2,
        }
    }
}

/// Leaving instances alone whose calls fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    /// Failures in a row after which an instance is left alone.
    pub consecutive_failures: u32,
    /// For how long the first time; twice as long each further time, up to ten times.
    pub eject: Duration,
    /// Greatest share of the instances that is left alone at the same time.
    pub ejected_max: f64,
}

impl Default for Outlier {
    fn default() -> Self {
        Self {
            // At 1 failure in 20, five in a row come once in three million calls.
            consecutive_failures: 5,
            // A restart takes about this long.
            eject: Duration::from_secs(10),
            // What is left has to carry the load.
            ejected_max: 0.5,
        }
    }
}

/// Making failed calls again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Most tries after the first.
    pub attempts: u32,
    /// Tries after the first for each call in the long run: 0.2 is one for five calls.
    pub budget: f64,
    /// Longest time of one try; `None`: what the source's timeout leaves.
    pub timeout: Option<Duration>,
    /// Methods that are tried again.
    pub methods: Vec<Method>,
    /// A header with a key of its own for each write, by which the service knows a write that it has seen; then writes are tried again too.
    pub idempotency_key: Option<HeaderName>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            // Three tries find one of three instances that is well; more add load and waiting, not answers.
            attempts: 2,
            // In a total failure a service gets a fifth more calls, not three times as many.
            budget: 0.2,
            timeout: None,
            // RFC 9110, 9.2.2.
            methods: vec![Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE],
            idempotency_key: None,
        }
    }
}

/// Leaving a service alone that fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Breaker {
    /// Share of failed calls from which on none are made.
    pub failure_rate: f64,
    /// Fewer calls than this in the last ten seconds say nothing.
    pub calls_min: u32,
    /// How long none are made.
    pub open: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        // Half of the calls failing is no service; twenty calls make that no accident.
        Self { failure_rate: 0.5, calls_min: 20, open: Duration::from_secs(10) }
    }
}

/// Asking a second time when an answer is slow.
#[derive(Debug, Clone, PartialEq)]
pub struct Hedge {
    /// When.
    pub after: HedgeAfter,
    /// Second questions for each call in the long run.
    pub rate_max: f64,
}

/// When an answer counts as slow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HedgeAfter {
    /// Slower than this share of the answers of the last minutes.
    Quantile(f64),
    /// Slower than this.
    Fixed(Duration),
}

impl Default for Hedge {
    fn default() -> Self {
        // The slowest twentieth is worth a second question, and only that: at most a twentieth more calls.
        Self { after: HedgeAfter::Quantile(0.95), rate_max: 0.05 }
    }
}

/// Whose call waits longer when there is too much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// Nobody else's.
    #[default]
    Normal,
    /// It makes room for normal ones, and is not made when there is little of it.
    Optional,
}

/// Calls at once, found from how latency answers to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Adaptive {
    /// Never fewer.
    pub min: usize,
    /// So many at the start.
    pub initial: usize,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self { min: 4, initial: 32 }
    }
}

/// Where instances come from when they are not all in `urls`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Discovery {
    /// All addresses of the host of the first URL.
    Dns {
        /// How often they are looked up.
        refresh: Duration,
        /// Who is asked; empty: whom the operating system asks.
        nameservers: Vec<SocketAddr>,
    },
    /// All addresses of all targets of SRV records (RFC 2782).
    Srv {
        /// The name of the records.
        name: String,
        /// How often they are looked up.
        refresh: Duration,
        /// Who is asked; empty: whom the operating system asks.
        nameservers: Vec<SocketAddr>,
    },
    /// A file with one URL a line, looked at when it changes.
    File {
        /// The file.
        path: PathBuf,
        /// How often it is looked at.
        refresh: Duration,
    },
}

impl Discovery {
    /// How often instances are looked for.
    pub fn refresh(&self) -> Duration {
        let (Self::Dns { refresh, .. } | Self::Srv { refresh, .. } | Self::File { refresh, .. }) = self;
        *refresh
    }
}

/// What the source wants to see of us.
#[derive(Debug, Clone, PartialEq)]
pub enum Credentials {
    /// RFC 7617.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Hidden<String>,
    },
    /// RFC 6750.
    Bearer(Token),
    /// RFC 6749, 4.4.
    Oauth2 {
        /// Where tokens are given.
        token_url: String,
        /// Who we are.
        client_id: String,
        /// What only we know.
        client_secret: Hidden<String>,
        /// What the token is for.
        scopes: Vec<String>,
        /// `audience`, which some servers ask for.
        audience: Option<String>,
    },
    /// AWS Signature Version 4.
    Sigv4 {
        /// The region that the service is in.
        region: String,
        /// The service's name for signatures, such as `execute-api`.
        service: String,
        /// Where the keys are.
        keys: AwsKeys,
    },
}

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// In the configuration (by `${env.NAME}`).
    Fixed(Hidden<String>),
    /// In a file, read again when it changes (Kubernetes rotates them).
    File(PathBuf),
}

/// A client certificate (mTLS).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// PEM: certificate and chain.
    pub cert: PathBuf,
    /// PEM: private key.
    pub key: PathBuf,
}
