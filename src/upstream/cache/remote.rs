//! The second tier: replies in Redis, for all gateways that use it.
//!
//! Keys are those of the first tier, so a reply is found by everything that was sent for it. What was made wrong (a write, a purge)
//! is noted in Redis under the markers of what it concerns, with a tick that only grows; a reply counts only while each of its markers
//! is there and none is younger than the tick at which the reply was asked for. So a reply that was on its way during a purge, one whose
//! purge was forgotten, and one that came back with an old dump are all equally wrong. The other gateways are told through a stream,
//! which each of them follows; what could not be said while Redis was away is said when it is back, before anything is read there.
//!
//! Times are Redis's own: how long a reply has lain there is what its lifetime there has lost, whatever clocks of gateways say.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::{sync::Semaphore, time::sleep};

use super::{
    Clock, Storage,
    entry::Entry,
    memory::{Marker, Memory},
    terms::has_validator,
    wire,
};
use crate::{
    config::Redis,
    store::{Script, Store, Unavailable, Value},
    upstream::{Call, Fingerprint, Kept, Lifetimes},
};

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| Script::new(include_str!(concat!("remote/", $file))))
    };
}

static FIND: LazyLock<Script> = script!("find.lua");
static KEEP: LazyLock<Script> = script!("keep.lua");
static FORGET: LazyLock<Script> = script!("forget.lua");
static INVALIDATE: LazyLock<Script> = script!("invalidate.lua");
static GREET: LazyLock<Script> = script!("greet.lua");
static NEWS: LazyLock<Script> = script!("news.lua");

/// How often the news of other gateways are asked for: so long a purge elsewhere takes to get here.
const NEWS_EVERY: Duration = Duration::from_millis(250);
/// News that Redis keeps; who is further behind forgets everything.
const NEWS_MAX: u64 = 10_000;
/// News that are read at once.
const NEWS_PART: usize = 500;
/// Markers that wait to be told to Redis; beyond them everything counts as wrong.
const OUTBOX_MAX: usize = 4096;
/// Markers that are told at once.
const OUTBOX_PART: usize = 500;
/// Replies on their way to Redis at once; beyond them replies are kept in memory only.
const WRITES_MAX: usize = 64;
/// How much longer a marker is known than any reply that it may concern.
const MARKER_MORE: Duration = Duration::from_mins(10);
/// The name of everything, where names of markers are told.
const ALL: &str = "*";

/// When a reply was asked for, by Redis's count of what was made wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick(Bytes);

/// What came of a look into Redis.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// A reply, which may be stale.
    pub(super) entry: Option<Arc<Entry>>,
    /// To be given back with a reply that is asked for now. Without it nothing is kept there.
    pub(super) tick: Option<Tick>,
}

/// The second tier of a process.
#[derive(Debug)]
pub(super) struct Remote {
    settings: Redis,
    store: Arc<Store>,
    memory: Arc<Memory>,
    clock: Clock,
    state_key: String,
    news_key: String,
    reply_prefix: String,
    marker_prefix: String,
    /// Its name in the news.
    own_name: String,
    outbox: Mutex<Outbox>,
    /// The connection over which Redis was greeted.
    greeted: AtomicU64,
    /// The last news that were read; `None`: never greeted yet.
    place: Mutex<Option<Place>>,
    since: Instant,
    looking: Mutex<HashMap<Fingerprint, WeakShared<BoxFuture<'static, Found>>>>,
    writes: Arc<Semaphore>,
    is_tended: AtomicBool,
}

/// A place in a stream: milliseconds and number.
type Place = (u64, u64);

/// What has to be told to Redis, numbered. `None`: everything.
#[derive(Debug, Default)]
struct Outbox {
    next: u64,
    waiting: VecDeque<(u64, Option<Marker>)>,
}

impl Remote {
    /// That of the process for this storage; `None`: there is no Redis in it.
    pub(super) fn of(storage: &Storage, memory: &Arc<Memory>, clock: &Clock, kept: &Kept) -> Option<Arc<Self>> {
        let settings = storage.redis.as_ref()?;
        let store = kept.share(&"".into(), settings, || Store::new(settings, "cache"));
        let make = || Self::new(settings, store, Arc::clone(memory), clock.clone());
        Some(kept.share(&"".into(), storage, make))
    }

