//! HTTP in, HTTP out: GraphQL over HTTP, GraphiQL, the operator's listener.
//!
//! `listen` and `connection` hold the sockets, `app` says what is where, `graphql` answers operations. Not here: what an
//! operation means (`gateway`).
//!
//! async-graphql's own HTTP types are not used: they run mutations on GET, take JSON of any content type, have no body limit
//! and always answer 200. No tower layers either: what each would do is one small file here, called where it is needed.

mod admin;
mod admit;
mod app;
mod caching;
mod compress;
mod connection;
mod cors;
mod csrf;
#[cfg(test)]
mod endpoint_tests;
mod graphiql;
mod graphql;
mod listen;
mod media;
mod probe;
pub mod process;
mod purge;
mod quiet;
mod request;
mod status;
#[cfg(test)]
mod tests;
mod tls;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{admin::Admin, listen::Bounds, tls::Tls};
pub use self::{
    app::App,
    graphiql::Tab,
    probe::{DEFAULT as PROBE_DEFAULT, probe},
};
use crate::{config::Settings, gateway::Gateway};

/// Probes and scrapes are few and short.
const ADMIN: Bounds =
    Bounds { connections_max: 64, header_timeout: Duration::from_secs(10), drain: Duration::from_secs(1) };

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error("the address {address} is in use: stop what listens there, or choose another with `{option}`")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// What sets it.
        option: &'static str,
    },
    /// HTTPS is asked for, and cannot be had.
    #[error("cannot serve HTTPS (`server.tls`): {0}")]
    Tls(String),
    /// The machine said no.
    #[error("cannot listen on {address} (`{option}`): {source}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What sets it.
        option: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Sockets that are open but not yet answered: callers can already connect.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    bounds: Bounds,
    tls: Option<Tls>,
    admin: Option<(TcpListener, Admin)>,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
}

impl Server {
    /// Opens the listeners. `tabs` are what GraphiQL opens with.
    pub async fn bind(settings: &Settings, gateway: Arc<Gateway>, tabs: Vec<Tab>) -> Result<Self, BindError> {
        let tls = settings.server.tls.as_ref().map(Tls::new).transpose().map_err(BindError::Tls)?;
        let app = Arc::new(App::new(gateway, settings.server.clone(), tabs));
        let (listener, address) = open(settings.server.listen, "--listen").await?;
        let mut admin = None;
        let mut admin_address = None;
        if let Some(wanted) = settings.admin.listen {
            let (listener, address) = open(wanted, "admin.listen").await?;
            admin = Some((listener, Admin::new(Arc::clone(&app), settings.telemetry.prometheus)));
            admin_address = Some(address);
        }
        let bounds = Bounds {
            connections_max: settings.server.connections_max,
            header_timeout: settings.server.header_timeout,
            drain: settings.server.drain,
        };
        Ok(Self { app, listener, bounds, tls, admin, address, admin_address })
    }

    /// Where GraphQL is answered; the port is the real one when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// What it encrypts with.
    fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// Where the operator's listener is.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The endpoint, for reloads.
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Answers until `stop` is ready, then drains: no new connections, requests in flight are finished for as long as
    /// `server.drain` says, and `/readyz` says no.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, listener, bounds, tls, admin, .. } = self;
        let stopping = CancellationToken::new();
        let drained = CancellationToken::new();
        let watch_stop = async {
            stop.await;
            app.retire();
            stopping.cancel();
        };
        let graphql = async {
            let watch = async {
                if let Some(tls) = &tls {
                    tls.watch(stopping.clone()).await;
                }
            };
            tokio::join!(watch, listen::run(listener, Arc::clone(&app), bounds, tls.clone(), stopping.clone()));
            drained.cancel();
        };
        let operator = async {
            if let Some((listener, admin)) = admin {
                // Probes are answered until the last request is.
                listen::run(listener, Arc::new(admin), ADMIN, None, drained.clone()).await;
            }
        };
        tokio::join!(watch_stop, graphql, operator);
    }
}

async fn open(address: SocketAddr, option: &'static str) -> Result<(TcpListener, SocketAddr), BindError> {
    let refused = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            BindError::InUse { address, option }
        } else {
            BindError::Refused { address, option, source }
        }
    };
    let listener = listen::open(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}
