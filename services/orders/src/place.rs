//! Placing and cancelling orders.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use kit::{Database, Problem, token, world};
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    order::{self, Order},
    refusal::{Flaw, Refusal},
};

/// Most lines of an order.
const LINES_MAX: usize = 20;
/// Most pieces of one product.
const QUANTITY_MAX: i64 = 99;
/// Longest note, in characters.
const NOTE_MAX: usize = 200;

/// An order to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewOrder {
    /// 1 to 20.
    #[serde(default)]
    lines: Vec<NewLine>,
    /// Up to 200 characters.
    note: Option<String>,
}

/// A line to be. The fields are checked one by one, so that all that is wrong can be told at once.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewLine {
    /// The number of a product.
    #[serde(default)]
    #[schema(value_type = u32)]
    product_id: Value,
    /// 1 to 99.
    #[serde(default)]
    #[schema(value_type = u32)]
    quantity: Value,
}

/// Places an order for the caller, at today's prices.
#[utoipa::path(post, path = "/orders", request_body = NewOrder, responses(
    (status = 201, body = Order),
    (status = 401, description = "no bearer token, or one that is not valid"),
    (status = 422, body = crate::refusal::Refused, description = "what is wrong, field by field")
))]
pub(crate) async fn place(
    State(database): State<Database>,
    headers: HeaderMap,
    Json(wanted): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Refusal> {
    let caller = token::caller(&headers)?;
    let lines = check(&wanted).map_err(Refusal::flawed)?;
    let note = wanted.note;
    let order = database.with(|connection| insert(connection, caller, &lines, note.as_deref()))?;
    let order = order.ok_or_else(Problem::internal)?;
    Ok((StatusCode::CREATED, Json(order)))
}

/// Cancels one of the caller's orders, as long as it has not been shipped.
#[utoipa::path(post, path = "/orders/{id}/cancel", params(("id" = u32, Path)), responses(
    (status = 200, body = Order),
    (status = 401, description = "no bearer token, or one that is not valid"),
    (status = 404, description = "the caller has no order with this id"),
    (status = 409, body = crate::refusal::Refused, description = "too late")
))]
pub(crate) async fn cancel(
    State(database): State<Database>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Order>, Refusal> {
    let caller = token::caller(&headers)?;
    let id: u32 = id.parse().map_err(|_| Problem::not_found("no such order"))?;
    let (changed, order) = database.with(|connection| {
        let changed = connection.execute(
            "UPDATE \"order\" SET status = 'cancelled' WHERE id = ? AND customer_id = ? AND status IN ('new', 'paid')",
            params![id, caller],
        )?;
        Ok((changed, order::get(connection, caller, id)?))
    })?;
    match order {
        None => Err(Problem::not_found("no such order").into()),
        Some(_) if changed == 0 => Err(Refusal::conflict("the order can no longer be cancelled".to_owned())),
        Some(order) => Ok(Json(order)),
    }
}

/// Product and quantity of each line, or everything that is wrong.
fn check(wanted: &NewOrder) -> Result<Vec<(u32, u32)>, Vec<Flaw>> {
    let mut flaws = Vec::new();
    let mut flaw = |field: String, message: &str| flaws.push(Flaw { field, message: message.to_owned() });
    if wanted.lines.is_empty() || wanted.lines.len() > LINES_MAX {
        flaw("lines".to_owned(), "an order has 1 to 20 lines");
    }
    let mut lines = Vec::new();
    for (index, line) in wanted.lines.iter().take(LINES_MAX).enumerate() {
        let product =
            line.product_id.as_u64().filter(|product| (1..=u64::from(world::PRODUCT_COUNT)).contains(product));
        let quantity = line.quantity.as_i64().filter(|quantity| (1..=QUANTITY_MAX).contains(quantity));
        if product.is_none() {
            flaw(format!("lines[{index}].product_id"), "there is no such product");
        }
        if quantity.is_none() {
            flaw(format!("lines[{index}].quantity"), "1 to 99 pieces can be ordered");
        }
        let product = product.and_then(|product| u32::try_from(product).ok());
        let quantity = quantity.and_then(|quantity| u32::try_from(quantity).ok());
        lines.extend(product.zip(quantity));
    }
    if wanted.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
        flaw("note".to_owned(), "a note has at most 200 characters");
    }
    if flaws.is_empty() { Ok(lines) } else { Err(flaws) }
}

fn insert(
    connection: &mut Connection,
    customer: u32,
    lines: &[(u32, u32)],
    note: Option<&str>,
) -> rusqlite::Result<Option<Order>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let placed_at = world::moment(i64::try_from(now).unwrap_or(0));
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT INTO \"order\" (customer_id, status, placed_at, note) VALUES (?, 'new', ?, ?)",
        params![customer, placed_at, note],
    )?;
    let id = u32::try_from(transaction.last_insert_rowid()).unwrap_or(0);
    for ((product, quantity), position) in lines.iter().zip(0_u32..) {
        transaction.execute(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?)",
            params![id, position, product, quantity, world::price(*product)],
        )?;
    }
    transaction.commit()?;
    order::get(connection, customer, id)
}
