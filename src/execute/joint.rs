//! Keys of several requests in one call (`share: batch`).
//!
//! Requests whose calls would differ in nothing but their keys use one loader. What is asked for while no call of it is under way
//! goes out at once (the loader's timer takes up to a millisecond); what is asked for meanwhile is gathered, for `batch_wait` at
//! most: a lone request waits for nobody, and a crowd makes few calls. The loads run beside the requests and end when nobody waits
//! for any of them any more.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_graphql::dataloader::{DataLoader, Loader};
use futures_util::future::{BoxFuture, join_all};
use http::HeaderMap;
use tokio::sync::Notify;

use super::{
    call::Site,
    run::Settings,
    scope::{Own, Shared},
};
use crate::{
    mapping::Value,
    schema::{ConnectorId, Graph},
    telemetry::Trace,
    upstream::{CallError, Reply, Safety, Upstreams},
};

/// Most keys in a call where the connector names no maximum and no request has more: what is fine for one request's
/// keys in a URL need not be fine for those of all.
const TOGETHER: usize = 100;

/// What the calls of several requests have to agree in: all that they are made of but the keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Terms {
    pub connector: ConnectorId,
    /// What the connector reads and sends of the caller. Compared whole.
    pub said: Box<[u8]>,
}

/// The loaders in use, of all requests of a snapshot.
#[derive(Debug, Default)]
pub struct JointLoads(Mutex<HashMap<Terms, Weak<Joint>>>);

impl JointLoads {
    /// The loader for such calls, made where no request has one.
    pub(super) fn of(&self, terms: Terms, make: impl FnOnce() -> Joint) -> Arc<Joint> {
        // A map of loaders is whole at every moment.
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(joint) = loads.get(&terms).and_then(Weak::upgrade) {
            return joint;
        }
        // Those that nobody has any more go when there is no room for new ones.
        if loads.len() == loads.capacity() {
            loads.retain(|_, joint| joint.strong_count() > 0);
        }
        let joint = Arc::new(make());
        loads.insert(terms, Arc::downgrade(&joint));
        joint
    }
}

/// A key object that a request asks for. Equal by what is asked for, whoever asks.
#[derive(Debug, Clone)]
pub(super) struct JointKey {
    /// As JSON.
    text: Arc<[u8]>,
    value: Arc<Value>,
    asker: Arc<Asker>,
    /// Its place among the asker's.
    number: usize,
}

/// Who asks.
#[derive(Debug)]
struct Asker {
    id: u64,
    /// For how many keys.
    count: usize,
    trace: Trace,
}

impl PartialEq for JointKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JointKey {}

impl Hash for JointKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// What came of one call.
#[derive(Debug)]
pub(super) struct Part {
    /// Whose keys were in it: the only one, or one of several.
    asker: u64,
    is_sole: bool,
    /// The outcome, for those to whom it says something.
    pub outcome: Result<Box<Reply>, CallError>,
}

/// What came of the keys of one request, in their order. `None`: it says nothing of that one, who has to ask for it alone.
pub(super) type Parts = Vec<Option<Arc<Part>>>;

impl Part {
    /// Whether it speaks of the keys of that request, and not perhaps of somebody else's. A success does, and so does a service
    /// that answers nobody now.
    fn is_about(&self, asker: u64) -> bool {
        let is_for_all = match &self.outcome {
            Ok(reply) => matches!(reply.status, 200..=299 | 429 | 502 | 503 | 504),
            Err(
                CallError::TimedOut { .. }
                | CallError::Connection { .. }
                | CallError::Overloaded { .. }
                | CallError::Unavailable { .. },
            ) => true,
            Err(CallError::TooLarge { .. } | CallError::Unreadable { .. } | CallError::Invalid { .. }) => false,
        };
        is_for_all || self.is_sole && self.asker == asker
    }
}

/// One loader: requests with equal [`Terms`] share it.
pub(super) struct Joint {
    loader: DataLoader<JointLoader>,
    waiting: Arc<UnderWay>,
}

impl std::fmt::Debug for Joint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Joint").finish_non_exhaustive()
    }
}

