//! Spans of a request: one for the request, for parsing, for planning, for each step and for each call of an upstream.
//!
//! Names and attributes follow OpenTelemetry's semantic conventions for HTTP and GraphQL; ours start with `weft.`. A span exists
//! only where the exporter (or a log level of `debug`) asks for it and its trace is sampled; without, a [`Trace`] carries what
//! the caller sent in `traceparent`, or nothing at all. Not here: where spans go (`export`).

use std::{fmt::Display, future::Future, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::{Instrument as _, Span, debug_span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    export,
    trace::{Hex, TraceContext},
};
use crate::error::Refusal;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The target of all spans, by which the exporter knows them.
pub(super) const TARGET: &str = module_path!();

tokio::task_local! {
    /// The trace that the running task works for, for the log.
    static TRACE_ID: [u8; 16];
}

/// A place in a request's trace: the parent of what is done there. Cheap to clone; the span ends with the last clone.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Disabled where nobody records.
    span: Span,
    /// What goes out when no span of ours does; `None`: the caller traces nothing and neither do we.
    carried: Option<Arc<Carried>>,
    /// The paths of calls below it are not to be read.
    hides_paths: bool,
}

/// A trace context as it came, or as it was made for a trace that is not sampled.
#[derive(Debug)]
struct Carried {
    context: TraceContext,
    parent: HeaderValue,
    /// `tracestate`, its lines as one.
    state: Option<HeaderValue>,
}

impl Default for Trace {
    fn default() -> Self {
        Self { span: Span::none(), carried: None, hides_paths: false }
    }
}

/// What the span of an HTTP request says of it.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a str,
    /// Its version.
    pub version: Version,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

impl Trace {
    /// Begins with a request. An invalid `traceparent` is dropped, and `tracestate` means nothing without it
    /// (W3C Trace Context, 4.3).
    pub fn of_request(request: HttpRequest<'_>) -> Self {
        let incoming = Carried::read(request.headers);
        let Some(sampler) = export::sampler() else {
            // Nobody exports: a span is only made where the log's level asks for it.
            return Self { span: request_span(request), carried: incoming.map(Arc::new), hides_paths: false };
        };
        let drawn = match sampler.sample(incoming.as_ref().map(|carried| carried.context)) {
            export::Sampled::Yes => {
                let span = request_span(request);
                if let Some(carried) = &incoming {
                    // Fails only where no exporter is listening to this span.
                    let _ = span.set_parent(carried.as_remote());
                }
                return Self { span, carried: incoming.map(Arc::new), hides_paths: false };
            }
            export::Sampled::No(drawn) => drawn,
        };
        // Who is called has to know that this trace is not recorded, or would begin one of its own.
        let carried = incoming.or_else(|| Carried::new(drawn));
        Self { span: Span::none(), carried: carried.map(Arc::new), hides_paths: false }
    }

    /// Runs a future as part of this trace: its log lines carry the trace's id. A large one is better lent: each way that it may go has
    /// room for what it is given.
    pub async fn follow<F: Future>(&self, work: F) -> F::Output {
        match self.id() {
            None => work.await,
            Some(id) => TRACE_ID.scope(id, work.instrument(self.span.clone())).await,
        }
    }

    /// The span of reading and validating a document.
    #[must_use]
    pub fn parse(&self) -> Self {
        self.child(|span| {
            debug_span!(parent: span, "parse", otel.name = "parse", otel.status_code = Empty, error.r#type = Empty)
        })
    }

    /// The span of planning an operation.
    #[must_use]
    pub fn plan(&self) -> Self {
        self.child(|span| {
            debug_span!(parent: span, "plan", otel.name = "plan", otel.status_code = Empty, error.r#type = Empty)
        })
    }

    /// The span of a step: `connector` is its coordinate, `kind` how often it calls, `keys` the number of distinct keys.
    #[must_use]
    pub fn step(&self, connector: &impl Display, kind: &'static str, keys: usize) -> Self {
        self.child(|span| {
            debug_span!(
                parent: span, "step", otel.name = %connector, weft.connector = %connector, weft.step.kind = kind,
                weft.step.keys = count(keys), otel.status_code = Empty, otel.status_description = Empty,
                error.r#type = Empty
            )
        })
    }

    /// The span of one call of an upstream.
    #[must_use]
    pub fn call(&self, upstream: &str, method: &Method, url: &str) -> Self {
        self.child(|span| {
            let shown = shown(url, self.hides_paths);
            debug_span!(
                parent: span, "call", otel.name = method.as_str(), otel.kind = "client",
                http.request.method = method.as_str(), url.full = shown.url, server.address = shown.host,
                server.port = shown.port, weft.upstream = upstream, http.request.resend_count = Empty,
                http.response.status_code = Empty, otel.status_code = Empty, otel.status_description = Empty,
                error.r#type = Empty
            )
        })
    }

    fn child(&self, span: impl FnOnce(&Span) -> Span) -> Self {
        let span = if self.span.is_disabled() { Span::none() } else { span(&self.span) };
        Self { span, carried: self.carried.clone(), hides_paths: self.hides_paths }
    }

    /// Calls below it have something in the paths of their URLs that nobody should read.
    pub fn hide_paths(&mut self) {
        self.hides_paths = true;
    }

    /// Notes which operation a request asked for, and whether its plan was known.
    #[inline]
    pub fn operation(&self, kind: &'static str, name: Option<&str>, plan: &'static str) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("graphql.operation.type", kind);
        self.span.record("weft.plan.cache", plan);
        if let Some(name) = name {
            self.span.record("graphql.operation.name", name);
        }
    }

    /// Notes who asks, where that may be told.
    pub fn identity(&self, name: Option<&str>) {
        if let Some(name) = name.filter(|_| !self.span.is_disabled()) {
            self.span.record("enduser.id", name);
        }
    }

    /// Notes the certificate of the caller's connection: its subject and its SHA-256 in hexadecimal digits.
    pub fn certificate(&self, certificate: Option<(&str, &str)>) {
        if let Some((subject, hash)) = certificate.filter(|_| !self.span.is_disabled()) {
            self.span.record("tls.client.subject", subject);
            self.span.record("tls.client.hash.sha256", hash);
        }
    }

    /// Notes an HTTP status. `fails_from`: the lowest status that is a failure at this end (500 for the server's, 400 for the
    /// client's; OpenTelemetry, HTTP spans, "Status").
    #[inline]
    pub fn status(&self, status: u16, fails_from: u16) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("http.response.status_code", i64::from(status));
        if status >= fails_from {
            self.span.record("error.type", status.to_string().as_str());
            self.span.record("otel.status_code", "ERROR");
        }
    }

