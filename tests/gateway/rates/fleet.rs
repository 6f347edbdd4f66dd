//! Limits that several gateways share in a real Redis, and what happens when that is gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, ask, ask_with};
use crate::support::{process::Weft, redis::Redis, runtime};

/// What is asked to see whether Redis is there, from addresses of its own.
const FREE: &str = "query Warm { free }";

/// Gateways with one Redis. `refuse` while it is away, so that no answer can come from somewhere else.
struct Fleet {
    redis: Redis,
    gateways: Vec<Weft>,
    _folders: Vec<Folder>,
}

impl Fleet {
    /// `None`: there is no Redis here.
    async fn start(name: &str, count: usize, away: &str, settings: &Value) -> Option<Self> {
        let redis = Redis::start()?;
        let mut settings = settings.clone();
        settings["rate_limit_store"] = json!({ "redis": redis.url(), "timeout": "500ms", "away": away });
        let folders: Vec<Folder> = (0..count).map(|at| Folder::new(&format!("{name}-{at}"), &settings)).collect();
        let gateways: Vec<Weft> = folders.iter().map(Folder::serve).collect();
        let fleet = Self { redis, gateways, _folders: folders };
        for (at, gateway) in fleet.gateways.iter().enumerate() {
            fleet.connected(at, gateway).await;
        }
        Some(fleet)
    }

