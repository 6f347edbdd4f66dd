//! Kinds of values, kinds of bodies, and how failures are told.

use serde_json::json;

use super::{Reaction, Service, errors, gateway};
use crate::schema::Compatibility;

const KINDS: &str = r#"
scalar JSON
type Query {
  all: All
    @connect(source: "s", http: { GET: "/all" }, selection: "any grid state big name rows { cells { v } }")
  version: String @connect(source: "s", http: { GET: "/version" }, selection: "$")
  numbers: [Int!] @connect(source: "s", http: { GET: "/numbers" }, selection: "$")
}
type All { any: JSON grid: [[Float]] state: State big: Float name: String rows: [Row!]! }
type Row { cells: [Cell] }
type Cell { v: Int }
enum State { OPEN SHUT }
"#;

#[tokio::test]
async fn scalars_keep_their_text_and_lists_their_nesting() {
    let body = r#"{ "any": {"z": [1.50, "ü"]}, "grid": [[1, 2.50], null, []], "state": "SHUT", "big": 12345678901234567890.10,
        "name": "caf\u00e9 \ud83d\ude00", "rows": [{"cells": [{"v": 1}, null]}, {"cells": null}] }"#;
    let service = Service::start(move |_| Reaction::Text(200, "application/json", body)).await;
    let gateway = gateway(&service, KINDS, Compatibility::Default);
    let outcome = gateway.outcome("{ all { big any grid state name rows { cells { v } } } }", json!({})).await;
    let text = String::from_utf8(outcome.body).unwrap();
    assert!(text.starts_with(r#"{"data":{"all":{"big":12345678901234567890.10,"any":"#), "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let all = &answer["data"]["all"];
    assert_eq!(all["any"], json!({ "z": [1.5, "ü"] }));
    assert_eq!(all["grid"], json!([[1, 2.5], null, []]));
    assert_eq!((&all["state"], &all["name"]), (&json!("SHUT"), &json!("café 😀")));
    assert_eq!(all["rows"], json!([{ "cells": [{ "v": 1 }, null] }, { "cells": null }]));
    assert_eq!(outcome.error_count, 0);
}

#[tokio::test]
async fn half_a_surrogate_pair_does_not_reach_the_caller() {
    let service = Service::start(|_| Reaction::Text(200, "application/json", r#"{"name":"a\ud800b","rows":[]}"#)).await;
    let gateway = gateway(&service, KINDS, Compatibility::Default);
    let outcome = gateway.outcome("{ all { name rows { cells { v } } } }", json!({})).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&outcome.body).is_ok());
}

#[tokio::test]
async fn whole_bodies_can_be_values() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /version" => Reaction::Text(200, "text/plain; charset=utf-8", "2.4.1"),
        _ => Reaction::Text(200, "application/json", " [1, 2 ,3] "),
    })
    .await;
    let answer = gateway(&service, KINDS, Compatibility::Default).ask("{ version numbers }").await;
    assert_eq!(answer, json!({ "data": { "version": "2.4.1", "numbers": [1, 2, 3] } }));
}

const CAGES: &str = r#"
type Query {
  cage(id: ID!): Cage
    @connect(
      source: "s"
      http: { GET: "/cages/{$args.id}" }
      isSuccess: "$.ok"
      errors: { message: "$.why", extensions: "code: $('CAGE') cage: $args.id http: { id: $.trace }" }
      selection: "size"
    )
}
type Cage { size: Int }
"#;

#[tokio::test]
async fn the_schema_decides_what_failed_and_how_it_is_told() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /cages/1" => Reaction::Json(500, json!({ "ok": true, "size": 4 })),
        "GET /cages/2" => Reaction::Json(200, json!({ "ok": false, "why": "locked", "trace": "t1" })),
        _ => Reaction::Text(503, "text/html", "<p>secret</p>"),
    })
    .await;
    let gateway = gateway(&service, CAGES, Compatibility::Default);
    let answer = gateway.ask("{ a: cage(id: 1) { size } b: cage(id: 2) { size } c: cage(id: 3) { size } }").await;
    assert_eq!(answer["data"], json!({ "a": { "size": 4 }, "b": null, "c": null }));
    let told = |message: &str, path: &str| (message.to_owned(), json!([path]), "CAGE".to_owned());
    assert_eq!(errors(&answer), [told("locked", "b"), told("Request failed", "c")]);
    assert_eq!(answer["errors"][0]["extensions"]["http"], json!({ "status": 200, "id": "t1" }));
    assert_eq!(answer["errors"][1]["extensions"]["http"]["status"], json!(503));
    assert!(!answer.to_string().contains("secret"), "bodies do not leave the gateway");
}

#[tokio::test]
async fn a_request_that_cannot_be_built_fails_alone() {
    let types = r#"
type Query {
  a(ids: [ID!]): String @connect(source: "s", http: { GET: "/a/{$args.ids->first}" }, selection: "$.v")
  b: String @connect(source: "s", http: { GET: "/b" }, selection: "$.v")
}"#;
    let service = Service::start(|_| Reaction::Json(200, json!({ "v": "x" }))).await;
    let answer = gateway(&service, types, Compatibility::Default).ask(r#"{ a(ids: [".."]) b }"#).await;
    assert_eq!(answer["data"], json!({ "a": null, "b": "x" }));
    assert_eq!(errors(&answer)[0].2, "CONNECTOR_REQUEST_INVALID");
    assert_eq!(service.lines(), ["GET /b"]);
}

#[tokio::test]
async fn development_shows_what_mappings_complained_of() {
    let types = r#"type Query { a: String @connect(source: "s", http: { GET: "/a" }, selection: "$.gone->first") }"#;
    let service = Service::start(|_| Reaction::Json(200, json!({}))).await;
    let mut gateway = gateway(&service, types, Compatibility::Default);
    assert_eq!(gateway.ask("{ a }").await, json!({ "data": { "a": null } }));
    gateway.settings_mut().dev = true;
    let answer = gateway.ask("{ a }").await;
    assert_eq!(answer["data"], json!({ "a": null }));
    assert_eq!(answer["extensions"]["problems"][0]["connector"], "api:Query.a[0]");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let service = Service::start(|_| Reaction::Json(200, json!({}))).await;
    let mut gateway = gateway(&service, CAGES, Compatibility::Default);
    let spec = |name: &str| crate::upstream::UpstreamSpec {
        body_max: 1000,
        concurrency_max: 1,
        ..crate::upstream::UpstreamSpec::named(name)
    };
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let types = CAGES.replace("/cages/", &format!("http://{closed}/cages/")).replace("source: \"s\"\n", "");
    gateway.graph = super::gateway(&service, &types, Compatibility::Default).graph;
    let upstreams = crate::upstream::Upstreams::new(
        vec![spec("zoo")],
        &crate::upstream::Transport::default(),
        &crate::upstream::Kept::default(),
    );
    gateway.upstreams = std::sync::Arc::new(upstreams.unwrap());
    let answer = gateway.ask("{ cage(id: 1) { size } }").await;
    assert_eq!(answer["data"], json!({ "cage": null }));
    let (message, path, code) = &errors(&answer)[0];
    assert!(message.contains("`zoo`"), "{message}");
    assert_eq!((path, code.as_str()), (&json!(["cage"]), "HTTP_CLIENT_ERROR"));
}
