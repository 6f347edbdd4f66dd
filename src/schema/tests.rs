//! The connector fixtures compile, and broken edits of one give the codes they should.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use super::*;
use crate::error::{Format, Severity, SourceText, render};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/connectors")
}

fn file(name: &str, text: &str) -> File {
    let source = Arc::new(SourceText { name: format!("{name}.graphql"), text: text.to_owned() });
    File { subgraph: name.to_owned(), source }
}

fn strict() -> Options {
    Options { compatibility: Compatibility::Strict, ..Options::default() }
}

fn compiled(text: &str) -> Compiled {
    compile(&[file("api", text)], &Options::default())
        .unwrap_or_else(|findings| panic!("{}", render(&findings, Format::Human { color: false })))
}

fn codes(text: &str, options: &Options) -> BTreeSet<String> {
    match compile(&[file("api", text)], options) {
        Ok(compiled) => compiled.warnings.iter().map(|finding| finding.code.to_owned()).collect(),
        Err(findings) => findings.iter().map(|finding| finding.code.to_owned()).collect(),
    }
}

#[test]
fn all_fixture_schemas_compile() {
    let mut seen = 0;
    for entry in std::fs::read_dir(fixtures()).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "graphql") {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&path).expect("a text");
        for options in [Options::default(), strict()] {
            if let Err(findings) = compile(&[file("api", &text)], &options) {
                panic!(
                    "{} ({:?})\n{}",
                    path.display(),
                    options.compatibility,
                    render(&findings, Format::Human { color: false })
                );
            }
        }
    }
    assert_eq!(seen, 20);
}

#[test]
fn broken_edits_give_their_codes() {
    let text = std::fs::read_to_string(fixtures().join("20-diagnostics.graphql")).expect("a text");
    let cases = std::fs::read_to_string(fixtures().join("20-diagnostics.http.json")).expect("a text");
    let cases: serde_json::Value = serde_json::from_str(&cases).expect("JSON");
    let cases = cases["diagnostics"].as_array().expect("a list");
    assert_eq!(cases.len(), 60);
    let mut wrong = Vec::new();
    for case in cases {
        let mut text = text.clone();
        for replace in case["replace"].as_array().expect("a list") {
            let (old, new) = (replace[0].as_str().expect("text"), replace[1].as_str().expect("text"));
            assert!(text.contains(old), "{}", case["name"]);
            text = text.replace(old, new);
        }
        let wanted: BTreeSet<String> = case["codes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|code| code.as_str().expect("text").to_owned())
            .collect();
        let found = codes(&text, &strict());
        if found != wanted {
            wrong.push(format!("{}: wanted {wanted:?}, found {found:?}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{} of 60\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_finding_marks_a_place_and_says_something() {
    let text = std::fs::read_to_string(fixtures().join("20-diagnostics.graphql")).expect("a text");
    let broken = text.replace("{$args.size}", "{$args.siz}").replace("colour: $args.colour", "colour: $args.color");
    let findings = compile(&[file("api", &broken)], &strict()).expect_err("two mistakes");
    assert_eq!(findings.len(), 2, "{}", render(&findings, Format::Human { color: false }));
    for (finding, marked) in findings.iter().zip(["siz", "color"]) {
        let label = &finding.labels[0];
        assert_eq!(&label.source.text[label.span.clone()], marked);
        assert_eq!(finding.severity, Severity::Error);
        assert!(finding.help.as_deref().is_some_and(|help| help.starts_with("did you mean")), "{finding:?}");
    }
}
