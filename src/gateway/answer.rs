//! The life of a request.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::Snapshot;
use crate::{error::Refusal, mapping::Object};

/// A GraphQL request, whatever transport it came by.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// `operationName`.
    pub operation_name: Option<String>,
    /// `variables`.
    pub variables: Object,
    /// Headers of the HTTP request.
    pub headers: Arc<HeaderMap>,
    /// Mutations are refused (HTTP GET).
    pub read_only: bool,
}

/// What goes back.
#[derive(Debug)]
pub struct Answer {
    /// The body: `{"data":…,"errors":[…]}` or `{"errors":[…]}`.
    pub body: Bytes,
    /// Why nothing was executed, when the request was refused.
    pub refused: Option<crate::error::ErrorCode>,
}

/// The gateway: one current snapshot.
#[derive(Debug)]
pub struct Gateway {
    snapshot: arc_swap::ArcSwap<Snapshot>,
}

impl Gateway {
    /// Starts with a snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self { snapshot: arc_swap::ArcSwap::from_pointee(snapshot) }
    }

    /// Swaps the snapshot; requests in flight finish on the old one.
    pub fn swap(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request) -> Result<Answer, Refusal> {
        let _ = (self.snapshot.load_full(), request);
        todo!()
    }
}
