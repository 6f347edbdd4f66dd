//! The layers of a call, outermost first.

use super::{Call, CallError, Reply, Transport, UpstreamSpec};

/// All upstreams of one snapshot.
#[derive(Debug)]
pub struct Upstreams {}

impl Upstreams {
    /// Builds the pools. Errors: a certificate that cannot be read.
    pub fn new(specs: Vec<UpstreamSpec>, transport: &Transport) -> Result<Self, String> {
        let _ = (specs, transport);
        todo!()
    }

    /// Makes one call. Dropping the future of a safe call stops it; an unsafe call that was sent is read to its end in the background.
    pub async fn call(&self, call: Call) -> Result<Reply, CallError> {
        let _ = call;
        todo!()
    }
}
