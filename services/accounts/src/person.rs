//! What others may see of a person, and what only the person may.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use kit::{Database, Problem, placeholders};
use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;
use utoipa::ToSchema;

/// Most ids in one request.
const IDS_MAX: usize = 300;
/// How many are listed when no id is given.
const LIST_MAX: usize = 50;

/// What everybody may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// A number, as text.
    #[serde(rename = "user_id")]
    #[schema(example = "7")]
    id: String,
    given_name: String,
    family_name: String,
    avatar_url: String,
    city: String,
    member_since: String,
}

/// What the person may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    #[serde(flatten)]
    user: User,
    email: String,
    address: Address,
}

/// Where parcels go.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Address {
    street: String,
    postal_code: String,
    city: String,
    country_code: String,
}

/// Some people by id (`user_id` as often as needed), or the first 50.
#[utoipa::path(get, path = "/users", params(("user_id" = Option<Vec<String>>, Query, description = "up to 300 ids")),
    responses((status = 200, body = Vec<User>), (status = 400, description = "more than 300 ids")))]
pub(crate) async fn list(
    State(database): State<Database>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<Vec<User>>, Problem> {
    let ids: Vec<&str> =
        parameters.iter().filter(|(name, _)| name == "user_id").map(|(_, value)| value.as_str()).collect();
    if ids.len() > IDS_MAX {
        return Err(Problem::bad_request(format!("at most {IDS_MAX} ids in one request")));
    }
    let numbers: Vec<u32> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    database
        .with(|connection| {
            if ids.is_empty() {
                return find(connection, &format!("ORDER BY id LIMIT {LIST_MAX}"), &[]);
            }
            // Not in the order of the ids: whoever asks for many has to match them by id.
            find(
                connection,
                &format!("WHERE id IN ({}) ORDER BY family_name, id", placeholders(numbers.len())),
                &numbers,
            )
        })
        .map(Json)
}

/// One person.
#[utoipa::path(get, path = "/users/{user_id}", params(("user_id" = String, Path)),
    responses((status = 200, body = User), (status = 404, description = "there is none with this id")))]
pub(crate) async fn one(State(database): State<Database>, Path(id): Path<String>) -> Result<Json<User>, Problem> {
    let number: u32 = id.parse().map_err(|_| Problem::not_found("no such user"))?;
    let found = database.with(|connection| find(connection, "WHERE id = ?", &[number]))?.pop();
    found.map(Json).ok_or_else(|| Problem::not_found("no such user"))
}

const COLUMNS: &str = "id, given_name, family_name, city, member_since";

fn find(connection: &Connection, fits: &str, ids: &[u32]) -> rusqlite::Result<Vec<User>> {
    if ids.is_empty() && fits.contains('?') {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM user {fits}"))?;
    statement.query_map(params_from_iter(ids), read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    let id: u32 = row.get(0)?;
    Ok(User {
        id: id.to_string(),
        given_name: row.get(1)?,
        family_name: row.get(2)?,
        avatar_url: format!("https://avatars.example/{id}.webp"),
        city: row.get(3)?,
        member_since: row.get(4)?,
    })
}

/// All that the person may see; `None` for a token of an account that is gone.
pub(crate) fn me(database: &Database, id: u32) -> Result<Option<Me>, Problem> {
    database.with(|connection| {
        let mut statement = connection
            .prepare_cached(&format!("SELECT {COLUMNS}, email, street, postal_code, country FROM user WHERE id = ?"))?;
        let mut rows = statement.query_map([id], |row| {
            let user = read(row)?;
            let address = Address {
                street: row.get(6)?,
                postal_code: row.get(7)?,
                city: user.city.clone(),
                country_code: row.get(8)?,
            };
            Ok(Me { user, email: row.get(5)?, address })
        })?;
        rows.next().transpose()
    })
}
