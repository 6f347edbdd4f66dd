//! A gateway as a process: ready line, signals, reloads.

use std::{future::Future, path::PathBuf, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{App, BindError, Server, tls::Tls};
use crate::{
    config::{Settings, Watch},
    error::Diagnostic,
    gateway::{Gateway, Snapshot},
    telemetry::audit::{self, Action},
};

/// Settings and what they became, with warnings.
pub type Loaded = (Settings, Snapshot, Vec<Diagnostic>);

/// What a process does besides answering.
pub struct Hooks<L, R, F> {
    /// Reads everything again.
    pub load: L,
    /// Called once, when callers can connect.
    pub ready: R,
    /// Told how each reload went.
    pub reloaded: F,
    /// Files whose change is a reload (`--dev`).
    pub watch: Option<Watch>,
}

/// How a reload went.
#[derive(Debug)]
pub enum Reload<'a> {
    /// The new snapshot answers.
    Done {
        /// What answered before.
        old: &'a Snapshot,
        /// What answers now.
        new: &'a Snapshot,
        /// What is worth knowing about it.
        warnings: &'a [Diagnostic],
        /// The files that changed; none when a signal asked for it.
        files: &'a [PathBuf],
    },
    /// What was read is wrong: the old snapshot goes on.
    Refused {
        /// What is wrong.
        findings: &'a [Diagnostic],
        /// The files that changed; none when a signal asked for it.
        files: &'a [PathBuf],
    },
}

/// Answers until Ctrl-C or SIGTERM, then drains; a second signal ends it at once. SIGHUP loads again.
pub async fn run<L, R, F>(loaded: Loaded, hooks: Hooks<L, R, F>) -> Result<(), BindError>
where
    L: Fn() -> Result<Loaded, Vec<Diagnostic>> + Send + Sync + 'static,
    R: FnOnce(&Server),
    F: Fn(Reload<'_>) + Send + 'static,
{
    let Hooks { load, ready, reloaded, watch } = hooks;
    let (settings, snapshot, _) = loaded;
    let gateway = Arc::new(Gateway::new(snapshot));
    let server = Server::bind(&settings, Arc::clone(&gateway), Vec::new()).await?;
    // Before the ready line: whoever reads it may send signals.
    let stop = stop();
    let again = hang_ups();
    let (app, tls) = (server.app(), server.tls());
    ready(&server);
    let reloads = tokio::spawn(reload(Arc::new(load), reloaded, watch, Arc::clone(&gateway), (app, tls), again));
    server.run(stop).await;
    reloads.abort();
    write_report(&gateway.snapshot()).await;
    Ok(())
}

/// Writes what a snapshot saw last to the manifest of its report, before it goes.
async fn write_report(snapshot: &Arc<Snapshot>) {
    let snapshot = Arc::clone(snapshot);
    // It does not panic, and if it did, there would be nothing to be done about it.
    let _ = tokio::task::spawn_blocking(move || snapshot.rules.documents.write_report()).await;
}

/// Ready at the first Ctrl-C or SIGTERM. Handlers are installed when this is called, not when it is polled.
pub fn stop() -> impl Future<Output = ()> + Send {
    let mut interrupts = listen(SignalKind::interrupt());
    let mut terminations = listen(SignalKind::terminate());
    async move {
        let mut next = async || {
            tokio::select! {
                () = received(&mut interrupts) => 130,
                () = received(&mut terminations) => 143,
            }
        };
        next().await;
        tracing::info!("draining: finishing requests in flight");
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    () = received(&mut interrupts) => 130,
                    () = received(&mut terminations) => 143,
                }
            };
            std::process::exit(next().await);
        });
    }
}

fn hang_ups() -> Option<Signal> {
    listen(SignalKind::hangup())
}

/// Errors: a sandbox that forbids handlers. The process works without.
fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind).inspect_err(|error| tracing::warn!(%error, "a signal cannot be listened to")).ok()
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

async fn reload<L, F>(
    load: Arc<L>,
    reloaded: F,
    mut watch: Option<Watch>,
    gateway: Arc<Gateway>,
    (app, tls): (Arc<App>, Option<Tls>),
    mut again: Option<Signal>,
) where
    L: Fn() -> Result<Loaded, Vec<Diagnostic>> + Send + Sync + 'static,
    F: Fn(Reload<'_>),
{
    loop {
        let files = tokio::select! {
            () = received(&mut again) => Vec::new(),
            files = changed(&mut watch) => files,
        };
        if let Some(tls) = &tls {
            tls.renew().await;
        }
        let load = Arc::clone(&load);
        let Ok(outcome) = tokio::task::spawn_blocking(move || load()).await else { continue };
        audit::reopen();
        let by = if files.is_empty() { "SIGHUP" } else { "a changed file" };
        match outcome {
            Ok((settings, snapshot, warnings)) => {
                if let Some(watch) = &mut watch {
                    watch.follow(settings.origins);
                }
                let old = gateway.snapshot();
                gateway.swap(snapshot);
                write_report(&old).await;
                app.reload(settings.server);
                tracing::info!("reloaded");
                audit::acted(Action::Reload, by, &names(&files), Ok(()));
                reloaded(Reload::Done { old: &old, new: &gateway.snapshot(), warnings: &warnings, files: &files });
            }
            Err(findings) => {
                tracing::error!("not reloaded: the last good configuration stays");
                let why = findings.first().map_or("", |finding| finding.code);
                audit::acted(Action::Reload, by, &names(&files), Err(why));
                reloaded(Reload::Refused { findings: &findings, files: &files });
            }
        }
    }
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

async fn changed(watch: &mut Option<Watch>) -> Vec<PathBuf> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

impl<L, R, F> std::fmt::Debug for Hooks<L, R, F> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Hooks").field("watch", &self.watch).finish_non_exhaustive()
    }
}
