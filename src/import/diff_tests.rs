//! Every class of change. `tests/graphql-js` compares the same cases with graphql-js.

use std::sync::Arc;

use super::diff;
use crate::{
    error::SourceText,
    schema::{Api, File, Options},
};

fn api(text: &str) -> Api {
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: text.to_owned() });
    Api::read(&[File { subgraph: "api".to_owned(), source }], &Options::default()).expect("a valid schema")
}

fn cases() -> Vec<serde_json::Value> {
    let text = include_str!("../../tests/graphql-js/diff.json");
    let cases: serde_json::Value = serde_json::from_str(text).expect("JSON");
    cases.as_array().expect("a list").clone()
}

#[test]
fn every_class_is_found_where_it_is() {
    for case in cases() {
        let text = |name: &str| case[name].as_str().expect("a text").to_owned();
        let list = |value: &serde_json::Value| -> Vec<String> {
            value.as_array().expect("a list").iter().map(|it| it.as_str().expect("a text").to_owned()).collect()
        };
        let changes = diff(&api(&text("old")), &api(&text("new")));
        let found: Vec<String> =
            changes.iter().map(|change| format!("{} {} {}", change.level, change.kind, change.coordinate)).collect();
        let mut expected = list(&case["changes"]);
        expected.extend(case.get("ours").map(list).unwrap_or_default());
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        assert_eq!(sorted(found.clone()), sorted(expected), "{}", text("name"));
        assert!(changes.is_sorted_by_key(|change| change.level), "{found:?}");
        assert!(changes.iter().all(|change| !change.message.is_empty()));
    }
}

#[test]
fn an_api_does_not_differ_from_itself() {
    for case in cases() {
        let api = api(case["new"].as_str().expect("a text"));
        assert_eq!(diff(&api, &api), []);
    }
}

#[test]
fn a_connector_schema_is_compared_as_its_clients_see_it() {
    let schema = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@inaccessible"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "api", http: { baseURL: "https://api.example.com" })
type Query { book: Book @connect(source: "api", http: { GET: "/book" }, selection: "id title secret") }
type Book { id: ID! title: String secret: String @inaccessible }
"#;
    let written = "type Query { book: Book } type Book { id: ID! title: String }";
    assert_eq!(diff(&api(schema), &api(written)), []);
    // Which call gives a field is nothing that clients see.
    assert_eq!(diff(&api(schema), &api(&schema.replace("/book", "/books/first"))), []);
}
