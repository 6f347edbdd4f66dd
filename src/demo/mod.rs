//! `weft demo`: the five services of `services/` and the gateway in one process.
//!
//! Not here: what the services do (`services/`), the graph that joins them (`schema/`).

mod chaos;
mod gateway;
mod replica;
mod services;
mod shop;
#[cfg(test)]
mod tests;
mod welcome;

/// How the demo runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the gateway on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Port of the operator's listener; 0 takes a free one.
    pub admin_port: u16,
    /// Every Nth call to reviews is answered with 503; 0: none.
    pub flaky_every: u32,
    /// Every Nth call to inventory takes 800 ms; 0: none.
    pub slow_every: u32,
    /// Only the services, no gateway: for a graph of one's own.
    pub services_only: bool,
    /// Not to be asked: it shows what callers see while services fail, and ends.
    pub chaos: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 4000, admin_port: 9090, flaky_every: 0, slow_every: 0, services_only: false, chaos: false }
    }
}

/// Starts everything, says where it is, and answers until Ctrl-C or SIGTERM.
///
/// Errors: a busy port, in words for whoever typed the command.
pub async fn run(options: Options) -> anyhow::Result<()> {
    if options.chaos {
        return chaos::run(&options).await;
    }
    let services = services::start(&options, services::Ports::Usual).await?;
    if options.services_only {
        anstream::print!("{}", welcome::services(&services.started));
        stop().await;
        return Ok(());
    }
    let server = gateway::open(&options, &services.started).await?;
    let url = format!("http://{}/graphql", server.address());
    let text = welcome::text(&url, server.admin_address(), &services.started, &kit::token::demo());
    anstream::print!("{text}");
    server.run(stop()).await;
    // Only now: requests in flight still needed them.
    drop(services);
    Ok(())
}

/// Ready when the process is asked to stop. Where signals cannot be heard it never is, and the process is ended from outside.
async fn stop() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
