//! The layers of a call, outermost first.

use std::sync::Arc;

use super::{
    Call, CallError, Kept, Reply, Transport, UpstreamSpec,
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
///
/// The places of those that are not there yet, outermost first: cache, coalesce (both outside of `Observe`: what they answer
/// is no call), hedge, retry, breaker, limit, balance, deadline, credentials, client. The time of a call is measured out once,
/// in [`Passage`]; each layer that waits keeps to what is left of it.
fn stack(spec: &Arc<UpstreamSpec>, connections: &Arc<Connections>, kept: &Kept) -> Stack {
    let client = Client::new(spec, connections, kept);
    let stack = Resend::new(client); // At the wire: only here is known which connection was used.
    let stack = Decode::new(spec, stack); // Everything above sees plain bodies.
    let stack = Deadline::new(spec, stack); // Around decoding, which a large body can make slow.
    let stack = Detach::new(spec, stack); // Around the deadline, so that a write nobody waits for ends too.
    let stack = Limit::new(spec, kept, stack); // Outside: what waits for its turn was not sent and may be given up.
    Observe::new(&spec.name, stack) // Sees what a call took in all: waits and refusals too.
}

/// All upstreams of one snapshot.
#[derive(Debug)]
pub struct Upstreams {
    stacks: Vec<(Arc<UpstreamSpec>, Stack)>,
}

impl Upstreams {
    /// Builds the layers over what is kept of earlier snapshots. Errors: a certificate that cannot be read.
    pub fn new(specs: Vec<UpstreamSpec>, transport: &Transport, kept: &Kept) -> Result<Self, String> {
        let connections = Arc::new(Connections::new(transport)?);
        let build = |spec: UpstreamSpec| {
            let spec = Arc::new(spec);
            let stack = stack(&spec, &connections, kept);
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
        let allowed = call.timeout.map_or(spec.timeout, |timeout| timeout.min(spec.timeout));
        stack.call(&call, Passage::within(allowed)).await
    }
}
