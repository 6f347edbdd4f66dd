//! Many keys in one call: steps that become ready together and use the same connector share a load, cut into chunks; the mapped
//! objects find their places by key (reference 6.6).

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::dataloader::{DataLoader, Loader};
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderMap, HeaderName};

use super::{
    call::Site,
    failure::Failure,
    flight::{Job, Waiter},
    joint::{Calls, Joint, Part, Parts, Terms},
    key::{KeyState, write_key},
    known::Keys,
    run::Run,
    scope::{Own, Shared},
    view::{Found, Instance},
};
use crate::{
    aside::aside,
    mapping::{Slot, Value, scan},
    plan::StepId,
    schema::ConnectorId,
    telemetry::Trace,
    upstream::{Call, CallError, Reply, Upstreams},
};

/// A batch step with its keys, about to be launched.
pub(super) struct Ready {
    /// Which.
    pub step: StepId,
    /// What it calls.
    pub connector: ConnectorId,
    /// Most keys in a call.
    pub keys_max: Option<usize>,
    /// Its distinct key objects.
    pub objects: Vec<Option<Value>>,
    /// Their texts.
    pub keys: Keys,
}

/// The keys of a batch step that is running, and where they went.
#[derive(Debug)]
pub(super) struct BatchState {
    /// Their texts.
    pub keys: Keys,
    /// By number of the key, the chunk that asks for it, as index into `Run::chunks`.
    pub chunks: Vec<u32>,
}

/// Keys that are asked for together, and the steps that want them.
#[derive(Debug)]
pub(super) struct Batched {
    /// The step that the calls are rendered for.
    leader: StepId,
    /// Most keys in a call.
    keys_max: Option<usize>,
    /// Distinct key objects.
    values: Vec<Value>,
    /// Each step with the place of its keys in `values`, by number of the key.
    steps: Vec<(StepId, Vec<u32>)>,
}

impl Batched {
    fn most(&self) -> usize {
        self.keys_max.unwrap_or(usize::MAX).max(1)
    }
}

/// One call for many keys.
#[derive(Debug)]
pub(super) struct Chunk {
    own: Own,
    /// Who waits for it.
    pub steps: Vec<StepId>,
    /// Whether its outcome is there.
    pub is_done: bool,
}

/// A chunk as a key of the loader: equal only to itself.
#[derive(Debug, Clone)]
pub(super) struct ChunkKey {
    ordinal: u32,
    call: Arc<Call>,
    trace: Trace,
}

impl ChunkKey {
    /// The chunk that flies under that number.
    pub fn new(ordinal: u32, call: Arc<Call>, trace: Trace) -> Self {
        Self { ordinal, call, trace }
    }
}

impl PartialEq for ChunkKey {
    fn eq(&self, other: &Self) -> bool {
        self.ordinal == other.ordinal
    }
}

impl Eq for ChunkKey {}

impl Hash for ChunkKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ordinal.hash(state);
    }
}

/// Makes the calls of chunks.
pub(super) struct ChunkLoader {
    upstreams: Arc<Upstreams>,
}

impl Loader<ChunkKey> for ChunkLoader {
    type Value = Result<Box<Reply>, CallError>;
    type Error = std::convert::Infallible;

    async fn load(&self, keys: &[ChunkKey]) -> Result<HashMap<ChunkKey, Self::Value>, Self::Error> {
        // Keys come in hash order; they go out in the order of the answer, all at once.
        let mut keys: Vec<&ChunkKey> = keys.iter().collect();
        keys.sort_by_key(|key| key.ordinal);
        let calls = keys.iter().map(|key| self.upstreams.call_for(key.trace.clone(), Arc::clone(&key.call)));
        let outcomes = join_all(calls).await;
        Ok(keys.into_iter().cloned().zip(outcomes).collect())
    }
}

type Spawned = Arc<Mutex<Vec<BoxFuture<'static, ()>>>>;

/// The loader of one run. What it spawns is polled by the run and ends with it.
#[derive(Default)]
pub(super) struct Loads {
    spawned: Spawned,
    loader: Option<Arc<DataLoader<ChunkLoader>>>,
}

