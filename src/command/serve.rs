//! `weft serve`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use weft::{
    config::{self, Overrides, Watch},
    gateway::Snapshot,
    import::{self, Change},
    schema::Api,
    server::{
        self,
        process::{self, Reload},
    },
    telemetry,
    upstream::{Kept, Transport},
};

use super::{Failure, Outcome, output, runtime, source::Source};

/// Changes of the API that a reload lists.
const CHANGES_SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Address and port instead of `server.listen`; port 0 takes a free one.
    #[arg(long, env = "WEFT_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// For development: `GraphiQL`, introspection, problems of mappings in answers, reload when a file changes.
    #[arg(long)]
    dev: bool,
}

pub(super) fn run(Arguments { source, listen, dev }: Arguments) -> Outcome {
    let config = source.config()?;
    let overrides = Overrides { schema: source.schema.clone(), listen, log_level: log_level(), dev };
    let transport = test_transport().map_err(Failure::Message)?;
    let kept = Kept::default();
    let settings = config::load(config.as_deref(), &overrides)?;
    // Before the schema is read: what changes from now on is noticed.
    let watch = dev.then(|| Watch::new(settings.origins.clone()));
    let (snapshot, warnings) = Snapshot::build(&settings, &transport, &kept)?;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let _telemetry = telemetry::init(&settings.telemetry.log, &settings.telemetry.audit, &settings.telemetry.traces)
        .map_err(Failure::Message)?;
    output::tell(&warnings);
    let path = settings.server.path.clone();
    let hooks = process::Hooks {
        load: move || {
            let settings = config::load(config.as_deref(), &overrides)?;
            let (snapshot, warnings) = Snapshot::build(&settings, &transport, &kept)?;
            Ok((settings, snapshot, warnings))
        },
        ready: move |server: &server::Server| {
            output::print(&format!("weft answers at {}", url(server.scheme(), server.address(), &path)));
        },
        reloaded: move |reload: Reload<'_>| tell_reload(&reload, dev),
        watch,
    };
    let running = process::run((settings, snapshot, warnings), hooks);
    runtime.block_on(running).map_err(|error| Failure::Message(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

/// What a reload found, on stderr; in development also which snapshot answers now and what is new in it. In production the log
/// says that, for whoever collects it.
fn tell_reload(reload: &Reload<'_>, dev: bool) {
    match reload {
        Reload::Refused { findings, .. } | Reload::Done { warnings: findings, .. } if !dev => output::tell(findings),
        Reload::Refused { findings, files } => {
            output::tell(findings);
            eprintln!("not reloaded{}: the last good schema goes on answering", because(files));
        }
        Reload::Done { old, new, warnings, files } => {
            output::tell(warnings);
            let changes = import::diff(&Api::of(&old.graph), &Api::of(&new.graph));
            let what = if changes.is_empty() { "the API is the same" } else { "the API changed" };
            eprintln!("reloaded{}: {what}", because(files));
            for Change { level, kind, coordinate, message } in changes.iter().take(CHANGES_SHOWN) {
                eprintln!("  {level:9}  {kind}  {coordinate}: {message}");
            }
            if changes.len() > CHANGES_SHOWN {
                eprintln!("  and {} more", changes.len() - CHANGES_SHOWN);
            }
        }
    }
}

/// The files that made somebody reload.
fn because(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().take(3).map(|file| format!("`{}`", file.display())).collect();
    match files.len() {
        0 => String::new(),
        1..=3 => format!(" ({})", names.join(", ")),
        more => format!(" ({} and {} more files)", names.join(", "), more - 3),
    }
}

/// A URL that can be clicked: an address that stands for all of them is not one.
fn url(scheme: &str, address: SocketAddr, path: &str) -> String {
    if address.ip().is_unspecified() {
        return format!("{scheme}://localhost:{}{path}", address.port());
    }
    format!("{scheme}://{address}{path}")
}

pub(super) fn log_level() -> Option<String> {
    std::env::var("WEFT_LOG").ok().filter(|level| !level.is_empty())
}

/// The one seam for tests, not for operators: `WEFT_TEST_RESOLVE` (`host=address:port,…`) sends calls of these hosts elsewhere,
/// `WEFT_TEST_CA` names a PEM file of certificates that are trusted beside the platform's. All else is as in production.
pub(super) fn test_transport() -> Result<Transport, String> {
    let mut transport = Transport::default();
    if let Ok(text) = std::env::var("WEFT_TEST_RESOLVE") {
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (host, address) =
                pair.split_once('=').ok_or_else(|| format!("WEFT_TEST_RESOLVE: `{pair}` has no `=`"))?;
            let address = address.parse().map_err(|error| format!("WEFT_TEST_RESOLVE: `{address}`: {error}"))?;
            transport.resolve.push((host.to_owned(), address));
        }
    }
    if let Ok(path) = std::env::var("WEFT_TEST_CA") {
        transport.ca_pem = Some(std::fs::read(&path).map_err(|error| format!("WEFT_TEST_CA: `{path}`: {error}"))?);
    }
    Ok(transport)
}
