//! The demo service `accounts`: people, and who is calling.
//!
//! Its habits: `snake_case`, bare lists without an envelope, `?user_id=1&user_id=2` for many at once, ids as text, and a
//! `/me` that wants a token. `POST /login` gives one for any account to whoever knows the demo's only password.

mod person;
mod seed;
mod session;

use axum::{
    Router,
    routing::{get, post},
};
use kit::{Database, Error, Options};
use utoipa::OpenApi;

/// Where it listens when it runs alone and nothing else is said.
pub const PORT: u16 = 5002;

#[derive(OpenApi)]
#[openapi(
    info(title = "accounts", description = "People of the demo shop", version = "1.0.0"),
    paths(person::list, person::one, session::me, session::login),
    components(schemas(person::User, person::Me, person::Address, session::Login, session::Token))
)]
struct Description;

/// The service, with its data in a file or in memory.
///
/// Errors: the database cannot be opened or filled.
pub fn router(options: &Options) -> Result<Router, Error> {
    let database = Database::open(options.database.as_deref(), seed::TABLES, seed::fill)?;
    let router = Router::new()
        .route("/users", get(person::list))
        .route("/users/{user_id}", get(person::one))
        .route("/me", get(session::me))
        .route("/login", post(session::login))
        .with_state(database);
    Ok(kit::finish("accounts", router, Description::openapi()))
}

#[cfg(test)]
mod tests;
