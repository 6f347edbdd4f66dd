//! Writing a review.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use kit::{Database, Problem, token, world};
use rusqlite::params;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::review::{self, Review};

/// A review to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewReview {
    product_id: String,
    /// 1 to 5.
    stars: i64,
    /// Up to 80 characters.
    title: String,
    /// Up to 2,000 characters.
    #[serde(default)]
    text: String,
}

/// Writes a review in the caller's name.
#[utoipa::path(post, path = "/reviews", request_body = NewReview, responses(
    (status = 201, body = Review),
    (status = 401, description = "no bearer token, or one that is not valid"),
    (status = 422, description = "what is wrong, as one text")
))]
pub(crate) async fn write(
    State(database): State<Database>,
    headers: HeaderMap,
    Json(wanted): Json<NewReview>,
) -> Result<(StatusCode, Json<Review>), Problem> {
    let caller = token::caller(&headers)?;
    let product = wanted.product_id.parse::<u32>().ok().filter(|product| (1..=world::PRODUCT_COUNT).contains(product));
    let product = product.ok_or_else(|| Problem::unprocessable("there is no such product"))?;
    if !(1..=5).contains(&wanted.stars) {
        return Err(Problem::unprocessable("a product gets 1 to 5 stars"));
    }
    if wanted.title.trim().is_empty() || wanted.title.chars().count() > 80 || wanted.text.chars().count() > 2000 {
        return Err(Problem::unprocessable("a title has 1 to 80 characters, a text at most 2,000"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let today = world::day(i64::try_from(now).unwrap_or(0) / 86_400);
    let review = database.with(|connection| {
        connection.execute(
            "INSERT INTO review (product_id, author_id, stars, title, text, helpful_votes, written_on) \
             VALUES (?, ?, ?, ?, ?, 0, ?)",
            params![product, caller, wanted.stars, wanted.title, wanted.text, today],
        )?;
        review::get(connection, connection.last_insert_rowid())
    })?;
    Ok((StatusCode::CREATED, Json(review)))
}
