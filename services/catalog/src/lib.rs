//! The demo service `catalog`: products, categories and brands.
//!
//! Its habits: camelCase, every answer in an envelope `{data, page}`, pages by cursor, `?ids=1,2,3` for many at once, ids
//! as text, and answers that may be kept (`ETag`, `Cache-Control`).

mod etag;
mod product;
mod seed;
mod shelf;

use axum::{Router, middleware::from_fn, routing::get};
use kit::{Database, Error, Options};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// Where it listens when it runs alone and nothing else is said.
pub const PORT: u16 = 5001;

/// Most ids in one request.
const IDS_MAX: usize = 200;

#[derive(OpenApi)]
#[openapi(
    info(title = "catalog", description = "Products, categories and brands of the demo shop", version = "1.0.0"),
    paths(product::list, product::one, shelf::categories, shelf::brands, shelf::brand),
    components(schemas(product::Product, product::Price, shelf::Category, shelf::Brand))
)]
struct Description;

/// The service, with its data in a file or in memory.
///
/// Errors: the database cannot be opened or filled.
pub fn router(options: &Options) -> Result<Router, Error> {
    let database = Database::open(options.database.as_deref(), seed::TABLES, seed::fill)?;
    let router = Router::new()
        .route("/products", get(product::list))
        .route("/products/{id}", get(product::one))
        .route("/categories", get(shelf::categories))
        .route("/brands", get(shelf::brands))
        .route("/brands/{id}", get(shelf::brand))
        .layer(from_fn(etag::keep))
        .with_state(database);
    Ok(kit::finish("catalog", router, Description::openapi()))
}

/// One thing in an envelope.
#[derive(Debug, Serialize, ToSchema)]
struct One<T> {
    data: T,
}

/// Some things in an envelope.
#[derive(Debug, Serialize, ToSchema)]
struct Many<T> {
    data: Vec<T>,
    page: Page,
}

/// Which part of a list this is.
#[derive(Debug, Serialize, ToSchema)]
struct Page {
    /// How many there are here.
    size: usize,
    /// How many there are in all.
    total: u32,
    /// The `after` of the next page; null on the last one.
    next: Option<String>,
}

impl<T> Many<T> {
    /// A list that is all there is.
    fn whole(data: Vec<T>) -> Self {
        let size = data.len();
        Self { data, page: Page { size, total: u32::try_from(size).unwrap_or(u32::MAX), next: None } }
    }
}

/// Reads `1,2,3`.
///
/// Errors: 400 when there are more than [`IDS_MAX`].
fn ids(text: &str) -> Result<Vec<&str>, kit::Problem> {
    let ids: Vec<&str> = text.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.len() > IDS_MAX {
        return Err(kit::Problem::bad_request(format!("at most {IDS_MAX} ids in one request")));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests;
