//! Many keys in one call: steps that become ready together and use the same connector share a load, cut into chunks; the mapped
//! objects find their places by key (reference 6.6).

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::dataloader::{DataLoader, Loader};
use futures_util::future::{BoxFuture, join_all};

use super::{
    failure::Failure,
    flight::Waiter,
    key::{KeyState, write_key},
    known::Keys,
    run::Run,
    scope::Own,
    view::{Found, Instance},
};
use crate::{
    mapping::{Slot, Value, scan},
    plan::StepId,
    schema::ConnectorId,
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
}

impl ChunkKey {
    /// The chunk that flies under that number.
    pub fn new(ordinal: u32, call: Call) -> Self {
        Self { ordinal, call: Arc::new(call) }
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
    type Value = Result<Reply, CallError>;
    type Error = std::convert::Infallible;

    async fn load(&self, keys: &[ChunkKey]) -> Result<HashMap<ChunkKey, Self::Value>, Self::Error> {
        // Keys come in hash order; they go out in the order of the answer, all at once.
        let mut keys: Vec<&ChunkKey> = keys.iter().collect();
        keys.sort_by_key(|key| key.ordinal);
        let calls = keys.into_iter().map(|key| async move { (key.clone(), self.upstreams.call(&key.call).await) });
        Ok(join_all(calls).await.into_iter().collect())
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
        let (leader, keys_max) = (first.step, first.keys_max.unwrap_or(usize::MAX).max(1));
        let first_chunk = self.chunks.len();
        let mut values: Vec<Value> = Vec::new();
        let mut ordinals = Keys::default();
        let mut users: Vec<Vec<StepId>> = Vec::new();
        let is_alone = group.len() == 1;
        for Ready { step, objects, keys, .. } in group {
            let mut chunks = Vec::with_capacity(objects.len());
            let mut pending = 0;
            for (number, object) in (0..).zip(objects) {
                // Keys that several steps ask for are asked for once.
                let ordinal = if is_alone { number } else { ordinals.number(keys.text(number)) } as usize;
                if ordinal == values.len() {
                    values.push(object.unwrap_or_default());
                }
                let chunk = ordinal / keys_max;
                users.resize_with(users.len().max(chunk + 1), Vec::new);
                if users[chunk].last() != Some(&step) && !users[chunk].contains(&step) {
                    users[chunk].push(step);
                    pending += 1;
                }
                chunks.push(u32::try_from(first_chunk + chunk).unwrap_or(u32::MAX));
            }
            let progress = &mut self.steps[step.0 as usize];
            progress.batch = Some(BatchState { keys, chunks });
            progress.pending = pending;
        }
        let mut values = values.into_iter();
        for steps in users {
            let keys: Vec<Value> = values.by_ref().take(keys_max).collect();
            let own = Own { batch: Some(Value::Array(keys)), ..Own::default() };
            self.chunks.push(Chunk { own, steps, is_done: false });
        }
        for chunk in first_chunk..self.chunks.len() {
            self.send_chunk(leader, u32::try_from(chunk).unwrap_or(u32::MAX));
        }
    }

    fn send_chunk(&mut self, leader: StepId, chunk: u32) {
        let sent = match self.build(leader, &self.chunks[chunk as usize].own) {
            Ok(Some(call)) => self.fly(leader, call, Waiter::Chunk(chunk)),
            Ok(None) => Err(Failure::no_request(leader, self.connector(leader), "it has none")),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = sent {
            for step in self.chunks[chunk as usize].steps.clone() {
                self.fail_chunk(step, chunk, Failure { step, ..failure.clone() });
                self.one_done(step);
            }
            self.chunks[chunk as usize].is_done = true;
        }
    }

    /// A chunk's outcome has come: every step that waits for it maps it for itself.
    pub fn distribute(&mut self, chunk: u32, outcome: &Result<Reply, CallError>, number: u32) {
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
