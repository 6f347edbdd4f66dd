//! The HTTP cache: shared between callers, by RFC 9111, with the stale windows of RFC 5861.
//!
//! A stored reply is found by the fingerprint of the call, so by everything that was sent: a reply that differs by caller is never
//! another caller's. Services decide what is kept by their headers; what says nothing is not kept, unless configuration gives it a lifetime.
//!
//! In reading order: `terms` (what a reply allows), `directives` (`Cache-Control`), `entry` (what is stored), `memory` (where), `clock`;
//! `remote` (the second tier, in Redis), `wire` (how replies lie there), `early` (asking again before all do).
//! Not here: what callers of the answer are told (`execute`, `gateway`).

mod clock;
mod directives;
mod early;
mod entry;
mod memory;
mod remote;
mod terms;
mod wire;

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, StatusCode, header};
use url::Url;

pub use self::clock::Clock;
use self::{
    clock::Now,
    directives::Directives,
    entry::Entry,
    memory::{Marker, Memory},
    remote::{Found, Remote, Tick},
    terms::{Terms, Verdict, is_cacheable, is_failure, is_storable},
};
use super::{
    Call, CallError, Freshness, Kept, Lifetimes, Reply, Safety, Sent, Served, StaleCause, Stored, UpstreamSpec,
    fingerprint::{Counted, Fingerprint, Seed},
    instance::{FNV_START, fnv},
    service::{Passage, Service},
};
use crate::{
    aside::aside,
    config::Redis,
    telemetry::{self, CacheOutcome, ReuseMetrics, metrics},
};

/// What is kept of one upstream's replies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheSpec {
    /// Where it is kept; the same for all upstreams of a process.
    pub storage: Storage,
    /// How long replies may be used that do not say.
    pub defaults: Lifetimes,
    /// Whether reads by POST (batches) are kept.
    pub post: bool,
}

/// Where replies are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Storage {
    /// Most bytes in memory.
    pub memory_max: u64,
    /// The second tier.
    pub redis: Option<Redis>,
}

/// What came of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Replies that were in memory.
    pub count: usize,
    /// Whether Redis and with it the other gateways know; `None`: there is no Redis. What they could not be told is told when it is back.
    pub remote: Option<bool>,
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
/// After so many replies in a row that may not be kept, those of their place are no longer looked for in Redis, until one may be again.
const BARREN_MAX: u32 = 16;
/// Places that are told apart in this; those that fall together share their luck.
const BARREN_PLACES: usize = 64;

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
    remote: Option<Arc<Remote>>,
    /// Replies in a row that may not be kept, by place; empty without Redis.
    barren: Box<[AtomicU32]>,
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
    /// When it was looked for in Redis.
    tick: Option<Tick>,
}

