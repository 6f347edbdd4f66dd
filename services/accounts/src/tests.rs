use kit::{Options, probe::Probe};
use serde_json::json;

async fn accounts() -> Probe {
    Probe::serve(crate::router(&Options::default()).unwrap()).await
}

#[tokio::test]
async fn many_users_are_one_call_and_unknown_ones_are_left_out() {
    let found = accounts().await.get("/users?user_id=9&user_id=zz&user_id=3&user_id=3", &[]).await.body;
    let mut ids: Vec<_> = found.as_array().unwrap().iter().map(|user| user["user_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["3", "9"]);
    assert!(found[0].get("email").is_none());
}

#[tokio::test]
async fn me_wants_a_token_and_login_gives_one() {
    let accounts = accounts().await;
    assert_eq!(accounts.get("/me", &[]).await.status, 401);
    assert_eq!(
        accounts.post("/login", &[], &json!({"email": "user9@shop.example", "password": "x"})).await.status,
        401
    );
    let login = accounts.post("/login", &[], &json!({"email": "user9@shop.example", "password": "demo"})).await.body;
    let token = format!("authorization: Bearer {}", login["access_token"].as_str().unwrap());
    let me = accounts.get("/me", &[&token]).await.body;
    assert_eq!((&me["user_id"], &me["email"]), (&json!("9"), &json!("user9@shop.example")));
    assert_eq!(accounts.get("/users/2001", &[]).await.body["error"]["code"], "NOT_FOUND");
}
