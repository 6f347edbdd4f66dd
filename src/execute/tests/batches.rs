//! Many keys in one call.

use serde_json::{Value as Json, json};

use super::{Reaction, Seen, Service, errors, gateway};
use crate::schema::Compatibility;

const SONGS: &str = r#"
type Query {
  setlist: [Song] @connect(source: "s", http: { GET: "/setlist" }, selection: "$.songs { id: song }")
  encore: [Song] @connect(source: "s", http: { GET: "/encore" }, selection: "$.songs { id: song }")
}
type Song
  @key(fields: "id")
  @connect(
    source: "s"
    http: { POST: "/lookup", body: "ids: $batch.id" }
    batch: { maxSize: 2 }
    selection: "$.found { id title seconds: len }"
  ) { id: ID! title: String seconds: Int }
"#;

fn songs(ids: &[Json]) -> Reaction {
    Reaction::Json(200, json!({ "songs": ids.iter().map(|id| json!({ "song": id })).collect::<Vec<_>>() }))
}

/// Finds every song asked for, in the opposite order.
fn find(seen: &Seen) -> Reaction {
    let body: Json = serde_json::from_str(&seen.body).unwrap();
    let ids = body["ids"].as_array().unwrap().iter().rev();
    let found: Vec<Json> = ids.map(|id| json!({ "id": id, "title": format!("T{id}"), "len": 3 })).collect();
    Reaction::Json(200, json!({ "found": found }))
}

fn bodies(service: &Service) -> Vec<String> {
    let mut bodies: Vec<_> = service.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_empty()).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn distinct_keys_go_out_in_chunks_and_find_their_objects() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /setlist" => songs(&[json!("a"), json!("b"), json!("a"), json!("c")]),
        _ => find(seen),
    })
    .await;
    let answer = gateway(&service, SONGS, Compatibility::Default).ask("{ setlist { id title } }").await;
    let song = |id: &str| json!({ "id": id, "title": format!("T\"{id}\"") });
    assert_eq!(answer, json!({ "data": { "setlist": [song("a"), song("b"), song("a"), song("c")] } }));
    assert_eq!(bodies(&service), [r#"{"ids":["a","b"]}"#, r#"{"ids":["c"]}"#]);
}

#[tokio::test]
async fn steps_that_are_ready_together_share_a_load() {
    // Both lists come from one reply, so their songs are wanted at the same moment.
    let types = SONGS.replace(
        "type Query {",
        r#"type Query {
  show: Show @connect(source: "s", http: { GET: "/show" }, selection: "first { id: song } second { id: song }")"#,
    ) + "type Show { first: [Song] second: [Song] }";
    let types = types.replace("maxSize: 2", "maxSize: 10");
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /show" => {
            Reaction::Json(200, json!({ "first": [{ "song": "a" }], "second": [{ "song": "b" }, { "song": "a" }] }))
        }
        _ => find(seen),
    })
    .await;
    let answer =
        gateway(&service, &types, Compatibility::Default).ask("{ show { first { title } second { seconds } } }").await;
    let data = json!({ "show": { "first": [{ "title": "T\"a\"" }], "second": [{ "seconds": 3 }, { "seconds": 3 }] } });
    assert_eq!(answer, json!({ "data": data }));
    assert_eq!(bodies(&service), [r#"{"ids":["a","b"]}"#]);
}

#[tokio::test]
async fn results_missing_unknown_and_repeated() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /setlist" => songs(&[json!("a"), json!("b")]),
        _ => Reaction::Json(
            200,
            json!({ "found": [{ "id": "z", "title": "?" }, { "id": "a", "title": "1" }, { "id": "a", "title": "2" }] }),
        ),
    })
    .await;
    let answer = gateway(&service, SONGS, Compatibility::Default).ask("{ setlist { id title } }").await;
    assert_eq!(answer, json!({ "data": { "setlist": [{ "id": "a", "title": "2" }, { "id": "b", "title": null }] } }));
}

#[tokio::test]
async fn keys_compare_by_text_except_in_strict() {
    let react = |seen: &Seen| match seen.line.as_str() {
        "GET /setlist" => songs(&[json!(1), json!(2)]),
        _ => Reaction::Json(200, json!({ "found": [{ "id": 1, "title": "n" }, { "id": "2", "title": "s" }] })),
    };
    let titles =
        |answer: &Json| [answer["data"]["setlist"][0]["title"].clone(), answer["data"]["setlist"][1]["title"].clone()];
    let service = Service::start(react).await;
    let ours = gateway(&service, SONGS, Compatibility::Default).ask("{ setlist { title } }").await;
    assert_eq!(titles(&ours), [json!("n"), json!("s")]);
    let original = gateway(&service, SONGS, Compatibility::Strict).ask("{ setlist { title } }").await;
    assert_eq!(titles(&original), [json!("n"), json!(null)]);
}

#[tokio::test]
async fn a_failed_chunk_is_one_error_and_harms_no_other() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /setlist" => songs(&[json!("a"), json!("b"), json!("c")]),
        _ if seen.body.contains('a') => Reaction::Json(500, json!({})),
        _ => find(seen),
    })
    .await;
    let answer = gateway(&service, SONGS, Compatibility::Default).ask("{ setlist { id title } }").await;
    let data = json!([{ "id": "a", "title": null }, { "id": "b", "title": null }, { "id": "c", "title": "T\"c\"" }]);
    assert_eq!(answer["data"]["setlist"], data);
    assert_eq!(errors(&answer), [("Request failed".to_owned(), json!(["setlist"]), "CONNECTOR_FETCH".to_owned())]);
}

#[tokio::test]
async fn a_reply_that_is_no_list_is_an_error() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /setlist" => songs(&[json!("a")]),
        _ => Reaction::Json(200, json!({ "found": { "id": "a", "title": "T" } })),
    })
    .await;
    let answer = gateway(&service, SONGS, Compatibility::Default).ask("{ setlist { id title } }").await;
    assert_eq!(answer["data"]["setlist"], json!([{ "id": "a", "title": null }]));
    assert_eq!(errors(&answer)[0].0, "Response for a batch request does not map to an array");
}

#[tokio::test]
async fn a_chunk_that_is_late_is_told_at_the_fields_it_serves() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /setlist" => songs(&[json!("a"), json!("b"), json!("c")]),
        _ if seen.body.contains('c') => Reaction::Hang,
        _ => find(seen),
    })
    .await;
    let mut gateway = gateway(&service, SONGS, Compatibility::Default);
    gateway.settings_mut().timeout = std::time::Duration::from_millis(300);
    let answer = gateway.ask("{ setlist { id t: title } }").await;
    let data = json!([{ "id": "a", "t": "T\"a\"" }, { "id": "b", "t": "T\"b\"" }, { "id": "c", "t": null }]);
    assert_eq!(answer["data"]["setlist"], data);
    let told: Vec<_> = errors(&answer).into_iter().map(|(_, path, code)| (path, code)).collect();
    assert_eq!(told, [(json!(["setlist", 2, "t"]), "DEADLINE_EXCEEDED".to_owned())]);
    let _ = service.left.acquire().await.unwrap();
}
