use kit::{Options, probe::Probe};

async fn catalog() -> Probe {
    Probe::serve(crate::router(&Options::default()).unwrap()).await
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let catalog = catalog().await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = catalog.get(&format!("/products?category=phones&limit=40&after={after}"), &[]).await.body;
        assert_eq!(page["page"]["total"], 150);
        seen.extend(page["data"].as_array().unwrap().iter().map(|product| product["id"].as_str().unwrap().to_owned()));
        match page["page"]["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let expected: Vec<String> = (0..150).map(|n| (n * 16 + 1).to_string()).collect();
    assert_eq!(seen, expected);
    let wrong = catalog.get("/products?after=17", &[]).await;
    assert_eq!((wrong.status, &wrong.body["error"]["code"]), (400, &"BAD_REQUEST".into()));
}

#[tokio::test]
async fn many_ids_are_one_call_in_their_order() {
    let catalog = catalog().await;
    let found = catalog.get("/products?ids=30,2,nine,99999,2", &[]).await.body;
    let ids: Vec<_> = found["data"].as_array().unwrap().iter().map(|product| &product["id"]).collect();
    assert_eq!(ids, ["30", "2"]);
    assert_eq!(catalog.get("/brands?ids=3,1", &[]).await.body["data"][0]["name"], "Nordane");
    assert_eq!(catalog.get("/products/99999", &[]).await.status, 404);
    let calls = catalog.get("/__calls", &[]).await.body;
    assert_eq!((&calls["total"], &calls["by"]["GET /products/{id}"]), (&3.into(), &1.into()));
    catalog.post("/__reset", &[], &serde_json::Value::Null).await;
    assert_eq!(catalog.get("/__calls", &[]).await.body["total"], 0);
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_sent_again() {
    let catalog = catalog().await;
    let first = catalog.get("/products/17", &[]).await;
    let tag = first.head.lines().find(|line| line.starts_with("etag: ")).unwrap()["etag: ".len()..].to_owned();
    assert!(first.head.contains("cache-control: public, max-age=60"));
    let again = catalog.get("/products/17", &[&format!("if-none-match: {tag}")]).await;
    assert_eq!((again.status, again.body.is_null()), (304, true));
    assert_eq!(catalog.get("/products/18", &[&format!("if-none-match: {tag}")]).await.status, 200);
}

#[tokio::test]
async fn a_search_wants_all_words() {
    let catalog = catalog().await;
    let found = catalog.get("/products?q=Pro%20phone&limit=100", &[]).await.body;
    let names: Vec<_> =
        found["data"].as_array().unwrap().iter().map(|product| product["name"].as_str().unwrap()).collect();
    assert!(
        !names.is_empty() && names.iter().all(|name| name.contains("Pro") && name.to_lowercase().contains("phone"))
    );
    let about = catalog.get("/openapi.json", &[]).await.body;
    assert!(about["paths"]["/products"]["get"]["parameters"].as_array().unwrap().len() >= 5);
}
