//! The second tier, in a real Redis: what gateways share, what they forget together, and that nobody misses it when it is gone.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use weft::upstream::Clock;

use super::{
    script::How,
    world::{Answer, Service, World},
};
use crate::support::{raw::Upstream, redis::Redis, runtime};

const REPLIES: &str = "weft:cache:reply:";

/// Several gateways over one service and one Redis.
struct Fleet {
    redis: Redis,
    upstream: Upstream,
    service: Arc<Mutex<Service>>,
    gateways: Vec<World>,
    warmed: AtomicUsize,
}

impl Fleet {
    /// `None`: there is no Redis here.
    async fn start(count: usize) -> Option<Self> {
        let redis = Redis::start()?;
        let always = |control: &str| (200, vec![("cache-control".to_owned(), control.to_owned())]);
        let service = Service { reply: always("max-age=600"), written: (200, Vec::new()), ..Service::default() };
        let service = Arc::new(Mutex::new(service));
        let shared = Arc::clone(&service);
        let upstream = Upstream::start(move |seen| shared.lock().expect("no panic in the stub").behave(seen)).await;
        let mut fleet = Self { redis, upstream, service, gateways: Vec::new(), warmed: AtomicUsize::new(0) };
        for _ in 0..count {
            fleet.join().await;
        }
        Some(fleet)
    }

    /// Adds a gateway, and waits until it keeps replies in Redis.
    async fn join(&mut self) {
        let yaml = format!("cache: {{ redis: {{ url: \"{}\", timeout: 500ms }} }}\n", self.redis.url());
        self.gateways.push(World::over(self.upstream.clone(), Arc::clone(&self.service), &yaml).await);
        self.settled(self.gateways.len() - 1).await;
    }

    /// Waits until a gateway keeps replies in Redis.
    async fn settled(&self, gateway: usize) {
        let before = self.redis.keys(REPLIES).len();
        until("replies are kept in Redis", async || {
            self.ask(gateway, &format!("warm-{}", self.warmed.fetch_add(1, Ordering::Relaxed))).await;
            self.redis.keys(REPLIES).len() > before
        })
        .await;
    }

    /// What one of them answers for an item.
    async fn ask(&self, gateway: usize, id: &str) -> Answer {
        self.gateways[gateway].ask(How::Plain, id, &[]).await
    }

    /// The number that the service gave when it was asked for what is answered now.
    async fn number(&self, gateway: usize, id: &str) -> i64 {
        let answer = self.ask(gateway, id).await;
        answer.body["data"]["it"]["n"].as_i64().unwrap_or_else(|| panic!("no answer: {}", answer.body))
    }

    /// Asks, and waits until the reply is in Redis.
    async fn kept(&self, gateway: usize, id: &str) -> i64 {
        let before = self.redis.keys(REPLIES).len();
        let number = self.number(gateway, id).await;
        until("the reply is in Redis", async || self.redis.keys(REPLIES).len() > before).await;
        number
    }

    fn says(&self, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.service.lock().expect("no panic in the stub").reply = (200, headers.collect());
    }

