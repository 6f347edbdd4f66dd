//! Services that die, hang, fail and are overloaded, seen through the binary: what callers get, and how often services are
//! asked. Load, percentiles and processes that are killed are in `tests/resilience`.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    process::Weft,
    raw::{Behaviour, Seen, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "items", http: { baseURL: "http://items.example" })
  @source(name: "other", http: { baseURL: "http://other.example" })

type Query {
  item(id: ID!): Item @connect(source: "items", http: { GET: "/items/{$args.id}" }, selection: "id by")
  other: Item @connect(source: "other", http: { GET: "/other" }, selection: "id by")
}

type Mutation {
  write(id: ID!): Item @connect(source: "items", http: { POST: "/items", body: "id: $args.id" }, selection: "id by")
}

type Item {
  id: ID
  by: String
}
"#;

/// weft over the sources of a test.
struct World {
    weft: Weft,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    fn start(name: &str, server: Value, sources: Value) -> Self {
        let folder = scratch(name);
        std::fs::write(folder.join("api.graphql"), SCHEMA).expect("the scratch folder can be written");
        let mut config = json!({
            "schema": [folder.join("api.graphql")],
            "server": { "listen": "127.0.0.1:0" },
            "admin": { "listen": "off" },
        });
        if let (Value::Object(into), Value::Object(more)) = (&mut config["server"], server) {
            into.extend(more);
        }
        config["sources"] = sources;
        let path = folder.join("weft.yaml");
        std::fs::write(&path, config.to_string()).expect("the scratch folder can be written");
        let weft = Weft::start(&path, &[]).expect("weft starts");
        Self { weft, folder }
    }

    async fn ask(&self, query: &str) -> Value {
        self.ask_whole(query).await.1
    }

    async fn ask_whole(&self, query: &str) -> (u16, Value) {
        self.weft.ask(&json!({ "query": query }), &[]).await.expect("an answer")
    }

    async fn read(&self, id: usize) -> Value {
        self.ask(&format!("{{ item(id: \"{id}\") {{ id by }} }}")).await
    }

    async fn write(&self, id: usize) -> Value {
        self.ask(&format!("mutation {{ write(id: \"{id}\") {{ id by }} }}")).await
    }
}

fn url(upstream: &Upstream) -> String {
    format!("http://{}", upstream.address)
}

fn found(by: &str) -> Behaviour {
    Behaviour::Bytes(answer(200, "application/json", json!({ "id": "x", "by": by }).to_string().as_bytes()))
}

fn status(status: u16) -> Behaviour {
    Behaviour::Bytes(answer(status, "application/json", b"{}"))
}

async fn well(by: &'static str) -> Upstream {
    Upstream::start(move |_| found(by)).await
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[test]
fn a_dead_replica_costs_nobody_an_answer() {
    runtime().block_on(async {
        let (one, two) = (well("one").await, well("two").await);
        let dead = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            format!("http://{}", listener.local_addr().expect("a bound socket"))
        };
        let urls = json!([url(&one), dead, url(&two)]);
        let world = World::start(
            "resilience-dead",
            json!({}),
            json!({ "items": { "urls": urls, "balance": "round_robin", "outlier": { "consecutive_failures": 2 } } }),
        );
        for id in 0..20 {
            let answer = world.read(id).await;
            assert!(answer.get("errors").is_none(), "{id}: {answer}");
            // Nobody got the write that could not be sent, so it is made elsewhere.
            let answer = world.write(id).await;
            assert!(answer.get("errors").is_none(), "{id}: {answer}");
        }
        assert!(one.seen().len() >= 10 && two.seen().len() >= 10, "both work");
        assert_eq!(one.seen().len() + two.seen().len(), 40, "nothing was made twice");
    });
}

#[test]
fn a_replica_that_hangs_up_costs_no_read_and_no_write_is_made_twice() {
    runtime().block_on(async {
        let bad = Upstream::start(|_| Behaviour::Close).await;
        let good = well("good").await;
        let world = World::start(
            "resilience-closing",
            json!({}),
            json!({ "items": {
                "urls": [url(&bad), url(&good)],
                "balance": "round_robin",
                "outlier": { "enabled": false },
                "retry": { "attempts": 1, "budget": 1 },
            } }),
        );
        for id in 0..10 {
            let answer = world.read(id).await;
            assert_eq!(answer["data"]["item"]["by"], "good", "{answer}");
        }
        let mut failed = 0;
        for id in 0..10 {
            let answer = world.write(id).await;
            failed += usize::from(code(&answer) == "HTTP_CLIENT_ERROR");
        }
        let writes = |upstream: &Upstream| -> Vec<Vec<u8>> {
            let seen = upstream.seen().into_iter().filter(|seen| seen.line == "POST /items");
            seen.map(|seen| seen.body).collect()
        };
        let (lost, made) = (writes(&bad), writes(&good));
        assert_eq!((lost.len(), made.len()), (failed, 10 - failed), "each write is sent once");
        assert!(failed > 0 && lost.iter().all(|body| !made.contains(body)));
    });
}

