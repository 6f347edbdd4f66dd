//! Who uses whom (STYLE, section 3): rooms use rooms to their left, libraries are guests of one room.
//!
//! The order is read from `src/lib.rs`. Test code of a room may use any room.

use std::path::{Path, PathBuf};

/// Libraries and the only places that may name them: a room (`schema`), or the end of a path (`upstream/client.rs`).
const GUESTS: &[(&str, &[&str])] = &[
    ("apollo_compiler", &["schema", "operation"]),
    ("async_graphql", &["execute", "gateway", "server"]),
    ("async_graphql_axum", &["server"]),
    ("aws_credential_types", &["upstream/sign.rs"]),
    ("aws_sigv4", &["upstream/sign.rs"]),
    ("aws_smithy_types", &["upstream/authorize/aws.rs"]),
    // The demo serves its services, whose interface is a router.
    ("axum", &["server", "demo"]),
    ("cel", &["policy"]),
    ("clap", &["command"]),
    ("diffy", &["import/openapi/file.rs"]),
    ("governor", &["policy"]),
    ("hickory_resolver", &["upstream/discovery/names.rs"]),
    ("jsonwebtoken", &["policy"]),
    ("x509_cert", &["policy"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("miette", &["error/report.rs"]),
    ("moka", &["cache.rs", "gateway/remembered.rs", "upstream/cache/memory.rs"]),
    ("notify_debouncer_full", &["config"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("redis", &["store"]),
    ("reqwest", &["upstream/client.rs"]),
    ("serde_saphyr", &["config", "import/openapi/read.rs"]),
    ("strsim", &["error"]),
    ("tracing_opentelemetry", &["telemetry"]),
    ("tracing_subscriber", &["telemetry"]),
];

#[test]
fn rooms_use_only_rooms_to_their_left() {
    let rooms = rooms();
    let mut findings = Vec::new();
    for file in sources() {
        let Some(own) = rooms.iter().position(|room| *room == room_of(&file)) else { continue };
        for (line, name) in crate_paths(&code(&file)) {
            if rooms.iter().position(|room| *room == name).is_some_and(|used| used > own) {
                findings.push(format!(
                    "{}:{line}: `{}` uses `{name}`, which is to its right",
                    shown(&file),
                    rooms[own]
                ));
            }
        }
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut findings = Vec::new();
    for file in sources() {
        let place = shown(&file);
        for (at, line) in code(&file).lines().enumerate() {
            for (library, homes) in GUESTS {
                let at_home = homes.iter().any(|home| room_of(&file) == *home || place.ends_with(home));
                if !at_home && names(line, library) {
                    findings.push(format!("{place}:{}: `{library}` is a guest of {homes:?}", at + 1));
                }
            }
        }
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// Rooms whose upper snake case texts are codes of diagnostics, unless they are codes for callers or names of the environment.
const ROOMS_WITH_DIAGNOSTICS: [&str; 5] = ["config", "schema", "policy", "gateway", "import"];

/// Files of theirs in which such texts are something else: classes of changes, names of tokens.
const OTHER_WORDS: [&str; 2] = ["src/import/diff", "src/schema/words.rs"];

#[test]
fn codes_of_diagnostics_are_those_of_the_list() {
    let listed: Vec<&str> = weft::error::CODES.iter().map(|code| code.code).collect();
    let (mut used, mut missing) = (Vec::new(), Vec::new());
    for file in sources().into_iter().filter(|file| ROOMS_WITH_DIAGNOSTICS.contains(&room_of(file).as_str())) {
        if OTHER_WORDS.iter().any(|other| shown(&file).starts_with(other)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        for literal in text[..end].split('"') {
            let is_code = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
            let is_named =
                literal.contains('_') && literal.chars().all(is_code) && literal.starts_with(char::is_alphabetic);
            let is_other =
                ["WEFT_", "OTEL_", "GRAPHQL_", "CARGO_", "AWS_"].iter().any(|prefix| literal.starts_with(prefix));
            if is_named && !is_other && !listed.contains(&literal) {
                missing.push(format!("{}: `{literal}`", shown(&file)));
            }
            used.push(literal.to_owned());
        }
    }
    assert!(missing.is_empty(), "missing in `error::CODES`:\n{}", missing.join("\n"));
    let unused: Vec<&&str> = listed.iter().filter(|code| !used.iter().any(|literal| literal == *code)).collect();
    assert!(unused.is_empty(), "in `error::CODES`, but nobody uses them: {unused:?}");
}

#[test]
fn every_room_has_a_door() {
    let folder = root().join("src");
    for room in rooms() {
        assert!(folder.join(&room).join("mod.rs").is_file(), "`{room}` has no mod.rs");
    }
    let map = std::fs::read_to_string(folder.join("lib.rs")).expect("lib.rs is there");
    assert!(map.contains("pub mod error;"), "lib.rs declares the rooms");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs is there");
    text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned)).collect()
}

/// All files below `src`, sorted; files that hold only tests are left out.
fn sources() -> Vec<PathBuf> {
    let mut open = vec![root().join("src")];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a readable folder");
            open.extend(entries.map(|entry| entry.expect("a readable folder").path()));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let stem = path.file_stem().expect("a file").to_string_lossy().into_owned();
            let of_tests = path.components().any(|part| part.as_os_str() == "tests");
            if !of_tests && stem != "tests" && stem != "testing" {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).expect("below the project").to_string_lossy().replace('\\', "/")
}

/// First folder below `src`; for files directly in it, their name.
fn room_of(file: &Path) -> String {
    let place = shown(file);
    place.split('/').nth(1).unwrap_or_default().to_owned()
}

/// The text up to the unit tests, with comments and the insides of strings blanked.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let mut out = String::new();
    let mut rest = text[..end].chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|next| *next != '\n') {
                    rest.next();
                }
            }
            // A quote of a char literal is no string.
            '\'' if rest.peek() == Some(&'"') => {
                rest.next();
            }
            '"' => {
                while let Some(inner) = rest.next() {
                    match inner {
                        '\\' => out.extend(rest.next().filter(|next| *next == '\n')),
                        '"' => break,
                        '\n' => out.push('\n'),
                        _ => {}
                    }
                }
            }
            _ => out.push(char),
        }
    }
    out
}

/// The names after `crate::`, members of a group `crate::{a, b::c}` each, with their lines.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find("crate::") {
        let start = from + found + "crate::".len();
        let line = code[..start].matches('\n').count() + 1;
        from = start;
        let rest = &code[start..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut fresh = true;
            let mut name = String::new();
            for (at, char) in group.char_indices() {
                match char {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    _ if depth == 0 && fresh && (char.is_alphanumeric() || char == '_') => {
                        name.push(char);
                        let next = group[at + char.len_utf8()..].chars().next().unwrap_or('}');
                        if !(next.is_alphanumeric() || next == '_') {
                            out.push((line + group[..at].matches('\n').count(), std::mem::take(&mut name)));
                            fresh = false;
                        }
                    }
                    _ => {}
                }
            }
        } else {
            let name: String = rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            out.push((line, name));
        }
    }
    out
}

/// Whether a line names a library: the word, as the start of a path or after `use`.
fn names(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + library.len()..];
        let starts = before.is_none_or(|char| !(char.is_alphanumeric() || char == '_' || char == ':' || char == '.'));
        starts && (after.starts_with("::") || (line.trim_start().starts_with("use ") && after.starts_with([';', ' '])))
    })
}

#[test]
fn groups_are_taken_apart() {
    let found: Vec<String> =
        crate_paths("use crate::{\n  error::{A, B},\n  plan::C, mapping,\n};\nx(crate::schema::D)")
            .into_iter()
            .map(|(line, name)| format!("{line} {name}"))
            .collect();
    assert_eq!(found, ["2 error", "3 plan", "3 mapping", "5 schema"]);
    assert!(names("use reqwest::Client;", "reqwest") && names("    reqwest::get()", "reqwest"));
    assert!(!names("my_reqwest::get()", "reqwest") && !names("self.reqwest", "reqwest"));
}
