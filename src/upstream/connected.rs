//! Notes whether a call opened a connection: what decides if its loss is the upstream's failure.

use std::{
    cell::Cell,
    task::{Context, Poll},
};

use tower::{Layer, Service};

use super::client::NOTED;

/// A layer around the connector. The client asks it only when the pool had no connection, and within the call's own task.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoteConnections;

impl<S> Layer<S> for NoteConnections {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted { inner }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Noted<S> {
    inner: S,
}

impl<S: Service<R>, R> Service<R> for Noted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        // Outside of a call nobody asks: then there is nothing to note.
        NOTED.try_with(|noted: &Cell<bool>| noted.set(true)).ok();
        self.inner.call(request)
    }
}
