//! Any text as an OpenAPI document: a message, or a schema that compiles.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use weft::{
    error::{Format, SourceText, render},
    import::openapi::{Fetched, Options, translate},
    schema,
};

fuzz_target!(|text: &str| {
    let Ok(fetched) = Fetched::of_text(text) else { return };
    let Ok(imported) = translate(&fetched, &Options::default()) else { return };
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: imported.schema });
    let file = schema::File { subgraph: "api".to_owned(), source: Arc::clone(&source) };
    if let Err(found) = schema::compile(&[file], &schema::Options::default()) {
        panic!("{}\n{}", render(&found, Format::Human { color: false }), source.text);
    }
});
