//! Stands in where weft was built without Redis: the configuration refuses to name one, so nobody gets here.

use super::Value;
use crate::config::Redis;

/// A script that nobody runs.
#[derive(Debug)]
pub struct Script;

impl Script {
    /// Forgets the text.
    pub fn new(_: &str) -> Self {
        Self
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[expect(dead_code, reason = "the room is written for a build with Redis")]
pub(super) enum Fault {
    #[error("{0}")]
    Lost(String),
    #[error("it does not answer in time")]
    Late,
    #[error("{0}")]
    Refused(String),
}

/// No connection.
#[derive(Debug)]
pub(super) struct Link;

impl Link {
    #[expect(clippy::unused_async, reason = "as the one that connects")]
    pub(super) async fn open(_: &Redis) -> Result<Self, Fault> {
        Err(Fault::Lost("this weft was built without Redis".to_owned()))
    }

    #[expect(clippy::unused_async, reason = "as the one that connects")]
    pub(super) async fn run<'a>(
        &self,
        _: &Script,
        _: impl IntoIterator<Item = &'a [u8]>,
        _: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Value, Fault> {
        Err(Fault::Lost(String::new()))
    }
}
