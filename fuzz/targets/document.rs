//! Any text as an operation: refused with an error, or bound, coerced, planned and explained; never a panic.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use weft::{
    error::SourceText,
    mapping::Object,
    operation::{Limits, bind, coerce, parse},
    plan,
    schema::{File, Graph, Options, compile},
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
    let source = Arc::new(SourceText { name: "schema.graphql".into(), text: include_str!("../schema.graphql").into() });
    compile(&[File { subgraph: "fuzz".into(), source }], &Options::default()).expect("the schema compiles").graph
});

fuzz_target!(|text: &str| {
    let Ok(document) = parse(&GRAPH, text, &Limits::default()) else { return };
    let Ok(operation) = bind(&GRAPH, &document, None) else { return };
    let _ = coerce(&GRAPH, &operation, &Object::new());
    if let Ok(plan) = plan::build(&GRAPH, Arc::new(operation)) {
        assert!(!plan::explain(&GRAPH, &plan).is_empty());
    }
});
