//! What is kept of replies, and what requests share: the keys, what they mean, and how one becomes the other.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{
    interpret::Interpreter,
    value::{Given, Hidden, Lifetime, OrText, Size, TextOr, range},
};

/// The cache of replies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CacheDocument {
    /// Most bytes of replies and answers in memory. Default: `256MiB`.
    memory_max: Option<Given<Size>>,
    /// Redis as second tier, shared by all gateways of a fleet. Default: none.
    redis: Option<RedisEntry>,
}

/// Where Redis is, or that and how it is used.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
enum RedisEntry {
    /// Its URL.
    Url(Given<String>),
    /// Its URL and more.
    More(Box<RedisDocument>),
}

/// Redis as second tier of the cache.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RedisDocument {
    /// Where it is: `redis://user:password@host:6379/0`, or `rediss://` for TLS; best as `${env.NAME}`.
    url: Given<String>,
    /// How its keys begin; gateways with the same one share replies. Default: `weft`.
    #[serde(default)]
    prefix: Option<Given<String>>,
    /// Longest wait for an answer; then the call goes on without. Default: `50ms`.
    #[serde(default)]
    timeout: Option<Given<Duration>>,
    /// Longest time to connect; nobody waits for it. Default: `1s`.
    #[serde(default)]
    connect_timeout: Option<Given<Duration>>,
    /// Most bytes of one reply there. Default: `1MiB`.
    #[serde(default)]
    reply_max: Option<Given<Size>>,
    /// Longest time that a reply lies there, however long it may be used. Default: `1d`.
    #[serde(default)]
    ttl_max: Option<Given<Lifetime>>,
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
    /// Other settings for single connectors, by coordinate such as `Query.user` or `shop:Query.user[0]`. Default: none.
    connectors: BTreeMap<String, ConnectorCacheDocument>,
}

/// What is kept of one connector's replies; what is not given is as its source says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ConnectorCacheDocument {
    /// Keeps replies at all.
    enabled: Option<Given<bool>>,
    /// Lifetime of successful replies whose headers say nothing of caching; comes before `@cacheControl(maxAge:)`.
    ttl: Option<Given<Lifetime>>,
    /// How long a stale reply stands in for a failing service.
    stale_if_error: Option<Given<Lifetime>>,
    /// How long a stale reply is used while the service is asked again.
    stale_while_revalidate: Option<Given<Lifetime>>,
    /// What the reply's headers say of caching does not count: for services that forbid what is harmless. Default: `false`.
    #[serde(rename = "override")]
    is_override: Option<Given<bool>>,
}

/// The cache of replies.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Most bytes of replies and answers in memory.
    pub memory_max: usize,
    /// The second tier.
    pub redis: Option<Redis>,
}

/// A Redis that is used as second tier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Redis {
    /// Where it is, with the password.
    pub url: Hidden<String>,
    /// How its keys begin.
    pub prefix: String,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Most bytes of one reply.
    pub reply_max: usize,
    /// Longest time that a reply lies there.
    pub ttl_max: Duration,
}

impl Redis {
    /// With the defaults for everything but its place.
    pub fn at(url: String) -> Self {
        Self {
            url: Hidden(url),
            prefix: "weft".to_owned(),
            // Many times what one answers in within a data centre, and little beside a call that it saves.
            timeout: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            // Redis does one thing at a time: a large value makes everybody wait.
            reply_max: 1 << 20,
            // What is worth a place is asked for again within a day.
            ttl_max: Duration::from_hours(24),
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        // Room for some ten thousand pages of 20 KiB, and a small part of what a container with a gateway usually has.
        Self { memory_max: 256 << 20, redis: None }
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
    /// For single connectors, by coordinate.
    pub connectors: BTreeMap<String, ConnectorCache>,
}

/// What is kept of one connector's replies; what is `None` is as its source says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectorCache {
    /// Whether anything is.
    pub enabled: Option<bool>,
    /// Lifetime of successful replies that say nothing.
    pub ttl: Option<Duration>,
    /// How long a stale reply stands in for a failing service.
    pub stale_if_error: Option<Duration>,
    /// How long a stale reply is used while the service is asked again.
    pub stale_while_revalidate: Option<Duration>,
    /// What the reply's headers say of caching does not count.
    pub is_override: bool,
}

impl Default for SourceCache {
    fn default() -> Self {
        // Services decide by their headers; staleness is a choice of who knows the data.
        let none = Duration::ZERO;
        Self {
            enabled: true,
            ttl: none,
            stale_if_error: none,
            stale_while_revalidate: none,
            post: false,
            connectors: BTreeMap::new(),
        }
    }
}

/// What may be shared between requests, from less to more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Share {
    /// Nothing.
    Off,
    /// Not said: equal reads in flight by a safe method, without credentials.
    #[default]
    Anonymous,
    /// Equal reads in flight, whatever their method and credentials.
    Coalesce,
    /// These, and batches that differ in nothing but their keys.
    Batch,
}

