//! What is kept of replies, and what requests share: the keys, what they mean, and how one becomes the other.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_saphyr::Spanned;

use super::{
    interpret::Interpreter,
    value::{Given, Hidden, Lifetime, Size, range},
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
    More(RedisDocument),
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
        Cache {
            memory_max: self.size(document.memory_max, defaults.memory_max),
            redis: document.redis.and_then(|redis| self.redis(redis)),
        }
    }

    fn redis(&mut self, entry: RedisEntry) -> Option<Redis> {
        let document = match entry {
            RedisEntry::More(document) => document,
            RedisEntry::Url(url) => RedisDocument {
                url,
                prefix: None,
                timeout: None,
                connect_timeout: None,
                reply_max: None,
                ttl_max: None,
            },
        };
        let span = document.url.span.clone();
        let url = self.text(document.url)?;
        let parsed = url::Url::parse(&url).ok().filter(|url| ["redis", "rediss"].contains(&url.scheme()));
        // The text is not shown: there may be a password in it.
        if !parsed.is_some_and(|url| url.host_str().is_some_and(|host| !host.is_empty())) {
            self.find(span, "INVALID_URL", "expected `redis://host:6379/0`, or `rediss://…` for TLS");
            return None;
        }
        if cfg!(not(feature = "redis")) {
            self.find(span, "INVALID_VALUE", "this weft was built without Redis: build it with `--features redis`");
            return None;
        }
        let defaults = Redis::at(url);
        let prefix_span = document.prefix.as_ref().map(|prefix| prefix.span.clone());
        let prefix = self.read(document.prefix, defaults.prefix);
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.find(
                prefix_span.unwrap_or(0..0),
                "INVALID_VALUE",
                "a prefix has visible ASCII characters, one at least",
            );
        }
        let ttl_span = document.ttl_max.as_ref().map(|ttl| ttl.span.clone());
        let ttl_max = self.read(document.ttl_max, Lifetime(defaults.ttl_max)).0;
        if ttl_max < Duration::from_secs(1) {
            self.find(ttl_span.unwrap_or(0..0), "INVALID_VALUE", "expected `1s` at least");
        }
        Some(Redis {
            url: defaults.url,
            prefix,
            timeout: self.read(document.timeout, defaults.timeout),
            connect_timeout: self.read(document.connect_timeout, defaults.connect_timeout),
            reply_max: self.size(document.reply_max, defaults.reply_max),
            ttl_max,
        })
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

/// Told apart by the first event rather than by trying both, so that errors inside keep their place.
impl<'de> Deserialize<'de> for RedisEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        enum Shape {
            Text(String),
            Map(RedisDocument),
        }

        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Shape;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a URL, or `url` and more")
            }

            fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
                Ok(Shape::Text(text.to_owned()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
                RedisDocument::deserialize(de::value::MapAccessDeserializer::new(map)).map(Shape::Map)
            }
        }

        impl<'de> Deserialize<'de> for Shape {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Visitor)
            }
        }

        let shape = Spanned::<Shape>::deserialize(deserializer)?;
        let span = range(&shape);
        Ok(match shape.value {
            Shape::Text(text) => Self::Url(Given::new(text, span)),
            Shape::Map(document) => Self::More(document),
        })
    }
}
