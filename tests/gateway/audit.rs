//! The audit log of the real binary: who was refused what and why, what operators did, and how little a flood leaves of it.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    time::{Duration, Instant},
};

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use crate::support::{process::Weft, runtime, scratch};

const SCHEMA: &str = r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@connect"])
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@authenticated", "@policy", "@requiresScopes"])
type Query {
  open: String @connect(selection: "$('open')")
  long(size: Int): [Item] @connect(selection: "$([{ 'id': '1', 'owner': 'ann', 'price': 2, 'cost': 1, 'note': 'n' }])")
}
type Item {
  id: ID!
  owner: String
  price: Int @authenticated
  cost: Int @requiresScopes(scopes: [["costs"]])
  note: String @policy(policies: [["own"]])
}
"#;
const SECRET: &str = "thirty-two bytes that nobody may know";
/// A key, and its hash.
const KEY: &str = "key-that-nobody-may-read";
const ADDRESS: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A gateway, its folder, and the port of its listener for operators.
fn serve(name: &str, audit: &Value) -> (Weft, Folder, u16) {
    let folder = Folder(scratch(name));
    fs::write(folder.0.join("api.graphql"), SCHEMA).expect("a scratch folder");
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(KEY));
    // A port that was free a moment ago; somebody else may take it first.
    for _ in 0..5 {
        let admin = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let config = json!({
            "schema": ["api.graphql"],
            "server": { "listen": "127.0.0.1:0", "body_max": "2KiB", "trusted_proxies": ["127.0.0.0/8"] },
            "admin": { "listen": format!("127.0.0.1:{admin}") },
            "auth": {
                "jwt": { "issuers": [{ "issuer": "https://id.example", "secret": SECRET, "audiences": ["weft"] }], "identify": "sub" },
                "api_keys": { "keys": [{ "id": "mobile", "sha256": hash }] },
            },
            "authorization": { "policies": { "own": "this.owner == claims.sub" } },
            "limits": { "depth": 3, "aliases": 2 },
            "rate_limits": [{ "by": "api_key", "for": "api_key", "requests": 1, "per": "1h" }],
            "telemetry": { "log": { "level": "error" }, "audit": audit },
        });
        let path = folder.0.join("weft.yaml");
        fs::write(&path, config.to_string()).expect("a scratch folder");
        match Weft::start(&path, &[]) {
            Ok(weft) => return (weft, folder, admin),
            Err(reason) if reason.contains("in use") => {}
            Err(reason) => panic!("{reason}"),
        }
    }
    panic!("every port is taken a moment later");
}

fn token(sub: &str, end: i64) -> String {
    let claims = json!({ "iss": "https://id.example", "aud": "weft", "exp": end, "sub": sub });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    format!("Bearer {}", jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token"))
}

fn ask(weft: &Weft, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    runtime().block_on(weft.ask(body, &headers)).expect("an answer")
}

/// The events in a log.
fn events(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "weft::audit").collect()
}

/// An event without its time, and what every event has.
#[track_caller]
fn check(event: &Value, expected: &Value) {
    let mut event = event.clone();
    let members = event.as_object_mut().expect("an object");
    for name in ["timestamp", "level", "target"] {
        assert!(members.remove(name).is_some(), "{name}");
    }
    assert_eq!(event, *expected);
}