#[test]
fn a_replica_that_hangs_is_asked_less_and_less() {
    runtime().block_on(async {
        let frozen = Upstream::start(|_| Behaviour::Hang).await;
        let good = well("good").await;
        let world = World::start(
            "resilience-frozen",
            json!({}),
            json!({ "items": {
                "urls": [url(&frozen), url(&good)],
                "outlier": { "consecutive_failures": 2, "eject": "1h" },
                "retry": { "attempts": 1, "timeout": "200ms", "budget": 1 },
            } }),
        );
        for id in 0..30 {
            let answer = world.read(id).await;
            assert_eq!(answer["data"]["item"]["by"], "good", "{answer}");
        }
        assert!(frozen.seen().len() <= 2, "{} calls went to a replica that hangs", frozen.seen().len());
    });
}

#[test]
fn a_replica_that_says_it_is_ill_gets_nothing() {
    runtime().block_on(async {
        let is_ill = Arc::new(AtomicBool::new(true));
        let says = Arc::clone(&is_ill);
        let moody = Upstream::start(move |seen: &Seen| match seen.line.as_str() {
            "GET /v1/up" if says.load(Ordering::SeqCst) => status(500),
            _ => found("moody"),
        })
        .await;
        let good = well("good").await;
        let world = World::start(
            "resilience-health",
            json!({}),
            json!({ "items": {
                "urls": [format!("{}/v1", url(&moody)), format!("{}/v2/", url(&good))],
                "balance": "round_robin",
                "slow_start": "1ms",
                "health": { "path": "/up", "interval": "20ms", "unhealthy_after": 2, "healthy_after": 2 },
            } }),
        );
        // The third question follows the second answer.
        moody.came("GET /v1/up", 3).await;
        for id in 0..10 {
            assert_eq!(world.read(id).await["data"]["item"]["by"], "good");
        }
        assert_eq!(moody.count("GET /v1/items"), 0);
        assert_eq!(good.count("GET /v2/items"), 10, "each keeps its own path");
        is_ill.store(false, Ordering::SeqCst);
        let asked = moody.count("GET /v1/up");
        moody.came("GET /v1/up", asked + 4).await;
        for id in 0..10 {
            world.read(id).await;
        }
        assert_eq!(moody.count("GET /v1/items"), 5, "it has its share again");
    });
}

#[test]
fn a_service_that_fails_is_left_alone_and_the_others_are_not() {
    runtime().block_on(async {
        let failing = Upstream::start(|_| status(500)).await;
        let other = well("other").await;
        let world = World::start(
            "resilience-breaker",
            json!({}),
            json!({
                "items": { "urls": [url(&failing)], "breaker": { "calls_min": 5, "open": "1h" } },
                "other": { "urls": [url(&other)] },
            }),
        );
        for round in 0..12 {
            let answer = world.ask("{ item(id: 1) { id } other { by } }").await;
            assert_eq!(answer["data"], json!({ "item": null, "other": { "by": "other" } }));
            let expected = if round < 5 { "CONNECTOR_FETCH" } else { "UPSTREAM_UNAVAILABLE" };
            assert_eq!(code(&answer), expected, "{round}: {answer}");
            assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1));
        }
        assert_eq!((failing.seen().len(), other.seen().len()), (5, 12));
    });
}

#[test]
fn a_reload_does_not_forget_that_a_service_is_down() {
    runtime().block_on(async {
        let failing = Upstream::start(|_| status(500)).await;
        let world = World::start(
            "resilience-reload",
            json!({}),
            json!({ "items": { "urls": [url(&failing)], "breaker": { "calls_min": 1, "open": "1h" } } }),
        );
        world.read(1).await;
        assert_eq!(code(&world.read(2).await), "UPSTREAM_UNAVAILABLE");
        // What changes is the introspection of the new snapshot: by it the reload is seen.
        let path = world.folder.join("weft.yaml");
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let mut config: Value = serde_json::from_str(&text).expect("JSON is YAML");
        config["server"]["introspection"] = json!(true);
        std::fs::write(&path, config.to_string()).expect("a writable file");
        world.weft.hang_up();
        while world.ask("{ __schema { queryType { name } } }").await.get("errors").is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(code(&world.read(3).await), "UPSTREAM_UNAVAILABLE");
        assert_eq!(failing.seen().len(), 1);
    });
}

