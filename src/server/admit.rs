//! A word to come back later: whoever is one request too many is told at once, before their body is read, so that those inside are
//! answered in time.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header},
};

use super::{
    graphql::{self, Refused},
    media::{self, Media},
};
use crate::error::{ErrorCode, Refusal};

/// Seconds after which a caller may try again: by then what was under way has been answered.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why somebody was not let in who had no place among `most`.
pub(super) fn refusal(most: usize) -> Refusal {
    let message = "the gateway has as many requests under way as it may have: try again later";
    let mut refusal = Refusal::new(ErrorCode::Overloaded, message);
    refusal.errors[0].extensions.insert("limit".to_owned(), "requests_max".into());
    refusal.errors[0].extensions.insert("maximum".to_owned(), most.into());
    refusal
}

/// 503 with `Retry-After`. Source: RFC 9110, 15.6.4.
pub(super) fn refuse(refusal: Refusal, headers: &HeaderMap) -> Response<Body> {
    let media = media::choose(headers).unwrap_or(Media::Json);
    let mut response = graphql::refuse(Refused::new(refusal, media));
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_learns_when_to_come_back() {
        let response = refuse(refusal(1), &HeaderMap::new());
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get(header::RETRY_AFTER), Some(&RETRY_AFTER));
    }
}
