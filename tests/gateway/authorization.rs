//! Who may have what: what is denied is not fetched, and what that means for the rest of the answer.

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use crate::{
    authentication::world::{Answer, World},
    support::{
        raw::{Behaviour, Seen, answer},
        runtime,
    },
};

const SECRET: &str = "thirty-two bytes that nobody may know";

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", { name: "@authenticated", as: "@known" }, "@requiresScopes"])
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  products: [Product] @connect(source: "s", http: { GET: "/products" }, selection: "id name color seller: { id: sellerId }")
  strict: [Strict!] @connect(source: "s", http: { GET: "/products" }, selection: "id secret: name")
  things: [Thing] @connect(source: "s", http: { GET: "/things" }, selection: "__typename: kind id title")
  audit: String @federation__policy(policies: [["morning"], ["boss", "evening"]]) @connect(source: "s", http: { GET: "/audit" }, selection: "$.text")
}

type Mutation {
  remove(id: ID!): String @known @connect(source: "s", http: { DELETE: "/products/{$args.id}" }, selection: "$.text")
}

type Product { id: ID! name: String color: Color seller: Seller }

type Seller
  @key(fields: "id")
  @requiresScopes(scopes: [["sellers:read", "sellers:list"], ["admin"]])
  @connect(source: "s", http: { GET: "/sellers", queryParams: "id: $batch.id" }, selection: "id name") { id: ID! name: String }

type Strict { id: ID! secret: String! @known }

enum Color @requiresScopes(scopes: [["colors"]]) { RED GREEN }

interface Thing { id: ID! title: String @known }
type Book implements Thing { id: ID! title: String }
type Film implements Thing @requiresScopes(scopes: [["films"]]) { id: ID! title: String }
"#;

fn service(seen: &Seen) -> Behaviour {
    let line = seen.line.split('?').next().unwrap_or_default();
    let body = match line {
        "GET /products" => json!([
            { "id": "1", "name": "chair", "color": "RED", "sellerId": "7" },
            { "id": "2", "name": "table", "color": "GREEN", "sellerId": "8" },
        ]),
        "GET /sellers" => json!([{ "id": "7", "name": "ann" }, { "id": "8", "name": "bob" }]),
        "GET /things" => {
            json!([{ "kind": "Book", "id": "1", "title": "dune" }, { "kind": "Film", "id": "2", "title": "alien" }])
        }
        _ => json!({ "text": line }),
    };
    Behaviour::Bytes(answer(200, "application/json", body.to_string().as_bytes()))
}

async fn world(reject: bool) -> World {
    configured(&format!("reject: {reject}")).await
}

async fn configured(authorization: &str) -> World {
    let yaml = format!(
        "auth: {{ jwt: {{ issuers: [{{ issuer: i, secret: '{SECRET}', audiences: [weft] }}] }} }}\n\
         authorization:\n  {authorization}\n  policies:\n    morning: 'headers[\"x-time\"] == \"morning\"'\n    \
         evening: 'headers[\"x-time\"] == \"evening\" && operation.kind == \"query\"'\n    boss: '\"boss\" in claims.roles'\n"
    );
    World::over(SCHEMA, &yaml, &[], service).await
}

async fn ask_as(world: &World, query: &str, sub: &str, roles: &str) -> Answer {
    let token = token(sub, roles);
    world.ask(query, &[("authorization", &token)]).await
}

async fn ask(world: &World, query: &str, scopes: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let mut headers = more.to_vec();
    let token = scopes.map(|scopes| token("somebody", scopes));
    headers.extend(token.as_deref().map(|token| ("authorization", token)));
    world.ask(query, &headers).await
}