#[test]
fn what_is_late_is_missing_and_the_rest_is_there() {
    runtime().block_on(async {
        let hanging = Upstream::start(|_| Behaviour::Hang).await;
        let other = well("other").await;
        let world = World::start(
            "resilience-deadline",
            json!({ "timeout": "300ms" }),
            json!({
                "items": { "urls": [url(&hanging)], "deadline_header": "x-timeout-ms" },
                "other": { "urls": [url(&other)] },
            }),
        );
        let answer = world.ask("{ item(id: 1) { id } other { by } }").await;
        assert_eq!(answer["data"], json!({ "item": null, "other": { "by": "other" } }));
        assert_eq!(code(&answer), "DEADLINE_EXCEEDED", "{answer}");
        hanging.caller_left("GET /items").await;
        let head = hanging.seen()[0].head.to_ascii_lowercase();
        let told = head.lines().find_map(|line| line.strip_prefix("x-timeout-ms: ")).and_then(|left| left.parse().ok());
        assert!(told.is_some_and(|left: u64| left <= 300), "{head}");
    });
}

#[test]
fn a_connector_can_have_less_time_than_its_source() {
    runtime().block_on(async {
        let hanging = Upstream::start(|_| Behaviour::Hang).await;
        let world = World::start(
            "resilience-timeouts",
            json!({}),
            json!({ "items": { "urls": [url(&hanging)], "timeouts": { "Query.item": "100ms" } } }),
        );
        let answer = world.read(1).await;
        assert_eq!(code(&answer), "GATEWAY_TIMEOUT");
        assert!(answer["errors"][0]["message"].as_str().is_some_and(|text| text.ends_with("within 100ms")), "{answer}");
    });
}

#[test]
fn reads_are_tried_again_and_total_failure_is_not_amplified() {
    runtime().block_on(async {
        let count = AtomicUsize::new(0);
        let flaky = Upstream::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            1 => found("flaky"),
            _ => status(503),
        })
        .await;
        let retry = json!({ "attempts": 2, "budget": 0.2 });
        let world =
            World::start("resilience-retry", json!({}), json!({ "items": { "urls": [url(&flaky)], "retry": retry } }));
        assert_eq!(world.read(1).await["data"]["item"]["by"], "flaky");
        assert_eq!(flaky.seen().len(), 2);
        for id in 0..100 {
            assert_eq!(code(&world.read(id).await), "CONNECTOR_FETCH");
        }
        // A fifth more, what is saved up, and one a second.
        assert!(flaky.seen().len() <= 102 + 20 + 10 + 60, "{}", flaky.seen().len());
    });
}

#[test]
fn a_slow_answer_is_asked_for_twice() {
    runtime().block_on(async {
        let count = AtomicUsize::new(0);
        let slow = Upstream::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Behaviour::Hang,
            _ => found("second"),
        })
        .await;
        let hedge = json!({ "after": "50ms", "rate_max": 1 });
        let world =
            World::start("resilience-hedge", json!({}), json!({ "items": { "urls": [url(&slow)], "hedge": hedge } }));
        assert_eq!(world.read(1).await["data"]["item"]["by"], "second");
        slow.caller_left("GET /items").await;
        assert_eq!(slow.seen().len(), 2, "the first was cancelled");
    });
}

#[test]
fn what_is_too_much_is_told_at_once() {
    runtime().block_on(async {
        let slow = Upstream::start(|_| Behaviour::Held(answer(200, "application/json", b"{\"by\":\"slow\"}"))).await;
        let world = World::start(
            "resilience-overload",
            json!({ "requests_max": 2 }),
            json!({ "items": { "urls": [url(&slow)], "concurrency_max": 1, "queue_timeout": "50ms" } }),
        );
        let first = world.read(1);
        let rest = async {
            slow.came("GET /items", 1).await;
            // The only place of the source is taken; the queue has its end.
            let answer = world.read(2).await;
            assert_eq!(code(&answer), "OVERLOADED", "{answer}");
            slow.release();
        };
        let (first, ()) = tokio::join!(first, rest);
        assert_eq!(first["data"]["item"]["by"], "slow", "{first}");
        assert_eq!(slow.seen().len(), 1);
        // Two requests are under way: the third is refused as a whole.
        let world = World::start(
            "resilience-admission",
            json!({ "requests_max": 2 }),
            json!({ "items": { "urls": [url(&slow)] } }),
        );
        let refused = async {
            slow.came("GET /items", 3).await;
            let (status, answer) = world.ask_whole("{ other { id } }").await;
            assert_eq!((status, code(&answer)), (503, "OVERLOADED"), "{answer}");
            slow.release();
            tokio::task::yield_now().await;
            slow.release();
        };
        let (one, two, ()) = tokio::join!(world.read(3), world.read(4), async {
            refused.await;
            // A release that came before the other waited is made up for.
            slow.came("GET /items", 3).await;
            slow.release();
        });
        assert_eq!((&one["data"]["item"]["by"], &two["data"]["item"]["by"]), (&json!("slow"), &json!("slow")));
    });
}

