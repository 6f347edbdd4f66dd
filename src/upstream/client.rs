//! The only file that opens a connection.

use std::{
    collections::HashMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::{
    Call, CallError, Clock, Freshness, Kept, Reply, Sent, Served, UpstreamSpec,
    connected::{self, Used},
    report::Report,
    service::Passage,
    target::Targets,
    turn::Turn,
};
use crate::{
    aside::aside,
    config::{Certificate, Hidden},
};

/// How connections are made, where a test or an operator needs it different: the one seam of this room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Transport {
    /// Host names that resolve to fixed addresses, before DNS is asked (like `curl --resolve`, every port mapped to the address's).
    pub resolve: Vec<(String, SocketAddr)>,
    /// PEM certificates trusted beside the platform's.
    pub ca_pem: Option<Vec<u8>>,
    /// What time it is for the cache.
    pub clock: Clock,
}

/// Idle connections are closed after this; below the 60 s after which many servers and balancers do it.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// Longest URL that the client takes; servers mostly take a tenth of it.
const URL_MAX: usize = 65_534;

/// Space reserved for a body on the word of its `content-length`; what is longer grows as it comes.
const RESERVED_MAX: usize = 1 << 20;

/// A transport, read once for all upstreams.
#[derive(Debug)]
pub(super) struct Connections {
    transport: Transport,
    addresses: HashMap<String, SocketAddr>,
    certificates: Vec<reqwest::Certificate>,
}

impl Connections {
    /// Errors: a certificate that cannot be read.
    pub(super) fn new(transport: &Transport) -> Result<Self, String> {
        let certificates = match &transport.ca_pem {
            None => Vec::new(),
            Some(pem) => {
                reqwest::Certificate::from_pem_bundle(pem).map_err(|error| format!("the CA certificates: {error}"))?
            }
        };
        if transport.ca_pem.is_some() && certificates.is_empty() {
            return Err("the CA file holds no certificate".to_owned());
        }
        let addresses = transport.resolve.iter().map(|(host, address)| (host.to_ascii_lowercase(), *address));
        Ok(Self { addresses: addresses.collect(), certificates, transport: transport.clone() })
    }

    /// All fixed addresses of a host.
    pub(super) fn fixed(&self, host: &str) -> Vec<SocketAddr> {
        let all = self.transport.resolve.iter().filter(|(name, _)| name.eq_ignore_ascii_case(host));
        all.map(|(_, address)| *address).collect()
    }
}

/// Makes the calls of one upstream.
#[derive(Debug)]
pub(super) struct Client {
    spec: Arc<UpstreamSpec>,
    pool: Arc<Pool>,
    targets: Targets,
    report: Report,
}

/// The connections to one upstream, or to one address of it.
#[derive(Debug)]
pub(super) struct Pool {
    settings: PoolSettings,
    connections: Arc<Connections>,
    /// For `http`: without trusted roots, because loading them takes time that no plain upstream needs.
    plain: OnceLock<Option<reqwest::Client>>,
    /// For `https`: made when first needed.
    secure: tokio::sync::OnceCell<Option<reqwest::Client>>,
    used: Used,
}

/// What makes one pool different from another.
#[derive(Debug, Clone)]
struct PoolSettings {
    name: Arc<str>,
    connect_timeout: Duration,
    idle_max: usize,
    /// Where a host is, whatever DNS says.
    pinned: Option<(String, SocketAddr)>,
    /// Who we are there: certificate and key as PEM.
    identity: Option<Hidden<Vec<u8>>>,
}

/// A call without a usable reply.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: CallError,
    /// It was sent on a connection that had been used before, which ended without an answer.
    pub(super) was_pooled: bool,
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self { error, was_pooled: false }
    }
}

impl Client {
    /// Errors: a client certificate that cannot be read.
    pub(super) fn new(spec: &Arc<UpstreamSpec>, connections: &Arc<Connections>, kept: &Kept) -> Result<Self, String> {
        let identity = spec.certificate.as_ref().map(|files| identity(&spec.name, files)).transpose()?;
        let settings = PoolSettings {
            name: Arc::clone(&spec.name),
            connect_timeout: spec.connect_timeout,
            idle_max: spec.concurrency_max,
            pinned: None,
            identity,
        };
        let key = (spec.connect_timeout, spec.concurrency_max, settings.identity.clone().map(|pem| pem.0));
        let key = (key, &connections.transport);
        let pool = kept.share(&spec.name, &key, || Pool::new(settings, connections));
        Ok(Self { spec: Arc::clone(spec), pool, targets: Targets::default(), report: Report::default() })
    }

