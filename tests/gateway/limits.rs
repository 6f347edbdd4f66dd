//! Limits of some callers: what one may ask is too much for another, also when it is known already.

use std::time::{Duration, Instant};

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use crate::{
    authentication::world::{Answer, World},
    support::{
        process::Weft,
        raw::{Behaviour, answer},
        runtime, scratch,
    },
};

const SECRET: &str = "thirty-two bytes that nobody may know";
const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@listSize"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  things(first: Int): [Thing] @listSize(slicingArguments: ["first"])
    @connect(source: "s", http: { GET: "/things" }, selection: "id part { id }")
}
type Thing { id: ID! part: Part }
type Part { id: ID! }
"#;

async fn world() -> World {
    let hash = |key: &str| data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(key));
    let settings = json!({
        "auth": {
            "jwt": { "issuers": [{ "issuer": "i", "secret": SECRET, "audiences": ["weft"] }] },
            "api_keys": { "keys": [{ "id": "mobile", "sha256": hash("m") }, { "id": "partner", "sha256": hash("p") }] },
        },
        "cost": { "extensions": true },
        "limits": {
            "depth": 2, "cost": 20,
            "clients": [
                { "for": "anonymous", "depth": 1 },
                { "by": "api_key", "is": ["mobile"], "depth": 3, "cost": 1000 },
                { "by": "claim:plan", "is": "gold", "cost": 100 },
                { "for": "token", "by": "header:x-internal", "is": "yes", "depth": 3, "aliases": 1 },
            ],
        },
    });
    // The world's own settings are a block of YAML before these, which JSON fits behind key by key.
    let lines = settings.as_object().expect("settings").iter().map(|(key, value)| format!("{key}: {value}\n"));
    let yaml = lines.collect::<Vec<_>>().concat();
    World::over(SCHEMA, &yaml, &[], |_| {
        Behaviour::Bytes(answer(200, "application/json", br#"[{ "id": "1", "part": { "id": "2" } }]"#))
    })
    .await
}

fn token(plan: &Value) -> String {
    let claims = json!({ "iss": "i", "aud": "weft", "exp": 4_102_444_800_i64, "plan": plan });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    format!("Bearer {}", jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token"))
}

/// The limit that was passed, its maximum and the value; else the maximum of cost that an answer shows.
fn told(answer: &Answer) -> String {
    let extensions = &answer.body["errors"][0]["extensions"];
    if extensions["code"] == "LIMIT_EXCEEDED" {
        return format!(
            "{} {} {}",
            extensions["limit"].as_str().unwrap_or_default(),
            extensions["maximum"],
            extensions["value"]
        );
    }
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    format!("ok {}", answer.body["extensions"]["cost"]["maximum"])
}

#[test]
fn a_known_document_is_too_large_for_some_and_not_for_others() {
    runtime().block_on(async {
        let world = world().await;
        let deep = "{ things(first: 2) { part { id } } }";
        let flat = "{ things(first: 2) { id } }";
        let (gold, none) = (token(&json!("gold")), token(&Value::Null));
        // Whoever asks first: what was planned for one is judged again for the next, and what was refused may be planned for another.
        for _ in 0..2 {
            assert_eq!(told(&world.ask(deep, &[]).await), "depth 1 3");
            assert_eq!(told(&world.ask(deep, &[("x-api-key", "m")]).await), "ok 1000");
            assert_eq!(told(&world.ask(deep, &[("x-api-key", "p")]).await), "depth 2 3");
            assert_eq!(told(&world.ask(deep, &[("authorization", &none)]).await), "depth 2 3");
            assert_eq!(told(&world.ask(flat, &[("x-api-key", "p")]).await), "ok 20");
            assert_eq!(told(&world.ask(flat, &[]).await), "depth 1 2");
        }
        // A header alone is worth nothing where the entry is for callers with tokens.
        assert_eq!(told(&world.ask(deep, &[("x-internal", "yes")]).await), "depth 1 3");
        assert_eq!(told(&world.ask(deep, &[("x-internal", "yes"), ("authorization", &none)]).await), "ok 20");
        // The first entry that means somebody is theirs, and no other.
        assert_eq!(told(&world.ask(deep, &[("x-internal", "yes"), ("authorization", &gold)]).await), "depth 2 3");
        assert_eq!(world.service.count("GET /things"), 5, "what is refused asks nobody");
    });
}

#[test]
fn what_may_be_spent_is_the_callers_own() {
    runtime().block_on(async {
        let world = world().await;
        let dear = json!({ "query": "query($n: Int) { things(first: $n) { id } }", "variables": { "n": 50 } });
        let by = |plan: Value| token(&plan);
        for (headers, expected) in [
            (vec![("x-api-key", "m".to_owned())], "ok 1000"),
            (vec![("x-api-key", "p".to_owned())], "cost 20 50"),
            (vec![("authorization", by(json!("gold")))], "ok 100"),
            (vec![("authorization", by(json!(["silver", "gold"])))], "ok 100"),
            (vec![("authorization", by(json!("silver")))], "cost 20 50"),
        ] {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(told(&world.post(&dear, &headers).await), expected, "{headers:?}");
        }
        assert_eq!(world.service.count("GET /things"), 3);
    });
}

#[test]
fn what_is_only_reported_does_not_fill_the_log() {
    let folder = scratch("limits-report");
    let schema = r#"extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@connect"])
type Query { a: String @connect(selection: "$('a')") }"#;
    std::fs::write(folder.join("api.graphql"), schema).expect("a scratch folder");
    let config = json!({
        "schema": ["api.graphql"],
        "server": { "listen": "127.0.0.1:0" },
        "admin": { "listen": "off" },
        "limits": { "aliases": 1, "mode": "report" },
    });
    let path = folder.join("weft.yaml");
    std::fs::write(&path, config.to_string()).expect("a scratch folder");
    let mut weft = Weft::start(&path, &[]).expect("a gateway");
    let ask = |number: usize| {
        // Each is another document: a known one is not judged again where all have the same limits.
        let query = format!("query Q{number} {{ a: __typename b: __typename }}");
        let answer = runtime().block_on(weft.ask(&json!({ "query": query }), &[])).expect("an answer");
        assert_eq!(answer.1["data"]["a"], "Query");
    };
    let began = Instant::now();
    (0..60).for_each(ask);
    // The next second has a line again, and it says how many there were none for.
    let mut asked = 60;
    while began.elapsed() < Duration::from_millis(1_100) {
        ask(asked);
        asked += 1;
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("a few") + 2;
    let log = weft.stop();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<Value> = lines.filter(|line| line["limit"] == "aliases").collect();
    assert_eq!((&lines[0]["operation"], &lines[0]["left_out"]), (&json!("Q0"), &json!(0)), "{log}");
    assert!((11..=10 * seconds).contains(&lines.len()), "{} lines in {seconds} s", lines.len());
    let left_out: u64 = lines.iter().filter_map(|line| line["left_out"].as_u64()).sum();
    let told = lines.len() + usize::try_from(left_out).expect("a few");
    assert!(told <= asked && told + 10 * seconds >= 60, "{told} of {asked} are written or counted");
    let _ = std::fs::remove_dir_all(folder);
}
