//! Any text as a URL template: refused with findings inside the text, or rendered; what is rendered stays with its service.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use weft::{
    error::SourceText,
    mapping::{Value, Variable, Variables},
    schema::{Compatibility, File, Options, compile},
};

static ARGS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    [
        &br#"{"a":"x","b":1,"c":null}"#[..],
        br#"{"a":"..","b":-1.5e3,"c":true}"#,
        br#"{"a":"%2e%2e/\\?#&=+ \u00e4","b":0,"c":[1,"two"]}"#,
        br#"{"a":"","b":{"x":1}}"#,
    ]
    .iter()
    .map(|json| Value::parse(json).expect("valid"))
    .collect()
});

struct Args<'a>(&'a Value);

impl Variables for Args<'_> {
    fn get(&self, variable: Variable) -> Option<&Value> {
        (variable == Variable::Args).then_some(self.0)
    }
}

fuzz_target!(|text: &str| {
    let quoted = serde_json::Value::from(text).to_string();
    let sdl = format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "rest", http: {{ baseURL: "https://rest.example/base" }})
type Query {{
  f(a: String, b: Float, c: [String]): String @connect(source: "rest", http: {{ GET: {quoted} }}, selection: "$.x")
}}"#
    );
    let source = Arc::new(SourceText { name: "fuzz.graphql".into(), text: sdl });
    for compatibility in [Compatibility::Default, Compatibility::Strict] {
        let file = File { subgraph: "fuzz".into(), source: source.clone() };
        match compile(&[file], &Options { compatibility, ..Options::default() }) {
            Err(findings) => {
                assert!(!findings.is_empty());
                for label in findings.iter().flat_map(|finding| &finding.labels) {
                    assert!(label.source.text.get(label.span.clone()).is_some(), "{label:?}");
                }
            }
            Ok(compiled) => {
                let request = compiled.graph.connectors[0].request.as_ref().expect("it has a URL");
                for args in ARGS.iter() {
                    if let Ok(rendered) = request.render(&Args(args), &http::HeaderMap::new()) {
                        let rest = rendered.url.strip_prefix("https://rest.example/base").expect("the base stays");
                        let path = rest.split('?').next().unwrap_or_default();
                        assert!(!path.split('/').any(|segment| segment == ".." || segment == "."), "{}", rendered.url);
                        assert!(rendered.url.bytes().all(|byte| (0x21..0x7f).contains(&byte)), "{}", rendered.url);
                    }
                }
            }
        }
    }
});
