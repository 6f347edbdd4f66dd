//! The conformance fixtures, through the real binary: https URLs as written, one certificate authority and a resolver for
//! the test, all else real.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{
    compare, fixture,
    fixture::{Case, Exchange, File},
    process::Weft,
    root, runtime, scratch,
    stub::Stub,
    tls,
};

/// Cases that may fail in strict, by `file: case`, each with its reason. A listed case that passes fails the test, so the
/// list can only shrink.
const OUT_OF_SCOPE: &[(&str, &str)] = &[];

/// A case in which weft does better than the original on purpose, and why.
#[derive(Debug, Deserialize)]
struct Difference {
    file: String,
    case: String,
    /// Where: `default`, and where the text alone differs in `strict` too.
    compatibility: Vec<String>,
    /// Rows of the reference's section 13.
    rows: Vec<u32>,
    /// In words.
    why: String,
    /// The answer instead.
    response: Option<Value>,
    /// The calls instead.
    upstream: Option<Vec<Exchange>>,
}

#[test]
fn every_case_passes_in_strict() {
    let differences = differences();
    let failures = play(&fixtures(), "strict", &|file, case| Some(differing("strict", &differences, file, case)));
    let mut findings = Vec::new();
    for (name, reasons) in &failures {
        if !OUT_OF_SCOPE.iter().any(|(listed, _)| listed == name) {
            findings.push(format!("{name}\n    {}", reasons.join("\n    ")));
        }
    }
    for (listed, reason) in OUT_OF_SCOPE {
        if !failures.contains_key(*listed) {
            findings.push(format!("{listed}: passes, take it off the list (it was there because {reason})"));
        }
    }
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn default_differs_only_where_section_13_says_so() {
    let differences = differences();
    let failures = play(&fixtures(), "default", &|file, case| {
        let name = format!("{}: {}", file.stem, case.name);
        let is_out = OUT_OF_SCOPE.iter().any(|(listed, _)| *listed == name);
        let is_listed = differences.iter().any(|entry| entry.file == file.stem && entry.case == case.name);
        (is_listed || !is_out).then(|| differing("default", &differences, file, case))
    });
    let findings: Vec<String> =
        failures.iter().map(|(name, reasons)| format!("{name}\n    {}", reasons.join("\n    "))).collect();
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn every_difference_has_its_row_and_its_case() {
    let names: Vec<(String, String)> = fixture::files(&fixture::folder())
        .iter()
        .flat_map(|file| file.cases.iter().map(|case| (file.stem.clone(), case.name.clone())))
        .collect();
    for entry in differences() {
        assert!(names.contains(&(entry.file.clone(), entry.case.clone())), "no case {}: {}", entry.file, entry.case);
        assert!(!entry.rows.is_empty() && entry.rows.iter().all(|row| (1..=25).contains(row)), "{}", entry.case);
        assert!(!entry.why.is_empty(), "{}", entry.case);
        // Only what section 13 calls safe may be other than the original where the original is what is wanted.
        let differs = [8, 11, 12, 17, 23, 24, 25];
        let is_strict = entry.compatibility.iter().any(|name| name == "strict");
        assert!(!is_strict || !entry.rows.iter().any(|row| differs.contains(row)), "{}", entry.case);
    }
}

fn differences() -> Vec<Difference> {
    let path = root().join("tests/cases/connectors-differences.json");
    let text = std::fs::read_to_string(path).expect("the list is in the project");
    serde_json::from_str(&text).expect("a list of differences")
}

/// A case as it is expected.
fn differing(compatibility: &str, differences: &[Difference], file: &File, case: &Case) -> Case {
    let mut case = case.clone();
    let listed = differences.iter().find(|entry| {
        entry.file == file.stem
            && entry.case == case.name
            && entry.compatibility.iter().any(|name| name == compatibility)
    });
    if let Some(entry) = listed {
        case.response = entry.response.clone().unwrap_or(case.response);
        case.upstream = entry.upstream.clone().unwrap_or(case.upstream);
    }
    case
}

#[test]
fn copies_equal_the_originals() {
    let originals = root().join("../shared/reference/examples");
    if !originals.is_dir() {
        eprintln!("skipped: no originals beside the project");
        return;
    }
    for entry in std::fs::read_dir(&originals).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let copy = fixture::folder().join(path.file_name().expect("a file"));
        let same = std::fs::read(&path).ok() == std::fs::read(&copy).ok();
        assert!(same, "{} is not as the original", copy.display());
    }
}

/// The conformance fixtures with cases.
fn fixtures() -> Vec<File> {
    let files = fixture::files(&fixture::folder());
    assert!(files.len() >= 19, "all fixtures are there");
    files
}

#[test]
fn our_own_cases_pass() {
    for compatibility in ["default", "strict"] {
        let mut files = fixture::files(&fixture::own_folder());
        files.retain(|file| file.compatibility.as_deref() == Some(compatibility));
        if let Ok(only) = std::env::var("WEFT_CASES") {
            files.retain(|file| file.stem.contains(&only));
        }
        let failures = play(&files, compatibility, &|_, case| Some(case.clone()));
        let findings: Vec<String> =
            failures.iter().map(|(name, reasons)| format!("{name}\n    {}", reasons.join("\n    "))).collect();
        assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
    }
}

/// Plays all cases; `adapt` gives the case as it is expected, or nothing to leave it out. Failures by `file: case`.
fn play(
    files: &[File],
    compatibility: &str,
    adapt: &dyn Fn(&File, &Case) -> Option<Case>,
) -> BTreeMap<String, Vec<String>> {
    let hosts = fixture::hosts(files);
    let authority = tls::authority(&hosts);
    // Tests beside each other play different files.
    let first = files.first().map_or("none", |file| file.stem.as_str());
    let folder = scratch(&format!("connectors-{compatibility}-{first}"));
    let root_path = folder.join("root.pem");
    std::fs::write(&root_path, &authority.root_pem).expect("the scratch folder can be written");
    let mut failures = BTreeMap::new();
    runtime().block_on(async {
        for file in files {
            let stub = Stub::start(&authority).await;
            let mut env: Vec<(String, String)> = file.env.clone().into_iter().collect();
            let resolve: Vec<String> = hosts.iter().map(|host| format!("{host}={}", stub.address)).collect();
            env.push(("WEFT_TEST_RESOLVE".into(), resolve.join(",")));
            env.push(("WEFT_TEST_CA".into(), root_path.display().to_string()));
            let mut running: Option<(String, Result<Weft, String>)> = None;
            for case in &file.cases {
                let Some(case) = adapt(file, case) else { continue };
                let config = config(file, &case, compatibility).to_string();
                // Cases of equal configuration share a process.
                if running.as_ref().is_none_or(|(of, _)| *of != config) {
                    drop(running.take());
                    let path = folder.join(format!("{}.yaml", file.stem));
                    std::fs::write(&path, &config).expect("the scratch folder can be written");
                    running = Some((config, Weft::start(&path, &env)));
                }
                let Some((_, weft)) = &running else { unreachable!("started above") };
                let reasons = match weft {
                    Ok(weft) => run(weft, &stub, &case).await,
                    Err(error) => vec![error.clone()],
                };
                if !reasons.is_empty() {
                    failures.insert(format!("{}: {}", file.stem, case.name), reasons);
                }
            }
        }
    });
    let _ = std::fs::remove_dir_all(folder);
    failures
}

async fn run(weft: &Weft, stub: &Stub, case: &Case) -> Vec<String> {
    stub.expect(&case.upstream);
    let mut body = json!({ "query": case.query });
    if let Some(variables) = &case.variables {
        body["variables"] = variables.clone();
    }
    let headers: Vec<(String, String)> = case
        .headers
        .iter()
        .flat_map(|(name, values)| values.values().into_iter().map(move |value| (name.clone(), value.to_owned())))
        .collect();
    let mut reasons = match weft.ask(&body, &headers).await {
        Ok((_, answer)) => compare::differences(&case.response, &answer),
        Err(error) => vec![error],
    };
    reasons.extend(stub.faults());
    reasons
}

/// `weft.yaml` of a case, written as JSON.
fn config(file: &File, case: &Case, compatibility: &str) -> Value {
    let mut sources = json!({});
    for (name, settings) in file.config["sources"].as_object().into_iter().flatten() {
        let name = name.strip_prefix(&format!("{}.", file.subgraph)).unwrap_or(name);
        sources[name] = json!({ "config": settings["$config"] });
    }
    let context: serde_json::Map<String, Value> =
        case.context.iter().map(|(key, value)| (key.clone(), json!({ "value": value }))).collect();
    let mut schema = vec![json!({ "path": file.folder.join(&file.schema), "name": file.subgraph })];
    schema.extend(file.more.iter().map(|name| json!(file.folder.join(name))));
    let mut config = json!({
        "schema": schema,
        "compatibility": compatibility,
        "server": { "listen": "127.0.0.1:0" },
            "admin": { "listen": "off" },
        "sources": sources,
        "context": context,
    });
    for (key, value) in &case.weft {
        config[key] = value.clone();
    }
    config
}
