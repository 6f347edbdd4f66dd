//! What the endpoint says to whom, without sockets.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{
    admin::Admin,
    app::{App, Responder as _},
};
use crate::{
    config::{Batching, Cors, Settings},
    error::SourceText,
    gateway::{Gateway, Snapshot},
    schema::File,
    upstream::{Kept, Transport},
};

const SDL: &str = r#"
extend schema @link(url: "https://specs.apollo.dev/connect/v0.1", import: ["@connect", "@source"])
  @source(name: "api", http: { baseURL: "http://127.0.0.1:9" })
type Query {
  a(long: String): String @connect(source: "api", http: { GET: "/a" }, selection: "$")
}
type Mutation {
  m: String @connect(source: "api", http: { POST: "/m" }, selection: "$")
}
"#;

fn app(change: impl FnOnce(&mut Settings)) -> Arc<App> {
    let mut settings = Settings::default();
    settings.server.introspection = true;
    change(&mut settings);
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: SDL.to_owned() });
    let file = File { subgraph: "api".to_owned(), source };
    let (snapshot, warnings) = Snapshot::of_files(&settings, &[file], &Transport::default(), &Kept::default())
        .expect("the schema can be served");
    assert!(warnings.is_empty(), "{warnings:?}");
    Arc::new(App::new(Arc::new(Gateway::new(snapshot)), settings.server, Vec::new()))
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    fn code(&self) -> String {
        let json = self.json();
        assert!(json.get("data").is_none(), "nothing was executed, so there is no `data`: {json}");
        json["errors"][0]["extensions"]["code"].as_str().expect("a code").to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(app: &App, method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.answer(request.body(body.into()).unwrap()).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

type Headers<'a> = &'a [(&'a str, &'a str)];

const JSON: (&str, &str) = ("content-type", "application/json");
const NEW: (&str, &str) = ("accept", "application/graphql-response+json");
const BROWSER: (&str, &str) = ("user-agent", "Mozilla/5.0");

async fn post(app: &App, body: &Value, headers: &[(&str, &str)]) -> Answer {
    send(app, "POST", "/graphql", &[&[JSON], headers].concat(), body.to_string()).await
}

#[tokio::test]
async fn answers_by_post_and_by_get() {
    let app = app(|_| {});
    let answer = post(&app, &json!({ "query": "{ __typename }" }), &[]).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "data": { "__typename": "Query" } })));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let answer = send(&app, "GET", "/graphql?query=%7B__typename%7D", &[NEW], "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "data": { "__typename": "Query" } })));
    assert_eq!(answer.header("content-type"), "application/graphql-response+json; charset=utf-8");
    assert_eq!(answer.header("vary"), "accept, accept-encoding");
}

#[tokio::test]
async fn the_status_depends_on_the_media_type_only_for_documents() {
    let app = app(|_| {});
    let cases = [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED", 200, 400),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED", 200, 400),
        (
            json!({ "query": "query($a: String!) { a(long: $a) }", "variables": { "a": null } }),
            "BAD_USER_INPUT",
            200,
            400,
        ),
        (json!({ "query": "{ __typename }", "operationName": "B" }), "OPERATION_RESOLUTION_FAILURE", 200, 400),
        (json!({ "query": 7 }), "BAD_REQUEST", 400, 400),
        (json!({}), "BAD_REQUEST", 400, 400),
        (json!("x"), "BAD_REQUEST", 400, 400),
    ];
    for (body, code, legacy, new) in cases {
        let answer = post(&app, &body, &[]).await;
        assert_eq!((answer.status, answer.code().as_str()), (legacy, code), "{body}");
        let answer = post(&app, &body, &[NEW]).await;
        assert_eq!((answer.status, answer.code().as_str()), (new, code), "{body}");
    }
}

/// A body of 101 bytes, as its `Content-Length` says, that nobody should read.
struct Declared;

