//! What nobody should read is read nowhere: not in the log, the audit log, spans, errors or what development shows, however a request
//! fails. The service is one that repeats all that it is sent.

use serde_json::{Value, json};

use crate::{
    support::{
        process::Weft,
        raw::{Behaviour, Seen, Upstream, answer},
        runtime, scratch,
    },
    traces::Collector,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "http://s.example", headers: [
    { name: "authorization", from: "authorization" }, { name: "x-user", from: "x-user" }
  ] }, errors: { message: "$.error", extensions: "details: $.details" })
  @source(name: "closed", http: { baseURL: "http://closed.example" })

input Login { name: String, pin: String @sensitive, deep: Deep }
input Deep { note: String @sensitive, count: Int }
enum Color { RED }

type Query {
  echo(name: String, password: String, number: Int @sensitive, color: Color @sensitive, login: Login): String @connect(
    source: "s", selection: "$.text",
    http: { POST: "/echo/{$args.password}/{$args.login.pin}", queryParams: "number: $args.number name: $args.name", body: "$args" })
  named(name: String): String @connect(source: "s", http: { GET: "/named/{$args.name}" }, selection: "$.text")
  torn(password: String): String @connect(source: "s", http: { GET: "/torn/{$args.password}" }, selection: "$.text")
  mapped(password: String): Int @connect(source: "s", http: { GET: "/mapped/{$args.password}" }, selection: "$.text->first.nothing")
  closed(password: String): String @connect(source: "closed", http: { GET: "/{$args.password}" }, selection: "$.text")
  person: Person @connect(source: "s", http: { GET: "/person" }, selection: "id ssn")
}

type Person {
  id: ID
  ssn: String @sensitive
  letters: String @connect(source: "s", http: { GET: "/letters/{$this.ssn}" }, selection: "$.text")
}
"#;

/// Says all that it was sent, in every place that a caller or an operator could be told of.
fn repeat(seen: &Seen, ssn: &str) -> Behaviour {
    let body = String::from_utf8_lossy(&seen.body);
    let told = json!({ "line": seen.line, "head": seen.head, "body": body });
    let text =
        json!({ "error": format!("refused: {} {} {body}", seen.line, seen.head), "details": told, "text": body });
    let text = text.to_string();
    match seen.line.split('/').nth(1).unwrap_or_default() {
        "torn" => Behaviour::Bytes(answer(200, "application/json", &text.as_bytes()[..text.len() / 2])),
        "mapped" => Behaviour::Bytes(answer(200, "application/json", text.as_bytes())),
        "person" => {
            Behaviour::Bytes(answer(200, "application/json", json!({ "id": "1", "ssn": ssn }).to_string().as_bytes()))
        }
        _ => Behaviour::Bytes(answer(422, "application/json", text.as_bytes())),
    }
}

/// Letters of which values are made: those that every text has, and those that are written differently in JSON, URLs and GraphQL.
const LETTERS: [&str; 16] = ["a", "B", "7", "-", "_", ".", "~", " ", "/", "\"", "\\", "+", "&", "=", "%", "ü"];

fn value(random: &mut fastrand::Rng) -> String {
    let made: String = (0..random.usize(6..24)).map(|_| LETTERS[random.usize(..LETTERS.len())]).collect();
    // Ends that no trimming takes away, and a length by which it is found.
    format!("x{:08}{made}y", random.u32(..100_000_000))
}

/// All the ways in which this value can be sent and something fails then.
fn requests(secret: &str, number: i64) -> Vec<Value> {
    let literal = json!(secret);
    let with = |query: &str, variables: Value| json!({ "query": query, "variables": variables });
    let echo = "query($p: String, $n: Int, $c: Color, $l: Login) { echo(name: \"seen\", password: $p, number: $n, color: $c, login: $l) }";
    vec![
        with(
            echo,
            json!({ "p": secret, "n": number, "l": { "pin": secret, "name": "seen", "deep": { "note": secret } } }),
        ),
        with(echo, json!({ "p": [secret], "n": secret, "l": { "pin": { "a": secret } } })),
        with(echo, json!({ "c": secret })),
        with(echo, json!({ "n": 3_000_000_000_i64 + number, "l": { "deep": { "count": secret, "note": number } } })),
        with(echo, json!({ "l": { "pin": secret, "nothing": secret } })),
        with("query($password: Int) { named(name: $password) }", json!({ "password": secret })),
        with("query($x: Int = 1) { echo(number: $x, password: \"a\") }", json!({ "x": secret })),
        json!({ "query": format!("{{ echo(password: {literal}, login: {{ pin: {literal} }}) }}") }),
        json!({ "query": format!("{{ echo(number: {literal}, color: {literal}, nothing: 1) }}") }),
        json!({ "query": format!("{{ echo(password: {literal}) echo(password: {literal}, name: 5) wrong(token: {literal}) }}") }),
        json!({ "query": format!("{{ a: echo(number: 9{number}999999) b: echo(color: C{number}) }}") }),
        with(
            "query($p: String) { torn(password: $p) mapped(password: $p) closed(password: $p) }",
            json!({ "p": secret }),
        ),
        json!({ "query": "{ named(name: \"seen\") person { id letters } }" }),
        json!([{ "query": "{ named }", "variables": { "token": secret } }]),
        json!({ "query": "{ named }", "variables": { "token": secret }, "extensions": { "secret": secret }, "operationName": 5 }),
    ]
}

