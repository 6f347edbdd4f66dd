//! When two requests are the same question: what an operation's answer depends on, found once for its plan.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use http::{HeaderName, Method};

use super::Snapshot;
use crate::{
    config::Share,
    execute::Caller,
    operation::{Kind, VariableValues},
    plan::{Plan, Step},
    schema::Connector,
};

/// What the answers of a plan depend on beside its variables.
#[derive(Debug)]
pub(super) struct Terms {
    plan: u64,
    headers: Vec<HeaderName>,
    context: Vec<Arc<str>>,
    /// What all sources of it allow to share.
    share: Share,
    /// Whether stored replies say all of it.
    pub(super) is_remembered: bool,
    /// Whether an answer was ever remembered: until then there is nothing to look for.
    pub(super) has_remembered: AtomicBool,
}

/// All that one answer depends on. Compared whole: two requests with one key are answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    plan: u64,
    said: Arc<[u8]>,
}

impl Terms {
    /// Of a plan. `None`: no two requests are taken for equal, because it is no query, or depends on what cannot be listed.
    pub(super) fn of(snapshot: &Snapshot, plan: &Plan) -> Option<Self> {
        static PLANS: AtomicU64 = AtomicU64::new(0);
        // In development an answer tells of its calls. Where nothing is called there is nothing to save.
        let calls = |step: &Step| snapshot.graph[step.connector].request.is_some();
        if plan.operation.kind != Kind::Query
            || snapshot.reads.is_open()
            || snapshot.settings.dev
            || !plan.steps.iter().any(calls)
        {
            return None;
        }
        let (mut headers, mut context) = (Vec::new(), Vec::new());
        let (mut share, mut is_remembered) = (Share::Coalesce, true);
        for step in &plan.steps {
            let connector = &snapshot.graph[step.connector];
            // Those of a reply change without its content.
            is_remembered &= connector.reads.response_headers.is_empty();
            share = share.min(shared(snapshot, step.connector.0 as usize, connector));
            headers.extend(connector.read_headers());
            context.extend(connector.reads.context.iter().cloned());
        }
        headers.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        headers.dedup();
        context.sort();
        context.dedup();
        let plan = PLANS.fetch_add(1, Ordering::Relaxed);
        Some(Self { plan, headers, context, share, is_remembered, has_remembered: AtomicBool::new(false) })
    }

    /// Whether a request may be one with an equal one under way. `is_identified`: the caller said who it is.
    pub(super) fn may_share(&self, is_identified: bool) -> bool {
        match self.share {
            Share::Off => false,
            Share::Anonymous => !is_identified,
            Share::Coalesce | Share::Batch => true,
        }
    }

    /// The key of one request.
    pub(super) fn key(&self, variables: &VariableValues, caller: &Caller) -> Key {
        let mut said = Vec::with_capacity(64);
        for value in &variables.0 {
            if let Some(value) = value {
                value.write_json(&mut said);
            }
            said.push(0);
        }
        caller.say(&self.headers, &self.context, &mut said);
        Key { plan: self.plan, said: said.into() }
    }
}

impl Key {
    #[cfg(test)]
    pub(super) fn of(plan: u64, said: &[u8]) -> Self {
        Self { plan, said: said.into() }
    }

    /// Bytes it takes.
    pub(super) fn weight(&self) -> usize {
        self.said.len()
    }
}

/// What may be shared of a connector's calls.
fn shared(snapshot: &Snapshot, index: usize, connector: &Connector) -> Share {
    let Some(request) = &connector.request else { return Share::Coalesce };
    match snapshot.upstreams.share(snapshot.settings.upstream[index]) {
        Share::Anonymous if request.method != Method::GET => Share::Off,
        share => share,
    }
}