    fn new(settings: &Redis, store: Arc<Store>, memory: Arc<Memory>, clock: Clock) -> Self {
        let prefix = &settings.prefix;
        Self {
            state_key: format!("{prefix}:cache:state"),
            news_key: format!("{prefix}:cache:news"),
            reply_prefix: format!("{prefix}:cache:reply:"),
            marker_prefix: format!("{prefix}:cache:marker:"),
            own_name: format!("{:016x}", fastrand::u64(..)),
            settings: settings.clone(),
            store,
            memory,
            clock,
            outbox: Mutex::default(),
            greeted: AtomicU64::new(0),
            place: Mutex::default(),
            since: Instant::now(),
            looking: Mutex::default(),
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            is_tended: AtomicBool::new(false),
        }
    }

    /// Starts what runs beside calls; it ends when nobody holds this any more. A second time does nothing.
    pub(super) fn start(self: &Arc<Self>) {
        self.store.start();
        if !self.is_tended.swap(true, Ordering::Relaxed) {
            tokio::spawn(Self::tend(Arc::downgrade(self)));
        }
    }

    /// Whether there is anything to be asked.
    pub(super) fn is_there(&self) -> bool {
        self.store.epoch().is_some_and(|epoch| epoch == self.greeted.load(Ordering::Acquire))
    }

    /// Looks for a reply to a call, once for all who look for it at the same time, and puts it into memory.
    pub(super) async fn find(self: &Arc<Self>, key: Fingerprint, call: &Call, defaults: Lifetimes) -> Found {
        if !self.is_there() {
            return Found::default();
        }
        let known = lock(&self.looking).get(&key).and_then(WeakShared::upgrade);
        let looking = known.unwrap_or_else(|| self.look(key, call.clone(), defaults));
        looking.await
    }

