//! Floor B: the least a Rust gateway on axum + a pooled HTTP client can do.
//!
//! ANY /canned/...       pass-through, one upstream call, body bytes streamed back
//! ANY /fan/{case}[/id]  makes the upstream calls a gateway must make for the case (same
//!                       dependency order, concurrent where a gateway may be), drops the bytes
//!                       unparsed, answers with the canned body. No GraphQL, no JSON.
//! ANY /fanb/{case}[/id] the same with users fetched by one batch call.
//!
//! env: PORT, UPSTREAM, CLIENT=hyper|reqwest|weft (default hyper; weft: its reqwest version and features)
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

use axum::{body::Body, extract::State, http::{header, HeaderValue, Request, Response, StatusCode, Uri}, Router};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::{connect::HttpConnector, Client}, rt::TokioExecutor};
use std::{collections::HashMap, sync::{Arc, RwLock}};

type E = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone)]
enum Cl {
    Hyper(Client<HttpConnector, Full<Bytes>>),
    Reqwest(reqwest::Client),
    Weft(reqwest_weft::Client),
}
struct App {
    cl: Cl,
    base: String,
    canned: RwLock<HashMap<String, Bytes>>,
}

impl App {
    async fn get(&self, path: &str) -> Result<Bytes, E> {
        match &self.cl {
            Cl::Hyper(c) => {
                let r = Request::get(format!("{}{}", self.base, path)).body(Full::new(Bytes::new()))?;
                let r = c.request(r).await?;
                if !r.status().is_success() { return Err("upstream status".into()); }
                Ok(r.into_body().collect().await?.to_bytes())
            }
            Cl::Reqwest(c) => Ok(c.get(format!("{}{}", self.base, path)).send().await?.error_for_status()?.bytes().await?),
            Cl::Weft(c) => Ok(c.get(format!("{}{}", self.base, path)).send().await?.error_for_status()?.bytes().await?),
        }
    }
    async fn pass(&self, req: Request<Body>) -> Result<Response<Body>, E> {
        let uri = format!("{}{}", self.base, req.uri().path());
        let method = req.method().clone();
        let body = req.into_body().collect().await?.to_bytes();
        match &self.cl {
            Cl::Hyper(c) => {
                let r = Request::builder().method(method).uri(uri.parse::<Uri>()?)
                    .header(header::CONTENT_TYPE, "application/json").body(Full::new(body))?;
                let (p, b) = c.request(r).await?.into_parts();
                let mut out = Response::new(Body::new(b));
                *out.status_mut() = p.status;
                for h in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
                    if let Some(v) = p.headers.get(&h) { out.headers_mut().insert(h, v.clone()); }
                }
                Ok(out)
            }
            Cl::Weft(c) => {
                let r = c.request(method, uri).header(header::CONTENT_TYPE, "application/json").body(body).send().await?;
                let mut out = Response::new(Body::empty());
                *out.status_mut() = r.status();
                for h in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
                    if let Some(v) = r.headers().get(&h) { out.headers_mut().insert(h, v.clone()); }
                }
                *out.body_mut() = Body::new(reqwest_weft::Body::from(r));
                Ok(out)
            }
            Cl::Reqwest(c) => {
                let r = c.request(method, uri).header(header::CONTENT_TYPE, "application/json").body(body).send().await?;
                let mut out = Response::new(Body::empty());
                *out.status_mut() = r.status();
                for h in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
                    if let Some(v) = r.headers().get(&h) { out.headers_mut().insert(h, v.clone()); }
                }
                *out.body_mut() = Body::new(reqwest::Body::from(r));
                Ok(out)
            }
        }
    }
    async fn canned(&self, key: &str) -> Result<Bytes, E> {
        if let Some(b) = self.canned.read().unwrap().get(key) { return Ok(b.clone()); }
        let b = self.get(&format!("/canned/{key}")).await?;
        self.canned.write().unwrap().insert(key.into(), b.clone());
        Ok(b)
    }
    async fn fan(&self, path: &str, batch: bool, req: Request<Body>) -> Result<Response<Body>, E> {
        let _ = req.into_body().collect().await?;
        let (case, id) = path.split_once('/').unwrap_or((path, "1"));
        let body = self.canned(path).await?;
        let user_of = |id: &str| { let n: usize = id.parse().unwrap_or(1); if n <= 100 { (n - 1) / 10 + 1 } else { (n - 1) % 10 + 1 } };
        match case {
            "c1" => {}
            "c2" => { self.get("/posts").await?; }
            "c3" | "c5" => {
                self.get("/posts").await?;
                if batch {
                    self.get("/users?id=1&id=2&id=3&id=4&id=5&id=6&id=7&id=8&id=9&id=10").await?;
                } else {
                    try_join_all((1..=10).map(|u| async move { self.get(&format!("/users/{u}")).await })).await?;
                }
            }
            "c4" => {
                self.get(&format!("/posts/{id}")).await?;
                let (a, b) = (format!("/users/{}", user_of(id)), format!("/posts/{id}/comments"));
                futures::future::try_join(self.get(&a), self.get(&b)).await?;
            }
            _ if case.starts_with(['g', 'j']) => {
                let n: usize = case[1..].parse()?;
                self.get(&format!("/posts?_limit={n}")).await?;
                let users = n.div_ceil(10).min(10);
                if case.starts_with('g') {
                } else if batch {
                    let ids: Vec<String> = (1..=users).map(|u| format!("id={u}")).collect();
                    self.get(&format!("/users?{}", ids.join("&"))).await?;
                } else {
                    try_join_all((1..=users).map(|u| async move { self.get(&format!("/users/{u}")).await })).await?;
                }
            }
            _ => return Err("no such case".into()),
        }
        let mut out = Response::new(Body::from(body));
        out.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(out)
    }
}

async fn handle(State(app): State<Arc<App>>, req: Request<Body>) -> Response<Body> {
    let path = req.uri().path().to_owned();
    let r = if let Some(p) = path.strip_prefix("/fan/") { app.fan(p, false, req).await }
        else if let Some(p) = path.strip_prefix("/fanb/") { app.fan(p, true, req).await }
        else { app.pass(req).await };
    r.unwrap_or_else(|e| {
        let mut out = Response::new(Body::from(e.to_string()));
        *out.status_mut() = StatusCode::BAD_GATEWAY;
        out
    })
}

#[tokio::main]
async fn main() {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let client = std::env::var("CLIENT").unwrap_or_default();
    let cl = if client == "weft" {
        Cl::Weft(reqwest_weft::Client::builder().tcp_nodelay(true).no_proxy().build().unwrap())
    } else if client == "reqwest" {
        Cl::Reqwest(reqwest::Client::builder().tcp_nodelay(true).no_proxy().build().unwrap())
    } else {
        let mut h = HttpConnector::new();
        h.set_nodelay(true);
        Cl::Hyper(Client::builder(TokioExecutor::new()).build(h))
    };
    let app = Arc::new(App { cl, base: std::env::var("UPSTREAM").unwrap(), canned: Default::default() });
    let l = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    use axum::serve::ListenerExt;
    let l = l.tap_io(|s| { let _ = s.set_nodelay(true); });
    axum::serve(l, Router::new().fallback(handle).with_state(app)).await.unwrap();
}
