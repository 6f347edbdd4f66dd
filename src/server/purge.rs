//! `POST /cache/purge` on the operator's listener: what the cache should forget.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{
    app::App,
    media::{BodyType, body_type},
};
use crate::upstream::Purge;

/// What is asked: `{"tags": […]}`, `{"urls": […]}`, `{"all": true}`, or several of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    tags: Vec<String>,
    urls: Vec<String>,
    all: bool,
}

/// Answers `{"purged": N}`. A page cannot send this unasked: JSON needs a preflight, which nobody here answers.
pub(super) async fn purge(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let (status, answer) = match read(&headers, &body) {
        Ok(purge) => {
            let purged = app.gateway.snapshot().upstreams.purge(&purge);
            tracing::info!(tags = ?purge.tags, all = purge.all, purged, "the cache was purged");
            (StatusCode::OK, json!({ "purged": purged }))
        }
        Err((status, message)) => (status, json!({ "error": message })),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string())
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Purge, (StatusCode, String)> {
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    if body_type(headers) != BodyType::Json {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "`Content-Type` has to be `application/json`".to_owned()));
    }
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| bad(format!("expected `tags`, `urls` (lists) or `all` (true): {error}")))?;
    let url = |text: &String| Url::parse(text).map_err(|_| bad(format!("`{text}` is not an absolute URL")));
    let urls = asked.urls.iter().map(url).collect::<Result<Vec<_>, _>>()?;
    if asked.tags.is_empty() && urls.is_empty() && !asked.all {
        return Err(bad("nothing is named: give `tags`, `urls` or `all`".to_owned()));
    }
    Ok(Purge { tags: asked.tags, urls, all: asked.all })
}
