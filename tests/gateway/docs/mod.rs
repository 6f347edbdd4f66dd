//! The documentation is true: every example of `docs/` runs and gives what the page shows.

mod page;
mod scene;
mod tutorial;

use weft::{
    error::{Severity, SourceText},
    schema::{self, File, Options},
};

use crate::support::{root, runtime};
use page::{Page, pages};

/// Pages with a player of their own: below, or in the tests of the feature that they tell of.
const APART: [&str; 4] = ["docs/tutorial.md", "docs/diagnostics/", "docs/import-openapi", "docs/upstream/"];

#[test]
fn every_example_of_the_guides_runs() {
    let mut faults = Vec::new();
    for path in pages("docs") {
        let name = path.strip_prefix(root()).expect("below the project").display().to_string();
        if !APART.iter().any(|apart| name.starts_with(apart)) {
            faults.extend(runtime().block_on(scene::play(&path)));
        }
    }
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

/// What examples of diagnostics leave out.
const FRAME: &str = r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@cacheTag"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "api", http: { baseURL: "https://api.example.com" })
"#;

#[test]
fn wrong_examples_get_the_code_of_their_section() {
    let mut faults = Vec::new();
    for path in pages("docs/diagnostics") {
        let page = Page::read(&path);
        for block in page.blocks.iter().filter(|block| block.kind().starts_with("graphql")) {
            let frame = if block.text.contains("extend schema") { "" } else { FRAME };
            let source = SourceText { name: "wrong.graphql".to_owned(), text: format!("{frame}{}", block.text) };
            let file = File { subgraph: "wrong".to_owned(), source: source.into() };
            let found = match schema::compile(&[file], &Options::default()) {
                Ok(compiled) => compiled.warnings,
                Err(found) => found,
            };
            let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
            if !codes.contains(&block.heading.as_str()) {
                faults.push(format!("{}:{}: gets {codes:?} instead of {}", page.name, block.line, block.heading));
            }
            if !found.iter().any(|finding| finding.severity == Severity::Error || finding.help.is_some()) {
                faults.push(format!("{}:{}: nothing says what to do", page.name, block.line));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for path in pages("docs").into_iter().chain([root().join("README.md"), root().join("ARCHITECTURE.md")]) {
        let text = std::fs::read_to_string(&path).expect("a readable page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let local = !file.is_empty() && !file.contains("://") && !file.contains(' ');
            if local && !path.parent().expect("a folder").join(file).exists() {
                faults.push(format!("{}: `{link}`", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let mut explained: Vec<String> = pages("docs/diagnostics")
        .into_iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).expect("a readable page");
            text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    explained.sort();
    // The codes of answers, as `as_str` writes them.
    let answers = std::fs::read_to_string(root().join("src/error/code.rs")).expect("a readable file");
    let answers = answers.lines().filter_map(|line| line.split_once("=> \"")?.1.split('"').next());
    let mut codes: Vec<String> =
        weft::error::CODES.iter().map(|code| code.code).chain(answers).map(str::to_owned).collect();
    codes.sort();
    codes.dedup();
    let missing: Vec<&String> = codes.iter().filter(|code| !explained.contains(code)).collect();
    let unknown: Vec<&String> = explained.iter().filter(|code| !codes.contains(code)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "without a page: {missing:?}; nobody prints: {unknown:?}");
    assert_eq!(explained.len(), codes.len(), "a code has two sections");
}
