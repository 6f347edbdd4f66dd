use kit::{Options, probe::Probe, token, world};
use serde_json::json;

async fn orders() -> (Probe, String) {
    let probe = Probe::serve(crate::router(&Options::default()).unwrap()).await;
    (probe, format!("authorization: Bearer {}", token::demo()))
}

#[tokio::test]
async fn shows_the_callers_orders_only() {
    let (orders, token) = orders().await;
    assert_eq!(orders.get("/orders", &[]).await.status, 401);
    assert_eq!(orders.get("/orders?customer_id=8", &[&token]).await.status, 403);
    let page = orders.get("/orders?limit=2", &[&token]).await.body;
    let page = page.as_array().unwrap();
    assert_eq!((page.len(), &page[0]["id"]), (2, &json!(6000)));
    assert!(
        page.iter().all(|order| order["customer_id"] == world::DEMO_USER && order["lines"][0]["product_id"].is_u64())
    );
    let other = orders.get("/orders?limit=2&before=6000", &[&token]).await.body;
    assert_eq!(other[0]["id"], page[1]["id"]);
    let somebody = format!("authorization: Bearer {}", token::issue(8));
    assert_eq!(orders.get("/orders/6000", &[&somebody]).await.status, 404);
}

#[tokio::test]
async fn says_everything_that_is_wrong_with_an_order() {
    let (orders, token) = orders().await;
    let wrong = json!({ "lines": [{ "product_id": 17, "quantity": 0 }, { "quantity": 1 }], "note": "x".repeat(201) });
    let refused = orders.post("/orders", &[&token], &wrong).await;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("INVALID_ORDER")));
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|flaw| &flaw["field"]).collect();
    assert_eq!(fields, ["lines[0].quantity", "lines[1].product_id", "note"]);
    assert_eq!(orders.post("/orders", &[&token], &json!({})).await.body["errors"][0]["field"], "lines");
}

#[tokio::test]
async fn places_an_order_and_cancels_it_once() {
    let (orders, token) = orders().await;
    let wanted = json!({ "lines": [{ "product_id": 17, "quantity": 2 }] });
    let placed = orders.post("/orders", &[&token], &wanted).await;
    assert_eq!((placed.status, &placed.body["status"]), (201, &json!("new")));
    assert_eq!(placed.body["total"]["cents"], 2 * world::price(17));
    let cancel = format!("/orders/{}/cancel", placed.body["id"]);
    assert_eq!(orders.post(&cancel, &[&token], &json!({})).await.body["status"], "cancelled");
    assert_eq!(orders.post(&cancel, &[&token], &json!({})).await.status, 409);
}
