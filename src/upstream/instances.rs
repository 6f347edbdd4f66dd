//! All instances of a service, and who of them gets the next call.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use super::{
    Call, UpstreamSpec,
    clock::{self, Moment},
    instance::{Ended, FNV_START, Instance, Place, fnv},
};
use crate::{
    config::{Balance, HashKey, Outlier},
    telemetry::{ResilienceMetrics, metrics},
};
use arc_swap::ArcSwap;

/// The instances of one service. Kept, so that a reload forgets neither who is ill nor who is slow.
#[derive(Debug)]
pub(super) struct Instances {
    /// The service's name, for the log.
    pub(super) name: Arc<str>,
    /// The base of the URLs that calls come with.
    primary: Arc<str>,
    list: ArcSwap<Vec<Arc<Instance>>>,
    next_id: AtomicU32,
    balance: Balance,
    zone: Option<String>,
    slow_start: std::time::Duration,
    outlier: Option<Outlier>,
    /// One at a time takes a turn.
    rotation: Mutex<()>,
    /// Whether the tasks beside calls run.
    pub(super) started: AtomicBool,
    metrics: ResilienceMetrics,
}

/// Instances that one call has been sent to, a bit each: its next try goes elsewhere.
#[derive(Debug, Default)]
pub(super) struct Tried(AtomicU64);

impl Tried {
    fn contains(&self, instance: &Instance) -> bool {
        self.0.load(Ordering::Relaxed) & bit(instance) != 0
    }

    fn add(&self, instance: &Instance) {
        self.0.fetch_or(bit(instance), Ordering::Relaxed);
    }
}

/// With more than 64 instances two may share a bit; then one of them is passed over once.
fn bit(instance: &Instance) -> u64 {
    1 << (instance.id % 64)
}

impl Instances {
    /// Those of the settings.
    pub(super) fn new(spec: &UpstreamSpec) -> Self {
        let places: Vec<Place> = spec
            .urls
            .iter()
            .map(|url| Place {
                weight: url.weight,
                zone: url.zone.as_deref().map(Arc::from),
                canary: url.canary.clone(),
                ..Place::at(&url.url)
            })
            .collect();
        let instances = Self {
            name: Arc::clone(&spec.name),
            primary: places.first().map_or_else(|| "".into(), |place| Arc::clone(&place.base)),
            list: ArcSwap::default(),
            next_id: AtomicU32::new(0),
            balance: spec.balance.clone(),
            zone: spec.zone.clone(),
            slow_start: spec.slow_start,
            outlier: spec.outlier.clone(),
            rotation: Mutex::new(()),
            started: AtomicBool::new(false),
            metrics: metrics().resilience(&spec.name),
        };
        instances.replace(places);
        instances
    }

    /// All of them, as they are now.
    pub(super) fn all(&self) -> Arc<Vec<Arc<Instance>>> {
        self.list.load_full()
    }

    /// The base of the URLs that calls come with.
    pub(super) fn primary(&self) -> &str {
        &self.primary
    }

    /// Takes over where the service is now. What is known of places that stay is kept; new ones begin slowly.
    pub(super) fn replace(&self, places: Vec<Place>) {
        let before = self.all();
        let mut list: Vec<Arc<Instance>> = Vec::with_capacity(places.len());
        for place in places {
            if list.iter().any(|other| other.place.base == place.base && other.place.address == place.address) {
                continue;
            }
            let old = before.iter().find(|old| old.place == place).map(Arc::clone);
            list.push(old.unwrap_or_else(|| {
                let id = self.next_id.fetch_add(1, Ordering::Relaxed);
                Arc::new(Instance::new(place, id, !before.is_empty()))
            }));
        }
        list.sort_by_key(|instance| instance.place.priority);
        self.list.store(Arc::new(list));
        self.count();
    }

    /// Whether a call that was sent to these could go to another one.
    pub(super) fn has_other(&self, tried: &Tried) -> bool {
        let now = clock::moment();
        let list = self.list.load();
        let mut common = list.iter().filter(|instance| instance.place.weight > 0.0);
        common.any(|instance| instance.is_available(now) && !tried.contains(instance))
    }