impl Interpreter<'_> {
    pub(super) fn cache(&mut self, document: CacheDocument) -> Cache {
        let defaults = Cache::default();
        Cache {
            memory_max: self.size(document.memory_max, defaults.memory_max),
            redis: document.redis.and_then(|redis| self.redis(redis)),
        }
    }

    fn redis(&mut self, entry: RedisEntry) -> Option<Redis> {
        let document = match entry {
            RedisEntry::More(document) => *document,
            RedisEntry::Url(url) => RedisDocument {
                url,
                prefix: None,
                timeout: None,
                connect_timeout: None,
                reply_max: None,
                ttl_max: None,
            },
        };
        let defaults = self.redis_at(document.url, document.prefix)?;
        let ttl_span = document.ttl_max.as_ref().map(|ttl| ttl.span.clone());
        let ttl_max = self.read(document.ttl_max, Lifetime(defaults.ttl_max)).0;
        if ttl_max < Duration::from_secs(1) {
            self.find(ttl_span.unwrap_or(0..0), "INVALID_VALUE", "expected `1s` at least");
        }
        Some(Redis {
            timeout: self.read(document.timeout, defaults.timeout),
            connect_timeout: self.read(document.connect_timeout, defaults.connect_timeout),
            reply_max: self.size(document.reply_max, defaults.reply_max),
            ttl_max,
            ..defaults
        })
    }

    /// A Redis with the defaults for all but its place and the prefix of its keys.
    pub(super) fn redis_at(&mut self, url: Given<String>, prefix: Option<Given<String>>) -> Option<Redis> {
        let span = url.span.clone();
        let url = self.text(url)?;
        let parsed = url::Url::parse(&url).ok().filter(|url| ["redis", "rediss"].contains(&url.scheme()));
        // The text is not shown: there may be a password in it.
        if parsed.is_none_or(|url| url.host_str().is_none_or(str::is_empty)) {
            self.find(span, "INVALID_URL", "expected `redis://host:6379/0`, or `rediss://…` for TLS");
            return None;
        }
        if cfg!(not(feature = "redis")) {
            self.find(span, "INVALID_VALUE", "this weft was built without Redis: build it with `--features redis`");
            return None;
        }
        let defaults = Redis::at(url);
        let prefix_span = prefix.as_ref().map(|prefix| prefix.span.clone());
        let prefix = self.read(prefix, defaults.prefix);
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.find(
                prefix_span.unwrap_or(0..0),
                "INVALID_VALUE",
                "a prefix has visible ASCII characters, one at least",
            );
        }
        Some(Redis { prefix, ..defaults })
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
            connectors: document.connectors.into_iter().map(|(name, one)| (name, self.connector_cache(one))).collect(),
        }
    }

    fn connector_cache(&mut self, document: ConnectorCacheDocument) -> ConnectorCache {
        let mut lifetime = |given: Option<Given<Lifetime>>| {
            let given = given?;
            Some(self.read(Some(given), Lifetime(Duration::ZERO)).0)
        };
        let ttl = lifetime(document.ttl);
        let stale_if_error = lifetime(document.stale_if_error);
        let stale_while_revalidate = lifetime(document.stale_while_revalidate);
        let enabled = document.enabled.map(|enabled| self.read(Some(enabled), true));
        let is_override = self.read(document.is_override, false);
        ConnectorCache { enabled, ttl, stale_if_error, stale_while_revalidate, is_override }
    }

    pub(super) fn shared(&mut self, given: Option<Given<String>>) -> Share {
        let choices = [("off", Share::Off), ("coalesce", Share::Coalesce), ("batch", Share::Batch)];
        // YAML 1.1 readers make `false` of `off`.
        if given.as_ref().is_some_and(|given| given.text == "false") {
            return Share::Off;
        }
        self.choice(given, &choices, Share::default())
    }
}

impl OrText for RedisDocument {
    const EXPECTED: &'static str = "a URL, or `url` and more";
}

impl<'de> Deserialize<'de> for RedisEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Spanned::<TextOr<RedisDocument>>::deserialize(deserializer)?;
        let span = range(&entry);
        Ok(match entry.value {
            TextOr::Text(text) => Self::Url(Given::new(text, span)),
            TextOr::More(document) => Self::More(Box::new(document)),
        })
    }
}
