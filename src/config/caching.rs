//! What is kept of replies, and what requests share: the keys, what they mean, and how one becomes the other.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    interpret::Interpreter,
    value::{Given, Lifetime, Size},
};

/// The cache of replies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CacheDocument {
    /// Most bytes of replies and answers in memory. Default: `256MiB`.
    memory_max: Option<Given<Size>>,
}

/// What is kept of one upstream's replies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SourceCacheDocument {
    /// Keeps replies as their headers allow (RFC 9111). Default: `true`.
    enabled: Option<Given<bool>>,
    /// Lifetime of successful replies whose headers say nothing of caching; `0s`: they are not kept. Default: `0s`.
    ttl: Option<Given<Lifetime>>,
    /// How long a stale reply stands in for a failing service, where the reply does not say (RFC 5861). Default: `0s`.
    stale_if_error: Option<Given<Lifetime>>,
    /// How long a stale reply is used while the service is asked again, where the reply does not say (RFC 5861). Default: `0s`.
    stale_while_revalidate: Option<Given<Lifetime>>,
    /// Also keeps reads by POST, such as batches: HTTP does not know that they change nothing. Default: `false`.
    post: Option<Given<bool>>,
}

/// The cache of replies.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Most bytes of replies and answers in memory.
    pub memory_max: usize,
}

impl Default for Cache {
    fn default() -> Self {
        // Room for some ten thousand pages of 20 KiB, and a small part of what a container with a gateway usually has.
        Self { memory_max: 256 << 20 }
    }
}

/// What is kept of one upstream's replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCache {
    /// Whether anything is.
    pub enabled: bool,
    /// Lifetime of successful replies that say nothing; zero: not kept.
    pub ttl: Duration,
    /// How long a stale reply stands in for a failing service.
    pub stale_if_error: Duration,
    /// How long a stale reply is used while the service is asked again.
    pub stale_while_revalidate: Duration,
    /// Whether reads by POST are kept too.
    pub post: bool,
}

impl Default for SourceCache {
    fn default() -> Self {
        // Services decide by their headers; staleness is a choice of who knows the data.
        let none = Duration::ZERO;
        Self { enabled: true, ttl: none, stale_if_error: none, stale_while_revalidate: none, post: false }
    }
}

/// What may be shared between requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Share {
    /// Nothing.
    Off,
    /// Not said: equal reads in flight by a safe method, without credentials.
    #[default]
    Anonymous,
    /// Equal reads in flight, whatever their method and credentials.
    Coalesce,
}

impl Interpreter<'_> {
    pub(super) fn cache(&mut self, document: CacheDocument) -> Cache {
        let defaults = Cache::default();
        Cache { memory_max: self.size(document.memory_max, defaults.memory_max) }
    }

    pub(super) fn source_cache(&mut self, document: SourceCacheDocument) -> SourceCache {
        let defaults = SourceCache::default();
        let mut lifetime = |given, default| self.read(given, Lifetime(default)).0;
        let ttl = lifetime(document.ttl, defaults.ttl);
        let stale_if_error = lifetime(document.stale_if_error, defaults.stale_if_error);
        let stale_while_revalidate = lifetime(document.stale_while_revalidate, defaults.stale_while_revalidate);
        SourceCache {
            enabled: self.read(document.enabled, defaults.enabled),
            ttl,
            stale_if_error,
            stale_while_revalidate,
            post: self.read(document.post, defaults.post),
        }
    }

    pub(super) fn shared(&mut self, given: Option<Given<String>>) -> Share {
        let choices = [("off", Share::Off), ("coalesce", Share::Coalesce)];
        // YAML 1.1 readers make `false` of `off`.
        if given.as_ref().is_some_and(|given| given.text == "false") {
            return Share::Off;
        }
        self.choice(given, &choices, Share::default())
    }
}
