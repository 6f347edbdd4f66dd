//! Our own cases of what is refused and what is accepted (`tests/cases/language/*.diagnostics.json`), and every fixture schema
//! with each of its tokens and bytes spoiled.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{Compatibility, File, Options, compile};
use crate::error::{Diagnostic, Format, SourceText, render};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Files of a folder whose names end so, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cases().join(folder)).expect("the folder is in the project");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    paths.sort();
    paths
}

fn found(text: &str, compatibility: Compatibility) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: text.to_owned() });
    let file = File { subgraph: "api".to_owned(), source };
    compile(&[file], &Options { compatibility, ..Options::default() }).map(|compiled| compiled.warnings)
}

/// One file of cases.
#[derive(Deserialize)]
struct Diagnostics {
    /// What every document begins with; `{version}` is replaced.
    head: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Connect versions to try it under.
    versions: Vec<String>,
    /// What follows the head.
    sdl: String,
    /// The codes that come out.
    codes: BTreeSet<String>,
    /// The codes in strict, where they differ.
    strict: Option<BTreeSet<String>>,
    /// What the first finding marks, where that matters.
    marks: Option<String>,
}

#[test]
fn our_own_diagnostics_come_out() {
    let (mut count, mut wrong) = (0, Vec::new());
    for path in files("language", ".diagnostics.json") {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let file: Diagnostics =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in &file.cases {
            for version in &case.versions {
                let document = format!("{}{}", file.head.replace("{version}", version), case.sdl);
                let strict = case.strict.as_ref().unwrap_or(&case.codes);
                for (compatibility, wanted) in [(Compatibility::Default, &case.codes), (Compatibility::Strict, strict)]
                {
                    count += 1;
                    let (Ok(findings) | Err(findings)) = found(&document, compatibility);
                    // Advice is about what a schema costs, not about the language; it has tests of its own.
                    let codes: BTreeSet<String> = findings
                        .iter()
                        .map(|finding| finding.code.to_owned())
                        .filter(|code| !ADVICE.contains(&code.as_str()) || wanted.contains(code))
                        .collect();
                    let name = format!("{} (v{version}, {compatibility:?})", case.name);
                    if codes != *wanted {
                        let text = render(&findings, Format::Human { color: false });
                        wrong.push(format!("{name}: wanted {wanted:?}\n{text}"));
                    } else if let (Some(marks), Some(first)) = (&case.marks, findings.first()) {
                        let label = &first.labels[0];
                        let marked = &label.source.text[label.span.clone()];
                        if marked != marks {
                            wrong.push(format!("{name}: marks `{marked}` instead of `{marks}`"));
                        }
                    }
                }
            }
        }
    }
    assert!(count > 100, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
}

/// Warnings about joins, connectors and sources of schemas that are valid.
const ADVICE: [&str; 3] = ["ONE_CALL_PER_ITEM", "UNREACHABLE_CONNECTOR", "UNUSED_SOURCE"];

/// Of how many mutations one is tried, unless the environment asks for all of them.
const SAMPLE: usize = 211;

/// Every fixture schema with a token dropped, doubled or swapped with the next, or a byte changed: a diagnostic whose marks lie in
/// the file, or a good schema. `WEFT_MUTATIONS=all` tries every place instead of a sample.
#[test]
fn spoiled_schemas_are_findings_and_never_panics() {
    let sample = if std::env::var("WEFT_MUTATIONS").is_ok_and(|value| value == "all") { 1 } else { SAMPLE };
    let (mut count, mut accepted, mut slowest) = (0_usize, 0_usize, Duration::ZERO);
    for path in files("connectors", ".graphql").into_iter().chain(files("language", ".graphql")) {
        let original = std::fs::read_to_string(&path).expect("a readable fixture");
        for (at, spoiled) in spoiled(&original).enumerate() {
            if !at.is_multiple_of(sample) {
                continue;
            }
            let compatibility = if at.is_multiple_of(2) { Compatibility::Default } else { Compatibility::Strict };
            let start = Instant::now();
            let outcome = found(&spoiled, compatibility);
            slowest = slowest.max(start.elapsed());
            count += 1;
            let findings = match outcome {
                Ok(warnings) => {
                    accepted += 1;
                    warnings
                }
                Err(findings) => {
                    assert!(!findings.is_empty(), "{} refused without a word: {spoiled}", path.display());
                    findings
                }
            };
            for finding in &findings {
                let label = finding.labels.first().unwrap_or_else(|| panic!("{finding:?} marks nothing in\n{spoiled}"));
                assert!(label.source.text.get(label.span.clone()).is_some(), "{finding:?} in\n{spoiled}");
            }
        }
    }
    eprintln!("{count} spoiled schemas, {accepted} of them good, slowest {slowest:?}");
    assert!(count > 100, "{count}");
}

/// The text with each of its tokens dropped, doubled, swapped with the next, and each of its bytes changed.
fn spoiled(text: &str) -> impl Iterator<Item = String> {
    let tokens = tokens(text);
    let next = tokens.clone().into_iter().skip(1).map(Some).chain([None]);
    let by_token = tokens.clone().into_iter().zip(next).flat_map(move |(token, next)| {
        let (before, it, after) = (&text[..token.start], &text[token.clone()], &text[token.end..]);
        let swapped = next.map(|next| {
            format!("{before}{}{}{it}{}", &text[next.clone()], &text[token.end..next.start], &text[next.end..])
        });
        [Some(format!("{before}{after}")), Some(format!("{before}{it} {it}{after}")), swapped].into_iter().flatten()
    });
    let by_byte = text.char_indices().map(move |(at, symbol)| {
        // A neighbour in ASCII: another letter, another bracket, another mark.
        let other = if symbol.is_ascii() { char::from((symbol as u8 ^ 1) & 0x7f) } else { 'x' };
        format!("{}{other}{}", &text[..at], &text[at + symbol.len_utf8()..])
    });
    by_token.chain(by_byte)
}

/// Words, numbers and single marks, also those inside of texts: mappings are spoiled like the schema around them.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut tokens: Vec<std::ops::Range<usize>> = Vec::new();
    let is_word = |symbol: char| symbol.is_alphanumeric() || symbol == '_';
    let mut inside = false;
    for (at, symbol) in text.char_indices() {
        let end = at + symbol.len_utf8();
        match tokens.last_mut() {
            Some(last) if inside && is_word(symbol) => last.end = end,
            _ if symbol.is_whitespace() => {}
            _ => tokens.push(at..end),
        }
        inside = is_word(symbol);
    }
    tokens
}

