//! Any text as a schema, in both compatibilities: findings whose marks lie in the file, or a graph.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use weft::{
    error::{Format, SourceText, render},
    schema::{Compatibility, File, Options, compile},
};

fuzz_target!(|text: &str| {
    for compatibility in [Compatibility::Default, Compatibility::Strict] {
        let source = Arc::new(SourceText { name: "fuzz.graphql".to_owned(), text: text.to_owned() });
        let file = File { subgraph: "fuzz".to_owned(), source };
        let (is_refused, findings) = match compile(&[file], &Options { compatibility, ..Options::default() }) {
            Ok(compiled) => (false, compiled.warnings),
            Err(findings) => (true, findings),
        };
        assert!(!is_refused || !findings.is_empty(), "refused without a word");
        for finding in &findings {
            let label = finding.labels.first().expect("a mark");
            assert!(label.source.text.get(label.span.clone()).is_some(), "{finding:?}");
        }
        assert!(findings.is_empty() || !render(&findings, Format::Human { color: false }).is_empty());
    }
});
