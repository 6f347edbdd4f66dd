//! Requests that a foreign page could make a browser send are refused.
//!
//! A page may send, without asking the server first, GETs and POSTs of form and text types, with the user's cookies. POSTs of such
//! types are no GraphQL requests here (415). A GET is let through when one of these holds:
//! - it carries a header that a page cannot set without a preflight: `Content-Type: application/json`, or any value of
//!   `Apollo-Require-Preflight`, `X-Apollo-Operation-Name`, `GraphQL-Require-Preflight`, `GraphQL-Preflight`;
//! - the browser says that the page is ours or that a person typed the address: `Sec-Fetch-Site: same-origin` or `none`;
//! - its `Origin` is one that `server.cors` allows;
//! - it does not come from a browser at all: no `Sec-Fetch-Site`, no `Origin`, and a `User-Agent` that is not a browser's. Browsers
//!   leave `Sec-Fetch-Site` out on plain http, but every one of them says `Mozilla/5.0`, and a page cannot change that without a
//!   preflight. So `curl` and servers need no header.

use http::{HeaderMap, header};

use super::media::{self, BodyType};

const PREFLIGHT: [&str; 4] =
    ["apollo-require-preflight", "x-apollo-operation-name", "graphql-require-preflight", "graphql-preflight"];

/// What to tell a caller who was refused.
pub(super) const MESSAGE: &str = "this request could come from a foreign page: add the header `Apollo-Require-Preflight: true` or \
                                  `Content-Type: application/json`";

/// Whether a GET is safe to answer. `origin_allowed`: `Origin` is there and `server.cors` allows it.
pub(super) fn is_safe(headers: &HeaderMap, origin_allowed: bool) -> bool {
    if origin_allowed
        || media::body_type(headers) == BodyType::Json
        || PREFLIGHT.iter().any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
    {
        return true;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let is_browser = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    !is_browser && !headers.contains_key(header::ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_safe(&headers, false)
    }

    const CHROME: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140");

    #[test]
    fn foreign_pages_are_refused() {
        assert!(!safe(&[CHROME, ("sec-fetch-site", "cross-site")]));
        assert!(!safe(&[CHROME, ("sec-fetch-site", "same-site")]));
        assert!(!safe(&[CHROME]), "plain http: no sec-fetch headers");
        assert!(!safe(&[("origin", "https://evil.example")]));
        assert!(!safe(&[CHROME, ("accept", "application/graphql-response+json")]), "a page may set `accept` freely");
        assert!(!safe(&[CHROME, ("content-type", "text/plain")]));
        assert!(!safe(&[CHROME, ("apollo-require-preflight", "")]));
    }

    #[test]
    fn own_pages_servers_and_careful_clients_pass() {
        assert!(safe(&[]));
        assert!(safe(&[("user-agent", "curl/8.5.0")]));
        assert!(safe(&[CHROME, ("sec-fetch-site", "same-origin")]));
        assert!(safe(&[CHROME, ("sec-fetch-site", "none")]));
        assert!(safe(&[CHROME, ("apollo-require-preflight", "true")]));
        assert!(safe(&[CHROME, ("x-apollo-operation-name", "Product"), ("sec-fetch-site", "cross-site")]));
        assert!(safe(&[CHROME, ("content-type", "application/json")]));
    }
}