impl hyper::body::Body for Declared {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<std::io::Result<hyper::body::Frame<bytes::Bytes>>>> {
        panic!("it is too large: nobody reads it");
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(101)
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let app = app(|settings| settings.server.body_max = 100);
    let broken = send(&app, "POST", "/graphql", &[JSON], "{\"query").await;
    assert_eq!((broken.status, broken.code().as_str()), (400, "BAD_REQUEST"));
    let cases: [(Headers, &str, u16); 5] = [
        (&[], "{}", 415),
        (&[("content-type", "text/plain")], "{}", 415),
        (&[JSON, ("content-encoding", "gzip")], "{}", 415),
        (&[JSON, ("accept", "text/html")], "{}", 406),
        (&[JSON], "", 400),
    ];
    for (headers, body, status) in cases {
        let answer = send(&app, "POST", "/graphql", headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, "BAD_REQUEST"), "{headers:?}");
    }
    let declared = send(&app, "POST", "/graphql", &[JSON], Body::new(Declared)).await;
    assert_eq!((declared.status, declared.header("connection")), (413, "close"));
    let long = json!({ "query": "{ __typename }", "x": "y".repeat(100) }).to_string();
    // A length that is not declared beforehand.
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(long.clone()), Ok(long)]);
    let answer = send(&app, "POST", "/graphql", &[JSON], Body::from_stream(stream)).await;
    assert_eq!((answer.status, answer.header("connection")), (413, "close"));
    assert_eq!(send(&app, "GET", "/elsewhere", &[], "").await.status, 404);
    for method in ["PUT", "DELETE", "HEAD"] {
        let answer = send(&app, method, "/graphql", &[JSON], "{}").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, POST, OPTIONS"), "{method}");
    }
}

#[tokio::test]
async fn mutations_need_post() {
    let app = app(|_| {});
    let answer = send(&app, "GET", "/graphql?query=mutation%7B__typename%7D", &[], "").await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "METHOD_NOT_ALLOWED"));
    let answer = post(&app, &json!({ "query": "mutation { __typename }" }), &[]).await;
    assert_eq!(answer.json(), json!({ "data": { "__typename": "Mutation" } }));
}

#[tokio::test]
async fn foreign_pages_cannot_ask() {
    const ASK: &str = "/graphql?query=%7B__typename%7D";
    let safe = app(|_| {});
    let answer = send(&safe, "GET", ASK, &[BROWSER, ("sec-fetch-site", "cross-site")], "").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "CSRF_PREVENTION_FAILED"));
    assert_eq!(send(&safe, "GET", ASK, &[BROWSER, ("apollo-require-preflight", "1")], "").await.status, 200);
    let open = app(|settings| settings.server.csrf = false);
    assert_eq!(send(&open, "GET", ASK, &[BROWSER], "").await.status, 200);
    let shop = app(|settings| settings.server.cors.origins = vec!["https://shop.example".to_owned()]);
    let ours = [BROWSER, ("origin", "https://shop.example")];
    let answer = send(&shop, "GET", ASK, &ours, "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://shop.example"));
    assert_eq!(send(&shop, "GET", ASK, &[BROWSER, ("origin", "https://evil.example")], "").await.status, 400);
}

#[tokio::test]
async fn preflights_are_answered_exactly() {
    let cors = Cors { origins: vec!["https://shop.example".to_owned()], credentials: true };
    let app = app(|settings| settings.server.cors = cors);
    let ask = |origin: &'static str| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-a"),
        ]
    };
    let answer = send(&app, "OPTIONS", "/graphql", &ask("https://shop.example"), "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-a");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let answer = send(&app, "OPTIONS", "/graphql", &ask("https://evil.example"), "").await;
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{:?}", answer.headers);
    let refused = send(&app, "POST", "/graphql", &[("origin", "https://shop.example")], "{}").await;
    assert_eq!(refused.status, 415);
    assert_eq!(refused.header("access-control-allow-origin"), "https://shop.example", "pages may read errors too");
}

