//! The HTTP cache: shared between callers, by RFC 9111, with the stale windows of RFC 5861.
//!
//! A stored reply is found by the fingerprint of the call, so by everything that was sent: a reply that differs by caller is never
//! another caller's. Services decide what is kept by their headers; what says nothing is not kept, unless configuration gives it a lifetime.
//!
//! In reading order: `terms` (what a reply allows), `directives` (`Cache-Control`), `entry` (what is stored), `memory` (where), `clock`.
//! Not here: what callers of the answer are told (`execute`, `gateway`).

mod clock;
mod directives;
mod entry;
mod memory;
mod terms;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, StatusCode, header};
use url::Url;

pub use self::clock::Clock;
use self::{
    clock::Now,
    directives::Directives,
    entry::Entry,
    memory::{Marker, Memory},
    terms::{Terms, Verdict, is_cacheable, is_failure, is_storable},
};
use super::{
    Call, CallError, Freshness, Kept, Reply, Safety, Sent, Served, StaleCause, Stored, UpstreamSpec,
    fingerprint::{Counted, Fingerprint, Seed},
    service::{Passage, Service},
};
use crate::telemetry::{self, CacheOutcome, ReuseMetrics, Trace, metrics};

/// What is kept of one upstream's replies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheSpec {
    /// Where it is kept; the same for all upstreams of a process.
    pub storage: Storage,
    /// Lifetime of successful replies whose headers say nothing of it; zero: they are not kept.
    pub ttl: Duration,
    /// How long a stale reply stands in for a failing service, where the reply does not say.
    pub stale_if_error: Duration,
    /// How long a stale reply is used while the service is asked in the background, where the reply does not say.
    pub stale_while_revalidate: Duration,
    /// Whether reads by POST (batches) are kept.
    pub post: bool,
}

/// Where replies are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Storage {
    /// Most bytes in memory.
    pub memory_max: u64,
}

/// What an operator wants out of the cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purge {
    /// Everything with one of these tags (`Cache-Tag`, `Surrogate-Key`).
    pub tags: Vec<String>,
    /// Everything of these absolute URLs of upstreams.
    pub urls: Vec<Url>,
    /// Everything.
    pub all: bool,
}

/// Background validations at once; beyond them a stale reply is used all the same, and the next use asks.
const REFRESHES_MAX: usize = 256;

/// Answers from what is stored, stores what may be, and drops what a write made wrong.
///
/// Errors: those of the layers below, where no stale reply may stand in.
#[derive(Debug)]
pub(super) struct HttpCache<S> {
    core: Arc<Core<S>>,
}

#[derive(Debug)]
struct Core<S> {
    upstream: Arc<str>,
    timeout: Duration,
    /// `None`: nothing is kept; what replies say is told on all the same.
    keeps: Option<Keeps>,
    clock: Clock,
    inner: S,
}

#[derive(Debug)]
struct Keeps {
    spec: CacheSpec,
    seed: Seed,
    memory: Arc<Memory>,
    /// Whether anything was ever kept: until then there is nothing to look for.
    has_kept: AtomicBool,
    refreshing: Mutex<HashSet<Fingerprint>>,
    metrics: ReuseMetrics,
}

/// One call with what it asks of caches.
struct Asked<'a> {
    call: &'a Call,
    key: Fingerprint,
    directives: Directives,
}

impl<S> HttpCache<S> {
    pub(super) fn new(spec: &UpstreamSpec, clock: &Clock, kept: &Kept, inner: S) -> Self {
        let keeps = spec.cache.clone().map(|cache| {
            let memory = kept.share(&"".into(), &cache.storage, || Memory::new(cache.storage.memory_max));
            Keeps {
                // Other settings make other terms of the same reply.
                seed: Seed::new(&spec.name, &format!("{cache:?}")),
                spec: cache,
                has_kept: AtomicBool::new(memory.has_entries()),
                memory,
                refreshing: Mutex::default(),
                metrics: metrics().reuse(&spec.name),
            }
        });
        let (upstream, timeout) = (Arc::clone(&spec.name), spec.timeout);
        Self { core: Arc::new(Core { upstream, timeout, keeps, clock: clock.clone(), inner }) }
    }

