//! Requests, parsed once and rendered often (reference, sections 2 and 3).

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::mapping::Variables;

/// The request of a connector, its source's parts included.
#[derive(Debug)]
pub struct Request {
    /// `GET` …
    pub method: Method,
    // the schema room fills in: URL parts, headers, body
}

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The method.
    pub method: Method,
    /// Absolute URL, exactly as it has to be on the wire (no fragment).
    pub url: String,
    /// Headers of schema origin, content type included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
}

/// Why a request could not be built. Text for callers: names only, no URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// What is wrong.
    pub message: String,
}

impl Request {
    /// Renders the request. `client` holds the headers of the client's request, for `from:`.
    /// Errors: a list or object in the URL, a path segment of `.` or `..`, a body that cannot be form-encoded, a bad header value.
    pub fn render(&self, variables: &dyn Variables, client: &HeaderMap) -> Result<Rendered, RenderError> {
        let _ = (variables, client);
        todo!()
    }
}