    /// The upstream's name.
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Sends the call once and reads its reply, body as received. Headers of the passage replace those of the call.
    pub(super) async fn send(&self, call: &Call, passage: &Passage) -> Result<Box<Reply>, Failure> {
        // What is ready is computed first and sent together, as with answers: each sending wakes an upstream.
        Turn::come().await;
        // Nothing but what is waited for stays while it is: many calls wait at once.
        let (pool, mut sending) = self.begin(call, passage)?;
        if sending.is_none() {
            aside(|| pool.make_secure()).await;
            sending = self.begin(call, passage)?.1;
        }
        let sending = sending.ok_or_else(|| self.no_client())?;
        let mut response = sending.await.map_err(|error| self.failure(error, pool))?;
        pool.used.note(response.extensions());
        self.read(&mut response, &call.method).await.map_err(Failure::from)
    }

    /// The connections for a call, and its sending, where the client for it is made already. Errors: `Invalid`.
    fn begin<'a>(
        &'a self,
        call: &Call,
        passage: &'a Passage,
    ) -> Result<(&'a Pool, Option<impl Future<Output = reqwest::Result<reqwest::Response>> + use<>>), CallError> {
        let text = passage.url.as_deref().unwrap_or(&call.url);
        if text.len() > URL_MAX {
            return Err(self.invalid(format!("its URL would be longer than {URL_MAX} bytes")));
        }
        let mut url = self.targets.read(text).map_err(|reason| self.invalid(reason))?;
        let address = passage.instance.as_ref().and_then(|instance| Some((instance, instance.place.address?)));
        let pool = match (address, url.host_str()) {
            (Some((instance, address)), Some(host)) => {
                instance.pool.get_or_init(|| Arc::new(self.pool.pinned(host, address)))
            }
            _ => &self.pool,
        };
        let made = if url.scheme() == "https" { pool.secure.get().map(Option::as_ref) } else { Some(pool.plain()) };
        let Some(client) = made else { return Ok((pool, None)) };
        let client = client.ok_or_else(|| self.no_client())?;
        let mut headers = call.headers.clone();
        for (name, value) in &passage.headers {
            headers.insert(name, value.clone());
        }
        if let Some(host) = self.redirected(&mut url, address.map(|(_, address)| address)) {
            headers.entry(header::HOST).or_insert(host);
        }
        if call.body.is_none() && [Method::POST, Method::PUT, Method::PATCH].contains(&call.method) {
            // RFC 9110, 8.6: methods that anticipate content say that there is none.
            headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        if let Some(signer) = &passage.signer {
            let body = call.body.as_deref().unwrap_or_default();
            let signed = signer.sign(&call.method, &url, &mut headers, body, SystemTime::now());
            signed.map_err(|reason| self.invalid(reason))?;
        }
        let mut request = reqwest::Request::new(call.method.clone(), url);
        *request.headers_mut() = headers;
        *request.body_mut() = call.body.clone().map(reqwest::Body::from);
        Ok((pool, Some(client.execute(request))))
    }

    /// Reads the body within its limit. Errors: `TooLarge`, `Unreadable`.
    async fn read(&self, response: &mut reqwest::Response, method: &Method) -> Result<Box<Reply>, CallError> {
        let limit = self.spec.body_max;
        let status = response.status().as_u16();
        let headers = Arc::new(std::mem::take(response.headers_mut()));
        let told = response.content_length().filter(|_| method != Method::HEAD).unwrap_or(0);
        let told = usize::try_from(told).unwrap_or(usize::MAX);
        if told > limit {
            return Err(self.too_large());
        }
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                self.report.failure(&self.spec.name, &Causes(&error.without_url()));
                CallError::Unreadable { upstream: Arc::clone(&self.spec.name), status }
            })?;
            let Some(chunk) = chunk else { break };
            if first.len() + whole.len() + chunk.len() > limit {
                return Err(self.too_large());
            }
            if first.is_empty() && whole.is_empty() {
                // Most bodies are one chunk, and stay where they were received.
                first = chunk;
                continue;
            }
            if whole.is_empty() {
                whole.reserve(told.min(RESERVED_MAX).max(first.len() + chunk.len()));
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&chunk);
        }
        let body = if whole.is_empty() { first } else { whole.freeze() };
        let (freshness, served) = (Freshness::default(), Served::Fresh);
        Ok(Box::new(Reply { status, headers, body, freshness, served, stored: None, ended: None }))
    }

    /// Maps an explicit port to that of the instance's or the fixed address; without one the resolver does it. Returns the
    /// `host` to send.
    fn redirected(&self, url: &mut Url, address: Option<SocketAddr>) -> Option<HeaderValue> {
        let port = url.port()?;
        let host = url.host_str()?;
        let address = address.or_else(|| self.pool.connections.addresses.get(host).copied())?;
        let text = format!("{host}:{port}");
        url.set_port(Some(address.port())).ok()?;
        HeaderValue::try_from(text).ok()
    }

    fn failure(&self, error: reqwest::Error, pool: &Pool) -> Failure {
        // Addresses and queries stay out of the log.
        let error = error.without_url();
        if error.is_builder() {
            self.report.failure(&self.spec.name, &Causes(&error));
            return self.invalid("it would be no valid HTTP request").into();
        }
        self.report.failure(&self.spec.name, &Causes(&error));
        let upstream = Arc::clone(&self.spec.name);
        if error.is_connect() && error.is_timeout() {
            return CallError::TimedOut { upstream, waited: self.spec.connect_timeout }.into();
        }
        let was_pooled = pool.used.lost(&error) && !is_nonsense(&error);
        let sent = if error.is_connect() { Sent::Nothing } else { Sent::Maybe };
        Failure { error: CallError::Connection { upstream, sent }, was_pooled }
    }

    fn no_client(&self) -> CallError {
        self.invalid("the client for it cannot be made")
    }

    fn too_large(&self) -> CallError {
        CallError::TooLarge { upstream: Arc::clone(&self.spec.name), limit: self.spec.body_max }
    }

    fn invalid(&self, reason: impl Into<String>) -> CallError {
        CallError::Invalid { upstream: Arc::clone(&self.spec.name), reason: reason.into() }
    }
}