    /// Drops what is named, of all upstreams, also of replies that are on their way. How many there were; `None`: this upstream
    /// keeps nothing, ask another.
    pub(super) fn purge(&self, purge: &Purge) -> Option<usize> {
        let memory = &self.core.keeps.as_ref()?.memory;
        if purge.all {
            return Some(memory.clear());
        }
        let tags = purge.tags.iter().map(|tag| Marker::of_tag(tag));
        Some(memory.invalidate(tags.chain(purge.urls.iter().map(Marker::of_url))))
    }
}

impl<S: Service + 'static> Service for HttpCache<S> {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Reply, CallError> {
        let core = &self.core;
        let Some(keeps) = &core.keeps else {
            let reply = core.inner.call(call, passage).await?;
            return Ok(core.told(reply));
        };
        if !is_cacheable(call, &keeps.spec) {
            return match call.safety {
                Safety::Safe => core.pass(keeps, call, passage).await,
                Safety::Unsafe => Box::pin(self.write(call, passage)).await,
            };
        }
        let key = keeps.seed.of(call, Counted::Selecting);
        let asked = Asked { call, key, directives: Directives::of_request(&call.headers) };
        let found = if keeps.has_kept.load(Ordering::Relaxed) { keeps.memory.get(&key) } else { None };
        let Some(entry) = found else {
            if asked.directives.only_if_cached {
                return Ok(unsatisfied());
            }
            keeps.metrics.looked_up(CacheOutcome::Miss);
            return core.fetch(keeps, &asked, passage).await;
        };
        let now = core.clock.now();
        let age = entry.terms.age(now);
        match entry.terms.judge(&asked.directives, now) {
            Verdict::Fresh => {
                keeps.metrics.looked_up(CacheOutcome::Hit);
                Ok(entry.reply(key, Served::Cached { age }, now))
            }
            Verdict::Accepted => {
                keeps.metrics.looked_up(CacheOutcome::Stale);
                Ok(entry.reply(key, Served::Stale { age, cause: StaleCause::Accepted }, now))
            }
            Verdict::Refresh => {
                keeps.metrics.looked_up(CacheOutcome::Stale);
                self.refresh(call, key, &entry);
                Ok(entry.reply(key, Served::Stale { age, cause: StaleCause::Revalidating }, now))
            }
            Verdict::Validate if asked.directives.only_if_cached => Ok(unsatisfied()),
            // On the heap, or every call would carry the room of it.
            Verdict::Validate => Box::pin(core.validate(keeps, &asked, &entry, passage)).await,
        }
    }
}

impl<S: Service + 'static> HttpCache<S> {
    /// Asks the service in the background, once for each entry at a time.
    fn refresh(&self, call: &Call, key: Fingerprint, entry: &Arc<Entry>) {
        let Some(place) = Refreshing::enter(&self.core, key) else { return };
        // It belongs to no request: who asked has its answer by then.
        let call = Call { deadline: None, trace: Trace::default(), ..call.clone() };
        let entry = Arc::clone(entry);
        tokio::spawn(async move {
            let core = &place.core;
            let Some(keeps) = &core.keeps else { return };
            let passage = Passage::within(core.timeout);
            let asked = Asked { call: &call, key, directives: Directives::default() };
            // A failure leaves the stale reply where it is; the next use asks again.
            core.validate(keeps, &asked, &entry, passage).await.ok();
        });
    }

    /// A write may end after its caller left, and what it changed has to go then too: so it is a task of its own.
    async fn write(&self, call: &Call, passage: Passage) -> Result<Reply, CallError> {
        let (core, call) = (Arc::clone(&self.core), call.clone());
        let task = tokio::spawn(telemetry::carried(async move {
            match &core.keeps {
                Some(keeps) => core.pass(keeps, &call, passage).await,
                None => core.inner.call(&call, passage).await,
            }
        }));
        let upstream = Arc::clone(&self.core.upstream);
        task.await.unwrap_or(Err(CallError::Connection { upstream, sent: Sent::Maybe }))
    }
}

