//! Objects completed by further calls.

use serde_json::json;

use super::{Reaction, Service, errors, gateway};
use crate::schema::Compatibility;

const WRITERS: &str = r#"
type Query {
  articles: [Article!] @connect(source: "s", http: { GET: "/articles" }, selection: "id author: { id: writer_id }")
  writer(id: ID!): Writer
    @connect(source: "s", http: { GET: "/writers/{$args.id}" }, selection: "id name", entity: true)
}
type Article { id: ID! author: Writer }
type Writer @key(fields: "id") { id: ID! name: String }
"#;

#[tokio::test]
async fn equal_keys_are_asked_for_once_and_numbers_meet_texts() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /articles" => Reaction::Json(
            200,
            json!([{ "id": 1, "writer_id": "7" }, { "id": 2, "writer_id": 7 }, { "id": 3, "writer_id": "8" }]),
        ),
        "GET /writers/7" => Reaction::Json(200, json!({ "id": 7, "name": "Ada" })),
        _ => Reaction::Json(200, json!({ "id": "8", "name": "Bo" })),
    })
    .await;
    let query = "{ articles { id author { name } } }";
    let answer = gateway(&service, WRITERS, Compatibility::Default).ask(query).await;
    let (ada, bo) = (json!({ "name": "Ada" }), json!({ "name": "Bo" }));
    let data = json!({ "articles": [{ "id": "1", "author": ada }, { "id": "2", "author": ada }, { "id": "3", "author": bo }] });
    assert_eq!(answer, json!({ "data": data }));
    assert_eq!(service.lines(), ["GET /articles", "GET /writers/7", "GET /writers/8"]);
}

#[tokio::test]
async fn in_strict_a_number_and_a_text_are_two_keys_and_ids_stay_numbers() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /articles" => Reaction::Json(200, json!([{ "id": 1, "writer_id": "7" }, { "id": 2, "writer_id": 7 }])),
        _ => Reaction::Json(200, json!({ "id": 7, "name": "Ada" })),
    })
    .await;
    let answer = gateway(&service, WRITERS, Compatibility::Strict).ask("{ articles { id author { name } } }").await;
    assert_eq!(answer["data"]["articles"][0]["id"], json!(1));
    assert_eq!(service.lines(), ["GET /articles", "GET /writers/7", "GET /writers/7"]);
}

#[tokio::test]
async fn a_failed_call_is_told_at_every_object_it_should_complete() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /articles" => Reaction::Json(
            200,
            json!([{ "id": 1, "writer_id": "a" }, { "id": 2, "writer_id": "b" }, { "id": 3, "writer_id": "a" }]),
        ),
        "GET /writers/a" => Reaction::Json(404, json!({})),
        _ => Reaction::Json(200, json!({ "id": "b", "name": "Bo" })),
    })
    .await;
    let answer = gateway(&service, WRITERS, Compatibility::Default).ask("{ articles { author { id name } } }").await;
    assert_eq!(answer["data"]["articles"][0]["author"], json!({ "id": "a", "name": null }));
    assert_eq!(answer["data"]["articles"][1]["author"], json!({ "id": "b", "name": "Bo" }));
    let told = |index: usize| {
        ("Request failed".to_owned(), json!(["articles", index, "author"]), "CONNECTOR_FETCH".to_owned())
    };
    assert_eq!(errors(&answer), [told(0), told(2)]);
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["connector"]["coordinate"], "api:Query.writer[0]");
    assert_eq!((&extensions["service"], &extensions["http"]["status"]), (&json!("api"), &json!(404)));
}

#[tokio::test]
async fn a_missing_key_and_a_null_key_make_no_call() {
    let service = Service::start(|_| Reaction::Json(200, json!([{ "id": 1 }, { "id": 2, "writer_id": null }]))).await;
    let answer = gateway(&service, WRITERS, Compatibility::Default).ask("{ articles { id author { name } } }").await;
    assert_eq!(answer["data"]["articles"][1], json!({ "id": "2", "author": { "name": null } }));
    assert_eq!(service.lines(), ["GET /articles"]);
    let strict = Service::start(|seen| match seen.line.as_str() {
        "GET /articles" => Reaction::Json(200, json!([{ "id": 1 }, { "id": 2, "writer_id": null }])),
        _ => Reaction::Json(200, json!({ "name": "nobody" })),
    })
    .await;
    gateway(&strict, WRITERS, Compatibility::Strict).ask("{ articles { id author { name } } }").await;
    assert_eq!(strict.lines(), ["GET /articles", "GET /writers/"]);
}

#[tokio::test]
async fn identical_reads_are_made_once() {
    let react = |_: &super::Seen| Reaction::Json(200, json!({ "id": "1", "name": "Ada" }));
    let query = r#"{ a: writer(id: "1") { name } b: writer(id: "1") { id } }"#;
    let data = json!({ "data": { "a": { "name": "Ada" }, "b": { "id": "1" } } });
    let ours = Service::start(react).await;
    assert_eq!(gateway(&ours, WRITERS, Compatibility::Default).ask(query).await, data);
    assert_eq!(ours.lines(), ["GET /writers/1"]);
    let original = Service::start(react).await;
    assert_eq!(gateway(&original, WRITERS, Compatibility::Strict).ask(query).await, data);
    assert_eq!(original.lines(), ["GET /writers/1", "GET /writers/1"]);
}

