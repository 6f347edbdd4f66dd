//! Fields that are given up first: under overload normal ones are answered as before, and optional ones are null.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::{
    process::Weft,
    raw::{Behaviour, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "items", http: { baseURL: "http://items.example" })
  @source(name: "other", http: { baseURL: "http://other.example" })

type Query {
  extra(id: ID!): Item @connect(source: "items", http: { GET: "/extra/{$args.id}" }, selection: "by")
  item(id: ID!): Item @connect(source: "items", http: { GET: "/items/{$args.id}" }, selection: "by")
  other(id: ID!): Item @connect(source: "other", http: { GET: "/other/{$args.id}" }, selection: "by")
}

type Mutation {
  write(id: ID!): Item @connect(source: "items", http: { POST: "/items", body: "id: $args.id" }, selection: "by")
}

type Item {
  by: String
}
"#;

/// Operations that come while the only place is taken.
const OPERATIONS: usize = 20;

fn start(name: &str, requests_max: usize, items: &Value, other: &Upstream) -> (Weft, PathBuf) {
    let folder = scratch(name);
    std::fs::write(folder.join("api.graphql"), SCHEMA).expect("the scratch folder can be written");
    let config = json!({
        "schema": [folder.join("api.graphql")],
        "server": { "listen": "127.0.0.1:0", "requests_max": requests_max },
        "admin": { "listen": "off" },
        "sources": { "items": items, "other": { "urls": [format!("http://{}", other.address)] } },
    });
    let path = folder.join("weft.yaml");
    std::fs::write(&path, config.to_string()).expect("the scratch folder can be written");
    (Weft::start(&path, &[]).expect("weft starts"), folder)
}

async fn ask(weft: &Weft, query: String) -> Value {
    weft.ask(&json!({ "query": query }), &[]).await.expect("an answer").1
}

/// Answers of operations that wait together for the only place of a service, and the lines that the service saw, in order.
async fn overload(name: &str, requests_max: usize, more: Value) -> (Vec<Value>, Vec<String>) {
    let is_first = AtomicBool::new(true);
    let by = |text: &str| answer(200, "application/json", json!({ "by": text }).to_string().as_bytes());
    let items = Upstream::start(move |_| {
        if is_first.swap(false, Ordering::SeqCst) {
            Behaviour::Held(by("items"))
        } else {
            Behaviour::Bytes(by("items"))
        }
    })
    .await;
    let other = Upstream::start(move |_| Behaviour::Bytes(by("other"))).await;
    let mut source = json!({ "urls": [format!("http://{}", items.address)], "concurrency_max": 1 });
    if let (Value::Object(into), Value::Object(more)) = (&mut source, more) {
        into.extend(more);
    }
    let (weft, folder) = start(name, requests_max, &source, &other);
    let first = ask(&weft, "{ item(id: \"first\") { by } }".to_owned());
    let rest = async {
        items.came("GET /items/first", 1).await;
        let all = join_all((0..OPERATIONS).map(|id| {
            let query = format!("{{ extra(id: {id}) {{ by }} item(id: {id}) {{ by }} other(id: {id}) {{ by }} }}");
            ask(&weft, query)
        }));
        let release = async {
            // The calls of an operation begin together: who asked the other service waits at this one.
            other.came("GET /other", OPERATIONS).await;
            items.release();
        };
        join(all, release).await.0
    };
    let (first, answers) = join(first, rest).await;
    assert_eq!(first["data"]["item"]["by"], "items", "{first}");
    let lines = items.seen().into_iter().skip(1).map(|seen| seen.line).collect();
    let written = ask(&weft, "mutation { write(id: 1) { by } }".to_owned()).await;
    assert_eq!(written["data"]["write"]["by"], "items", "{written}");
    let _ = std::fs::remove_dir_all(folder);
    (answers, lines)
}

fn is_extra(line: impl AsRef<str>) -> bool {
    line.as_ref().starts_with("GET /extra/")
}

#[test]
fn normal_calls_go_before_optional_ones_that_wait() {
    runtime().block_on(async {
        let (answers, lines) =
            overload("priorities-order", 4096, json!({ "priorities": { "Query.extra": "optional" } })).await;
        assert!(answers.iter().all(|answer| answer.get("errors").is_none()), "{answers:?}");
        assert_eq!(lines.len(), 2 * OPERATIONS);
        let (normal, optional) = lines.split_at(OPERATIONS);
        assert!(!normal.iter().any(is_extra) && optional.iter().all(is_extra), "{lines:?}");
        // All alike, they come as they came.
        let (_, lines) = overload("priorities-none", 4096, json!({})).await;
        let (first, _) = lines.split_at(OPERATIONS);
        assert!(first.iter().any(is_extra), "{lines:?}");
    });
}

#[test]
fn under_pressure_optional_fields_are_null_and_all_others_are_there() {
    runtime().block_on(async {
        // With the first one 21 are under way, and 18 are many.
        let optional = json!({ "priority": "optional", "priorities": { "Query.item": "normal" } });
        let (answers, lines) = overload("priorities-pressure", OPERATIONS + 4, optional).await;
        let mut shed = 0;
        for answer in &answers {
            assert_eq!(
                (&answer["data"]["item"]["by"], &answer["data"]["other"]["by"]),
                (&json!("items"), &json!("other"))
            );
            let Some(errors) = answer["errors"].as_array() else { continue };
            assert_eq!((errors.len(), &answer["data"]["extra"]), (1, &Value::Null), "{answer}");
            assert_eq!(
                (&errors[0]["path"], &errors[0]["extensions"]["code"]),
                (&json!(["extra"]), &json!("OVERLOADED"))
            );
            shed += 1;
        }
        assert!(shed >= 3, "{shed}");
        assert_eq!(
            lines.iter().filter(|line| is_extra(line)).count(),
            OPERATIONS - shed,
            "what is shed is not asked for"
        );
        assert!(!lines[..OPERATIONS].iter().any(is_extra), "{lines:?}");
    });
}
