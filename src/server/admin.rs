//! The operator's listener: probes, metrics, and what an operator may do.

use std::{fmt, net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    http::{Request, Response, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use tower::ServiceExt as _;

use super::{
    app::{App, Responder},
    connection::InFlight,
    purge,
};
use crate::telemetry;

/// From where an operator asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operator(Option<IpAddr>);

impl fmt::Display for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(out, "{address}"),
            None => out.write_str("this process"),
        }
    }
}

/// `/livez`, `/readyz`, `/health`, `/metrics` and `/cache/purge`.
#[derive(Debug)]
pub(super) struct Admin {
    router: Router,
}

impl Admin {
    pub(super) fn new(app: Arc<App>, prometheus: bool) -> Self {
        let mut router =
            Router::new().route("/livez", get(live)).route("/readyz", get(ready)).route("/health", get(health));
        router = router.route("/cache/purge", post(purge::purge));
        if prometheus {
            router = router.route("/metrics", get(metrics));
        }
        Self { router: router.with_state(app) }
    }
}

impl Responder for Admin {
    async fn respond(&self, mut request: Request<Body>, in_flight: Option<&InFlight>) -> Response<Body> {
        request.extensions_mut().insert(Operator(in_flight.map(InFlight::peer)));
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// The process answers.
async fn live() -> &'static str {
    "live\n"
}

/// It wants requests: from the first one on until it drains.
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "draining\n") }
}

/// `/health?live` and `/health?ready`; without either, ready.
async fn health(app: State<Arc<App>>, RawQuery(query): RawQuery) -> Response<Body> {
    if query.is_some_and(|query| query.split('&').any(|name| name == "live" || name == "live=")) {
        live().await.into_response()
    } else {
        ready(app).await.into_response()
    }
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::metrics().render())
}
