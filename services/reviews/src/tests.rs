use kit::{probe::Probe, token};
use serde_json::json;

use crate::Options;

async fn reviews(flaky_every: u32) -> Probe {
    Probe::serve(crate::router(&Options { flaky_every, ..Options::default() }).unwrap()).await
}

#[tokio::test]
async fn a_summary_of_many_products_is_one_call() {
    let reviews = reviews(0).await;
    let ids: Vec<String> = (1..=20).map(|id| format!("product_id={id}")).collect();
    let target = format!("/reviews/summary?top=2&{}", ids.join("&"));
    let found = reviews.get(&target, &[]).await.body;
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 20);
    for product in found {
        let (count, top) = (product["count"].as_u64().unwrap(), product["top"].as_array().unwrap());
        assert_eq!(top.len() as u64, count.min(2));
        assert!(top.is_sorted_by_key(|review| std::cmp::Reverse(review["helpful_votes"].as_u64())));
        assert_eq!(product["rating"].is_null(), count == 0);
    }
    assert_eq!(reviews.get("/reviews/summary", &[]).await.body, json!([]));
    assert_eq!(reviews.get("/reviews/summary?top=99", &[]).await.status, 400);
    assert_eq!(reviews.get("/__calls", &[]).await.body["by"]["GET /reviews/summary"], 3);
}

#[tokio::test]
async fn every_third_call_fails_when_told_so() {
    let reviews = reviews(3).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(reviews.get("/reviews?product_id=1", &[]).await.status);
    }
    assert_eq!(statuses, [200, 200, 503, 200, 200, 503]);
}

#[tokio::test]
async fn a_review_is_written_in_the_callers_name() {
    let reviews = reviews(0).await;
    let token = format!("authorization: Bearer {}", token::issue(12));
    let review = json!({ "product_id": "17", "stars": 5, "title": "Great" });
    assert_eq!(reviews.post("/reviews", &[], &review).await.status, 401);
    assert_eq!(reviews.post("/reviews", &[&token], &review).await.body["author_id"], "12");
    let newest = reviews.get("/reviews?product_id=17&limit=1", &[]).await.body;
    assert_eq!(newest[0]["title"], "Great");
    let wrong = json!({ "product_id": "17", "stars": 6, "title": "Great" });
    assert_eq!(reviews.post("/reviews", &[&token], &wrong).await.status, 422);
}

#[test]
fn runs_alone_with_its_options() {
    let command = <Options as clap::Args>::augment_args(clap::Command::new("alone"));
    command.debug_assert();
}
