//! GraphiQL from the binary: no request leaves the machine.
//!
//! `graphiql/` holds its sources; `npm run build` there writes `graphiql/dist` and the list in `graphiql/assets.rs`, both
//! committed, so that building weft needs no Node.

mod assets;

use std::io::Read as _;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

use super::compress::{self, Coding};

const PAGE: &str = include_str!("graphiql/dist/index.html");

/// Nothing from elsewhere is loaded or asked. Styles are written into the page by the editor.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
     img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

/// A tab that GraphiQL opens with.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Tab {
    /// The text of the operation.
    pub query: String,
    /// Variables as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<String>,
    /// Request headers as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<String>,
}

/// The page.
pub(super) fn page(path: &str, tabs: &[Tab]) -> Response<Body> {
    let tabs = if tabs.is_empty() { String::new() } else { serde_json::to_string(tabs).unwrap_or_default() };
    // Relative, so that the page also works behind a proxy that puts a folder in front.
    let base = format!("{}/", path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("."));
    let page = PAGE.replace("__WEFT_BASE__", &attribute(&base)).replace("__WEFT_TABS__", &attribute(&tabs));
    let mut response = Response::new(Body::from(page));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // The same address answers operations, and a new binary has other assets.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// From `/` to where GraphQL is.
pub(super) fn redirect(path: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// The name of the asset that a path asks for.
pub(super) fn asset_name<'a>(endpoint: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(endpoint.trim_end_matches('/'))?.strip_prefix("/assets/")
}

/// A file of the page.
pub(super) fn asset(name: &str, request: &HeaderMap) -> Response<Body> {
    let Ok(index) = assets::ASSETS.binary_search_by(|(known, _)| (*known).cmp(name)) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let packed: &'static [u8] = assets::ASSETS[index].1;
    let gzip = compress::accepts_gzip(request);
    let body = if gzip {
        Body::from(packed)
    } else {
        let mut plain = Vec::new();
        // Ours, so it can be read; an empty file would show at once.
        let _ = flate2::read::GzDecoder::new(packed).read_to_end(&mut plain);
        Body::from(plain)
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    // Names hold a hash of the content.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(Coding::Gzip.name()));
    }
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("ttf") => "font/ttf",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Text inside a quoted HTML attribute.
fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn every_file_that_the_page_names_is_there() {
        let page = page("/api/graphql", &[Tab { query: "{ a(b: \"<'\") }".to_owned(), ..Tab::default() }]);
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        let text = page.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&text).unwrap();
        assert!(text.contains("<base href=\"graphql/\">"), "{text}");
        assert!(text.contains("{ a(b: \\&quot;&lt;&#39;\\&quot;) }"), "{text}");
        assert!(!text.contains("__WEFT") && !text.contains("http://") && !text.contains("https://"));
        let mut count = 0;
        for reference in text.split("./assets/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert_eq!(asset(name, &HeaderMap::new()).status(), StatusCode::OK, "{name}");
            count += 1;
        }
        assert!(count >= 2);
    }

    #[tokio::test]
    async fn assets_come_packed_or_plain() {
        let name = assets::ASSETS.iter().find(|(name, _)| name.contains(".css")).unwrap().0;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"));
        let packed = asset(name, &headers);
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        let plain = asset(name, &HeaderMap::new());
        assert!(!plain.headers().contains_key("content-encoding"));
        let packed = packed.into_body().collect().await.unwrap().to_bytes().len();
        assert!(packed > 0 && packed < plain.into_body().collect().await.unwrap().to_bytes().len());
        assert_eq!(asset("../Cargo.toml", &headers).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_list_is_sorted_and_paths_are_below_the_endpoint() {
        assert!(assets::ASSETS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(asset_name("/graphql", "/graphql/assets/a.js"), Some("a.js"));
        assert_eq!(asset_name("/", "/assets/a.js"), Some("a.js"));
        assert_eq!(asset_name("/graphql", "/assets/a.js"), None);
    }
}
