//! Against a model with integer arithmetic of its own, on a clock that stands still.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

/// Limits whose clock is moved by hand.
struct World {
    now: Arc<AtomicU64>,
    rates: Rates,
}

impl World {
    fn new(limits: &[RateLimit]) -> Self {
        let now = Arc::new(AtomicU64::new(0));
        let rates = Rates::with(limits, &[], |limit| Arc::new(Shares::new(limit, Clock::still(&now))));
        Self { now, rates }
    }

    fn pass(&self, nanos: u64) {
        self.now.fetch_add(nanos, Relaxed);
    }

    fn ask(&self, ip: &str, cost: u64) -> Result<Charge<'_>, Refusal> {
        let (identity, headers) = (Identity::default(), HeaderMap::new());
        let peer = ip.parse().ok();
        self.rates.charge(&Spender { identity: &identity, headers: &headers, peer, operation: None }, cost)
    }
}

fn limit(by: RateBy, unit: RateUnit, amount: u32, burst: u32) -> RateLimit {
    let per = Duration::from_secs(10);
    RateLimit { name: "l".to_owned(), by, unit, amount, per, burst, keys_max: 1000 }
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
    fn what_is_given_back_counts(spends in proptest::collection::vec((1..50_u64, 0..50_u64), 1..40)) {
        let world = World::new(&[limit(RateBy::Global, RateUnit::Cost, 100, 500)]);
        let mut left = 500_u64;
        for (estimate, actual) in spends {
            let actual = actual.min(estimate);
            match world.ask("192.0.2.1", estimate) {
                Ok(charge) => {
                    prop_assert!(estimate <= left);
                    let mut headers = Vec::new();
                    charge.settle(Some(actual), &mut headers);
                    left -= actual;
                    prop_assert!(told(&headers, &STATE).starts_with(&format!("\"l\";r={left};")), "{headers:?} {left}");
                }
                Err(_) => prop_assert!(estimate > left, "{estimate} of {left}"),
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
    let store = &world.rates.rules[0].shares.store;
    let mut let_in = 0;
    for at in 0..1_000_000_u32 {
        let ip = std::net::Ipv4Addr::from_bits(0x0A00_0000 + at).to_string();
        let_in += u32::from(world.ask(&ip, 1).is_ok());
    }
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
        world.rates.charge(&Spender { identity: &identity, headers: &headers, peer: None, operation }, 1).is_ok()
    };
    assert!(ask(&by_header, Some("a"), None) && ask(&by_header, Some("b"), None) && !ask(&by_header, Some("a"), None));
    assert!(ask(&by_header, None, None) && !ask(&by_header, None, None), "those without it share one");
    assert!(ask(&by_name, None, Some("A")) && ask(&by_name, None, Some("B")) && !ask(&by_name, None, Some("A")));
}

#[test]
fn state_is_kept_over_reloads_where_the_limit_is_the_same() {
    let kept = Kept::default();
    let limits = [limit(RateBy::Global, RateUnit::Requests, 1, 1)];
    let (identity, headers) = (Identity::default(), HeaderMap::new());
    let spender = Spender { identity: &identity, headers: &headers, peer: None, operation: None };
    let first = Rates::new(&limits, &[], &kept);
    assert!(first.charge(&spender, 1).is_ok());
    let second = Rates::new(&limits, &[], &kept);
    assert!(second.charge(&spender, 1).is_err());
    let other = [RateLimit { amount: 2, ..limits[0].clone() }];
    assert!(Rates::new(&other, &[], &kept).charge(&spender, 1).is_ok());
}
