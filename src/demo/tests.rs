//! The demo as its user has it: real services, real sockets, and what reached whom.

use kit::{probe::Probe, token};
use serde_json::{Value, json};

use super::{
    Options, gateway,
    services::{self, Ports, Services},
    shop,
};

struct Demo {
    gateway: Probe,
    services: Services,
}

impl Demo {
    async fn start(options: Options) -> Self {
        let options = Options { port: 0, admin_port: 0, ..options };
        let services = services::start(&options, Ports::Free).await.unwrap();
        let server = gateway::open(&options, &services.started).await.unwrap();
        let gateway = Probe::at(server.address().port());
        tokio::spawn(server.run(std::future::pending()));
        Self { gateway, services }
    }

    fn service(&self, name: &str) -> Probe {
        let (_, address) = self.services.started.iter().find(|(known, _)| *known == name).unwrap();
        Probe::at(address.port())
    }

    async fn ask(&self, query: &str, variables: Value, headers: &[&str]) -> Value {
        let body = json!({ "query": query, "variables": variables });
        self.gateway.post("/graphql", headers, &body).await.body
    }

    /// All calls since the last time, by service and route.
    async fn calls(&self) -> Value {
        let mut calls = serde_json::Map::new();
        for (name, _) in &self.services.started {
            let service = self.service(name);
            let by = service.get("/__calls", &[]).await.body["by"].take();
            if by.as_object().is_some_and(|by| !by.is_empty()) {
                calls.insert((*name).to_owned(), by);
            }
            service.post("/__reset", &[], &Value::Null).await;
        }
        calls.into()
    }
}

