//! `weft demo`.

use std::process::ExitCode;

use weft::telemetry;

use super::{Failure, Outcome, runtime, serve::log_level};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Port of the API on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Port of probes and metrics on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 9090)]
    admin_port: u16,
    /// Every Nth call to reviews fails; 0: none.
    #[arg(long, default_value_t = 0, value_name = "N")]
    flaky_every: u32,
    /// Every Nth call to inventory is slow; 0: none.
    #[arg(long, default_value_t = 0, value_name = "N")]
    slow_every: u32,
    /// Only the services, for a graph of your own in front of them.
    #[arg(long)]
    services_only: bool,
    /// Kill, slow and break services for a minute, and show what callers of two gateways see: with the layers around calls and without.
    #[arg(long, conflicts_with = "services_only")]
    chaos: bool,
}

pub(super) fn run(Arguments { port, admin_port, flaky_every, slow_every, services_only, chaos }: Arguments) -> Outcome {
    let options = weft::demo::Options { port, admin_port, flaky_every, slow_every, services_only, chaos };
    // What fails there is meant to.
    let usual = if chaos { "error" } else { "warn" };
    let log = telemetry::Log { level: log_level().unwrap_or_else(|| usual.to_owned()), ..telemetry::Log::default() };
    let runtime = runtime()?;
    let _inside = runtime.enter();
    // The terminal is for what the demo says.
    let audit = telemetry::audit::Audit { enabled: false, ..Default::default() };
    let _telemetry = telemetry::init(&log, &audit, &telemetry::Traces::default()).map_err(Failure::Message)?;
    runtime.block_on(weft::demo::run(options)).map_err(|error| Failure::Message(format!("{error:#}")))?;
    Ok(ExitCode::SUCCESS)
}
