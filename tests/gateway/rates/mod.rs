//! Limits on cost and rates, through the real binary: what callers see over HTTP, and what the commands print.

mod fleet;

use std::{fs, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::support::{process::Weft, runtime, scratch};

/// Fields without any service: one costs nothing, one is an object, one is a list that is assumed to have 100 items.
const SCHEMA: &str = r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@connect"])
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@cost", "@listSize"])
type Query {
  free: String @connect(selection: "$('x')")
  one: Thing @connect(selection: "name: $('x')")
  many: [Thing] @listSize(assumedSize: 100) @connect(selection: "$([{ 'name': 'x' }])")
}
type Thing @cost(weight: 5) { name: String }
"#;

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str, settings: &Value) -> Self {
        let folder = Self(scratch(name));
        let mut config = json!({
            "schema": ["shop.graphql"],
            "server": { "listen": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"] },
            "admin": { "listen": "off" },
        });
        for (key, value) in settings.as_object().expect("settings") {
            config[key] = value.clone();
        }
        fs::create_dir_all(&folder.0).expect("a scratch folder");
        fs::write(folder.0.join("shop.graphql"), SCHEMA).expect("a scratch folder");
        fs::write(folder.0.join("weft.yaml"), config.to_string()).expect("a scratch folder");
        folder
    }

    fn serve(&self) -> Weft {
        Weft::start(&self.0.join("weft.yaml"), &[]).expect("weft starts")
    }

    /// Runs `weft` in the folder: exit code, stdout and stderr.
    fn weft(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
        let output = command.args(arguments).current_dir(&self.0).env("NO_COLOR", "1").output().expect("weft runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }
}

/// Status, headers and body of one operation that comes by a proxy for `ip`.
async fn ask(weft: &Weft, query: &str, ip: &str) -> (u16, reqwest::header::HeaderMap, Value) {
    ask_with(&reqwest::Client::new(), weft, query, &[("x-forwarded-for", ip)]).await
}

async fn ask_with(
    client: &reqwest::Client,
    weft: &Weft,
    query: &str,
    headers: &[(&str, &str)],
) -> (u16, reqwest::header::HeaderMap, Value) {
    let request = client
        .post(format!("{}/graphql", weft.origin))
        .header("content-type", "application/json")
        .header("accept", "application/graphql-response+json")
        .body(json!({ "query": query }).to_string());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
    (status, headers, body)
}

#[test]
fn who_asks_too_much_gets_429_and_is_let_in_when_told() {
    let folder =
        Folder::new("rates", &json!({ "rate_limits": [{ "by": "ip", "requests": 2, "per": "2s", "burst": 2 }] }));
    let weft = folder.serve();
    runtime().block_on(async {
        let (status, headers, body) = ask(&weft, "{ free }", "198.51.100.1").await;
        assert_eq!((status, &body), (200, &json!({ "data": { "free": "x" } })));
        assert_eq!(headers["ratelimit-policy"], r#""ip";q=2;w=2"#);
        assert_eq!(headers["ratelimit"], r#""ip";r=1;t=1"#);
        // A burst of ten: two may pass, and what came back meanwhile.
        let mut refused = None;
        for _ in 0..10 {
            let (status, headers, body) = ask(&weft, "{ free }", "198.51.100.1").await;
            if status != 200 {
                refused = Some((status, headers, body));
                break;
            }
        }
        let (status, headers, body) = refused.expect("a refusal");
        assert_eq!(status, 429);
        assert_eq!(body["errors"][0]["extensions"]["code"], "RATE_LIMITED");
        assert_eq!(body["errors"][0]["extensions"]["limit"], "ip");
        assert!(body.get("data").is_none(), "nothing was executed");
        let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=2).contains(&wait), "{wait}");
        assert_eq!(ask(&weft, "{ free }", "198.51.100.2").await.0, 200, "another caller");
        tokio::time::sleep(Duration::from_secs(wait)).await;
        assert_eq!(ask(&weft, "{ free }", "198.51.100.1").await.0, 200, "whoever waits as told is let in");
    });
}

#[test]
fn cost_is_limited_shown_and_given_back() {
    let settings = json!({
        "limits": { "cost": 500 },
        "cost": { "extensions": true, "header": true },
        "rate_limits": [{ "by": "global", "cost": 510, "per": "24h" }],
    });
    let folder = Folder::new("cost", &settings);
    let weft = folder.serve();
    runtime().block_on(async {
        let (_, headers, body) = ask(&weft, "{ many { name } }", "198.51.100.1").await;
        let cost = json!({ "estimated": 500, "maximum": 500, "actual": 5, "upstreamCalls": { "estimated": 0, "maximum": 500 } });
        assert_eq!(body, json!({ "data": { "many": [{ "name": "x" }] }, "extensions": { "cost": cost } }));
        assert_eq!(headers["weft-cost"], "estimated=500, actual=5, calls=0");
        assert!(headers["ratelimit"].to_str().unwrap().starts_with(r#""global";r=505;"#), "495 came back: {headers:?}");
        let (status, _, body) = ask(&weft, "{ many { name } one { name } }", "198.51.100.1").await;
        assert_eq!(status, 400);
        let told = &body["errors"][0]["extensions"];
        assert_eq!(*told, json!({ "code": "LIMIT_EXCEEDED", "limit": "cost", "maximum": 500, "value": 505 }));
        assert_eq!(ask(&weft, "{ many { name } }", "198.51.100.1").await.0, 200, "505 are enough for 500 once more");
        assert_eq!(ask(&weft, "{ many { name } }", "198.51.100.1").await.0, 200, "and 500");
        assert_eq!(ask(&weft, "{ many { name } }", "198.51.100.1").await.0, 429, "but 495 are not");
        assert_eq!(ask(&weft, "{ one { name } }", "198.51.100.1").await.0, 200);
    });
}

#[test]
fn what_clients_ask_is_checked_before_it_is_shipped() {
    let folder = Folder::new("check-cost", &json!({ "limits": { "cost": 500 } }));
    let operations = folder.0.join("operations");
    fs::create_dir_all(&operations).unwrap();
    fs::write(operations.join("a.graphql"), "query Cheap { one { name } } query Dear { many { name } one { name } }")
        .unwrap();
    let (code, text) = folder.weft(&["check", "--operations", "operations"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("`Dear`: the operation passes the limit of 500 `cost`"), "{text}");
    assert!(!text.contains("`Cheap`"), "{text}");
    let (code, text) = folder.weft(&["check", "--operations", "operations", "--cost-max", "505"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = folder.weft(&["check", "--operations", "operations", "--cost-max", "4"]);
    assert!(code == 1 && text.contains("`Cheap`: the operation passes the limit of 4 `cost`"), "{text}");
    let (code, text) = folder.weft(&["cost", "operations/a.graphql", "--name", "Dear"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("many[]       5   100          0   500") && text.contains("cost 505 of 500, calls 0 of 500"),
        "{text}"
    );
}
