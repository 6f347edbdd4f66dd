//! The state of limits in Redis, for all gateways of a fleet: one script takes of all limits of a request, or of none.
//!
//! A request waits for Redis as long as the settings say, and not at all while it is away (`store`). Settling waits for nothing: it
//! goes on beside the answer.

use std::sync::{Arc, LazyLock};

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{Meter, Part};
use crate::{
    config::{Redis, WhenAway},
    store::{Script, Store, Unavailable, Value},
    upstream::Kept,
};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("settle.lua")));

/// Settlings on their way to Redis at once; beyond them nothing is given back.
const SETTLING_MAX: usize = 4096;
/// Milliseconds that a quota is kept after its window, for gateways whose clock is behind.
const QUOTA_MORE: u128 = 60_000;

/// The limits in Redis.
#[derive(Debug)]
pub(super) struct Fleet {
    store: Arc<Store>,
    prefix: String,
    settling: Arc<Semaphore>,
    /// What happens without Redis.
    pub(super) away: WhenAway,
}

/// A connection of its own: what the cache moves is large, and a limit does not wait behind it.
#[derive(Debug)]
struct Door(Arc<Store>);

impl Fleet {
    /// With the connection that an earlier configuration left.
    pub(super) fn new(redis: &Redis, away: WhenAway, kept: &Kept) -> Self {
        let door = kept.share(&"".into(), redis, || Door(Arc::new(Store::new(redis, "rates"))));
        Self {
            store: Arc::clone(&door.0),
            prefix: redis.prefix.clone(),
            settling: Arc::new(Semaphore::new(SETTLING_MAX)),
            away,
        }
    }

    /// Connects; needs a runtime.
    pub(super) fn start(&self) {
        self.store.start();
    }

    /// Takes of all, or of none. Gives the first that is used up.
    pub(super) async fn take(&self, parts: &mut [Part<'_>]) -> Result<Option<usize>, Unavailable> {
        let keys: Vec<String> = parts.iter().map(|part| self.key(part)).collect();
        let mut arguments = Vec::with_capacity(parts.len() * 4);
        for part in &*parts {
            let (kind, life) = match &part.meter {
                Meter::Rate(_) => ("rate", 0),
                Meter::Quota { rest, .. } => ("quota", rest.as_millis() + QUOTA_MORE),
            };
            arguments.extend([kind.to_owned(), part.meter.weight(part.number).to_string()]);
            arguments.extend([part.meter.most().to_string(), life.to_string()]);
        }
        let keys = keys.iter().map(String::as_bytes);
        let Value::List(told) = self.store.run(&TAKE, keys, arguments.iter().map(String::as_bytes)).await? else {
            return Err(Unavailable);
        };
        let Some((Value::Number(refused), levels)) = told.split_first() else { return Err(Unavailable) };
        let level = |value: &Value| match value {
            Value::Bytes(text) => std::str::from_utf8(text).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        let refused = usize::try_from(*refused).map_err(|_| Unavailable)?;
        let taken = match refused.checked_sub(1) {
            None => parts.iter_mut().collect(),
            Some(at) => parts.get_mut(at).into_iter().collect::<Vec<_>>(),
        };
        if taken.is_empty() || taken.len() != levels.len() {
            return Err(Unavailable);
        }
        for (part, told) in taken.into_iter().zip(levels) {
            part.level = level(told).ok_or(Unavailable)?;
        }
        Ok(refused.checked_sub(1))
    }

    /// Corrects what was taken, in the background.
    pub(super) fn settle(&self, parts: &[Part<'_>], differences: &[(usize, i64)]) {
        if differences.is_empty() {
            return;
        }
        let Ok(place) = Arc::clone(&self.settling).try_acquire_owned() else { return };
        let mut keys = Vec::with_capacity(differences.len());
        let mut arguments = Vec::with_capacity(differences.len() * 3);
        for (at, difference) in differences {
            let part = &parts[*at];
            let weight = part.meter.weight(1).saturating_mul(difference.unsigned_abs());
            let sign = if *difference < 0 { "-" } else { "" };
            let (kind, most) = match &part.meter {
                Meter::Rate(_) => ("rate", part.meter.debt_max()),
                Meter::Quota { .. } => ("quota", u64::from(u32::MAX)),
            };
            keys.push(self.key(part));
            arguments.extend([kind.to_owned(), format!("{sign}{weight}"), most.to_string()]);
        }
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let _place = place;
            let (keys, arguments) = (keys.iter().map(String::as_bytes), arguments.iter().map(String::as_bytes));
            // What cannot be given back stays taken.
            store.run(&SETTLE, keys, arguments).await.ok();
        });
    }

    /// Gateways share a limit where it is the same: by name, numbers and key.
    fn key(&self, Part { meter, key, .. }: &Part<'_>) -> String {
        let prefix = &self.prefix;
        match meter {
            Meter::Rate(rule) => {
                let limit = &rule.limit;
                let (name, amount, burst, per) = (&limit.name, limit.amount, limit.burst, limit.per.as_millis());
                format!("{prefix}:rate:{name}:{amount}/{per}/{burst}:{key:032x}")
            }
            Meter::Quota { window, .. } => format!("{prefix}:quota:{}:{key:032x}", window.start),
        }
    }
}

/// The key of a text in all processes: no two texts are found that have the same one.
pub(super) fn fingerprint(text: &[u8]) -> u128 {
    let hash: [u8; 32] = Sha256::digest(text).into();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(key)
}
