//! Stored replies in memory, within a budget of bytes, and how they are found when they no longer hold.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use moka::{Expiry, sync::Cache};
use sha2::{Digest, Sha256};
use url::{Position, Url};

use super::{entry::Entry, terms::has_validator};
use crate::{
    telemetry::{CacheBytes, metrics},
    upstream::Fingerprint,
};

/// Invalidations that are remembered for replies still on their way; those that are older are counted as meant.
const RECENT_MAX: usize = 1024;
/// One reply takes at most this part of the budget.
const PARTS_MIN: u64 = 8;

/// A URL or a tag, by half of its SHA-256: the same in all gateways. Two that fall together are invalidated together, which costs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Marker([u8; 16]);

impl Marker {
    pub(super) fn of_url(url: &Url) -> Self {
        Self::of("url", &url[..Position::AfterQuery])
    }

    pub(super) fn of_tag(tag: &str) -> Self {
        Self::of("tag", tag)
    }

    fn of(kind: &str, text: &str) -> Self {
        let hash = Sha256::new().chain_update(kind).chain_update(text).finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(half)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Marker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text);
        let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
        number.map(|number| Self(number.to_be_bytes())).ok_or(())
    }
}

/// The replies of all upstreams.
#[derive(Debug)]
pub(super) struct Memory {
    entries: Cache<Fingerprint, Arc<Entry>>,
    index: Arc<Mutex<Index>>,
    entry_max: u64,
    serials: AtomicU64,
    recent: Mutex<Recent>,
    bytes: CacheBytes,
}

/// Fingerprints by marker, with the serial of the entry that has it.
type Index = BTreeSet<(Marker, Fingerprint, u64)>;

/// The last invalidations.
#[derive(Debug, Default)]
struct Recent {
    count: u64,
    markers: VecDeque<Option<Marker>>,
}

impl Memory {
    /// With room for so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        let index: Arc<Mutex<Index>> = Arc::default();
        let indexed = Arc::clone(&index);
        let entries = Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|_, entry: &Arc<Entry>| u32::try_from(entry.weight()).unwrap_or(u32::MAX))
            .expire_after(Usefulness)
            .eviction_listener(move |key: Arc<Fingerprint>, entry, _| {
                let mut index = lock(&indexed);
                for marker in &entry.markers {
                    index.remove(&(*marker, *key, entry.serial));
                }
            })
            .build();
        Self {
            entries,
            index,
            entry_max: bytes_max / PARTS_MIN,
            serials: AtomicU64::new(1),
            recent: Mutex::default(),
            bytes: metrics().cache_bytes(),
        }
    }

    pub(super) fn get(&self, key: &Fingerprint) -> Option<Arc<Entry>> {
        self.entries.get(key)
    }

    /// Whether there is anything.
    pub(super) fn has_entries(&self) -> bool {
        self.entries.entry_count() > 0
    }

    /// A number that no entry had.
    pub(super) fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    /// How many invalidations there were: to be asked before a call goes out, and given back with its reply.
    pub(super) fn invalidations(&self) -> u64 {
        lock(&self.recent).count
    }

    /// Stores a reply that was asked for after so many invalidations, unless one of them came in between and concerns it,
    /// or it is larger than one reply may be.
    pub(super) fn insert(&self, key: Fingerprint, entry: Entry, invalidations: u64) -> Option<Arc<Entry>> {
        if entry.weight() as u64 > self.entry_max || lock(&self.recent).concern(&entry.markers, invalidations) {
            self.entries.invalidate(&key);
            return None;
        }
        let entry = Arc::new(entry);
        lock(&self.index).extend(entry.markers.iter().map(|marker| (*marker, key, entry.serial)));
        self.entries.insert(key, Arc::clone(&entry));
        self.bytes.set(self.entries.weighted_size());
        Some(entry)
    }

    pub(super) fn remove(&self, key: &Fingerprint) {
        self.entries.invalidate(key);
    }

    /// Drops what has one of these markers, also of replies that are on their way. How many were there.
    pub(super) fn invalidate(&self, markers: impl IntoIterator<Item = Marker>) -> usize {
        let mut found = BTreeSet::new();
        for marker in markers {
            lock(&self.recent).note(Some(marker));
            let index = lock(&self.index);
            let from = (marker, Fingerprint([0; 32]), 0);
            let of_marker = index.range(from..).take_while(|(other, ..)| *other == marker);
            found.extend(of_marker.map(|(_, key, _)| *key));
        }
        for key in &found {
            self.entries.invalidate(key);
        }
        found.len()
    }

    /// Drops everything, also of replies that are on their way. How many were there.
    pub(super) fn clear(&self) -> usize {
        lock(&self.recent).note(None);
        self.entries.run_pending_tasks();
        let count = self.entries.entry_count();
        self.entries.invalidate_all();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (u64, usize, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), lock(&self.index).len(), self.entries.weighted_size())
    }
}

impl Recent {
    /// `None`: everything.
    fn note(&mut self, marker: Option<Marker>) {
        self.count += 1;
        self.markers.push_back(marker);
        if self.markers.len() > RECENT_MAX {
            self.markers.pop_front();
        }
    }

