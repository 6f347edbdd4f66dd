//! Whole runs against a real HTTP server on this machine that records what reaches it.

mod batches;
mod joins;
mod limits;
mod nulls;
mod pieces;
mod shapes;
mod subtree;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value as Json, json};

use super::{Caller, JointLoads, Outcome, Settings, run};
use crate::{
    error::SourceText,
    mapping::{Object, Value},
    operation, plan,
    schema::{self, Compatibility, Graph},
    upstream::{Kept, Transport, UpstreamSpec, Upstreams},
};

/// What a service does with a request.
pub(super) enum Reaction {
    /// Answers JSON.
    Json(u16, Json),
    /// Answers a body of a content type.
    Text(u16, &'static str, &'static str),
    /// Never answers.
    Hang,
}

/// One request as it reached the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// `GET /path?query`
    pub line: String,
    pub body: String,
}

type React = dyn Fn(&Seen) -> Reaction + Send + Sync;

/// A service that answers by a function.
pub(super) struct Service {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Counts requests whose connection ended before they were answered.
    pub left: Arc<tokio::sync::Semaphore>,
    /// Counts requests that arrived.
    pub arrived: Arc<tokio::sync::Semaphore>,
    server: tokio::task::JoinHandle<()>,
}

struct Leaving(Arc<tokio::sync::Semaphore>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl Service {
    pub async fn start(react: impl Fn(&Seen) -> Reaction + Send + Sync + 'static) -> Self {
        let react: Arc<React> = Arc::new(react);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (left, arrived) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
        let shared = (Arc::clone(&react), Arc::clone(&seen), Arc::clone(&left), Arc::clone(&arrived));
        let app = Router::new().fallback(move |request: Request| {
            let (react, seen, left, arrived) = shared.clone();
            async move { serve(&*react, &seen, left, &arrived, request).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, seen, left, arrived, server }
    }

    /// What reached it, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The request lines that reached it, sorted (calls that do not depend on each other overlap).
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.seen().into_iter().map(|seen| seen.line).collect();
        lines.sort();
        lines
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    react: &React,
    seen: &Mutex<Vec<Seen>>,
    left: Arc<tokio::sync::Semaphore>,
    arrived: &tokio::sync::Semaphore,
    request: Request,
) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let call = Seen { line, body: String::from_utf8(body.to_vec()).unwrap() };
    let reaction = react(&call);
    seen.lock().unwrap().push(call);
    arrived.add_permits(1);
    match reaction {
        Reaction::Json(status, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
        Reaction::Text(status, content_type, body) => {
            (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        Reaction::Hang => {
            let _leaving = Leaving(left);
            std::future::pending::<Response>().await
        }
    }
}

/// A gateway over one service.
pub(super) struct Setting {
    pub graph: Arc<Graph>,
    pub settings: Arc<Settings>,
    pub upstreams: Arc<Upstreams>,
}

/// Compiles the connectors of a schema; `BASE` in it is the service.
pub(super) fn gateway(service: &Service, types: &str, compatibility: Compatibility) -> Setting {
    let text = format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: {{ baseURL: "http://{}" }})
{types}"#,
        service.address
    );
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text });
    let file = schema::File { subgraph: "api".to_owned(), source };
    let options = schema::Options { compatibility, ..schema::Options::default() };
    let compiled = match schema::compile(&[file], &options) {
        Ok(compiled) => compiled,
        Err(findings) => panic!("the schema of this test is wrong: {findings:#?}"),
    };
    let count = compiled.graph.connectors.len();
    let spec = UpstreamSpec { timeout: Duration::from_secs(30), concurrency_max: 100, ..UpstreamSpec::named("s") };
    let settings = Settings {
        config: (0..count).map(|_| Arc::new(Value::Object(Object::default()))).collect(),
        upstream: vec![0; count],
        timeout: Duration::from_mins(1),
        call_timeout: Vec::new(),
        priority: Vec::new(),
        caching: Vec::new(),
        headers: Vec::new(),
        calls_max: vec![1000],
        joint: Vec::new(),
        loads: JointLoads::default(),
        dev: false,
    };
    let upstreams = Arc::new(Upstreams::new(vec![spec], &Transport::default(), &Kept::default()).unwrap());
    Setting { graph: Arc::new(compiled.graph), settings: Arc::new(settings), upstreams }
}

impl Setting {
    /// To change them, before anything is asked.
    pub fn settings_mut(&mut self) -> &mut Settings {
        Arc::get_mut(&mut self.settings).expect("nothing was asked")
    }

    /// Runs a query without variables.
    pub async fn ask(&self, query: &str) -> Json {
        self.ask_with(query, json!({})).await
    }

    /// Runs a query.
    pub async fn ask_with(&self, query: &str, variables: Json) -> Json {
        let outcome = self.outcome(query, variables).await;
        let answer: Json = serde_json::from_slice(&outcome.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&outcome.body)));
        assert_eq!(answer["errors"].as_array().map_or(0, Vec::len), outcome.error_count);
        assert_eq!(answer["data"].is_null(), outcome.data_is_null);
        answer
    }

    /// Runs a query and gives the whole outcome.
    pub async fn outcome(&self, query: &str, variables: Json) -> Outcome {
        let document = operation::parse(&self.graph, query, &operation::Limits::default()).unwrap();
        let bound = Arc::new(operation::bind(&self.graph, &document, None).unwrap());
        let Value::Object(variables) = Value::from(&variables) else { panic!("variables are an object") };
        let values = operation::coerce(&self.graph, &bound, &variables).unwrap();
        let introspection = operation::introspect(&self.graph, &document, &bound, &values).unwrap();
        let plan = Arc::new(plan::build(&self.graph, bound).unwrap());
        let caller = Caller::default();
        movable(run(&self.graph, &plan, &values, introspection, &caller, None, &self.settings, &self.upstreams)).await
    }
}

/// A run may be polled by any thread.
fn movable<F: Future + Send>(run: F) -> F {
    run
}

/// Message, path and code of every error.
pub(super) fn errors(answer: &Json) -> Vec<(String, Json, String)> {
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    errors
        .iter()
        .map(|error| (text(&error["message"]), error["path"].clone(), text(&error["extensions"]["code"])))
        .collect()
}
