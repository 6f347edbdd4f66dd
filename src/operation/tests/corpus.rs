//! The documents of `tests/cases/validation`: each rule of GraphQL's section 5, kept and broken.

use std::{fmt::Write, fs, path::Path};

use super::super::testing::{parsed, shop};
use crate::error::ErrorCode;

struct Case {
    name: String,
    is_valid: bool,
    document: String,
}

/// `## name` and then a fenced block ```` ```graphql valid ```` or ```` ```graphql invalid ````.
fn cases(file: &Path) -> Vec<Case> {
    let text = fs::read_to_string(file).expect("a readable case file");
    let stem = file.file_stem().expect("a name").to_string_lossy();
    let (mut cases, mut name, mut open) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            name = format!("{stem}: {title}");
        } else if let Some(verdict) = line.strip_prefix("```graphql ") {
            assert!(["valid", "invalid"].contains(&verdict), "{name}: `{verdict}`");
            cases.push(Case { name: name.clone(), is_valid: verdict == "valid", document: String::new() });
            open = true;
        } else if line == "```" {
            open = false;
        } else if open {
            let case = cases.last_mut().expect("a case is open");
            writeln!(case.document, "{line}").expect("writes to memory");
        }
    }
    cases
}

fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/validation");
    let entries = fs::read_dir(folder).expect("the case folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    files.sort();
    files.iter().flat_map(|file| cases(file)).collect()
}

#[test]
fn judges_every_document_right() {
    let graph = shop();
    let cases = all();
    assert!(cases.len() >= 240, "only {} cases were read", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let result = parsed(&graph, &case.document);
        if result.is_ok() != case.is_valid {
            let found = result.err().map(|refusal| refusal.errors);
            writeln!(wrong, "{}\n    {}    {found:?}", case.name, case.document).expect("writes to memory");
        }
    }
    assert!(wrong.is_empty(), "judged wrong:\n{wrong}");
}

#[test]
fn every_finding_has_a_code_a_message_and_a_place() {
    let graph = shop();
    for case in all().iter().filter(|case| !case.is_valid) {
        let refusal = parsed(&graph, &case.document).expect_err(&case.name);
        let is_syntax = case.name.starts_with("syntax");
        let expected = if is_syntax && refusal.code != ErrorCode::GraphqlValidationFailed {
            ErrorCode::GraphqlParseFailed
        } else {
            ErrorCode::GraphqlValidationFailed
        };
        assert_eq!(refusal.code, expected, "{}", case.name);
        for error in &refusal.errors {
            assert!(!error.message.is_empty(), "{}", case.name);
            assert!(!error.locations.is_empty(), "{}: {}", case.name, error.message);
        }
    }
}

#[test]
fn messages_of_a_refused_document() {
    let graph = shop();
    let text =
        "query ($a: Int, $u: ID) {\n  search(filter: { price: { low: $a, low: 1 }, words: 1 }) { id }\n  me { nme }\n}";
    let refusal = parsed(&graph, text).expect_err("is invalid");
    let lines: Vec<String> = refusal
        .errors
        .iter()
        .map(|error| format!("{}:{} {}", error.locations[0].line, error.locations[0].column, error.message))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_line_shows_its_first_syntax_error_only() {
    let graph = shop();
    let refusal = parsed(&graph, "{ me { ? ? ? }\n  ? x ? }").expect_err("is no document");
    assert_eq!(refusal.code, ErrorCode::GraphqlParseFailed);
    let lines: Vec<u32> = refusal.errors.iter().map(|error| error.locations[0].line).collect();
    assert_eq!(lines, [1, 2]);
}
