//! The demo service `reviews`: what people think of products.
//!
//! Its habits: `?product_id=1&product_id=2` for many at once, dates as text and ids as text, and with `--flaky` it answers
//! 503 now and then.

mod review;
mod seed;
mod summary;
mod write;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header::RETRY_AFTER},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use kit::{Database, Error, Problem};
use utoipa::OpenApi;

/// Where it listens when it runs alone and nothing else is said.
pub const PORT: u16 = 5005;

/// How it behaves.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Where the data is.
    #[command(flatten)]
    pub store: kit::Options,
    /// Answer every Nth call with 503; 0: none
    #[arg(long = "flaky", value_name = "N", default_value_t = 0, default_missing_value = "5", num_args = 0..=1)]
    pub flaky_every: u32,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "reviews", description = "Reviews of the demo shop", version = "1.0.0"),
    paths(review::list, summary::summary, write::write),
    components(schemas(review::Review, summary::Summary, write::NewReview))
)]
struct Description;

/// The service, with its data in a file or in memory.
///
/// Errors: the database cannot be opened or filled.
pub fn router(options: &Options) -> Result<Router, Error> {
    let database = Database::open(options.store.database.as_deref(), seed::TABLES, seed::fill)?;
    let mood = Mood { every: options.flaky_every, calls: Arc::new(AtomicU32::new(0)) };
    let router = Router::new()
        .route("/reviews", get(review::list).post(write::write))
        .route("/reviews/summary", get(summary::summary))
        .layer(from_fn_with_state(mood, stumble))
        .with_state(database);
    Ok(kit::finish("reviews", router, Description::openapi()))
}

/// Which calls fail: every Nth, so that a test can say which.
#[derive(Debug, Clone)]
struct Mood {
    every: u32,
    calls: Arc<AtomicU32>,
}

async fn stumble(State(mood): State<Mood>, request: Request, next: Next) -> Response {
    let number = mood.calls.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    if mood.every > 0 && number.is_multiple_of(mood.every) {
        let mut response = Problem::unavailable().into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
