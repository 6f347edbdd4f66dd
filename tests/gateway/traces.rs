//! Spans as a collector gets them: the tree of a request, what goes out to services, the log, and a collector that is away.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Attribute},
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{
    process::Weft,
    raw::{Behaviour, Upstream, answer},
    runtime, scratch,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector that keeps what it gets.
/// A collector that keeps what it gets.
pub struct Collector {
    upstream: Upstream,
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<BTreeSet<String>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let services = Arc::new(Mutex::new(BTreeSet::new()));
        let (all, names) = (Arc::clone(&spans), Arc::clone(&services));
        let upstream = Upstream::start(move |seen| {
            assert_eq!(seen.line, "POST /v1/traces");
            let batch = ExportTraceServiceRequest::decode(seen.body.as_slice()).expect("OTLP in protobuf");
            for resource in batch.resource_spans {
                let about = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
                names.lock().expect("no panic").insert(text(&about, "service.name"));
                all.lock().expect("no panic").extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
            Behaviour::Bytes(answer(200, "application/x-protobuf", b""))
        })
        .await;
        Self { upstream, spans, services }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no panic").clone()
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|pair| pair.key == name)?.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    match attribute(attributes, name) {
        Some(Attribute::StringValue(text)) => text.clone(),
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn of_trace(spans: &[Span], trace: &str) -> Vec<Span> {
    spans.iter().filter(|span| hex(&span.trace_id) == trace).cloned().collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span `{name}`"))
}

/// The span of the step whose connector's coordinate has this in it.
fn step<'a>(spans: &'a [Span], coordinate: &str) -> &'a Span {
    let mut steps = spans.iter().filter(|span| text(&span.attributes, "weft.connector").contains(coordinate));
    steps.next().unwrap_or_else(|| panic!("no step `{coordinate}`"))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(feature = "demo")]
#[test]
fn a_product_page_is_a_tree_of_spans() {
    const PAGE: &str = include_str!("../../schema/operations/product-page.graphql");
    let runtime = runtime();
    let collector = runtime.block_on(Collector::start());
    let mut weft = Weft::demo(&pairs(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())])).expect("the demo starts");
    let authorization = format!("Bearer {}", kit::token::demo());
    let ask = |parent: Option<&str>| {
        let mut headers = pairs(&[("authorization", &authorization)]);
        headers.extend(parent.map(|parent| ("traceparent".to_owned(), parent.to_owned())));
        let (_, answer) = runtime.block_on(weft.ask(&json!({ "query": PAGE }), &headers)).expect("an answer");
        assert_eq!(answer.get("errors"), None, "{answer:#}");
    };
    ask(Some(&format!("00-{TRACE}-{CALLER}-01")));
    ask(None);
    ask(Some("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-00"));
    weft.stop();

    let all = collector.spans();
    assert_eq!(*collector.services.lock().unwrap(), BTreeSet::from(["weft".to_owned()]));
    let traces: BTreeSet<String> = all.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces.len(), 2, "the caller did not want the third recorded");
    let spans = of_trace(&all, TRACE);

    let request = named(&spans, "POST /graphql");
    assert_eq!((request.kind(), hex(&request.parent_span_id)), (SpanKind::Server, CALLER.to_owned()));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/graphql"),
        ("url.path", "/graphql"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("http.response.status_code", "200"),
        ("graphql.operation.type", "query"),
        ("graphql.operation.name", "ProductPage"),
        ("weft.plan.cache", "miss"),
    ] {
        assert_eq!(text(&request.attributes, name), value, "{name}");
    }
    for name in ["parse", "plan"] {
        assert_eq!(named(&spans, name).parent_span_id, request.span_id, "{name}");
    }

    let steps: Vec<&Span> =
        spans.iter().filter(|span| attribute(&span.attributes, "weft.connector").is_some()).collect();
    assert!(steps.iter().all(|step| step.parent_span_id == request.span_id));
    let products = step(&spans, ":Query.products[");
    assert_eq!(products.name, text(&products.attributes, "weft.connector"));
    assert_eq!(
        (text(&products.attributes, "weft.step.kind"), text(&products.attributes, "weft.step.keys")),
        ("root".to_owned(), "1".to_owned())
    );
    let calls: Vec<&Span> = spans.iter().filter(|span| span.kind() == SpanKind::Client).collect();
    assert_eq!(calls.len(), 8, "one span a call");
    assert_eq!(spans.len(), 3 + steps.len() + calls.len());
    let mut by_upstream: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        let step = steps.iter().find(|step| step.span_id == call.parent_span_id).expect("a call is part of a step");
        assert!(step.start_time_unix_nano <= call.start_time_unix_nano);
        assert!(step.end_time_unix_nano >= call.end_time_unix_nano);
        assert_eq!(call.name, text(&call.attributes, "http.request.method"));
        assert_eq!(text(&call.attributes, "http.response.status_code"), "200");
        assert_eq!(text(&call.attributes, "server.address"), "127.0.0.1");
        let url = text(&call.attributes, "url.full");
        assert!(url.starts_with(&format!("http://127.0.0.1:{}/", text(&call.attributes, "server.port"))), "{url}");
        let query = url.split_once('?').map_or("", |(_, query)| query);
        assert!(query.split('&').all(|pair| pair.is_empty() || pair.ends_with("=REDACTED")), "{url}");
        *by_upstream.entry(text(&call.attributes, "weft.upstream")).or_default() += 1;
    }
    assert_eq!(by_upstream.len(), 5, "{by_upstream:?}");

    let second = traces.iter().find(|trace| *trace != TRACE).expect("a trace of its own");
    let spans = of_trace(&all, second);
    let request = named(&spans, "POST /graphql");
    assert_eq!(
        (hex(&request.parent_span_id).as_str(), text(&request.attributes, "weft.plan.cache").as_str()),
        ("", "hit")
    );
    assert!(!spans.iter().any(|span| span.name == "plan" || span.name == "parse"), "nothing was planned");
}

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "good", http: { baseURL: "http://good.example" })
  @source(name: "closed", http: { baseURL: "http://closed.example" })

