//! Reading orders.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use kit::{Database, Problem, placeholders, token, world};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::refusal::Refusal;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Order {
    /// A number.
    id: u32,
    customer_id: u32,
    /// `new`, `paid`, `shipped`, `delivered` or `cancelled`.
    #[schema(example = "shipped")]
    status: String,
    placed_at: String,
    lines: Vec<Line>,
    total: Money,
    note: Option<String>,
}

/// One product of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Line {
    /// A number, where catalog says `"17"`.
    product_id: u32,
    quantity: u32,
    unit_price: Money,
}

/// An amount of money.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Money {
    cents: i64,
    currency: &'static str,
}

impl Money {
    fn new(cents: i64) -> Self {
        Self { cents, currency: world::CURRENCY }
    }
}

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Whose; must be the caller's own id when it is given.
    customer_id: Option<u32>,
    /// Only those in this status.
    status: Option<String>,
    /// At most this many, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// Only those with a smaller id: the last one of the page before.
    before: Option<u32>,
}

/// The caller's orders, newest first.
#[utoipa::path(get, path = "/orders", params(Listing), responses(
    (status = 200, body = Vec<Order>),
    (status = 401, description = "no bearer token, or one that is not valid"),
    (status = 403, description = "somebody else's orders")
))]
pub(crate) async fn list(
    State(database): State<Database>,
    headers: HeaderMap,
    Query(listing): Query<Listing>,
) -> Result<Json<Vec<Order>>, Refusal> {
    let caller = token::caller(&headers)?;
    if listing.customer_id.is_some_and(|wanted| wanted != caller) {
        return Err(Problem::forbidden("these orders belong to somebody else").into());
    }
    let limit = listing.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::bad_request("`limit` is 1 to 100").into());
    }
    let orders = database.with(|connection| {
        let mut fits = String::from("customer_id = ?");
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(caller)];
        if let Some(status) = &listing.status {
            fits.push_str(" AND status = ?");
            values.push(Box::new(status.clone()));
        }
        if let Some(before) = listing.before {
            fits.push_str(" AND id < ?");
            values.push(Box::new(before));
        }
        values.push(Box::new(limit));
        find(connection, &format!("{fits} ORDER BY id DESC LIMIT ?"), &values)
    })?;
    Ok(Json(orders))
}

/// One of the caller's orders.
#[utoipa::path(get, path = "/orders/{id}", params(("id" = u32, Path)), responses(
    (status = 200, body = Order),
    (status = 401, description = "no bearer token, or one that is not valid"),
    (status = 404, description = "the caller has no order with this id")
))]
pub(crate) async fn one(
    State(database): State<Database>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Order>, Refusal> {
    let caller = token::caller(&headers)?;
    let id: u32 = id.parse().map_err(|_| Problem::not_found("no such order"))?;
    database
        .with(|connection| get(connection, caller, id))?
        .map(Json)
        .ok_or_else(|| Problem::not_found("no such order").into())
}

/// An order, if it is this customer's.
pub(crate) fn get(connection: &Connection, customer: u32, id: u32) -> rusqlite::Result<Option<Order>> {
    Ok(find(connection, "customer_id = ? AND id = ?", &[Box::new(customer), Box::new(id)])?.pop())
}

fn find(connection: &Connection, fits: &str, values: &[Box<dyn ToSql>]) -> rusqlite::Result<Vec<Order>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT id, customer_id, status, placed_at, note FROM \"order\" WHERE {fits}"))?;
    let mut orders: Vec<Order> =
        statement.query_map(params_from_iter(values), read)?.collect::<rusqlite::Result<_>>()?;
    if orders.is_empty() {
        return Ok(orders);
    }
    let places: HashMap<u32, usize> = orders.iter().enumerate().map(|(place, order)| (order.id, place)).collect();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT order_id, product_id, quantity, unit_price FROM line WHERE order_id IN ({}) ORDER BY order_id, position",
        placeholders(orders.len())
    ))?;
    let ids: Vec<u32> = orders.iter().map(|order| order.id).collect();
    let mut rows = statement.query(params_from_iter(ids))?;
    while let Some(row) = rows.next()? {
        let Some(place) = places.get(&row.get(0)?) else { continue };
        let (quantity, cents): (u32, i64) = (row.get(2)?, row.get(3)?);
        let order = &mut orders[*place];
        order.total.cents += cents * i64::from(quantity);
        order.lines.push(Line { product_id: row.get(1)?, quantity, unit_price: Money::new(cents) });
    }
    Ok(orders)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order {
        id: row.get(0)?,
        customer_id: row.get(1)?,
        status: row.get(2)?,
        placed_at: row.get(3)?,
        note: row.get(4)?,
        lines: Vec::new(),
        total: Money::new(0),
    })
}
