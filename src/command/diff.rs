//! `weft diff`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum;
use serde_json::json;
use weft::{
    gateway,
    import::{self, Change, Level},
    schema::Api,
};

use super::{Failure, Outcome, output, source::settings_at};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The API as it was: a `weft.yaml`, a schema file or folder, or what `weft schema print` wrote.
    old: PathBuf,
    /// The API as it is to be, likewise.
    new: PathBuf,
    /// How changes are printed.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A list to read.
    Human,
    /// One JSON document.
    Json,
}

/// Exit code 1: a change is breaking.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let changes = import::diff(&read(&arguments.old)?, &read(&arguments.new)?);
    output::print(&match arguments.format {
        Format::Human => human(&changes),
        Format::Json => json(&changes),
    });
    let breaks = changes.iter().any(|change| change.level == Level::Breaking);
    Ok(if breaks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(path: &Path) -> Result<Api, Failure> {
    Ok(gateway::api(&settings_at(path)?)?)
}

const LEVELS: [Level; 3] = [Level::Breaking, Level::Dangerous, Level::Safe];

/// A block for each level, columns lined up, a sentence at the end.
fn human(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "the API is the same".to_owned();
    }
    let mut out = String::new();
    for level in LEVELS {
        let changes: Vec<&Change> = changes.iter().filter(|change| change.level == level).collect();
        if changes.is_empty() {
            continue;
        }
        let width = |text: fn(&Change) -> &str| changes.iter().map(|it| text(it).len()).max().unwrap_or_default();
        let (kinds, places) = (width(|change| change.kind), width(|change| &change.coordinate));
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{level}");
        for Change { kind, coordinate, message, .. } in changes {
            let _ = writeln!(out, "  {kind:kinds$}  {coordinate:places$}  {message}");
        }
        out.push('\n');
    }
    let count = |level| changes.iter().filter(|change| change.level == level).count();
    let counts: Vec<String> = LEVELS.map(|level| format!("{} {level}", count(level))).into();
    let _ = write!(out, "{}", counts.join(", "));
    out
}

fn json(changes: &[Change]) -> String {
    let list: Vec<_> = changes
        .iter()
        .map(|Change { level, kind, coordinate, message }| {
            json!({ "level": level.as_str(), "kind": kind, "coordinate": coordinate, "message": message })
        })
        .collect();
    format!("{:#}", serde_json::Value::Array(list))
}
