//! The one door to Redis: a connection that comes back by itself, and scripts that run over it.
//!
//! Who uses it loses speed and nothing else when Redis is slow, frozen or away: a wait is short, after a few of them nobody waits
//! any more, and a task in the background brings the connection back. Not here: what is kept there (`upstream/cache/remote`, `policy/rate/fleet`).

#[cfg(feature = "redis")]
mod link;
#[cfg(not(feature = "redis"))]
#[path = "no_link.rs"]
mod link;
#[cfg(all(test, feature = "redis"))]
mod tests;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::link::Link;
pub use self::link::Script;
use crate::{
    config::Redis,
    telemetry::{StoreMetrics, StoreOutcome, metrics},
};

/// Answers in a row that did not come in time, after which nobody waits for one any more.
const LATE_MAX: u32 = 3;
/// From one look at the connection to the next.
const LOOK: Duration = Duration::from_millis(100);
/// Longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a script gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Number(i64),
    /// Bytes.
    Bytes(Bytes),
    /// Several values.
    List(Vec<Value>),
}

/// Redis gave no answer: it is away, slow, or refused what was asked. Go on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Redis gave no answer")]
pub struct Unavailable;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "a build without Redis never gets so far"))]
enum Fault {
    /// The connection is of no use any more.
    #[error("{0}")]
    Lost(String),
    /// It did not come in time.
    #[error("it does not answer in time")]
    Late,
    /// The answer is an error; the next script may fare better.
    #[error("{0}")]
    Refused(String),
}

/// A Redis, whether it is there or not.
#[derive(Debug)]
pub struct Store {
    settings: Redis,
    link: ArcSwapOption<Link>,
    /// How often there was a new connection.
    epoch: AtomicU64,
    late: AtomicU32,
    is_tended: AtomicBool,
    metrics: StoreMetrics,
}

impl Store {
    /// Without a connection; [`Self::start`] makes one. `purpose` tells its figures from those of others.
    pub fn new(settings: &Redis, purpose: &'static str) -> Self {
        Self {
            settings: settings.clone(),
            link: ArcSwapOption::empty(),
            epoch: AtomicU64::new(0),
            late: AtomicU32::new(0),
            is_tended: AtomicBool::new(false),
            metrics: metrics().store(purpose),
        }
    }

    /// Connects in the background and keeps doing so until nobody holds the store any more. A second time does nothing.
    pub fn start(self: &Arc<Self>) {
        if !self.is_tended.swap(true, Ordering::Relaxed) {
            tokio::spawn(Self::tend(Arc::downgrade(self)));
        }
    }

    /// The number of the connection, from 1; `None`: there is none. Another number means that Redis may have forgotten something.
    pub fn epoch(&self) -> Option<u64> {
        // The number is raised before its connection is there to be seen.
        self.link.load().as_ref().map(|_| self.epoch.load(Ordering::Acquire))
    }

    /// Runs a script. Waits no longer than the settings say, and not at all while Redis is away.
    pub async fn run<'a>(
        &self,
        script: &Script,
        keys: impl IntoIterator<Item = &'a [u8]>,
        arguments: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Value, Unavailable> {
        let Some(link) = self.link.load_full() else {
            self.metrics.called(StoreOutcome::Skipped);
            return Err(Unavailable);
        };
        let outcome = timeout(self.settings.timeout, link.run(script, keys, arguments)).await;
        let fault = match outcome {
            Ok(Ok(value)) => {
                self.late.store(0, Ordering::Relaxed);
                self.metrics.called(StoreOutcome::Done);
                return Ok(value);
            }
            Ok(Err(fault)) => fault,
            Err(_) => Fault::Late,
        };
        self.metrics.called(StoreOutcome::Failed);
        match fault {
            Fault::Refused(reason) => warn!(%reason, "Redis refused what was asked"),
            Fault::Lost(reason) => self.lose(&link, &reason),
            Fault::Late if self.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_MAX => {
                self.lose(&link, "it does not answer in time");
            }
            Fault::Late => {}
        }
        Err(Unavailable)
    }

    /// Gives a connection up, once.
    fn lose(&self, link: &Arc<Link>, reason: &str) {
        let current = self.link.compare_and_swap(link, None);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            self.metrics.is_up(false);
            warn!(%reason, "Redis is away: weft goes on without it");
        }
    }

    async fn tend(store: Weak<Self>) {
        let mut pause = LOOK;
        let mut is_known_away = false;
        while let Some(store) = store.upgrade() {
            if store.link.load().is_none() {
                match Link::open(&store.settings).await {
                    Ok(link) => {
                        store.late.store(0, Ordering::Relaxed);
                        store.epoch.fetch_add(1, Ordering::Release);
                        store.link.store(Some(Arc::new(link)));
                        store.metrics.is_up(true);
                        info!("Redis is there");
                        (pause, is_known_away) = (LOOK, false);
                    }
                    Err(fault) => {
                        if !std::mem::replace(&mut is_known_away, true) {
                            warn!(reason = %fault, "Redis cannot be reached: weft goes on without it");
                        }
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                }
            }
            drop(store);
            // Many gateways that lost it together do not come back together.
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
    }
}
