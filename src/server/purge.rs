//! `POST /cache/purge` on the operator's listener: what the cache should forget.

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{
    admin::Operator,
    app::App,
    media::{BodyType, body_type},
};
use crate::{
    telemetry::audit::{self, Action},
    upstream::{Purge, Purged},
};

/// What is asked: `{"tags": […]}`, `{"urls": […]}`, `{"all": true}`, or several of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    tags: Vec<String>,
    urls: Vec<String>,
    all: bool,
}

/// Answers `{"purged": N}`, with Redis also whether it knows. A page cannot send this unasked: JSON needs a preflight, which nobody here answers.
pub(super) async fn purge(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let by = operator.to_string();
    let (status, answer) = match read(&headers, &body) {
        Ok(purge) => {
            let about = about(&purge);
            let Purged { count, remote } = app.gateway.snapshot().upstreams.purge(&purge).await;
            tracing::info!(tags = ?purge.tags, all = purge.all, purged = count, "the cache was purged");
            audit::acted(Action::Purge, &by, &about, Ok(()));
            let answer = match remote {
                None => json!({ "purged": count }),
                // Redis is away: it, and with it the other gateways, are told when it is back.
                Some(is_told) => json!({ "purged": count, "redis": if is_told { "purged" } else { "pending" } }),
            };
            (StatusCode::OK, answer)
        }
        Err((status, message)) => {
            audit::acted(Action::Purge, &by, "", Err(&message));
            (status, json!({ "error": message }))
        }
    };
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string())
}

/// What is purged, in a few words: tags, and URLs without what may be a secret in them.
fn about(purge: &Purge) -> String {
    let tags = purge.tags.iter().map(|tag| format!("tag {tag}"));
    let urls = purge.urls.iter().map(|url| format!("{}{}", url.origin().ascii_serialization(), url.path()));
    let all = purge.all.then(|| "all".to_owned());
    all.into_iter().chain(tags).chain(urls).collect::<Vec<_>>().join(", ")
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
