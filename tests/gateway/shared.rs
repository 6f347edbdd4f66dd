//! Equal operations under way are run once: all who wait are answered, and nobody who is not equal.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use serde_json::{Value, json};
use weft::gateway::{Answer, Gateway, Request};

use crate::support::{
    gateway, header_map,
    raw::{Behaviour, Seen, Upstream},
    runtime,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  item(id: ID!): Item @connect(source: "s", http: { GET: "/items/{$args.id}" }, selection: "id name")
  mine: Item @connect(source: "s", http: { GET: "/mine", headers: [{ name: "x-tenant", from: "x-tenant" }] }, selection: "id name")
  found(id: ID!): Item @connect(source: "s", http: { POST: "/search", body: "id: $args.id" }, selection: "id name")
  echo: Echo @connect(source: "s", http: { GET: "/echo" }, selection: "who: $request.headers.'x-who'->first")
}

type Item { id: ID! name: String }
type Echo { who: String }
"#;

/// A gateway over a service that holds every read until it is released, each by one.
struct World {
    upstream: Upstream,
    released: Cell<usize>,
    gateway: Arc<Gateway>,
}

type Asked = Pin<Box<dyn Future<Output = Answer>>>;

impl World {
    async fn start(source: &str) -> Self {
        let upstream = Upstream::start(|seen: &Seen| {
            let path = seen.line.split(' ').nth(1).unwrap_or_default();
            let name = seen.header("x-tenant").unwrap_or("n").to_owned();
            let body = json!({ "id": path.rsplit('/').next(), "name": name }).to_string();
            let head = format!("HTTP/1.1 200 Stub\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            let bytes = format!("{head}content-type: application/json\r\n\r\n{body}").into_bytes();
            Behaviour::Held(bytes)
        })
        .await;
        let schema = SCHEMA.replace("BASE", &format!("http://{}", upstream.address));
        let gateway = Arc::new(gateway(&schema, &format!("sources: {{ s: {{ {source} }} }}")));
        Self { upstream, released: Cell::new(0), gateway }
    }

    /// Asks, and comes back when the request waits for its answer.
    fn ask(&self, query: &str, headers: &[(&'static str, &str)]) -> Asked {
        let gateway = Arc::clone(&self.gateway);
        let headers = header_map(headers);
        let request = Request { query: Some(query.to_owned()), headers: Arc::new(headers), ..Request::default() };
        let mut asked: Asked = Box::pin(async move { gateway.answer(&request).await.expect("nothing is refused") });
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        asked
    }
}

async fn data(asked: Asked) -> Value {
    let answer = asked.await;
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body.get("errors"), None, "{body}");
    body["data"].clone()
}

const ITEM: &str = "{ item(id: 1) { name } }";

#[test]
fn all_who_ask_the_same_are_answered_by_one_run() {
    runtime().block_on(async {
        let world = World::start("").await;
        let name = || json!({ "item": { "name": "n" } });
        drive((0..50).map(|_| (world.ask(ITEM, &[]), name())).collect(), &world, 1).await;
        // Who comes after is answered anew.
        drive(vec![(world.ask(ITEM, &[]), name())], &world, 2).await;
    });
}

#[test]
fn it_goes_on_without_its_first_caller_and_ends_with_the_last() {
    runtime().block_on(async {
        let world = World::start("").await;
        let mut asked: Vec<Asked> = (0..3).map(|_| world.ask(ITEM, &[])).collect();
        let mut first = asked.remove(0);
        until_called(&mut first, &world, "GET /items/1").await;
        drop(first);
        drop(asked.remove(0));
        world.upstream.release();
        assert_eq!(data(asked.remove(0)).await["item"]["name"], "n");
        assert_eq!(world.upstream.count(""), 1);

        let mut first = world.ask("{ item(id: 2) { name } }", &[]);
        let other = world.ask("{ item(id: 2) { name } }", &[]);
        until_called(&mut first, &world, "GET /items/2").await;
        drop((first, other));
        world.upstream.caller_left("GET /items/2").await;
    });
}

#[test]
fn what_differs_is_not_shared() {
    runtime().block_on(async {
        let world = World::start("").await;
        let asked: Vec<(Asked, Value)> = ["a", "b", "a"]
            .into_iter()
            .map(|tenant| {
                (world.ask("{ mine { name } }", &[("x-tenant", tenant)]), json!({ "mine": { "name": tenant } }))
            })
            .collect();
        drive(asked, &world, 2).await;
        // Read by the mapping, not sent: the call is shared, the answer is not.
        let world = World::start("").await;
        let asked: Vec<(Asked, Value)> = ["a", "b", "a"]
            .into_iter()
            .map(|who| (world.ask("{ echo { who } }", &[("x-who", who)]), json!({ "echo": { "who": who } })))
            .collect();
        drive(asked, &world, 1).await;
    });
}

/// Drives a request until its call is at the service.
async fn until_called(asked: &mut Asked, world: &World, line: &str) {
    tokio::select! {
        _ = asked => panic!("it is held"),
        () = world.upstream.came(line, 1) => {}
    }
}

/// Awaits all of them at once; the service answers its calls up to so many.
async fn drive(asked: Vec<(Asked, Value)>, world: &World, calls: usize) {
    let (asked, expected): (Vec<Asked>, Vec<Value>) = asked.into_iter().unzip();
    let answers = futures_util::future::join_all(asked.into_iter().map(data));
    let (answers, ()) = futures_util::join!(answers, async {
        while world.released.get() < calls {
            world.released.set(world.released.get() + 1);
            world.upstream.came("", world.released.get()).await;
            world.upstream.release();
        }
    });
    assert_eq!(answers, expected);
    assert_eq!(world.upstream.count(""), calls);
}

#[test]
fn who_says_who_it_is_shares_only_where_that_is_configured() {
    runtime().block_on(async {
        let name = || json!({ "item": { "name": "n" } });
        let twice = |world: &World| -> Vec<(Asked, Value)> {
            (0..2).map(|_| (world.ask(ITEM, &[("authorization", "Bearer t")]), name())).collect()
        };
        // What is not sent on cannot make a difference for the service, so the call itself is shared.
        let world = World::start("").await;
        drive(twice(&world), &world, 1).await;
        let world = World::start("share: coalesce").await;
        drive(twice(&world), &world, 1).await;
        let world = World::start("share: \"off\"").await;
        drive(twice(&world), &world, 2).await;
        // A read by POST is one by configuration only.
        let found = |world: &World| -> Vec<(Asked, Value)> {
            let name = || json!({ "found": { "name": "n" } });
            (0..2).map(|_| (world.ask("{ found(id: 1) { name } }", &[]), name())).collect()
        };
        let world = World::start("").await;
        drive(found(&world), &world, 2).await;
        let world = World::start("share: coalesce").await;
        drive(found(&world), &world, 1).await;
    });
}
