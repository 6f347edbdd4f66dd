//! Room for one more request, or a word to come back later: whoever is over the limit is told at once, before their body is
//! read, so that those inside are answered in time.

use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Counts requests from their head to their answer.
#[derive(Debug, Default)]
pub(super) struct Admission {
    under_way: AtomicUsize,
}

/// A place among the requests at once; given back when dropped, also when the caller leaves.
#[derive(Debug)]
pub(super) struct Admitted<'a>(&'a AtomicUsize);

impl Admission {
    /// A place, if less than `most` are taken.
    pub(super) fn admit(&self, most: usize) -> Option<Admitted<'_>> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let place = Admitted(&self.under_way);
        (before < most).then_some(place)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

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
    fn places_are_given_back() {
        let admission = Admission::default();
        let one = admission.admit(2).expect("the first");
        let _two = admission.admit(2).expect("the second");
        assert!(admission.admit(2).is_none());
        assert!(admission.admit(2).is_none(), "who was refused takes no place");
        drop(one);
        assert!(admission.admit(2).is_some());
    }

    #[test]
    fn who_is_refused_learns_when_to_come_back() {
        let response = refuse(refusal(1), &HeaderMap::new());
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get(header::RETRY_AFTER), Some(&RETRY_AFTER));
    }
}
