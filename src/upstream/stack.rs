//! The layers of a call, outermost first.

use std::{
    future::ready,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{
    Call, CallError, Clock, Freshness, Kept, Purge, Purged, Reply, Stored, Transport, UpstreamSpec,
    authorize::Authorize,
    balance::Balance,
    breaker::Breaker,
    cache::HttpCache,
    client::{Client, Connections},
    coalesce::Coalesce,
    deadline::Deadline,
    decode::Decode,
    detach::Detach,
    discovery, health,
    hedge::Hedge,
    instances::Instances,
    limit::Limit,
    observe::Observe,
    resend::Resend,
    retry::Retry,
    service::{Passage, Service},
};
use crate::{
    aside::aside,
    config::Share,
    telemetry::{ReuseMetrics, Trace, metrics},
};

/// The layers that most sources have no settings for, around those that every call needs. A source without settings does not pass layers
/// that would only pass its calls on: each would cost a move of the call and of its reply.
type Guarded = Hedge<Retry<Breaker<Limit<Detach<Balance<Deadline<Authorize<Decode<Resend>>>>>>>>>;
/// Those that every call needs.
type Plain = Limit<Detach<Deadline<Decode<Resend>>>>;

/// All layers of an upstream, however many they are: what waits for a call has room for these, and for no other upstream's.
trait Stack: std::fmt::Debug + Send + Sync {
    /// See [`Service::call`].
    fn call(self: Arc<Self>, call: Arc<Call>, passage: Passage) -> BoxFuture<'static, Result<Box<Reply>, CallError>>;
    /// See [`HttpCache::start`].
    fn start(&self);
    /// See [`HttpCache::standing`].
    fn standing(&self, stored: &Stored) -> Option<Freshness>;
    /// See [`HttpCache::used_again`].
    fn used_again(&self);
    /// See [`HttpCache::purge`].
    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, Option<Purged>>;
}

impl<S: Service + std::fmt::Debug + 'static> Stack for HttpCache<S> {
    fn call(self: Arc<Self>, call: Arc<Call>, passage: Passage) -> BoxFuture<'static, Result<Box<Reply>, CallError>> {
        aside(|| async move { Service::call(&*self, &call, passage).await })
    }

    fn start(&self) {
        Self::start(self);
    }

    fn standing(&self, stored: &Stored) -> Option<Freshness> {
        Self::standing(self, stored)
    }

    fn used_again(&self) {
        Self::used_again(self);
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, Option<Purged>> {
        aside(|| Self::purge(self, purge))
    }
}

/// The order of the layers, read from the bottom: each line is around those above it. A new layer is a new line.
///
/// The time of a call is measured out once, in [`Passage`]; each layer that waits keeps to what is left of it. What is not configured
/// passes calls on, and where nothing is, the short way is taken: the same layers without those.
fn stack(
    spec: &Arc<UpstreamSpec>,
    client: &Arc<Client>,
    instances: Option<&Arc<Instances>>,
    clock: &Clock,
    kept: &Kept,
) -> Arc<dyn Stack> {
    let stack = Resend::new(Arc::clone(client)); // At the wire: only here is known which connection was used.
    let stack = Decode::new(spec, stack); // Everything above sees plain bodies.
    let is_guarded = spec.hedge.is_some()
        || spec.retry.is_some()
        || spec.breaker.is_some()
        || spec.credentials.is_some()
        || instances.is_some();
    if is_guarded {
        let stack = Authorize::new(spec, client, kept, stack); // Inside the deadline, which also bounds the wait for a token.
        let stack = Deadline::new(spec, stack); // Around decoding, which a large body can make slow.
        let stack = Balance::new(spec, instances, stack); // Around the deadline: who is late is slow.
        let stack = Detach::new(spec, stack); // Around the deadline, so that a write nobody waits for ends too.
        let stack = Limit::new(spec, kept, stack); // Outside: what waits for its turn was not sent and may be given up.
        let stack = Breaker::new(spec, kept, stack); // Outside of the limit: while it is open nobody waits for a place.
        let stack = Retry::new(spec, kept, instances, stack); // Outside of the breaker, so that each try asks it and is counted.
        let stack: Guarded = Hedge::new(spec, kept, stack); // Outside of retries: the second question has tries of its own.
        around(stack, spec, clock, kept)
    } else {
        let stack: Plain = Limit::new(spec, kept, Detach::new(spec, Deadline::new(spec, stack)));
        around(stack, spec, clock, kept)
    }
}

/// The layers that are around all others, likewise.
fn around<S>(stack: S, spec: &Arc<UpstreamSpec>, clock: &Clock, kept: &Kept) -> Arc<dyn Stack>
where
    S: Service + std::fmt::Debug + 'static,
{
    let stack = Observe::new(&spec.name, stack); // Sees what a call took in all: waits and refusals too.
    let stack = Coalesce::new(spec, stack); // Twins share one call and all its attempts; they are no calls of their own.
    Arc::new(HttpCache::new(spec, clock, kept, stack)) // What is there needs no call, and a validation is shared like any other.
}

/// All upstreams of one snapshot.
#[derive(Debug)]
pub struct Upstreams {
    upstreams: Vec<Upstream>,
    connections: Arc<Connections>,
}