type Query {
  good: String @connect(source: "good", http: { GET: "/good?key=secret" }, selection: "$.name")
  closed: String @connect(source: "closed", http: { GET: "/" }, selection: "$.name")
}
"#;

/// weft over a service and one that is not there, with traces for this collector.
async fn over(name: &str, otlp: &str, env: &[(String, String)]) -> (Weft, Upstream) {
    let good = Upstream::start(|_| Behaviour::Bytes(answer(200, "application/json", br#"{"name":"ok"}"#))).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let closed = closed.local_addr().expect("a bound socket");
    let folder = scratch(name);
    std::fs::write(folder.join("api.graphql"), SCHEMA).expect("the scratch folder can be written");
    let config = json!({
        "schema": [folder.join("api.graphql")],
        "server": { "listen": "127.0.0.1:0" },
        "admin": { "listen": "off" },
        "sources": {
            "good": { "urls": [format!("http://{}", good.address)] },
            "closed": { "urls": [format!("http://{closed}")] },
        },
        "telemetry": { "log": { "format": "json" }, "traces": { "otlp": otlp } },
    });
    let path = folder.join("weft.yaml");
    std::fs::write(&path, config.to_string()).expect("the scratch folder can be written");
    (Weft::start(&path, env).expect("weft starts"), good)
}

#[test]
fn the_span_of_a_call_is_the_parent_that_goes_out() {
    let runtime = runtime();
    let collector = runtime.block_on(Collector::start());
    let (mut weft, good) = runtime.block_on(over("traces-out", &collector.url(), &[]));
    let headers =
        pairs(&[("traceparent", &format!("00-{TRACE}-{CALLER}-01")), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    let query = json!({ "query": "{ good closed }" });
    let (_, answer) = runtime.block_on(weft.ask(&query, &headers)).expect("an answer");
    assert_eq!((&answer["data"]["good"], &answer["data"]["closed"]), (&json!("ok"), &Value::Null));
    let log = weft.stop();

    let spans = of_trace(&collector.spans(), TRACE);
    let calls: Vec<&Span> = spans.iter().filter(|span| span.kind() == SpanKind::Client).collect();
    let call = |upstream: &str| {
        let mut calls = calls.iter().filter(|call| text(&call.attributes, "weft.upstream") == upstream);
        *calls.next().expect("a call")
    };
    let seen = good.seen();
    let sent = seen[0].head.to_ascii_lowercase();
    let parent = format!("traceparent: 00-{TRACE}-{}-01\r\n", hex(&call("good").span_id));
    assert!(sent.contains(&parent), "`{parent}` is not in:\n{sent}");
    assert!(sent.contains("tracestate: a=1,b=2\r\n"), "{sent}");
    assert!(text(&call("good").attributes, "url.full").ends_with("/good?key=REDACTED"));

    let failed = call("closed");
    assert_eq!(text(&failed.attributes, "error.type"), "HTTP_CLIENT_ERROR");
    assert_eq!(failed.status.as_ref().map(Status::code), Some(StatusCode::Error));
    let step = step(&spans, ":Query.closed[");
    assert_eq!(step.status.as_ref().map(Status::code), Some(StatusCode::Error));
    let line = log.lines().find(|line| line.contains("upstream call failed")).expect("a line of the log");
    let line: Value = serde_json::from_str(line).expect("a line is JSON");
    assert_eq!(line["trace_id"], TRACE, "{line}");
}

#[test]
fn a_share_of_none_records_nothing_and_tells_so() {
    let runtime = runtime();
    let collector = runtime.block_on(Collector::start());
    let sampler = pairs(&[("OTEL_TRACES_SAMPLER", "always_off")]);
    let (mut weft, good) = runtime.block_on(over("traces-none", &collector.url(), &sampler));
    runtime.block_on(weft.ask(&json!({ "query": "{ good }" }), &[])).expect("an answer");
    weft.stop();
    assert_eq!(collector.spans(), []);
    let sent = good.seen()[0].head.to_ascii_lowercase();
    let parent = sent.lines().find_map(|line| line.strip_prefix("traceparent: ")).expect("a context goes out");
    assert!(parent.starts_with("00-") && parent.ends_with("-00"), "{parent}");
}

#[test]
fn a_collector_that_is_away_costs_nothing_but_spans() {
    let runtime = runtime();
    // A port that nobody listens on.
    let away = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("a bound socket")
    });
    let small = pairs(&[("OTEL_BSP_MAX_QUEUE_SIZE", "4"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")]);
    let (mut weft, good) = runtime.block_on(over("traces-away", &format!("http://{away}"), &small));
    for _ in 0..20 {
        let (_, answer) = runtime.block_on(weft.ask(&json!({ "query": "{ good }" }), &[])).expect("an answer");
        assert_eq!(answer, json!({ "data": { "good": "ok" } }));
    }
    assert_eq!(good.count("GET /good"), 20);
    weft.stop();
}