#[test]
fn tokens_are_fetched_once_renewed_after_a_401_and_never_shown() {
    runtime().block_on(async {
        let issued = AtomicUsize::new(0);
        let tokens = Upstream::start(move |_| {
            let number = issued.fetch_add(1, Ordering::SeqCst);
            let grant =
                json!({ "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600 });
            Behaviour::Bytes(answer(200, "application/json", grant.to_string().as_bytes()))
        })
        .await;
        let valid = Arc::new(Mutex::new("bearer token-0".to_owned()));
        let wanted = Arc::clone(&valid);
        let service = Upstream::start(move |seen: &Seen| {
            let wanted = format!("authorization: {}\r\n", wanted.lock().expect("no panic in the stub"));
            if seen.head.to_ascii_lowercase().contains(&wanted) { found("service") } else { status(401) }
        })
        .await;
        let oauth2 = json!({
            "token_url": format!("{}/token", url(&tokens)),
            "client_id": "weft", "client_secret": "s3cret/+", "scopes": ["a", "b"],
        });
        let world = World::start(
            "resilience-oauth2",
            json!({}),
            json!({ "items": { "urls": [url(&service)], "credentials": { "oauth2": oauth2 } } }),
        );
        let all = futures_util::future::join_all((0..8).map(|id| world.read(id))).await;
        assert!(all.iter().all(|answer| answer["data"]["item"]["by"] == "service"), "{all:?}");
        assert_eq!(tokens.seen().len(), 1, "one token for all who wait");
        let asked = &tokens.seen()[0];
        // weft:s3cret%2F%2B
        assert!(asked.head.contains("Basic d2VmdDpzM2NyZXQlMkYlMkI="), "{}", asked.head);
        assert_eq!(asked.body, b"grant_type=client_credentials&scope=a+b");
        // It is withdrawn.
        "bearer token-1".clone_into(&mut valid.lock().expect("no panic in the stub"));
        assert_eq!(world.read(9).await["data"]["item"]["by"], "service");
        assert_eq!((tokens.seen().len(), service.seen().len()), (2, 10));
        // No token helps: told once, as what the service said.
        "bearer nobody's".clone_into(&mut valid.lock().expect("no panic in the stub"));
        let answer = world.read(10).await;
        assert_eq!(code(&answer), "CONNECTOR_FETCH");
        assert_eq!(answer["errors"][0]["extensions"]["http"]["status"], 401);
        assert!(!answer.to_string().contains("token-"), "{answer}");
        assert_eq!(service.seen().len(), 12);
    });
}

#[test]
fn a_token_file_is_sent_and_basic_too() {
    runtime().block_on(async {
        let (one, two) = (well("one").await, well("two").await);
        let folder = scratch("resilience-token");
        let file = folder.join("token");
        std::fs::write(&file, "from-a-file\n").expect("a writable file");
        let world = World::start(
            "resilience-credentials",
            json!({}),
            json!({
                "items": { "urls": [url(&one)], "credentials": { "bearer": { "file": file } } },
                "other": { "urls": [url(&two)], "credentials": { "basic": { "username": "Aladdin", "password": "open sesame" } } },
            }),
        );
        world.ask("{ item(id: 1) { id } other { id } }").await;
        assert!(one.seen()[0].head.contains("Bearer from-a-file\r\n"), "{}", one.seen()[0].head);
        // The example of RFC 7617, section 2.
        assert!(two.seen()[0].head.contains("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{}", two.seen()[0].head);
        let _ = std::fs::remove_dir_all(folder);
    });
}

#[test]
fn a_file_says_where_the_service_is_now() {
    runtime().block_on(async {
        let (before, after) = (well("before").await, well("after").await);
        let folder = scratch("resilience-endpoints");
        let file = folder.join("endpoints");
        std::fs::write(&file, format!("{}\n", url(&before))).expect("a writable file");
        let world = World::start(
            "resilience-discovery",
            json!({}),
            json!({ "items": { "urls": ["http://127.0.0.1:1"], "discovery": { "file": file, "refresh": "10ms" } } }),
        );
        let until = async |by: &str| {
            while world.read(1).await["data"]["item"]["by"] != by {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        until("before").await;
        std::fs::write(&file, format!("# moved\n{}\n", url(&after))).expect("a writable file");
        until("after").await;
        let _ = std::fs::remove_dir_all(folder);
    });
}