impl<S: Service> Core<S> {
    /// Makes a call whose reply is not kept; by a method that is not safe it makes what is stored of its URL wrong (RFC 9111, 4.4).
    async fn pass(&self, keeps: &Keeps, call: &Call, passage: Passage) -> Result<Reply, CallError> {
        let outcome = self.inner.call(call, passage).await;
        if !call.method.is_safe() {
            keeps.drop_changed(call, &outcome);
        }
        outcome.map(|reply| self.told(reply))
    }

    /// Asks the service for a reply that is not there.
    async fn fetch(&self, keeps: &Keeps, asked: &Asked<'_>, passage: Passage) -> Result<Reply, CallError> {
        let (since, sent) = (keeps.memory.invalidations(), self.clock.now());
        let reply = self.inner.call(asked.call, passage).await?;
        Ok(self.keep(keeps, asked, reply, sent, since))
    }

    /// Stores a reply if it may be.
    fn keep(&self, keeps: &Keeps, asked: &Asked<'_>, reply: Reply, sent: Now, since: u64) -> Reply {
        let received = self.clock.now();
        let told = Directives::of_reply(&reply.headers);
        let terms = Terms::read(&reply.headers, &told, &keeps.spec, sent, received);
        let mut reply = Reply { freshness: terms.freshness(received), ..reply };
        if !is_storable(asked.call, &asked.directives, (reply.status, &reply.headers), &told, &terms) {
            // What was stored is older than this, and this may not take its place.
            if keeps.has_kept.load(Ordering::Relaxed) && !is_failure(reply.status) && !asked.directives.no_store {
                keeps.memory.remove(&asked.key);
            }
            return reply;
        }
        if reply.served == Served::Shared
            && let Some(entry) = keeps.memory.get(&asked.key).filter(|entry| entry.terms.received >= sent.steady)
        {
            // Whoever made the call has stored it.
            reply.stored = Some(Stored { fingerprint: asked.key, version: entry.version });
            return reply;
        }
        let entry = Entry::new(asked.call, &reply, &told, terms, keeps.memory.serial());
        reply.stored = keeps.insert(asked.key, entry, since);
        reply
    }

    /// Asks the service whether a stored reply still holds, and lets that stand in when the service fails and it may.
    async fn validate(
        &self,
        keeps: &Keeps,
        asked: &Asked<'_>,
        entry: &Arc<Entry>,
        passage: Passage,
    ) -> Result<Reply, CallError> {
        let (since, sent) = (keeps.memory.invalidations(), self.clock.now());
        let conditional = entry.conditional(asked.call);
        let (deadline, allowed) = (passage.deadline, passage.allowed);
        let outcome = self.inner.call(conditional.as_ref().unwrap_or(asked.call), passage).await;
        let now = self.clock.now();
        let has_failed = match &outcome {
            Ok(reply) => is_failure(reply.status),
            Err(error) => error.is_outage(),
        };
        if has_failed && entry.terms.covers_failure(&asked.directives, now) {
            keeps.metrics.looked_up(CacheOutcome::Stale);
            let age = entry.terms.age(now);
            return Ok(entry.reply(asked.key, Served::Stale { age, cause: StaleCause::Failure }, now));
        }
        let reply = outcome?;
        if reply.status != StatusCode::NOT_MODIFIED || conditional.is_none() {
            keeps.metrics.looked_up(CacheOutcome::Miss);
            return Ok(self.keep(keeps, asked, reply, sent, since));
        }
        if !entry.is_meant(&reply.headers) {
            // The service speaks of another reply than ours: ask for it whole.
            keeps.memory.remove(&asked.key);
            return self.fetch(keeps, asked, Passage::until(deadline, allowed)).await;
        }
        keeps.metrics.looked_up(CacheOutcome::Revalidated);
        let headers = entry.renewed_headers(&reply.headers);
        let told = Directives::of_reply(&headers);
        let terms = Terms::read(&headers, &told, &keeps.spec, sent, now);
        let is_kept = is_storable(asked.call, &asked.directives, (entry.status, &headers), &told, &terms);
        let renewed = entry.renewed(asked.call, &headers, &told, terms, keeps.memory.serial());
        let mut reply = renewed.reply(asked.key, Served::Fresh, now);
        if is_kept {
            reply.stored = keeps.insert(asked.key, renewed, since);
        } else {
            keeps.memory.remove(&asked.key);
            reply.stored = None;
        }
        Ok(reply)
    }

