//! The command line that every service has.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use axum::Router;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};
use tokio::net::TcpListener;

use crate::Error;

/// Options of every service.
#[derive(Debug, Clone, Default, Args)]
// No group: a service's own options, which this is flattened into, are one of the same name.
#[group(skip)]
pub struct Options {
    /// Database file to keep the data in; without it the data is in memory and the same at every start
    #[arg(long = "db", value_name = "FILE")]
    pub database: Option<PathBuf>,
}

#[derive(Debug, Parser)]
struct CommandLine<O: Args> {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    options: O,
}

/// Runs a service alone until Ctrl-C: `cargo run -p catalog -- --port 5001 --db catalog.db`.
///
/// Errors: a busy port or an unusable database, printed, exit code 1.
pub async fn run<O: Args>(name: &'static str, port: u16, router: impl FnOnce(&O) -> Result<Router, Error>) -> ExitCode {
    let matches = command::<O>(name).get_matches();
    let line = CommandLine::<O>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr).init();
    match serve(name, line.port.unwrap_or(port), || router(&line.options)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The command line. Named here, because the comment of flattened options would be taken for the description.
fn command<O: Args>(name: &'static str) -> clap::Command {
    CommandLine::<O>::command().name(name).about(format!("The service `{name}` of weft's demo, alone"))
}

async fn serve(name: &str, port: u16, router: impl FnOnce() -> Result<Router, Error>) -> Result<(), Error> {
    let router = router()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Error(format!("cannot listen on {address}: {error}; try another `--port`")))?;
    let address = listener.local_addr().map_err(|error| Error(error.to_string()))?;
    tracing::info!("{name} answers at http://{address}, described at http://{address}/openapi.json");
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            // Without a signal handler there is nothing to wait for: the process is ended from outside.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await
        .map_err(|error| Error(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Args)]
    struct Own {
        #[command(flatten)]
        store: Options,
        #[arg(long, default_value_t = 0)]
        slow_every: u32,
    }

    #[test]
    fn a_service_adds_options_of_its_own() {
        let line = ["stock", "--port", "0", "--db", "stock.db", "--slow-every", "3"];
        let matches = command::<Own>("stock").try_get_matches_from(line).unwrap();
        let line = CommandLine::<Own>::from_arg_matches(&matches).unwrap();
        assert_eq!((line.port, line.options.slow_every), (Some(0), 3));
        assert_eq!(line.options.store.database, Some(PathBuf::from("stock.db")));
        command::<Options>("plain").debug_assert();
    }
}