impl<S> HttpCache<S> {
    pub(super) fn new(spec: &UpstreamSpec, clock: &Clock, kept: &Kept, inner: S) -> Self {
        let keeps = spec.cache.clone().map(|cache| {
            let storage = &cache.storage;
            let memory = kept.share(&"".into(), &storage.memory_max, || Memory::new(storage.memory_max));
            Keeps {
                seed: seed(spec, &cache),
                barren: storage.redis.iter().flat_map(|_| (0..BARREN_PLACES).map(|_| AtomicU32::new(0))).collect(),
                remote: Remote::of(storage, &memory, clock, kept),
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

    /// Starts what runs beside calls.
    pub(super) fn start(&self) {
        if let Some(remote) = self.core.keeps.as_ref().and_then(|keeps| keeps.remote.as_ref()) {
            remote.start();
        }
    }

    /// How fresh a stored reply is now, without its call; `None`: it is gone, another one is in its place, or its call has to decide.
    pub(super) fn standing(&self, stored: &Stored) -> Option<Freshness> {
        let entry = self.core.keeps.as_ref()?.memory.get(&stored.fingerprint)?;
        let now = self.core.clock.now();
        // Near its end a use may have to ask for it again, and for that its call is needed.
        let may_be_due = !entry.cost.is_zero() && early::is_due(entry.terms.fresh_for(now), entry.cost, || 1.0);
        let is_fresh = entry.terms.judge(&Directives::default(), now) == Verdict::Fresh;
        let stands = entry.version == stored.version && is_fresh && !may_be_due;
        stands.then(|| entry.terms.freshness(now))
    }

    /// Counts the use of a reply that was found [`standing`](Self::standing).
    pub(super) fn used_again(&self) {
        if let Some(keeps) = &self.core.keeps {
            keeps.metrics.looked_up(CacheOutcome::Hit);
        }
    }

    /// Drops what is named, of all upstreams, also of replies that are on their way. `None`: this upstream keeps nothing, ask another.
    pub(super) async fn purge(&self, purge: &Purge) -> Option<Purged> {
        let Keeps { memory, remote, .. } = self.core.keeps.as_ref()?;
        let tags = purge.tags.iter().map(|tag| Marker::of_tag(tag));
        let markers: Vec<Marker> = tags.chain(purge.urls.iter().map(Marker::of_url)).collect();
        let count = if purge.all { memory.clear() } else { memory.invalidate(markers.iter().copied()) };
        let Some(remote) = remote else { return Some(Purged { count, remote: None }) };
        let wrong = if purge.all { vec![None] } else { markers.into_iter().map(Some).collect() };
        Some(Purged { count, remote: Some(remote.invalidate(wrong).await.is_ok()) })
    }
}

/// Other settings make other terms of the same reply, and who says to the service that it is somebody else may be given something else.
fn seed(spec: &UpstreamSpec, cache: &CacheSpec) -> Seed {
    let CacheSpec { storage: _, defaults, post } = cache;
    let settings = (defaults, post, &spec.credentials);
    // The same in all gateways; secrets print as `***`.
    Seed::new(&spec.name, &format!("{settings:?}"))
}

impl<S: Service + 'static> Service for HttpCache<S> {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        let core = &self.core;
        let Some(keeps) = &core.keeps else {
            let reply = core.inner.call(call, passage).await?;
            return Ok(core.told(call, reply));
        };
        if !is_cacheable(call, &keeps.spec) {
            return match call.safety {
                Safety::Safe => core.pass(keeps, call, passage).await,
                Safety::Unsafe => aside(|| self.write(call, passage)).await,
            };
        }
        let has_kept = keeps.has_kept.load(Ordering::Relaxed);
        if !has_kept && keeps.remote.is_none() && !speaks(&call.headers) {
            return core.first(keeps, call, passage).await;
        }
        match self.look(keeps, call, has_kept) {
            ControlFlow::Break(reply) => Ok(reply),
            ControlFlow::Continue((asked, found)) => aside(|| self.missed(keeps, asked, found, passage)).await,
        }
    }
}

impl<S: Service + 'static> HttpCache<S> {
    /// Looks into memory, for a reply that may be used now; else what is asked, and what is there to be validated.
    fn look<'c>(
        &self,
        keeps: &Keeps,
        call: &'c Call,
        has_kept: bool,
    ) -> ControlFlow<Box<Reply>, (Asked<'c>, Option<Arc<Entry>>)> {
        let key = keeps.key(call);
        let asked = Asked { call, key, directives: Directives::of_request(&call.headers), tick: None };
        let found = if has_kept { keeps.memory.get(&key) } else { None };
        let used = found.as_ref().and_then(|entry| self.used(keeps, &asked, entry, CacheOutcome::Hit));
        used.map_or(ControlFlow::Continue((asked, found)), ControlFlow::Break)
    }

    /// Asks elsewhere for what is not in memory: Redis, where there is one and that has been of use, then the service.
    async fn missed(
        &self,
        keeps: &Keeps,
        asked: Asked<'_>,
        found: Option<Arc<Entry>>,
        passage: Passage,
    ) -> Result<Box<Reply>, CallError> {
        match &keeps.remote {
            Some(remote) if keeps.barren(asked.call).is_none_or(|count| count.load(Ordering::Relaxed) < BARREN_MAX) => {
                self.beyond(keeps, remote, asked, found, passage).await
            }
            _ => self.core.ask(keeps, &asked, found, passage).await,
        }
    }