#[test]
fn what_nobody_should_read_is_read_nowhere() {
    let runtime = runtime();
    let mut random = fastrand::Rng::with_seed(7);
    let ssn = value(&mut random);
    let (collector, service, closed) = runtime.block_on(async {
        let known = ssn.clone();
        let service = Upstream::start(move |seen| repeat(seen, &known)).await;
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.and_then(|it| it.local_addr());
        (Collector::start().await, service, closed.expect("a free port"))
    });
    let folder = scratch("redaction");
    std::fs::write(folder.join("api.graphql"), SCHEMA).expect("a writable folder");
    let config = json!({
        "schema": ["api.graphql"],
        "server": { "listen": "127.0.0.1:0" },
        "admin": { "listen": "off" },
        "sources": { "s": { "urls": [format!("http://{}", service.address)] }, "closed": { "urls": [format!("http://{closed}")] } },
        "telemetry": {
            "log": { "format": "json", "level": "info,weft=trace" },
            "traces": { "otlp": collector.url() },
            "redact": ["x-user"],
        },
    });
    std::fs::write(folder.join("weft.yaml"), config.to_string()).expect("a writable folder");
    let mut weft = Weft::start_with(&folder.join("weft.yaml"), &["--dev"], &[]).expect("weft starts");

    let mut secrets = vec![ssn];
    let mut told = String::new();
    for _ in 0..12 {
        let (secret, number) = (value(&mut random), random.i64(10_000_000..99_999_999));
        let plain = format!("user-{}", random.u64(1_000_000_000..));
        let headers = [("authorization", format!("Bearer {plain}-token")), ("x-user", plain.clone())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        for request in requests(&secret, number) {
            let (_, answer) = runtime.block_on(weft.ask(&request, &headers)).expect("an answer");
            assert!(answer.get("errors").is_some() || answer.is_array(), "it fails: {request} {answer}");
            told.push_str(&answer.to_string());
            told.push('\n');
        }
        secrets.extend([secret, number.to_string(), plain]);
    }
    let log = weft.stop();
    let spans = collector.spans();
    assert!(
        service.seen().len() > 12 * 4 && spans.len() > 12 * 20,
        "{} calls, {} spans",
        service.seen().len(),
        spans.len()
    );
    let spans: Vec<String> = spans.iter().map(|span| format!("{span:?}")).collect();
    let (spans, all) = (spans.join("\n"), [("answers", &told), ("log", &log)]);
    // What may be read is there, so that something would be found.
    assert!(told.contains("refused: ") && told.contains("seen") && told.contains("[redacted]"), "{told}");
    assert!(log.contains("weft::audit") && log.contains("a call gave no data"), "{log}");
    assert!(spans.contains("/REDACTED") && spans.contains("/named/seen"), "{spans}");
    for (place, text) in all.into_iter().chain([("spans", &spans)]) {
        for secret in &secrets {
            let escaped = json!(secret).to_string();
            let twice = json!(escaped.trim_matches('"')).to_string();
            let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
            // A beginning is found too: what is cut off is still told.
            let start = &secret[..8];
            for shown in [secret, escaped.trim_matches('"'), twice.trim_matches('"'), &encoded, start] {
                let at = text.find(shown).map(|at| {
                    let from = text.floor_char_boundary(at.saturating_sub(300));
                    &text[from..text.ceil_char_boundary(at + 100)]
                });
                assert_eq!(at, None, "{place} has {shown}");
            }
        }
    }
}
