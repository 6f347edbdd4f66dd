//! Reviews of one product, newest first.

use axum::{
    Json,
    extract::{Query, State},
};
use kit::{Database, Problem};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A review.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Review {
    #[serde(rename = "review_id")]
    id: String,
    product_id: String,
    /// Who wrote it: an account's id.
    author_id: String,
    /// 1 to 5.
    stars: u32,
    title: String,
    text: String,
    helpful_votes: u32,
    written_on: String,
}

/// Which reviews.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Of which product.
    product_id: String,
    /// At most this many, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// How many to skip.
    offset: Option<u32>,
}

/// Reviews of one product, newest first.
#[utoipa::path(get, path = "/reviews", params(Listing),
    responses((status = 200, body = Vec<Review>), (status = 400, description = "a limit that makes no sense")))]
pub(crate) async fn list(
    State(database): State<Database>,
    Query(listing): Query<Listing>,
) -> Result<Json<Vec<Review>>, Problem> {
    let limit = listing.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::bad_request("`limit` is 1 to 100"));
    }
    let product: u32 = listing.product_id.parse().unwrap_or_default();
    database
        .with(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM review WHERE product_id = ? ORDER BY written_on DESC, id DESC LIMIT ? OFFSET ?"
            ))?;
            statement.query_map(params![product, limit, listing.offset.unwrap_or_default()], read)?.collect()
        })
        .map(Json)
}

/// What [`read`] reads.
pub(crate) const COLUMNS: &str = "id, product_id, author_id, stars, title, text, helpful_votes, written_on";

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Review> {
    let text = |index| row.get::<_, u32>(index).map(|number| number.to_string());
    Ok(Review {
        id: text(0)?,
        product_id: text(1)?,
        author_id: text(2)?,
        stars: row.get(3)?,
        title: row.get(4)?,
        text: row.get(5)?,
        helpful_votes: row.get(6)?,
        written_on: row.get(7)?,
    })
}

/// One review.
pub(crate) fn get(connection: &Connection, id: i64) -> rusqlite::Result<Review> {
    connection.query_row(&format!("SELECT {COLUMNS} FROM review WHERE id = ?"), [id], read)
}
