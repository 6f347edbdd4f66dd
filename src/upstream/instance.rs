//! One place where a service answers, and what is known of it.

use std::{
    borrow::Cow,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Call,
    client::Pool,
    clock::{self, Moment},
};
use crate::config::Canary;

/// How fast what was measured is forgotten: after this time a third of it is left. Long enough to remember a slow instance
/// between two calls, short enough to try it again within half a minute.
const MEMORY: f64 = 5.0;

/// Of fewer calls less is remembered: the first one of an instance that came back opens a connection and finds nothing warm, and
/// should not keep the others away for long.
const CALLS_MIN: u32 = 10;

/// Of calls that end within such a time after one that was taken in, and are no slower, nothing is learned: next to none would be forgotten
/// for them.
const MOMENT: Duration = Duration::from_millis(1);

/// What a failure counts as, in seconds: instances that fail fast must not look fast.
const FAILURE: f64 = 1.0;

/// The cost of an instance that has calls under way and never answered one: the last choice, but still one.
const UNKNOWN: f64 = 3600.0;

/// Share of the calls at the beginning of a slow start.
const SLOW_START_MIN: f64 = 0.1;

/// Ejections grow up to this multiple of the first.
const EJECTIONS_MAX: u32 = 10;

/// Where and how an instance is reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// `https://host:port/v1`, without a slash at the end.
    pub(super) base: Arc<str>,
    /// The address to connect to, where the name of the host has several.
    pub(super) address: Option<SocketAddr>,
    /// Its share of the calls.
    pub(super) weight: f64,
    /// Those with a lower one are asked first.
    pub(super) priority: u16,
    /// The zone it is in.
    pub(super) zone: Option<Arc<str>>,
    /// Calls that go there first.
    pub(super) canary: Option<Canary>,
}

impl Place {
    /// A place by its URL alone.
    pub(super) fn at(base: &str) -> Self {
        let base = base.trim_end_matches('/').into();
        Self { base, address: None, weight: 1.0, priority: 0, zone: None, canary: None }
    }

    /// Whether a call is meant to go there.
    pub(super) fn is_meant(&self, call: &Call) -> bool {
        self.canary.as_ref().is_some_and(|Canary { header, value }| {
            let mut values = call.headers.get_all(header).iter();
            values.any(|given| value.as_ref().is_none_or(|value| given == value.as_str()))
        })
    }

    /// The URL of a call at this place, when `url` is the same call at `primary`. A URL that is not below `primary` stays.
    pub(super) fn url<'a>(&self, url: &'a str, primary: &str) -> Cow<'a, str> {
        if *self.base == *primary {
            return Cow::Borrowed(url);
        }
        let Some(rest) = url.strip_prefix(primary) else { return Cow::Borrowed(url) };
        match rest.as_bytes().first() {
            Some(b'/') => format!("{}{rest}", self.base).into(),
            // The base alone; without a path the URL of a host has `/`.
            Some(b'?') | None => {
                let slash = if self.base.splitn(4, '/').nth(3).is_some() { "" } else { "/" };
                format!("{}{slash}{rest}", self.base).into()
            }
            Some(_) => Cow::Borrowed(url),
        }
    }

    /// What tells it from other places, the same in every process.
    pub(super) fn identity(&self) -> u64 {
        let hash = fnv(self.base.as_bytes(), FNV_START);
        self.address.map_or(hash, |address| fnv(address.to_string().as_bytes(), hash))
    }
}

/// FNV-1a, 64 bits: the same in every process, so that a fleet of gateways agrees where a key belongs.
pub(super) fn fnv(bytes: &[u8], start: u64) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The offset basis of [`fnv`].
pub(super) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// An instance.
#[derive(Debug)]
pub(super) struct Instance {
    /// Where it is.
    pub(super) place: Place,
    /// A number of its own among those of its service.
    pub(super) id: u32,
    /// Its own connections, where its address is its own.
    pub(super) pool: OnceLock<Arc<Pool>>,
    /// Calls under way.
    load: AtomicU32,
    /// What active checks say.
    healthy: AtomicBool,
    /// Until when it is left alone, in milliseconds after `born`; 0: it is not.
    ejected_until: AtomicU64,
    born: Moment,
    record: Mutex<Record>,
    quiet: Quiet,
}

