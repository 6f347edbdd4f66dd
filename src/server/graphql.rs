//! GraphQL over HTTP: one request in, one answer out.

use std::{pin::pin, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use futures_util::future::{join_all, poll_immediate};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::{
    caching, compress,
    connection::InFlight,
    cors, csrf,
    media::{self, BodyType, Media},
    request::{self, Asked},
    status,
};
use crate::{
    aside::aside,
    config::Server,
    error::{ErrorCode, Refusal},
    gateway::{self, Answer, Gateway},
    policy::Identity,
    telemetry::Trace,
};

/// The methods of the endpoint.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// Answers differ by these headers.
pub(super) const VARY: HeaderValue = HeaderValue::from_static("accept, accept-encoding");

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Refused {
    refusal: Refusal,
    media: Media,
    /// Where HTTP says it more exactly than the code does.
    status: Option<StatusCode>,
}

impl Refused {
    pub(super) fn new(refusal: Refusal, media: Media) -> Self {
        Self { refusal, media, status: None }
    }

    fn http(status: StatusCode, message: impl Into<String>, media: Media) -> Self {
        Self { status: Some(status), ..Self::new(Refusal::new(ErrorCode::BadRequest, message), media) }
    }
}

/// Answers whatever came to the endpoint.
pub(super) async fn answer(
    gateway: &Gateway,
    settings: &Server,
    parts: Parts,
    body: Body,
    in_flight: Option<&InFlight>,
    trace: &Trace,
) -> Response<Body> {
    match run(gateway, settings, parts, body, in_flight, trace).await {
        Ok(response) => response,
        Err(refused) => refuse(*refused),
    }
}

/// Boxed: a refusal is large, rare, and on the way of every request.
type Outcome<T> = Result<T, Box<Refused>>;

async fn run(
    gateway: &Gateway,
    settings: &Server,
    parts: Parts,
    body: Body,
    in_flight: Option<&InFlight>,
    trace: &Trace,
) -> Outcome<Response<Body>> {
    let peer = in_flight.map(InFlight::peer);
    let Some(media) = media::choose(&parts.headers) else {
        let message = "answers are `application/graphql-response+json` or `application/json`: `Accept` names neither";
        let refused = Refused::http(StatusCode::NOT_ACCEPTABLE, message, Media::Json);
        gateway.tell_refused(&Identity::default(), &parts.headers, peer, &refused.refusal);
        return Err(Box::new(refused));
    };
    let refused = |refusal| Box::new(Refused::new(refusal, media));
    // Before the body is read: who is not let in sends nothing.
    let identity = gateway.identify(&parts.headers, peer, in_flight.and_then(InFlight::certificate)).await;
    let identity = identity.map_err(refused)?;
    trace.identity(identity.name());
    trace.certificate(identity.certificate_subject());
    let Parts { method, uri, headers, .. } = parts;
    let headers = Arc::new(headers);
    let asked = match method {
        Method::POST => take(body, &headers, settings, media, in_flight, trace).await,
        Method::GET => take_query(uri.query().unwrap_or_default(), &headers, settings, trace).map_err(refused),
        _ => {
            let message = format!("`{method}` is not a method of this endpoint: use POST, or GET for queries");
            Err(refused(Refusal::new(ErrorCode::MethodNotAllowed, message)))
        }
    };
    let asked = asked.inspect_err(|refused| gateway.tell_refused(&identity, &headers, peer, &refused.refusal))?;
    match asked {
        Asked::One(mut request) => {
            request.identity = identity;
            request.peer = peer;
            let by_get = request.read_only;
            let answer = gateway.answer(&request).await.map_err(refused)?;
            let has_tag = by_get.then(|| caching::tag(&answer)).flatten();
            let is_known = |tag: &&HeaderValue| caching::has(headers.get(header::IF_NONE_MATCH), tag);
            if let Some(tag) = has_tag.as_ref().filter(is_known) {
                return Ok(caching::not_modified(&answer.caching, tag.clone()));
            }
            let mut response = respond(&headers, media, answer.body).await;
            caching::mark(&answer.caching, by_get, has_tag, response.headers_mut());
            response.headers_mut().extend(answer.headers);
            Ok(response)
        }
        Asked::Many(mut requests) => {
            for request in &mut requests {
                request.identity = identity.clone();
                request.peer = peer;
            }
            let body = aside(|| batch(gateway, &requests)).await;
            Ok(respond(&headers, media, body).await)
        }
    }
}

/// Takes what a POST asks.
async fn take(
    body: Body,
    headers: &Arc<HeaderMap>,
    settings: &Server,
    media: Media,
    in_flight: Option<&InFlight>,
    trace: &Trace,
) -> Outcome<Asked> {
    check_body_headers(headers, media)?;
    // As `Content-Length` has it.
    if body.size_hint().lower() > settings.body_max as u64 {
        return Err(Box::new(too_large(settings, media)));
    }
    let body = read(body, settings, media).await?;
    if let Some(in_flight) = in_flight {
        in_flight.body_read();
    }
    let operations_max = settings.batching.enabled.then_some(settings.batching.operations_max);
    request::from_body(&body, Arc::clone(headers), operations_max, trace)
        .map_err(|refusal| Box::new(Refused::new(refusal, media)))
}

/// Takes what a GET asks.
fn take_query(query: &str, headers: &Arc<HeaderMap>, settings: &Server, trace: &Trace) -> Result<Asked, Refusal> {
    let origin_allowed = cors::allows(&settings.cors, headers);
    if settings.csrf && !csrf::is_safe(headers, origin_allowed) {
        return Err(Refusal::new(ErrorCode::CsrfPreventionFailed, csrf::MESSAGE));
    }
    request::from_query(query, Arc::clone(headers), trace).map(Asked::One)
}

/// Each operation is answered by itself; a refused one leaves the others alone.
async fn batch(gateway: &Gateway, requests: &[gateway::Request]) -> Bytes {
    let answers = join_all(requests.iter().map(|request| gateway.answer(request))).await;
    let mut body = vec![b'['];
    for (index, answer) in answers.into_iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&answer.unwrap_or_else(|refusal| Answer::refused(&refusal)).body);
    }
    body.push(b']');
    body.into()
}

