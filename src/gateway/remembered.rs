//! Answers that are given again: nothing of them is made anew while every reply that they were made of is still stored and fresh.
//!
//! An answer is remembered once a request was answered from stored replies alone; requests that do not repeat pay nothing for this. Its
//! key is all that it depends on: plan, variables, and of the caller what the plan's connectors read. Its replies are looked up at each
//! use, so what time, a write or a purge made wrong is not given again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use http::HeaderName;
use moka::sync::Cache;

use super::caching::Reads;
use crate::{
    execute::{Caller, Sources},
    operation::{Kind, VariableValues},
    plan::Plan,
    schema::Graph,
    upstream::Upstreams,
};

/// Bytes that an answer takes beside body and key, roughly; a reply's name is within.
const OVERHEAD: usize = 512;
/// An answer takes at most this part of the budget.
const PARTS_MIN: u64 = 8;

/// What the answers of a plan depend on beside its variables.
#[derive(Debug)]
pub(super) struct Terms {
    plan: u64,
    headers: Vec<HeaderName>,
    context: Vec<Arc<str>>,
    /// Whether one was ever remembered: until then there is nothing to look for.
    has_any: AtomicBool,
}

impl Terms {
    /// Of a plan. `None`: its answers are not remembered, because they are no query's, or depend on what cannot be listed.
    pub(super) fn of(graph: &Graph, plan: &Plan, reads: &Reads, is_dev: bool) -> Option<Self> {
        static PLANS: AtomicU64 = AtomicU64::new(0);
        // In development an answer tells of its calls.
        if plan.operation.kind != Kind::Query || reads.is_open() || is_dev {
            return None;
        }
        let (mut headers, mut context) = (Vec::new(), Vec::new());
        for connector in plan.steps.iter().map(|step| &graph[step.connector]) {
            // Those of a reply change without its content.
            if !connector.reads.response_headers.is_empty() {
                return None;
            }
            headers.extend(connector.client_headers().cloned());
            let read = connector.reads.request_headers.iter();
            headers.extend(read.filter_map(|name| HeaderName::try_from(&**name).ok()));
            context.extend(connector.reads.context.iter().cloned());
        }
        headers.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        headers.dedup();
        context.sort();
        context.dedup();
        Some(Self { plan: PLANS.fetch_add(1, Ordering::Relaxed), headers, context, has_any: AtomicBool::new(false) })
    }

    /// The key of one request. Parts end with 0 and values of one header with 1: neither is in JSON text nor in a header's value.
    fn key(&self, variables: &VariableValues, caller: &Caller) -> Key {
        let mut said = Vec::with_capacity(64);
        for value in &variables.0 {
            if let Some(value) = value {
                value.write_json(&mut said);
            }
            said.push(0);
        }
        for key in &self.context {
            if let Some(value) = caller.context.get(&**key) {
                value.write_json(&mut said);
            }
            said.push(0);
        }
        for name in &self.headers {
            for value in caller.headers.get_all(name) {
                said.extend_from_slice(value.as_bytes());
                said.push(1);
            }
            said.push(0);
        }
        Key { plan: self.plan, said: said.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    plan: u64,
    said: Box<[u8]>,
}

/// An answer without errors.
#[derive(Debug)]
struct Remembered {
    body: Bytes,
    sources: Sources,
}

/// The answers of a snapshot, within a budget of bytes.
#[derive(Debug)]
pub(super) struct Answers {
    cache: Cache<Key, Arc<Remembered>>,
    answer_max: u64,
}

impl Answers {
    /// With room for so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        let weight = |key: &Key, answer: &Arc<Remembered>| {
            let stored = answer.sources.stored.len() * 48;
            u32::try_from(OVERHEAD + key.said.len() + answer.body.len() + stored).unwrap_or(u32::MAX)
        };
        Self {
            cache: Cache::builder().max_capacity(bytes_max).weigher(weight).build(),
            answer_max: bytes_max / PARTS_MIN,
        }
    }

    /// An answer that may be given again, with what is to be said of its replies now.
    pub(super) fn find(
        &self,
        terms: &Terms,
        variables: &VariableValues,
        caller: &Caller,
        upstreams: &Upstreams,
    ) -> Option<(Bytes, Sources)> {
        if !terms.has_any.load(Ordering::Relaxed) {
            return None;
        }
        let answer = self.cache.get(&terms.key(variables, caller))?;
        let sources = answer.sources.again(upstreams)?;
        Some((answer.body.clone(), sources))
    }

    /// Remembers an answer without errors, if it was made of nothing but stored replies.
    pub(super) fn keep(
        &self,
        terms: &Terms,
        variables: &VariableValues,
        caller: &Caller,
        body: &Bytes,
        sources: &Sources,
    ) {
        if sources.is_all_stored() && body.len() as u64 <= self.answer_max {
            let answer = Remembered { body: body.clone(), sources: sources.clone() };
            self.cache.insert(terms.key(variables, caller), Arc::new(answer));
            terms.has_any.store(true, Ordering::Relaxed);
        }
    }
}