/// When there is nothing to learn from good calls, so that most need not wait for one another to say so.
#[derive(Debug)]
struct Quiet {
    /// When the last one was learned from.
    since: AtomicU64,
    /// What it cost then, the bits of a float; below zero while every call counts.
    cost: AtomicU64,
}

impl Quiet {
    const fn new() -> Self {
        Self { since: AtomicU64::new(0), cost: AtomicU64::new((-1.0_f64).to_bits()) }
    }

    /// Whether a good call says nothing new. Parts of two states may be seen at once, then one call too few or too many is learned from.
    fn covers(&self, now: Moment, took: f64) -> bool {
        took <= f64::from_bits(self.cost.load(Ordering::Relaxed))
            && now.since(Moment::from_bits(self.since.load(Ordering::Relaxed))) < MOMENT
    }

    /// After this record.
    fn follow(&self, record: &Record) {
        let is_usual = record.calls == CALLS_MIN && record.failures == 0 && record.ejections == 0 && !record.on_trial;
        let cost = if is_usual { record.cost } else { -1.0 };
        self.since.store(record.seen.unwrap_or_default().to_bits(), Ordering::Relaxed);
        self.cost.store(cost.to_bits(), Ordering::Relaxed);
    }
}

/// What was seen of an instance.
#[derive(Debug, Default)]
struct Record {
    /// Decayed peak of the latency, in seconds.
    cost: f64,
    /// When that was.
    seen: Option<Moment>,
    /// Calls that it was learned from, up to [`CALLS_MIN`].
    calls: u32,
    /// Calls that failed in a row.
    failures: u32,
    /// How often it was ejected lately.
    ejections: u32,
    /// Since when it answers again.
    warming_since: Option<Moment>,
    /// Good or bad answers in a row to active checks.
    checks: i64,
    /// Its turn in a rotation by weight.
    turn: f64,
    /// It was ejected and has not answered since.
    on_trial: bool,
}

/// How a call ended, for its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was answered.
    Good,
    /// It failed, and that was the instance's doing.
    Bad,
    /// Nobody waited for the end.
    Left,
}

/// What the end of a call means for its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing new.
    Usual,
    /// The first good answer after an ejection.
    Back,
    /// It failed.
    Failed {
        /// For the so-manieth time in a row.
        in_a_row: u32,
        /// It had just come back.
        on_trial: bool,
    },
}