fn check_body_headers(headers: &HeaderMap, media: Media) -> Outcome<()> {
    let unsupported = |message| Err(Box::new(Refused::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, message, media)));
    match media::body_type(headers) {
        BodyType::Json => {}
        BodyType::Missing => return unsupported("`Content-Type` is missing: it has to be `application/json`"),
        BodyType::Other => return unsupported("`Content-Type` has to be `application/json` in UTF-8"),
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return unsupported("request bodies have to come uncompressed: leave `Content-Encoding` out");
    }
    Ok(())
}

fn too_large(settings: &Server, media: Media) -> Refused {
    let message = format!("the body has more than {} bytes (`server.body_max`)", settings.body_max);
    let mut refused = Refused::http(StatusCode::PAYLOAD_TOO_LARGE, message, media);
    let extensions = &mut refused.refusal.errors[0].extensions;
    extensions.insert("limit".to_owned(), "body_max".into());
    extensions.insert("maximum".to_owned(), settings.body_max.into());
    refused
}

async fn read(body: Body, settings: &Server, media: Media) -> Outcome<Bytes> {
    let mut whole = pin!(whole(Limited::new(body, settings.body_max)));
    // Most have come with their heads: nothing has to be timed.
    let read = match poll_immediate(whole.as_mut()).await {
        Some(read) => Ok(read),
        None => aside(|| tokio::time::timeout(settings.body_timeout, whole)).await,
    };
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Box::new(too_large(settings, media))),
        Ok(Err(_cut)) => Err(Box::new(Refused::http(StatusCode::BAD_REQUEST, "the body could not be read", media))),
        Err(_late) => {
            let message = format!("the body did not arrive within {:?}", settings.body_timeout);
            Err(Box::new(Refused::http(StatusCode::REQUEST_TIMEOUT, message, media)))
        }
    }
}

/// The bytes of a body; copied only where they came in several parts.
async fn whole(mut body: Limited<Body>) -> Result<Bytes, axum::BoxError> {
    // Trailers say nothing of what is asked.
    let first = body.frame().await.transpose()?.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    if body.is_end_stream() {
        return Ok(first);
    }
    let rest = aside(|| body.collect()).await?.to_bytes();
    Ok(if rest.is_empty() { first } else { [first, rest].concat().into() })
}

/// An answer to a request with these headers.
async fn respond(asked: &HeaderMap, media: Media, body: Bytes) -> Response<Body> {
    let (body, coding) = compress::compress(asked, body).await;
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    headers.insert(header::VARY, VARY);
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    response
}

/// Writes a refusal.
pub(super) fn refuse(refused: Refused) -> Response<Body> {
    let Refused { refusal, media, status } = refused;
    let status = status.unwrap_or_else(|| status::of(refusal.code, media));
    let mut response = Response::new(Body::from(Answer::refused(&refusal).body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(refusal.headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    headers.insert(header::VARY, VARY);
    if let Some(challenge) = refusal.challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, METHODS);
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::REQUEST_TIMEOUT {
        // What is left of the body would be read as the next request's head, or never come.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
