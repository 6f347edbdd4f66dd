//! Against a model with integer arithmetic of its own, on a clock that stands still.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::FutureExt as _;
use http::header;
use proptest::prelude::*;

use super::{
    told::{POLICY, STATE},
    *,
};
use crate::{
    config::{QuotaPeriod, RateFor},
    error::ErrorCode,
};

const SECOND: u64 = 1_000_000_000;

/// Limits whose clock is moved by hand.
struct World {
    now: Arc<AtomicU64>,
    rates: Rates,
}

impl World {
    fn new(limits: &[RateLimit]) -> Self {
        let now = Arc::new(AtomicU64::new(0));
        let rates = Rates::with(limits, &[], |limit| Arc::new(Shares::new(limit, Clock::still(&now), Keys::own())));
        Self { rates: Rates { clock: Clock::still(&now), ..rates }, now }
    }

    fn pass(&self, nanos: u64) {
        self.now.fetch_add(nanos, Relaxed);
    }

    fn ask(&self, ip: &str, cost: u64) -> Result<Charge<'_>, Refusal> {
        self.ask_as(&Identity::default(), ip, cost)
    }

    fn ask_as(&self, identity: &Identity, ip: &str, cost: u64) -> Result<Charge<'_>, Refusal> {
        let peer = ip.parse().ok();
        charge(&self.rates, &Spender { identity, headers: &HeaderMap::new(), peer, operation: None }, cost)
    }
}

/// In memory nobody waits for anything.
fn charge<'a>(rates: &'a Rates, spender: &Spender<'_>, cost: u64) -> Result<Charge<'a>, Refusal> {
    rates.charge(spender, cost).now_or_never().expect("an answer at once")
}

fn limit(by: RateBy, unit: RateUnit, amount: u32, burst: u32) -> RateLimit {
    let per = Duration::from_secs(10);
    RateLimit { name: "l".to_owned(), by, callers: RateFor::All, unit, amount, per, burst, keys_max: 1000 }
}

