//! The schema room: what does it cost to render a request, and to load a large schema?
//!
//! With `WEFT_LARGE_SCHEMA=FILE` the schema of the benches is written there, for `weft check` and `weft serve`.

#[path = "support/large.rs"]
mod large;

use std::sync::Arc;

use weft::{
    error::SourceText,
    mapping::{Value, Variable, Variables},
    schema::{File, Options, compile, template::Request},
};

fn main() {
    match std::env::var_os("WEFT_LARGE_SCHEMA") {
        Some(path) => std::fs::write(path, large::schema(5_000, 2_000)).expect("a place to write to"),
        None => divan::main(),
    }
}

/// Read, checked, lowered: 2 connectors for every 5 types.
#[divan::bench(args = [50, 500, 5_000], sample_count = 10)]
fn compile_large(bencher: divan::Bencher, types: usize) {
    let source = Arc::new(SourceText { name: "large.graphql".into(), text: large::schema(types, types * 2 / 5) });
    let files = [File { subgraph: "large".into(), source }];
    bencher.bench_local(|| compile(divan::black_box(&files), &Options::default()).expect("it compiles"));
}

struct Given(Value);

impl Variables for Given {
    fn get(&self, variable: Variable) -> Option<&Value> {
        matches!(variable, Variable::Args | Variable::This | Variable::Batch).then_some(&self.0)
    }
}

fn with_request(coordinate: &str, bench: impl FnOnce(&Request)) {
    let text = include_str!("load/contenders/weft/schema-batch.graphql").to_owned();
    let source = Arc::new(SourceText { name: "bench.graphql".into(), text });
    let compiled = compile(&[File { subgraph: "bench".into(), source }], &Options::default()).expect("it compiles");
    let connector = compiled.graph.connectors.iter().find(|connector| *connector.coordinate == *coordinate);
    bench(connector.and_then(|connector| connector.request.as_ref()).expect("a connector of the schema"));
}

/// `/posts/{$args.id}`
#[divan::bench]
fn render_path(bencher: divan::Bencher) {
    let given = Given(Value::parse(br#"{"id":17}"#).expect("valid"));
    with_request("bench:Query.post[0]", |request| {
        bencher.bench_local(|| request.render(divan::black_box(&given), &http::HeaderMap::new()).expect("rendered"));
    });
}

/// `/users?id=1&id=2…`
#[divan::bench(args = [1, 10, 100])]
fn render_batch(bencher: divan::Bencher, keys: usize) {
    let keys: Vec<String> = (1..=keys).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let given = Given(Value::parse(format!("[{}]", keys.join(",")).as_bytes()).expect("valid"));
    with_request("bench:User[0]", |request| {
        bencher.bench_local(|| request.render(divan::black_box(&given), &http::HeaderMap::new()).expect("rendered"));
    });
}
