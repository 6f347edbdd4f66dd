//! Composite fields and keys whose pieces come from different connectors.

use serde_json::{Value, json};

use super::{Reaction, Seen, Service, errors, gateway};
use crate::schema::Compatibility;

const THINGS: &str = r#"
type Query {
  things: [Thing] @connect(source: "s", http: { GET: "/things" }, selection: "id")
  both: Both
    @connect(source: "s", http: { GET: "/left" }, selection: "id spec { width }")
    @connect(source: "s", http: { GET: "/right" }, selection: "spec { height }")
}
type Both { id: ID! spec: Sides }
type Sides { width: Int height: Int }
type Thing @key(fields: "id")
  @connect(source: "s", http: { GET: "/sizes/{$this.id}" }, selection: "id spec { width parts { name } }")
  @connect(source: "s", http: { GET: "/weights/{$this.id}" }, selection: "id spec { height parts { grams } }")
{ id: ID! spec: Spec }
type Spec { width: Int height: Int parts: [Part] }
type Part { name: String grams: Int }
"#;

fn things(seen: &Seen) -> Reaction {
    match seen.line.as_str() {
        "GET /things" => Reaction::Json(200, json!([{ "id": 1 }, { "id": 2 }])),
        "GET /sizes/1" => {
            Reaction::Json(200, json!({ "id": 1, "spec": { "width": 3, "parts": [{ "name": "a" }, { "name": "b" }] } }))
        }
        "GET /weights/1" => {
            Reaction::Json(200, json!({ "id": 1, "spec": { "height": 4, "parts": [{ "grams": 7 }, { "grams": 8 }] } }))
        }
        "GET /sizes/2" => Reaction::Json(200, json!({ "id": 2, "spec": { "width": 5, "parts": null } })),
        "GET /left" => Reaction::Json(200, json!({ "id": 9, "spec": { "width": 1 } })),
        "GET /right" => Reaction::Json(200, json!({ "spec": { "height": 2 } })),
        _ => Reaction::Json(500, json!({})),
    }
}

async fn ask(types: &str, query: &str, service: &Service) -> Value {
    gateway(service, types, Compatibility::Default).ask(query).await
}

#[tokio::test]
async fn pieces_of_a_composite_field_become_one_value() {
    let service = Service::start(things).await;
    let answer = ask(THINGS, "{ things { spec { width height parts { grams name } } } }", &service).await;
    let whole = json!({ "width": 3, "height": 4, "parts": [{ "grams": 7, "name": "a" }, { "grams": 8, "name": "b" }] });
    // Of the second thing the weights cannot be had: what the sizes gave stays.
    let half = json!({ "width": 5, "height": null, "parts": null });
    assert_eq!(answer["data"], json!({ "things": [{ "spec": whole }, { "spec": half }] }));
    let told = errors(&answer);
    assert_eq!(told.len(), 1, "{answer}");
    assert_eq!((&told[0].1, told[0].2.as_str()), (&json!(["things", 1]), "CONNECTOR_FETCH"));
    assert_eq!(service.lines(), ["GET /sizes/1", "GET /sizes/2", "GET /things", "GET /weights/1", "GET /weights/2"]);
}

#[tokio::test]
async fn what_one_connector_has_is_asked_of_it_alone() {
    let service = Service::start(things).await;
    let answer = ask(THINGS, "{ things { spec { width } } both { spec { height } } }", &service).await;
    let spec = |width: i32| json!({ "spec": { "width": width } });
    assert_eq!(answer["data"], json!({ "things": [spec(3), spec(5)], "both": { "spec": { "height": 2 } } }));
    assert_eq!(service.lines(), ["GET /right", "GET /sizes/1", "GET /sizes/2", "GET /things"]);
}

