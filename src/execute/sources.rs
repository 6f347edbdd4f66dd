//! What went into an answer: how long its replies stay fresh, how old they are, which of them are stale.

use std::time::Duration;

use super::{flight::Waiter, run::Run};
use crate::{
    mapping::{Object, Value},
    plan::{Origin, Plan, PositionId, StepId, StepKind},
    upstream::{CallError, Freshness, Reply, Served, StaleCause, Stored, Upstreams},
};

/// The replies of an answer, folded: the strictest of what they say.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// How many there are.
    pub reply_count: usize,
    /// Some reply says nothing of its lifetime.
    pub is_silent: bool,
    /// Some reply is only for its caller.
    pub private: bool,
    /// Some reply is not to be kept.
    pub no_store: bool,
    /// The shortest time in milliseconds for which all of them stay fresh; below zero: something is stale.
    pub fresh_for: Option<i64>,
    /// The greatest age.
    pub age: Duration,
    /// How many replies came from the cache.
    pub cached_count: usize,
    /// Why something stale was used.
    pub stale: Option<StaleCause>,
    /// Where the replies are kept, with their upstreams; empty unless all are.
    pub stored: Vec<(usize, Stored)>,
}

/// A step whose reply was stale.
#[derive(Debug)]
pub(super) struct StaleStep {
    step: StepId,
    age: Duration,
    cause: StaleCause,
}

impl Sources {
    /// Folds a reply in. Failures make an error of their own, and an answer with errors is not kept.
    pub(super) fn note(&mut self, upstream: usize, outcome: &Result<Box<Reply>, CallError>) {
        if let Ok(reply) = outcome {
            self.add(&reply.freshness, reply.served);
            self.stored.extend(reply.stored.map(|stored| (upstream, stored)));
        }
    }

    fn add(&mut self, freshness: &Freshness, served: Served) {
        self.reply_count += 1;
        self.private |= freshness.private;
        self.no_store |= freshness.no_store;
        match freshness.lifetime {
            None => self.is_silent = true,
            Some(lifetime) => {
                let left = milliseconds(lifetime) - milliseconds(freshness.age);
                self.fresh_for = Some(self.fresh_for.map_or(left, |known| known.min(left)));
                self.age = self.age.max(freshness.age);
            }
        }
        match served {
            Served::Fresh | Served::Shared => {}
            Served::Cached { .. } => self.cached_count += 1,
            Served::Stale { cause, .. } => {
                self.cached_count += 1;
                self.stale = Some(cause);
            }
        }
    }

    /// Whether nothing had to be asked for: all replies were stored, and fresh.
    pub fn is_all_stored(&self) -> bool {
        self.reply_count > 0 && self.cached_count == self.reply_count && self.stored.len() == self.reply_count
    }

    /// The same replies as they are now, counted as used once more; `None`: some of them may not be used without being asked for.
    pub fn again(&self, upstreams: &Upstreams) -> Option<Self> {
        let mut again = Self::default();
        for freshness in upstreams.standing(&self.stored)? {
            again.add(&freshness, Served::Cached { age: freshness.age });
        }
        Some(again)
    }

    /// Once all replies are in.
    pub(super) fn finish(mut self) -> Self {
        if self.stored.len() != self.reply_count || self.stale.is_some() {
            self.stored.clear();
        }
        self
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Run<'_> {
    /// Remembers which steps a stale reply goes to.
    pub(super) fn note_stale(&mut self, outcome: &Result<Box<Reply>, CallError>, waiters: &[Waiter]) {
        let Ok(Served::Stale { age, cause }) = outcome.as_ref().map(|reply| reply.served) else { return };
        for waiter in waiters {
            let steps = match waiter {
                Waiter::Ask(ask) => vec![self.asks[*ask as usize].step],
                Waiter::Chunk(chunk) => self.chunks[*chunk as usize].steps.clone(),
            };
            for step in steps {
                match self.stale.iter_mut().find(|stale| stale.step == step) {
                    Some(known) => known.age = known.age.max(age),
                    None => self.stale.push(StaleStep { step, age, cause }),
                }
            }
        }
    }

    /// `extensions.stale`: path (without the indexes of lists), age in seconds and cause of everything stale.
    pub(super) fn stale_list(&self) -> Value {
        let text = |text: &str| Value::String(text.to_owned());
        let entry = |path: Vec<&str>, stale: &StaleStep| {
            Value::Object(Object::from_iter([
                ("path", Value::Array(path.into_iter().map(text).collect())),
                ("age", Value::Number(i64::try_from(stale.age.as_secs()).unwrap_or(i64::MAX).into())),
                ("cause", text(stale.cause.as_str())),
            ]))
        };
        let of = |stale| paths(self.plan, stale).into_iter().map(move |path| entry(path, stale));
        Value::Array(self.stale.iter().flat_map(of).collect())
    }
}

/// Where the result of a step is in the answer: the fields that show it, else the object that it completes.
fn paths<'a>(plan: &'a Plan, stale: &StaleStep) -> Vec<Vec<&'a str>> {
    let step = &plan.steps[stale.step.0 as usize];
    let place = place(plan, step.position);
    let shown = match step.kind {
        StepKind::Root | StepKind::Field => keys(plan, step.position, Origin::Hop(step.hop)),
        StepKind::Entity | StepKind::Batch { .. } | StepKind::Merge => Vec::new(),
    };
    if shown.is_empty() {
        return vec![place];
    }
    shown.into_iter().map(|key| place.iter().copied().chain([key]).collect()).collect()
}

fn keys(plan: &Plan, position: PositionId, from: Origin) -> Vec<&str> {
    let variants = plan.positions[position.0 as usize].variants.iter();
    let mut keys: Vec<&str> = Vec::new();
    for field in variants.flat_map(|variant| &variant.fields).filter(|field| field.from == from) {
        if !keys.contains(&&*field.key) {
            keys.push(&field.key);
        }
    }
    keys
}

fn place(plan: &Plan, mut position: PositionId) -> Vec<&str> {
    let mut path = Vec::new();
    while let Some((parent, _)) = plan.positions[position.0 as usize].parent {
        let fields = plan.positions[parent.0 as usize].variants.iter().flat_map(|variant| &variant.fields);
        path.extend(fields.filter(|field| field.child == Some(position)).map(|field| &*field.key).next());
        position = parent;
    }
    path.reverse();
    path
}
