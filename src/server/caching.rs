//! Headers for those who keep answers, and 304 for who has one already.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use sha2::{Digest, Sha256};

use super::graphql::VARY;
use crate::gateway::{Answer, Caching, Lifetime};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The tag of an answer that may be kept. Weak, because compression comes after it.
pub(super) fn tag(answer: &Answer) -> Option<HeaderValue> {
    if answer.caching.lifetime == Lifetime::NoStore {
        return None;
    }
    let hash = Sha256::digest(&answer.body);
    let mut text = String::from("W/\"");
    for byte in &hash[..16] {
        text.extend([byte >> 4, byte & 15].map(|nibble| char::from_digit(u32::from(nibble), 16).unwrap_or('0')));
    }
    text.push('"');
    HeaderValue::try_from(text).ok()
}

/// Whether who asks has the answer with that tag (RFC 9110, 13.1.2).
pub(super) fn has(if_none_match: Option<&HeaderValue>, tag: &HeaderValue) -> bool {
    let text = if_none_match.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tag = tag.to_str().unwrap_or_default();
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    text.trim() == "*" || text.split(',').any(|one| !one.trim().is_empty() && opaque(one) == opaque(tag))
}

/// The answer that says that there is nothing new.
pub(super) fn not_modified(caching: &Caching, tag: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::VARY, VARY);
    mark(caching, true, Some(tag), response.headers_mut());
    response
}

/// Writes what an answer says of its keeping. Answers to POST are kept by nobody who is not told how long.
#[inline]
pub(super) fn mark(caching: &Caching, by_get: bool, tag: Option<HeaderValue>, headers: &mut HeaderMap) {
    let control = match (caching.lifetime, caching.private) {
        (Lifetime::NoStore, _) => Some(HeaderValue::from_static("no-store")),
        (Lifetime::Seconds(seconds), false) => HeaderValue::try_from(format!("max-age={seconds}")).ok(),
        (Lifetime::Seconds(seconds), true) => HeaderValue::try_from(format!("private, max-age={seconds}")).ok(),
        (Lifetime::Unknown, false) if !by_get => None,
        // Whose it is nobody said: for this caller, and to be asked for again.
        (Lifetime::Unknown, _) => Some(HeaderValue::from_static("private, no-cache")),
    };
    if matches!(caching.lifetime, Lifetime::Seconds(_)) {
        headers.insert(header::AGE, HeaderValue::from(caching.age));
    }
    if let Some(status) = caching.status.as_ref().and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(CACHE_STATUS, status);
    }
    // Who keeps nothing need not know what it depends on.
    if let Some(names) = caching.vary.as_ref().filter(|_| control.is_some()) {
        let vary = HeaderValue::try_from([VARY.as_bytes(), b", ", names.as_bytes()].concat());
        headers.insert(header::VARY, vary.unwrap_or(VARY));
    }
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    if let Some(control) = control {
        headers.insert(header::CACHE_CONTROL, control);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let tag = HeaderValue::from_static("W/\"a\"");
        for (sent, fits) in
            [("W/\"a\"", true), ("\"a\"", true), ("\"b\", W/\"a\"", true), (" * ", true), ("\"b\"", false), ("", false)]
        {
            assert_eq!(has(Some(&HeaderValue::from_static(sent)), &tag), fits, "{sent}");
        }
        assert!(!has(None, &tag));
    }
}
