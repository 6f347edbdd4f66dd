//! What known documents became: query text → plan, made once.

use std::{
    borrow::Borrow,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use moka::sync::Cache;

use super::{Request, Snapshot, repeats::Terms};
use crate::{
    error::Refusal,
    operation::{self, Document, FieldRef, Selection},
    plan::{self, Gates, Mask, Plan},
    policy::{Estimate, Standing},
    schema::{CacheHint, Graph, Visible},
    telemetry::{self, Lookup, Trace},
};

/// Estimated bytes of all plans kept. A plan takes a multiple of its text.
const BYTES_MAX: u64 = 32 << 20;
/// Estimated bytes of a plan for each byte of its text.
const BYTES_PER_BYTE: usize = 24;
/// Estimated bytes of the smallest plan.
const BYTES_MIN: usize = 4096;
/// Most schemas kept that show a part of the API; most callers are of few kinds.
const VISIBLE_MAX: u64 = 16;

/// A document that was understood.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Arc<Plan>,
    /// What it may cost.
    pub(super) estimate: Estimate,
    /// The document, where `__schema` or `__type` is asked: only for those it is needed once there is a plan.
    pub(super) introspects: Option<Document>,
    /// What `@cacheControl` says of all that is asked, whether or not variables leave it out.
    pub(super) caching: CacheHint,
    /// What its answers depend on, where two requests may be taken for equal.
    pub(super) repeats: Option<Terms>,
    /// What of it is not for everybody; `None`: nothing.
    pub(super) gates: Option<Gates>,
    /// Whether it is trusted, where that is reported.
    pub(super) standing: Option<Standing>,
    /// Tells it from others, also from those of the same text that were thrown out.
    number: u64,
}

/// Query text and operation name → plan; bounded by what the plans weigh. Refusals are not kept: whoever sends nonsense should not push
/// out what others use.
#[derive(Debug)]
pub(super) struct Plans {
    cache: Cache<Key, Arc<Planned>>,
    /// Plans without what somebody may not have.
    masked: Cache<MaskedKey, Arc<Plan>>,
    /// What is shown in introspection to those from whom some requirements hide fields.
    visible: Cache<Mask, Arc<Visible>>,
    next: AtomicU64,
}

/// An operation and what of it is denied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MaskedKey {
    planned: u64,
    mask: Mask,
    /// Bytes of the text.
    size: usize,
}