fn told(headers: &[(HeaderName, HeaderValue)], name: &HeaderName) -> String {
    let value = headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// A bucket that holds `burst` and fills by `amount` in ten seconds, reckoned in parts of a nanosecond: over the whole schedule, and
    /// for each key, what is let in differs by one at most.
    #[test]
    fn exact_to_one_request_over_random_schedules(
        amount in 1..200_u32,
        burst in 1..50_u32,
        steps in proptest::collection::vec((0..3_u8, 0..2_000_000_000_u64), 1..300),
    ) {
        let world = World::new(&[limit(RateBy::Ip, RateUnit::Requests, amount, burst)]);
        // Level in units of 1 / (10 s in nanoseconds) of a request.
        let full = u128::from(burst) * u128::from(10 * SECOND);
        let mut model: HashMap<u8, (u128, u64)> = HashMap::new();
        let mut let_in: HashMap<u8, (i64, i64)> = HashMap::new();
        for (key, pause) in steps {
            world.pass(pause);
            let now = world.now.load(Relaxed);
            let (level, at) = model.entry(key).or_insert((full, now));
            *level = full.min(*level + u128::from(now - *at) * u128::from(amount));
            *at = now;
            let counts = let_in.entry(key).or_default();
            if *level >= u128::from(10 * SECOND) {
                *level -= u128::from(10 * SECOND);
                counts.0 += 1;
            }
            counts.1 += i64::from(world.ask(&format!("192.0.2.{key}"), 1).is_ok());
            prop_assert!((counts.0 - counts.1).abs() <= 1, "{counts:?}");
        }
    }

    /// What is charged and given back is as if only the actual cost had been charged.
    #[test]
    fn what_is_settled_counts(spends in proptest::collection::vec((1..50_u64, 0..70_u64), 1..40)) {
        let world = World::new(&[limit(RateBy::Global, RateUnit::Cost, 100, 500)]);
        let mut left = 500_u64;
        for (estimate, actual) in spends {
            match world.ask("192.0.2.1", estimate) {
                Ok(charge) => {
                    prop_assert!(estimate <= left);
                    let mut headers = Vec::new();
                    charge.settle(Some(actual), &mut headers);
                    left = left.saturating_sub(actual);
                    prop_assert!(told(&headers, &STATE).starts_with(&format!("\"l\";r={left};")), "{headers:?} {left}");
                }
                Err(_) => prop_assert!(estimate > left, "{estimate} of {left}"),
            }
        }
    }

    /// Three limits at once, of requests and of cost, whose arithmetic has no remainders: every decision and every number that callers
    /// are told is the model's. A request that one of them refuses takes nothing of the others.
    #[test]
    fn several_limits_at_once_are_as_a_model_has_them(
        requests in prop_oneof![Just(5_u32), Just(20), Just(100)], burst in 1..20_u32,
        cost in prop_oneof![Just(50_u32), Just(1000)], cost_burst in 20..400_u32,
        steps in proptest::collection::vec((0..3_u8, 0..900_u64, 1..40_u64, 0..60_u64), 1..200),
    ) {
        let named = |name: &str, limit: RateLimit| RateLimit { name: name.to_owned(), ..limit };
        let limits = [
            named("a", limit(RateBy::Ip, RateUnit::Requests, requests, burst)),
            named("b", limit(RateBy::Ip, RateUnit::Cost, cost, cost_burst)),
            named("c", limit(RateBy::Global, RateUnit::Requests, 100, 30)),
        ];
        let world = World::new(&limits);
        // Milliseconds until all is back, by limit and key.
        let mut behind: HashMap<(usize, u8), u64> = HashMap::new();
        let paces = limits.clone().map(|limit| 10_000 / u64::from(limit.amount));
        for (key, pause, estimate, actual) in steps {
            world.pass(pause * 1_000_000);
            for level in behind.values_mut() {
                *level = level.saturating_sub(pause);
            }
            let of = |at: usize| (at, if at == 2 { 0 } else { key });
            let number = |at: usize, cost: u64| if at == 1 { cost } else { 1 };
            let most = |at: usize| u64::from(limits[at].burst) * paces[at];
            let before = behind.clone();
            let level = |at: usize| before.get(&of(at)).copied().unwrap_or(0);
            let refused = (0..3).find(|at| number(*at, estimate) > u64::from(limits[*at].burst));
            let refused = refused.or_else(|| (0..3).find(|at| level(*at) + number(*at, estimate) * paces[*at] > most(*at)));
            match (world.ask(&format!("192.0.2.{key}"), estimate), refused) {
                (Err(refusal), Some(at)) => {
                    prop_assert_eq!(&refusal.errors[0].extensions["limit"], limits[at].name.as_str());
                }
                (Ok(charge), None) => {
                    let mut headers = Vec::new();
                    charge.settle(Some(actual), &mut headers);
                    let mut states = Vec::new();
                    for at in 0..3 {
                        let taken = level(at) + number(at, estimate) * paces[at];
                        let spent = level(at) + number(at, actual) * paces[at];
                        let next = spent.min(taken.max(2 * most(at)));
                        behind.insert(of(at), next);
                        let left = most(at).saturating_sub(next) / paces[at];
                        states.push(format!("\"{}\";r={left};t={}", limits[at].name, next.div_ceil(1000)));
                    }
                    prop_assert_eq!(told(&headers, &STATE), states.join(", "));
                }
                (outcome, refused) => prop_assert!(false, "{outcome:?}, and the model says {refused:?}"),
            }
        }
    }
}