    /// Who gets the call. `None`: there is no instance at all.
    pub(super) fn choose(&self, call: &Call, tried: Option<&Tried>, now: Moment) -> Option<Arc<Instance>> {
        let list = self.list.load();
        if let [only] = list.as_slice() {
            if let Some(tried) = tried {
                tried.add(only);
            }
            return Some(Arc::clone(only));
        }
        let fresh = |instance: &&Arc<Instance>| tried.is_none_or(|tried| !tried.contains(instance));
        let available = |instance: &&Arc<Instance>| instance.is_available(now);
        let list = foremost(&list, |instance| fresh(&instance) && available(&instance));
        let meant = |instance: &&Arc<Instance>| instance.place.is_meant(call);
        // Who is named for a place and cannot be answered there is answered elsewhere.
        let mut candidates: Vec<&Arc<Instance>> = list.iter().filter(meant).filter(available).filter(fresh).collect();
        // Not those that are for named calls alone.
        let common = || list.iter().filter(|instance| instance.place.weight > 0.0);
        if candidates.is_empty() {
            candidates = self.near(common(), now);
            candidates.retain(fresh);
        }
        if candidates.is_empty() {
            candidates = common().filter(available).filter(fresh).collect();
        }
        // Better a well one again than an ill one; and when all are ill, some are tried rather than none.
        if candidates.is_empty() {
            candidates = common().filter(available).collect();
        }
        if candidates.is_empty() {
            candidates = common().filter(fresh).collect();
        }
        if candidates.is_empty() {
            candidates = common().collect();
        }
        let chosen = Arc::clone(self.pick(&candidates, call, now)?);
        if let Some(tried) = tried {
            tried.add(&chosen);
        }
        Some(chosen)
    }

    /// Those of our zone that are well, while they are half of it at least: what is left of a zone must not carry all of its load.
    fn near<'a>(&self, among: impl Iterator<Item = &'a Arc<Instance>>, now: Moment) -> Vec<&'a Arc<Instance>> {
        let Some(zone) = &self.zone else { return Vec::new() };
        let near: Vec<&Arc<Instance>> =
            among.filter(|instance| instance.place.zone.as_deref() == Some(zone.as_str())).collect();
        let well: Vec<&Arc<Instance>> = near.iter().copied().filter(|instance| instance.is_available(now)).collect();
        if well.len() * 2 >= near.len() { well } else { Vec::new() }
    }

    fn pick<'a>(&self, among: &[&'a Arc<Instance>], call: &Call, now: Moment) -> Option<&'a Arc<Instance>> {
        match among {
            [] => None,
            [only] => Some(only),
            _ => match &self.balance {
                Balance::P2c => Some(self.better_of_two(among, now)),
                Balance::RoundRobin => self.next_in_turn(among, now),
                Balance::LeastRequest => self.least_loaded(among, now),
                Balance::Hash(by) => by_hash(among, key(by, call)),
            },
        }
    }

    /// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
    fn better_of_two<'a>(&self, among: &[&'a Arc<Instance>], now: Moment) -> &'a Arc<Instance> {
        let one = fastrand::usize(..among.len());
        let mut other = fastrand::usize(..among.len() - 1);
        other += usize::from(other >= one);
        let cost = |instance: &Instance| instance.cost(now) / instance.weight(now, self.slow_start);
        let (one, other) = (among[one], among[other]);
        // Equal ones (both unknown, say) share by weight.
        let (left, right) = (cost(one), cost(other));
        let first = if (left - right).abs() < f64::EPSILON {
            let (one, other) = (one.weight(now, self.slow_start), other.weight(now, self.slow_start));
            fastrand::f64() * (one + other) < one
        } else {
            left < right
        };
        if first { one } else { other }
    }

    /// A smooth rotation: everybody's turn grows by its weight, the foremost is taken and falls back by the sum of all.
    fn next_in_turn<'a>(&self, among: &[&'a Arc<Instance>], now: Moment) -> Option<&'a Arc<Instance>> {
        let _one_at_a_time = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = 0.0;
        let mut foremost: Option<(f64, &'a Arc<Instance>)> = None;
        for instance in among {
            let weight = instance.weight(now, self.slow_start);
            sum += weight;
            let turn = instance.turn(weight);
            if foremost.is_none_or(|(most, _)| turn > most) {
                foremost = Some((turn, instance));
            }
        }
        let (_, chosen) = foremost?;
        chosen.turn(-sum);
        Some(chosen)
    }

    fn least_loaded<'a>(&self, among: &[&'a Arc<Instance>], now: Moment) -> Option<&'a Arc<Instance>> {
        let load = |instance: &Instance| (f64::from(instance.load()) + 1.0) / instance.weight(now, self.slow_start);
        // Begun anywhere, so that equal ones share.
        let start = fastrand::usize(..among.len());
        let turned = among[start..].iter().chain(&among[..start]);
        turned.copied().min_by(|one, other| load(one).total_cmp(&load(other)))
    }

    /// A call has ended: whoever fails too often in a row, or once after it came back, is left alone, while enough are left.
    pub(super) fn ended(&self, instance: &Instance, ended: Ended) {
        let Some(outlier) = &self.outlier else { return };
        let (in_a_row, on_trial) = match ended {
            Ended::Usual => return,
            Ended::Back => return self.count(),
            Ended::Failed { in_a_row, on_trial } => (in_a_row, on_trial),
        };
        let now = clock::moment();
        if (in_a_row < outlier.consecutive_failures && !on_trial) || instance.is_ejected(now) {
            return;
        }
        let list = self.list.load();
        let ejected = list.iter().filter(|other| other.is_ejected(now)).count();
        #[expect(clippy::cast_precision_loss, reason = "instances are counted in tens")]
        if (ejected + 1) as f64 > list.len() as f64 * outlier.ejected_max {
            return;
        }
        instance.eject(now, outlier.eject);
        self.metrics.ejected();
        tracing::warn!(upstream = %self.name, instance = instance.id, in_a_row, "instance ejected after failures");
        self.count();
    }

    /// An instance answered an active check.
    pub(super) fn checked(&self, instance: &Instance, is_good: bool, unhealthy_after: u32, healthy_after: u32) {
        if !instance.checked(is_good, unhealthy_after, healthy_after) {
            return;
        }
        if is_good {
            tracing::info!(upstream = %self.name, instance = instance.id, "instance is well again");
        } else {
            tracing::warn!(upstream = %self.name, instance = instance.id, "instance fails its health checks");
        }
        self.count();
    }

    /// Shows how many there are.
    fn count(&self) {
        let now = clock::moment();
        let list = self.list.load();
        let available = list.iter().filter(|instance| instance.is_available(now)).count();
        self.metrics.instances(list.len(), available);
    }
}

