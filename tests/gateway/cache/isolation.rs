//! Two hundred callers at once, each with credentials of its own: nobody is given what another was.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use weft::upstream::Clock;

use super::{
    script::How,
    world::{Service, World},
};
use crate::support::{
    raw::{Behaviour, Seen, Upstream},
    runtime,
};

const CALLERS: usize = 200;
const ROUNDS: usize = 2;

/// What the service says of its replies, by item: every mix of lifetime, scope and `Vary`.
const SAYS: [&str; 8] = [
    "cache-control: max-age=60\r\n",
    "cache-control: public, max-age=60\r\n",
    "cache-control: private, max-age=60\r\n",
    "cache-control: public, max-age=60\r\nvary: authorization\r\n",
    "cache-control: s-maxage=60\r\nvary: x-tenant, authorization\r\n",
    "cache-control: public, max-age=0, stale-while-revalidate=60\r\netag: \"same-for-all\"\r\n",
    "cache-control: public, no-cache\r\netag: \"same-for-all\"\r\n",
    "",
];

/// Tells everybody who they are; by condition it says, like a careless service, that nothing has changed.
fn reply(seen: &Seen) -> Behaviour {
    let id: usize = seen.line.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
    let says = SAYS[id % SAYS.len()];
    if seen.header("if-none-match").is_some() {
        return Behaviour::Bytes(format!("HTTP/1.1 304 Same\r\nconnection: close\r\n{says}\r\n").into_bytes());
    }
    let who = seen.header("authorization").or_else(|| seen.header("x-tenant")).unwrap_or("nobody");
    let body = format!(r#"{{"id":"{id}","n":{id},"who":"{who}"}}"#);
    let head = format!("HTTP/1.1 200 Stub\r\nconnection: close\r\ncontent-length: {}\r\n{says}", body.len());
    Behaviour::Bytes(format!("{head}content-type: application/json\r\n\r\n{body}").into_bytes())
}

#[test]
fn no_caller_is_given_what_another_was() {
    for share in ["", "    share: coalesce\n"] {
        runtime().block_on(hold(share, "", 1));
    }
}

/// What one gateway kept for its callers another one finds.
#[cfg(feature = "redis")]
#[test]
fn nor_is_a_caller_of_another_gateway() {
    let Some(redis) = crate::support::redis::Redis::start() else { return };
    let beside = format!("cache: {{ redis: {{ url: \"{}\", timeout: 500ms }} }}\n", redis.url());
    runtime().block_on(hold("    share: coalesce\n", &beside, 3));
    // One for each caller of a kind that says who it is by a header that no rule of HTTP knows, and each item that may be kept.
    let count = redis.keys("weft:cache:reply:").len();
    assert!(count > CALLERS, "{count} were kept there");
}

/// All callers ask for all items, through so many gateways.
async fn hold(share: &str, beside: &str, gateway_count: usize) {
    let upstream = Upstream::start(reply).await;
    // Generous: machines that run tests are busy.
    let yaml = format!(
        "sources:\n  s:\n    timeout: 60s\n{share}    cache: {{ ttl: 60s, post: true, stale_if_error: 60s }}\n{beside}"
    );
    let mut worlds = Vec::new();
    for _ in 0..gateway_count {
        let service = Service { clock: Clock::by_hand(), ..Service::default() };
        worlds.push(World::over(upstream.clone(), Arc::new(std::sync::Mutex::new(service)), &yaml).await);
    }
    // Redis is used before anybody counts on it.
    for (number, world) in worlds.iter().enumerate() {
        let started = Instant::now();
        let mut id = 0;
        while !beside.is_empty() && !is_known_elsewhere(&worlds, number, &mut id).await {
            assert!(started.elapsed() < Duration::from_mins(1), "gateway {number} does not use Redis");
        }
        assert_eq!(world.ask(How::Plain, "1", &[]).await.status, 200);
    }
    let before = upstream.seen().len();
    let (worlds, answered) = (Arc::new(worlds), Arc::new(AtomicUsize::new(0)));
    let asks = (0..ROUNDS * SAYS.len() * CALLERS).map(|number| {
        let (caller, id) = (number % CALLERS, number / CALLERS % SAYS.len());
        let (worlds, answered) = (Arc::clone(&worlds), Arc::clone(&answered));
        // Half of them by a token, half by a header that no rule of HTTP knows; every tenth by none.
        let (header, who) = match caller {
            _ if caller % 10 == 0 => ("x-other", "nobody".to_owned()),
            _ if caller % 2 == 0 => ("authorization", format!("Bearer {caller}")),
            _ => ("x-tenant", format!("tenant {caller}")),
        };
        async move {
            let how = if caller % 3 == 0 { How::Get } else { How::Plain };
            // In the second round through another one than in the first.
            let world = &worlds[(number / (SAYS.len() * CALLERS) + caller) % worlds.len()];
            let answer = world.ask(how, &id.to_string(), &[(header.to_owned(), who.clone())]).await;
            let it = &answer.body["data"]["it"];
            assert_eq!(it["who"], who, "{share:?}, item {id}: {}", answer.body);
            assert_eq!(it["id"], id.to_string());
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    stream::iter(asks).for_each_concurrent(CALLERS, |ask| ask).await;
    assert_eq!(answered.load(Ordering::Relaxed), ROUNDS * SAYS.len() * CALLERS);
    let calls = upstream.seen().len() - before;
    assert!(calls < ROUNDS * SAYS.len() * CALLERS, "something was kept or shared: {calls} calls");
}

/// Whether a reply that one gateway asks for now is found by the next.
async fn is_known_elsewhere(worlds: &[World], number: usize, id: &mut usize) -> bool {
    // Each time another caller, always an item that may be kept.
    *id += 1;
    let caller = [("x-tenant".to_owned(), format!("first {number} {id}"))];
    let next = &worlds[(number + 1) % worlds.len()];
    worlds[number].ask(How::Plain, "1", &caller).await;
    let status = next.ask(How::Plain, "1", &caller).await;
    status.header("cache-status").is_some()
}