impl Joint {
    /// For calls like these. `keys_max`: most keys in one.
    pub fn new(calls: Calls, keys_max: Option<usize>) -> Self {
        let (waiting, loading) = (Arc::<UnderWay>::default(), Arc::<UnderWay>::default());
        let turn = Arc::clone(&loading);
        let longest = calls.upstreams.batch_wait(calls.site().upstream());
        let loader = JointLoader { calls, keys_max, waiting: Arc::clone(&waiting), loading };
        let spawn = move |load: BoxFuture<'static, ()>| {
            let turn = Arc::clone(&turn);
            tokio::spawn(async move {
                // Who asks meanwhile goes along.
                turn.one_less(longest).await;
                load.await;
            })
        };
        // When to load, and how much at once, is decided here.
        let loader = DataLoader::new(loader, spawn).delay(Duration::ZERO).max_batch_size(usize::MAX);
        Self { loader, waiting }
    }

    /// Asks for the keys of one request, alone or with others.
    pub async fn load(&self, values: Vec<Value>, trace: Trace) -> Parts {
        static ASKERS: AtomicU64 = AtomicU64::new(0);
        let _waits = self.waiting.begin();
        let id = ASKERS.fetch_add(1, Ordering::Relaxed);
        let asker = Arc::new(Asker { id, count: values.len(), trace });
        let key = |(number, value): (usize, Value)| {
            let mut text = Vec::with_capacity(48);
            value.write_json(&mut text);
            JointKey { text: text.into(), value: Arc::new(value), asker: Arc::clone(&asker), number }
        };
        let keys: Vec<JointKey> = values.into_iter().enumerate().map(key).collect();
        let mut loaded = self.loader.load_many(keys.iter().cloned()).await.unwrap_or_default();
        let parts: Parts = keys.iter().map(|key| loaded.remove(key).filter(|part| part.is_about(id))).collect();
        if parts.iter().all(|part| part.as_ref().is_some_and(|part| part.asker != id)) {
            let calls = &self.loader.loader().calls;
            calls.upstreams.note_shared(calls.site().upstream());
        }
        parts
    }
}

/// Makes calls that differ in their keys only.
#[derive(Debug)]
pub(super) struct Calls {
    pub graph: Arc<Graph>,
    pub connector: ConnectorId,
    pub settings: Arc<Settings>,
    pub upstreams: Arc<Upstreams>,
    pub shared: Shared,
    pub headers: Arc<HeaderMap>,
}

impl Calls {
    fn site(&self) -> Site<'_> {
        Site { connector: &self.graph[self.connector], id: self.connector, settings: &self.settings }
    }

    /// The outcome of a call with these keys; `None` where it cannot be built.
    async fn make(&self, keys: &[JointKey]) -> Option<Result<Box<Reply>, CallError>> {
        let values = keys.iter().map(|key| Value::clone(&key.value)).collect();
        let own = Own { batch: Some(Value::Array(values)), ..Own::default() };
        let call = self.site().call(&self.shared, &own, &self.headers, Safety::Safe).ok()??;
        // Of those who ask, the first one's trace shows the call.
        let trace = keys.first().map(|key| key.asker.trace.clone()).unwrap_or_default();
        Some(self.upstreams.call_for(trace, call).await)
    }
}

/// Loads keys in as few calls as may be.
struct JointLoader {
    calls: Calls,
    keys_max: Option<usize>,
    /// The requests that wait.
    waiting: Arc<UnderWay>,
    /// The loads under way.
    loading: Arc<UnderWay>,
}

/// Nobody waits for a load any more.
#[derive(Debug, Clone, Copy)]
struct Abandoned;

impl Loader<JointKey> for JointLoader {
    type Value = Arc<Part>;
    type Error = Abandoned;

    async fn load(&self, keys: &[JointKey]) -> Result<HashMap<JointKey, Arc<Part>>, Abandoned> {
        let _begun = self.loading.begin();
        let mut keys = keys.to_vec();
        // Those of one request stay together, in an order that does not change from run to run.
        keys.sort_by_key(|key| (key.asker.id, key.number));
        let most = self.keys_max.unwrap_or_else(|| keys.iter().map(|key| key.asker.count).fold(TOGETHER, usize::max));
        let parts = keys.chunks(most.max(1)).map(|keys| async move {
            // Keys of what cannot be built are left out.
            let part = self.part(keys).await.map(Arc::new);
            keys.iter().filter_map(|key| Some((key.clone(), part.clone()?))).collect::<Vec<_>>()
        });
        tokio::select! {
            parts = join_all(parts) => Ok(parts.into_iter().flatten().collect()),
            () = self.waiting.none() => Err(Abandoned),
        }
    }
}

impl JointLoader {
    async fn part(&self, keys: &[JointKey]) -> Option<Part> {
        let asker = keys.first()?.asker.id;
        let is_sole = keys.iter().all(|key| key.asker.id == asker);
        Some(Part { asker, is_sole, outcome: self.calls.make(keys).await? })
    }
}

/// A number of things that are under way, and word of each that ends.
#[derive(Debug, Default)]
struct UnderWay {
    count: AtomicUsize,
    ended: Notify,
}

impl UnderWay {
    fn begin(&self) -> Begun<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Begun(self)
    }

    /// Until there is none.
    async fn none(&self) {
        loop {
            let ended = self.ended.notified();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Until one of them has ended, but no longer than that; where there is none, until the tasks that are ready have run.
    async fn one_less(&self, longest: Duration) {
        let ended = self.ended.notified();
        if self.count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        } else {
            let _ = tokio::time::timeout(longest, ended).await;
        }
    }
}

/// One of them; it ends when dropped.
struct Begun<'a>(&'a UnderWay);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}