    /// Notes a failure: its class and, for operators, what happened.
    pub fn failed(&self, class: &str, description: &dyn Display) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("error.type", class);
        self.span.record("otel.status_description", description.to_string().as_str());
    }

    /// Notes a refusal: its code, and what the caller is told.
    pub fn refused(&self, refusal: &Refusal) {
        let message = refusal.errors.first().map_or("", |error| error.message.as_str());
        self.failed(refusal.code.as_str(), &message);
    }

    /// Notes that a call is sent again.
    pub fn resent(&self, times: usize) {
        if !self.span.is_disabled() {
            self.span.record("http.request.resend_count", count(times));
        }
    }

    /// Adds the headers of a call that goes out, unless its `own` have a `traceparent`: this span is the parent of what the
    /// upstream does, and where there is none, the caller's is.
    pub fn inject(&self, own: &HeaderMap, added: &mut HeaderMap) {
        let ours = self.recorded().and_then(|span| HeaderValue::try_from(traceparent(&span)).ok());
        let carried = self.carried.as_deref();
        let Some(parent) = ours.or_else(|| Some(carried?.parent.clone())) else { return };
        if own.contains_key(TRACEPARENT) {
            return;
        }
        added.insert(TRACEPARENT, parent);
        if let Some(state) = carried.and_then(|carried| carried.state.clone()) {
            added.insert(TRACESTATE, state);
        }
    }

    /// The trace's id.
    fn id(&self) -> Option<[u8; 16]> {
        match self.recorded() {
            Some(span) => Some(span.trace_id().to_bytes()),
            None => self.carried.as_ref().map(|carried| carried.context.trace),
        }
    }

    /// The exported span, where there is one.
    #[inline]
    fn recorded(&self) -> Option<SpanContext> {
        if self.span.is_disabled() {
            return None;
        }
        let context = self.span.context();
        let span = context.span();
        Some(span.span_context()).filter(|span| span.is_valid()).cloned()
    }
}

/// The trace of the running task as hexadecimal digits.
pub(super) fn current() -> Option<String> {
    TRACE_ID.try_with(|id| Hex(id).to_string()).ok()
}

/// Lets a task of its own carry the trace of the task that spawns it.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = TRACE_ID.try_with(|id| *id).ok();
    async move {
        match id {
            None => work.await,
            Some(id) => TRACE_ID.scope(id, work).await,
        }
    }
}

#[inline]
fn request_span(request: HttpRequest<'_>) -> Span {
    let span = debug_span!(
        parent: None, "request", otel.name = Empty, otel.kind = "server", http.request.method = request.method.as_str(),
        http.route = request.path, url.path = request.path, url.scheme = "http",
        network.protocol.version = version(request.version), user_agent.original = Empty, enduser.id = Empty,
        tls.client.subject = Empty, tls.client.hash.sha256 = Empty,
        graphql.operation.r#type = Empty, graphql.operation.name = Empty, weft.plan.cache = Empty,
        http.response.status_code = Empty, otel.status_code = Empty, otel.status_description = Empty, error.r#type = Empty
    );
    if !span.is_disabled() {
        span.record("otel.name", format_args!("{} {}", request.method, request.path).to_string().as_str());
        if let Some(agent) = request.headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok()) {
            span.record("user_agent.original", agent);
        }
    }
    span
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// OpenTelemetry's numbers are signed.
fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What a span may show of a URL.
struct Shown {
    url: String,
    host: String,
    port: Option<i64>,
}

