//! The life of a request.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Caching, Snapshot, audit, cache::Planned, repeats::Terms, spent};
use crate::{
    error::{ErrorCode, Refusal},
    execute::{self, Caller, Judge, Sources},
    mapping::Object,
    operation::{self, Kind, VariableValues},
    plan::{Mask, Plan},
    policy::{Charge, DocumentId, Identity, Judging, Limits, Presented, Price, Question, Rules, Spender},
    telemetry::{self, Trace},
};

/// A GraphQL request, whatever transport it came by.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document, where it was sent.
    pub query: Option<String>,
    /// How the request names its document instead of sending it, or beside.
    pub document_id: Option<DocumentId>,
    /// `operationName`.
    pub operation_name: Option<String>,
    /// `variables`.
    pub variables: Object,
    /// Who asks, as [`Gateway::identify`] found out.
    pub identity: Identity,
    /// The other end of the connection that it came by.
    pub peer: Option<IpAddr>,
    /// Headers of the HTTP request.
    pub headers: Arc<HeaderMap>,
    /// Mutations are refused (HTTP GET).
    pub read_only: bool,
    /// Its trace.
    pub trace: Trace,
}

/// What goes back.
#[derive(Debug)]
pub struct Answer {
    /// The body: `{"data":…,"errors":[…]}` or `{"errors":[…]}`.
    pub body: Bytes,
    /// Why nothing was executed, when the request was refused.
    pub refused: Option<ErrorCode>,
    /// What it says to those who keep answers.
    pub caching: Caching,
    /// Further header fields of the HTTP answer, about the caller's means.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The gateway: one current snapshot.
#[derive(Debug)]
pub struct Gateway {
    snapshot: arc_swap::ArcSwap<Snapshot>,
}

impl Gateway {
    /// Starts with a snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        snapshot.start();
        Self { snapshot: arc_swap::ArcSwap::from_pointee(snapshot) }
    }

    /// Swaps the snapshot; requests in flight finish on the old one.
    pub fn swap(&self, snapshot: Snapshot) {
        snapshot.start();
        self.snapshot.store(Arc::new(snapshot));
    }

    /// The snapshot that the next request will see.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Who sent a request with these headers, from the other end of this connection, on which they were verified by this certificate.
    /// Errors: `UNAUTHENTICATED`, `UPSTREAM_UNAVAILABLE`; nothing else of the request need be read.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        presented: Option<&Presented>,
    ) -> Result<Identity, Refusal> {
        let snapshot = self.snapshot.load_full();
        let identity = snapshot.rules.authentication.identify(headers, peer, presented).await;
        identity.inspect_err(|refusal| {
            let caller = audit::Caller { identity: &Identity::default(), headers, peer };
            snapshot.tell_refused(caller, None, refusal);
        })
    }

    /// Tells of a request that was refused before it could be answered here.
    pub fn tell_refused(&self, identity: &Identity, headers: &HeaderMap, peer: Option<IpAddr>, refusal: &Refusal) {
        self.snapshot.load().tell_refused(audit::Caller { identity, headers, peer }, None, refusal);
    }

    /// Answers one request. Errors: it was refused, nothing was executed; [`Answer::refused`] is what to send.
    pub async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        // One graph, start to end.
        let snapshot = self.snapshot.load_full();
        match snapshot.admit(request).await {
            Ok(admitted) => Ok(run(&snapshot, request, admitted).await),
            Err(refusal) => {
                let Request { identity, headers, peer, .. } = request;
                let caller = audit::Caller { identity, headers, peer: *peer };
                snapshot.tell_refused(caller, Some(request), &refusal);
                Err(refusal)
            }
        }
    }
}

/// What a request became when nothing stood against it.
#[derive(Debug)]
struct Admitted<'a> {
    planned: Arc<Planned>,
    variables: VariableValues,
    price: Price,
    limits: &'a Limits,
    introspection: Object,
    masked: Option<Masked>,
    charge: Charge<'a>,
}

