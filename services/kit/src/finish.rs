//! What every service has beside its own routes: its description, its call counter, its health and a line for each request.

use std::time::Instant;

use axum::{
    Json, Router,
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use serde_json::json;

use crate::Calls;

#[derive(Debug, Clone)]
struct Watch {
    service: &'static str,
    calls: Calls,
}

/// Adds `GET /openapi.json`, `GET /health`, `GET /__calls` and `POST /__reset`, none of which is counted, and counts and
/// logs everything else.
pub fn finish(service: &'static str, router: Router, description: utoipa::openapi::OpenApi) -> Router {
    let calls = Calls::default();
    let (told, reset) = (calls.clone(), calls.clone());
    let about = Router::new()
        .route("/openapi.json", get(async move || Json(description.clone())))
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/__calls", get(async move || Json(told.tally())))
        .route(
            "/__reset",
            post(async move || {
                reset.reset();
                StatusCode::NO_CONTENT
            }),
        );
    // The layer wraps what is there already: the routes that are merged after it stay outside.
    router.layer(from_fn_with_state(Watch { service, calls }, watch)).merge(about)
}

async fn watch(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let target = request.uri().clone();
    watch.calls.count(method.as_str(), request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let response = next.run(request).await;
    tracing::info!(
        target: "services",
        "{:9} {method} {target} {} {} µs",
        watch.service,
        response.status().as_u16(),
        started.elapsed().as_micros()
    );
    response
}
