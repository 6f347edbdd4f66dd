//! A request that was refused: nothing was executed, the answer has no `data`.

use super::ErrorCode;

/// A place in the operation text; both count from 1 (GraphQL October 2021, 7.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Location {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// One entry of `errors` in the answer to a refused request.
#[derive(Debug, Clone)]
pub struct RequestError {
    /// What is wrong, for the caller.
    pub message: String,
    /// Where in the operation.
    pub locations: Vec<Location>,
    /// Further members of `extensions`, beside `code`.
    pub extensions: serde_json::Map<String, serde_json::Value>,
}

/// Why a request was refused. At least one error.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The code of all its errors.
    pub code: ErrorCode,
    /// What is wrong, one entry for each finding.
    pub errors: Vec<RequestError>,
    /// Header fields that tell an HTTP caller more, such as when to come back.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Coordinates of fields that the caller may not have, for the audit log.
    pub fields: Vec<String>,
    /// How a caller who is not known can say who it is: the value of `WWW-Authenticate`.
    pub challenge: Option<String>,
}

impl Refusal {
    /// A refusal with one message and no location.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            errors: vec![RequestError {
                message: message.into(),
                locations: Vec::new(),
                extensions: serde_json::Map::new(),
            }],
            headers: Vec::new(),
            fields: Vec::new(),
            challenge: None,
        }
    }

    /// A limit that was passed: `LIMIT_EXCEEDED`, with the limit, its maximum and the value in `extensions`. `value` is what the
    /// request has, or one past the maximum where counting stopped there.
    pub fn limit_exceeded(limit: &str, maximum: usize, value: usize, location: Option<Location>) -> Self {
        let mut refusal =
            Self::new(ErrorCode::LimitExceeded, format!("the operation passes the limit of {maximum} `{limit}`"));
        let error = &mut refusal.errors[0];
        error.locations.extend(location);
        error.extensions.insert("limit".into(), limit.into());
        error.extensions.insert("maximum".into(), maximum.into());
        error.extensions.insert("value".into(), value.into());
        refusal
    }
}

/// The code and the words for something that its caller may not have: what it would take is not said. Those who are not known may try
/// again as somebody.
pub fn denial(name: &str, is_known: bool) -> (ErrorCode, String) {
    if is_known {
        (ErrorCode::Forbidden, format!("`{name}` is not for this caller"))
    } else {
        (ErrorCode::Unauthenticated, format!("`{name}` is only for callers who say who they are"))
    }
}