    fn look(self: &Arc<Self>, key: Fingerprint, call: Call, defaults: Lifetimes) -> Shared<BoxFuture<'static, Found>> {
        let remote = Arc::clone(self);
        let looking = async move {
            let _end = Looking { remote: &remote, key };
            remote.ask(key, &call, defaults).await.unwrap_or_default()
        };
        let looking = looking.boxed().shared();
        if let Some(weak) = looking.downgrade() {
            lock(&self.looking).insert(key, weak);
        }
        looking
    }

    async fn ask(&self, key: Fingerprint, call: &Call, defaults: Lifetimes) -> Result<Found, Unavailable> {
        let since = self.memory.invalidations();
        let reply_key = self.reply_key(key);
        let keys = [reply_key.as_bytes(), self.state_key.as_bytes()];
        let Value::List(values) = self.store.run(&FIND, keys, [self.marker_prefix.as_bytes()]).await? else {
            return Err(Unavailable);
        };
        let mut values = values.into_iter();
        let Some(Value::Bytes(tick)) = values.next() else { return Err(Unavailable) };
        let mut found = Found { entry: None, tick: Some(Tick(tick)) };
        let (Some(Value::Bytes(bytes)), Some(Value::Number(lain))) = (values.next(), values.next()) else {
            return Ok(found);
        };
        let lain = Duration::from_millis(u64::try_from(lain).unwrap_or(0));
        let now = self.clock.now();
        let Some(entry) = wire::decode(bytes, lain, call, defaults, now, self.memory.serial()) else {
            return Ok(found);
        };
        if lock(&self.outbox).concerns(&entry.markers) {
            return Ok(found);
        }
        // The one that is here already may be the same, whose content has a version here, or a younger one that did not get there.
        let is_as_good =
            |known: &Arc<Entry>| known.origin == entry.origin || known.terms.age(now) < entry.terms.age(now);
        let known = self.memory.get(&key).filter(is_as_good);
        found.entry = known.or_else(|| self.memory.insert(key, entry, since));
        Ok(found)
    }

    /// Keeps a reply that was asked for at this tick, in the background.
    pub(super) fn keep(self: &Arc<Self>, key: Fingerprint, entry: &Arc<Entry>, tick: &Tick) {
        let life = entry.terms.useful_for(has_validator(&entry.headers)).min(self.settings.ttl_max);
        if entry.weight() > self.settings.reply_max || life.is_zero() || !self.is_there() {
            return;
        }
        let Ok(place) = Arc::clone(&self.writes).try_acquire_owned() else { return };
        let (remote, entry, tick) = (Arc::clone(self), Arc::clone(entry), tick.clone());
        tokio::spawn(async move {
            let _place = place;
            let (reply_key, life) = (remote.reply_key(key), life.as_millis().max(1).to_string());
            let markers: Vec<String> = entry.markers.iter().map(Marker::to_string).collect();
            let (markers, reply) = (markers.join(" "), wire::encode(&entry, remote.clock.now()));
            let keys = [reply_key.as_bytes(), remote.state_key.as_bytes()];
            let arguments: [&[u8]; 5] =
                [remote.marker_prefix.as_bytes(), &tick.0, life.as_bytes(), markers.as_bytes(), &reply];
            // What is not kept there is kept here.
            remote.store.run(&KEEP, keys, arguments).await.ok();
        });
    }

    /// Drops a reply, in the background.
    pub(super) fn forget(self: &Arc<Self>, key: Fingerprint) {
        let remote = Arc::clone(self);
        tokio::spawn(async move {
            let reply_key = remote.reply_key(key);
            remote.store.run(&FORGET, [reply_key.as_bytes()], []).await.ok();
        });
    }

    /// Notes that everything with these markers is wrong (`None`: everything), for all gateways. `Err`: Redis is away and is told when
    /// it is back.
    pub(super) async fn invalidate(&self, markers: Vec<Option<Marker>>) -> Result<(), Unavailable> {
        lock(&self.outbox).add(markers);
        self.tell().await
    }

    /// Tells Redis what waits to be told.
    async fn tell(&self) -> Result<(), Unavailable> {
        loop {
            let (last, names) = {
                let outbox = lock(&self.outbox);
                let mut part = outbox.waiting.iter().take(OUTBOX_PART);
                let name = |marker: &Option<Marker>| marker.as_ref().map_or(ALL.to_owned(), Marker::to_string);
                let names: Vec<String> = part.clone().map(|(_, marker)| name(marker)).collect();
                let Some((last, _)) = part.next_back() else { return Ok(()) };
                (*last, names)
            };
            let life = (self.settings.ttl_max + MARKER_MORE).as_millis().to_string();
            let most = NEWS_MAX.to_string();
            let fixed = [&self.marker_prefix, &life, &most, &self.own_name];
            let arguments = fixed.into_iter().chain(&names).map(String::as_bytes);
            self.store.run(&INVALIDATE, [self.state_key.as_bytes(), self.news_key.as_bytes()], arguments).await?;
            lock(&self.outbox).told(last);
        }
    }

    async fn tend(remote: Weak<Self>) {
        while let Some(remote) = remote.upgrade() {
            if let Some(epoch) = remote.store.epoch() {
                let is_new = epoch != remote.greeted.load(Ordering::Acquire);
                // What fails now is tried again a moment later.
                if !is_new || remote.greet(epoch).await.is_ok() {
                    remote.follow().await.ok();
                    remote.tell().await.ok();
                }
            }
            drop(remote);
            sleep(NEWS_EVERY).await;
        }
    }

    /// Makes a new connection one that may be used.
    async fn greet(&self, epoch: u64) -> Result<(), Unavailable> {
        let keys = || [self.state_key.as_bytes(), self.news_key.as_bytes()];
        let nameless = format!("{:016x}", fastrand::u64(..));
        let Value::List(values) = self.store.run(&GREET, keys(), [nameless.as_bytes()]).await? else {
            return Err(Unavailable);
        };
        let [Value::Number(now), Value::Number(count), Value::Bytes(first)] = &values[..] else {
            return Err(Unavailable);
        };
        {
            let mut place = lock(&self.place);
            match *place {
                // What was said before this process began concerns nothing that it has.
                None => {
                    let up = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let now = u64::try_from(*now).unwrap_or(0);
                    *place = Some((now.saturating_sub(up).saturating_sub(1000), 0));
                }
                Some(known) => {
                    let is_cut = u64::try_from(*count).is_ok_and(|count| count >= NEWS_MAX);
                    if is_cut && parse(first).is_some_and(|first| first > known) {
                        self.memory.clear();
                    }
                }
            }
        }
        self.tell().await?;
        self.follow().await?;
        self.greeted.store(epoch, Ordering::Release);
        Ok(())
    }

    /// Drops from memory what other gateways made wrong.
    async fn follow(&self) -> Result<(), Unavailable> {
        loop {
            let Some((milliseconds, number)) = *lock(&self.place) else { return Ok(()) };
            let (place, most) = (format!("{milliseconds}-{number}"), NEWS_PART.to_string());
            let arguments = [place.as_bytes(), most.as_bytes()];
            let Value::List(news) = self.store.run(&NEWS, [self.news_key.as_bytes()], arguments).await? else {
                return Err(Unavailable);
            };
            for entry in news.chunks_exact(3) {
                let [Value::Bytes(at), Value::Bytes(by), Value::Bytes(names)] = entry else { continue };
                if *by != self.own_name {
                    self.heed(names);
                }
                if let Some(at) = parse(at) {
                    *lock(&self.place) = Some(at);
                }
            }
            if news.len() < NEWS_PART * 3 {
                return Ok(());
            }
        }
    }

    fn heed(&self, names: &Bytes) {
        let mut markers = Vec::new();
        for name in std::str::from_utf8(names).unwrap_or(ALL).split(' ') {
            match name.parse() {
                Ok(marker) => markers.push(marker),
                // Everything, or what a later version says: then nothing is sure.
                Err(()) => {
                    self.memory.clear();
                }
            }
        }
        self.memory.invalidate(markers);
    }

    fn reply_key(&self, Fingerprint(key): Fingerprint) -> String {
        format!("{}{}", self.reply_prefix, HEXLOWER.encode(&key))
    }
}