#[test]
fn a_refusal_says_who_what_and_why() {
    let (mut weft, _folder, _) = serve("audit", &json!({}));
    let ann = token("ann", 4_102_444_800);
    let end = token("ann", 1_000_000_000);
    // None of these is refused.
    assert_eq!(ask(&weft, &json!({ "query": "{ open }" }), &[ADDRESS]).0, 200);
    let apq = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } } });
    assert_eq!(ask(&weft, &apq, &[ADDRESS]).1["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");

    // A token that has ended; with the ids by which the log knows a request.
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    ask(&weft, &json!({ "query": "{ open }" }), &[("authorization", &end), ADDRESS, trace, ("x-request-id", "r-1")]);
    // Two limits, and an operation that is only named by its request.
    let deep = "query Deep { a: long { b: id c: id } d: long { id } }";
    ask(&weft, &json!({ "query": deep, "operationName": "Deep" }), &[("authorization", &ann), ADDRESS]);
    // The second request of an API key; the document is known by then, so is the name of its operation.
    let named = json!({ "query": "query Known { open }" });
    ask(&weft, &named, &[("x-api-key", KEY), ADDRESS]);
    ask(&weft, &named, &[("x-api-key", KEY), ADDRESS]);
    // What the caller sent is quoted in the answer, and not here.
    let wrong = json!({ "query": "query($size: Int) { long(size: $size) { id } }", "variables": { "size": "s3cret" } });
    let (_, answer) = ask(&weft, &wrong, &[ADDRESS]);
    assert!(answer.to_string().contains("BAD_USER_INPUT"), "{answer}");
    let odd = json!({ "query": "{ open }", "operationName": "x\nlevel=ERROR forged" });
    ask(&weft, &odd, &[ADDRESS]);
    let large = json!({ "query": " ".repeat(3000) });
    assert_eq!(ask(&weft, &large, &[ADDRESS]).0, 413);
    let log = weft.stop();

    let events = events(&log);
    assert_eq!(events.len(), 6, "{log}");
    check(
        &events[0],
        &json!({
            "message": "request refused", "event": "refused", "code": "UNAUTHENTICATED",
            "reason": "the token has expired", "request.id": "r-1", "client.address": "203.0.113.9", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }),
    );
    let hash = |text: &str| data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(text));
    check(
        &events[1],
        &json!({
            "message": "request refused", "event": "refused", "code": "LIMIT_EXCEEDED",
            "reason": "the operation passes the limit of 2 `aliases`", "limit": "aliases", "limit.maximum": 2, "limit.value": 4,
            "operation": "Deep", "document": hash(deep), "subject": "ann", "issuer": "https://id.example",
            "client.address": "203.0.113.9",
        }),
    );
    check(
        &events[2],
        &json!({
            "message": "request refused", "event": "refused", "code": "RATE_LIMITED", "limit": "api_key",
            "reason": events[2]["reason"], "operation": "Known", "document": hash("query Known { open }"),
            "api_key": "mobile", "client.address": "203.0.113.9",
        }),
    );
    assert!(events[3]["code"] == "BAD_USER_INPUT" && events[3]["reason"].is_null(), "{}", events[3]);
    assert_eq!(
        (&events[4]["code"], &events[4]["operation"]),
        (&json!("OPERATION_RESOLUTION_FAILURE"), &json!("x\u{fffd}level=ERROR forged"))
    );
    assert_eq!((&events[5]["limit"], &events[5]["limit.maximum"]), (&json!("body_max"), &json!(2048)));
    for secret in [KEY, &hash(KEY), &ann["Bearer ".len()..], &end["Bearer ".len()..], SECRET, "s3cret"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn what_an_answer_leaves_out_for_its_caller_is_told() {
    let (mut weft, _folder, _) = serve("audit-denied", &json!({}));
    let (ann, bob) = (token("ann", 4_102_444_800), token("bob", 4_102_444_800));
    let query = json!({ "query": "query Notes { long { id price cost note } }" });
    let (status, answer) = ask(&weft, &query, &[ADDRESS]);
    assert_eq!((status, &answer["data"]["long"][0]["id"]), (200, &json!("1")));
    ask(&weft, &query, &[("authorization", &ann), ADDRESS]);
    ask(&weft, &query, &[("authorization", &bob), ADDRESS]);
    ask(&weft, &json!({ "query": "{ long { id price note } }" }), &[("authorization", &ann), ADDRESS]);
    let log = weft.stop();
    let told = |event: &Value| {
        let of = |name: &str| event[name].as_str().unwrap_or("nobody").to_owned();
        format!("{} {} {} {}", of("event"), of("code"), of("subject"), of("fields"))
    };
    assert_eq!(
        events(&log).iter().map(told).collect::<Vec<_>>(),
        [
            "denied UNAUTHENTICATED nobody Item.price, Item.cost",
            "denied UNAUTHENTICATED nobody Item.note",
            "denied FORBIDDEN ann Item.cost",
            "denied FORBIDDEN bob Item.cost",
            "denied FORBIDDEN bob Item.note",
        ],
        "{log}"
    );
}

#[test]
fn a_flood_leaves_a_few_lines_and_a_number() {
    let (mut weft, _folder, _) = serve("audit-flood", &json!({ "events_max": 3 }));
    let started = Instant::now();
    runtime().block_on(async {
        let wrong = json!({ "query": "{ nowhere }" });
        let flood = (0..400).map(|_| weft.ask(&wrong, &[]));
        for answer in futures_util::future::join_all(flood).await {
            assert_eq!(answer.expect("an answer").1["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        }
    });
    // Another reason is not silenced by the flood.
    ask(&weft, &json!({ "query": "{ open }" }), &[("x-api-key", "wrong")]);
    // The flood is over, and what it left out is told all the same.
    let mut log = weft.wait_for("left_out");
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("a few") + 2;
    log.push_str(&weft.stop());
    let events = events(&log);
    let (of_flood, others): (Vec<_>, Vec<_>) =
        events.iter().partition(|event| event["code"] == "GRAPHQL_VALIDATION_FAILED");
    let left_out: u64 = of_flood.iter().filter_map(|event| event["left_out"].as_u64()).sum();
    let written = of_flood.iter().filter(|event| event["left_out"].is_null()).count();
    assert!((3..=3 * seconds).contains(&written), "{written} in {seconds} s");
    assert_eq!(written as u64 + left_out, 400, "each is written or counted");
    assert!(of_flood.len() <= written + seconds, "one line a second says how many: {log}");
    assert_eq!(others.len(), 1, "{others:?}");
}

#[test]
fn a_file_of_its_own_is_appended_to_and_can_be_rotated() {
    let (mut weft, folder, admin) = serve("audit-file", &json!({ "file": "audit.jsonl" }));
    let (path, rotated) = (folder.0.join("audit.jsonl"), folder.0.join("audit.1"));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let purge = |body: &str| {
        let request = client.post(format!("http://127.0.0.1:{admin}/cache/purge"));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        runtime().block_on(request.send()).expect("an answer").status().as_u16()
    };
    assert_eq!(purge(r#"{"tags":["a"],"urls":["https://api.example/x?key=s3cret"]}"#), 200);
    assert_eq!(purge(r#"{"everything":true}"#), 400);
    ask(&weft, &json!({ "query": "{ nowhere }" }), &[ADDRESS]);

    fs::rename(&path, &rotated).expect("it is there");
    weft.hang_up();
    let told = |path: &PathBuf| events(&fs::read_to_string(path).unwrap_or_default());
    // A reload is told in the file that was opened with it.
    let since = Instant::now();
    while told(&path).is_empty() && since.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::write(folder.0.join("api.graphql"), "type Query {").expect("a writable folder");
    weft.hang_up();
    weft.wait_for("not reloaded");
    ask(&weft, &json!({ "query": "{ nowhere }" }), &[ADDRESS]);
    let log = weft.stop();
    assert_eq!(events(&log).len(), 0, "what is in the file is not in the log: {log}");

    let first = told(&rotated);
    let short = |event: &Value| {
        let of = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        [of("event"), of("outcome"), of("by"), of("about"), of("code")].join(" ")
    };
    assert_eq!(
        first.iter().map(short).collect::<Vec<_>>(),
        [
            "cache_purge done 127.0.0.1 tag a, https://api.example/x -",
            "cache_purge refused 127.0.0.1 - -",
            "refused - - - GRAPHQL_VALIDATION_FAILED",
        ]
    );
    let second = told(&path);
    assert_eq!(
        second.iter().map(short).collect::<Vec<_>>(),
        ["reload done SIGHUP - -", "reload refused SIGHUP - -", "refused - - - GRAPHQL_VALIDATION_FAILED"]
    );
}

#[test]
fn it_can_be_switched_off() {
    let (mut weft, _folder, _) = serve("audit-off", &json!({ "enabled": false }));
    ask(&weft, &json!({ "query": "{ nowhere }" }), &[]);
    let log = weft.stop();
    assert_eq!(events(&log).len(), 0, "{log}");
}
