//! The demo service `inventory`: how many pieces of a stock number lie where.
//!
//! Its habits: it knows stock numbers and nothing of product ids, many of them are asked for with a `POST`, and with
//! `--slow-every` it is slow now and then.

mod seed;
mod stock;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use kit::{Database, Error};
use utoipa::OpenApi;

/// Where it listens when it runs alone and nothing else is said.
pub const PORT: u16 = 5003;

/// How it behaves.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Where the data is.
    #[command(flatten)]
    pub store: kit::Options,
    /// Make every Nth call slow; 0: none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub slow_every: u32,
    /// How slow, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 800)]
    pub slow_for: u64,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "inventory", description = "Stock of the demo shop", version = "1.0.0"),
    paths(stock::query, stock::one, stock::warehouses),
    components(schemas(stock::Question, stock::Stock, stock::Place, stock::Found, stock::Warehouse))
)]
struct Description;

/// The service, with its data in a file or in memory.
///
/// Errors: the database cannot be opened or filled.
pub fn router(options: &Options) -> Result<Router, Error> {
    let database = Database::open(options.store.database.as_deref(), seed::TABLES, seed::fill)?;
    let mood = Mood {
        every: options.slow_every,
        wait: Duration::from_millis(options.slow_for),
        calls: Arc::new(AtomicU32::new(0)),
    };
    let router = Router::new()
        .route("/stock/query", post(stock::query))
        .route("/stock/{sku}", get(stock::one))
        .route("/warehouses", get(stock::warehouses))
        .layer(from_fn_with_state(mood, linger))
        .with_state(database);
    Ok(kit::finish("inventory", router, Description::openapi()))
}

/// Which calls are slow: every Nth, so that a test can say which.
#[derive(Debug, Clone)]
struct Mood {
    every: u32,
    wait: Duration,
    calls: Arc<AtomicU32>,
}

async fn linger(State(mood): State<Mood>, request: Request, next: Next) -> Response {
    let number = mood.calls.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    if mood.every > 0 && number.is_multiple_of(mood.every) {
        tokio::time::sleep(mood.wait).await;
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
