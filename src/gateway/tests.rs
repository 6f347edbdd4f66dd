//! What a snapshot is made of, and what its plan cache keeps.

use std::{sync::Arc, time::Duration};

use async_graphql::Executor as _;
use http::HeaderMap;
use serde_json::json;

use super::{Answer, Engine, Gateway, Request, Snapshot};
use crate::{
    config::{ContextValue, Hidden, LimitMode, Limits, Settings, Source},
    error::{Diagnostic, ErrorCode, SourceText},
    mapping::Value,
    policy::{DocumentId, Identity},
    schema::File,
    upstream::{Kept, Transport},
};

const HEAD: &str =
    r#"extend schema @link(url: "https://specs.apollo.dev/connect/v0.1", import: ["@connect", "@source"])"#;

fn file(subgraph: &str, text: &str) -> File {
    let source = Arc::new(SourceText { name: format!("{subgraph}.graphql"), text: format!("{HEAD}\n{text}") });
    File { subgraph: subgraph.to_owned(), source }
}

fn shop() -> File {
    file(
        "shop",
        r#"@source(name: "api", http: { baseURL: "http://127.0.0.1:9" })
type Query {
  a: String @connect(source: "api", http: { GET: "/a" }, selection: "$")
  b: String @connect(http: { GET: "http://127.0.0.1:9/b" }, selection: "$")
  c: String @connect(http: { GET: "http://127.0.0.1:9/c" }, selection: "$")
}"#,
    )
}

fn built(settings: &Settings, files: &[File]) -> (Snapshot, Vec<Diagnostic>) {
    Snapshot::of_files(settings, files, &Transport::default(), &Kept::default()).expect("the schema can be served")
}

fn request(query: &str) -> Request {
    Request { query: Some(query.to_owned()), ..Request::default() }
}

#[test]
fn known_documents_are_planned_once() {
    let (snapshot, _) = built(&Settings::default(), &[shop()]);
    let plan = |query: &str, name: Option<&str>| {
        let request = Request { operation_name: name.map(str::to_owned), ..request(query) };
        snapshot.plans.get_or_plan(&snapshot, query, &request)
    };
    let two = "query A { __typename } query B { __typename }";
    let first = plan(two, Some("A")).unwrap();
    assert!(Arc::ptr_eq(&first, &plan(two, Some("A")).unwrap()), "the same text and name: the same plan");
    let other = plan(two, Some("B")).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(other.plan.operation.name.as_deref(), Some("B"));
    assert_eq!(plan(two, None).unwrap_err().code, ErrorCode::OperationResolutionFailure);
    assert_eq!(snapshot.plans.len(), 2, "refusals are not kept");
}

#[test]
fn introspection_is_noticed_when_planning() {
    let (snapshot, _) = built(&Settings::default(), &[shop()]);
    let introspects =
        |query: &str| snapshot.plans.get_or_plan(&snapshot, query, &request(query)).unwrap().introspects.is_some();
    assert!(introspects("{ ...F } fragment F on Query { __type(name: \"Query\") { name } }"));
    assert!(!introspects("{ __typename }"));
}

