//! What happens without a Redis; what happens with one is seen through the gateway (`tests/gateway/cache/redis.rs`).

use std::sync::Arc;

use super::*;

/// A port at which nobody listens.
async fn nowhere() -> String {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("redis://127.0.0.1:{}/", free.local_addr().expect("a bound socket").port())
}

#[tokio::test]
async fn without_a_connection_nobody_waits() {
    let store = Arc::new(Store::new(&Redis { timeout: Duration::from_hours(1), ..Redis::at(nowhere().await) }, "test"));
    store.start();
    assert_eq!(store.epoch(), None);
    assert_eq!(store.run(&Script::new("return 1"), [], []).await, Err(Unavailable));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_no_redis() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://:s3cret@127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let settings = Redis { connect_timeout: Duration::from_millis(50), ..Redis::at(url) };
    let fault = Link::open(&settings).await.unwrap_err();
    assert!(matches!(fault, Fault::Late), "{fault}");
}

#[tokio::test]
async fn reasons_name_neither_address_nor_password() {
    let url = nowhere().await.replace("redis://", "redis://user:s3cret@");
    let text = Link::open(&Redis::at(url)).await.unwrap_err().to_string();
    assert_eq!(text, "the connection failed");
}