#[tokio::test]
async fn a_batch_answers_each_by_itself() {
    let body = json!([{ "query": "{ __typename }" }, { "query": "{ nothing }" }]);
    let off = app(|_| {});
    assert_eq!(post(&off, &body, &[]).await.code(), "BAD_REQUEST");
    let on = app(|settings| settings.server.batching = Batching { enabled: true, operations_max: 2 });
    let answer = post(&on, &body, &[]).await;
    assert_eq!(answer.status, 200);
    let answers = answer.json();
    assert_eq!(answers[0], json!({ "data": { "__typename": "Query" } }));
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    let three = json!([{ "query": "{a}" }, { "query": "{a}" }, { "query": "{a}" }]);
    assert_eq!(post(&on, &three, &[]).await.status, 400);
}

#[tokio::test]
async fn long_answers_are_compressed_and_short_ones_are_not() {
    let app = app(|settings| {
        (settings.limits.aliases, settings.limits.root_fields) = (200, 200);
    });
    let fields: Vec<String> = (0..200).map(|number| format!("alias{number}: __typename")).collect();
    let long = json!({ "query": format!("{{ {} }}", fields.join(" ")) });
    let accepts = [("accept-encoding", "gzip")];
    let answer = post(&app, &long, &accepts).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["data"]["alias199"], "Query");
    assert_eq!(post(&app, &json!({ "query": "{ __typename }" }), &accepts).await.header("content-encoding"), "");
}

#[tokio::test]
async fn introspection_is_answered_only_when_open() {
    let body = json!({ "query": "{ __schema { queryType { name } } }" });
    let open = app(|_| {});
    let answer = post(&open, &body, &[]).await;
    assert_eq!(answer.json(), json!({ "data": { "__schema": { "queryType": { "name": "Query" } } } }));
    let closed = app(|settings| settings.server.introspection = false);
    assert_eq!(post(&closed, &body, &[]).await.code(), "INTROSPECTION_DISABLED");
    assert_eq!(post(&closed, &json!({ "query": "{ __typename }" }), &[]).await.status, 200);
}

#[tokio::test]
async fn browsers_get_graphiql_only_when_it_is_on() {
    let accept = [BROWSER, ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let on = app(|settings| settings.server.graphiql = true);
    let page = send(&on, "GET", "/graphql", &accept, "").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(send(&on, "GET", "/graphql/assets/licenses.txt", &[], "").await.status, 200);
    assert_eq!(send(&on, "GET", "/", &accept, "").await.header("location"), "/graphql");
    let off = app(|_| {});
    assert_eq!(send(&off, "GET", "/graphql", &accept, "").await.status, 400);
    assert_eq!(send(&off, "GET", "/graphql/assets/licenses.txt", &[], "").await.status, 404);
}

#[tokio::test]
async fn operators_see_life_readiness_and_figures() {
    let app = app(|_| {});
    post(&app, &json!({ "query": "{ __typename }" }), &[]).await;
    let admin = Admin::new(Arc::clone(&app), true);
    let status = async |path: &'static str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = admin.respond(request, None).await;
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    };
    for path in ["/livez", "/readyz", "/health", "/health?live", "/health?ready"] {
        assert_eq!(status(path).await.0, StatusCode::OK, "{path}");
    }
    let (_, metrics) = status("/metrics").await;
    assert!(
        String::from_utf8_lossy(&metrics).contains("http_server_request_duration_seconds_count{status_class=\"2xx\"}")
    );
    app.retire();
    for (path, wanted) in [("/livez", 200), ("/readyz", 503), ("/health?live", 200), ("/health?ready", 503)] {
        assert_eq!(status(path).await.0, wanted, "{path}");
    }
    assert_eq!(status("/graphql").await.0, StatusCode::NOT_FOUND);
}
