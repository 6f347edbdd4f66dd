//! One call over the wire: request out, status, headers and body in.

use std::{cell::Cell, error::Error, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy;

use super::{
    Call, CallError, Freshness, Kept, Reply, Sent, Served, UpstreamSpec,
    connect::{CONNECTED, ConnectTimedOut, Connections, Pool, PoolSettings},
    report::Report,
    target,
};

/// Space reserved for a body on the word of its `content-length`; what is longer grows as it comes.
const RESERVED_MAX: usize = 1 << 20;

/// Makes the calls of one upstream.
#[derive(Debug)]
pub(super) struct Client {
    spec: Arc<UpstreamSpec>,
    pool: Arc<Pool>,
    /// Headers of every request that does not set them itself.
    defaults: HeaderMap,
    report: Report,
}

/// A call without a usable reply.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: CallError,
    /// It was sent on a connection that had been used before, which ended without an answer.
    pub(super) was_pooled: bool,
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self { error, was_pooled: false }
    }
}

impl Client {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, connections: &Arc<Connections>, kept: &Kept) -> Self {
        let settings = PoolSettings {
            name: Arc::clone(&spec.name),
            connect_timeout: spec.connect_timeout,
            idle_max: spec.concurrency_max,
        };
        let key = (&settings, connections.transport());
        let pool = kept.share(&spec.name, &key, || Pool::new(settings.clone(), connections));
        let mut defaults = HeaderMap::new();
        defaults.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        defaults.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(super::decode::ACCEPTED));
        defaults.insert(header::USER_AGENT, HeaderValue::from_static(concat!("weft/", env!("CARGO_PKG_VERSION"))));
        Self { spec: Arc::clone(spec), pool, defaults, report: Report::default() }
    }

    /// The upstream's name.
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Sends the call once and reads its reply, body as received. `added` replaces headers of the call.
    pub(super) async fn send(&self, call: &Call, added: &HeaderMap) -> Result<Reply, Failure> {
        let mut uri = target::read(&call.url).map_err(|reason| self.invalid(reason))?;
        let mut headers = self.headers(call, added);
        if let Some(host) = self.pool.redirect(&mut uri) {
            headers.entry(header::HOST).or_insert(host);
        }
        let mut request = Request::new(Full::new(call.body.clone().unwrap_or_default()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let sent = CONNECTED.scope(Cell::new(false), async {
            let result = self.pool.send(request).await?.await;
            Some((result, CONNECTED.with(Cell::get)))
        });
        match sent.await {
            Some((Ok(response), _)) => self.read(response).await.map_err(Failure::from),
            Some((Err(error), connected)) => Err(self.failure(&error, connected)),
            None => Err(self.invalid("TLS cannot be set up").into()),
        }
    }

    /// The call's headers and those that every request has.
    fn headers(&self, call: &Call, added: &HeaderMap) -> HeaderMap {
        let mut headers = if call.headers.is_empty() {
            self.defaults.clone()
        } else {
            let mut headers = call.headers.clone();
            for (name, value) in &self.defaults {
                headers.entry(name).or_insert_with(|| value.clone());
            }
            headers
        };
        for (name, value) in added {
            headers.insert(name, value.clone());
        }
        if call.body.is_none() && [Method::POST, Method::PUT, Method::PATCH].contains(&call.method) {
            // RFC 9110, 8.6: methods that anticipate content say that there is none.
            headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        headers
    }

    /// Reads the body within its limit. Errors: `TooLarge`, `Unreadable`.
    async fn read(&self, response: http::Response<Incoming>) -> Result<Reply, CallError> {
        let limit = self.spec.body_max;
        let (head, mut body) = response.into_parts();
        let status = head.status.as_u16();
        let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if told > limit {
            return Err(self.too_large());
        }
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                self.report.failure(&self.spec.name, &Causes(&error));
                CallError::Unreadable { upstream: Arc::clone(&self.spec.name), status }
            })?;
            // Trailers tell nothing that is asked for.
            let Ok(chunk) = frame.into_data() else { continue };
            if first.len() + whole.len() + chunk.len() > limit {
                return Err(self.too_large());
            }
            if first.is_empty() && whole.is_empty() {
                // Most bodies are one chunk, and stay where they were received.
                first = chunk;
                continue;
            }
            if whole.is_empty() {
                whole.reserve(told.min(RESERVED_MAX).max(first.len() + chunk.len()));
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&chunk);
        }
        let body = if whole.is_empty() { first } else { whole.freeze() };
        let headers = Arc::new(head.headers);
        Ok(Reply { status, headers, body, freshness: Freshness::default(), served: Served::Fresh })
    }

    fn failure(&self, error: &legacy::Error, connected: bool) -> Failure {
        self.report.failure(&self.spec.name, &Causes(error));
        let upstream = Arc::clone(&self.spec.name);
        if cause::<ConnectTimedOut>(error).is_some() {
            return CallError::TimedOut { upstream, waited: self.spec.connect_timeout }.into();
        }
        // An upstream that did answer, but not in HTTP, was not lost.
        let is_nonsense = cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse);
        let was_pooled = !connected && !error.is_connect() && !is_nonsense;
        let sent = if error.is_connect() { Sent::Nothing } else { Sent::Maybe };
        Failure { error: CallError::Connection { upstream, sent }, was_pooled }
    }

    fn too_large(&self) -> CallError {
        CallError::TooLarge { upstream: Arc::clone(&self.spec.name), limit: self.spec.body_max }
    }

    fn invalid(&self, reason: impl Into<String>) -> CallError {
        CallError::Invalid { upstream: Arc::clone(&self.spec.name), reason: reason.into() }
    }
}

/// The first cause of a kind.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref::<E>())
}

type Cause<'a> = &'a (dyn Error + 'static);

fn causes<'a>(error: Cause<'a>) -> impl Iterator<Item = Cause<'a>> {
    std::iter::successors(error.source(), |error: &Cause<'a>| {
        let error: Cause<'a> = *error;
        error.source()
    })
}

/// An error with its causes. None of them names an address or a query.
struct Causes<'a>(&'a (dyn Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0)?;
        causes(self.0).try_for_each(|error| write!(out, ": {error}"))
    }
}