    fn reads(&self) -> usize {
        self.gateways[0].reads()
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn what_one_gateway_asked_for_another_need_not_ask() {
    runtime().block_on(async {
        let Some(fleet) = Fleet::start(2).await else { return };
        let number = fleet.kept(0, "1").await;
        let reads = fleet.reads();
        let answer = fleet.ask(1, "1").await;
        assert_eq!(answer.body["data"]["it"]["n"], number);
        assert!(answer.header("cache-status").is_some_and(|status| status.starts_with("weft;hit;ttl=")));
        let lived: u64 = answer.header("age").and_then(|age| age.parse().ok()).expect("an age");
        assert!(lived < 60, "aged {lived} s");
        assert_eq!(fleet.reads(), reads, "the service was asked");
        // From memory, then.
        fleet.redis.signal("-STOP");
        assert_eq!(fleet.number(1, "1").await, number);
        assert_eq!(fleet.reads(), reads);
    });
}

#[test]
fn a_reply_goes_on_ageing_in_redis() {
    runtime().block_on(async {
        let Some(fleet) = Fleet::start(2).await else { return };
        fleet.says(&[("cache-control", "max-age=600"), ("age", "598")]);
        let number = fleet.kept(0, "1").await;
        until("it is stale for the other gateway too", async || fleet.number(1, "1").await > number).await;
    });
}

#[test]
fn a_reply_in_redis_is_nobody_elses() {
    runtime().block_on(async {
        let Some(fleet) = Fleet::start(2).await else { return };
        fleet.says(&[("cache-control", "public, max-age=600")]);
        let who = |name: &str| vec![("authorization".to_owned(), format!("Bearer {name}"))];
        for caller in ["a", "b", "c", "a"] {
            let headers = who(caller);
            for gateway in &fleet.gateways {
                let answer = gateway.ask(How::Plain, "1", &headers).await;
                assert_eq!(answer.body["data"]["it"]["who"], headers[0].1, "{}", answer.body);
            }
        }
        // What only its caller may have is not there at all.
        fleet.says(&[("cache-control", "private, max-age=600")]);
        let before = fleet.redis.keys(REPLIES).len();
        fleet.gateways[0].ask(How::Plain, "2", &who("a")).await;
        fleet.kept_after_private(before).await;
    });
}

impl Fleet {
    /// That nothing came to Redis since: what comes later comes after.
    async fn kept_after_private(&self, before: usize) {
        self.says(&[("cache-control", "max-age=600")]);
        self.kept(0, "afterwards").await;
        assert_eq!(self.redis.keys(REPLIES).len(), before + 1);
    }
}

#[test]
fn a_purge_by_tag_reaches_redis_and_the_other_gateways() {
    runtime().block_on(async {
        let Some(mut fleet) = Fleet::start(2).await else { return };
        fleet.says(&[("cache-control", "max-age=600"), ("cache-tag", "red, round")]);
        let tagged = fleet.kept(0, "1").await;
        fleet.says(&[("cache-control", "max-age=600"), ("cache-tag", "blue")]);
        let other = fleet.kept(0, "2").await;
        assert_eq!((fleet.number(1, "1").await, fleet.number(1, "2").await), (tagged, other), "both have it");
        let (status, answer) = fleet.gateways[0].purge(&json!({ "tags": ["round"] })).await;
        assert_eq!((status, answer), (200, json!({ "purged": 1, "redis": "purged" })));
        // A gateway that had it in memory, one that never had, and the one that was told.
        until("the other gateway has heard of it", async || fleet.number(1, "1").await > tagged).await;
        fleet.join().await;
        for gateway in 0..3 {
            assert!(fleet.number(gateway, "1").await > tagged, "gateway {gateway}");
            assert_eq!(fleet.number(gateway, "2").await, other, "gateway {gateway}");
        }
        let all = fleet.gateways[2].purge(&json!({ "all": true })).await;
        assert_eq!(all.1["redis"], "purged");
        // Each hears of it by itself.
        for gateway in [0, 1] {
            until("everything is gone everywhere", async || fleet.number(gateway, "2").await > other).await;
        }
    });
}

#[test]
fn a_write_through_one_gateway_is_seen_through_another() {
    runtime().block_on(async {
        let Some(mut fleet) = Fleet::start(2).await else { return };
        let before = fleet.kept(0, "1").await;
        assert_eq!(fleet.number(1, "1").await, before);
        let answer = fleet.gateways[0].write("PUT", "1").await;
        assert!(answer.body.get("errors").is_none(), "{}", answer.body);
        assert!(fleet.number(0, "1").await > before, "who wrote sees it at once");
        fleet.join().await;
        assert!(fleet.number(2, "1").await > before, "who has nothing in memory sees it at once");
        until("the other one sees it", async || fleet.number(1, "1").await > before).await;
    });
}

/// A purge that could not be told, and one that Redis forgot: it comes back with what it had saved before both.
#[test]
fn what_was_purged_does_not_come_back_with_an_old_dump() {
    runtime().block_on(async {
        let Some(mut fleet) = Fleet::start(1).await else { return };
        fleet.says(&[("cache-control", "max-age=600"), ("cache-tag", "t")]);
        let (told, untold) = (fleet.kept(0, "1").await, fleet.kept(0, "2").await);
        assert!(fleet.redis.ask(&[b"SAVE"]).starts_with("+OK"));
        assert_eq!(fleet.gateways[0].write("PUT", "1").await.status, 200);
        fleet.redis.kill();
        until("the purge waits for Redis", async || {
            let (status, answer) = fleet.gateways[0].purge(&json!({ "tags": ["t"] })).await;
            assert_eq!(status, 200);
            answer["redis"] == "pending"
        })
        .await;
        fleet.redis.restart();
        assert!(!fleet.redis.keys(REPLIES).is_empty(), "it came back with its data");
        fleet.settled(0).await;
        fleet.join().await;
        assert!(fleet.number(1, "1").await > told);
        assert!(fleet.number(1, "2").await > untold);
    });
}

#[test]
fn bytes_that_are_no_reply_are_passed_over() {
    runtime().block_on(async {
        let Some(fleet) = Fleet::start(2).await else { return };
        let number = fleet.kept(0, "1").await;
        for key in fleet.redis.keys(REPLIES) {
            fleet.redis.ask(&[b"HSET", key.as_bytes(), b"reply", b"\x01\xc8\x00 nonsense"]);
        }
        assert!(fleet.number(1, "1").await > number);
        // And one that is of another kind makes the script fail.
        for key in fleet.redis.keys(REPLIES) {
            fleet.redis.ask(&[b"SET", key.as_bytes(), b"x"]);
        }
        for id in 0..10 {
            assert!(fleet.number(1, &format!("warm-{id}")).await > 0);
        }
    });
}

/// Asks without a pause until it is told to stop; every answer has to be whole.
async fn load(fleet: &Fleet, is_over: &AtomicBool) -> (usize, Duration) {
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let started = Instant::now();
        let gateway = count % fleet.gateways.len();
        // Old and new ones: from memory, from Redis, from the service.
        let answer = fleet.ask(gateway, &format!("load-{}", count / 7)).await;
        assert!(answer.body.get("errors").is_none() && answer.body["data"]["it"]["n"].is_i64(), "{}", answer.body);
        longest = longest.max(started.elapsed());
        count += 1;
    }
    (count, longest)
}

#[test]
fn nobody_misses_a_redis_that_is_killed_frozen_and_back() {
    runtime().block_on(async {
        let Some(mut fleet) = Fleet::start(2).await else { return };
        for fault in ["kill", "freeze"] {
            if fault == "kill" {
                fleet.redis.kill();
            } else {
                fleet.redis.signal("-STOP");
            }
            let is_over = AtomicBool::new(false);
            let asked = AtomicUsize::new(0);
            let asks = async {
                // More than enough for the breaker to open and stay open.
                until("a hundred were asked", async || asked.fetch_add(1, Ordering::Relaxed) > 100).await;
                is_over.store(true, Ordering::Relaxed);
            };
            let ((count, longest), ()) = tokio::join!(load(&fleet, &is_over), asks);
            assert!(count > 0);
            assert!(longest < Duration::from_secs(5), "{fault}: one of {count} took {longest:?}");
            if fault == "kill" {
                fleet.redis.restart();
            } else {
                fleet.redis.signal("-CONT");
            }
            for gateway in 0..2 {
                fleet.settled(gateway).await;
            }
            let number = fleet.kept(0, &format!("after {fault}").replace(' ', "-")).await;
            assert_eq!(fleet.number(1, &format!("after-{fault}")).await, number, "shared again");
        }
    });
}

#[test]
fn a_redis_that_was_never_there_costs_nothing() {
    runtime().block_on(async {
        let Some(mut redis) = Redis::start() else { return };
        redis.kill();
        let yaml = format!("cache: {{ redis: \"{}\" }}\n", redis.url());
        let reply = (200, vec![("cache-control".to_owned(), "max-age=600".to_owned())]);
        let service = Arc::new(Mutex::new(Service { reply, clock: Clock::default(), ..Service::default() }));
        let shared = Arc::clone(&service);
        let upstream = Upstream::start(move |seen| shared.lock().expect("no panic in the stub").behave(seen)).await;
        let world = World::over(upstream, service, &yaml).await;
        for _ in 0..2 {
            let answer = world.ask(How::Plain, "1", &[]).await;
            assert_eq!(answer.body["data"]["it"]["n"], 1, "{}", answer.body);
        }
        assert_eq!(world.purge(&json!({ "all": true })).await.1, json!({ "purged": 1, "redis": "pending" }));
    });
}