fn demo_token() -> String {
    format!("authorization: Bearer {}", token::demo())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_page_is_eight_calls_whatever_its_length() {
    let demo = Demo::start(Options::default()).await;
    let answer = demo.ask(shop::OPERATIONS[0], json!({}), &[&demo_token()]).await;
    assert_eq!(answer.get("errors"), None, "{answer:#}");
    let expected = json!({
        "accounts": { "GET /me": 1, "GET /users": 1 },
        "catalog": { "GET /brands": 1, "GET /products": 2 },
        "inventory": { "POST /stock/query": 1 },
        "orders": { "GET /orders": 1 },
        "reviews": { "GET /reviews/summary": 1 }
    });
    assert_eq!(demo.calls().await, expected);
    let longest = shop::OPERATIONS[0].replace("first: 20", "first: 100");
    let long = demo.ask(&longest, json!({}), &[&demo_token()]).await;
    assert_eq!(
        (long.get("errors"), &long["data"]["products"]["items"][99]["brand"]["name"].is_string()),
        (None, &true)
    );
    // The products of the orders are kept: the catalog says for how long.
    let mut kept = expected.clone();
    kept["catalog"]["GET /products"] = json!(1);
    let calls = demo.calls().await;
    assert!(calls == kept, "{calls:#}");

    let items = answer["data"]["products"]["items"].as_array().unwrap();
    assert_eq!((items.len(), &answer["data"]["products"]["total"]), (20, &json!(150)));
    for item in items {
        let id = item["id"].as_str().unwrap();
        let product = demo.service("catalog").get(&format!("/products/{id}"), &[]).await.body["data"].take();
        let brand =
            demo.service("catalog").get(&format!("/brands/{}", product["brandId"].as_str().unwrap()), &[]).await;
        let stock = demo.service("inventory").get(&format!("/stock/{}", product["sku"].as_str().unwrap()), &[]).await;
        assert_eq!(item["name"], product["name"]);
        assert_eq!(item["brand"]["name"], brand.body["data"]["name"]);
        assert_eq!(item["stock"]["available"], stock.body["available"]);
        assert_eq!(item["stock"]["inStock"], stock.body["available"] != 0);
        let rated = demo.service("reviews").get(&format!("/reviews/summary?product_id={id}"), &[]).await.body[0].take();
        assert_eq!(item["reviews"]["rating"], rated["rating"]);
        for (shown, review) in item["reviews"]["top"].as_array().unwrap().iter().zip(rated["top"].as_array().unwrap()) {
            let author = review["author_id"].as_str().unwrap();
            let author = demo.service("accounts").get(&format!("/users/{author}"), &[]).await.body;
            assert_eq!(shown["title"], review["title"]);
            assert_eq!(shown["author"]["avatar"], author["avatar_url"]);
        }
    }
    // Ids of products are numbers in orders and text in the catalog.
    let orders = answer["data"]["viewer"]["orders"].as_array().unwrap();
    assert_eq!((orders.len(), &orders[0]["id"]), (3, &json!("6000")));
    let lines = orders.iter().flat_map(|order| order["lines"].as_array().unwrap());
    assert!(lines.map(|line| &line["product"]["name"]).all(Value::is_string));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_costs_its_own_fields_only() {
    let demo = Demo::start(Options { flaky_every: 1, ..Options::default() }).await;
    let answer = demo.ask(shop::OPERATIONS[0], json!({}), &[]).await;
    assert_eq!(answer["data"]["viewer"], Value::Null);
    let items = answer["data"]["products"]["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["stock"]["available"].is_u64() && item["reviews"].is_null()));
    let errors = answer["errors"].as_array().unwrap();
    let of = |service: &str| {
        let mut found = errors.iter().filter(|error| error["extensions"]["service"] == service);
        found.next().unwrap_or_else(|| panic!("no error of {service}: {answer:#}")).clone()
    };
    let viewer = of("accounts");
    assert_eq!((&viewer["path"], &viewer["message"]), (&json!(["viewer"]), &json!("a valid bearer token is needed")));
    assert_eq!(viewer["extensions"]["http"]["status"], 401);
    assert_eq!(of("reviews")["extensions"]["http"]["status"], 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_or_every_flaw_is_told() {
    let demo = Demo::start(Options::default()).await;
    let place = "mutation ($lines: [OrderLineInput!]!) { placeOrder(input: { lines: $lines }) { \
                 id status total { cents } lines { quantity product { name } } } }";
    let wrong = json!({ "lines": [{ "productId": "17", "quantity": 100 }, { "productId": "x", "quantity": 1 }] });
    let answer = demo.ask(place, wrong, &[&demo_token()]).await;
    assert_eq!(answer["data"]["placeOrder"], Value::Null);
    assert_eq!(answer["errors"][0]["message"], "the order is not valid");
    let fields = &answer["errors"][0]["extensions"]["fields"];
    assert_eq!(
        (&fields[0]["field"], &fields[1]["field"]),
        (&json!("lines[0].quantity"), &json!("lines[1].product_id"))
    );

    let right = json!({ "lines": [{ "productId": "17", "quantity": 2 }] });
    let placed = demo.ask(place, right, &[&demo_token()]).await["data"]["placeOrder"].take();
    assert_eq!((&placed["status"], &placed["total"]["cents"]), (&json!("NEW"), &json!(2 * kit::world::price(17))));
    assert!(placed["lines"][0]["product"]["name"].is_string());
    let mine = "{ viewer { orders(first: 1, status: NEW) { id } } }";
    assert_eq!(demo.ask(mine, json!({}), &[&demo_token()]).await["data"]["viewer"]["orders"][0]["id"], placed["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_by_cursor() {
    let demo = Demo::start(Options::default()).await;
    let page =
        "query ($after: String) { products(category: \"lamps\", first: 70, after: $after) { next items { id } } }";
    let (mut seen, mut after, mut pages) = (std::collections::BTreeSet::new(), Value::Null, 0);
    loop {
        let answer = demo.ask(page, json!({ "after": after }), &[]).await["data"]["products"].take();
        seen.extend(answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        pages += 1;
        after = answer["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!((pages, seen.len()), (3, 150));
    assert_eq!(demo.calls().await, json!({ "catalog": { "GET /products": 3 } }));
}

#[test]
fn every_example_operation_fits_the_graph_and_the_readme_shows_a_plan_of_today() {
    let options = crate::schema::Options::default();
    let compiled = crate::schema::compile(&gateway::files(), &options).unwrap_or_else(|found| panic!("{found:#?}"));
    assert!(compiled.warnings.is_empty(), "{:#?}", compiled.warnings);
    let plans = shop::OPERATIONS.map(|text| {
        let document = crate::operation::parse(&compiled.graph, text, &crate::operation::Limits::default()).unwrap();
        let operation = crate::operation::bind(&compiled.graph, &document, None).unwrap();
        let plan = crate::plan::build(&compiled.graph, std::sync::Arc::new(operation)).unwrap();
        crate::plan::explain(&compiled.graph, &plan)
    });
    assert_eq!(
        plans.each_ref().map(|plan| plan.lines().next().unwrap()),
        ["query ProductPage: 8 steps", "query MyOrders: 4 steps", "query Search: 4 steps"]
    );
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&plans[1]), "the README shows another plan than\n{}", plans[1]);
    assert!(readme.contains(&token::demo()), "the README shows another token than {}", token::demo());
}

/// The documents of the five services, imported and edited by hand as the walk in `docs/import-openapi.md` says.
async fn imported(demo: &Demo) -> Vec<crate::schema::File> {
    use crate::import::openapi;
    let edits = [
        ("accounts", &["me", "list"][..], include_str!("../../tests/cases/import/shop/accounts.diff")),
        ("catalog", &["list", "brands"], include_str!("../../tests/cases/import/shop/catalog.diff")),
        ("inventory", &["query"], include_str!("../../tests/cases/import/shop/inventory.diff")),
        ("orders", &["list"], include_str!("../../tests/cases/import/shop/orders.diff")),
        ("reviews", &["summary"], include_str!("../../tests/cases/import/shop/reviews.diff")),
    ];
    let edited: usize = edits.iter().map(|(_, _, diff)| lines_added(diff)).sum();
    assert!(edited <= 40, "{edited} lines of hand edits");
    let mut files = Vec::new();
    for (name, operations, diff) in edits {
        let (_, address) = demo.services.started.iter().find(|(known, _)| *known == name).unwrap();
        let spec = format!("http://{address}/openapi.json");
        let fetched = openapi::fetch(&spec, &crate::upstream::Transport::default()).await.unwrap();
        let operations = operations.iter().map(|id| (*id).to_owned()).collect();
        let choice = openapi::Choice { operations, ..openapi::Choice::default() };
        let imported = openapi::translate(&fetched, &openapi::Options { choice, ..Default::default() }).unwrap();
        assert!(imported.schema.contains(&format!("baseURL: \"http://{address}\"")), "{}", imported.schema);
        let patch = diffy::Patch::from_str(diff).unwrap();
        let text = diffy::apply(&imported.schema, &patch)
            .unwrap_or_else(|error| panic!("{name}: {error}\n{}", imported.schema));
        let source = std::sync::Arc::new(crate::error::SourceText { name: format!("{name}.graphql"), text });
        files.push(crate::schema::File { subgraph: name.to_owned(), source });
    }
    files
}

fn lines_added(diff: &str) -> usize {
    diff.lines().filter(|line| line.starts_with('+') && !line.starts_with("+++")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_documents_and_forty_lines_give_the_product_page() {
    let demo = Demo::start(Options::default()).await;
    let expected = demo.ask(shop::OPERATIONS[0], json!({}), &[&demo_token()]).await;
    let expected_calls = demo.calls().await;
    let options = Options { port: 0, admin_port: 0, ..Options::default() };
    let files = imported(&demo).await;
    let server = gateway::open_with(&options, &demo.services.started, &files).await.unwrap();
    let gateway = Probe::at(server.address().port());
    tokio::spawn(server.run(std::future::pending()));
    let body = json!({ "query": shop::OPERATIONS[0] });
    let mut answer = gateway.post("/graphql", &[&demo_token()], &body).await.body;
    assert_eq!(answer.get("errors"), None, "{answer:#}");
    // The document has texts where the demo's graph has an enum.
    for order in answer["data"]["viewer"]["orders"].as_array_mut().unwrap() {
        order["status"] = order["status"].as_str().unwrap().to_uppercase().into();
    }
    assert_eq!(answer["data"], expected["data"]);
    assert_eq!(demo.calls().await, expected_calls);
}