#[tokio::test]
async fn two_connectors_of_a_query_field_complement_each_other() {
    let service = Service::start(things).await;
    let answer = ask(THINGS, "{ both { __typename id spec { height width } } }", &service).await;
    let both = json!({ "__typename": "Both", "id": "9", "spec": { "height": 2, "width": 1 } });
    assert_eq!(answer, json!({ "data": { "both": both } }));
    assert_eq!(service.lines(), ["GET /left", "GET /right"]);
}

const SITES: &str = r#"
type Query { stocks: [Stock] @connect(source: "s", http: { GET: "/stocks" }, selection: "sku site { id }") }
type Stock @key(fields: "sku")
  @connect(source: "s", http: { GET: "/zones/{$this.sku}" }, selection: "sku site { zone }")
{
  sku: ID!
  site: Site
  level: Int @connect(source: "s", http: { GET: "/level/{$this.site.id}/{$this.site.zone}" }, selection: "$.level")
  rent: Int @connect(source: "s", http: { GET: "/rent/{$this.site.owner.tax}" }, selection: "$.rent")
}
type Site { id: ID! zone: String owner: Owner @connect(source: "s", http: { GET: "/owner/{$this.id}" }, selection: "id") }
type Owner @key(fields: "id") @connect(source: "s", http: { GET: "/tax/{$this.id}" }, selection: "id tax") { id: ID! tax: ID }
"#;

fn sites(seen: &Seen) -> Reaction {
    let body = match seen.line.as_str() {
        "GET /stocks" => json!([{ "sku": "x", "site": { "id": 1 } }, { "sku": "y", "site": { "id": 2 } }]),
        "GET /zones/x" => json!({ "sku": "x", "site": { "zone": "n" } }),
        "GET /zones/y" => json!({ "sku": "y", "site": { "zone": "w" } }),
        "GET /level/1/n" => json!({ "level": 10 }),
        "GET /level/2/w" => json!({ "level": 20 }),
        "GET /owner/1" | "GET /owner/2" => json!({ "id": "o" }),
        "GET /tax/o" => json!({ "id": "o", "tax": 77 }),
        "GET /rent/77" => json!({ "rent": 5 }),
        _ => return Reaction::Json(500, json!({})),
    };
    Reaction::Json(200, body)
}

#[tokio::test]
async fn the_parts_of_a_nested_key_may_come_from_different_connectors() {
    let service = Service::start(sites).await;
    let answer = ask(SITES, "{ stocks { level } }", &service).await;
    assert_eq!(answer, json!({ "data": { "stocks": [{ "level": 10 }, { "level": 20 }] } }));
    assert_eq!(service.lines(), ["GET /level/1/n", "GET /level/2/w", "GET /stocks", "GET /zones/x", "GET /zones/y"]);
}

#[tokio::test]
async fn objects_inside_a_key_are_completed_by_calls_of_their_own() {
    let service = Service::start(sites).await;
    let answer = ask(SITES, "{ stocks { sku rent } }", &service).await;
    let stock = |sku: &str| json!({ "sku": sku, "rent": 5 });
    assert_eq!(answer, json!({ "data": { "stocks": [stock("x"), stock("y")] } }));
    assert_eq!(service.lines(), ["GET /owner/1", "GET /owner/2", "GET /rent/77", "GET /stocks", "GET /tax/o"]);
}

#[tokio::test]
async fn a_mutation_calls_one_of_its_connectors_only() {
    let types = r#"
type Query { none: Int @connect(source: "s", http: { GET: "/none" }, selection: "$") }
type Mutation {
  save: Done
    @connect(source: "s", http: { POST: "/small" }, selection: "a")
    @connect(source: "s", http: { POST: "/large" }, selection: "a b")
}
type Done { a: Int b: Int }
"#;
    let service = Service::start(|_| Reaction::Json(200, json!({ "a": 1, "b": 2 }))).await;
    let answer = ask(types, "mutation { save { b a } }", &service).await;
    assert_eq!(answer, json!({ "data": { "save": { "b": 2, "a": 1 } } }));
    assert_eq!(service.lines(), ["POST /large"]);
}