    /// A stored reply, if it may be used now.
    fn used(&self, keeps: &Keeps, asked: &Asked<'_>, entry: &Arc<Entry>, hit: CacheOutcome) -> Option<Box<Reply>> {
        let now = self.core.clock.now();
        let age = entry.terms.age(now);
        let (outcome, served) = match entry.terms.judge(&asked.directives, now) {
            Verdict::Fresh => {
                if !entry.cost.is_zero() && early::is_due(entry.terms.fresh_for(now), entry.cost, fastrand::f64) {
                    self.refresh(asked.call, asked.key, entry);
                }
                (hit, Served::Cached { age })
            }
            Verdict::Accepted => (CacheOutcome::Stale, Served::Stale { age, cause: StaleCause::Accepted }),
            Verdict::Refresh => {
                self.refresh(asked.call, asked.key, entry);
                (CacheOutcome::Stale, Served::Stale { age, cause: StaleCause::Revalidating })
            }
            Verdict::Validate => return None,
        };
        keeps.metrics.looked_up(outcome);
        let mut reply = Box::new(entry.reply(asked.key, served, now));
        if asked.directives != Directives::default() {
            // Whether it may be used again is for its call to say.
            reply.stored = None;
        }
        Some(reply)
    }

    /// Looks into Redis before the service is asked.
    async fn beyond(
        &self,
        keeps: &Keeps,
        remote: &Arc<Remote>,
        asked: Asked<'_>,
        known: Option<Arc<Entry>>,
        mut passage: Passage,
    ) -> Result<Box<Reply>, CallError> {
        let Found { entry, tick } = remote.find(asked.key, asked.call, keeps.defaults(asked.call)).await;
        passage.has_waited();
        let asked = Asked { tick, ..asked };
        if entry.is_some() {
            keeps.has_kept.store(true, Ordering::Relaxed);
        }
        if let Some(reply) = entry.as_ref().and_then(|entry| self.used(keeps, &asked, entry, CacheOutcome::HitRedis)) {
            return Ok(reply);
        }
        self.core.ask(keeps, &asked, entry.or(known), passage).await
    }

    /// Asks the service in the background, once for each entry at a time.
    fn refresh(&self, call: &Call, key: Fingerprint, entry: &Arc<Entry>) {
        let Some(place) = Refreshing::enter(&self.core, key) else { return };
        // It belongs to no request: who asked has its answer by then.
        let call = Call { deadline: None, ..call.clone() };
        let entry = Arc::clone(entry);
        tokio::spawn(async move {
            let core = &place.core;
            let Some(keeps) = &core.keeps else { return };
            let mut passage = Passage::within(core.timeout);
            let mut asked = Asked { call: &call, key, directives: Directives::default(), tick: None };
            if let Some(remote) = &keeps.remote {
                let found = remote.find(key, &call, keeps.defaults(&call)).await;
                let now = core.clock.now();
                let is_newer = |other: &Arc<Entry>| {
                    other.origin != entry.origin && other.terms.fresh_for(now) > entry.terms.fresh_for(now)
                };
                if found.entry.as_ref().is_some_and(is_newer) {
                    // Another gateway has asked; by now that one is in memory.
                    return;
                }
                asked.tick = found.tick;
                passage.has_waited();
            }
            // A failure leaves the stale reply where it is; the next use asks again.
            core.validate(keeps, &asked, &entry, passage).await.ok();
        });
    }

