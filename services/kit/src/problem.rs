//! The error body that most of the services send.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// An answer that is no success: `{"error":{"code":"NOT_FOUND","message":"…"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A code for programs.
    pub code: &'static str,
    /// A text for people.
    pub message: String,
}

impl Problem {
    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "BAD_REQUEST", message: message.into() }
    }

    /// 401.
    pub fn unauthorized() -> Self {
        let message = "a valid bearer token is needed".to_owned();
        Self { status: StatusCode::UNAUTHORIZED, code: "UNAUTHORIZED", message }
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "FORBIDDEN", message: message.into() }
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message: message.into() }
    }

    /// 422.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "UNPROCESSABLE", message: message.into() }
    }

    /// 500, without the cause.
    pub fn internal() -> Self {
        let message = "something went wrong here".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "INTERNAL", message }
    }

    /// 503.
    pub fn unavailable() -> Self {
        let message = "try again in a moment".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "UNAVAILABLE", message }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": { "code": self.code, "message": self.message } }))).into_response()
    }
}
