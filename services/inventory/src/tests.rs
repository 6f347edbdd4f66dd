use kit::{probe::Probe, world};
use serde_json::json;

use crate::Options;

#[tokio::test]
async fn a_question_about_many_is_one_call() {
    let inventory = Probe::serve(crate::router(&Options::default()).unwrap()).await;
    let skus: Vec<String> = (1..=20).map(world::sku).chain(["NOPE".to_owned()]).collect();
    let found = inventory.post("/stock/query", &[], &json!({ "skus": skus })).await.body;
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 20);
    for item in items {
        let sum: u64 = item["places"].as_array().unwrap().iter().map(|place| place["quantity"].as_u64().unwrap()).sum();
        assert_eq!(item["available"].as_u64().unwrap(), sum);
    }
    assert_eq!(inventory.get("/stock/PHN-00017", &[]).await.body["sku"], "PHN-00017");
    assert_eq!(inventory.get("/stock/NOPE", &[]).await.status, 404);
    assert_eq!(inventory.post("/stock/query", &[], &json!({ "skus": vec!["x"; 501] })).await.status, 400);
    assert_eq!(inventory.get("/__calls", &[]).await.body["by"]["POST /stock/query"], 2);
}

#[tokio::test]
async fn every_second_call_is_slow_when_told_so() {
    let options = Options { slow_every: 2, slow_for: 150, ..Options::default() };
    let inventory = Probe::serve(crate::router(&options).unwrap()).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let started = std::time::Instant::now();
        inventory.get("/warehouses", &[]).await;
        slow.push(started.elapsed().as_millis() >= 150);
    }
    assert_eq!((slow[1], slow[3]), (true, true));
}

#[test]
fn runs_alone_with_its_options() {
    let command = <Options as clap::Args>::augment_args(clap::Command::new("alone"));
    command.debug_assert();
}
