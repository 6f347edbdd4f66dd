//! Keys of several requests in one call: `share: batch`.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};
use weft::gateway::{Answer, Gateway, Request};

use crate::support::{
    gateway, header_map,
    raw::{Behaviour, Seen, Upstream, answer},
    runtime,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE", headers: [{ name: "authorization", from: "authorization" }] })

type Query {
  orders(of: [Int!]!): [Order] @connect(selection: "$args.of->map({ id: @, user: { id: @ } })")
}

type Order { id: ID! user: User }

type User
  @connect(source: "s", http: { GET: "/users?ids={$batch.id->joinNotNull(',')}" }, batch: { maxSize: 50 }, selection: "id name who")
  @key(fields: "id") {
  id: ID!
  name: String
  who: String
}
"#;

/// Gathers until the call under way has ended, so that a test says what goes together.
const GATHERING: &str = "share: batch, batch_wait: 1m";

/// A gateway over a service whose users each know who asked for them.
struct World {
    upstream: Upstream,
    gateway: Arc<Gateway>,
}

type Asked = Pin<Box<dyn Future<Output = Answer>>>;

/// The ids that a call for users names.
fn ids(seen: &Seen) -> Vec<String> {
    let path = seen.line.split(' ').nth(1).unwrap_or_default();
    let (_, ids) = path.split_once("ids=").unwrap_or_default();
    ids.replace("%2C", ",").split(',').map(str::to_owned).collect()
}

/// Of users, 13 is one that no call may name, 500 breaks the service, and the rest is given.
fn reply(seen: &Seen) -> Behaviour {
    let json = |status, body: &Value| answer(status, "application/json", body.to_string().as_bytes());
    let ids = ids(seen);
    if ids.iter().any(|id| id == "13") {
        return Behaviour::Held(json(400, &json!({ "error": "no such user" })));
    }
    if ids.iter().any(|id| id == "500") {
        return Behaviour::Held(json(503, &json!({ "error": "down" })));
    }
    let who = seen.header("authorization").unwrap_or("nobody");
    let users: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "name": format!("n{id}"), "who": who })).collect();
    Behaviour::Held(json(200, &json!(users)))
}

impl World {
    async fn start(source: &str) -> Self {
        Self::over(Upstream::start(reply).await, source)
    }

    fn over(upstream: Upstream, source: &str) -> Self {
        let schema = SCHEMA.replace("BASE", &format!("http://{}", upstream.address));
        let gateway = Arc::new(gateway(&schema, &format!("sources: {{ s: {{ {source} }} }}")));
        Self { upstream, gateway }
    }

