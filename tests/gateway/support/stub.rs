//! An https server that plays the services of a fixture: answers what is expected, once each, and remembers all else.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    compare::same,
    fixture::{Exchange, Expected, OneOrMany, Reply},
    tls::Authority,
};

/// How long an answer that others wait for (`after`) is awaited back, so that a request sent too early is seen to be early.
const HOLD: Duration = Duration::from_millis(15);

/// A running stub; ends with the runtime.
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
    play: Arc<Mutex<Play>>,
}

/// One case being played.
#[derive(Default)]
struct Play {
    exchanges: Vec<Exchange>,
    seen: Vec<usize>,
    answered: Vec<usize>,
    faults: Vec<String>,
}

impl Stub {
    /// Starts to listen on a free port.
    pub async fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let play = Arc::new(Mutex::new(Play::default()));
        let (acceptor, shared) = (authority.acceptor.clone(), play.clone());
        tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    let service = service_fn(move |request| answer(shared.clone(), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, play }
    }

    /// Expects these exchanges from now on.
    pub fn expect(&self, exchanges: &[Exchange]) {
        let count = exchanges.len();
        *self.play.lock().expect("no panic in the stub") =
            Play { exchanges: exchanges.to_vec(), seen: vec![0; count], answered: vec![0; count], faults: Vec::new() };
    }

    /// What was wrong with the requests that came.
    pub fn faults(&self) -> Vec<String> {
        let play = self.play.lock().expect("no panic in the stub");
        let mut faults = play.faults.clone();
        for (exchange, seen) in play.exchanges.iter().zip(&play.seen) {
            if *seen != exchange.times {
                let Expected { method, url, .. } = &exchange.request;
                faults.push(format!("{method} {url}: expected {} times, came {seen} times", exchange.times));
            }
        }
        faults
    }
}

async fn answer(play: Arc<Mutex<Play>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let host = head.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let url = format!("https://{host}{}", head.uri);
    let line = format!("{} {url}", head.method);
    let (index, reply, awaited) = {
        let mut play = play.lock().expect("no panic in the stub");
        let mut misses = Vec::new();
        let found = (0..play.exchanges.len()).find(|index| {
            let exchange = &play.exchanges[*index];
            let wrong = mismatch(&exchange.request, head.method.as_str(), &url, &head.headers, &body);
            let full = play.seen[*index] >= exchange.times;
            if exchange.request.url == url && exchange.request.method == head.method.as_str() {
                misses.extend(wrong.clone().or_else(|| full.then(|| "came too often".into())));
            }
            wrong.is_none() && !full
        });
        let Some(index) = found else {
            let text = String::from_utf8_lossy(&body);
            play.faults.push(format!("unexpected {line} body {text:?} {}", misses.join("; ")));
            return Ok(build(599, Bytes::new()));
        };
        play.seen[index] += 1;
        let early: Vec<String> = play.exchanges[index]
            .after
            .iter()
            .filter(|wanted| {
                play.exchanges
                    .iter()
                    .zip(&play.answered)
                    .any(|(exchange, answered)| exchange.id.as_ref() == Some(*wanted) && *answered < exchange.times)
            })
            .cloned()
            .collect();
        for wanted in early {
            play.faults.push(format!("{line} came before `{wanted}` was answered"));
        }
        let id = play.exchanges[index].id.clone();
        let awaited = id.is_some_and(|id| play.exchanges.iter().any(|exchange| exchange.after.contains(&id)));
        (index, play.exchanges[index].response.clone(), awaited)
    };
    if awaited {
        tokio::time::sleep(HOLD).await;
    }
    play.lock().expect("no panic in the stub").answered[index] += 1;
    Ok(render(&reply))
}

fn build(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(body)).expect("a valid status")
}

fn render(reply: &Reply) -> Response<Full<Bytes>> {
    let body = match (&reply.json, &reply.text) {
        (Some(json), _) => Bytes::from(json.to_string()),
        (None, Some(text)) => Bytes::from(text.clone()),
        (None, None) => Bytes::new(),
    };
    let mut response = build(reply.status, body);
    for (name, values) in &reply.headers {
        for value in values.values() {
            let name: http::HeaderName = name.parse().expect("a valid header name");
            response.headers_mut().append(name, value.parse().expect("a valid header value"));
        }
    }
    if reply.json.is_some() {
        response.headers_mut().entry("content-type").or_insert(http::HeaderValue::from_static("application/json"));
    }
    response
}

/// Why a request is not the expected one.
fn mismatch(want: &Expected, method: &str, url: &str, headers: &http::HeaderMap, body: &[u8]) -> Option<String> {
    if want.method != method || want.url != url {
        return Some("another request".into());
    }
    for (name, expected) in &want.headers {
        let given: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        let wanted = expected.as_ref().map(OneOrMany::values).unwrap_or_default();
        if given != wanted {
            return Some(format!("header {name}: expected {wanted:?}, got {given:?}"));
        }
    }
    if let Some(text) = &want.body_text
        && text.as_bytes() != body
    {
        return Some(format!("body: expected {text:?}, got {:?}", String::from_utf8_lossy(body)));
    }
    match &want.body {
        Some(Value::Null) if !body.is_empty() => Some("body: expected none".into()),
        Some(Value::Null) | None => None,
        Some(json) => match serde_json::from_slice::<Value>(body) {
            Ok(given) if same(json, &given) => None,
            _ => Some(format!("body: expected {json}, got {:?}", String::from_utf8_lossy(body))),
        },
    }
}