    /// A write may end after its caller left, and what it changed has to go then too: so it is a task of its own.
    async fn write(&self, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
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
    async fn pass(&self, keeps: &Keeps, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        let outcome = self.inner.call(call, passage).await;
        if !call.method.is_safe() {
            aside(|| keeps.drop_changed(call, &outcome)).await;
        }
        outcome.map(|reply| self.told(call, reply))
    }

    /// Asks the service: for all of a reply, or whether a stored one still holds.
    async fn ask(
        &self,
        keeps: &Keeps,
        asked: &Asked<'_>,
        found: Option<Arc<Entry>>,
        passage: Passage,
    ) -> Result<Box<Reply>, CallError> {
        if asked.directives.only_if_cached {
            return Ok(unsatisfied());
        }
        let Some(entry) = found else {
            keeps.metrics.looked_up(CacheOutcome::Miss);
            return self.fetch(keeps, asked, passage).await;
        };
        aside(|| self.validate(keeps, asked, &entry, passage)).await
    }

    /// Asks the service while nothing was ever kept: most say nothing of caching, and with them it costs nothing.
    async fn first(&self, keeps: &Keeps, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        keeps.metrics.looked_up(CacheOutcome::Miss);
        let (since, sent) = (keeps.memory.invalidations(), self.clock.mark(passage.now));
        let reply = self.inner.call(call, passage).await?;
        if call.caching.is_none() && keeps.spec.defaults.ttl.is_none() && !speaks(&reply.headers) {
            return Ok(reply);
        }
        let asked = Asked { call, key: keeps.key(call), directives: Directives::default(), tick: None };
        Ok(self.keep(keeps, &asked, reply, self.clock.marked(sent), since))
    }

    /// Asks the service for a reply that is not there.
    async fn fetch(&self, keeps: &Keeps, asked: &Asked<'_>, passage: Passage) -> Result<Box<Reply>, CallError> {
        let (since, sent) = (keeps.memory.invalidations(), self.clock.now());
        let reply = self.inner.call(asked.call, passage).await?;
        Ok(self.keep(keeps, asked, reply, sent, since))
    }

    /// Stores a reply if it may be.
    fn keep(&self, keeps: &Keeps, asked: &Asked<'_>, mut reply: Box<Reply>, sent: Now, since: u64) -> Box<Reply> {
        let received = self.clock.now();
        count_only(asked.call, &mut reply);
        let told = told(asked.call, &reply.headers);
        let terms = Terms::read(&reply.headers, &told, keeps.defaults(asked.call), sent, received);
        reply.freshness = terms.freshness(received);
        if !is_storable(asked.call, &asked.directives, (reply.status, &reply.headers), &told, &terms) {
            // What was stored is older than this, and this may not take its place.
            if keeps.has_kept.load(Ordering::Relaxed) && !is_failure(reply.status) && !asked.directives.no_store {
                keeps.remove(&asked.key);
            }
            if let Some(count) = keeps.barren(asked.call).filter(|_| !is_failure(reply.status)) {
                count.fetch_add(1, Ordering::Relaxed);
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
        reply.stored = keeps.insert(asked, entry, since, sent, received);
        reply
    }

    /// Asks the service whether a stored reply still holds, and lets that stand in when the service fails and it may.
    async fn validate(
        &self,
        keeps: &Keeps,
        asked: &Asked<'_>,
        entry: &Arc<Entry>,
        passage: Passage,
    ) -> Result<Box<Reply>, CallError> {
        let (since, sent) = (keeps.memory.invalidations(), self.clock.now());
        let conditional = entry.conditional(asked.call);
        let again = passage.again();
        let outcome = self.inner.call(conditional.as_ref().unwrap_or(asked.call), passage).await;
        let now = self.clock.now();
        let has_failed = match &outcome {
            Ok(reply) => is_failure(reply.status),
            Err(error) => error.is_outage(),
        };
        if has_failed && entry.terms.covers_failure(&asked.directives, now) {
            keeps.metrics.looked_up(CacheOutcome::Stale);
            let age = entry.terms.age(now);
            return Ok(Box::new(entry.reply(asked.key, Served::Stale { age, cause: StaleCause::Failure }, now)));
        }
        let mut reply = outcome?;
        if reply.status != StatusCode::NOT_MODIFIED || conditional.is_none() {
            keeps.metrics.looked_up(CacheOutcome::Miss);
            return Ok(self.keep(keeps, asked, reply, sent, since));
        }
        if !entry.is_meant(&reply.headers) {
            // The service speaks of another reply than ours: ask for it whole.
            keeps.remove(&asked.key);
            return self.fetch(keeps, asked, again.passage()).await;
        }
        keeps.metrics.looked_up(CacheOutcome::Revalidated);
        count_only(asked.call, &mut reply);
        let headers = entry.renewed_headers(&reply.headers);
        let told = told(asked.call, &headers);
        let terms = Terms::read(&headers, &told, keeps.defaults(asked.call), sent, now);
        let is_kept = is_storable(asked.call, &asked.directives, (entry.status, &headers), &told, &terms);
        let renewed = entry.renewed(asked.call, &headers, &told, terms, keeps.memory.serial());
        let mut reply = Box::new(renewed.reply(asked.key, Served::Fresh, now));
        if is_kept {
            reply.stored = keeps.insert(asked, renewed, since, sent, now);
        } else {
            keeps.remove(&asked.key);
            reply.stored = None;
        }
        Ok(reply)
    }

    /// A reply that is not kept, with what is said of its freshness.
    fn told(&self, call: &Call, mut reply: Box<Reply>) -> Box<Reply> {
        if !speaks(&reply.headers) && call.caching.is_none() {
            return reply;
        }
        count_only(call, &mut reply);
        let now = self.clock.now();
        let told = told(call, &reply.headers);
        let defaults = call.caching.as_ref().map(|hints| hints.over(Lifetimes::default())).unwrap_or_default();
        let terms = Terms::read(&reply.headers, &told, defaults, now, now);
        reply.freshness = terms.freshness(now);
        reply
    }
}

/// What a reply to a call says, with what is said of it.
fn told(call: &Call, headers: &HeaderMap) -> Directives {
    let mut told = Directives::of_reply(headers);
    told.private |= call.caching.as_ref().is_some_and(|hints| hints.is_private);
    told
}

/// Leaves the headers of a reply that count: what it says of caching may not.
fn count_only(call: &Call, reply: &mut Reply) {
    if call.caching.as_ref().is_some_and(|hints| hints.is_override) {
        let headers = Arc::make_mut(&mut reply.headers);
        for name in [header::CACHE_CONTROL, header::EXPIRES, header::PRAGMA, header::AGE] {
            headers.remove(name);
        }
    }
}

/// Whether headers say anything of caching.
fn speaks(headers: &HeaderMap) -> bool {
    const SPEAKING: [HeaderName; 3] = [header::CACHE_CONTROL, header::EXPIRES, header::PRAGMA];
    headers.keys().any(|name| SPEAKING.contains(name))
}

impl Keeps {
    /// By what the reply to a call is found.
    fn key(&self, call: &Call) -> Fingerprint {
        let key = self.seed.of(call, Counted::Selecting);
        match &call.caching {
            // Who says something else of a reply keeps another one: it is forgotten by other names.
            Some(hints) => key.with(&format!("{hints:?}")),
            None => key,
        }
    }

    /// How long replies to a call may be used that do not say.
    fn defaults(&self, call: &Call) -> Lifetimes {
        call.caching.as_ref().map_or(self.spec.defaults, |hints| hints.over(self.spec.defaults))
    }

    /// Stores a reply: here, and in Redis if it was looked for there.
    fn insert(&self, asked: &Asked<'_>, mut entry: Entry, since: u64, sent: Now, received: Now) -> Option<Stored> {
        self.has_kept.store(true, Ordering::Relaxed);
        if let Some(count) = self.barren(asked.call) {
            count.store(0, Ordering::Relaxed);
            entry.cost = received.steady.saturating_sub(sent.steady);
        }
        let entry = self.memory.insert(asked.key, entry, since)?;
        if let (Some(remote), Some(tick)) = (&self.remote, &asked.tick) {
            remote.keep(asked.key, &entry, tick);
        }
        Some(Stored { fingerprint: asked.key, version: entry.version })
    }

    fn remove(&self, key: &Fingerprint) {
        self.memory.remove(key);
        if let Some(remote) = &self.remote {
            remote.forget(*key);
        }
    }

    /// How many replies in a row could not be kept, of the place that a call goes to: its path without the last segment.
    fn barren(&self, call: &Call) -> Option<&AtomicU32> {
        let path = call.url.split('?').next().unwrap_or_default();
        let place = path.rsplit_once('/').map_or(path, |(place, _)| place);
        let hash = usize::try_from(fnv(place.as_bytes(), FNV_START) >> 32).unwrap_or(0);
        self.barren.get(hash % BARREN_PLACES)
    }

    /// After a write: its URL, and what `Location` and `Content-Location` name of the same origin. A write that was refused changed nothing;
    /// one without a reply may have been done.
    async fn drop_changed(&self, call: &Call, outcome: &Result<Box<Reply>, CallError>) {
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
        let mut changed: Vec<Marker> = outcome.as_deref().map(named).unwrap_or_default();
        changed.push(Marker::of_url(&url));
        self.memory.invalidate(changed.iter().copied());
        // The schema says of a field of a query that it changes nothing, by whatever method: the other gateways are not told of each.
        if let (Some(remote), Safety::Unsafe) = (&self.remote, call.safety) {
            // Who wrote waits, so that it finds nothing older afterwards. What cannot be told now is told later.
            aside(|| remote.invalidate(changed.into_iter().map(Some).collect())).await.ok();
        }
    }
}

/// `only-if-cached`, and it is not (RFC 9111, 5.2.1.7).
fn unsatisfied() -> Box<Reply> {
    Box::new(Reply {
        status: StatusCode::GATEWAY_TIMEOUT.as_u16(),
        headers: Arc::new(HeaderMap::new()),
        body: bytes::Bytes::new(),
        freshness: Freshness::default(),
        served: Served::Fresh,
        stored: None,
        ended: None,
    })
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
