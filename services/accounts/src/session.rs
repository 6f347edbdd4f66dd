//! Who is calling.

use axum::{Json, extract::State, http::HeaderMap};
use kit::{Database, Problem, token};
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::person::{self, Me};

/// The password of every account of the demo.
const PASSWORD: &str = "demo";

/// An attempt to log in.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Login {
    email: String,
    /// `demo`, for everybody.
    password: String,
}

/// A granted token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Token {
    access_token: String,
    token_type: &'static str,
}

/// The caller.
#[utoipa::path(get, path = "/me",
    responses((status = 200, body = Me), (status = 401, description = "no bearer token, or one that is not valid")))]
pub(crate) async fn me(State(database): State<Database>, headers: HeaderMap) -> Result<Json<Me>, Problem> {
    let id = token::caller(&headers)?;
    person::me(&database, id)?.map(Json).ok_or_else(Problem::unauthorized)
}

/// A token for an account.
#[utoipa::path(post, path = "/login", request_body = Login,
    responses((status = 200, body = Token), (status = 401, description = "wrong email or password")))]
pub(crate) async fn login(State(database): State<Database>, Json(login): Json<Login>) -> Result<Json<Token>, Problem> {
    let id: Option<u32> = database.with(|connection| {
        connection.query_row("SELECT id FROM user WHERE email = ?", [&login.email], |row| row.get(0)).optional()
    })?;
    match id {
        Some(id) if login.password == PASSWORD => {
            Ok(Json(Token { access_token: token::issue(id), token_type: "Bearer" }))
        }
        _ => Err(Problem::unauthorized()),
    }
}