    fn ask(&self, of: &[i64], headers: &[(&'static str, &str)]) -> Asked {
        let gateway = Arc::clone(&self.gateway);
        let headers = header_map(headers);
        let query = format!("{{ orders(of: {of:?}) {{ id user {{ name who }} }} }}");
        let request = Request { query: Some(query), headers: Arc::new(headers), ..Request::default() };
        Box::pin(async move { gateway.answer(&request).await.expect("nothing is refused") })
    }

    /// A request whose call for users is under way and held, so that later ones gather.
    async fn first(&self, of: i64, headers: &[(&'static str, &str)]) -> Asked {
        let mut asked = self.ask(&[of], headers);
        let before = self.calls().len();
        tokio::select! {
            _ = &mut asked => panic!("it is held"),
            () = self.upstream.came("GET /users", before + 1) => asked,
        }
    }

    /// The ids of each call for users.
    fn calls(&self) -> Vec<Vec<String>> {
        let calls = self.upstream.seen().into_iter().filter(|seen| seen.line.starts_with("GET /users"));
        calls.map(|seen| ids(&seen)).collect()
    }

    /// Lets so many calls go on, one after the other as they come, while requests wait for them.
    async fn release(&self, from: usize, to: usize) {
        for number in from..to {
            self.upstream.came("GET /users", number + 1).await;
            self.upstream.release();
        }
    }
}

async fn body(asked: Asked) -> Value {
    serde_json::from_slice(&asked.await.body).expect("JSON")
}

fn users(of: &[i64], who: &str) -> Value {
    let user = |id: &i64| json!({ "name": format!("n{id}"), "who": who });
    let orders: Vec<Value> = of.iter().map(|id| json!({ "id": id.to_string(), "user": user(id) })).collect();
    json!({ "data": { "orders": orders } })
}

#[test]
fn keys_of_several_requests_go_out_in_one_call() {
    runtime().block_on(async {
        let world = World::start(GATHERING).await;
        // The first one goes at once, alone; what comes while it is under way is gathered.
        let first = world.first(1, &[]).await;
        let lists: Vec<Vec<i64>> = (0..10).map(|number| vec![number * 2 + 20, number * 2 + 21, 7]).collect();
        let others = join_all(lists.iter().map(|of| body(world.ask(of, &[]))));
        let (first, others, ()) = futures_util::join!(body(first), others, world.release(0, 2));
        assert_eq!(first, users(&[1], "nobody"));
        for (of, other) in lists.iter().zip(others) {
            assert_eq!(other, users(of, "nobody"));
        }
        let calls = world.calls();
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert_eq!(calls[0], ["1"]);
        let distinct: BTreeSet<&String> = calls[1].iter().collect();
        assert_eq!(distinct.len(), calls[1].len(), "each key once: {calls:?}");
        assert_eq!(distinct.len(), 21);
    });
}

#[test]
fn a_call_has_no_more_keys_than_the_connector_allows() {
    runtime().block_on(async {
        let world = World::start(GATHERING).await;
        let first = world.first(1, &[]).await;
        let lists: Vec<Vec<i64>> = (0..12).map(|number| (1000 + number * 10..1010 + number * 10).collect()).collect();
        let others = join_all(lists.iter().map(|of| body(world.ask(of, &[]))));
        let (_, others, ()) = futures_util::join!(body(first), others, world.release(0, 4));
        for (of, other) in lists.iter().zip(others) {
            assert_eq!(other, users(of, "nobody"));
        }
        let mut sizes: Vec<usize> = world.calls().iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 20, 50, 50]);
    });
}

#[test]
fn callers_who_differ_in_what_is_sent_share_nothing() {
    runtime().block_on(async {
        let world = World::start(GATHERING).await;
        let firsts = [world.first(1, &[("authorization", "a")]).await, world.first(1, &[("authorization", "b")]).await];
        let more = [("a", [2, 3]), ("b", [2, 3]), ("a", [3, 4]), ("b", [4, 5])];
        let others = more.iter().map(|(who, of)| body(world.ask(of, &[("authorization", who)])));
        let firsts = join_all(firsts.map(body));
        let (_, others, ()) = futures_util::join!(firsts, join_all(others), world.release(0, 4));
        for ((who, of), other) in more.iter().zip(others) {
            assert_eq!(other, users(of, who));
        }
        assert_eq!(world.calls().len(), 4, "{:?}", world.calls());
    });
}

#[test]
fn who_asks_for_what_is_refused_harms_nobody_else() {
    runtime().block_on(async {
        let world = World::start(GATHERING).await;
        let first = world.first(1, &[]).await;
        let lists: [&[i64]; 3] = [&[2, 3], &[13, 2], &[4]];
        let others = join_all(lists.iter().map(|of| body(world.ask(of, &[]))));
        // One call for all of them, which is refused, then one for each.
        let (_, others, ()) = futures_util::join!(body(first), others, world.release(0, 5));
        assert_eq!(others[0], users(&[2, 3], "nobody"));
        assert_eq!(others[2], users(&[4], "nobody"));
        assert_eq!(others[1]["errors"][0]["extensions"]["http"]["status"], 400, "{}", others[1]);
        assert_eq!(world.calls().len(), 5, "{:?}", world.calls());
        // A service that answers nobody is not asked again for each.
        let first = world.first(6, &[]).await;
        let others = join_all([&[500, 2][..], &[3]].map(|of| body(world.ask(of, &[]))));
        let (_, others, ()) = futures_util::join!(body(first), others, world.release(5, 7));
        for other in others {
            assert_eq!(other["errors"][0]["extensions"]["http"]["status"], 503, "{other}");
        }
        assert_eq!(world.calls().len(), 7, "{:?}", world.calls());
    });
}

#[test]
fn who_asks_for_too_much_harms_nobody_else() {
    runtime().block_on(async {
        let world = World::start("share: batch, batch_wait: 1m, body_max: 1KiB").await;
        let first = world.first(1, &[]).await;
        let many: Vec<i64> = (100..140).collect();
        let others = join_all([&many[..], &[3]].map(|of| body(world.ask(of, &[]))));
        let (_, others, ()) = futures_util::join!(body(first), others, world.release(0, 4));
        assert_eq!(others[0]["errors"][0]["extensions"]["code"], "RESPONSE_TOO_LARGE", "{}", others[0]);
        assert_eq!(others[1], users(&[3], "nobody"));
        assert_eq!(world.calls().len(), 4, "{:?}", world.calls());
    });
}

#[test]
fn a_load_goes_on_without_its_first_caller_and_ends_with_the_last() {
    runtime().block_on(async {
        let world = World::start(GATHERING).await;
        let first = world.first(1, &[]).await;
        let (mut leaves, mut stays) = (world.ask(&[2], &[]), world.ask(&[3], &[]));
        for asked in [&mut leaves, &mut stays] {
            assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        world.upstream.release();
        assert_eq!(body(first).await, users(&[1], "nobody"));
        world.upstream.came("GET /users", 2).await;
        drop(leaves);
        world.upstream.release();
        assert_eq!(body(stays).await, users(&[3], "nobody"));
        assert_eq!(world.calls()[1], ["2", "3"]);

        drop(world.first(4, &[]).await);
        world.upstream.caller_left("GET /users?ids=4").await;
    });
}

#[test]
fn two_hundred_callers_are_given_their_own() {
    // One call is held, so that those who may ask together gather behind it.
    let free = |seen: &Seen| match reply(seen) {
        Behaviour::Held(bytes) if ids(seen) != ["1"] => Behaviour::Bytes(bytes),
        other => other,
    };
    runtime().block_on(async move {
        let world = World::over(Upstream::start(free).await, "share: batch, batch_wait: 1m, timeout: 60s");
        let first = world.first(1, &[]).await;
        let requests = stream::iter(0..1000_i64).map(|number| {
            let caller = number % 200;
            // Every fourth says nothing of itself: those may be together.
            let who = if caller % 4 == 0 { "nobody".to_owned() } else { format!("Bearer {caller}") };
            let headers: &[_] = if caller % 4 == 0 { &[] } else { &[("authorization", &*who)] };
            let of = [1000 + number % 7, 1000 + number % 11, 2000 + caller];
            let asked = world.ask(&of, headers);
            async move { assert_eq!(body(asked).await, users(&of, &who), "request {number}") }
        });
        let answered = requests.buffer_unordered(200).collect::<Vec<()>>();
        // All of the first two hundred who say who they are have called by then, and the others wait.
        let release = async {
            world.upstream.came("GET /users", 1 + 150).await;
            world.upstream.release();
        };
        futures_util::join!(body(first), answered, release);
        assert!(world.calls().len() < 1001, "some were together: {}", world.calls().len());
    });
}

#[test]
fn without_the_setting_each_request_makes_its_own_call() {
    runtime().block_on(async {
        let world = World::start("share: coalesce").await;
        let others = join_all([&[2, 3][..], &[3, 4], &[5]].map(|of| body(world.ask(of, &[]))));
        let (others, ()) = futures_util::join!(others, world.release(0, 3));
        assert_eq!(others[1], users(&[3, 4], "nobody"));
        assert_eq!(world.calls().len(), 3);
    });
}