/// Those of the lowest priority among whom somebody will do; all where nobody does. Source: RFC 2782: the lowest that can be reached.
fn foremost(list: &[Arc<Instance>], will_do: impl Fn(&Arc<Instance>) -> bool) -> &[Arc<Instance>] {
    let priority = |instance: Option<&Arc<Instance>>| instance.map(|instance| instance.place.priority);
    if priority(list.first()) == priority(list.last()) {
        return list;
    }
    let mut groups = list.chunk_by(|one, other| one.place.priority == other.place.priority);
    groups.find(|group| group.iter().any(&will_do)).unwrap_or(list)
}

/// The key of a call.
fn key(by: &HashKey, call: &Call) -> u64 {
    let after = call.url.find("://").map_or(0, |at| at + 3);
    let target = call.url[after..].find('/').map_or("", |at| &call.url[after + at..]);
    match by {
        HashKey::Url => fnv(target.as_bytes(), FNV_START),
        HashKey::Path => fnv(target.split('?').next().unwrap_or_default().as_bytes(), FNV_START),
        HashKey::Header(name) => match call.headers.get(name) {
            Some(value) => fnv(value.as_bytes(), FNV_START),
            None => fnv(target.as_bytes(), FNV_START),
        },
    }
}

/// Highest random weight: each key has its own order of the instances, so that one that leaves moves only its own keys.
///
/// Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998), with weights as
/// −w / ln(h).
fn by_hash<'a>(among: &[&'a Arc<Instance>], key: u64) -> Option<&'a Arc<Instance>> {
    let score = |instance: &Instance| {
        #[expect(clippy::cast_precision_loss, reason = "53 bits of a hash are enough")]
        let unit = (mixed(key ^ instance.place.identity()) >> 11) as f64 / (1_u64 << 53) as f64;
        -instance.place.weight / unit.max(f64::MIN_POSITIVE).ln()
    };
    among.iter().copied().max_by(|one, other| score(one).total_cmp(&score(other)))
}

