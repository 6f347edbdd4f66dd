//! Stock by stock number.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use kit::{Database, Problem, placeholders, world};
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most stock numbers in one question.
const SKUS_MAX: usize = 500;

/// Which stock numbers.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Question {
    /// Up to 500 stock numbers; what is not known is left out of the answer.
    #[schema(example = json!(["PHN-00017"]))]
    skus: Vec<String>,
}

/// The answer to a [`Question`].
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    items: Vec<Stock>,
}

/// What there is of one stock number.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Stock {
    #[schema(example = "PHN-00017")]
    sku: String,
    /// Over all warehouses.
    available: u32,
    /// When more comes; null when nothing is on its way.
    restock_on: Option<String>,
    places: Vec<Place>,
}

/// What there is of it in one warehouse.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Place {
    warehouse: String,
    quantity: u32,
}

/// A warehouse.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Warehouse {
    code: String,
    city: String,
}

/// Many stock numbers at once.
#[utoipa::path(post, path = "/stock/query", request_body = Question,
    responses((status = 200, body = Found), (status = 400, description = "more than 500 stock numbers")))]
pub(crate) async fn query(
    State(database): State<Database>,
    Json(question): Json<Question>,
) -> Result<Json<Found>, Problem> {
    if question.skus.len() > SKUS_MAX {
        return Err(Problem::bad_request(format!("at most {SKUS_MAX} stock numbers in one question")));
    }
    let items = database.with(|connection| find(connection, &question.skus))?;
    Ok(Json(Found { items }))
}

/// One stock number.
#[utoipa::path(get, path = "/stock/{sku}", params(("sku" = String, Path)),
    responses((status = 200, body = Stock), (status = 404, description = "an unknown stock number")))]
pub(crate) async fn one(State(database): State<Database>, Path(sku): Path<String>) -> Result<Json<Stock>, Problem> {
    let found = database.with(|connection| find(connection, &[sku]))?.pop();
    found.map(Json).ok_or_else(|| Problem::not_found("unknown stock number"))
}

/// All warehouses.
#[utoipa::path(get, path = "/warehouses", responses((status = 200, body = Vec<Warehouse>)))]
pub(crate) async fn warehouses(State(database): State<Database>) -> Result<Json<Vec<Warehouse>>, Problem> {
    database
        .with(|connection| {
            let mut statement = connection.prepare_cached("SELECT code, city FROM warehouse ORDER BY code")?;
            let rows = statement.query_map([], |row| Ok(Warehouse { code: row.get(0)?, city: row.get(1)? }))?;
            rows.collect()
        })
        .map(Json)
}

/// In the order of the database, not of the question: whoever asks for many has to match them by stock number.
fn find(connection: &Connection, skus: &[String]) -> rusqlite::Result<Vec<Stock>> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(&format!(
        "SELECT sku, warehouse, quantity, restock_in FROM stock WHERE sku IN ({}) ORDER BY sku, warehouse",
        placeholders(skus.len())
    ))?;
    let mut rows = statement.query(params_from_iter(skus))?;
    let mut items: Vec<Stock> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    while let Some(row) = rows.next()? {
        let sku: String = row.get(0)?;
        let place = Place { warehouse: row.get(1)?, quantity: row.get(2)? };
        let days: Option<i64> = row.get(3)?;
        let index = *places.entry(sku.clone()).or_insert_with(|| {
            let restock_on = days.map(|days| world::day(world::NEW_YEAR / 86_400 + days));
            items.push(Stock { sku, available: 0, restock_on, places: Vec::new() });
            items.len() - 1
        });
        items[index].available += place.quantity;
        items[index].places.push(place);
    }
    Ok(items)
}