/// Credentials and the values of the query stay out: they may be keys, and traces are read by more people than secrets are.
fn shown(text: &str, hides_path: bool) -> Shown {
    let Ok(mut url) = url::Url::parse(text) else {
        return Shown { url: String::new(), host: String::new(), port: None };
    };
    // Both fail only for URLs without a host, which have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if hides_path {
        url.set_path("/REDACTED");
    }
    if let Some(query) = url.query() {
        let names = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=REDACTED"),
            None => pair.to_owned(),
        });
        let redacted = names.collect::<Vec<_>>().join("&");
        url.set_query(Some(&redacted));
    }
    Shown {
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().map(i64::from),
        url: url.into(),
    }
}

fn traceparent(span: &SpanContext) -> String {
    let context = TraceContext {
        trace: span.trace_id().to_bytes(),
        parent: span.span_id().to_bytes(),
        flags: span.trace_flags().to_u8(),
    };
    context.to_string()
}

impl Carried {
    fn read(headers: &HeaderMap) -> Option<Self> {
        // Few headers come with a request, and mostly not this one: it is not worth its hash.
        let (_, parent) = headers.iter().find(|(name, _)| *name == TRACEPARENT)?;
        let context = TraceContext::parse(parent.to_str().ok()?)?;
        let mut states = headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes);
        let first = states.next().map(<[u8]>::to_vec);
        let state = first.map(|first| states.fold(first, |all, next| [all.as_slice(), b",", next].concat()));
        Some(Self { context, parent: parent.clone(), state: state.and_then(|state| state.try_into().ok()) })
    }

    fn new(context: TraceContext) -> Option<Self> {
        let parent = HeaderValue::try_from(context.to_string()).ok()?;
        Some(Self { context, parent, state: None })
    }

    /// As the parent of a span of ours.
    fn as_remote(&self) -> opentelemetry::Context {
        let TraceContext { trace, parent, flags } = self.context;
        let state = self.state.as_ref().and_then(|state| state.to_str().ok()?.parse::<TraceState>().ok());
        let span = SpanContext::new(
            TraceId::from_bytes(trace),
            SpanId::from_bytes(parent),
            TraceFlags::new(flags),
            true,
            state.unwrap_or_default(),
        );
        opentelemetry::Context::new().with_remote_span_context(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    /// What goes out with a call that has these headers, for a request that came with those.
    fn sent(incoming: &[(&'static str, &'static str)], own: &[(&'static str, &'static str)]) -> HeaderMap {
        let incoming = headers(incoming);
        let request = HttpRequest { method: &Method::GET, path: "/", version: Version::HTTP_11, headers: &incoming };
        let trace = Trace::of_request(request);
        let mut added = HeaderMap::new();
        trace
            .step(&"shop:Query.a[0]", "root", 1)
            .call("shop", &Method::GET, "http://a/")
            .inject(&headers(own), &mut added);
        added
    }

    #[test]
    fn without_spans_the_callers_context_goes_on_with_its_state() {
        let incoming = [("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2"), ("cookie", "x")];
        assert_eq!(sent(&incoming, &[]), headers(&[("traceparent", PARENT), ("tracestate", "a=1,b=2")]));
        assert!(sent(&incoming, &[("traceparent", "own")]).is_empty(), "the schema's own stays");
        assert!(sent(&[("traceparent", "nonsense"), ("tracestate", "a=1")], &[]).is_empty());
        assert!(sent(&[("tracestate", "a=1")], &[]).is_empty());
        assert!(sent(&[], &[]).is_empty());
    }

    #[tokio::test]
    async fn the_log_knows_the_trace_of_its_task() {
        let incoming = headers(&[("traceparent", PARENT)]);
        let request = HttpRequest { method: &Method::GET, path: "/", version: Version::HTTP_11, headers: &incoming };
        let id = || async { current() };
        let expected = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
        let trace = Trace::of_request(request);
        assert_eq!(trace.follow(id()).await, expected);
        let spawned = trace.follow(async { tokio::spawn(carried(id())).await.unwrap() });
        assert_eq!(spawned.await, expected, "also of a task of its own");
        assert_eq!(Trace::default().follow(id()).await, None);
    }

    #[test]
    fn credentials_and_values_stay_out_of_spans() {
        let url = |text| shown(text, false).url;
        assert_eq!(
            url("https://user:pass@a.example/x?key=s3cret&flag&a=b=c"),
            "https://a.example/x?key=REDACTED&flag&a=REDACTED"
        );
        assert_eq!(url("http://a/x"), "http://a/x");
        assert_eq!((shown("http://a:81/", false).host.as_str(), shown("http://a:81/", false).port), ("a", Some(81)));
        assert_eq!(shown("https://a/", false).port, Some(443));
        assert_eq!(url("nonsense"), "");
        assert_eq!(shown("https://a.example/users/s3cret?x=1", true).url, "https://a.example/REDACTED?x=REDACTED");
    }
}