impl Outbox {
    fn add(&mut self, markers: Vec<Option<Marker>>) {
        for marker in markers {
            self.waiting.push_back((self.next, marker));
            self.next += 1;
        }
        if self.waiting.len() > OUTBOX_MAX {
            self.waiting.clear();
            self.waiting.push_back((self.next, None));
            self.next += 1;
        }
    }

    fn told(&mut self, last: u64) {
        while self.waiting.front().is_some_and(|(number, _)| *number <= last) {
            self.waiting.pop_front();
        }
    }

    fn concerns(&self, markers: &[Marker]) -> bool {
        self.waiting.iter().any(|(_, waiting)| waiting.is_none_or(|waiting| markers.contains(&waiting)))
    }
}

/// `MILLISECONDS-NUMBER`
fn parse(place: &[u8]) -> Option<Place> {
    let (milliseconds, number) = std::str::from_utf8(place).ok()?.split_once('-')?;
    Some((milliseconds.parse().ok()?, number.parse().ok()?))
}

/// Takes a look off the list when it is over, however it ended.
struct Looking<'a> {
    remote: &'a Remote,
    key: Fingerprint,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        lock(&self.remote.looking).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markers(numbers: std::ops::Range<usize>) -> Vec<Option<Marker>> {
        numbers.map(|number| Some(Marker::of_tag(&number.to_string()))).collect()
    }

    #[test]
    fn what_waits_to_be_told_is_bounded_and_stays_until_it_was() {
        let mut outbox = Outbox::default();
        outbox.add(markers(1..3));
        assert!(outbox.concerns(&[Marker::of_tag("2")]) && !outbox.concerns(&[Marker::of_tag("3")]));
        outbox.add(markers(3..4));
        outbox.told(1);
        assert!(!outbox.concerns(&[Marker::of_tag("2")]) && outbox.concerns(&[Marker::of_tag("3")]));
        outbox.add(markers(0..OUTBOX_MAX));
        assert_eq!(outbox.waiting.len(), 1);
        assert!(outbox.concerns(&[Marker::of_tag("never named")]), "everything, then");
        outbox.told(u64::MAX);
        assert!(!outbox.concerns(&[Marker::of_tag("1")]));
    }

    #[test]
    fn places_have_an_order() {
        assert!(parse(b"5-10") > parse(b"5-9") && parse(b"10-0") > parse(b"9-9"));
        assert_eq!(parse(b""), None);
    }
}
