//! Requests as schemas write them, rendered: joining, encoding, headers, bodies.

use std::{collections::HashMap, sync::Arc};

use super::*;
use crate::{
    error::{Format, SourceText, render},
    mapping::Variable,
    schema::{Compiled, File, Options, compile},
};

/// Variables given as JSON.
struct Given(HashMap<Variable, Value>);

impl Variables for Given {
    fn get(&self, variable: Variable) -> Option<&Value> {
        self.0.get(&variable)
    }
}

fn given(variables: &[(Variable, serde_json::Value)]) -> Given {
    Given(variables.iter().map(|(variable, value)| (*variable, Value::from(value))).collect())
}

/// A schema with one field `f(a: String, b: Int, l: [String], o: In): String`; `source` and `http` are the insides of their objects.
fn schema(source: Option<&str>, http: &str) -> Compiled {
    let (declared, named) = match source {
        Some(source) => (format!("@source(name: \"s\", http: {{ {source} }})"), "source: \"s\""),
        None => (String::new(), ""),
    };
    let text = format!(
        r#"extend schema @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"]) {declared}
        scalar JSON
        input In {{ n: Int c: In }}
        type Query {{ f(a: String, b: Int, l: [String], o: In, j: JSON): String @connect({named} http: {{ {http} }} selection: "$.v") }}"#
    );
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text });
    compile(&[File { subgraph: "api".to_owned(), source }], &Options::default())
        .unwrap_or_else(|findings| panic!("{}", render(&findings, Format::Human { color: false })))
}

fn rendered(source: Option<&str>, http: &str, args: serde_json::Value) -> Result<Rendered, RenderError> {
    let compiled = schema(source, http);
    let request = compiled.graph.connectors[0].request.as_ref().expect("a request");
    let mut client = HeaderMap::new();
    client.append("x-tag", HeaderValue::from_static("one"));
    client.append("x-tag", HeaderValue::from_static("two"));
    let config = serde_json::json!({ "host": "vault.example:81", "v": "v 1" });
    request.render(&given(&[(Variable::Args, args), (Variable::Config, config)]), &client)
}

fn url(base: &str, template: &str, args: serde_json::Value) -> String {
    rendered(Some(&format!("baseURL: \"{base}\"")), &format!("GET: \"{template}\""), args).expect("a URL").url
}

fn header<'a>(rendered: &'a Rendered, name: &str) -> Vec<&'a str> {
    rendered.headers.get_all(name).iter().map(|value| value.to_str().expect("text")).collect()
}

#[test]
fn joins_paths_with_one_slash() {
    let none = || serde_json::json!({});
    for (base, template, wanted) in [
        ("https://h.example", "/", "https://h.example/"),
        ("https://h.example/v1", "/", "https://h.example/v1"),
        ("https://h.example/v1/", "/", "https://h.example/v1/"),
        ("https://h.example/v1", "/x/", "https://h.example/v1/x/"),
        ("https://h.example/v1/", "/x", "https://h.example/v1/x"),
        ("https://h.example/v1", "?q=1", "https://h.example/v1?q=1"),
        ("https://h.example/v1?a=1", "/x?b=2", "https://h.example/v1/x?a=1&b=2"),
        ("https://h.example/v1", "/x#part", "https://h.example/v1/x"),
        ("https://h.example/v1", "/a/{$args.a}/b", "https://h.example/v1/a//b"),
        // Where the original fails, the slash is understood (reference 13, row 9).
        ("https://h.example/v1", "x", "https://h.example/v1/x"),
        ("https://h.example/v1", "", "https://h.example/v1"),
    ] {
        assert_eq!(url(base, template, none()), wanted, "{base} + {template}");
    }
}

#[test]
fn values_never_add_segments_or_parameters() {
    let args = serde_json::json!({ "a": "a/b?c=d&e #%20é~" });
    assert_eq!(
        url("https://h.example", "/x/{$args.a};v=1,2/é b%20", args),
        "https://h.example/x/a%2Fb%3Fc%3Dd%26e%20%23%2520%C3%A9~;v=1,2/%C3%A9%20b%20"
    );
}

#[test]
fn braces_in_string_literals_end_nothing() {
    let args = serde_json::json!({ "l": ["a", "b"] });
    assert_eq!(url("https://h.example", "/x/{$args.l->joinNotNull('}{')}", args), "https://h.example/x/a%7D%7Bb");
}

#[test]
fn segments_that_climb_are_refused() {
    for value in [".", ".."] {
        let args = serde_json::json!({ "a": value });
        let refused = rendered(Some("baseURL: \"https://h.example/v1\""), "GET: \"/x/{$args.a}\"", args);
        assert!(refused.is_err(), "{value}");
    }
    // Half of the dots from the text, half from the value.
    for template in ["/x/.{$args.a}/y", "/x/%2e{$args.a}", "/x/%2E%2e"] {
        let args = serde_json::json!({ "a": "." });
        let refused = rendered(Some("baseURL: \"https://h.example/v1\""), &format!("GET: \"{template}\""), args);
        assert!(refused.is_err(), "{template}");
    }
    assert_eq!(url("https://h.example", "/x/...", serde_json::json!({})), "https://h.example/x/...");
}

#[test]
fn lists_and_objects_in_the_url_are_refused() {
    let refused =
        rendered(Some("baseURL: \"https://h.example\""), "GET: \"/{$args.j}\"", serde_json::json!({ "j": [1] }));
    assert!(refused.is_err());
}

