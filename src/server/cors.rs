//! Which pages of other origins may read answers (the Fetch standard's CORS protocol).
//!
//! Origins are compared as text, whole; there are no patterns. `*` allows every origin, and then never with credentials.

use http::{HeaderMap, HeaderValue, Method, header};

use crate::config::Cors;

/// How long a browser may keep the answer to a preflight; longer is cut by browsers anyway.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("7200");

/// What pages may read beside the headers that the standard lets them: what is left for their caller.
const READABLE: [&str; 4] = ["ratelimit", "ratelimit-policy", "retry-after", "weft-cost"];

fn any(cors: &Cors) -> bool {
    cors.origins.iter().any(|origin| origin == "*")
}

/// Whether the request names an origin that may read.
pub(super) fn allows(cors: &Cors, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    any(cors) || cors.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
}

/// Adds what a browser must see to hand the answer to its page.
pub(super) fn mark(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    if cors.origins.is_empty() {
        return;
    }
    let any = any(cors);
    if !any {
        // Answers differ by origin, so caches must keep them apart, also for those that are refused.
        response.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if any && !cors.credentials {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if !any && allows(cors, request) {
        let origin = request.get(header::ORIGIN).cloned().expect("an allowed origin is there");
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if cors.credentials {
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
    let told: Vec<&str> = READABLE.into_iter().filter(|name| response.contains_key(*name)).collect();
    if !told.is_empty()
        && response.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        && let Ok(names) = HeaderValue::try_from(told.join(", "))
    {
        response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names);
    }
}

/// Whether this is a browser asking whether it may ask.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a preflight is told beside [`mark`]: methods, and the headers that it asked about.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    if !allows(cors, request) {
        return;
    }
    response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    response.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
    if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        // The origin is trusted by name; which headers it sends is its business.
        response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        response.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(cors: &Cors, origin: Option<&str>) -> HeaderMap {
        let mut request = HeaderMap::new();
        if let Some(origin) = origin {
            request.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let mut response = HeaderMap::new();
        mark(cors, &request, &mut response);
        response
    }

    #[test]
    fn only_named_origins_may_read() {
        let cors = Cors { origins: vec!["https://shop.example".into()], credentials: true };
        let allowed = marked(&cors, Some("https://shop.example"));
        assert_eq!(allowed["access-control-allow-origin"], "https://shop.example");
        assert_eq!(allowed["access-control-allow-credentials"], "true");
        assert_eq!(allowed["vary"], "origin");
        for foreign in ["https://shop.example.evil", "http://shop.example", "https://SHOP.example", "null"] {
            let refused = marked(&cors, Some(foreign));
            assert!(!refused.contains_key("access-control-allow-origin"), "{foreign}");
            assert_eq!(refused["vary"], "origin");
        }
        assert!(!marked(&cors, None).contains_key("access-control-allow-origin"));
    }

    #[test]
    fn a_star_never_carries_credentials() {
        let open = Cors { origins: vec!["*".into()], credentials: false };
        let answer = marked(&open, Some("https://a.example"));
        assert_eq!(answer["access-control-allow-origin"], "*");
        assert!(!answer.contains_key("access-control-allow-credentials"));
        let wrong = Cors { origins: vec!["*".into()], credentials: true };
        assert!(!marked(&wrong, Some("https://a.example")).contains_key("access-control-allow-origin"));
    }

    #[test]
    fn pages_may_read_what_is_left_for_them() {
        let cors = Cors { origins: vec!["https://shop.example".into()], credentials: false };
        let exposed = |origin: &str| {
            let request = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
            let mut response = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from(3))]);
            response.insert("ratelimit", HeaderValue::from_static("\"ip\";r=0;t=3"));
            mark(&cors, &request, &mut response);
            response.get(header::ACCESS_CONTROL_EXPOSE_HEADERS).cloned()
        };
        assert_eq!(exposed("https://shop.example").unwrap(), "ratelimit, retry-after");
        assert_eq!(exposed("https://foreign.example"), None);
        let plain = marked(&cors, Some("https://shop.example"));
        assert!(!plain.contains_key(header::ACCESS_CONTROL_EXPOSE_HEADERS));
    }

    #[test]
    fn nothing_is_said_when_off() {
        assert!(marked(&Cors::default(), Some("https://a.example")).is_empty());
    }
}
