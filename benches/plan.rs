//! From a text to a plan: what does a document cost when it is first seen?

#[path = "support/large.rs"]
mod large;

use std::sync::Arc;

use weft::{
    error::SourceText,
    operation::{Limits, Operation, bind, parse},
    plan,
    schema::{File, Graph, Options, compile},
};

fn main() {
    divan::main();
}

const SCHEMA: &str = include_str!("load/contenders/weft/schema-batch.graphql");
const OPERATIONS: [(&str, &str); 3] = [
    ("one field", "{ posts { title } }"),
    ("a batched join", "{ posts { id userId title user { id name email } } }"),
    ("by variable", "query($id: Int!) { post(id: $id) { title user { name } comments { name email } } }"),
];

fn graph() -> Graph {
    let source = Arc::new(SourceText { name: "bench.graphql".into(), text: SCHEMA.into() });
    compile(&[File { subgraph: "bench".into(), source }], &Options::default()).expect("the schema compiles").graph
}

fn operation(graph: &Graph, text: &str) -> Operation {
    let document = parse(graph, text, &Limits::default()).expect("a valid document");
    bind(graph, &document, None).expect("one operation")
}

#[divan::bench]
fn compile_schema() -> Graph {
    graph()
}

#[divan::bench(args = OPERATIONS.map(|(name, _)| name))]
fn parse_and_bind(bencher: divan::Bencher, name: &str) {
    let graph = graph();
    let text = text(name);
    bencher.bench_local(|| operation(&graph, divan::black_box(text)));
}

#[divan::bench(args = OPERATIONS.map(|(name, _)| name))]
fn build_plan(bencher: divan::Bencher, name: &str) {
    let graph = graph();
    let operation = Arc::new(operation(&graph, text(name)));
    bencher.bench_local(|| plan::build(&graph, operation.clone()).expect("a plan"));
}

/// So many lists, each with seven levels of entities over dozens of connectors.
#[divan::bench(args = [1, 4, 16], sample_count = 20)]
fn build_large_plan(bencher: divan::Bencher, lists: usize) {
    let source = Arc::new(SourceText { name: "large.graphql".into(), text: large::schema(5_000, 2_000) });
    let file = File { subgraph: "large".into(), source };
    let graph = compile(&[file], &Options::default()).expect("the schema compiles").graph;
    let limits = Limits { tokens_max: usize::MAX, selections_max: usize::MAX, ..Limits::default() };
    let document = parse(&graph, &large_operation(lists), &limits).expect("a valid document");
    let operation = Arc::new(bind(&graph, &document, None).expect("one operation"));
    bencher.bench_local(|| plan::build(&graph, operation.clone()).expect("a plan"));
}

fn text(name: &str) -> &'static str {
    OPERATIONS.iter().find(|(known, _)| *known == name).expect("a name of the list").1
}

/// An operation over the large schema: so many lists, each with entities four hops deep and all their fields.
fn large_operation(lists: usize) -> String {
    let whole = "id name status amount tags detail { a b part { x y z } }";
    let list = |at: usize| {
        format!(
            "l{at}: list{at}(first: 5) {{ {whole} others {{ {whole} }} \
             next {{ {whole} next {{ {whole} others {{ {whole} next {{ {whole} }} }} }} }} }}"
        )
    };
    format!("{{ {} }}", (0..lists).map(list).collect::<Vec<_>>().join(" "))
}