    fn concern(&self, markers: &[Marker], since: u64) -> bool {
        let news = usize::try_from(self.count.saturating_sub(since)).unwrap_or(usize::MAX);
        let mut noted = self.markers.iter().rev().take(news);
        news > self.markers.len() || noted.any(|noted| noted.is_none_or(|noted| markers.contains(&noted)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Entries that can be of no use any more make room, in real time: whether one may be used is decided by its terms alone.
struct Usefulness;

impl Usefulness {
    fn of(entry: &Entry) -> Duration {
        entry.terms.useful_for(has_validator(&entry.headers))
    }
}

impl Expiry<Fingerprint, Arc<Entry>> for Usefulness {
    fn expire_after_create(&self, _: &Fingerprint, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        Some(Self::of(entry))
    }

    fn expire_after_update(
        &self,
        _: &Fingerprint,
        entry: &Arc<Entry>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(Self::of(entry))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method, header};

    use super::*;
    use crate::upstream::{
        Call, Freshness, Lifetimes, Reply, Served,
        cache::{Clock, directives::Directives, terms::Terms},
    };

    fn entry(memory: &Memory, path: &str, bytes: usize) -> Entry {
        let call = Call::new(Method::GET, format!("http://a/{path}"));
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        headers.insert("cache-tag", HeaderValue::from_static("all"));
        let told = Directives::of_reply(&headers);
        let now = Clock::by_hand().now();
        let terms = Terms::read(&headers, &told, Lifetimes::default(), now, now);
        let (body, freshness) = (Bytes::from(vec![b' '; bytes]), Freshness::default());
        let (headers, served) = (Arc::new(headers), Served::Fresh);
        let reply = Reply { status: 200, headers, body, freshness, served, stored: None, ended: None };
        Entry::new(&call, &reply, &told, terms, memory.serial())
    }

    #[test]
    fn markers_have_names_that_are_read_back() {
        let url = Url::parse("http://a/x?y#z").unwrap();
        for marker in [Marker::of_url(&url), Marker::of_tag("http://a/x?y"), Marker([0; 16])] {
            assert_eq!(marker.to_string().parse(), Ok(marker));
        }
        assert_ne!(Marker::of_url(&url), Marker::of_tag("http://a/x?y"));
        for text in ["", "*", "+0000000000000000000000000000000", "0"] {
            assert_eq!(text.parse::<Marker>(), Err(()), "{text}");
        }
    }

    fn key(number: u8) -> Fingerprint {
        Fingerprint([number; 32])
    }

    #[test]
    fn the_index_holds_what_the_memory_holds() {
        let memory = Memory::new(1 << 20);
        for number in 0..100 {
            let entry = entry(&memory, &number.to_string(), 40_000);
            memory.insert(key(number), entry, memory.invalidations());
        }
        let (entries, indexed, weight) = memory.counts();
        assert!((1..100).contains(&entries) && weight <= 1 << 20, "{entries} of {weight} bytes");
        // Its URL and its tag.
        assert_eq!(indexed as u64, 2 * entries);
        assert_eq!(memory.invalidate([Marker::of_tag("all")]) as u64, entries);
        assert_eq!(memory.counts(), (0, 0, 0));
    }

    #[test]
    fn a_newer_entry_takes_the_place_of_an_older_one() {
        let memory = Memory::new(1 << 20);
        for bytes in [10, 20] {
            memory.insert(key(1), entry(&memory, "x", bytes), memory.invalidations());
        }
        let (entries, indexed, _) = memory.counts();
        assert_eq!((entries, indexed), (1, 2));
        assert_eq!(memory.get(&key(1)).unwrap().body.len(), 20);
    }

    #[test]
    fn one_reply_takes_no_more_than_its_part() {
        let memory = Memory::new(1 << 20);
        assert!(memory.insert(key(1), entry(&memory, "x", 1 << 17), 0).is_none());
        assert!(memory.insert(key(1), entry(&memory, "x", 1 << 16), 0).is_some());
    }

    #[test]
    fn what_was_invalidated_on_its_way_is_not_stored() {
        let memory = Memory::new(1 << 20);
        let url = |path: &str| Marker::of_url(&Url::parse(&format!("http://a/{path}")).unwrap());
        let asked = memory.invalidations();
        memory.invalidate([url("x")]);
        assert!(memory.insert(key(1), entry(&memory, "x", 1), asked).is_none());
        assert!(memory.insert(key(2), entry(&memory, "y", 1), asked).is_some(), "another URL");
        assert!(memory.insert(key(1), entry(&memory, "x", 1), memory.invalidations()).is_some(), "asked since");
        for number in 0..RECENT_MAX {
            memory.invalidate([url(&number.to_string())]);
        }
        assert!(memory.insert(key(2), entry(&memory, "y", 1), asked).is_none(), "too long ago to know");
        let asked = memory.invalidations();
        memory.clear();
        assert!(memory.insert(key(2), entry(&memory, "y", 1), asked).is_none(), "everything was meant");
    }
}
