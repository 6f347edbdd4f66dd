//! Starts the five services in this process.

use std::{io, net::SocketAddr};

use anyhow::Context as _;
use axum::Router;
use tokio::{net::TcpListener, task::JoinSet};

use super::Options;

/// The services, answering until this is dropped.
#[derive(Debug)]
pub(super) struct Services {
    /// Name and address, in alphabetical order.
    pub(super) started: Vec<(&'static str, SocketAddr)>,
    /// Dropping a set aborts its tasks.
    _tasks: JoinSet<io::Result<()>>,
}

type Build = Box<dyn FnOnce() -> Result<Router, kit::Error> + Send>;

/// Name, usual port and router of each service.
fn all(options: &Options) -> [(&'static str, u16, Build); 5] {
    let stock = inventory::Options { slow_every: options.slow_every, slow_for: 800, ..inventory::Options::default() };
    let opinions = reviews::Options { flaky_every: options.flaky_every, ..reviews::Options::default() };
    [
        ("accounts", accounts::PORT, Box::new(|| accounts::router(&kit::Options::default()))),
        ("catalog", catalog::PORT, Box::new(|| catalog::router(&kit::Options::default()))),
        ("inventory", inventory::PORT, Box::new(move || inventory::router(&stock))),
        ("orders", orders::PORT, Box::new(|| orders::router(&kit::Options::default()))),
        ("reviews", reviews::PORT, Box::new(move || reviews::router(&opinions))),
    ]
}

/// Where the services listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    /// Those of the README; free ones for services whose port is taken.
    Usual,
    /// Free ones, so that nobody meets.
    Free,
}

/// Seeds all services side by side and starts them.
pub(super) async fn start(options: &Options, ports: Ports) -> anyhow::Result<Services> {
    let seeding = all(options).map(|(name, port, build)| (name, port, tokio::task::spawn_blocking(build)));
    let mut started = Vec::new();
    let mut tasks = JoinSet::new();
    for (name, port, router) in seeding {
        let router =
            router.await.context("seeding was interrupted")?.with_context(|| format!("cannot start `{name}`"))?;
        let listener = open(if ports == Ports::Usual { port } else { 0 })
            .await
            .with_context(|| format!("cannot open a port for `{name}`"))?;
        started.push((name, listener.local_addr()?));
        tasks.spawn(async move { axum::serve(listener, router).await });
    }
    Ok(Services { started, _tasks: tasks })
}

/// The usual port, so that a `curl` from the README works; a free one when somebody else has it.
async fn open(port: u16) -> io::Result<TcpListener> {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    match TcpListener::bind(at(port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind(at(0)).await,
        opened => opened,
    }
}