impl Plans {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(BYTES_MAX).weigher(|key: &Key, _| weight(key.query.len())).build();
        let masked = Cache::builder().max_capacity(BYTES_MAX).weigher(|key: &MaskedKey, _| weight(key.size)).build();
        let visible = Cache::new(VISIBLE_MAX);
        Self { cache, masked, visible, next: AtomicU64::new(0) }
    }

    /// The plan of an operation. Errors: the document is refused, has no such operation, or cannot be planned.
    pub(super) fn get_or_plan(
        &self,
        snapshot: &Snapshot,
        query: &str,
        request: &Request,
    ) -> Result<Arc<Planned>, Refusal> {
        let name = request.operation_name.as_deref();
        let asked: &dyn Parts = &(query, name);
        let limits = &snapshot.rules.limits;
        if let Some(planned) = self.cache.get(asked) {
            if limits.differ() {
                // It may have been planned for somebody who may ask more.
                limits.of(&request.identity, &request.headers).check(&planned.plan.operation)?;
            }
            telemetry::metrics().plan_lookup(Lookup::Hit);
            note(&request.trace, &planned, "hit");
            return Ok(planned);
        }
        telemetry::metrics().plan_lookup(Lookup::Miss);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let planned = Arc::new(plan(snapshot, query, number, request)?);
        note(&request.trace, &planned, "miss");
        self.cache.insert(Key { query: query.into(), name: name.map(Into::into) }, Arc::clone(&planned));
        Ok(planned)
    }

    /// The plan of an operation that is known; nothing is counted.
    pub(super) fn find(&self, query: &str, name: Option<&str>) -> Option<Arc<Planned>> {
        let asked: &dyn Parts = &(query, name);
        self.cache.get(asked)
    }

    /// The plan without what is denied. Errors: it takes too long to find.
    pub(super) fn get_masked(
        &self,
        graph: &Graph,
        planned: &Planned,
        gates: &Gates,
        mask: Mask,
        size: usize,
    ) -> Result<Arc<Plan>, Refusal> {
        let key = MaskedKey { planned: planned.number, mask, size };
        if let Some(plan) = self.masked.get(&key) {
            return Ok(plan);
        }
        let plan = plan::build_masked(graph, Arc::clone(&planned.plan.operation), gates, &key.mask);
        let plan = Arc::new(plan.map_err(Refusal::from)?);
        self.masked.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// The API schema without fields of those requirements.
    pub(super) fn get_visible(&self, graph: &Graph, hidden: Mask) -> Arc<Visible> {
        self.visible.get(&hidden).unwrap_or_else(|| {
            let visible = Arc::new(Visible::of(graph, |access| hidden.denies(access.0 as usize)));
            self.visible.insert(hidden, Arc::clone(&visible));
            visible
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }
}

/// Estimated bytes of the plan of a text of that length.
fn weight(size: usize) -> u32 {
    u32::try_from(BYTES_MIN + size * BYTES_PER_BYTE).unwrap_or(u32::MAX)
}

/// Tells the trace what is asked.
fn note(trace: &Trace, planned: &Planned, outcome: &'static str) {
    let operation = &planned.plan.operation;
    trace.operation(operation.kind.as_str(), operation.name.as_deref(), outcome);
}

fn plan(snapshot: &Snapshot, query: &str, number: u64, request: &Request) -> Result<Planned, Refusal> {
    let Request { operation_name, trace, identity, headers, .. } = request;
    let limits = snapshot.rules.limits.of(identity, headers);
    let parsing = trace.parse();
    let read = || {
        let document = operation::parse(&snapshot.graph, query, &snapshot.limits)?;
        let operation = operation::bind(&snapshot.graph, &document, operation_name.as_deref())?;
        limits.check(&operation)?;
        Ok((document, operation))
    };
    let (document, operation) = read().inspect_err(|refusal: &Refusal| parsing.refused(refusal))?;
    drop(parsing);
    let planning = trace.plan();
    let introspects = introspects(&operation.selection).then_some(document);
    let (graph, authorization) = (&snapshot.graph, &snapshot.rules.authorization);
    let gates = Gates::of(graph, &operation, |access| authorization.needs(graph, access));
    let plan = plan::build(&snapshot.graph, Arc::new(operation)).map_err(Refusal::from);
    let plan = plan.inspect_err(|refusal| planning.refused(refusal))?;
    let caching = cache_hint(&snapshot.graph, &plan);
    let repeats = if introspects.is_none() { Terms::of(snapshot, &plan) } else { None };
    let estimate = Estimate::new(&snapshot.graph, &plan, snapshot.rules.costing);
    let standing = snapshot.rules.documents.standing(&plan.operation);
    Ok(Planned { plan: Arc::new(plan), estimate, introspects, caching, repeats, gates, standing, number })
}

/// The strictest of all fields.
fn cache_hint(graph: &Graph, plan: &Plan) -> CacheHint {
    let variants = plan.positions.iter().flat_map(|position| &position.variants);
    let fields = variants.flat_map(|variant| &variant.fields).filter_map(|field| field.field);
    fields.map(|field| graph.cache_hint(field)).fold(CacheHint::default(), CacheHint::and)
}

fn introspects(selection: &Selection) -> bool {
    let mut fields = selection.variants.iter().flat_map(|variant| &variant.fields);
    fields.any(|field| field.field == FieldRef::Introspection)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    query: Box<str>,
    name: Option<Box<str>>,
}

/// A key, owned or borrowed, so that a look-up copies nothing.
trait Parts {
    fn parts(&self) -> (&str, Option<&str>);
}

impl Parts for Key {
    fn parts(&self) -> (&str, Option<&str>) {
        (&self.query, self.name.as_deref())
    }
}

impl Parts for (&str, Option<&str>) {
    fn parts(&self) -> (&str, Option<&str>) {
        *self
    }
}

impl Hash for dyn Parts + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn Parts + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Parts + '_ {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl<'a> Borrow<dyn Parts + 'a> for Key {
    fn borrow(&self) -> &(dyn Parts + 'a) {
        self
    }
}
