//! Values that do not fit, and how far a null moves.

use serde_json::json;

use super::{Reaction, Service, errors, gateway};
use crate::schema::Compatibility;

const THINGS: &str = r#"
type Query {
  things: [Thing] @connect(source: "s", http: { GET: "/things" }, selection: "id size name tags")
  must: Thing! @connect(source: "s", http: { GET: "/must" }, selection: "id size name tags")
}
type Thing { id: ID! size: Int! name: String tags: [String!] }
"#;

#[tokio::test]
async fn a_null_moves_to_the_nearest_place_that_may_be_null() {
    let react = |_: &super::Seen| {
        Reaction::Json(
            200,
            json!([
                { "id": "1", "size": 4, "name": 5, "tags": ["a", "b"] },
                { "id": "2", "size": "4", "name": "n", "tags": [] },
                { "id": "3", "size": 1, "tags": ["a", null] },
                7,
            ]),
        )
    };
    let service = Service::start(react).await;
    let data = json!({ "things": [
        { "id": "1", "size": 4, "name": null, "tags": ["a", "b"] },
        null,
        { "id": "3", "size": 1, "name": null, "tags": null },
        null,
    ] });
    let query = "{ things { id size name tags } }";
    let ours = gateway(&service, THINGS, Compatibility::Default).ask(query).await;
    assert_eq!(ours["data"], data);
    let code = "CONNECTOR_RESPONSE_SHAPE".to_owned();
    let told = [
        (
            "`Thing.size` should be `Int!`, but the service gave a string".to_owned(),
            json!(["things", 1, "size"]),
            code.clone(),
        ),
        (
            "`Thing.tags` should be `String!`, but the service gave null".to_owned(),
            json!(["things", 2, "tags", 1]),
            code,
        ),
    ];
    assert_eq!(errors(&ours), told);
    assert_eq!(ours["errors"][0]["extensions"]["connector"]["coordinate"], "api:Query.things[0]");
    assert_eq!(ours["errors"][0]["locations"], json!([{ "line": 1, "column": 15 }]));
    let original = gateway(&service, THINGS, Compatibility::Strict).ask(query).await;
    assert_eq!(original, json!({ "data": data }));
}

#[tokio::test]
async fn a_failed_field_that_must_be_there_leaves_no_data_and_one_error() {
    let service = Service::start(|_| Reaction::Json(500, json!({}))).await;
    let answer = gateway(&service, THINGS, Compatibility::Default).ask("{ must { id } }").await;
    assert_eq!(answer["data"], json!(null));
    assert_eq!(errors(&answer), [("Request failed".to_owned(), json!(["must"]), "CONNECTOR_FETCH".to_owned())]);
}

#[tokio::test]
async fn failures_below_a_null_are_still_told() {
    let service = Service::start(|seen| match seen.line.as_str() {
        "GET /must" => Reaction::Json(500, json!({})),
        _ => Reaction::Text(200, "application/json", "[{\"id\":"),
    })
    .await;
    let answer = gateway(&service, THINGS, Compatibility::Default).ask("{ must { id } things { id } }").await;
    assert_eq!(answer["data"], json!(null));
    let mut told: Vec<_> = errors(&answer).into_iter().map(|(_, path, code)| (path.to_string(), code)).collect();
    told.sort();
    let expected = [(r#"["must"]"#, "CONNECTOR_FETCH"), (r#"["things"]"#, "CONNECTOR_RESPONSE_INVALID")];
    assert_eq!(told, expected.map(|(path, code)| (path.to_owned(), code.to_owned())));
}

#[tokio::test]
async fn a_body_that_is_not_read_is_null() {
    let service = Service::start(|_| Reaction::Text(200, "text/html", "<p>")).await;
    let answer = gateway(&service, THINGS, Compatibility::Default).ask("{ things { id } }").await;
    assert_eq!(answer, json!({ "data": { "things": null } }));
}

#[tokio::test]
async fn typename_and_aliases_keep_the_order_of_the_operation() {
    let service =
        Service::start(|_| Reaction::Json(200, json!([{ "name": "a\u{2028}\"", "size": 1, "id": 12 }]))).await;
    let gateway = gateway(&service, THINGS, Compatibility::Default);
    let outcome = gateway.outcome("{ q: __typename things { t: __typename x: id name y: id } }", json!({})).await;
    let text = r#"{"data":{"q":"Query","things":[{"t":"Thing","x":"12","name":"a"#;
    assert!(outcome.body.starts_with(text.as_bytes()), "{}", String::from_utf8_lossy(&outcome.body));
    assert!(outcome.body.ends_with(br#"","y":"12"}]}}"#));
}