impl Loads {
    /// The loader, made when the first batch needs it. A key is a whole chunk, so there is nothing to wait for: it loads at once.
    pub fn loader(&mut self, upstreams: &Arc<Upstreams>) -> Arc<DataLoader<ChunkLoader>> {
        let spawned = &self.spawned;
        Arc::clone(self.loader.get_or_insert_with(|| {
            let spawned = Arc::clone(spawned);
            let loader = ChunkLoader { upstreams: Arc::clone(upstreams) };
            let spawn = move |future| lock(&spawned).push(future);
            Arc::new(DataLoader::new(loader, spawn).max_batch_size(1))
        }))
    }

    /// What the loader spawned since the last time.
    pub fn take_spawned(&self) -> Vec<BoxFuture<'static, ()>> {
        if self.loader.is_none() { Vec::new() } else { std::mem::take(&mut *lock(&self.spawned)) }
    }

    /// Whether there is any.
    pub fn has_spawned(&self) -> bool {
        self.loader.is_some() && !lock(&self.spawned).is_empty()
    }
}

fn lock(spawned: &Spawned) -> std::sync::MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
    spawned.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run<'_> {
    /// Sends the keys of batch steps that became ready together, those of one connector in common chunks.
    pub fn launch(&mut self, mut ready: Vec<Ready>) {
        while !ready.is_empty() {
            let connector = ready[0].connector;
            let (group, rest) = ready.into_iter().partition(|step| step.connector == connector);
            ready = rest;
            self.launch_together(group);
        }
    }

    fn launch_together(&mut self, group: Vec<Ready>) {
        let Some(first) = group.first() else { return };
        let (leader, keys_max) = (first.step, first.keys_max);
        let mut batched = Batched { leader, keys_max, values: Vec::new(), steps: Vec::new() };
        let mut ordinals = Keys::default();
        let is_alone = group.len() == 1;
        for Ready { step, objects, keys, .. } in group {
            let mut places = Vec::with_capacity(objects.len());
            for (number, object) in (0..).zip(objects) {
                // Keys that several steps ask for are asked for once.
                let ordinal = if is_alone { number } else { ordinals.number(keys.text(number)) };
                if ordinal as usize == batched.values.len() {
                    batched.values.push(object.unwrap_or_default());
                }
                places.push(ordinal);
            }
            self.steps[step.0 as usize].batch = Some(BatchState { keys, chunks: Vec::new() });
            batched.steps.push((step, places));
        }
        if self.settings.joint.get(self.site(leader).id.0 as usize).is_some_and(|is_joint| *is_joint) {
            self.ask_jointly(batched);
        } else {
            let most = batched.most();
            let first_chunk = self.chunk(&batched.steps, batched.values, |ordinal| ordinal / most);
            self.send_chunks(leader, first_chunk);
        }
    }

    /// Cuts keys, and those who want them, into new chunks: `piece_of` gives the place of a key's chunk among them; the first one's index.
    fn chunk(&mut self, steps: &[(StepId, Vec<u32>)], values: Vec<Value>, piece_of: impl Fn(usize) -> usize) -> usize {
        let first_chunk = self.chunks.len();
        let mut pieces: Vec<(Vec<Value>, Vec<StepId>)> = Vec::new();
        for (ordinal, value) in values.into_iter().enumerate() {
            let piece = piece_of(ordinal);
            pieces.resize_with(pieces.len().max(piece + 1), Default::default);
            pieces[piece].0.push(value);
        }
        for (step, ordinals) in steps {
            let progress = &mut self.steps[step.0 as usize];
            progress.pending = 0;
            let mut chunks = Vec::with_capacity(ordinals.len());
            for ordinal in ordinals {
                let piece = piece_of(*ordinal as usize);
                pieces.resize_with(pieces.len().max(piece + 1), Default::default);
                let users = &mut pieces[piece].1;
                if users.last() != Some(step) && !users.contains(step) {
                    users.push(*step);
                    progress.pending += 1;
                }
                chunks.push(u32::try_from(first_chunk + piece).unwrap_or(u32::MAX));
            }
            if let Some(batch) = &mut progress.batch {
                batch.chunks = chunks;
            }
        }
        self.chunks.extend(pieces.into_iter().map(|(keys, steps)| {
            let own = Own { batch: Some(Value::Array(keys)), ..Own::default() };
            Chunk { own, steps, is_done: false }
        }));
        first_chunk
    }

    fn send_chunks(&mut self, leader: StepId, first: usize) {
        for chunk in first..self.chunks.len() {
            self.send_chunk(leader, u32::try_from(chunk).unwrap_or(u32::MAX));
        }
    }

    /// Asks for keys together with those of other requests. Until something comes of it they are one chunk.
    fn ask_jointly(&mut self, batched: Batched) {
        let leader = batched.leader;
        let chunk = self.chunk(&batched.steps, Vec::new(), |_| 0);
        if let Err(failure) = self.count_call(leader) {
            self.fail_whole_chunk(u32::try_from(chunk).unwrap_or(u32::MAX), &failure);
            return;
        }
        let joint = self.settings.loads.of(self.terms(leader), || self.joint(&batched));
        let number = u32::try_from(self.joints.len()).unwrap_or(u32::MAX);
        let trace = self.steps[leader.0 as usize].trace.clone();
        let values = batched.values.clone();
        self.jobs.push(Job::Joint(number, aside(|| async move { joint.load(values, trace).await })));
        self.joints.push(Some(batched));
    }

    /// Everything but keys that a step's calls depend on.
    fn terms(&self, step: StepId) -> Terms {
        let Site { connector, id, settings } = self.site(step);
        let mut said = Vec::new();
        let headers: Vec<HeaderName> = connector.read_headers().collect();
        self.caller.say(&headers, &connector.reads.context, &mut said);
        if let Some(rules) = settings.headers.get(self.site(step).upstream()) {
            let mut sent = HeaderMap::new();
            rules.apply(&self.caller.headers, &mut sent);
            for (name, value) in &sent {
                said.extend_from_slice(name.as_str().as_bytes());
                said.push(1);
                said.extend_from_slice(value.as_bytes());
                said.push(0);
            }
        }
        Terms { connector: id, said: said.into() }
    }

    /// A loader for calls like those of this run.
    fn joint(&self, batched: &Batched) -> Joint {
        let Site { connector, id, settings } = self.site(batched.leader);
        let calls = Calls {
            graph: Arc::clone(self.graph),
            connector: id,
            settings: Arc::clone(self.settings),
            upstreams: Arc::clone(self.upstreams),
            shared: Shared::new(connector, self.caller, settings.config.get(id.0 as usize).cloned(), None),
            headers: Arc::clone(&self.caller.headers),
        };
        Joint::new(calls, batched.keys_max)
    }

    /// Something has come of keys that were asked for together with others': each call becomes a chunk with those of ours that were in it.
    /// Keys of which it says nothing are asked for once more, without the others.
    pub fn land_joint(&mut self, number: u32, parts: Parts) {
        let Some(batched) = self.joints[number as usize].take() else { return };
        let mut calls: Vec<Arc<Part>> = Vec::new();
        let mut alone = 0;
        // The place of each key's call, or its number among those that are in none.
        let place = |part: Option<Arc<Part>>| {
            let Some(part) = part else {
                alone += 1;
                return Err(alone - 1);
            };
            Ok(calls.iter().position(|call| Arc::ptr_eq(call, &part)).unwrap_or_else(|| {
                calls.push(part);
                calls.len() - 1
            }))
        };
        let places: Vec<Result<usize, usize>> = parts.into_iter().map(place).collect();
        let (leader, most, count) = (batched.leader, batched.most(), calls.len());
        let first = self.chunk(&batched.steps, batched.values, |ordinal| match places[ordinal] {
            Ok(call) => call,
            Err(alone) => count + alone / most,
        });
        let upstream = self.site(leader).upstream();
        for (chunk, call) in (first..).zip(&calls) {
            let chunk = u32::try_from(chunk).unwrap_or(u32::MAX);
            let number = self.keep_outcome(upstream, &call.outcome, &[Waiter::Chunk(chunk)]);
            self.distribute(chunk, &call.outcome, number);
        }
        self.send_chunks(leader, first + count);
    }

    fn send_chunk(&mut self, leader: StepId, chunk: u32) {
        let sent = match self.build(leader, &self.chunks[chunk as usize].own) {
            Ok(Some(call)) => self.fly(leader, call, Waiter::Chunk(chunk)),
            Ok(None) => Err(Failure::no_request(leader, self.connector(leader), "it has none")),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = sent {
            self.fail_whole_chunk(chunk, &failure);
        }
    }

    /// Nothing came of a chunk, for any of those who wait for it.
    fn fail_whole_chunk(&mut self, chunk: u32, failure: &Failure) {
        for step in self.chunks[chunk as usize].steps.clone() {
            self.fail_chunk(step, chunk, Failure { step, ..failure.clone() });
            self.one_done(step);
        }
        self.chunks[chunk as usize].is_done = true;
    }

    /// A chunk's outcome has come: every step that waits for it maps it for itself.
    pub fn distribute(&mut self, chunk: u32, outcome: &Result<Box<Reply>, CallError>, number: u32) {
        let own = std::mem::take(&mut self.chunks[chunk as usize].own);
        for step in self.chunks[chunk as usize].steps.clone() {
            let status = outcome.as_ref().ok().map(|reply| reply.status);
            match self.read(step, &own, outcome, number) {
                Ok(Slot::List { start, len }) => self.match_items(step, chunk, start, len),
                Ok(slot) if self.is_raw_list(step, slot) => {}
                Ok(_) => {
                    let failure = Failure::not_an_array(step, self.connector(step), status);
                    self.fail_chunk(step, chunk, failure);
                }
                Err(failure) => self.fail_chunk(step, chunk, failure),
            }
            self.one_done(step);
        }
        self.chunks[chunk as usize].is_done = true;
    }

    /// A list whose items are no objects: nothing in it can match a key.
    fn is_raw_list(&self, step: StepId, slot: Slot) -> bool {
        let text = self.results.text(Found { store: step.0, slot });
        text.is_some_and(|text| scan::kind(text) == scan::TokenKind::Array)
    }

    /// Objects go to the keys that they carry: in any order, unknown ones ignored, the last of several for one key wins.
    fn match_items(&mut self, id: StepId, chunk: u32, start: u32, len: u32) {
        let step = &self.plan.steps[id.0 as usize];
        let mut matched: Vec<(u32, Slot)> = Vec::with_capacity(len as usize);
        {
            let view = self.view();
            let Some(batch) = &self.steps[id.0 as usize].batch else { return };
            let mut key = Vec::new();
            for item in view.cells(id.0, start, len) {
                let Slot::Object { start } = item.slot else { continue };
                let instance = Instance { store: id.0, start };
                key.clear();
                if write_key(view, None, instance, &step.matching, &mut key) == KeyState::Dropped {
                    continue;
                }
                if let Some(number) = batch.keys.find(&key)
                    && batch.chunks[number as usize] == chunk
                {
                    matched.push((number, item.slot));
                }
            }
        }
        for (number, slot) in matched {
            let result = self.keep(id, slot);
            self.results.fill(self.steps[id.0 as usize].waiting.of(number), result);
        }
    }

    fn fail_chunk(&mut self, id: StepId, chunk: u32, failure: Failure) {
        let slot = self.fail(failure);
        let step = &self.steps[id.0 as usize];
        let Some(batch) = &step.batch else { return };
        for (number, _) in (0..).zip(&batch.chunks).filter(|(_, of)| **of == chunk) {
            self.results.fill(step.waiting.of(number), slot);
        }
    }

    fn connector(&self, step: StepId) -> &crate::schema::Connector {
        &self.graph[self.plan.steps[step.0 as usize].connector]
    }
}
