//! The layers of a call, outermost first.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    Call, CallError, Reply, Transport, UpstreamSpec,
    client::{Client, Connections},
    deadline::Deadline,
    decode::Decode,
    detach::Detach,
    limit::Limit,
    observe::Observe,
    resend::Resend,
    service::{Passage, Service},
};

type Stack = Observe<Limit<Detach<Deadline<Decode<Resend>>>>>;

/// The order of the layers, read from the bottom: each line is around those above it. A new layer is a new line.
fn stack(spec: &Arc<UpstreamSpec>, connections: &Arc<Connections>) -> Stack {
    let client = Client::new(spec, connections);
    let stack = Resend::new(client); // At the wire: only here is known which connection was used.
    let stack = Decode::new(spec, stack); // Everything above sees plain bodies.
    let stack = Deadline::new(spec, stack); // Around decoding, which a large body can make slow.
    let stack = Detach::new(spec, stack); // Around the deadline, so that a write nobody waits for ends too.
    let stack = Limit::new(spec, stack); // Outside: what waits for its turn was not sent and may be given up.
    Observe::new(&spec.name, stack) // Sees what callers see: waits and refusals too.
}

/// All upstreams of one snapshot.
#[derive(Debug)]
pub struct Upstreams {
    stacks: Vec<(Arc<UpstreamSpec>, Stack)>,
}

impl Upstreams {
    /// Builds the pools. Errors: a certificate that cannot be read.
    pub fn new(specs: Vec<UpstreamSpec>, transport: &Transport) -> Result<Self, String> {
        let connections = Arc::new(Connections::new(transport)?);
        let build = |spec: UpstreamSpec| {
            let spec = Arc::new(spec);
            let stack = stack(&spec, &connections);
            (spec, stack)
        };
        Ok(Self { stacks: specs.into_iter().map(build).collect() })
    }

    /// Makes one call. Dropping the future of a safe call stops it; an unsafe call that was sent is read to its end in the background.
    pub async fn call(&self, call: Call) -> Result<Reply, CallError> {
        let Some((spec, stack)) = self.stacks.get(call.upstream) else {
            let (upstream, reason) = (Arc::from("?"), "there is no such upstream".to_owned());
            return Err(CallError::Invalid { upstream, reason });
        };
        stack.call(call, Passage { deadline: Instant::now() + spec.timeout, permit: None }).await
    }
}
