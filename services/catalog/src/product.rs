//! Products: one, some by id, or a page of a search.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use kit::{Database, Problem, placeholders};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Many, One, Page, shelf::Category};

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    /// A number, as text.
    #[schema(example = "17")]
    id: String,
    /// The stock number, by which inventory knows it.
    #[schema(example = "PHN-00017")]
    sku: String,
    name: String,
    description: String,
    price: Price,
    category: Category,
    brand_id: String,
    image_url: String,
    tags: Vec<String>,
    created_at: String,
}

/// An amount of money.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Price {
    /// In cents.
    amount: i64,
    currency: &'static str,
}

/// Which products.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Up to 200 ids, separated by commas; what is not there is left out. No other parameter counts then.
    ids: Option<String>,
    /// Only this category.
    category: Option<String>,
    /// Words that the name or a tag must contain.
    q: Option<String>,
    /// Size of the page, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `page.next` of the page before.
    after: Option<String>,
}

/// Some products by id, or a page of those that fit.
#[utoipa::path(get, path = "/products", params(Listing), responses(
    (status = 200, body = Many<Product>),
    (status = 400, description = "a cursor or a limit that makes no sense")
))]
pub(crate) async fn list(
    State(database): State<Database>,
    Query(listing): Query<Listing>,
) -> Result<Json<Many<Product>>, Problem> {
    if let Some(ids) = &listing.ids {
        let ids = crate::ids(ids)?;
        return Ok(Json(Many::whole(database.with(|connection| by_ids(connection, &ids))?)));
    }
    let limit = listing.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::bad_request("`limit` is 1 to 100"));
    }
    let after = listing.after.as_deref().filter(|text| !text.is_empty()).map_or(Ok(0), read_cursor)?;
    database.with(|connection| page(connection, &listing, limit, after)).map(Json)
}

/// One product.
#[utoipa::path(get, path = "/products/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = One<Product>),
    (status = 404, description = "there is none with this id")
))]
pub(crate) async fn one(
    State(database): State<Database>,
    Path(id): Path<String>,
) -> Result<Json<One<Product>>, Problem> {
    let found = database.with(|connection| by_ids(connection, &[&id]))?.pop();
    found.map(|data| Json(One { data })).ok_or_else(|| Problem::not_found("no such product"))
}

const COLUMNS: &str = "SELECT p.id, p.sku, p.name, p.description, p.price, c.id, c.name, p.brand_id, p.tags, p.created_at \
                       FROM product p JOIN category c ON c.id = p.category_id";

fn read(row: &Row<'_>) -> rusqlite::Result<Product> {
    let id: u32 = row.get(0)?;
    let tags: String = row.get(8)?;
    Ok(Product {
        id: id.to_string(),
        sku: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        price: Price { amount: row.get(4)?, currency: kit::world::CURRENCY },
        category: Category { id: row.get(5)?, name: row.get(6)? },
        brand_id: row.get::<_, u32>(7)?.to_string(),
        image_url: format!("https://images.example/{id}.webp"),
        tags: tags.split(' ').map(str::to_owned).collect(),
        created_at: row.get(9)?,
    })
}

/// In the order of the ids, each once.
fn by_ids(connection: &Connection, ids: &[&str]) -> rusqlite::Result<Vec<Product>> {
    let numbers: Vec<u32> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare_cached(&format!("{COLUMNS} WHERE p.id IN ({})", placeholders(numbers.len())))?;
    let mut found: Vec<Product> =
        statement.query_map(params_from_iter(&numbers), read)?.collect::<rusqlite::Result<_>>()?;
    found.sort_by_key(|product| ids.iter().position(|id| *id == product.id));
    Ok(found)
}

fn page(connection: &Connection, listing: &Listing, limit: u32, after: u32) -> rusqlite::Result<Many<Product>> {
    let mut fits = vec!["1 = 1"];
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some(category) = listing.category.as_deref().filter(|category| !category.is_empty()) {
        fits.push("p.category_id = ?");
        values.push(Box::new(category.to_owned()));
    }
    for word in listing.q.as_deref().unwrap_or_default().split_whitespace().take(8) {
        fits.push("instr(p.words, ?) > 0");
        values.push(Box::new(word.to_lowercase()));
    }
    let fits = fits.join(" AND ");
    let total = connection.query_row(
        &format!("SELECT count(*) FROM product p WHERE {fits}"),
        params_from_iter(&values),
        |row| row.get(0),
    )?;
    values.push(Box::new(after));
    // One more than asked for tells whether there is a next page.
    values.push(Box::new(limit + 1));
    let mut statement =
        connection.prepare_cached(&format!("{COLUMNS} WHERE {fits} AND p.id > ? ORDER BY p.id LIMIT ?"))?;
    let mut data: Vec<Product> =
        statement.query_map(params_from_iter(&values), read)?.collect::<rusqlite::Result<_>>()?;
    let mut next = None;
    if data.len() > limit as usize {
        data.truncate(limit as usize);
        next = data.last().map(|product| write_cursor(&product.id));
    }
    Ok(Many { page: Page { size: data.len(), total, next }, data })
}

/// A cursor says nothing to a caller, and is checked when it comes back.
fn write_cursor(id: &str) -> String {
    format!("c{:08x}", id.parse::<u32>().unwrap_or_default() ^ CURSOR_MASK)
}

fn read_cursor(text: &str) -> Result<u32, Problem> {
    text.strip_prefix('c')
        .filter(|digits| digits.len() == 8)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(|masked| masked ^ CURSOR_MASK)
        .ok_or_else(|| Problem::bad_request("`after` is not a cursor of this service"))
}

const CURSOR_MASK: u32 = 0x5f37_59df;
