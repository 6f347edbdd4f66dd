//! What the schema (`@cacheControl`, `@cacheTag`) and the configuration of single connectors say, for services that say nothing or
//! something else.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use weft::upstream::Clock;

use super::world::{Answer, Service, World};
use crate::support::{
    raw::{Behaviour, Seen, Upstream},
    runtime,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@cacheTag"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  plain(id: ID!): Item @connect(source: "s", http: { GET: "/plain/{$args.id}" }, selection: "id n")
  minute(id: ID!): Item
    @cacheControl(maxAge: 60)
    @cacheTag(format: "minute-{$args.id}")
    @connect(source: "s", http: { GET: "/minute/{$args.id}" }, selection: "id n")
  short(id: ID!): Short @connect(source: "s", http: { GET: "/short/{$args.id}" }, selection: "id n")
  mine(id: ID!): Short
    @cacheControl(scope: PRIVATE)
    @connect(source: "s", http: { GET: "/mine/{$args.id}" }, selection: "id n")
  never(id: ID!): Short
    @cacheControl(maxAge: 0)
    @connect(source: "s", http: { GET: "/never/{$args.id}" }, selection: "id n")
  list(first: ID!): [Thing] @connect(source: "s", http: { GET: "/list/{$args.first}" }, selection: "id")
}

type Item {
  id: ID!
  n: Int
}

type Short @cacheControl(maxAge: 30) {
  id: ID!
  n: Int
}

type Thing
  @key(fields: "id")
  @cacheControl(maxAge: 60)
  @cacheTag(format: "thing-{$key.id}")
  @cacheTag(format: "things")
  @connect(
    source: "s"
    http: { GET: "/things", queryParams: "ids: $batch.id->joinNotNull(',')" }
    selection: "id n"
  ) {
  id: ID!
  n: Int
}
"#;

/// weft over a service that says `says` of all its replies and counts them.
struct Asked {
    world: World,
    says: Arc<Mutex<&'static str>>,
}

impl Asked {
    async fn start(yaml: &str) -> Self {
        let says: Arc<Mutex<&'static str>> = Arc::default();
        let (count, said) = (AtomicUsize::new(0), Arc::clone(&says));
        let reply = move |seen: &Seen| {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let path = seen.line.trim_start_matches("GET ");
            let last = path.rsplit('/').next().unwrap_or_default();
            let thing = |id: &str| json!({ "id": id, "n": number });
            let body = match path.strip_prefix("/things?ids=") {
                Some(ids) => ids.split("%2C").flat_map(|ids| ids.split(',')).map(thing).collect(),
                None if path.starts_with("/list/") => json!([thing(last), thing(&format!("{last}0"))]),
                None => thing(last),
            }
            .to_string();
            let says = said.lock().expect("no panic in the stub");
            let head = format!("HTTP/1.1 200 Stub\r\nconnection: close\r\ncontent-length: {}\r\n{says}", body.len());
            Behaviour::Bytes(format!("{head}content-type: application/json\r\n\r\n{body}").into_bytes())
        };
        let upstream = Upstream::start(reply).await;
        let service = Arc::new(Mutex::new(Service { clock: Clock::by_hand(), ..Service::default() }));
        Self { world: World::of(SCHEMA, upstream, service, yaml).await, says }
    }

    fn says(&self, headers: &'static str) {
        *self.says.lock().expect("no panic in the stub") = headers;
    }

    /// By GET, so that the answer always says how long it may be kept.
    async fn ask(&self, field: &str) -> Answer {
        self.world.send(true, &format!("{{ it: {field} {{ id n }} }}"), &[]).await
    }

    /// The number of the call that the answer is from, and its `Cache-Control`.
    async fn told(&self, field: &str) -> (u64, String) {
        let answer = self.ask(field).await;
        let number = answer.body["data"]["it"]["n"].as_u64().unwrap_or_else(|| panic!("{field}: {}", answer.body));
        (number, answer.header("cache-control").unwrap_or_default().to_owned())
    }

    fn wait(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
    }
}

fn told(number: u64, control: &str) -> (u64, String) {
    (number, control.to_owned())
}

#[test]
fn the_schema_speaks_for_a_service_that_says_nothing() {
    runtime().block_on(async {
        let asked = Asked::start("").await;
        assert_eq!(asked.told("plain(id: 1)").await, told(1, "private, no-cache"), "nobody said anything");
        assert_eq!(asked.told("plain(id: 1)").await, told(2, "private, no-cache"));
        // Of the field, of the type.
        for (field, seconds, first) in [("minute(id: 1)", 60, 3), ("short(id: 1)", 30, 5)] {
            let control = format!("max-age={seconds}");
            assert_eq!(asked.told(field).await, told(first, &control));
            asked.wait(seconds - 1);
            let answer = asked.ask(field).await;
            assert_eq!(answer.body["data"]["it"]["n"], first, "{}", answer.body);
            assert_eq!(answer.header("age"), Some((seconds - 1).to_string().as_str()));
            let tag = answer.header("etag").expect("a tag").to_owned();
            let query = format!("{{ it: {field} {{ id n }} }}");
            let again = asked.world.send(true, &query, &[("if-none-match".to_owned(), tag)]).await;
            assert_eq!(again.status, 304);
            asked.wait(1);
            assert_eq!(asked.told(field).await, told(first + 1, &control));
        }
    });
}

