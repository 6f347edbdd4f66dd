//! The embedded database of a service: a file, or memory when none is named.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, Transaction};

use crate::Problem;

/// Why a service did not start.
#[derive(Debug)]
pub struct Error(pub String);

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("the database cannot be used: {error}"))
    }
}

/// One connection behind a lock: queries are short, and `SQLite` would queue them anyway.
#[derive(Debug, Clone)]
pub struct Database {
    connection: Arc<Mutex<Connection>>,
}

impl Database {
    /// Opens `file`, or memory, and fills it once with `tables` and `seed`. A file that was filled before stays as it is.
    pub fn open(
        file: Option<&Path>,
        tables: &str,
        seed: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<Self, Error> {
        let mut connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            let transaction = connection.transaction()?;
            transaction.execute_batch(tables)?;
            seed(&transaction)?;
            transaction.pragma_update(None, "user_version", 1)?;
            transaction.commit()?;
        }
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs queries. A failure is a 500 that says nothing about its cause to the caller and all to the log.
    pub fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, Problem> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|error| {
            tracing::error!(%error, "query failed");
            Problem::internal()
        })
    }
}

/// `?,?,?` for an `IN` list of `count` values; at least one, so that the statement parses (a lone `?` is bound to null).
pub fn placeholders(count: usize) -> String {
    let mut text = "?,".repeat(count.max(1));
    text.pop();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_filled_once() {
        let file = std::env::temp_dir().join(format!("kit-{}.db", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let open = || {
            Database::open(Some(&file), "CREATE TABLE t (n INTEGER)", |t| {
                t.execute("INSERT INTO t VALUES (1)", []).map(|_| ())
            })
        };
        open().unwrap();
        let count: i64 = open().unwrap().with(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0))).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(count, 1);
    }
}
