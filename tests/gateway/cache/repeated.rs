//! Answers that are given again: only while every reply that they were made of may be used, and only to whom they are meant for.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use weft::upstream::Clock;

use super::world::{Service, World};
use crate::support::{
    raw::{Behaviour, Seen, Upstream},
    runtime,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  list(id: ID!): [Item] @connect(source: "s", http: { GET: "/list/{$args.id}" }, selection: "id")
  greeting: Greeting
    @connect(source: "s", http: { GET: "/greeting" }, selection: "id n who: $request.headers.'x-who'->first team: $context.team")
  sent: Sent
    @connect(
      source: "s"
      http: { GET: "/sent", headers: [{ name: "x-sent", from: "x-who" }] }
      selection: "id n who"
    )
}

type Mutation {
  change: Changed @connect(source: "s", http: { POST: "/greeting" }, selection: "id n")
}

type Item @key(fields: "id") @connect(source: "s", http: { GET: "/items/{$this.id}" }, selection: "id n") {
  id: ID!
  n: Int
}

type Greeting {
  id: ID!
  n: Int
  who: String
  team: String
}

type Sent {
  id: ID!
  n: Int
  who: String
}

type Changed {
  id: ID!
  n: Int
}
"#;

/// weft over a service whose replies are numbered and may be kept for a minute; those of `/items/2` for ten seconds.
struct Asked {
    world: World,
    calls: Arc<AtomicUsize>,
}

impl Asked {
    async fn start() -> Self {
        let calls: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&calls);
        let reply = move |seen: &Seen| {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let path = seen.line.split(' ').nth(1).unwrap_or_default();
            let thing = |id: &str| json!({ "id": id, "n": number, "who": seen.header("x-sent") });
            let last = path.rsplit('/').next().unwrap_or_default();
            let body = if path.starts_with("/list/") { json!([thing("1"), thing("2")]) } else { thing(last) };
            let seconds = if path == "/items/2" { 10 } else { 60 };
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 200 Stub\r\nconnection: close\r\ncontent-length: {}\r\ncache-control: max-age={seconds}",
                body.len()
            );
            let tag = format!("cache-tag: {}", path.trim_start_matches('/').replace('/', "-"));
            Behaviour::Bytes(format!("{head}\r\n{tag}\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes())
        };
        let upstream = Upstream::start(reply).await;
        let service = Arc::new(Mutex::new(Service { clock: Clock::by_hand(), ..Service::default() }));
        let yaml = "context: { team: { header: x-team } }\n";
        Self { world: World::of(SCHEMA, upstream, service, yaml).await, calls }
    }

    /// `data`, and how many calls it took.
    async fn ask(&self, query: &str, headers: &[(&str, &str)]) -> (Value, usize) {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let before = self.calls.load(Ordering::Relaxed);
        let answer = self.world.send(false, query, &headers).await;
        assert_eq!(answer.body.get("errors"), None, "{}", answer.body);
        (answer.body["data"].clone(), self.calls.load(Ordering::Relaxed) - before)
    }

    /// Asks until the answer is one that is remembered: once to store its replies, once to make it of them, once to repeat it.
    async fn remembered(&self, query: &str, headers: &[(&str, &str)]) -> Value {
        let before = self.world.repeated().await;
        let (first, _) = self.ask(query, headers).await;
        for _ in 0..2 {
            assert_eq!(self.ask(query, headers).await, (first.clone(), 0));
        }
        assert!(self.world.repeated().await > before, "it was made anew");
        first
    }
}

const LIST: &str = "{ list(id: 7) { id n } }";

#[test]
fn it_stands_as_long_as_all_of_its_replies() {
    runtime().block_on(async {
        let asked = Asked::start().await;
        let first = asked.remembered(LIST, &[]).await;
        asked.world.clock.advance(Duration::from_secs(9));
        assert_eq!(asked.ask(LIST, &[]).await, (first.clone(), 0));
        asked.world.clock.advance(Duration::from_secs(2));
        let (second, calls) = asked.ask(LIST, &[]).await;
        assert_eq!(calls, 1, "the one that is no longer fresh");
        assert_eq!(second["list"][0], first["list"][0]);
        assert_ne!(second["list"][1], first["list"][1]);
        // And what was made with the new one is remembered in its place.
        assert_eq!(asked.remembered(LIST, &[]).await, second);
    });
}

#[test]
fn a_purge_and_a_write_end_it() {
    runtime().block_on(async {
        let asked = Asked::start().await;
        let first = asked.remembered(LIST, &[]).await;
        let (status, _) = asked.world.purge(&json!({ "tags": ["items-1"] })).await;
        assert_eq!(status, 200);
        let (second, calls) = asked.ask(LIST, &[]).await;
        assert_eq!(calls, 1);
        assert_ne!(second["list"][0], first["list"][0]);

        let query = "{ greeting { id n } }";
        let first = asked.remembered(query, &[]).await;
        assert_eq!(asked.ask("mutation { change { id } }", &[]).await.1, 1);
        let (second, calls) = asked.ask(query, &[]).await;
        assert_eq!(calls, 1);
        assert_ne!(second, first);
    });
}

#[test]
fn another_caller_is_given_its_own() {
    runtime().block_on(async {
        let asked = Asked::start().await;
        // Read by the mapping alone: both are made of one stored reply.
        let query = "{ greeting { who team } }";
        for _ in 0..3 {
            for (who, team) in [("ada", "red"), ("bob", "red"), ("ada", "blue")] {
                let (data, _) = asked.ask(query, &[("x-who", who), ("x-team", team)]).await;
                assert_eq!(data["greeting"], json!({ "who": who, "team": team }));
            }
        }
        assert_eq!(asked.ask(query, &[]).await.0["greeting"], json!({ "who": null, "team": null }));
        assert_eq!(asked.calls.load(Ordering::Relaxed), 1);
        // Sent on: each has a reply of its own.
        for _ in 0..3 {
            for who in ["ada", "bob", "adabob"] {
                assert_eq!(asked.ask("{ sent { who } }", &[("x-who", who)]).await.0["sent"]["who"], who);
            }
        }
        assert_eq!(asked.calls.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn other_variables_are_another_question() {
    runtime().block_on(async {
        let asked = Asked::start().await;
        let ask = async |id: &str, n: bool| {
            let body = json!({
                "query": "query ($id: ID!, $n: Boolean!) { list(id: $id) { id n @include(if: $n) } }",
                "variables": { "id": id, "n": n },
            });
            asked.world.post(&body).await.body["data"]["list"][0].clone()
        };
        for _ in 0..3 {
            for id in ["1", "2", "12"] {
                assert!(ask(id, true).await["n"].is_number());
                assert_eq!(ask(id, false).await, json!({ "id": "1" }));
            }
        }
    });
}
