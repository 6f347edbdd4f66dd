//! How connections are opened: names, TCP, TLS, and the pools that keep them.

use std::{
    cell::Cell,
    collections::HashMap,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Uri,
    uri::{Authority, Scheme},
};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client, ResponseFuture,
        connect::{
            Connect, HttpConnector,
            dns::{GaiResolver, Name},
        },
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use tokio::sync::OnceCell;
use tower::{BoxError, Service};

/// How connections are made, where a test or an operator needs it different: the one seam of this room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Transport {
    /// Host names that resolve to fixed addresses, before DNS is asked (like `curl --resolve`, every port mapped to the address's).
    pub resolve: Vec<(String, SocketAddr)>,
    /// PEM certificates trusted beside the platform's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Connections to `http` upstreams. Their TLS needs nothing: no trusted roots are loaded for them.
type Plain = Client<Opening<HttpConnector<Names>>, Full<Bytes>>;
/// Connections to `https` upstreams, HTTP/2 where they speak it.
type Secure = Client<Opening<HttpsConnector<HttpConnector<Names>>>, Full<Bytes>>;

/// Idle connections are closed after this; below the 60 s after which many servers and balancers do it.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// Pause between probes of a silent connection, and how many fail before it is given up.
const PROBE_EVERY: Duration = Duration::from_secs(15);
const PROBES_MAX: u32 = 3;

tokio::task_local! {
    /// Whether the call of this task began to connect; a call that did not was given a pooled connection.
    pub(super) static CONNECTED: Cell<bool>;
}

/// A transport, read once for all upstreams.
#[derive(Debug)]
pub(super) struct Connections {
    transport: Transport,
    /// Fixed addresses of host names.
    addresses: Arc<HashMap<String, SocketAddr>>,
    certificates: Vec<CertificateDer<'static>>,
    /// One for all upstreams, made when the first needs it: the platform's roots take tens of milliseconds to read.
    tls: OnceLock<Option<ClientConfig>>,
}

impl Connections {
    /// Errors: a certificate that cannot be read.
    pub(super) fn new(transport: &Transport) -> Result<Self, String> {
        let certificates = CertificateDer::pem_slice_iter(transport.ca_pem.as_deref().unwrap_or_default());
        let certificates: Vec<_> =
            certificates.collect::<Result<_, _>>().map_err(|error| format!("the CA certificates: {error}"))?;
        if transport.ca_pem.is_some() && certificates.is_empty() {
            return Err("the CA file holds no certificate".to_owned());
        }
        let addresses = transport.resolve.iter().map(|(host, address)| (host.to_ascii_lowercase(), *address));
        let addresses = Arc::new(addresses.collect());
        Ok(Self { transport: transport.clone(), addresses, certificates, tls: OnceLock::new() })
    }

    /// What it was made of: pools of unequal transports are not shared.
    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// `None`, with a line in the log, when TLS cannot be set up. The first takes long: not for a thread that answers.
    fn secure(&self, settings: &PoolSettings) -> Option<Secure> {
        let tls = self.tls.get_or_init(|| {
            self.tls().inspect_err(|error| tracing::error!(%error, "TLS to upstreams cannot be set up")).ok()
        });
        let mut tcp = self.tcp();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls.clone()?).https_only().enable_all_versions();
        Some(settings.client(connector.wrap_connector(tcp)))
    }

    fn tcp(&self) -> HttpConnector<Names> {
        let mut tcp = HttpConnector::new_with_resolver(Names(Arc::clone(&self.addresses)));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(PROBE_EVERY));
        tcp.set_keepalive_interval(Some(PROBE_EVERY));
        tcp.set_keepalive_retries(Some(PROBES_MAX));
        tcp
    }

    fn tls(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(self.certificates.iter().cloned(), Arc::clone(&provider))?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        // Not less safe than the default: it is the platform's own judgement.
        Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
    }
}

/// What makes one pool different from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PoolSettings {
    pub(super) name: Arc<str>,
    pub(super) connect_timeout: Duration,
    pub(super) idle_max: usize,
}

impl PoolSettings {
    fn client<C>(&self, connector: C) -> Client<Opening<C>, Full<Bytes>>
    where
        Opening<C>: Connect + Clone,
    {
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(self.idle_max)
            .build(Opening { inner: connector, timeout: self.connect_timeout })
    }
}

/// The connections to one upstream.
#[derive(Debug)]
pub(super) struct Pool {
    settings: PoolSettings,
    connections: Arc<Connections>,
    plain: Plain,
    /// Made when first needed; `None` when that failed.
    secure: OnceCell<Option<Secure>>,
}

impl Pool {
    pub(super) fn new(settings: PoolSettings, connections: &Arc<Connections>) -> Self {
        let plain = settings.client(connections.tcp());
        Self { settings, connections: Arc::clone(connections), plain, secure: OnceCell::new() }
    }

    /// Sends a request over a connection for its scheme, opening one if there is none. `None`: TLS cannot be set up.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Option<ResponseFuture> {
        if request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Some(self.plain.request(request));
        }
        let made = self.secure.get_or_init(|| async {
            // The first one reads the platform's roots: tens of milliseconds that must not hold a worker.
            let (settings, connections) = (self.settings.clone(), Arc::clone(&self.connections));
            tokio::task::spawn_blocking(move || connections.secure(&settings)).await.ok().flatten()
        });
        Some(made.await.as_ref()?.request(request))
    }

    /// Maps an explicit port to that of the fixed address; without one the resolver does it. Returns the `host` to send.
    pub(super) fn redirect(&self, uri: &mut Uri) -> Option<HeaderValue> {
        let addresses = &self.connections.addresses;
        if addresses.is_empty() {
            return None;
        }
        let (host, port) = (uri.host()?, uri.port_u16()?);
        let address = addresses.get(&host.to_ascii_lowercase())?;
        let text = HeaderValue::try_from(format!("{host}:{port}")).ok()?;
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(Authority::try_from(format!("{host}:{}", address.port())).ok()?);
        *uri = Uri::from_parts(parts).ok()?;
        Some(text)
    }
}

/// Fixed addresses, then what the system knows.
#[derive(Debug, Clone)]
pub(super) struct Names(Arc<HashMap<String, SocketAddr>>);

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let fixed = self.0.get(&name.as_str().to_ascii_lowercase()).copied();
        Box::pin(async move {
            let addresses = match fixed {
                Some(address) => vec![address],
                None => GaiResolver::new().call(name).await?.collect(),
            };
            Ok(addresses.into_iter())
        })
    }
}

/// Around a connector, which a pool asks only when it has no connection, and within the call's own task: notes that, which decides
/// if a loss is the upstream's failure, and bounds the whole of names, TCP and TLS.
#[derive(Debug, Clone)]
pub(super) struct Opening<S> {
    inner: S,
    timeout: Duration,
}

/// No connection in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {0:?}")]
pub(super) struct ConnectTimedOut(Duration);

impl<S> Service<Uri> for Opening<S>
where
    S: Service<Uri>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // Outside of a call nobody asks: then there is nothing to note.
        CONNECTED.try_with(|connected| connected.set(true)).ok();
        let (timeout, opening) = (self.timeout, self.inner.call(uri));
        Box::pin(async move {
            match tokio::time::timeout(timeout, opening).await {
                Ok(opened) => opened.map_err(Into::into),
                Err(_late) => Err(ConnectTimedOut(timeout).into()),
            }
        })
    }
}