#[test]
fn who_is_refused_learns_when_to_come_back_and_is_let_in_then() {
    let world = World::new(&[limit(RateBy::Ip, RateUnit::Requests, 4, 2)]);
    let mut headers = Vec::new();
    world.ask("192.0.2.1", 1).unwrap().settle(None, &mut headers);
    assert_eq!(told(&headers, &POLICY), r#""l";q=4;w=10"#);
    assert_eq!(told(&headers, &STATE), r#""l";r=1;t=3"#);
    let _ = world.ask("192.0.2.1", 1).unwrap();
    let refusal = world.ask("192.0.2.1", 1).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::RateLimited);
    assert_eq!(refusal.errors[0].message, "the limit `l` of 4 requests per 10s is used up: try again in 3 s");
    assert_eq!(refusal.errors[0].extensions["limit"], "l");
    assert_eq!(told(&refusal.headers, &header::RETRY_AFTER), "3");
    assert_eq!(told(&refusal.headers, &STATE), r#""l";r=0;t=5"#);
    assert!(world.ask("192.0.2.2", 1).is_ok(), "another caller has another share");
    world.pass(2 * SECOND);
    assert!(world.ask("192.0.2.1", 1).is_err(), "too early");
    world.pass(SECOND);
    assert!(world.ask("192.0.2.1", 1).is_ok());
}

#[test]
fn what_never_fits_is_told_apart() {
    let world = World::new(&[limit(RateBy::Global, RateUnit::Cost, 100, 50)]);
    let refusal = world.ask("192.0.2.1", 51).unwrap_err();
    let message =
        "the operation may cost 51, and the limit `l` allows at most 50 at once: ask for less, waiting does not help";
    assert_eq!(refusal.errors[0].message, message);
    assert_eq!(told(&refusal.headers, &header::RETRY_AFTER), "");
    assert!(world.ask("192.0.2.1", u64::MAX).is_err(), "nothing wraps");
    assert!(world.ask("192.0.2.1", 50).is_ok(), "and it took nothing");
    assert!(world.ask("192.0.2.1", 0).is_err(), "what is free is let in only where something is left");
}

#[test]
fn a_refused_request_takes_nothing_of_the_other_limits() {
    let first = limit(RateBy::Ip, RateUnit::Requests, 10, 10);
    let second = RateLimit { name: "all".to_owned(), ..limit(RateBy::Global, RateUnit::Requests, 10, 3) };
    let world = World::new(&[first, second]);
    for _ in 0..3 {
        let _ = world.ask("192.0.2.1", 1).unwrap();
    }
    for _ in 0..20 {
        assert_eq!(world.ask("192.0.2.1", 1).unwrap_err().errors[0].extensions["limit"], "all");
    }
    world.pass(SECOND);
    let mut headers = Vec::new();
    world.ask("192.0.2.1", 1).unwrap().settle(None, &mut headers);
    assert_eq!(told(&headers, &STATE), r#""l";r=7;t=3, "all";r=0;t=3"#);
}

#[test]
fn a_million_keys_take_no_more_than_the_maximum_and_gain_nothing() {
    let limits = [RateLimit { keys_max: 1600, ..limit(RateBy::Ip, RateUnit::Requests, 10, 2) }];
    let world = World::new(&limits);
    let known = "198.51.100.7";
    assert!(world.ask(known, 1).is_ok() && world.ask(known, 1).is_ok());
    let shares = &world.rates.rules[0].shares;
    let store = &shares.store;
    // Without the words of a million refusals.
    let key = |at: u32| address::key(std::net::Ipv4Addr::from_bits(0x0A00_0000 + at).into());
    let let_in = (0..1_000_000_u32).filter(|at| shares.take(key(*at), 1).is_ok()).count();
    assert!(store.len() <= 1600, "{} keys", store.len());
    assert!((1500..=1602).contains(&let_in), "those that are told apart, and the share of all others: {let_in}");
    assert!(world.ask(known, 1).is_err(), "the flood pushes nobody out");
    // When the shares are whole again, the keys are forgotten for new ones.
    world.pass(20 * SECOND);
    assert!(world.ask("203.0.113.1", 1).is_ok() && world.ask("203.0.113.1", 1).is_ok());
    assert!(store.len() < 1600, "{} keys", store.len());
}

#[test]
fn callers_are_told_apart_by_what_the_limit_says() {
    let by_header = World::new(&[limit(RateBy::Header(HeaderName::from_static("x-app")), RateUnit::Requests, 10, 1)]);
    let by_name = World::new(&[limit(RateBy::Operation, RateUnit::Requests, 10, 1)]);
    let identity = Identity::default();
    let ask = |world: &World, app: Option<&str>, operation: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.extend(app.map(|app| (HeaderName::from_static("x-app"), HeaderValue::from_str(app).unwrap())));
        charge(&world.rates, &Spender { identity: &identity, headers: &headers, peer: None, operation }, 1).is_ok()
    };
    assert!(ask(&by_header, Some("a"), None) && ask(&by_header, Some("b"), None) && !ask(&by_header, Some("a"), None));
    assert!(ask(&by_header, None, None) && !ask(&by_header, None, None), "those without it share one");
    assert!(ask(&by_name, None, Some("A")) && ask(&by_name, None, Some("B")) && !ask(&by_name, None, Some("A")));
}

#[test]
fn a_limit_can_be_for_some_callers_only() {
    let of = |callers, name: &str| {
        let limit = limit(RateBy::ApiKey, RateUnit::Requests, 10, 1);
        RateLimit { name: name.to_owned(), callers, ..limit }
    };
    let world = World::new(&[of(RateFor::Anonymous, "strangers"), of(RateFor::ApiKey, "keys")]);
    let (ann, bob) = (Identity::of_key("ann", None), Identity::of_key("bob", None));
    let mut headers = Vec::new();
    world.ask("192.0.2.1", 1).unwrap().settle(None, &mut headers);
    assert_eq!(told(&headers, &POLICY), r#""strangers";q=10;w=10"#);
    assert!(world.ask("192.0.2.2", 1).is_err(), "strangers have one share");
    assert!(world.ask_as(&ann, "192.0.2.1", 1).is_ok() && world.ask_as(&bob, "192.0.2.1", 1).is_ok());
    assert!(world.ask_as(&ann, "192.0.2.1", 1).is_err());
    let world = World::new(&[of(RateFor::Token, "tokens")]);
    let mut headers = Vec::new();
    world.ask_as(&ann, "192.0.2.1", 1).unwrap().settle(None, &mut headers);
    assert!(headers.is_empty(), "no limit concerns it");
}

#[test]
fn a_quota_is_of_its_key_and_begins_anew_with_the_month() {
    let world = World::new(&[]);
    let quota = |unit, amount, per| Some(Quota { unit, amount, per });
    let ann = Identity::of_key("ann", quota(RateUnit::Requests, 3, QuotaPeriod::Month));
    let bob = Identity::of_key("bob", quota(RateUnit::Requests, 3, QuotaPeriod::Day));
    // The last hour of January 1970.
    world.pass((31 * 24 - 1) * 3600 * SECOND);
    let mut headers = Vec::new();
    world.ask_as(&ann, "192.0.2.1", 1).unwrap().settle(Some(1), &mut headers);
    assert_eq!(told(&headers, &POLICY), r#""quota";q=3;w=2678400"#);
    assert_eq!(told(&headers, &STATE), r#""quota";r=2;t=3600"#);
    assert!(world.ask_as(&ann, "192.0.2.1", 1).is_ok() && world.ask_as(&ann, "192.0.2.1", 1).is_ok());
    let refusal = world.ask_as(&ann, "192.0.2.1", 1).unwrap_err();
    assert_eq!(refusal.errors[0].message, "the quota of 3 requests per month is used up: it begins anew in 3600 s");
    assert_eq!(told(&refusal.headers, &header::RETRY_AFTER), "3600");
    assert!(world.ask_as(&bob, "192.0.2.1", 1).is_ok(), "another key has its own");
    assert!(world.ask("192.0.2.1", 1).is_ok(), "and no key has none");
    world.pass(3599 * SECOND);
    assert!(world.ask_as(&ann, "192.0.2.1", 1).is_err());
    world.pass(SECOND);
    assert_eq!((0..9).filter(|_| world.ask_as(&ann, "192.0.2.1", 1).is_ok()).count(), 3, "February");
}

#[test]
fn a_quota_of_cost_is_settled_by_what_answers_cost() {
    let world = World::new(&[]);
    let ann = Identity::of_key("ann", Some(Quota { unit: RateUnit::Cost, amount: 100, per: QuotaPeriod::Day }));
    let spend = |estimate: u64, actual: u64| {
        let mut headers = Vec::new();
        let charge = world.ask_as(&ann, "192.0.2.1", estimate).map_err(|refusal| refusal.errors[0].message.clone())?;
        charge.settle(Some(actual), &mut headers);
        Ok::<_, String>(told(&headers, &STATE).split(";t=").next().unwrap_or_default().to_owned())
    };
    assert_eq!(spend(90, 10).unwrap(), r#""quota";r=90"#);
    assert_eq!(spend(90, 95).unwrap(), r#""quota";r=0"#);
    assert!(spend(1, 1).unwrap_err().starts_with("the quota of 100 in cost per day is used up"));
    assert!(spend(101, 1).unwrap_err().contains("waiting does not help"));
}

#[test]
fn state_is_kept_over_reloads_where_the_limit_is_the_same() {
    let kept = Kept::default();
    let limits = [limit(RateBy::Global, RateUnit::Requests, 1, 1)];
    let (identity, headers) = (Identity::default(), HeaderMap::new());
    let spender = Spender { identity: &identity, headers: &headers, peer: None, operation: None };
    let first = Rates::new(&limits, &[], &RateStore::Memory, &kept);
    assert!(charge(&first, &spender, 1).is_ok());
    let second = Rates::new(&limits, &[], &RateStore::Memory, &kept);
    assert!(charge(&second, &spender, 1).is_err());
    let other = [RateLimit { amount: 2, ..limits[0].clone() }];
    assert!(charge(&Rates::new(&other, &[], &RateStore::Memory, &kept), &spender, 1).is_ok());
}