#[test]
fn every_connector_has_its_upstream_and_its_config() {
    let mut settings = Settings::default();
    let source = Source {
        config: Hidden(json!({ "tier": "gold" })),
        calls_per_operation_max: 7,
        timeout: Duration::from_secs(1),
        ..Source::default()
    };
    settings.sources.insert("shop.api".to_owned(), source);
    settings.config.insert("shop".to_owned(), Hidden(json!({ "key": "k" })));
    let (snapshot, warnings) = built(&settings, &[shop()]);
    assert!(warnings.is_empty(), "{warnings:?}");
    let runs = &snapshot.settings;
    let of = |name: &str| {
        let index = snapshot.graph.connectors.iter().position(|connector| connector.coordinate.contains(name)).unwrap();
        (runs.upstream[index], runs.config[index].to_json())
    };
    assert_eq!(of("Query.a"), (0, r#"{"tier":"gold"}"#.to_owned()));
    assert_eq!(of("Query.b"), (1, r#"{"key":"k"}"#.to_owned()));
    assert_eq!(of("Query.c"), of("Query.b"), "connectors without a source share their file's");
    assert_eq!(runs.calls_max, [7, Source::default().calls_per_operation_max]);
}

#[test]
fn settings_of_unknown_sources_are_a_warning() {
    let mut settings = Settings::default();
    settings.sources.insert("apy".to_owned(), Source::default());
    let (_, warnings) = built(&settings, &[shop()]);
    let [warning] = &warnings[..] else { panic!("one warning: {warnings:?}") };
    assert_eq!(warning.code, "UNKNOWN_SOURCE");
    assert_eq!(warning.help.as_deref(), Some("did you mean `api`?"));
}

#[test]
fn a_missing_schema_says_what_to_type() {
    let Err(findings) = Snapshot::build(&Settings::default(), &Transport::default(), &Kept::default()) else {
        panic!("no schema")
    };
    assert_eq!(findings[0].code, "NO_SCHEMA");
    let mut settings = Settings::default();
    let path = std::path::PathBuf::from("/nowhere/shop.graphql");
    settings.schema.push(crate::config::SchemaFile { path, subgraph: "shop".to_owned() });
    let Err(findings) = Snapshot::build(&settings, &Transport::default(), &Kept::default()) else { panic!("no file") };
    assert_eq!(findings[0].code, "SCHEMA_FILE");
    assert!(findings[0].message.starts_with("cannot read `/nowhere/shop.graphql`"), "{}", findings[0].message);
}

#[test]
fn context_comes_from_headers_and_settings() {
    let mut settings = Settings::default();
    let header = |name: &'static str, json| ContextValue::Header { name: http::HeaderName::from_static(name), json };
    settings.context.insert("tenant".to_owned(), header("x-tenant", false));
    settings.context.insert("user".to_owned(), header("x-user", true));
    settings.context.insert("none".to_owned(), header("x-none", false));
    settings.context.insert("stage".to_owned(), ContextValue::Value(Hidden(json!(["a"]))));
    let (snapshot, _) = built(&settings, &[shop()]);
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", "7".parse().unwrap());
    headers.insert("x-user", r#"{"id":12345678901234567890}"#.parse().unwrap());
    let context = snapshot.context.of(&headers, &Identity::default());
    assert_eq!(context["tenant"], Value::String("7".to_owned()));
    assert_eq!(context["user"].to_json(), r#"{"id":12345678901234567890}"#);
    assert_eq!(context["none"], Value::Null);
    assert_eq!(context["stage"].to_json(), r#"["a"]"#);
    headers.insert("x-user", "{".parse().unwrap());
    assert_eq!(snapshot.context.of(&headers, &Identity::default())["user"], Value::Null);
}

#[tokio::test]
async fn a_swap_is_seen_by_the_next_request() {
    let gateway = Gateway::new(built(&Settings::default(), &[shop()]).0);
    assert_eq!(
        gateway.answer(&request("{ added: __typename new }")).await.unwrap_err().code,
        ErrorCode::GraphqlValidationFailed
    );
    let held = gateway.snapshot();
    let next =
        file("shop", r#"type Query { new: String @connect(http: { GET: "http://127.0.0.1:9/n" }, selection: "$") }"#);
    gateway.swap(built(&Settings::default(), &[next]).0);
    let answer =
        gateway.answer(&request("query($no: Boolean = false) { added: __typename new @include(if: $no) }")).await;
    assert_eq!(answer.unwrap().body, r#"{"data":{"added":"Query"}}"#);
    assert!(held.graph.by_name.contains_key("Query"), "whoever holds the old one keeps it");
}

#[tokio::test]
async fn each_limit_holds_at_its_maximum_and_one_past_it() {
    type Set = fn(&mut Limits);
    let cases: [(&str, Set, &str); 5] = [
        ("depth", |limits| limits.depth = 1, "{ __typename ns { __typename } }"),
        ("height", |limits| limits.height = 1, "{ __typename t: __typename }"),
        ("aliases", |limits| limits.aliases = 1, "{ s: __typename t: __typename }"),
        ("root_fields", |limits| limits.root_fields = 1, "{ __typename t: __typename }"),
        ("directives", |limits| limits.directives = 1, "{ __typename @skip(if: false) @include(if: true) }"),
    ];
    for (limit, set, document) in cases {
        let mut settings = Settings::default();
        set(&mut settings.limits);
        let file = || {
            file(
                "shop",
                r#"type Query { ns: Ns @connect(http: { GET: "http://127.0.0.1:9/" }, selection: "a") } type Ns { a: Int }"#,
            )
        };
        let gateway = Gateway::new(built(&settings, &[file()]).0);
        assert!(gateway.answer(&request("{ __typename }")).await.is_ok(), "{limit}: at the maximum");
        let refusal = gateway.answer(&request(document)).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::LimitExceeded);
        let [error] = &refusal.errors[..] else { panic!("{limit}: one error: {refusal:?}") };
        assert_eq!(json!(error.extensions), json!({ "limit": limit, "maximum": 1, "value": 2 }), "{limit}");
        settings.limits.mode = LimitMode::Report;
        let gateway = Gateway::new(built(&settings, &[file()]).0);
        assert!(gateway.answer(&request(document)).await.is_ok(), "{limit}: reported, not refused");
    }
}

#[tokio::test]
async fn every_limit_that_is_passed_is_told() {
    let mut settings = Settings::default();
    (settings.limits.aliases, settings.limits.root_fields) = (1, 1);
    let gateway = Gateway::new(built(&settings, &[shop()]).0);
    let refusal = gateway.answer(&request("{ s: __typename t: __typename }")).await.unwrap_err();
    let told: Vec<_> = refusal.errors.iter().map(|error| error.extensions["limit"].clone()).collect();
    assert_eq!(told, ["aliases", "root_fields"]);
    assert_eq!(refusal.errors[0].message, "the operation passes the limit of 1 `aliases`");
}

#[tokio::test]
async fn a_document_is_kept_under_its_hash_once_it_was_answered() {
    // SHA-256 of the texts, by another program.
    const GOOD: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";
    const WRONG: &str = "919c0b7aa452b0b2fb42688461501bb8b0c3ef3b9d05ce7b9afd4f28bbe96ceb";
    let gateway = Gateway::new(built(&Settings::default(), &[shop()]).0);
    let hashed = |query: Option<&str>, hash: &str| Request {
        query: query.map(str::to_owned),
        document_id: Some(DocumentId::Hash(hash.to_owned())),
        ..Request::default()
    };
    for (text, hash, is_kept) in [("{ __typename }", GOOD, true), ("{ nothing }", WRONG, false)] {
        let first = gateway.answer(&hashed(None, hash)).await.unwrap_err();
        assert_eq!(first.code, ErrorCode::PersistedQueryNotFound);
        assert_eq!(gateway.answer(&hashed(Some(text), hash)).await.is_ok(), is_kept);
        assert_eq!(gateway.answer(&hashed(None, hash)).await.is_ok(), is_kept, "{text}");
    }
}

#[test]
fn trusted_documents_that_do_not_fit_are_warnings() {
    let file = std::env::temp_dir().join(format!("weft-list-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"good":"{ a }","old":"{ gone }"}"#).unwrap();
    let mut settings = Settings::default();
    settings.documents.trusted = Some(file.clone());
    let (_, warnings) = built(&settings, &[shop()]);
    std::fs::remove_file(&file).unwrap();
    let [warning] = &warnings[..] else { panic!("one warning: {warnings:?}") };
    assert_eq!(warning.code, "TRUSTED_DOCUMENT_INVALID");
    assert!(warning.message.starts_with("the trusted document `old` does not fit the schema: "), "{}", warning.message);
    let Err(findings) = Snapshot::of_files(&settings, &[shop()], &Transport::default(), &Kept::default()) else {
        panic!("the list is gone")
    };
    assert_eq!(findings[0].code, "TRUSTED_DOCUMENTS_UNREADABLE");
}

#[tokio::test]
async fn async_graphqls_transports_run_our_plans() {
    let gateway = Arc::new(Gateway::new(built(&Settings::default(), &[shop()]).0));
    let engine = Engine::new(Arc::clone(&gateway));
    let response = engine.execute(async_graphql::Request::new("{ __typename }")).await;
    assert_eq!(response.data.into_json().unwrap(), json!({ "__typename": "Query" }));
    let response = engine.execute(async_graphql::Request::new("{ nothing }")).await;
    assert_eq!(response.errors.len(), 1);
    let refusal = gateway.answer(&request("{ nothing }")).await.unwrap_err();
    assert_eq!(Answer::refused(&refusal).refused, Some(ErrorCode::GraphqlValidationFailed));
}