/// Spreads a hash over all bits (the finalizer of `SplitMix64`).
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use http::Method;

    use super::*;
    use crate::upstream::clock::{advance, paused};
    use crate::{config::Url, upstream::instance::Verdict};

    const SECOND: Duration = Duration::from_secs(1);

    fn call(path: &str) -> Call {
        Call::new(Method::GET, format!("http://a{path}"))
    }

    fn instances(weights: &[f64], balance: Balance) -> Instances {
        let names = ["a", "b", "c", "d", "e"];
        let urls = weights
            .iter()
            .zip(names)
            .map(|(weight, name)| Url { weight: *weight, ..format!("http://{name}").as_str().into() });
        Instances::new(&UpstreamSpec {
            urls: urls.collect(),
            balance,
            outlier: Some(Outlier { consecutive_failures: 3, eject: 10 * SECOND, ejected_max: 0.5 }),
            ..UpstreamSpec::named("catalog")
        })
    }

    fn name(instance: &Instance) -> String {
        instance.place.base.trim_start_matches("http://").to_owned()
    }

    fn shares(instances: &Instances, calls: usize, path: impl Fn(usize) -> String) -> HashMap<String, usize> {
        let mut shares = HashMap::new();
        for number in 0..calls {
            let chosen = instances.choose(&call(&path(number)), None, clock::moment()).unwrap();
            *shares.entry(name(&chosen)).or_default() += 1;
        }
        shares
    }

    fn fail(instances: &Instances, instance: &Arc<Instance>) {
        let ended = instance.begin(clock::moment()).end(Verdict::Bad, clock::moment());
        instances.ended(instance, ended);
    }

    #[test]
    fn a_rotation_keeps_the_weights_and_its_order() {
        paused(async {
            let even = instances(&[1.0, 1.0, 1.0], Balance::RoundRobin);
            let order: String =
                (0..6).map(|_| name(&even.choose(&call("/"), None, clock::moment()).unwrap())).collect();
            assert_eq!(order, "abcabc");
            let uneven = instances(&[5.0, 1.0, 1.0], Balance::RoundRobin);
            let order: String =
                (0..7).map(|_| name(&uneven.choose(&call("/"), None, clock::moment()).unwrap())).collect();
            assert_eq!(order, "aabacaa", "spread, not in a heap");
        });
    }

    #[test]
    fn least_request_goes_where_fewest_calls_are() {
        paused(async {
            let instances = instances(&[1.0, 1.0, 2.0], Balance::LeastRequest);
            let list = instances.all();
            let _busy = [
                list[0].begin(clock::moment()),
                list[1].begin(clock::moment()),
                list[2].begin(clock::moment()),
                list[2].begin(clock::moment()),
            ];
            assert_eq!(shares(&instances, 10, |_| "/".to_owned()), HashMap::from([("c".to_owned(), 10)]));
        });
    }

    #[test]
    fn of_two_the_cheaper_is_taken_so_the_slowest_gets_nothing() {
        paused(async {
            fastrand::seed(7);
            let instances = instances(&[1.0, 1.0, 1.0], Balance::P2c);
            for (instance, took) in instances.all().iter().zip([5, 5, 1500]) {
                let begun = instance.begin(clock::moment());
                advance(Duration::from_millis(took));
                begun.end(Verdict::Good, clock::moment());
            }
            let shares = shares(&instances, 300, |_| "/".to_owned());
            assert_eq!(shares.get("c"), None, "{shares:?}");
            assert!(shares.values().all(|share| *share > 30), "{shares:?}");
        });
    }

    #[test]
    fn unknown_instances_share_by_weight() {
        paused(async {
            fastrand::seed(7);
            let shares = shares(&instances(&[3.0, 1.0], Balance::P2c), 4000, |_| "/".to_owned());
            assert!((2800..3200).contains(&shares["a"]), "{shares:?}");
        });
    }

    #[test]
    fn keys_stay_where_they_are_when_others_leave() {
        paused(async {
            let instances = instances(&[1.0, 1.0, 1.0, 1.0], Balance::Hash(HashKey::Path));
            let of = |number: usize| {
                name(&instances.choose(&call(&format!("/users/{number}?x={number}")), None, clock::moment()).unwrap())
            };
            let before: Vec<String> = (0..1000).map(of).collect();
            for name in ["a", "b", "c", "d"] {
                let share = before.iter().filter(|other| *other == name).count();
                assert!((180..320).contains(&share), "{name}: {share}");
            }
            let gone = &instances.all()[1];
            gone.eject(clock::moment(), SECOND);
            for (number, before) in before.iter().enumerate() {
                let after = of(number);
                assert!(*before == after || before == "b", "{number}: {before} → {after}");
                assert_ne!(after, "b");
            }
        });
    }

    #[test]
    fn a_header_can_be_the_key() {
        paused(async {
            let instances = instances(&[1.0, 1.0, 1.0], Balance::Hash(HashKey::Header("x-user".parse().unwrap())));
            let of = |user: &str, path: &str| {
                let mut call = call(path);
                call.headers.insert("x-user", user.parse().unwrap());
                name(&instances.choose(&call, None, clock::moment()).unwrap())
            };
            for user in ["ann", "ben", "cem", "dan", "eva"] {
                assert_eq!(of(user, "/1"), of(user, "/2"));
            }
        });
    }

    #[test]
    fn who_fails_in_a_row_is_left_alone_for_a_while() {
        paused(async {
            let instances = instances(&[1.0, 1.0, 1.0], Balance::RoundRobin);
            let bad = Arc::clone(&instances.all()[0]);
            fail(&instances, &bad);
            fail(&instances, &bad);
            bad.begin(clock::moment()).end(Verdict::Good, clock::moment());
            fail(&instances, &bad);
            fail(&instances, &bad);
            assert!(!bad.is_ejected(clock::moment()), "never three in a row");
            fail(&instances, &bad);
            assert!(bad.is_ejected(clock::moment()));
            assert_eq!(shares(&instances, 30, |_| "/".to_owned()).get("a"), None);
            advance(10 * SECOND);
            assert!(shares(&instances, 30, |_| "/".to_owned()).contains_key("a"));
            fail(&instances, &bad);
            assert!(bad.is_ejected(clock::moment()), "once is enough for who has just come back");
        });
    }

    #[test]
    fn a_share_of_the_instances_stays() {
        paused(async {
            let instances = instances(&[1.0, 1.0, 1.0], Balance::P2c);
            for instance in instances.all().iter() {
                (0..5).for_each(|_| fail(&instances, instance));
            }
            let now = clock::moment();
            assert_eq!(instances.all().iter().filter(|instance| instance.is_ejected(now)).count(), 1);
        });
    }

    #[test]
    fn when_all_are_ill_some_are_tried() {
        paused(async {
            let instances = instances(&[1.0, 1.0], Balance::RoundRobin);
            for instance in instances.all().iter() {
                instances.checked(instance, false, 1, 1);
            }
            assert_eq!(shares(&instances, 4, |_| "/".to_owned()).len(), 2);
        });
    }

    #[test]
    fn the_next_try_goes_elsewhere() {
        paused(async {
            let instances = instances(&[1.0, 1.0, 1.0], Balance::P2c);
            let tried = Tried::default();
            let mut seen: Vec<String> =
                (0..3).map(|_| name(&instances.choose(&call("/"), Some(&tried), clock::moment()).unwrap())).collect();
            seen.sort();
            assert_eq!(seen, ["a", "b", "c"]);
            assert!(!instances.has_other(&tried));
            assert!(
                instances.choose(&call("/"), Some(&tried), clock::moment()).is_some(),
                "rather the same again than none"
            );
        });
    }

    #[test]
    fn named_calls_go_to_the_canary_and_others_by_its_weight() {
        paused(async {
            let canary = |value: Option<&str>| {
                let header = "x-canary".parse().unwrap();
                Some(crate::config::Canary { header, value: value.map(str::to_owned) })
            };
            let instances = |weight: f64, value: Option<&str>| {
                let new = Url { weight, canary: canary(value), ..Url::from("http://new") };
                Instances::new(&UpstreamSpec {
                    urls: vec!["http://a".into(), "http://b".into(), new],
                    balance: Balance::RoundRobin,
                    ..UpstreamSpec::named("catalog")
                })
            };
            let counts = |instances: &Instances, value: Option<&str>| {
                let mut asked = call("/");
                if let Some(value) = value {
                    asked.headers.insert("x-canary", value.parse().unwrap());
                }
                (0..120).filter(|_| name(&instances.choose(&asked, None, clock::moment()).unwrap()) == "new").count()
            };
            let only = instances(0.0, Some("beta"));
            assert_eq!(counts(&only, Some("beta")), 120);
            assert_eq!((counts(&only, Some("alpha")), counts(&only, None)), (0, 0));
            assert_eq!(counts(&instances(0.0, None), Some("whatever")), 120);
            let shared = instances(0.5, Some("beta"));
            assert_eq!((counts(&shared, Some("beta")), counts(&shared, None)), (120, 24));
            // Answered elsewhere when it is ill, and on the next try.
            let tried = Tried::default();
            let mut named = call("/");
            named.headers.insert("x-canary", "beta".parse().unwrap());
            let order: Vec<String> =
                (0..3).map(|_| name(&only.choose(&named, Some(&tried), clock::moment()).unwrap())).collect();
            assert_eq!(order, ["new", "a", "b"]);
            only.checked(&only.all()[2], false, 1, 1);
            assert_eq!(counts(&only, Some("beta")), 0);
        });
    }

    #[test]
    fn our_zone_is_asked_first_while_half_of_it_is_well() {
        paused(async {
            let at = |name: &str, zone: &str| Url { zone: Some(zone.to_owned()), ..Url::from(name) };
            let urls = vec![at("http://a", "one"), at("http://b", "one"), at("http://c", "two"), at("http://d", "two")];
            let instances = |zone: Option<&str>| {
                let (zone, urls, balance) = (zone.map(str::to_owned), urls.clone(), Balance::RoundRobin);
                Instances::new(&UpstreamSpec { urls, balance, zone, ..UpstreamSpec::named("catalog") })
            };
            let seen = |instances: &Instances| {
                let mut seen: Vec<String> = shares(instances, 40, |_| "/".to_owned()).into_keys().collect();
                seen.sort();
                seen.concat()
            };
            assert_eq!(seen(&instances(None)), "abcd");
            assert_eq!(seen(&instances(Some("three"))), "abcd");
            let one = instances(Some("one"));
            assert_eq!(seen(&one), "ab");
            let tried = Tried::default();
            let order: Vec<String> =
                (0..3).map(|_| name(&one.choose(&call("/"), Some(&tried), clock::moment()).unwrap())).collect();
            assert!(["c", "d"].contains(&order[2].as_str()), "the third goes elsewhere: {order:?}");
            one.checked(&one.all()[0], false, 1, 1);
            assert_eq!(seen(&one), "b", "half of it");
            one.checked(&one.all()[1], false, 1, 1);
            assert_eq!(seen(&one), "cd");
        });
    }

    #[test]
    fn the_lowest_priority_that_can_be_reached_is_asked() {
        paused(async {
            let instances = instances(&[1.0, 1.0], Balance::RoundRobin);
            let place = |name: &str, priority: u16| Place { priority, ..Place::at(&format!("http://{name}")) };
            instances.replace(vec![place("c", 20), place("a", 10), place("b", 10), place("d", 30)]);
            let seen = || {
                let mut seen: Vec<String> = shares(&instances, 40, |_| "/".to_owned()).into_keys().collect();
                seen.sort();
                seen.concat()
            };
            assert_eq!(seen(), "ab");
            let tried = Tried::default();
            let order: Vec<String> =
                (0..4).map(|_| name(&instances.choose(&call("/"), Some(&tried), clock::moment()).unwrap())).collect();
            assert!(["abcd", "bacd"].contains(&order.concat().as_str()), "{order:?}");
            let ill = |name: &str| {
                let list = instances.all();
                let found = list.iter().find(|instance| *instance.place.base == *format!("http://{name}")).unwrap();
                instances.checked(found, false, 1, 1);
            };
            ill("a");
            assert_eq!(seen(), "b");
            ill("b");
            assert_eq!(seen(), "c");
            ill("c");
            assert_eq!(seen(), "d");
            ill("d");
            assert_eq!(seen(), "abcd", "some are tried rather than none");
        });
    }

    #[test]
    fn what_is_known_of_places_that_stay_is_kept() {
        paused(async {
            let instances = instances(&[1.0, 1.0], Balance::P2c);
            let first = Arc::clone(&instances.all()[0]);
            let new = Place::at("http://new");
            instances.replace(vec![new.clone(), first.place.clone(), new]);
            let list = instances.all();
            assert_eq!(list.len(), 2, "twins are one");
            assert!(Arc::ptr_eq(&list[1], &first));
            assert!(list[0].weight(clock::moment(), SECOND) < 1.0, "a new one begins slowly");
            assert_ne!(list[0].id, list[1].id);
        });
    }
}
