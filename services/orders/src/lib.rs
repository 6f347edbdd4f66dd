//! The demo service `orders`: what people bought.
//!
//! Its habits: every route wants the caller's token and shows the caller's orders only, ids are numbers, lines are nested,
//! and what is wrong with a new order is told field by field (422).

mod order;
mod place;
mod refusal;
mod seed;

use axum::{
    Router,
    routing::{get, post},
};
use kit::{Database, Error, Options};
use utoipa::OpenApi;

/// Where it listens when it runs alone and nothing else is said.
pub const PORT: u16 = 5004;

#[derive(OpenApi)]
#[openapi(
    info(title = "orders", description = "Orders of the demo shop", version = "1.0.0"),
    paths(order::list, order::one, place::place, place::cancel),
    components(schemas(
        order::Order,
        order::Line,
        order::Money,
        place::NewOrder,
        place::NewLine,
        refusal::Refused,
        refusal::Flaw
    ))
)]
struct Description;

/// The service, with its data in a file or in memory.
///
/// Errors: the database cannot be opened or filled.
pub fn router(options: &Options) -> Result<Router, Error> {
    let database = Database::open(options.database.as_deref(), seed::TABLES, seed::fill)?;
    let router = Router::new()
        .route("/orders", get(order::list).post(place::place))
        .route("/orders/{id}", get(order::one))
        .route("/orders/{id}/cancel", post(place::cancel))
        .with_state(database);
    Ok(kit::finish("orders", router, Description::openapi()))
}

#[cfg(test)]
mod tests;