/// Cases of a file by name, as the coverage list names the file.
fn names_of_cases(folder: &str) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (ending, list, stem) in [
        (".http.json", "cases", ""),
        (".http.json", "diagnostics", ""),
        (".vectors.json", "groups", ".vectors"),
        (".diagnostics.json", "cases", ".diagnostics"),
        ("mapping-vectors.json", "groups", "mapping-vectors"),
    ] {
        for path in files(folder, ending) {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let file = path.file_name().expect("a file").to_string_lossy().replace(ending, stem);
            for case in json[list].as_array().into_iter().flatten() {
                let name = case["name"].as_str().or(case["group"].as_str()).expect("a name");
                names.push((file.clone(), name.to_owned()));
            }
        }
    }
    names
}

#[test]
fn the_coverage_list_and_the_cases_are_equal() {
    let own = names_of_cases("language");
    let all: Vec<(String, String)> = own.iter().cloned().chain(names_of_cases("connectors")).collect();
    let list = std::fs::read_to_string(cases().join("language/COVERAGE.md")).expect("the list is in the project");
    let mut named = BTreeSet::new();
    let mut wrong = Vec::new();
    for line in list.lines().filter(|line| line.starts_with("- ")) {
        let Some((_, places)) = line.split_once(" → ") else {
            wrong.push(format!("shown by nothing: {line}"));
            continue;
        };
        for place in places.split(" ; ") {
            let (file, pattern) = place.split_once(" › ").unwrap_or((place, ""));
            let fits = |name: &str| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            };
            let is_there = if Path::new(file).extension().is_some_and(|extension| extension == "rs") {
                let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                let text = std::fs::read_to_string(source).unwrap_or_default();
                text.contains(&format!("fn {}", pattern.trim_end_matches('*')))
            } else {
                let found: Vec<_> = all.iter().filter(|(known, name)| known == file && fits(name)).collect();
                named.extend(found.iter().copied());
                !found.is_empty()
            };
            if !is_there {
                wrong.push(format!("there is no `{place}`"));
            }
        }
    }
    wrong.extend(
        own.iter().filter(|case| !named.contains(case)).map(|(file, name)| format!("not named: {file} › {name}")),
    );
    assert!(wrong.is_empty(), "{} findings\n{}", wrong.len(), wrong.join("\n"));
}
