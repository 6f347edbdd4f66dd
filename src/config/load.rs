//! A path and flags in, settings or findings out.

use std::{path::Path, sync::Arc};

use serde::de::DeserializeOwned;
use serde_saphyr::Options;

use super::{Json, Overrides, Settings, document::Document, environment::Lookup, interpret::Interpreter};
use crate::error::{Diagnostic, Label, Severity, SourceText, did_you_mean};

/// Loads `weft.yaml`, or the defaults without a path, and lays the flags over it. The environment is the process's.
///
/// Errors: all findings; of mistakes in the YAML itself and of unknown keys only the first.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Settings, Vec<Diagnostic>> {
    load_with(path, overrides, &|name| std::env::var(name).ok())
}

/// As [`load`], with the given environment.
pub fn load_with(
    path: Option<&Path>,
    overrides: &Overrides,
    environment: Lookup<'_>,
) -> Result<Settings, Vec<Diagnostic>> {
    settings(&read(path)?, path, overrides, environment)
}

/// As [`load_with`], with what the file says as it is written.
pub(super) fn load_raw(
    path: Option<&Path>,
    overrides: &Overrides,
    environment: Lookup<'_>,
) -> Result<(Settings, Json), Vec<Diagnostic>> {
    let source = read(path)?;
    let settings = settings(&source, path, overrides, environment)?;
    let raw = parse(&source).map_err(|diagnostic| vec![diagnostic])?;
    Ok((settings, raw))
}

fn read(path: Option<&Path>) -> Result<Arc<SourceText>, Vec<Diagnostic>> {
    let text = match path {
        Some(path) => std::fs::read_to_string(path).map_err(|error| vec![unreadable(path, &error)])?,
        None => String::new(),
    };
    let name = path.map(|path| path.display().to_string()).unwrap_or_default();
    Ok(Arc::new(SourceText { name, text }))
}

fn settings(
    source: &Arc<SourceText>,
    path: Option<&Path>,
    overrides: &Overrides,
    environment: Lookup<'_>,
) -> Result<Settings, Vec<Diagnostic>> {
    let document: Document = parse(source).map_err(|diagnostic| vec![diagnostic])?;
    let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
    Interpreter::new(source, folder, environment).settings(document, overrides)
}

/// The YAML as it is written. Errors: the first mistake.
pub(super) fn parse<T: DeserializeOwned + Default>(source: &Arc<SourceText>) -> Result<T, Diagnostic> {
    if source.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    let mut options = Options::default();
    // Drawn by us.
    options.with_snippet = false;
    serde_saphyr::from_str_with_options(&source.text, options).map_err(|error| explain(&error, source))
}

fn explain(error: &serde_saphyr::Error, source: &Arc<SourceText>) -> Diagnostic {
    use serde_saphyr::Error;

    let error = error.without_snippet();
    let span = error.location().map_or(0..0, |location| {
        let offset = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
        let start = offset(location.span().byte_offset()).min(source.text.len());
        start..(start + offset(location.span().byte_len())).min(source.text.len())
    });
    let label = |text: &str| Label { source: Arc::clone(source), span: span.clone(), text: text.to_owned() };
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let diagnostic = Diagnostic::error("UNKNOWN_KEY", format!("there is no key `{field}` here"), label(""));
            match did_you_mean(field, expected.iter().copied()) {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help(format!("keys here: {}", list(expected))),
            }
        }
        Error::SerdeMissingField { field, .. } => {
            Diagnostic::error("MISSING_KEY", format!("the key `{field}` is missing"), label(""))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            Diagnostic::error("DUPLICATE_KEY", format!("the key `{key}` is given twice"), label(""))
        }
        _ if tab(&source.text).is_some() => {
            let span = tab(&source.text).unwrap_or_default();
            let message = "a tab stands in the indentation, where YAML allows only spaces";
            Diagnostic::error("INVALID_YAML", message, Label { span, ..label("") }).help("indent with two spaces")
        }
        other => {
            // The library's text: what, then ` at line …`; the place is drawn already.
            let text = other.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text);
            let text = text.strip_prefix("error: ").unwrap_or(text).trim_end_matches('.');
            Diagnostic::error("INVALID_YAML", text.lines().next().unwrap_or("the file is not YAML"), label(""))
        }
    }
}

/// The first tab that indents.
fn tab(text: &str) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(at) = line[..indentation].find('\t') {
            return Some(start + at..start + at + 1);
        }
        start += line.len();
    }
    None
}

/// `a`, `b` or `c`, in alphabetical order.
pub(super) fn list(words: &[&str]) -> String {
    let mut words = words.to_vec();
    words.sort_unstable();
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let path = path.display();
    let (message, help) = match error.kind() {
        std::io::ErrorKind::NotFound => {
            let help = "paths are relative to the folder in which weft was started; `weft init` writes a configuration";
            (format!("there is no configuration `{path}`"), Some(help.to_owned()))
        }
        _ => (format!("cannot read the configuration `{path}`: {error}"), None),
    };
    Diagnostic { code: "CONFIG_UNREADABLE", severity: Severity::Error, message, labels: Vec::new(), help }
}