impl Snapshot {
    /// All that may stand against a request, in order. Errors: something does.
    async fn admit(&self, request: &Request) -> Result<Admitted<'_>, Refusal> {
        // Again: whoever made this request may have forgotten to ask who sent it.
        self.rules.authentication.admit(&request.identity)?;
        let documents = &self.rules.documents;
        let own = documents.own(&request.identity, &request.headers);
        let document = documents.resolve(own, request.query.as_deref(), request.document_id.as_ref())?;
        let planned = self.plans.get_or_plan(self, &document.text, request)?;
        documents.keep(&document);
        let operation = &planned.plan.operation;
        if request.read_only && operation.kind == Kind::Mutation {
            return Err(Refusal::new(ErrorCode::MethodNotAllowed, "mutations have to be sent by POST"));
        }
        let variables = operation::coerce(&self.graph, operation, &request.variables)?;
        let (identity, headers, peer) = (&request.identity, &*request.headers, request.peer);
        let limits = self.rules.limits.of(identity, headers);
        let price = Rules::afford(limits, operation, &planned.estimate, &variables)?;
        let question = Question { identity, headers, operation, variables: &variables };
        let introspection = if let Some(document) = &planned.introspects {
            if !self.introspection {
                let message = "`__schema` and `__type` are not answered here (`server.introspection`)";
                return Err(Refusal::new(ErrorCode::IntrospectionDisabled, message));
            }
            let hidden = self.rules.authorization.hidden(&self.graph, question);
            match hidden.map(|hidden| self.plans.get_visible(&self.graph, hidden)) {
                Some(visible) => operation::introspect_visible(&visible, document, operation, &variables)?,
                None => operation::introspect(&self.graph, document, operation, &variables)?,
            }
        } else {
            Object::new()
        };
        let mut masked = None;
        if let Some(gates) = &planned.gates {
            let mask = self.rules.authorization.judge(&self.graph, gates, &question)?;
            if !mask.is_empty() {
                if mask.has_denied() {
                    self.tell_denied(peer, &question, gates, &mask);
                }
                let guards_for = mask.has_guards().then(|| (identity.clone(), peer));
                let plan = self.plans.get_masked(&self.graph, &planned, gates, mask, document.text.len())?;
                masked = Some(Masked { plan, guards_for });
            }
        }
        let spender = Spender { identity, headers, peer, operation: operation.name.as_deref() };
        // Last, so that only what is answered is counted; an answer that is repeated counts too.
        let charge = self.rules.rates.charge(&spender, price.cost).await?;
        // What nobody could be answered is nothing that a list should have.
        if let Some(standing) = &planned.standing
            && let Some(outcome) = documents.notice(standing, own, &document.text, operation)
        {
            self.tell_untrusted(request, operation, &document, outcome);
        }
        Ok(Admitted { planned, variables, price, limits, introspection, masked, charge })
    }
}

/// Answers what was let in.
async fn run(snapshot: &Arc<Snapshot>, request: &Request, admitted: Admitted<'_>) -> Answer {
    let Admitted { planned, variables, price, limits, introspection, masked, charge } = admitted;
    let context = snapshot.context.of(&request.headers, &request.identity);
    let is_known = !request.identity.is_anonymous();
    let is_identified = request.identity.is_told_apart() || snapshot.reads.identify(&request.headers);
    let (headers, trace) = (Arc::clone(&request.headers), request.trace.clone());
    let caller = Caller { headers, context, is_known, trace };
    let asked = Arc::new(Asked { snapshot: Arc::clone(snapshot), planned, masked, variables, caller });
    let made = asked.made(introspection, is_identified).await;
    let planned = &asked.planned;
    let Made { body, sources, error_count, actual } = &*made;
    let (body, error_count, actual) = (body.clone(), *error_count, *actual);
    let mut caching = Caching::default();
    if planned.plan.operation.kind == Kind::Query {
        caching = Caching::of_query(sources, planned.caching, error_count, is_identified);
        caching.vary.clone_from(&snapshot.reads.vary);
    }
    telemetry::metrics().field_errors(error_count);
    telemetry::metrics().cost(price.cost, actual);
    let mut headers = Vec::new();
    charge.settle(actual, &mut headers);
    let body = spent::show(snapshot.rules.costing, limits, price, actual, body, &mut headers);
    Answer { body, refused: None, caching, headers }
}

