//! For many products at once: how they are rated, and their most helpful reviews.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Query, State},
};
use kit::{Database, Problem, placeholders};
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::review::{self, Review};

/// Most products in one request.
const PRODUCTS_MAX: usize = 200;
/// Most reviews told for each product.
const TOP_MAX: u32 = 10;

/// How one product is rated.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    product_id: String,
    count: u32,
    /// The mean of the stars, to one decimal; null without reviews.
    rating: Option<f64>,
    /// The most helpful reviews.
    top: Vec<Review>,
}

/// How some products are rated (`product_id` as often as needed).
#[utoipa::path(get, path = "/reviews/summary", params(
        ("product_id" = Vec<String>, Query, description = "up to 200 ids"),
        ("top" = Option<u32>, Query, description = "how many reviews to tell of each, 0 to 10; 3 when left out")
    ), responses((status = 200, body = Vec<Summary>), (status = 400, description = "too many products, or a wrong `top`")))]
pub(crate) async fn summary(
    State(database): State<Database>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<Vec<Summary>>, Problem> {
    let mut products = Vec::new();
    let mut top = 3;
    for (name, value) in &parameters {
        match name.as_str() {
            "product_id" => products.extend(value.parse::<u32>().ok()),
            "top" => top = value.parse().ok().filter(|top| *top <= TOP_MAX).ok_or_else(wrong_top)?,
            _ => {}
        }
    }
    products.sort_unstable();
    products.dedup();
    if products.len() > PRODUCTS_MAX {
        return Err(Problem::bad_request(format!("at most {PRODUCTS_MAX} products in one request")));
    }
    database.with(|connection| find(connection, &products, top)).map(Json)
}

fn wrong_top() -> Problem {
    Problem::bad_request("`top` is 0 to 10")
}

fn find(connection: &Connection, products: &[u32], top: u32) -> rusqlite::Result<Vec<Summary>> {
    let list = placeholders(products.len());
    let mut statement = connection.prepare_cached(&format!(
        "SELECT product_id, count(*), round(avg(stars), 1) FROM review WHERE product_id IN ({list}) GROUP BY product_id"
    ))?;
    let mut rated: HashMap<u32, (u32, f64)> = HashMap::new();
    let mut rows = statement.query(params_from_iter(at_least_one(products)))?;
    while let Some(row) = rows.next()? {
        rated.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM review WHERE product_id IN ({list}) ORDER BY product_id, helpful_votes DESC, id",
        review::COLUMNS
    ))?;
    let mut best: HashMap<u32, Vec<Review>> = HashMap::new();
    let mut rows = statement.query(params_from_iter(at_least_one(products)))?;
    while let Some(row) = rows.next()? {
        let best = best.entry(row.get(1)?).or_default();
        if best.len() < top as usize {
            best.push(review::read(row)?);
        }
    }
    Ok(products
        .iter()
        .map(|product| {
            let rating = rated.get(product);
            Summary {
                product_id: product.to_string(),
                count: rating.map_or(0, |(count, _)| *count),
                rating: rating.map(|(_, mean)| *mean),
                top: best.remove(product).unwrap_or_default(),
            }
        })
        .collect())
}

/// The lone placeholder of an empty list is bound to a product that does not exist.
fn at_least_one(products: &[u32]) -> &[u32] {
    if products.is_empty() { &[0] } else { products }
}