impl Pool {
    fn new(settings: PoolSettings, connections: &Arc<Connections>) -> Self {
        Self {
            settings,
            connections: Arc::clone(connections),
            plain: OnceLock::new(),
            secure: tokio::sync::OnceCell::new(),
            used: Used::default(),
        }
    }

    /// One like it, in which the host is at that address.
    fn pinned(&self, host: &str, address: SocketAddr) -> Self {
        let settings = PoolSettings { pinned: Some((host.to_owned(), address)), ..self.settings.clone() };
        Self::new(settings, &self.connections)
    }

    /// The client for `http`; `None` when it cannot be made.
    fn plain(&self) -> Option<&reqwest::Client> {
        self.plain.get_or_init(|| build(&self.settings, &self.connections, Scheme::Http)).as_ref()
    }

    /// Makes the client for `https`.
    async fn make_secure(&self) {
        // The first one reads the platform's roots: tens of milliseconds that must not hold a worker.
        let make = || async {
            let (settings, connections) = (self.settings.clone(), Arc::clone(&self.connections));
            tokio::task::spawn_blocking(move || build(&settings, &connections, Scheme::Https)).await.ok().flatten()
        };
        self.secure.get_or_init(make).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Reads a client certificate with its key. Errors: which file and why, nothing of what is in it.
fn identity(upstream: &str, files: &Certificate) -> Result<Hidden<Vec<u8>>, String> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| format!("`{}` of `sources.{upstream}`: {error}", path.display()))
    };
    let mut pem = read(&files.cert)?;
    pem.push(b'\n');
    pem.extend(read(&files.key)?);
    if reqwest::Identity::from_pem(&pem).is_err() {
        let (cert, key) = (files.cert.display(), files.key.display());
        return Err(format!(
            "`{cert}` and `{key}` of `sources.{upstream}` are no PEM certificate with its private key"
        ));
    }
    Ok(Hidden(pem))
}

/// `None`, with a line in the log, when TLS cannot be set up.
fn build(settings: &PoolSettings, connections: &Connections, scheme: Scheme) -> Option<reqwest::Client> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(super::decode::ACCEPTED));
    let mut builder = reqwest::Client::builder()
        // A redirect could lead anywhere, credentials with it; a 3xx is a reply like any other.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .default_headers(headers)
        .user_agent(concat!("weft/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(15))
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(settings.idle_max);
    for (host, address) in &connections.addresses {
        builder = builder.resolve(host, *address);
    }
    if let Some((host, address)) = &settings.pinned {
        builder = builder.resolve(host, *address);
    }
    builder = match scheme {
        // Calls are made again here, not there. What is repeated of itself is refused by HTTP/2 alone, which `http` never is; and with
        // none to be repeated no call is copied for it.
        Scheme::Http => builder.tls_certs_only([]).retry(reqwest::retry::never().max_retries_per_request(0)),
        Scheme::Https => builder.tls_certs_merge(connections.certificates.iter().cloned()),
    };
    if let (Scheme::Https, Some(pem)) = (scheme, &settings.identity) {
        builder = builder.identity(reqwest::Identity::from_pem(pem).ok()?);
    }
    builder.build().inspect_err(|error| tracing::error!(upstream = %settings.name, %error, "no client")).ok()
}

/// Whether the upstream did answer, but not in HTTP.
fn is_nonsense(error: &reqwest::Error) -> bool {
    connected::cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse)
}

/// An error with its causes.
struct Causes<'a>(&'a reqwest::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
