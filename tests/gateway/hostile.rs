//! Services that misbehave, callers who leave, requests that are wrong: a clear error at the field, siblings intact, the
//! next request answered.

use std::{io::Write, path::PathBuf, sync::LazyLock};

use serde_json::{Value, json};

use crate::support::{
    process::Weft,
    raw::{Behaviour, Seen, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "good", http: { baseURL: "http://good.example" })
  @source(name: "bad", http: { baseURL: "http://bad.example" })
  @source(name: "closed", http: { baseURL: "http://closed.example" })

type Query {
  good: Thing @connect(source: "good", http: { GET: "/good" }, selection: "id name count tags")
  bad(how: String!): Thing
    @connect(source: "bad", http: { GET: "/{$args.how}" }, selection: "id name count tags")
  refused: Thing @connect(source: "closed", http: { GET: "/" }, selection: "id name count tags")
}

type Mutation {
  write(how: String!): Thing
    @connect(source: "bad", http: { POST: "/{$args.how}", body: "how: $args.how" }, selection: "id name count tags")
}

type Thing {
  id: ID!
  name: String
  count: Int
  tags: [String!]
}
"#;

/// weft over two misbehaving services and one that is not there.
struct World {
    weft: Weft,
    good: Upstream,
    bad: Upstream,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    async fn start(name: &str, timeout: &str) -> Self {
        let good =
            Upstream::start(|_| Behaviour::Bytes(answer(200, "application/json", br#"{"id":"g","name":"ok"}"#))).await;
        let bad = Upstream::start(misbehave).await;
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let closed = closed.local_addr().expect("a bound socket");
        let folder = scratch(name);
        LazyLock::force(&BOMB);
        std::fs::write(folder.join("api.graphql"), SCHEMA).expect("the scratch folder can be written");
        let config = json!({
            "schema": [folder.join("api.graphql")],
            "server": { "listen": "127.0.0.1:0" },
            "admin": { "listen": "off" },
            "sources": {
                "good": { "urls": [format!("http://{}", good.address)] },
                "bad": { "urls": [format!("http://{}", bad.address)], "timeout": timeout, "body_max": "1MiB" },
                "closed": { "urls": [format!("http://{closed}")] },
            },
        });
        let path = folder.join("weft.yaml");
        std::fs::write(&path, config.to_string()).expect("the scratch folder can be written");
        let weft = Weft::start(&path, &[]).expect("weft starts");
        Self { weft, good, bad, folder }
    }

    async fn ask(&self, query: &str) -> Value {
        let (_, answer) = self.weft.ask(&json!({ "query": query }), &[]).await.expect("an answer");
        answer
    }
}

/// 32 MiB of spaces, packed to a thousandth; made before anybody waits for it.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..512 {
        gzip.write_all(&vec![b' '; 64 * 1024]).expect("memory can be written");
    }
    gzip.finish().expect("memory can be written")
});

/// The last segment of the path says how.
fn misbehave(seen: &Seen) -> Behaviour {
    let how = seen.line.rsplit('/').next().unwrap_or_default();
    let json = |body: &[u8]| Behaviour::Bytes(answer(200, "application/json", body));
    let packed = |body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Behaviour::Bytes([head.as_bytes(), body].concat())
    };
    match how {
        "hang" => Behaviour::Hang,
        "held" => Behaviour::Held(answer(200, "application/json", br#"{"id":"h"}"#)),
        "close" => Behaviour::Close,
        "status" => Behaviour::Bytes(answer(500, "application/json", br#"{"secret":"stack trace"}"#)),
        "redirect" => Behaviour::Bytes(
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
        ),
        "html" => Behaviour::Bytes(answer(200, "text/html", b"<h1>welcome</h1>")),
        "html-as-json" => json(b"<h1>welcome</h1>"),
        "garbage" => Behaviour::Bytes(b"\x00\x01\x02 this is not HTTP\r\n\r\n".to_vec()),
        "cut" => {
            let whole = answer(200, "application/json", br#"{"id":"c","name":"a name that never ends"}"#);
            Behaviour::Bytes(whole[..whole.len() - 12].to_vec())
        }
        "half-json" => json(br#"{"id":"c","name":"#),
        "two-documents" => json(br#"{"id":"c"} {"id":"d"}"#),
        "deep" => json("[".repeat(200_000).as_bytes()),
        "not-utf8" => json(b"{\"id\":\"\xff\xfe\"}"),
        "large" => Behaviour::Flood {
            head: b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\"".to_vec(),
            chunk: vec![b'x'; 64 * 1024],
            total: 100 * 1024 * 1024,
        },
        "large-announced" => Behaviour::Flood {
            head: b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 104857600\r\nconnection: close\r\n\r\n".to_vec(),
            chunk: vec![b'x'; 64 * 1024],
            total: 100 * 1024 * 1024,
        },
        "bomb" => packed(&BOMB),
        "broken-gzip" => packed(b"\x1f\x8b\x08\x00 this is no deflate stream"),
        "drip" => Behaviour::Drip(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{".to_vec()),
        "drip-head" => Behaviour::Drip(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec()),
        "hints" => Behaviour::Flood {
            head: Vec::new(),
            chunk: b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100),
            total: 1 << 30,
        },
        "headers" => Behaviour::Flood {
            head: b"HTTP/1.1 200 OK\r\n".to_vec(),
            chunk: b"x-more: and more\r\n".repeat(1000),
            total: 1 << 30,
        },
        "chunks" => Behaviour::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_vec(),
        ),
        "half-chunk" => Behaviour::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"id\":\"c\"}".to_vec(),
        ),
        "too-short" => Behaviour::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\nconnection: close\r\n\r\n{\"id\":\"c\"}".to_vec(),
        ),
        "two-lengths" => Behaviour::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ncontent-length: 10\r\n\r\n{\"id\":\"c\"}".to_vec(),
        ),
        "metadata" => Behaviour::Bytes(
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
        ),
        "html-error" => Behaviour::Bytes(answer(502, "text/html", b"<h1>bad gateway at 127.0.0.1, stack trace</h1>")),
        "nan" => json(br#"{"id":"n","count":NaN}"#),
        "infinity" => json(br#"{"id":"n","count":-Infinity}"#),
        "trailing" => json(br#"{"id":"n"},"#),
        "twins" => json(br#"{"id":"first","id":"last"}"#),
        "keys" => {
            let keys: Vec<String> = (0..300_000).map(|key| format!("\"k{key}\":1")).collect();
            let body = format!("{{{},\"id\":\"many\"}}", keys.join(","));
            // 3 MB: above what this source may send.
            json(body.as_bytes())
        }
        "few-keys" => {
            let keys: Vec<String> = (0..60_000).map(|key| format!("\"k{key}\":1")).collect();
            json(format!("{{{},\"id\":\"many\"}}", keys.join(",")).as_bytes())
        }
        "wrong-types" => json(br#"{"id":"w","name":{"first":"x"},"count":"many","tags":"none"}"#),
        "no-object" => json(b"17"),
        "no-id" => json(br#"{"name":"nobody"}"#),
        "huge-number" => json(br#"{"id":"n","count":123456789012345678901234567890}"#),
        _ => json(br#"{"id":"b","name":"fine","count":1,"tags":["t"]}"#),
    }
}

#[test]
fn a_bad_answer_is_an_error_of_its_field() {
    let expected: &[(&str, &str)] = &[
        ("hang", "GATEWAY_TIMEOUT"),
        ("close", "HTTP_CLIENT_ERROR"),
        ("garbage", "HTTP_CLIENT_ERROR"),
        ("status", "CONNECTOR_FETCH"),
        ("redirect", "CONNECTOR_FETCH"),
        ("html-as-json", "CONNECTOR_RESPONSE_INVALID"),
        ("cut", "CONNECTOR_RESPONSE_INVALID"),
        ("half-json", "CONNECTOR_RESPONSE_INVALID"),
        ("two-documents", "CONNECTOR_RESPONSE_INVALID"),
        ("deep", "CONNECTOR_RESPONSE_INVALID"),
        ("not-utf8", "CONNECTOR_RESPONSE_INVALID"),
        ("large", "RESPONSE_TOO_LARGE"),
        ("large-announced", "RESPONSE_TOO_LARGE"),
        ("bomb", "RESPONSE_TOO_LARGE"),
        ("broken-gzip", "CONNECTOR_RESPONSE_INVALID"),
        ("no-id", "CONNECTOR_RESPONSE_SHAPE"),
    ];
    runtime().block_on(async {
        let mut world = World::start("hostile-answers", "5s").await;
        let mut findings = Vec::new();
        for (round, (how, code)) in expected.iter().enumerate() {
            let answer = world.ask(&format!("{{ good {{ id name }} bad(how: \"{how}\") {{ id name }} }}")).await;
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            let path = if *how == "no-id" { json!(["bad", "id"]) } else { json!(["bad"]) };
            let clear = errors.len() == 1
                && errors[0]["extensions"]["code"] == json!(code)
                && errors[0]["path"] == path
                && answer["data"]["bad"].is_null();
            if !clear {
                findings.push(format!("{how}: expected {code} at {path}, got {answer}"));
            }
            let text = answer.to_string();
            if ["127.0.0.1", "stack trace", "welcome"].iter().any(|secret| text.contains(secret)) {
                findings.push(format!("{how}: shows what callers must not see: {text}"));
            }
            if answer["data"]["good"] != json!({ "id": "g", "name": "ok" }) {
                findings.push(format!("{how}: the sibling is gone: {answer}"));
            }
            let calls = world.bad.count(&format!("GET /{how}"));
            // Prefixes (`large`, `large-announced`) are told apart by the whole line.
            let exact = world.bad.seen().iter().filter(|seen| seen.line == format!("GET /{how}")).count();
            if exact != 1 || world.good.count("GET /good") != round + 1 {
                findings.push(format!("{how}: {exact} ({calls}) calls, good has {}", world.good.count("GET /good")));
            }
        }
        for how in ["large", "large-announced"] {
            let sent = world.bad.sent(&format!("GET /{how}"));
            if sent > 16 * 1024 * 1024 {
                findings.push(format!("{how}: {sent} bytes were taken of a service whose bodies end at 1 MiB"));
            }
        }
        assert!(world.weft.is_alive(), "the process lives");
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    });
}

#[test]
fn an_answer_that_is_no_http_or_no_json_is_an_error_of_its_field() {
    let expected: &[(&str, &[&str])] = &[
        ("drip", &["GATEWAY_TIMEOUT"]),
        ("drip-head", &["GATEWAY_TIMEOUT"]),
        ("hints", &["GATEWAY_TIMEOUT", "HTTP_CLIENT_ERROR"]),
        ("headers", &["HTTP_CLIENT_ERROR"]),
        ("chunks", &["CONNECTOR_RESPONSE_INVALID"]),
        ("half-chunk", &["CONNECTOR_RESPONSE_INVALID"]),
        ("too-short", &["CONNECTOR_RESPONSE_INVALID"]),
        ("two-lengths", &["HTTP_CLIENT_ERROR"]),
        ("metadata", &["CONNECTOR_FETCH"]),
        ("html-error", &["CONNECTOR_FETCH"]),
        ("nan", &["CONNECTOR_RESPONSE_INVALID"]),
        ("infinity", &["CONNECTOR_RESPONSE_INVALID"]),
        ("trailing", &["CONNECTOR_RESPONSE_INVALID"]),
        ("keys", &["RESPONSE_TOO_LARGE"]),
    ];
    runtime().block_on(async {
        let mut world = World::start("hostile-wire", "3s").await;
        let mut findings = Vec::new();
        for (how, codes) in expected {
            let answer = world.ask(&format!("{{ good {{ id name }} bad(how: \"{how}\") {{ id count }} }}")).await;
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            let code = errors.first().and_then(|error| error["extensions"]["code"].as_str()).unwrap_or_default();
            if errors.len() != 1 || !codes.contains(&code) || errors[0]["path"] != json!(["bad"]) {
                findings.push(format!("{how}: expected one of {codes:?}, got {answer}"));
            }
            let text = answer.to_string();
            if ["127.0.0.1", "169.254", "stack trace"].iter().any(|secret| text.contains(secret)) {
                findings.push(format!("{how}: shows what callers must not see: {text}"));
            }
            if answer["data"]["good"] != json!({ "id": "g", "name": "ok" }) {
                findings.push(format!("{how}: the sibling is gone: {answer}"));
            }
        }
        for (how, most) in [("hints", 256), ("headers", 16)] {
            let sent = world.bad.sent(&format!("GET /{how}"));
            if sent > most << 20 {
                findings.push(format!("{how}: {sent} bytes were taken"));
            }
        }
        assert!(world.weft.is_alive(), "the process lives");
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    });
}

#[test]
fn many_and_double_keys_are_read_over() {
    runtime().block_on(async {
        let world = World::start("hostile-keys", "10s").await;
        let answer = world.ask("{ bad(how: \"few-keys\") { id } }").await;
        assert_eq!(answer, json!({ "data": { "bad": { "id": "many" } } }));
        let answer = world.ask("{ bad(how: \"twins\") { id } }").await;
        // RFC 8259, 4: which of them counts is not said; one does, and nothing breaks.
        let id = answer["data"]["bad"]["id"].as_str().unwrap_or_default();
        assert!(["first", "last"].contains(&id) && answer.get("errors").is_none(), "{answer}");
    });
}

#[test]
fn values_of_the_wrong_type_leave_the_rest() {
    runtime().block_on(async {
        let world = World::start("hostile-types", "2s").await;
        let query = |how: &str| format!("{{ bad(how: \"{how}\") {{ id name count tags }} }}");
        let answer = world.ask(&query("wrong-types")).await;
        assert_eq!(answer["data"]["bad"], json!({ "id": "w", "name": null, "count": null, "tags": null }), "{answer}");
        let answer = world.ask(&query("huge-number")).await;
        assert_eq!(answer["data"]["bad"], json!({ "id": "n", "name": null, "count": null, "tags": null }), "{answer}");
        let answer = world.ask(&query("no-object")).await;
        assert_eq!(answer["data"]["bad"], Value::Null, "{answer}");
        let answer = world.ask(&query("html")).await;
        assert_eq!(answer["data"]["bad"], Value::Null, "{answer}");
        assert_eq!(world.bad.seen().len(), 4);
        let answer = world.ask(&query("fine")).await;
        assert_eq!(answer, json!({ "data": { "bad": { "id": "b", "name": "fine", "count": 1, "tags": ["t"] } } }));
    });
}

#[test]
fn a_service_that_refuses_is_an_error_of_its_field() {
    runtime().block_on(async {
        let world = World::start("hostile-refused", "2s").await;
        let answer = world.ask("{ good { id } refused { id } }").await;
        assert_eq!(answer["data"], json!({ "good": { "id": "g" }, "refused": null }), "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], json!("HTTP_CLIENT_ERROR"), "{answer}");
        assert_eq!(answer["errors"][0]["path"], json!(["refused"]), "{answer}");
    });
}

/// Sends a request on a socket of its own and gives the socket back, unanswered.
async fn send(world: &World, query: &str) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt;
    let address = world.weft.origin.trim_start_matches("http://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.expect("weft listens");
    let body = json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("weft reads");
    socket
}

#[test]
fn a_caller_who_leaves_stops_its_reads() {
    runtime().block_on(async {
        let world = World::start("hostile-leave", "60s").await;
        let socket = send(&world, "{ bad(how: \"hang\") { id } }").await;
        world.bad.came("GET /hang", 1).await;
        drop(socket);
        world.bad.caller_left("GET /hang").await;
        let answer = world.ask("{ good { id } }").await;
        assert_eq!(answer, json!({ "data": { "good": { "id": "g" } } }));
    });
}

#[test]
fn a_mutation_already_sent_is_read_to_its_end() {
    runtime().block_on(async {
        let world = World::start("hostile-write", "60s").await;
        let written = send(&world, "mutation { write(how: \"held\") { id } }").await;
        world.bad.came("POST /held", 1).await;
        let read = send(&world, "{ bad(how: \"hang\") { id } }").await;
        world.bad.came("GET /hang", 1).await;
        drop(written);
        drop(read);
        // The read that was left later has ended, so the write had its chance to end too.
        world.bad.caller_left("GET /hang").await;
        assert!(!world.bad.has_left("POST /held"), "the write is still being read");
        world.bad.release();
        let answer = world.ask("mutation { write(how: \"fine\") { id } }").await;
        assert_eq!(answer, json!({ "data": { "write": { "id": "b" } } }));
        assert!(!world.bad.has_left("POST /held"), "the write was read to its end");
        let sent: Vec<Seen> = world.bad.seen().into_iter().filter(|seen| seen.line == "POST /held").collect();
        assert_eq!(sent.len(), 1, "a write is never repeated");
        assert_eq!(sent[0].body, br#"{"how":"held"}"#);
    });
}

#[test]
fn wrong_requests_are_refused_without_a_call() {
    let deep = format!("{{ {} good {} }}", "bad(how: \"x\") { ".repeat(300), " }".repeat(300));
    let wrong: &[(Value, &str)] = &[
        (json!({ "query": "{ good { id }" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "{ bad { id } }" }), "GRAPHQL_VALIDATION_FAILED"),
        (
            json!({ "query": "{ good { ...A } } fragment A on Thing { ...B } fragment B on Thing { ...A }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (json!({ "query": "query($h: String!) { bad(how: $h) { id } }" }), "BAD_USER_INPUT"),
        (
            json!({ "query": "query($h: String!) { bad(how: $h) { id } }", "variables": { "h": ["x"] } }),
            "BAD_USER_INPUT",
        ),
        (json!({ "query": "query A { good { id } } query B { good { id } }" }), "OPERATION_RESOLUTION_FAILURE"),
        (json!({ "query": deep }), "LIMIT_EXCEEDED"),
        (
            json!({ "query": format!("{{ good {{ id(x: {}1{}) }} }}", "[".repeat(30_000), "]".repeat(30_000)) }),
            "LIMIT_EXCEEDED",
        ),
        (json!({ "query": format!("{{ {} }}", "good { id } ".repeat(30_000)) }), "LIMIT_EXCEEDED"),
    ];
    runtime().block_on(async {
        let mut world = World::start("hostile-requests", "2s").await;
        let mut findings = Vec::new();
        for (body, code) in wrong {
            let shown: String = body["query"].to_string().chars().take(60).collect();
            match world.weft.ask(body, &[]).await {
                Ok((_, answer)) => {
                    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
                    let clear =
                        !errors.is_empty() && errors.iter().all(|error| error["extensions"]["code"] == json!(code));
                    if !clear || answer.get("data").is_some() {
                        findings.push(format!("{shown}: expected {code}, got {answer}"));
                    }
                }
                Err(error) => findings.push(format!("{shown}: {error}")),
            }
        }
        assert!(world.weft.is_alive(), "the process lives");
        assert_eq!(world.good.seen().len() + world.bad.seen().len(), 0, "nothing was called");
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
        let answer = world.ask("{ good { id } }").await;
        assert_eq!(answer, json!({ "data": { "good": { "id": "g" } } }));
    });
}
