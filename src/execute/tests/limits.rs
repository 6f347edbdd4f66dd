//! Time, number of calls, and callers who leave.

use std::time::Duration;

use serde_json::json;

use super::{Reaction, Service, errors, gateway};
use crate::schema::Compatibility;

const SHELVES: &str = r#"
type Query {
  shelf: [Book] @connect(source: "s", http: { GET: "/shelf" }, selection: "isbn")
  other: String @connect(source: "s", http: { GET: "/other" }, selection: "$.v")
  slow: String @connect(source: "s", http: { GET: "/slow" }, selection: "$.v")
  book(isbn: ID!): Book
    @connect(source: "s", http: { GET: "/books/{$args.isbn}" }, selection: "isbn title", entity: true)
}
type Mutation { buy: String @connect(source: "s", http: { POST: "/buy" }, selection: "$.v") }
type Book @key(fields: "isbn") { isbn: ID! title: String }
"#;

fn late(path: &serde_json::Value) -> (serde_json::Value, String) {
    (path.clone(), "DEADLINE_EXCEEDED".to_owned())
}

#[tokio::test]
async fn at_the_deadline_the_answer_is_what_is_there() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /shelf" => Reaction::Json(200, json!([{ "isbn": "1" }, { "isbn": "2" }])),
        "GET /books/1" => Reaction::Json(200, json!({ "isbn": "1", "title": "One" })),
        "GET /other" => Reaction::Json(200, json!({ "v": "here" })),
        _ => Reaction::Hang,
    })
    .await;
    let mut gateway = gateway(&service, SHELVES, Compatibility::Default);
    gateway.settings_mut().timeout = Duration::from_millis(300);
    let answer = gateway.ask("{ slow other shelf { isbn title } }").await;
    let shelf = json!([{ "isbn": "1", "title": "One" }, { "isbn": "2", "title": null }]);
    assert_eq!(answer["data"], json!({ "slow": null, "other": "here", "shelf": shelf }));
    let told: Vec<_> = errors(&answer).into_iter().map(|(_, path, code)| (path, code)).collect();
    assert_eq!(told, [late(&json!(["slow"])), late(&json!(["shelf", 1, "title"]))]);
    // The calls that nobody waits for any more are ended, not left behind.
    let _ = service.left.acquire_many(2).await.unwrap();
}

#[tokio::test]
async fn what_never_started_is_late_too() {
    let service = Service::start(|_| Reaction::Hang).await;
    let mut gateway = gateway(&service, SHELVES, Compatibility::Default);
    gateway.settings_mut().timeout = Duration::from_millis(100);
    let answer = gateway.ask("mutation { a: buy b: buy }").await;
    let told: Vec<_> = errors(&answer).into_iter().map(|(_, path, code)| (path, code)).collect();
    assert_eq!(told, [late(&json!(["a"])), late(&json!(["b"]))]);
    assert_eq!(service.lines(), ["POST /buy"]);
}

#[tokio::test]
async fn a_caller_who_leaves_stops_its_reads() {
    let service = Service::start(|_| Reaction::Hang).await;
    let gateway = gateway(&service, SHELVES, Compatibility::Default);
    {
        let mut waiting = std::pin::pin!(gateway.ask("{ slow other }"));
        tokio::select! {
            _ = &mut waiting => panic!("nothing was answered, so this cannot end"),
            both = service.arrived.acquire_many(2) => both.unwrap().forget(),
        }
    }
    let _ = service.left.acquire_many(2).await.unwrap();
}

#[tokio::test]
async fn calls_past_the_maximum_are_not_made() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /shelf" => Reaction::Json(200, json!([{ "isbn": "1" }, { "isbn": "2" }, { "isbn": "3" }])),
        _ => Reaction::Json(200, json!({ "title": "T" })),
    })
    .await;
    let mut gateway = gateway(&service, SHELVES, Compatibility::Default);
    gateway.settings_mut().calls_max = vec![3];
    let answer = gateway.ask("{ shelf { title } }").await;
    assert_eq!(answer["data"]["shelf"], json!([{ "title": "T" }, { "title": "T" }, { "title": null }]));
    let told = ("Request limit exceeded".to_owned(), json!(["shelf", 2]), "REQUEST_LIMIT_EXCEEDED".to_owned());
    assert_eq!(errors(&answer), [told]);
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn a_hundred_errors_are_told_and_the_rest_counted() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /shelf" => Reaction::Json(200, (0..150).map(|n| json!({ "isbn": n })).collect()),
        _ => Reaction::Json(500, json!({})),
    })
    .await;
    let answer = gateway(&service, SHELVES, Compatibility::Default).ask("{ shelf { title } }").await;
    assert_eq!(answer["data"]["shelf"].as_array().unwrap().len(), 150);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 101);
    assert_eq!(answer["errors"][100]["message"], "50 more errors are not shown");
}