#[derive(Debug)]
struct Upstream {
    spec: Arc<UpstreamSpec>,
    stack: Arc<dyn Stack>,
    client: Arc<Client>,
    instances: Option<Arc<Instances>>,
    reuse: ReuseMetrics,
}

impl Upstreams {
    /// Builds the layers over what is kept of earlier snapshots. Errors: a certificate that cannot be read, without what is in it.
    pub fn new(specs: Vec<UpstreamSpec>, transport: &Transport, kept: &Kept) -> Result<Self, String> {
        let connections = Arc::new(Connections::new(transport)?);
        let build = |spec: UpstreamSpec| -> Result<Upstream, String> {
            let spec = Arc::new(spec);
            let client = Arc::new(Client::new(&spec, &connections, kept)?);
            let instances = spec.has_instances().then(|| {
                let settings = (
                    &spec.urls,
                    &spec.balance,
                    &spec.zone,
                    spec.slow_start,
                    &spec.outlier,
                    &spec.health,
                    &spec.discovery,
                );
                // Prints every setting, and none of them is a secret.
                kept.share(&spec.name, &format!("{settings:?}"), || Instances::new(&spec))
            });
            let stack = stack(&spec, &client, instances.as_ref(), &transport.clock, kept);
            let reuse = metrics().reuse(&spec.name);
            Ok(Upstream { spec, stack, client, instances, reuse })
        };
        let upstreams = specs.into_iter().map(build).collect::<Result<_, String>>()?;
        Ok(Self { upstreams, connections })
    }

    /// Starts what runs beside calls: health checks, discovery, Redis. They end when no snapshot uses their upstream any more.
    /// Needs a runtime; a second time does nothing.
    pub fn start(&self) {
        for Upstream { spec, stack, client, instances, .. } in &self.upstreams {
            stack.start();
            let Some(instances) = instances else { continue };
            if instances.started.swap(true, Ordering::Relaxed) {
                continue;
            }
            if let Some(settings) = &spec.health {
                tokio::spawn(health::run(Arc::downgrade(instances), Arc::clone(client), settings.clone()));
            }
            if let (Some(settings), Some(primary)) = (&spec.discovery, instances.all().first()) {
                let (instances, primary) = (Arc::downgrade(instances), primary.place.clone());
                tokio::spawn(discovery::run(instances, settings.clone(), primary, Arc::clone(&self.connections)));
            }
        }
    }

    /// Makes one call that is part of no trace, else as [`Self::call_for`].
    pub fn call(&self, call: impl Into<Arc<Call>>) -> BoxFuture<'static, Result<Box<Reply>, CallError>> {
        self.call_for(Trace::default(), call)
    }

    /// Makes one call, as part of `trace`. Dropping the future of a safe call stops it; an unsafe call that was sent is read to its end
    /// in the background.
    pub fn call_for(
        &self,
        trace: Trace,
        call: impl Into<Arc<Call>>,
    ) -> BoxFuture<'static, Result<Box<Reply>, CallError>> {
        let call = call.into();
        let Some(Upstream { spec, stack, .. }) = self.upstreams.get(call.upstream) else {
            let (upstream, reason) = (Arc::from("?"), "there is no such upstream".to_owned());
            return aside(|| ready(Err(CallError::Invalid { upstream, reason })));
        };
        let allowed = call.timeout.map_or(spec.timeout, |timeout| timeout.min(spec.timeout));
        let mut passage = Passage::within(allowed);
        passage.trace = trace;
        Arc::clone(stack).call(call, passage)
    }

    /// What may be shared of calls to an upstream; nothing where each says how long its caller waits.
    pub fn share(&self, upstream: usize) -> Share {
        let spec = self.upstreams.get(upstream).map(|it| &it.spec);
        spec.filter(|spec| spec.deadline_header.is_none()).map_or(Share::Off, |spec| spec.share)
    }

    /// How long keys of several requests are gathered for an upstream at most.
    pub fn batch_wait(&self, upstream: usize) -> Duration {
        self.upstreams.get(upstream).map_or(Duration::ZERO, |it| it.spec.batch_wait)
    }

    /// Counts a call that somebody else's to that upstream answered.
    pub fn note_shared(&self, upstream: usize) {
        if let Some(Upstream { reuse, .. }) = self.upstreams.get(upstream) {
            reuse.shared();
        }
    }

    /// How fresh stored replies are now, by upstream, if all of them may be used without their calls; counted as used.
    /// `None`: some may not.
    pub fn standing(&self, stored: &[(usize, Stored)]) -> Option<Vec<Freshness>> {
        let stack = |upstream: usize| self.upstreams.get(upstream).map(|it| &*it.stack);
        let all = stored.iter().map(|(upstream, stored)| stack(*upstream)?.standing(stored)).collect::<Option<_>>()?;
        for stack in stored.iter().filter_map(|(upstream, _)| stack(*upstream)) {
            stack.used_again();
        }
        Some(all)
    }

    /// Drops stored replies of all upstreams.
    pub async fn purge(&self, purge: &Purge) -> Purged {
        for upstream in &self.upstreams {
            if let Some(purged) = upstream.stack.purge(purge).await {
                return purged;
            }
        }
        Purged::default()
    }
}
