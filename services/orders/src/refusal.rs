//! The error body of this service, which is like that of no other.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kit::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Flaw {
    /// Where: `lines[0].quantity`.
    pub(crate) field: String,
    /// What.
    pub(crate) message: String,
}

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Refused {
    title: String,
    code: &'static str,
    /// Empty when the request as a whole is refused.
    errors: Vec<Flaw>,
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Refused,
}

impl Refusal {
    /// 422, with everything that is wrong.
    pub(crate) fn flawed(errors: Vec<Flaw>) -> Self {
        let body = Refused { title: "the order is not valid".to_owned(), code: "INVALID_ORDER", errors };
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body }
    }

    /// 409.
    pub(crate) fn conflict(title: String) -> Self {
        Self { status: StatusCode::CONFLICT, body: Refused { title, code: "CONFLICT", errors: Vec::new() } }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            status: problem.status,
            body: Refused { title: problem.message, code: problem.code, errors: Vec::new() },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
