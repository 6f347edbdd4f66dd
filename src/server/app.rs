//! What answers on the GraphQL listener.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts},
};
use futures_util::FutureExt;

use super::{admit, connection::InFlight, cors, graphiql, graphql, graphql::Refused, media::Media};
use crate::{
    config,
    error::{ErrorCode, Refusal},
    gateway::Gateway,
    policy::Identity,
    telemetry::{self, HttpRequest, Trace},
    upstream::Pressure,
};

/// Answers the requests of a listener. Not tower's `Service`: no readiness, no boxed future per request.
pub(super) trait Responder: Send + Sync + 'static {
    /// Answers one request. `in_flight` is its place on a connection.
    fn respond(
        &self,
        request: Request<Body>,
        in_flight: Option<&InFlight>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// The GraphQL endpoint and GraphiQL.
#[derive(Debug)]
pub struct App {
    pub(super) gateway: Arc<Gateway>,
    settings: ArcSwap<config::Server>,
    tabs: Vec<graphiql::Tab>,
    ready: AtomicBool,
    /// Counts requests from their head to their answer.
    pressure: Arc<Pressure>,
}

impl App {
    /// An endpoint over a gateway. `tabs` are what GraphiQL opens with.
    pub fn new(gateway: Arc<Gateway>, settings: config::Server, tabs: Vec<graphiql::Tab>) -> Self {
        Self {
            pressure: Arc::clone(&gateway.snapshot().pressure),
            gateway,
            settings: ArcSwap::from_pointee(settings),
            tabs,
            ready: AtomicBool::new(true),
        }
    }

    /// Takes the settings of a reload. Addresses and what bounds connections stay as they were at the start.
    pub fn reload(&self, settings: config::Server) {
        self.settings.store(Arc::new(settings));
    }

    /// Whether new requests are welcome.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// From here on load balancers are told to go elsewhere.
    pub(super) fn retire(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// Answers one request, as [`super::Server`] does for those of its sockets.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        self.respond(request, None).await
    }

    /// What is not at the GraphQL path: GraphiQL's files, or nothing.
    fn elsewhere(settings: &config::Server, parts: &Parts) -> Response<Body> {
        let path = parts.uri.path();
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if settings.graphiql && reads {
            if let Some(name) = graphiql::asset_name(&settings.path, path) {
                return graphiql::asset(name, &parts.headers);
            }
            if path == "/" && super::media::wants_page(&parts.headers) {
                return graphiql::redirect(&settings.path);
            }
        }
        let message = format!("nothing is here: GraphQL is at `{}`", settings.path);
        let mut response = graphql::refuse(Refused::new(Refusal::new(ErrorCode::BadRequest, message), Media::Json));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }

    /// What needs no operation: preflights, the page for browsers, other paths.
    fn at_once(&self, settings: &config::Server, parts: &Parts) -> Option<Response<Body>> {
        if parts.uri.path() != settings.path {
            return Some(Self::elsewhere(settings, parts));
        }
        if parts.method == Method::OPTIONS {
            return Some(options(settings, &parts.method, &parts.headers));
        }
        let is_page = settings.graphiql
            && matches!(parts.method, Method::GET | Method::HEAD)
            && super::media::wants_page(&parts.headers);
        is_page.then(|| graphiql::page(&settings.path, &self.tabs))
    }
}

impl Responder for App {
    async fn respond(&self, request: Request<Body>, in_flight: Option<&InFlight>) -> Response<Body> {
        let settings = self.settings.load_full();
        let (parts, body) = request.into_parts();
        if let Some(response) = self.at_once(&settings, &parts) {
            return response;
        }
        let started = Instant::now();
        // For the answer's headers, after the request has taken its own; most requests come without an origin.
        let origin = (!settings.cors.origins.is_empty()).then(|| origin_only(&parts.headers));
        let trace = Trace::of_request(HttpRequest {
            method: &parts.method,
            path: parts.uri.path(),
            version: parts.version,
            headers: &parts.headers,
        });
        let mut response = match self.pressure.enter(settings.requests_max) {
            None => {
                let (refusal, peer) = (admit::refusal(settings.requests_max), in_flight.map(InFlight::peer));
                let told = async { self.gateway.tell_refused(&Identity::default(), &parts.headers, peer, &refusal) };
                trace.follow(told).await;
                admit::refuse(refusal, &parts.headers)
            }
            Some(_place) => {
                let work = graphql::answer(&self.gateway, &settings, parts, body, in_flight, &trace);
                let work = pin!(AssertUnwindSafe(work).catch_unwind());
                trace.follow(work).await.unwrap_or_else(|_panic| broken())
            }
        };
        if let Some(origin) = origin {
            cors::mark(&settings.cors, &origin, response.headers_mut());
        }
        let status = response.status().as_u16();
        trace.status(status, 500);
        telemetry::metrics().request(status, started.elapsed());
        response
    }
}

fn origin_only(headers: &HeaderMap) -> HeaderMap {
    headers.get(header::ORIGIN).map(|origin| (header::ORIGIN, origin.clone())).into_iter().collect()
}

fn options(settings: &config::Server, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, graphql::METHODS);
    if cors::is_preflight(method, headers) {
        cors::preflight(&settings.cors, headers, response.headers_mut());
    }
    cors::mark(&settings.cors, headers, response.headers_mut());
    response
}

/// A fault of ours: the caller gets an id to tell, the log has the rest (the panic's own message and place come before).
fn broken() -> Response<Body> {
    let id = uuid::Uuid::now_v7().to_string();
    tracing::error!(request.id = %id, "a request was given up after a panic");
    let mut refusal = Refusal::new(ErrorCode::Internal, "internal error");
    for error in &mut refusal.errors {
        error.extensions.insert("requestId".to_owned(), id.clone().into());
    }
    let mut response = graphql::refuse(Refused::new(refusal, Media::Json));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
