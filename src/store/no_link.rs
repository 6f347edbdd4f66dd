//! Stands in where weft was built without Redis: the configuration refuses to name one, so nobody gets here.

use super::{Fault, Value};
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