impl Instance {
    /// A new one. `warming`: it joined others that already work, and begins slowly.
    pub(super) fn new(place: Place, id: u32, warming: bool) -> Self {
        let now = clock::moment();
        let record = Record { warming_since: warming.then_some(now), ..Record::default() };
        Self {
            place,
            id,
            pool: OnceLock::new(),
            load: AtomicU32::new(0),
            healthy: AtomicBool::new(true),
            ejected_until: AtomicU64::new(0),
            born: now,
            record: Mutex::new(record),
            quiet: Quiet::new(),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Numbers that a panic left are still numbers.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since_birth(&self, at: Moment) -> u64 {
        u64::try_from(at.since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether it gets calls: neither found unhealthy nor ejected.
    pub(super) fn is_available(&self, now: Moment) -> bool {
        self.healthy.load(Ordering::Relaxed) && !self.is_ejected(now)
    }

    /// Whether it is left alone after failures.
    pub(super) fn is_ejected(&self, now: Moment) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        until > 0 && until > self.since_birth(now)
    }

    /// Calls under way.
    pub(super) fn load(&self) -> u32 {
        self.load.load(Ordering::Relaxed)
    }

    /// Its weight, less while it warms up.
    pub(super) fn weight(&self, now: Moment, slow_start: Duration) -> f64 {
        let since = self.record().warming_since;
        let Some(since) = since.filter(|_| !slow_start.is_zero()) else { return self.place.weight };
        let share = now.seconds_since(since) / slow_start.as_secs_f64();
        if share >= 1.0 {
            self.record().warming_since = None;
        }
        self.place.weight * share.clamp(SLOW_START_MIN, 1.0)
    }

    /// What one more call here costs: decayed peak latency times calls under way.
    ///
    /// Source: the "peak EWMA" balancer of Twitter's Finagle; a peak counts at once, and is forgotten over time also when
    /// no call goes there.
    pub(super) fn cost(&self, now: Moment) -> f64 {
        let load = f64::from(self.load());
        let cost = self.record().decayed(now);
        // Below a microsecond nothing is known.
        if cost < 1e-6 && load > 0.0 { UNKNOWN + load } else { cost * (load + 1.0) }
    }

    /// Takes a turn in a rotation by weight; see [`super::balance`].
    pub(super) fn turn(&self, add: f64) -> f64 {
        let mut record = self.record();
        record.turn += add;
        record.turn
    }

    /// A call begins here.
    pub(super) fn begin(&self, now: Moment) -> Begun<'_> {
        self.load.fetch_add(1, Ordering::Relaxed);
        Begun { instance: self, at: now, verdict: Verdict::Left }
    }

    /// Takes the end of a call.
    fn end(&self, began: Moment, verdict: Verdict, now: Moment) -> Ended {
        let took = now.seconds_since(began);
        if verdict == Verdict::Good && self.quiet.covers(now, took) {
            return Ended::Usual;
        }
        let mut record = self.record();
        let ended = self.take(&mut record, took, verdict, now);
        self.quiet.follow(&record);
        ended
    }

    fn take(&self, record: &mut Record, took: f64, verdict: Verdict, now: Moment) -> Ended {
        match verdict {
            Verdict::Good => {
                record.observe(now, took);
                record.failures = 0;
                if self.is_ejected(now) {
                    return Ended::Usual;
                }
                record.ejections = record.ejections.saturating_sub(1);
                if std::mem::take(&mut record.on_trial) { Ended::Back } else { Ended::Usual }
            }
            Verdict::Bad => {
                record.observe(now, took.max(FAILURE));
                // That is no matter of warming up.
                record.calls = CALLS_MIN;
                record.failures += 1;
                Ended::Failed { in_a_row: record.failures, on_trial: record.on_trial }
            }
            Verdict::Left => {
                // It took at least this long.
                if took > record.decayed(now) {
                    record.observe(now, took);
                }
                Ended::Usual
            }
        }
    }

    /// Leaves it alone for a while; twice as long each further time.
    pub(super) fn eject(&self, now: Moment, first: Duration) {
        let mut record = self.record();
        let times = 1_u32.checked_shl(record.ejections).unwrap_or(u32::MAX).min(EJECTIONS_MAX);
        record.ejections = (record.ejections + 1).min(EJECTIONS_MAX);
        record.on_trial = true;
        let until = now + first.saturating_mul(times);
        record.begin_again(until);
        self.quiet.follow(&record);
        self.ejected_until.store(self.since_birth(until).max(1), Ordering::Relaxed);
    }

    /// Takes the answer to an active check. Returns whether that changed something.
    pub(super) fn checked(&self, is_good: bool, unhealthy_after: u32, healthy_after: u32) -> bool {
        let now = clock::moment();
        let mut record = self.record();
        record.checks = if is_good { record.checks.max(0) + 1 } else { record.checks.min(0) - 1 };
        if self.healthy.load(Ordering::Relaxed) {
            if record.checks <= -i64::from(unhealthy_after) {
                self.healthy.store(false, Ordering::Relaxed);
                return true;
            }
            // A service that says it is well again need not wait for the end of its ejection.
            if record.checks >= i64::from(healthy_after) && self.is_ejected(now) {
                self.ejected_until.store(0, Ordering::Relaxed);
                record.begin_again(now);
                return true;
            }
        } else if record.checks >= i64::from(healthy_after) {
            self.healthy.store(true, Ordering::Relaxed);
            self.ejected_until.store(0, Ordering::Relaxed);
            record.ejections = 0;
            record.on_trial = false;
            record.begin_again(now);
            return true;
        }
        false
    }
}

impl Record {
    fn decayed(&self, now: Moment) -> f64 {
        self.cost * self.kept(now)
    }

    /// How much of what was seen still counts.
    fn kept(&self, now: Moment) -> f64 {
        let memory = MEMORY * f64::from(self.calls) / f64::from(CALLS_MIN);
        self.seen.map_or(0.0, |seen| (-now.seconds_since(seen) / memory).exp())
    }

    fn observe(&mut self, now: Moment, took: f64) {
        let kept = self.kept(now);
        // A peak counts at once; what is faster is approached.
        self.cost = if took > self.cost * kept { took } else { self.cost * kept + took * (1.0 - kept) };
        self.seen = Some(now);
        self.calls = (self.calls + 1).min(CALLS_MIN);
    }

    /// What was before does not count any more.
    fn begin_again(&mut self, at: Moment) {
        self.cost = 0.0;
        self.seen = None;
        self.calls = 0;
        self.failures = 0;
        self.warming_since = Some(at);
    }
}

/// A call under way at an instance. Dropped without an end, its caller has left.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    instance: &'a Instance,
    at: Moment,
    verdict: Verdict,
}

impl Begun<'_> {
    /// The call has ended.
    pub(super) fn end(mut self, verdict: Verdict, now: Moment) -> Ended {
        self.verdict = verdict;
        self.instance.end(self.at, verdict, now)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.instance.load.fetch_sub(1, Ordering::Relaxed);
        if self.verdict == Verdict::Left {
            self.instance.end(self.at, Verdict::Left, clock::moment());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::clock::{advance, paused};

    const SECOND: Duration = Duration::from_secs(1);

    fn place(base: &str) -> Place {
        Place::at(base)
    }

    fn instance() -> Arc<Instance> {
        Arc::new(Instance::new(place("http://a"), 0, false))
    }

    fn call(instance: &Arc<Instance>, took: Duration, verdict: Verdict) {
        let begun = instance.begin(clock::moment());
        advance(took);
        begun.end(verdict, clock::moment());
    }

    #[test]
    fn calls_move_to_another_place_with_their_path() {
        for (base, primary, url, moved) in [
            ("http://b:2", "http://a", "http://a/x?y=1", "http://b:2/x?y=1"),
            ("http://b/v2", "http://a/v1", "http://a/v1/x", "http://b/v2/x"),
            ("http://b", "http://a/v1", "http://a/v1?q", "http://b/?q"),
            ("http://b", "http://a/v1", "http://a/v1", "http://b/"),
            ("http://b/v2", "http://a/v1", "http://a/v1?q", "http://b/v2?q"),
            ("http://b/v2", "http://a", "http://a/", "http://b/v2/"),
            // Not below the primary.
            ("http://b", "http://a", "http://a.evil/x", "http://a.evil/x"),
            ("http://b", "http://a/v1", "http://a/v10", "http://a/v10"),
            ("http://b", "http://a:80", "http://a:8080/x", "http://a:8080/x"),
            ("http://a", "http://a", "http://a/x", "http://a/x"),
        ] {
            assert_eq!(place(base).url(url, primary), moved, "{url}: {primary} → {base}");
        }
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten() {
        paused(async {
            let instance = instance();
            call(&instance, Duration::from_millis(2), Verdict::Good);
            let fast = instance.cost(clock::moment());
            call(&instance, SECOND, Verdict::Good);
            let slow = instance.cost(clock::moment());
            assert!(slow > 100.0 * fast, "{slow} {fast}");
            advance(30 * SECOND);
            assert!(instance.cost(clock::moment()) < slow / 100.0);
        });
    }

    #[test]
    fn calls_of_one_moment_are_learned_from_once_and_a_peak_is_not_missed() {
        paused(async {
            let instance = instance();
            (0..20).for_each(|_| call(&instance, Duration::from_millis(10), Verdict::Good));
            let before = instance.cost(clock::moment());
            (0..1000).for_each(|_| call(&instance, Duration::ZERO, Verdict::Good));
            assert!((instance.cost(clock::moment()) - before).abs() < f64::EPSILON, "no time has passed");
            advance(MOMENT);
            call(&instance, Duration::ZERO, Verdict::Good);
            assert!(instance.cost(clock::moment()) < before);
            let began = clock::moment();
            let ended = began + Duration::from_millis(50);
            instance.end(began, Verdict::Good, ended);
            assert!((instance.cost(ended) - 0.05).abs() < f64::EPSILON);
        });
    }

    #[test]
    fn a_slow_first_call_of_one_that_came_back_is_soon_forgotten() {
        paused(async {
            let (others, back) = (instance(), instance());
            (0..20).for_each(|_| call(&others, Duration::from_millis(2), Verdict::Good));
            back.eject(clock::moment(), SECOND);
            advance(SECOND);
            // Whether two seconds after a slow call it is still dearer: not after the first, but when it has worked for a while.
            let is_dearer = |calls: u32| {
                (0..calls).for_each(|_| call(&back, Duration::from_millis(20), Verdict::Good));
                advance(2 * SECOND);
                call(&others, Duration::from_millis(2), Verdict::Good);
                back.cost(clock::moment()) > others.cost(clock::moment())
            };
            assert!(!is_dearer(1));
            assert!(is_dearer(CALLS_MIN));
            // A failure says more.
            back.eject(clock::moment(), SECOND);
            call(&back, Duration::from_millis(2), Verdict::Bad);
            assert!(is_dearer(0));
        });
    }

    #[test]
    fn a_fast_failure_is_not_cheap() {
        paused(async {
            let (good, bad) = (instance(), instance());
            call(&good, Duration::from_millis(50), Verdict::Good);
            call(&bad, Duration::from_millis(1), Verdict::Bad);
            assert!(bad.cost(clock::moment()) > good.cost(clock::moment()));
        });
    }

    #[test]
    fn a_call_that_was_left_took_at_least_so_long() {
        paused(async {
            let instance = instance();
            call(&instance, Duration::from_millis(10), Verdict::Good);
            let begun = instance.begin(clock::moment());
            advance(SECOND);
            drop(begun);
            assert_eq!(instance.load(), 0);
            assert!(instance.cost(clock::moment()) > 0.9);
        });
    }

    #[test]
    fn ejections_grow_and_end() {
        paused(async {
            let instance = instance();
            let mut now = clock::moment();
            for seconds in [1, 2, 4, 8, 10, 10] {
                instance.eject(now, SECOND);
                assert!(instance.is_ejected(now + seconds * Duration::from_millis(999)), "{seconds}");
                now = now + seconds * SECOND;
                assert!(!instance.is_ejected(now), "{seconds}");
            }
        });
    }

    #[test]
    fn checks_take_it_out_and_back() {
        paused(async {
            let instance = instance();
            let now = clock::moment();
            let check = |is_good| instance.checked(is_good, 2, 3);
            assert!(!check(false) && !check(true) && !check(false), "not in a row");
            assert!(check(false) && !instance.is_available(now));
            assert!(!check(true) && !check(true) && !instance.is_available(now));
            assert!(check(true) && instance.is_available(now));
            instance.eject(now, 100 * SECOND);
            assert!(!instance.is_available(now));
            assert!(check(true) && instance.is_available(now), "well again before the ejection ends");
        });
    }

    #[test]
    fn who_comes_back_begins_slowly() {
        paused(async {
            let instance = instance();
            let weight = |instance: &Instance| instance.weight(clock::moment(), 10 * SECOND);
            assert!((weight(&instance) - 1.0).abs() < f64::EPSILON);
            instance.eject(clock::moment(), SECOND);
            advance(SECOND);
            assert!((weight(&instance) - SLOW_START_MIN).abs() < f64::EPSILON);
            advance(5 * SECOND);
            assert!((weight(&instance) - 0.5).abs() < 0.01);
            advance(5 * SECOND);
            assert!((weight(&instance) - 1.0).abs() < f64::EPSILON);
        });
    }
}