/// An operation, ready to run.
#[derive(Debug)]
struct Asked {
    snapshot: Arc<Snapshot>,
    planned: Arc<Planned>,
    /// Where its caller may not have all of it.
    masked: Option<Masked>,
    variables: VariableValues,
    caller: Caller,
}

/// What somebody may have of an operation.
#[derive(Debug)]
struct Masked {
    plan: Arc<Plan>,
    /// Who asks, and from where, where some of it depends on objects.
    guards_for: Option<(Identity, Option<IpAddr>)>,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) body: Bytes,
    pub(super) sources: Sources,
    pub(super) error_count: usize,
    /// What it cost, where that is reckoned.
    pub(super) actual: Option<u64>,
}

impl Asked {
    /// Runs the operation, or finds its answer: remembered, or being made for somebody else.
    async fn made(self: &Arc<Self>, introspection: Object, is_identified: bool) -> Arc<Made> {
        let snapshot = &self.snapshot;
        let Some(terms) = self.terms() else {
            let is_write = self.planned.plan.operation.kind == Kind::Mutation;
            // Also when its caller leaves.
            let _written = is_write.then(|| snapshot.operations.write());
            return Arc::new(self.run(introspection).await);
        };
        let key = || terms.key(&self.variables, &self.caller);
        if terms.has_remembered.load(Ordering::Relaxed)
            && let Some(made) = snapshot.answers.find(&key(), &snapshot.upstreams)
        {
            telemetry::metrics().answer_repeated();
            return Arc::new(made);
        }
        if terms.may_share(is_identified) {
            let asked = Arc::clone(self);
            return snapshot.operations.run(key(), || async move { Arc::new(asked.run(introspection).await) }).await;
        }
        Arc::new(self.run(introspection).await)
    }

    /// What its answer depends on, where it may be another's: what is left out for somebody is not.
    fn terms(&self) -> Option<&Terms> {
        self.planned.repeats.as_ref().filter(|_| self.masked.is_none())
    }

    /// Who decides what depends on objects.
    fn judging(&self) -> Option<Judging<'_>> {
        let snapshot = &self.snapshot;
        let gates = self.planned.gates.as_ref()?;
        Some(snapshot.rules.authorization.judging(&snapshot.graph, gates, self.question()?))
    }

    /// What is asked about objects.
    fn question(&self) -> Option<Question<'_>> {
        let Self { planned, masked, variables, caller, .. } = self;
        let (identity, _) = masked.as_ref()?.guards_for.as_ref()?;
        Some(Question { identity, headers: &caller.headers, operation: &planned.plan.operation, variables })
    }

    /// Tells of what some object does not show to this caller.
    fn tell_closed(&self, closed: &Mask) {
        if closed.is_empty() {
            return;
        }
        let peer = self.masked.as_ref().and_then(|masked| masked.guards_for.as_ref()?.1);
        if let (Some(gates), Some(question)) = (&self.planned.gates, self.question()) {
            self.snapshot.tell_denied(peer, &question, gates, closed);
        }
    }

    /// Runs it, and remembers what may be.
    async fn run(&self, introspection: Object) -> Made {
        let Self { snapshot, planned, masked, variables, caller } = self;
        let (settings, upstreams) = (&snapshot.settings, &snapshot.upstreams);
        let plan = masked.as_ref().map_or(&planned.plan, |masked| &masked.plan);
        let judging = self.judging();
        let judge = judging.as_ref().map(|judging| judging as &dyn Judge);
        let run = execute::run(&snapshot.graph, plan, variables, introspection, caller, judge, settings, upstreams);
        let execute::Outcome { body, sources, error_count, .. } = run.await;
        if let Some(judging) = judging {
            self.tell_closed(&judging.into_closed());
        }
        let actual = planned.estimate.actual(&body, variables);
        let made = Made { body: body.into(), sources, error_count, actual };
        if let Some(terms) = self.terms() {
            snapshot.answers.keep(terms, || terms.key(variables, caller), &made);
        }
        made
    }
}
