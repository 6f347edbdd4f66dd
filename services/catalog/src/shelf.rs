//! Categories and brands.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use kit::{Database, Problem, placeholders};
use rusqlite::{Row, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Many, One};

/// A family of products.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Category {
    #[schema(example = "phones")]
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Who makes a product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Brand {
    id: String,
    name: String,
    country: String,
    website: String,
}

/// Which brands.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Up to 200 ids, separated by commas; all brands when left out.
    ids: Option<String>,
}

/// All categories.
#[utoipa::path(get, path = "/categories", responses((status = 200, body = Many<Category>)))]
pub(crate) async fn categories(State(database): State<Database>) -> Result<Json<Many<Category>>, Problem> {
    let found = database.with(|connection| {
        let mut statement = connection.prepare_cached("SELECT id, name FROM category ORDER BY rowid")?;
        let rows = statement.query_map([], |row| Ok(Category { id: row.get(0)?, name: row.get(1)? }))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    })?;
    Ok(Json(Many::whole(found)))
}

/// All brands, or some by id.
#[utoipa::path(get, path = "/brands", params(Listing), responses((status = 200, body = Many<Brand>)))]
pub(crate) async fn brands(
    State(database): State<Database>,
    Query(listing): Query<Listing>,
) -> Result<Json<Many<Brand>>, Problem> {
    let Some(ids) = &listing.ids else {
        return Ok(Json(Many::whole(find(&database, "", &[])?)));
    };
    let numbers: Vec<u32> = crate::ids(ids)?.iter().filter_map(|id| id.parse().ok()).collect();
    if numbers.is_empty() {
        return Ok(Json(Many::whole(Vec::new())));
    }
    let fits = format!("WHERE id IN ({})", placeholders(numbers.len()));
    Ok(Json(Many::whole(find(&database, &fits, &numbers)?)))
}

/// One brand.
#[utoipa::path(get, path = "/brands/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = One<Brand>),
    (status = 404, description = "there is none with this id")
))]
pub(crate) async fn brand(
    State(database): State<Database>,
    Path(id): Path<String>,
) -> Result<Json<One<Brand>>, Problem> {
    let number: u32 = id.parse().map_err(|_| Problem::not_found("no such brand"))?;
    let found = find(&database, "WHERE id = ?", &[number])?.pop();
    found.map(|data| Json(One { data })).ok_or_else(|| Problem::not_found("no such brand"))
}

fn find(database: &Database, fits: &str, ids: &[u32]) -> Result<Vec<Brand>, Problem> {
    database.with(|connection| {
        let mut statement =
            connection.prepare_cached(&format!("SELECT id, name, country FROM brand {fits} ORDER BY id"))?;
        statement.query_map(params_from_iter(ids), read)?.collect()
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Brand> {
    let name: String = row.get(1)?;
    let website = format!("https://{}.example", name.to_lowercase());
    Ok(Brand { id: row.get::<_, u32>(0)?.to_string(), name, country: row.get(2)?, website })
}
