//! The whole way of a known document over a loopback service: look up, coerce, call, map, join, write.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use weft::{
    config::{self, Overrides},
    error::SourceText,
    gateway::{Gateway, Snapshot},
    schema::File,
    upstream::{Kept, Transport},
};

fn main() {
    divan::main();
}

/// Posts of ten users.
fn body(path: &str) -> String {
    if path.starts_with("/users") {
        let users: Vec<String> =
            (1..=10).map(|id| format!(r#"{{"id":{id},"name":"user {id}","email":"u{id}@example.com"}}"#)).collect();
        return format!("[{}]", users.join(","));
    }
    let count: usize = path.rsplit('=').next().and_then(|text| text.parse().ok()).unwrap_or(100);
    let posts: Vec<String> = (0..count)
        .map(|id| {
            format!(
                r#"{{"userId":{},"id":{id},"title":"amber basin {id}","body":"cedar delta ember fjord"}}"#,
                id % 10 + 1
            )
        })
        .collect();
    format!("[{}]", posts.join(","))
}

async fn start() -> Gateway {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            let service = service_fn(|request: Request<Incoming>| async move {
                let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
                Response::builder().header("content-type", "application/json").body(Full::new(Bytes::from(body(&path))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(hyper_util::rt::TokioIo::new(socket), service),
            );
        }
    });
    let file = std::env::temp_dir().join(format!("weft-bench-{}.yaml", std::process::id()));
    std::fs::write(&file, format!("schema: []\nsources: {{ rest: {{ urls: ['http://{address}'] }} }}\n"))
        .expect("written");
    let settings = config::load(Some(&file), &Overrides::default()).expect("valid settings");
    let _ = std::fs::remove_file(file);
    let text = include_str!("load/contenders/weft/schema-batch.graphql").to_owned();
    let source = Arc::new(SourceText { name: "bench.graphql".into(), text });
    let files = [File { subgraph: "bench".into(), source }];
    let (snapshot, _) =
        Snapshot::of_files(&settings, &files, &Transport::default(), &Kept::default()).expect("it compiles");
    Gateway::new(snapshot)
}

fn answer(bencher: divan::Bencher, query: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let gateway = runtime.block_on(start());
    let request = weft::gateway::Request { query: Some(query.into()), ..Default::default() };
    let ask = || runtime.block_on(gateway.answer(&request)).expect("an answer").body;
    assert!(!ask().windows(8).any(|window| window == b"\"errors\""), "{}", String::from_utf8_lossy(&ask()));
    bencher.bench_local(ask);
}

/// Nothing to call: the gateway's own part.
#[divan::bench]
fn without_calls(bencher: divan::Bencher) {
    answer(bencher, "{ __typename }");
}

/// One call, a list of so many.
#[divan::bench(args = [1, 10, 100, 1000])]
fn list(bencher: divan::Bencher, length: usize) {
    answer(bencher, &format!("{{ postsN(limit: {length}) {{ id title }} }}"));
}

/// Two calls, a list of so many joined with ten users.
#[divan::bench(args = [1, 10, 100, 1000])]
fn batched_join(bencher: divan::Bencher, length: usize) {
    answer(bencher, &format!("{{ postsN(limit: {length}) {{ id title user {{ name email }} }} }}"));
}