    /// A reply that is not kept, with what it says of its freshness.
    fn told(&self, reply: Reply) -> Reply {
        let says = [header::CACHE_CONTROL, header::EXPIRES].iter().any(|name| reply.headers.contains_key(name));
        if !says {
            return reply;
        }
        let now = self.clock.now();
        let told = Directives::of_reply(&reply.headers);
        let terms = Terms::read(&reply.headers, &told, &CacheSpec::NOTHING, now, now);
        Reply { freshness: terms.freshness(now), ..reply }
    }
}

impl CacheSpec {
    const NOTHING: Self = Self {
        storage: Storage { memory_max: 0 },
        ttl: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        post: false,
    };
}

impl Keeps {
    fn insert(&self, key: Fingerprint, entry: Entry, since: u64) -> Option<Stored> {
        self.has_kept.store(true, Ordering::Relaxed);
        let entry = self.memory.insert(key, entry, since)?;
        Some(Stored { fingerprint: key, version: entry.version })
    }

    /// After a write: its URL, and what `Location` and `Content-Location` name of the same origin. A write that was refused changed nothing;
    /// one without a reply may have been done.
    fn drop_changed(&self, call: &Call, outcome: &Result<Reply, CallError>) {
        let is_done = outcome.as_ref().map_or_else(CallError::is_outage, |reply| (200..400).contains(&reply.status));
        let Ok(url) = Url::parse(&call.url) else { return };
        if !is_done {
            return;
        }
        let named = |reply: &Reply| {
            let locations = [header::LOCATION, header::CONTENT_LOCATION].into_iter();
            let urls = locations.filter_map(|name| url.join(reply.headers.get(name)?.to_str().ok()?).ok());
            urls.filter(|other| other.origin() == url.origin()).map(|url| Marker::of_url(&url)).collect()
        };
        let named: Vec<Marker> = outcome.as_ref().map(named).unwrap_or_default();
        self.memory.invalidate(named.into_iter().chain([Marker::of_url(&url)]));
    }
}

/// `only-if-cached`, and it is not (RFC 9111, 5.2.1.7).
fn unsatisfied() -> Reply {
    Reply {
        status: StatusCode::GATEWAY_TIMEOUT.as_u16(),
        headers: Arc::new(HeaderMap::new()),
        body: bytes::Bytes::new(),
        freshness: Freshness::default(),
        served: Served::Fresh,
        stored: None,
    }
}

/// A place among the validations in the background.
struct Refreshing<S> {
    core: Arc<Core<S>>,
    key: Fingerprint,
}

impl<S> Refreshing<S> {
    /// `None`: this one is asked for already, or there are too many.
    fn enter(core: &Arc<Core<S>>, key: Fingerprint) -> Option<Self> {
        let mut all = core.keeps.as_ref()?.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        (all.len() < REFRESHES_MAX && all.insert(key)).then(|| Self { core: Arc::clone(core), key })
    }
}

impl<S> Drop for Refreshing<S> {
    fn drop(&mut self) {
        if let Some(keeps) = &self.core.keeps {
            keeps.refreshing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}