#[test]
fn the_stricter_of_schema_and_service_is_told_and_the_service_decides_what_is_kept() {
    runtime().block_on(async {
        let asked = Asked::start("").await;
        asked.says("cache-control: max-age=600\r\n");
        assert_eq!(asked.told("minute(id: 1)").await, told(1, "max-age=60"));
        asked.wait(61);
        // Kept for as long as the service allows; and what is told counts from now on.
        let answer = asked.ask("minute(id: 1)").await;
        assert_eq!(answer.body["data"]["it"]["n"], 1);
        assert_eq!((answer.header("age"), answer.header("cache-control")), (Some("61"), Some("max-age=121")));
        asked.says("cache-control: max-age=5\r\n");
        assert_eq!(asked.told("minute(id: 2)").await, told(2, "max-age=5"));
        asked.wait(5);
        assert_eq!(asked.told("minute(id: 2)").await, told(3, "max-age=5"));
        asked.says("cache-control: no-store\r\n");
        assert_eq!(asked.told("minute(id: 3)").await, told(4, "no-store"));
        assert_eq!(asked.told("minute(id: 3)").await, told(5, "no-store"));
    });
}

#[test]
fn what_is_private_or_for_no_time_is_not_kept() {
    runtime().block_on(async {
        let asked = Asked::start("").await;
        for number in 1..=2 {
            assert_eq!(asked.told("mine(id: 1)").await, told(number, "private, max-age=30"));
        }
        for number in 3..=4 {
            assert_eq!(asked.told("never(id: 1)").await, told(number, "max-age=0"));
        }
        // The strictest of all that is asked.
        let query = "{ a: short(id: 1) { n } b: minute(id: 1) { n } c: mine(id: 1) { n } }";
        let answer = asked.world.send(true, query, &[]).await;
        assert_eq!(answer.header("cache-control"), Some("private, max-age=30"));
    });
}

#[test]
fn a_tag_of_the_schema_forgets_what_it_names_and_nothing_else() {
    runtime().block_on(async {
        let asked = Asked::start("").await;
        let number = async |field: &str| asked.told(field).await.0;
        assert_eq!((number("minute(id: 1)").await, number("minute(id: 2)").await), (1, 2));
        assert_eq!(asked.world.purge(&json!({ "tags": ["minute-1"] })).await, (200, json!({ "purged": 1 })));
        assert_eq!((number("minute(id: 1)").await, number("minute(id: 2)").await), (3, 2));
        // A batch is forgotten by each of its keys, and by what is said of all.
        let list = async |first: u64| {
            let answer = asked.world.send(true, &format!("{{ list(first: {first}) {{ id n }} }}"), &[]).await;
            answer.body["data"]["list"][0]["n"].as_u64().unwrap_or_else(|| panic!("{}", answer.body))
        };
        let (one, other) = (list(7).await, list(8).await);
        assert_eq!((list(7).await, list(8).await), (one, other), "kept");
        asked.world.purge(&json!({ "tags": ["thing-70"] })).await;
        let anew = list(7).await;
        assert!(anew > one, "{anew}");
        assert_eq!(list(8).await, other);
        asked.world.purge(&json!({ "tags": ["things"] })).await;
        assert!(list(7).await > anew && list(8).await > other);
    });
}

#[test]
fn the_configuration_knows_better_for_a_connector() {
    runtime().block_on(async {
        let asked = Asked::start(
            "sources:\n  s:\n    cache:\n      ttl: 10s\n      connectors:\n        \"Query.minute\": { ttl: 5s }\n        \
             Query.short: { enabled: false }\n        Query.plain: { override: true, ttl: 20s }\n",
        )
        .await;
        let number = async |field: &str| asked.told(field).await.0;
        assert_eq!(asked.told("minute(id: 1)").await, told(1, "max-age=5"));
        asked.wait(4);
        assert_eq!(number("minute(id: 1)").await, 1);
        asked.wait(1);
        assert_eq!(number("minute(id: 1)").await, 2);
        assert_eq!((number("short(id: 1)").await, number("short(id: 1)").await), (3, 4), "turned off");
        // A framework that forbids everything.
        asked.says("cache-control: no-cache, no-store, max-age=0, must-revalidate\r\npragma: no-cache\r\nexpires: 0\r\n");
        assert_eq!(asked.told("plain(id: 1)").await, told(5, "max-age=20"));
        asked.wait(19);
        assert_eq!(number("plain(id: 1)").await, 5);
        asked.wait(1);
        assert_eq!(number("plain(id: 1)").await, 6);
        assert_eq!((number("minute(id: 2)").await, number("minute(id: 2)").await), (7, 8), "others are heard");
    });
}