#[tokio::test]
async fn fields_that_are_skipped_cost_no_call() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /articles" => Reaction::Json(200, json!([{ "id": 1, "writer_id": "a" }])),
        _ => Reaction::Json(200, json!({ "id": "a", "name": "Ada" })),
    })
    .await;
    let gateway = gateway(&service, WRITERS, Compatibility::Default);
    let query = "query($v: Boolean!) { articles { id author { name @include(if: $v) id } } }";
    let answer = gateway.ask_with(query, json!({ "v": false })).await;
    assert_eq!(answer, json!({ "data": { "articles": [{ "id": "1", "author": { "id": "a" } }] } }));
    assert_eq!(service.lines(), ["GET /articles"]);
    let answer = gateway.ask_with(query, json!({ "v": true })).await;
    assert_eq!(answer["data"]["articles"][0]["author"], json!({ "name": "Ada", "id": "a" }));
    assert_eq!(service.lines(), ["GET /articles", "GET /articles", "GET /writers/a"]);
}

#[tokio::test]
async fn a_field_connector_is_called_for_each_distinct_input() {
    let types = r#"
type Query {
  items: [Item] @connect(source: "s", http: { GET: "/items" }, selection: "sku grams name")
}
type Item {
  sku: ID!
  grams: Int
  name: String
  shipping(to: String!): Float
    @connect(source: "s", http: { GET: "/quote?g={$this.grams}&to={$args.to}" }, selection: "$.price")
}"#;
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /items" => Reaction::Json(
            200,
            json!([{ "sku": "a", "grams": 5 }, { "sku": "b", "grams": 5 }, { "sku": "c", "grams": 9 }]),
        ),
        "GET /quote?g=9&to=NO" => Reaction::Json(503, json!({})),
        _ => Reaction::Json(200, json!({ "price": 1.50 })),
    })
    .await;
    let answer = gateway(&service, types, Compatibility::Default).ask(r#"{ items { s: shipping(to: "NO") } }"#).await;
    assert_eq!(answer["data"], json!({ "items": [{ "s": 1.5 }, { "s": 1.5 }, { "s": null }] }));
    assert_eq!(errors(&answer)[0].1, json!(["items", 2, "s"]));
    assert_eq!(service.lines(), ["GET /items", "GET /quote?g=5&to=NO", "GET /quote?g=9&to=NO"]);
}

#[tokio::test]
async fn mutations_run_one_after_the_other_each_with_its_reads() {
    let types = r#"
type Query { loan(id: ID!): Loan @connect(source: "s", http: { GET: "/loans/{$args.id}" }, selection: "id state", entity: true) }
type Mutation { lend(id: ID!): Loan @connect(source: "s", http: { POST: "/lend", body: "id: $args.id" }, selection: "id: $args.id") }
type Loan @key(fields: "id") { id: ID! state: String }"#;
    let service = Service::start(|seen| match seen.body.as_str() {
        r#"{"id":"2"}"# => Reaction::Json(500, json!({})),
        _ => Reaction::Json(200, json!({ "id": "x", "state": "out" })),
    })
    .await;
    let query = r#"mutation { a: lend(id: "1") { state } b: lend(id: "2") { state } c: lend(id: "3") { state } }"#;
    let answer = gateway(&service, types, Compatibility::Default).ask(query).await;
    assert_eq!(answer["data"], json!({ "a": { "state": "out" }, "b": null, "c": { "state": "out" } }));
    assert_eq!(errors(&answer)[0].1, json!(["b"]));
    let lines: Vec<_> = service.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(lines, ["POST /lend", "GET /loans/1", "POST /lend", "POST /lend", "GET /loans/3"]);
}

#[tokio::test]
async fn objects_that_show_the_same_are_each_written_whole() {
    let types = r#"
type Query {
  articles: [Article]
    @connect(source: "s", http: { GET: "/articles" }, selection: "id size author: { id: writer_id role }")
}
type Article { id: ID! author: Writer size: Int! }
type Writer
  @key(fields: "id")
  @connect(source: "s", http: { GET: "/writers", queryParams: "id: $batch.id" }, selection: "id name") {
  id: ID! name: String role: String
}"#;
    let article = |id: u32, writer: u32, role: &str, size: &str| {
        let size: serde_json::Value = serde_json::from_str(size).unwrap();
        json!({ "id": id, "writer_id": writer, "role": role, "size": size })
    };
    let articles = json!([
        article(1, 7, "a", "1"),
        article(2, 8, "a", "2"),
        article(3, 7, "a", "3"),
        article(4, 7, "b", "4"),
        article(5, 9, "a", "null"),
        article(6, 9, "a", "6"),
        article(7, 7, "a", "null"),
        article(8, 7, "a", "8"),
        article(9, 8, "a", "9"),
    ]);
    let service = Service::start(move |seen| match seen.line.as_str() {
        "GET /articles" => Reaction::Json(200, articles.clone()),
        _ => Reaction::Json(
            200,
            json!([{ "id": 7, "name": "Ada" }, { "id": 8, "name": "Bo" }, { "id": 9, "name": "Cy" }]),
        ),
    })
    .await;
    let query = "{ articles { author { role name } id size } }";
    let answer = gateway(&service, types, Compatibility::Default).ask(query).await;
    let whole = |id: u32, name: &str, role: &str| json!({ "author": { "role": role, "name": name }, "id": id.to_string(), "size": id });
    let wanted = json!([
        whole(1, "Ada", "a"),
        whole(2, "Bo", "a"),
        whole(3, "Ada", "a"),
        whole(4, "Ada", "b"),
        null,
        whole(6, "Cy", "a"),
        null,
        whole(8, "Ada", "a"),
        whole(9, "Bo", "a"),
    ]);
    assert_eq!(answer["data"]["articles"], wanted);
    assert_eq!(errors(&answer).len(), 2, "{answer}");
    assert_eq!(service.lines(), ["GET /articles", "GET /writers?id=7&id=8&id=9"]);
}