/// Scopes are roles as well.
fn token(sub: &str, scopes: &str) -> String {
    let roles: Vec<_> = scopes.split(' ').collect();
    let claims =
        json!({ "iss": "i", "aud": "weft", "exp": 4_102_444_800_i64, "sub": sub, "scope": scopes, "roles": roles });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    format!("Bearer {}", jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token"))
}

/// Code and path of each error.
fn errors(answer: &Answer) -> Vec<String> {
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let told =
        |error: &Value| format!("{} {}", error["extensions"]["code"].as_str().unwrap_or_default(), error["path"]);
    errors.iter().map(told).collect()
}

#[test]
fn what_is_denied_is_not_fetched() {
    runtime().block_on(async {
        let world = world(false).await;
        let query = "{ products { id color seller { name } } }";
        let whole = ask(&world, query, Some("admin colors"), &[]).await;
        assert_eq!(whole.body["data"]["products"][1]["seller"]["name"], "bob", "{}", whole.body);
        assert_eq!((world.service.count("GET /sellers"), errors(&whole).len()), (1, 0));
        for (scopes, code) in [(Some("sellers:read colors"), "FORBIDDEN"), (Some("sellers:list colors"), "FORBIDDEN")] {
            let answer = ask(&world, query, scopes, &[]).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body["data"]["products"][0], json!({ "id": "1", "color": "RED", "seller": null }));
            assert_eq!(errors(&answer), [format!(r#"{code} ["products",0,"seller"]"#), format!(r#"{code} ["products",1,"seller"]"#)]);
        }
        let both = ask(&world, query, Some("sellers:list sellers:read"), &[]).await;
        assert_eq!(both.body["data"]["products"][0], json!({ "id": "1", "color": null, "seller": { "name": "ann" } }));
        let nobody = ask(&world, query, None, &[]).await;
        assert_eq!(errors(&nobody)[0], r#"UNAUTHENTICATED ["products",0,"color"]"#);
        assert_eq!(world.service.count("GET /sellers"), 2, "sellers are asked for by those only who may have them");
        // Other names, fragments, and places where it is skipped.
        let query = "query ($no: Boolean!) { a: products { ...F } } fragment F on Product { x: seller @include(if: $no) { n: name } id }";
        let body = json!({ "query": query, "variables": { "no": false } });
        let skipped = world.post(&body, &[]).await;
        assert_eq!(errors(&skipped).len(), 0, "{}", skipped.body);
        let answer = world.post(&json!({ "query": query, "variables": { "no": true } }), &[]).await;
        assert_eq!(errors(&answer)[0], r#"UNAUTHENTICATED ["a",0,"x"]"#);
        assert_eq!(answer.body["data"]["a"][0]["x"], Value::Null);
    });
}

#[test]
fn a_null_that_may_not_be_there_moves_up() {
    runtime().block_on(async {
        let world = world(false).await;
        let answer = ask(&world, "{ strict { id secret } }", None, &[]).await;
        assert_eq!(answer.body["data"]["strict"], Value::Null, "{}", answer.body);
        assert_eq!(errors(&answer), [r#"UNAUTHENTICATED ["strict",0,"secret"]"#]);
        let answer = ask(&world, "{ strict { id secret } }", Some(""), &[]).await;
        assert_eq!(answer.body["data"]["strict"][0]["secret"], "chair");
        let mutation = "mutation { remove(id: 1) }";
        assert_eq!(errors(&ask(&world, mutation, None, &[]).await), [r#"UNAUTHENTICATED ["remove"]"#]);
        assert_eq!(world.service.count("DELETE "), 0, "nothing is written for nobody");
        assert_eq!(ask(&world, mutation, Some(""), &[]).await.body["data"]["remove"], "DELETE /products/1");
    });
}

#[test]
fn types_and_interfaces_count_together() {
    runtime().block_on(async {
        let world = world(false).await;
        let query = "{ things { id title ... on Film { same: title } } }";
        let nobody = ask(&world, query, None, &[]).await;
        assert_eq!(
            nobody.body["data"]["things"][0],
            json!({ "id": "1", "title": null }),
            "the interface's field: {}",
            nobody.body
        );
        assert_eq!(nobody.body["data"]["things"][1], Value::Null, "the type, of which no field may be had");
        let known = ask(&world, query, Some(""), &[]).await;
        assert_eq!(known.body["data"]["things"], json!([{ "id": "1", "title": "dune" }, null]));
        let films = ask(&world, query, Some("films"), &[]).await;
        assert_eq!(films.body["data"]["things"][1], json!({ "id": "2", "title": "alien", "same": "alien" }));
    });
}

#[test]
fn policies_read_claims_headers_and_the_operation() {
    runtime().block_on(async {
        let world = world(false).await;
        let times = |time| [("x-time", time)];
        for (scopes, time, may) in [
            (None, "morning", true),
            (None, "evening", false),
            (Some("boss"), "evening", true),
            (Some("clerk"), "evening", false),
            (Some("boss"), "noon", false),
        ] {
            let answer = ask(&world, "{ audit }", scopes, &times(time)).await;
            assert_eq!(answer.body["data"]["audit"].is_string(), may, "{scopes:?} {time}: {}", answer.body);
        }
        assert_eq!(world.service.count("GET /audit"), 2);
        let told = world.get("{ audit }", &times("morning")).await;
        assert!(told.header("cache-control").starts_with("private"), "it depends on a header: {:?}", told.headers);
    });
}

#[test]
fn an_operation_can_be_refused_as_a_whole() {
    runtime().block_on(async {
        let world = world(true).await;
        let query = "{ products { id seller { name } } }";
        let nobody = ask(&world, query, None, &[]).await;
        assert_eq!((nobody.status, nobody.code()), (401, "UNAUTHENTICATED"), "{}", nobody.body);
        assert_eq!(nobody.header("www-authenticate"), "Bearer realm=\"weft\"");
        let known = ask(&world, query, Some("colors"), &[]).await;
        assert_eq!((known.status, known.code()), (403, "FORBIDDEN"), "{}", known.body);
        assert_eq!(known.body["errors"][0]["locations"], json!([{ "line": 1, "column": 17 }]));
        assert_eq!(world.service.seen().len(), 0, "nothing is fetched for an operation that is refused");
        let skipped = ask(&world, "{ products { id seller @skip(if: true) { name } } }", None, &[]).await;
        assert_eq!(skipped.status, 200, "{}", skipped.body);
        let skipped = json!({ "query": "query ($s: Boolean!) { products { id seller @skip(if: $s) { name } } }", "variables": { "s": true } });
        assert_eq!(world.post(&skipped, &[]).await.status, 200, "what is not in the answer is not denied");
    });
}

#[test]
fn policies_that_cannot_be_are_found_at_the_start() {
    let found = |policies: &str| {
        let folder = crate::support::scratch("authorization-findings");
        std::fs::write(folder.join("api.graphql"), SCHEMA.replace("BASE", "http://127.0.0.1:9"))
            .expect("a scratch folder");
        let yaml = format!("schema: [api.graphql]\nauthorization: {{ policies: {policies} }}\n");
        std::fs::write(folder.join("weft.yaml"), yaml).expect("a scratch folder");
        let settings = weft::config::load(Some(&folder.join("weft.yaml")), &weft::config::Overrides::default());
        let findings = weft::gateway::compile(&settings.expect("settings")).expect_err("a policy is wrong");
        let lines = findings.iter().map(|found| format!("{} {} {:?}", found.code, found.message, found.help));
        lines.collect::<Vec<_>>().join("\n")
    };
    let missing = found("{ mornin: 'true', evening: 'true' }");
    assert!(missing.contains("UNKNOWN_POLICY") && missing.contains("did you mean `mornin`?"), "{missing}");
    assert!(missing.contains("`boss`"), "{missing}");
    let wrong = found("{ morning: 'claims.', evening: 'this.id == 1', boss: 'clams.a' }");
    assert_eq!(wrong.matches("INVALID_POLICY").count(), 3, "{wrong}");
    assert!(
        wrong.contains(
            "it uses `clams`, but only `claims`, `headers`, `args`, `operation`, `this`, `certificate` are there"
        ),
        "{wrong}"
    );
}

const OWNED: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@policy"])
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  orders: [Order] @connect(source: "s", http: { GET: "/orders" }, selection: "id total customer: { id: customerId } notes { text author }")
}

type Order
  @key(fields: "id")
  @connect(source: "s", http: { GET: "/owners", queryParams: "id: $batch.id" }, selection: "id ownerId") {
  id: ID!
  total: Int @policy(policies: [["own"]])
  ownerId: ID
  notes: [Note]
  customer: Customer @policy(policies: [["own"]])
  invoice: String
    @policy(policies: [["own_part"], ["boss"]])
    @connect(source: "s", http: { GET: "/invoices/{$this.id}" }, selection: "$.text")
}

type Note @policy(policies: [["author"]]) { text: String author: String }

type Customer
  @key(fields: "id")
  @connect(source: "s", http: { GET: "/customers", queryParams: "id: $batch.id" }, selection: "id name") { id: ID! name: String }
"#;

fn shop(seen: &Seen) -> Behaviour {
    let (path, query) = seen.line.split_once('?').unwrap_or((&seen.line, ""));
    let asks = |id: &str| query.split(['&', ' ']).any(|pair| pair == format!("id={id}"));
    let body = match path.trim_end_matches(" HTTP/1.1") {
        "GET /orders" => json!([
            { "id": "1", "total": 10, "customerId": "7", "notes": [{ "text": "n1", "author": "ann" }, { "text": "n2", "author": "bob" }] },
            { "id": "2", "total": 20, "customerId": "8", "notes": [] },
            { "id": "3", "total": 30, "customerId": "9", "notes": null },
        ]),
        // Nobody says whose the third is.
        "GET /owners" => {
            let owners = [("1", "ann"), ("2", "bob")].into_iter().filter(|(id, _)| asks(id));
            owners.map(|(id, owner)| json!({ "id": id, "ownerId": owner })).collect()
        }
        "GET /customers" => {
            let known = ["7", "8", "9"].into_iter().filter(|id| asks(id));
            known.map(|id| json!({ "id": id, "name": format!("customer {id}") })).collect()
        }
        other => json!({ "text": other }),
    };
    Behaviour::Bytes(answer(200, "application/json", body.to_string().as_bytes()))
}

async fn owned(policies: &str) -> World {
    let yaml = format!(
        "auth: {{ jwt: {{ issuers: [{{ issuer: i, secret: '{SECRET}', audiences: [weft] }}] }} }}\n\
         authorization:\n  policies:\n    boss: '\"boss\" in claims.roles'\n{policies}"
    );
    World::over(OWNED, &yaml, &[], shop).await
}

const POLICIES: &str = "    own: 'this.ownerId == claims.sub || \"boss\" in claims.roles'\n    \
    own_part: 'this.ownerId == claims.sub && args.size() == 0'\n    author: 'this.author == claims.sub'\n";

#[test]
fn objects_are_shown_to_their_owners() {
    runtime().block_on(async {
        let world = owned(POLICIES).await;
        let query = "{ orders { id total customer { name } } }";
        let ann = ask_as(&world, query, "ann", "").await;
        assert_eq!(
            ann.body["data"]["orders"],
            json!([
                { "id": "1", "total": 10, "customer": { "name": "customer 7" } },
                { "id": "2", "total": null, "customer": null },
                { "id": "3", "total": null, "customer": null },
            ]),
            "{}",
            ann.body
        );
        let told =
            ["total", "customer"].map(|field| [1, 2].map(|at| format!(r#"FORBIDDEN ["orders",{at},"{field}"]"#)));
        let mut told = told.concat();
        let mut errors = errors(&ann);
        told.sort();
        errors.sort();
        assert_eq!(errors, told);
        assert!(ann.header("cache-control").contains("no-store"), "{:?}", ann.headers);
        assert_eq!((world.service.count("GET /orders"), world.service.count("GET /owners")), (1, 1));
        let lines = world.service.seen().into_iter().map(|seen| seen.line);
        let customers: Vec<_> = lines.filter(|line| line.contains("/customers")).collect();
        assert_eq!(customers, ["GET /customers?id=7"], "nobody else's customer is asked for");
        // What the claims alone decide is decided before anything is known of an object.
        let boss = ask_as(&world, query, "eve", "boss").await;
        assert_eq!(
            boss.body["data"]["orders"][2],
            json!({ "id": "3", "total": 30, "customer": { "name": "customer 9" } })
        );
        assert_eq!(world.service.count("GET /owners"), 1, "who owns what makes no difference");
    });
}

#[test]
fn a_call_for_a_guarded_field_is_made_for_those_who_may_have_it() {
    runtime().block_on(async {
        let world = owned(POLICIES).await;
        let query = "{ orders { mine: invoice ...F } } fragment F on Order { invoice }";
        let bob = ask_as(&world, query, "bob", "").await;
        let invoice = "GET /invoices/2";
        assert_eq!(
            bob.body["data"]["orders"],
            json!([
                { "mine": null, "invoice": null }, { "mine": invoice, "invoice": invoice }, { "mine": null, "invoice": null },
            ]),
            "{}",
            bob.body
        );
        assert_eq!((world.service.count("GET /invoices/2"), world.service.count("GET /invoices/")), (1, 1));
        let skipped = ask_as(&world, "{ orders { id invoice @skip(if: true) total @skip(if: true) } }", "bob", "").await;
        assert_eq!((errors(&skipped).len(), world.service.count("GET /owners")), (0, 1), "{}", skipped.body);
        let body = json!({ "query": "query ($no: Boolean!) { orders { id total @skip(if: $no) } }", "variables": { "no": true } });
        assert_eq!(errors(&world.post(&body, &[]).await).len(), 0);
        assert_eq!(world.service.count("GET /owners"), 1, "nothing is asked about what a variable leaves out");
    });
}

#[test]
fn each_object_of_a_type_is_decided_by_itself() {
    runtime().block_on(async {
        let world = owned(POLICIES).await;
        let answer = ask_as(&world, "{ orders { notes { text } } }", "bob", "").await;
        assert_eq!(
            answer.body["data"]["orders"][0]["notes"],
            json!([{ "text": null }, { "text": "n2" }]),
            "{}",
            answer.body
        );
        assert_eq!(errors(&answer), [r#"FORBIDDEN ["orders",0,"notes",0,"text"]"#]);
        let nobody = ask(&world, "{ orders { notes { text } } }", None, &[]).await;
        assert_eq!(errors(&nobody).len(), 2, "{}", nobody.body);
    });
}

#[test]
fn what_cannot_be_known_of_an_object_lets_nobody_pass() {
    runtime().block_on(async {
        // The third has no owner, as nobody says whose it is; that is not the same as to belong to nobody.
        let policies = POLICIES.replace("this.ownerId == claims.sub ||", "this.ownerId != \"ann\" ||");
        let world = owned(&policies).await;
        let answer = ask_as(&world, "{ orders { total } }", "eve", "").await;
        assert_eq!(
            answer.body["data"]["orders"],
            json!([{ "total": null }, { "total": 20 }, { "total": null }]),
            "{}",
            answer.body
        );
    });
}

#[test]
fn policies_over_objects_are_held_against_their_types() {
    let found = |own: &str, author: &str| {
        let folder = crate::support::scratch("authorization-objects");
        std::fs::write(folder.join("api.graphql"), OWNED.replace("BASE", "http://127.0.0.1:9"))
            .expect("a scratch folder");
        let yaml = format!(
            "schema: [api.graphql]\nauthorization: {{ policies: {{ boss: 'true', own_part: 'true', own: '{own}', author: '{author}' }} }}\n"
        );
        std::fs::write(folder.join("weft.yaml"), yaml).expect("a scratch folder");
        let settings = weft::config::load(Some(&folder.join("weft.yaml")), &weft::config::Overrides::default());
        let findings = weft::gateway::compile(&settings.expect("settings")).err().unwrap_or_default();
        let lines = findings.iter().map(|found| format!("{} {} {:?}", found.code, found.message, found.help));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found("this.customer.id == claims.sub", "this.author == claims.sub"), "");
    let wrong = found("this.ownrId == claims.sub", "this.author.id == claims.sub");
    assert!(wrong.contains("reads `ownrId` of `this`, and `Order` has no such field"), "{wrong}");
    assert!(wrong.contains("did you mean `ownerId`?"), "{wrong}");
    assert!(wrong.contains("something of `Note.author`, which is no object"), "{wrong}");
    let wrong = found("this.customer == claims.sub", "this == 1");
    assert!(wrong.contains("reads `customer` of `this`, which is an object"), "{wrong}");
    assert!(wrong.contains("name the fields that it reads"), "{wrong}");
}

#[test]
fn introspection_shows_what_its_caller_may_have() {
    runtime().block_on(async {
        let everything = configured("hide: false").await;
        let world = configured("hide: true").await;
        let query = "{ __schema { mutationType { name } types { name fields { name } interfaces { name } } } \
                     film: __type(name: \"Film\") { name } }";
        let shown = |answer: &Answer| {
            let types = answer.body["data"]["__schema"]["types"].as_array().cloned().unwrap_or_default();
            let mut shown = Vec::new();
            for ty in types.iter().filter(|ty| !ty["name"].as_str().is_some_and(|name| name.starts_with("__"))) {
                let name = ty["name"].as_str().unwrap_or_default();
                shown.push(name.to_owned());
                let fields = ty["fields"].as_array().cloned().unwrap_or_default();
                shown.extend(
                    fields.iter().map(|field| format!("{name}.{}", field["name"].as_str().unwrap_or_default())),
                );
            }
            shown
        };
        let has = |shown: &[String], name: &str| shown.iter().any(|one| one == name);
        let all = shown(&ask(&everything, query, None, &[]).await);
        let boss = shown(&ask(&world, query, Some("boss admin colors films"), &[("x-time", "evening")]).await);
        assert_eq!(boss, all, "who may have everything is shown everything");
        let answer = ask(&world, query, None, &[]).await;
        let nobody = shown(&answer);
        for hidden in
            ["Mutation", "Seller", "Product.seller", "Product.color", "Color", "Film", "Thing.title", "Strict.secret"]
        {
            assert!(has(&all, hidden) && !has(&nobody, hidden), "{hidden}: {nobody:?}");
        }
        for kept in ["Query.products", "Product.name", "Strict.id", "Thing.id", "Book.id", "String"] {
            assert!(has(&nobody, kept), "{kept}: {nobody:?}");
        }
        assert_eq!(
            (&answer.body["data"]["__schema"]["mutationType"], &answer.body["data"]["film"]),
            (&Value::Null, &Value::Null)
        );
        // What is not shown is not there to be guessed at either: asked for, it is what it would be anyway.
        let asked = ask(&world, "{ products { id seller { name } } }", None, &[]).await;
        assert_eq!(errors(&asked)[0], r#"UNAUTHENTICATED ["products",0,"seller"]"#);
    });
}
