//! Where rates are kept, and what happens when that is away.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{
    caching::Redis,
    interpret::Interpreter,
    value::{Given, OrText, TextOr, range},
};

/// Where rates are kept.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum RateStoreEntry {
    /// `memory`: each process by itself.
    Text(Given<String>),
    /// Redis: all gateways together.
    More(Box<RateStoreDocument>),
}

/// Redis, where gateways count together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RateStoreDocument {
    /// Where it is: `redis://user:password@host:6379/0`, or `rediss://` for TLS; best as `${env.NAME}`.
    redis: Given<String>,
    /// How its keys begin; gateways with the same one share limits. Default: `weft`.
    #[serde(default)]
    prefix: Option<Given<String>>,
    /// Longest wait for an answer; then the request goes on as `away` says. Default: `50ms`.
    #[serde(default)]
    timeout: Option<Given<Duration>>,
    /// Longest time to connect; nobody waits for it. Default: `1s`.
    #[serde(default)]
    connect_timeout: Option<Given<Duration>>,
    /// While Redis is away: `memory`, each process counts by itself; `allow`, nothing is counted; `refuse`, nobody is let in. Default: `memory`.
    #[serde(default)]
    away: Option<Given<String>>,
}

/// Where rates are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RateStore {
    /// In each process by itself.
    #[default]
    Memory,
    /// In Redis, for all gateways together.
    Redis {
        /// Where.
        redis: Redis,
        /// What happens while it is away.
        away: WhenAway,
    },
}

/// What happens to requests while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenAway {
    /// Each process counts by itself.
    Memory,
    /// They are let in, and nothing is counted.
    Allow,
    /// They are refused.
    Refuse,
}

impl Interpreter<'_> {
    pub(super) fn rate_store(&mut self, entry: Option<RateStoreEntry>) -> RateStore {
        let document = match entry {
            None => return RateStore::Memory,
            Some(RateStoreEntry::Text(text)) => {
                self.choice(Some(text), &[("memory", ())], ());
                return RateStore::Memory;
            }
            Some(RateStoreEntry::More(document)) => *document,
        };
        let choices = [("memory", WhenAway::Memory), ("allow", WhenAway::Allow), ("refuse", WhenAway::Refuse)];
        // A gateway that lets all in when Redis dies invites to kill it; one that lets nobody in dies with it.
        let away = self.choice(document.away, &choices, WhenAway::Memory);
        let Some(redis) = self.redis_at(document.redis, document.prefix) else { return RateStore::Memory };
        let redis = Redis {
            timeout: self.read(document.timeout, redis.timeout),
            connect_timeout: self.read(document.connect_timeout, redis.connect_timeout),
            ..redis
        };
        RateStore::Redis { redis, away }
    }
}

impl OrText for RateStoreDocument {
    const EXPECTED: &'static str = "`memory`, or `redis` and more";
}

impl<'de> Deserialize<'de> for RateStoreEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Spanned::<TextOr<RateStoreDocument>>::deserialize(deserializer)?;
        let span = range(&entry);
        Ok(match entry.value {
            TextOr::Text(text) => Self::Text(Given::new(text, span)),
            TextOr::More(document) => Self::More(Box::new(document)),
        })
    }
}