    /// Waits until a gateway counts in Redis.
    async fn connected(&self, at: usize, gateway: &Weft) {
        let ip = format!("203.0.113.{at}");
        until("the gateway counts in Redis", async || {
            self.redis.ask(&[b"FLUSHALL"]);
            ask(gateway, FREE, &ip).await;
            !self.redis.keys("weft:").is_empty()
        })
        .await;
        self.redis.ask(&[b"FLUSHALL"]);
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// So many requests at each gateway at once, 8 at a time; how many were let in.
async fn flood(gateways: &[Weft], each: usize, headers: &[(&str, &str)]) -> usize {
    let client = &reqwest::Client::new();
    let workers = gateways.iter().flat_map(|gateway| std::iter::repeat_n(gateway, 8)).map(|gateway| async move {
        let mut let_in = 0;
        for _ in 0..each / 8 {
            let (status, _, body) = ask_with(client, gateway, "{ free }", headers).await;
            assert!(matches!(status, 200 | 429), "{status} {body}");
            let_in += usize::from(status == 200);
        }
        let_in
    });
    futures_util::future::join_all(workers).await.into_iter().sum()
}

#[test]
fn three_gateways_let_in_together_what_one_would() {
    let settings = json!({ "rate_limits": [{ "by": "ip", "requests": 400, "per": "24h" }] });
    runtime().block_on(async {
        let Some(fleet) = Fleet::start("fleet", 3, "refuse", &settings).await else { return };
        // Six hundred ask; one comes back in 216 s.
        let let_in = flood(&fleet.gateways, 200, &[("x-forwarded-for", "198.51.100.1")]).await;
        println!("{let_in} of 400");
        assert!((400..=408).contains(&let_in), "{let_in}: within two in a hundred, and nobody is refused too early");
        let (status, headers, _) = ask(&fleet.gateways[0], "{ free }", "198.51.100.1").await;
        assert_eq!(status, 429);
        assert!(headers["ratelimit"].to_str().unwrap().starts_with(r#""ip";r=0;t=86"#), "{headers:?}");
        assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 216);
        let (status, headers, _) = ask(&fleet.gateways[1], "{ free }", "198.51.100.2").await;
        assert_eq!((status, headers["ratelimit"].to_str().unwrap()), (200, r#""ip";r=399;t=216"#), "another caller");
    });
}

#[test]
fn a_rate_holds_over_time_whoever_is_asked() {
    let settings = json!({ "rate_limits": [{ "by": "ip", "requests": 50, "per": "1s", "burst": 5 }] });
    runtime().block_on(async {
        let Some(fleet) = Fleet::start("fleet-pace", 3, "refuse", &settings).await else { return };
        let started = Instant::now();
        let let_in = flood(&fleet.gateways, 400, &[("x-forwarded-for", "198.51.100.1")]).await;
        let most = 5.0 + started.elapsed().as_secs_f64() * 50.0;
        println!("{let_in} of {most}");
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let let_in = let_in as f64;
        assert!(let_in <= most * 1.02 + 1.0, "{let_in} of {most}");
        assert!(let_in < 1200.0, "more asked than may");
    });
}

#[test]
fn cost_is_settled_for_all_of_them() {
    let settings = json!({ "rate_limits": [{ "by": "ip", "cost": 510, "per": "24h" }, { "by": "global", "requests": 1000, "per": "1s" }] });
    runtime().block_on(async {
        let Some(fleet) = Fleet::start("fleet-cost", 2, "refuse", &settings).await else { return };
        let (status, headers, _) = ask(&fleet.gateways[0], "{ many { name } }", "198.51.100.1").await;
        assert_eq!(status, 200);
        assert!(headers["ratelimit"].to_str().unwrap().starts_with(r#""ip";r=505;"#), "{headers:?}");
        // The other one sees what was given back, as soon as Redis knows.
        until("495 are given back", async || {
            let (_, headers, _) = ask(&fleet.gateways[1], "{ free }", "198.51.100.1").await;
            headers["ratelimit"].to_str().unwrap().starts_with(r#""ip";r=505;"#)
        })
        .await;
        assert_eq!(ask(&fleet.gateways[1], "{ many { name } }", "198.51.100.1").await.0, 200);
    });
}

#[test]
fn a_quota_is_one_wherever_its_key_is_shown() {
    let key = json!({
        "id": "ann",
        "sha256": "9beab85d6db685c992054758332276e8c8e5cbeb9045f5a838dab9c4ea3da344",
        "quota": { "requests": 16, "per": "month" },
    });
    let settings = json!({
        "auth": { "api_keys": { "keys": [key] } },
        "rate_limits": [{ "by": "operation", "for": "anonymous", "requests": 1000, "per": "1s" }],
    });
    runtime().block_on(async {
        let Some(fleet) = Fleet::start("fleet-quota", 2, "refuse", &settings).await else { return };
        let let_in = flood(&fleet.gateways, 16, &[("x-api-key", "weft_ann_0123456789")]).await;
        assert_eq!(let_in, 16);
        let key = [("x-api-key", "weft_ann_0123456789")];
        let (status, headers, body) = ask_with(&reqwest::Client::new(), &fleet.gateways[0], "{ free }", &key).await;
        assert_eq!((status, &body["errors"][0]["extensions"]["limit"]), (429, &json!("quota")));
        assert!(headers["ratelimit-policy"].to_str().unwrap().starts_with(r#""quota";q=16;w="#), "{headers:?}");
        assert_eq!(ask(&fleet.gateways[0], "{ free }", "198.51.100.1").await.0, 200, "no key, no quota");
    });
}

#[test]
fn without_redis_each_gateway_counts_by_itself_until_it_is_back() {
    let settings = json!({ "rate_limits": [{ "by": "ip", "requests": 16, "per": "24h" }] });
    runtime().block_on(async {
        let Some(mut fleet) = Fleet::start("fleet-away", 2, "memory", &settings).await else { return };
        assert_eq!(flood(&fleet.gateways, 16, &[("x-forwarded-for", "198.51.100.1")]).await, 16);
        for how in ["killed", "frozen"] {
            if how == "killed" {
                fleet.redis.kill();
            } else {
                fleet.redis.signal("-STOP");
            }
            let ip = if how == "killed" { "198.51.100.2" } else { "198.51.100.3" };
            let let_in = flood(&fleet.gateways, 32, &[("x-forwarded-for", ip)]).await;
            assert_eq!(let_in, 32, "{how}: a share of each");
            if how == "killed" {
                fleet.redis.restart();
            } else {
                fleet.redis.signal("-CONT");
            }
            let back = Instant::now();
            for (at, gateway) in fleet.gateways.iter().enumerate() {
                fleet.connected(at, gateway).await;
            }
            println!("{how}: shared again after {:?}", back.elapsed());
            assert_eq!(flood(&fleet.gateways, 16, &[("x-forwarded-for", "198.51.100.4")]).await, 16, "{how}");
        }
    });
}

/// The scripts, on a clock that the test moves, against integers: three limits at once, of two rates and a quota.
#[test]
fn the_scripts_reckon_as_a_model_does() {
    const TAKE: &str = include_str!("../../../src/policy/rate/take.lua");
    const SETTLE: &str = include_str!("../../../src/policy/rate/settle.lua");
    const KINDS: [&str; 3] = ["rate", "rate", "quota"];
    const PACES: [u64; 3] = [3_333_333, 250_000_000, 1];
    let most = [7 * PACES[0], 5 * PACES[1], 250];
    let Some(redis) = Redis::start() else { return };
    let run = |script: &str, now: u64, arguments: &[String]| -> Vec<u64> {
        let time = format!("{{ '{}', '{}' }}", now / 1_000_000, now % 1_000_000);
        // Nothing ends by the real clock.
        let script = script.replace("redis.call('TIME')", &time).replace("'PX', ", "'PX', 600000 + ");
        let mut command: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"3", b"a", b"b", b"c"];
        command.extend(arguments.iter().map(String::as_bytes));
        let answer = redis.ask(&command);
        assert!(!answer.contains("ERR"), "{answer}");
        let lines = answer.split("\r\n").filter(|line| !line.starts_with(['*', '$']));
        lines.filter_map(|line| line.trim_start_matches(':').parse().ok()).collect()
    };
    let mut random = 7_u64;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    // In microseconds; levels in nanoseconds, and a number of the quota.
    let (mut now, mut levels, mut refused_count) = (1_700_000_000_000_000_u64, [0_u64; 3], 0);
    for step in 0..400 {
        let pause = below(500_000);
        now += pause;
        for level in &mut levels[..2] {
            *level = level.saturating_sub(pause * 1000);
        }
        let numbers = [1 + below(3), 1 + below(2), below(3)];
        let weights: Vec<u64> = (0..3).map(|at| numbers[at] * PACES[at]).collect();
        let arguments: Vec<String> = (0..3)
            .flat_map(|at| [KINDS[at].to_owned(), weights[at].to_string(), most[at].to_string(), "1000".to_owned()])
            .collect();
        let told = run(TAKE, now, &arguments);
        if let Some(at) = (0..3).find(|at| levels[*at] + weights[*at] > most[*at]) {
            assert_eq!(told, [at as u64 + 1, levels[at]], "step {step}");
            refused_count += 1;
            continue;
        }
        for at in 0..3 {
            levels[at] += weights[at];
        }
        assert_eq!(told, [0, levels[0], levels[1], levels[2]], "step {step}");
        // Of the second limit something is given back, or a little more is taken.
        let (back, more) = (below(300_000_000), below(100_000_000));
        let next = levels[1].saturating_sub(back) + more;
        let (differences, debt_max) = ([0, 0, 0], [u64::MAX >> 12; 3]);
        let mut arguments: Vec<String> = (0..3)
            .flat_map(|at| [KINDS[at].to_owned(), differences[at].to_string(), debt_max[at].to_string()])
            .collect();
        arguments[4] = format!("-{back}");
        run(SETTLE, now, &arguments);
        arguments[4] = more.to_string();
        run(SETTLE, now, &arguments);
        levels[1] = next;
    }
    assert!((20..380).contains(&refused_count), "{refused_count} were refused");
}

#[test]
fn what_happens_without_redis_is_a_choice() {
    let settings = json!({ "rate_limits": [{ "by": "ip", "requests": 1, "per": "24h" }] });
    runtime().block_on(async {
        let Some(mut fleet) = Fleet::start("fleet-refuse", 1, "refuse", &settings).await else { return };
        fleet.redis.kill();
        let (status, headers, body) = ask(&fleet.gateways[0], "{ free }", "198.51.100.1").await;
        assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (503, &json!("OVERLOADED")));
        assert_eq!(headers["retry-after"], "1");
        let Some(mut fleet) = Fleet::start("fleet-allow", 1, "allow", &settings).await else { return };
        fleet.redis.kill();
        for _ in 0..3 {
            let (status, headers, _) = ask(&fleet.gateways[0], "{ free }", "198.51.100.1").await;
            assert!(status == 200 && !headers.contains_key("ratelimit"), "{status} {headers:?}");
        }
    });
}