#[test]
fn query_parameters_leave_out_null_and_repeat_lists() {
    let http = r#"GET: "/x?t={$args.a}" queryParams: "a: $args.a  b: $args.b  l: $args.l  n: $(1.50)""#;
    let source = r#"baseURL: "https://h.example?u=1" queryParams: "s: $('q w')""#;
    let args = serde_json::json!({ "a": null, "b": 3, "l": ["x", null, "y&z"] });
    let found = rendered(Some(source), http, args).expect("a URL").url;
    assert_eq!(found, "https://h.example/x?u=1&s=q%20w&t=&b=3&l=x&l=&l=y%26z&n=1.50");
    let object = serde_json::json!({ "l": [{ "n": 1 }] });
    assert!(rendered(Some(source), http, object).is_err(), "an object in a list");
}

#[test]
fn path_elements_are_segments() {
    let http = r#"GET: "/x/" path: "$(['a/b', $args.b->toString, 'z'])""#;
    let found =
        rendered(Some(r#"baseURL: "https://h.example/v" path: "$(['p'])""#), http, serde_json::json!({ "b": 7 }));
    assert_eq!(found.expect("a URL").url, "https://h.example/v/p/x/a%2Fb/7/z");
    let found = rendered(Some(r#"baseURL: "https://h.example/v""#), http, serde_json::json!({}));
    assert_eq!(found.expect("a URL").url, "https://h.example/v/x/a%2Fb/z");
}

#[test]
fn base_urls_may_compute_their_host() {
    let source = r#"baseURL: "https://{$config.host}/{$config.v}""#;
    let found = rendered(Some(source), "GET: \"/x\"", serde_json::json!({})).expect("a URL");
    assert_eq!(found.url, "https://vault.example:81/v%201/x");
}

#[test]
fn absolute_templates_need_no_source() {
    let found =
        rendered(None, "GET: \"https://alone.example:8443/find?city={$args.a}\"", serde_json::json!({ "a": "ł" }));
    assert_eq!(found.expect("a URL").url, "https://alone.example:8443/find?city=%C5%82");
}

#[test]
fn headers_of_the_connector_replace_those_of_the_source() {
    let source = r#"baseURL: "https://h.example" headers: [
        { name: "x-trace", value: "source" }, { name: "x-forwarded", from: "x-tag" }, { name: "x-none", from: "x-gone" }
    ]"#;
    let http =
        r#"GET: "/" headers: [{ name: "X-Trace", value: "c-{$args.a}" }, { name: "x-list", value: "{$args.j}" }]"#;
    let found = rendered(Some(source), http, serde_json::json!({ "a": "1\n2", "j": [1] })).expect("a request");
    assert_eq!(header(&found, "x-trace"), ["c-12"]);
    assert_eq!(header(&found, "x-forwarded"), ["one", "two"]);
    assert!(!found.headers.contains_key("x-none") && !found.headers.contains_key("x-list"));
    assert!(!found.headers.contains_key("content-type"), "there is no body");
    assert!(rendered(Some(source), http, serde_json::json!({ "a": "\u{1}" })).is_err(), "a control character");
}

#[test]
fn bodies_are_json_unless_the_content_type_is_a_form() {
    let base = Some(r#"baseURL: "https://h.example""#);
    let json = r#"POST: "/" body: "a: $args.a  b: $args.b""#;
    let found = rendered(base, json, serde_json::json!({ "a": "é", "b": null })).expect("a request");
    assert_eq!(found.body.as_deref(), Some("{\"a\":\"é\",\"b\":null}".as_bytes()));
    assert_eq!(header(&found, "content-type"), ["application/json"]);

    let found = rendered(base, r#"POST: "/" body: "$args.a""#, serde_json::json!({})).expect("a request");
    assert_eq!(found.body, None, "a missing value is an empty body");

    let form = r#"POST: "/" body: "a: $args.a  o: $args.o  l: $args.l"
        headers: [{ name: "Content-Type", value: "application/x-www-form-urlencoded" }]"#;
    let args = serde_json::json!({ "a": "b &c", "o": { "n": 1, "c": { "n": null } }, "l": ["x", "y"] });
    let found = rendered(base, form, args).expect("a request");
    let body = found.body.expect("a body");
    assert_eq!(body.as_ref(), b"a=b+%26c&o%5Bn%5D=1&o%5Bc%5D%5Bn%5D=&l%5B0%5D=x&l%5B1%5D=y");

    let list = form.replace("a: $args.a  o: $args.o  l: $args.l", "$args.l");
    assert!(rendered(base, &list, serde_json::json!({ "l": ["x"] })).is_err(), "a form of a list");
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_parse_back(segment in "\\PC{1,12}", parameter in "\\PC{0,12}") {
            prop_assume!(segment != "." && segment != "..");
            let compiled = HELD.with(Arc::clone);
            let request = compiled.graph.connectors[0].request.as_ref().expect("a request");
            let args = serde_json::json!({ "a": segment, "j": parameter });
            let found = request.render(&given(&[(Variable::Args, args)]), &HeaderMap::new()).expect("a URL").url;
            let parsed = ::url::Url::parse(&found).expect("a URL");
            prop_assert_eq!(parsed.as_str(), found.as_str(), "sent byte for byte");
            let segments: Vec<&str> = parsed.path_segments().expect("a path").collect();
            prop_assert_eq!(segments.len(), 3);
            let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8_lossy();
            prop_assert_eq!(decoded, segment);
            let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, [("q".to_owned(), parameter)]);
        }
    }

    thread_local! {
        static HELD: Arc<Compiled> = Arc::new(schema(
            Some("baseURL: \"https://h.example\""),
            "GET: \"/x/{$args.a}/y?q={$args.j}\"",
        ));
    }
}
