//! Keys that clients send as they are. Only their hashes are known here.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Subject, fault::Fault};
use crate::{
    config::{self, ApiKey},
    telemetry::audit::{self, Action},
};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Most bytes of a key.
const BYTES_MAX: usize = 1024;

/// Keys by their hash.
#[derive(Debug)]
pub(super) struct ApiKeys {
    pub(super) header: HeaderName,
    fixed: Vec<ApiKey>,
    file: Option<PathBuf>,
    table: ArcSwap<Table>,
    is_started: AtomicBool,
}

type Table = HashMap<[u8; 32], Entry>;

#[derive(Debug)]
struct Entry {
    hash: [u8; 32],
    expires: Option<i64>,
    subject: Arc<Subject>,
}

impl ApiKeys {
    /// Errors: the file cannot be read or holds something else.
    pub(super) fn new(settings: &config::ApiKeys) -> Result<Self, String> {
        let keys = Self {
            header: settings.header.clone(),
            fixed: settings.keys.clone(),
            file: settings.file.clone(),
            table: ArcSwap::default(),
            is_started: AtomicBool::new(false),
        };
        keys.table.store(Arc::new(keys.read()?));
        Ok(keys)
    }

    fn read(&self) -> Result<Table, String> {
        let mut table = Table::new();
        let more = self.file.as_deref().map(config::api_keys).transpose()?;
        for key in self.fixed.iter().chain(more.iter().flatten()) {
            let subject = Subject::named(&key.id, &key.claims.0, key.scopes.clone());
            let subject = Subject { quota: key.quota, ..subject };
            let entry = Entry { hash: key.sha256, expires: key.expires, subject: Arc::new(subject) };
            if table.insert(key.sha256, entry).is_some() {
                return Err(format!("the key `{}` has the hash of another one", key.id));
            }
        }
        Ok(table)
    }

    pub(super) fn counts_cost(&self) -> bool {
        let is_of_cost = |quota: config::Quota| quota.unit == config::RateUnit::Cost;
        self.table.load().values().any(|entry| entry.subject.quota.is_some_and(is_of_cost))
    }

    /// Whose key a request carries; `None`: it carries none.
    pub(super) fn subject(&self, headers: &HeaderMap, now: i64) -> Result<Option<Arc<Subject>>, Fault> {
        let mut values = headers.get_all(&self.header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() || value.len() > BYTES_MAX {
            return Err(Fault::ApiKey);
        }
        // What is looked up is a hash of what came: how long that takes says nothing of the keys that are there.
        let hash: [u8; 32] = Sha256::digest(value.as_bytes()).into();
        let table = self.table.load();
        let entry = table.get(&hash).filter(|entry| bool::from(entry.hash.ct_eq(&hash))).ok_or(Fault::ApiKey)?;
        if entry.expires.is_some_and(|end| now >= end) {
            return Err(Fault::ApiKeyExpired);
        }
        Ok(Some(Arc::clone(&entry.subject)))
    }

    /// Starts to look at the file; that ends when no snapshot uses the keys any more.
    pub(super) fn start(self: &Arc<Self>) {
        if self.file.is_some() && !self.is_started.swap(true, Ordering::Relaxed) {
            tokio::spawn(follow(Arc::downgrade(self)));
        }
    }
}

/// Reads the file again when it has changed. One that cannot be read changes nothing.
async fn follow(keys: Weak<ApiKeys>) {
    let mut seen = None;
    loop {
        let Some(keys) = keys.upgrade() else { return };
        let path = keys.file.clone().unwrap_or_default();
        let content = tokio::fs::read(&path).await.ok().map(|bytes| <[u8; 32]>::from(Sha256::digest(&bytes)));
        if seen != Some(content) {
            let is_first = seen.is_none();
            seen = Some(content);
            match keys.read() {
                Ok(table) => {
                    let count = table.len();
                    keys.table.store(Arc::new(table));
                    if !is_first {
                        tracing::info!(file = %path.display(), count, "the API keys have changed");
                        audit::acted(Action::ApiKeys, "a changed file", &path.display().to_string(), Ok(()));
                    }
                }
                Err(reason) => {
                    tracing::warn!(reason, "the API keys stay as they were");
                    audit::acted(Action::ApiKeys, "a changed file", &path.display().to_string(), Err(&reason));
                }
            }
        }
        drop(keys);
        tokio::time::sleep(LOOK).await;
    }
}
