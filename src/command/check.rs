//! `weft check`.

use std::{path::PathBuf, process::ExitCode};

use clap::ValueEnum;
use weft::{
    error::{self, Diagnostic, Severity},
    schema::Graph,
};

use super::{Failure, Outcome, output, source::Source};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A `weft.yaml` or the folder that holds one, or schema files and folders.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Drawn on the source.
    Human,
    /// One JSON document.
    Json,
    /// A line each that GitHub Actions, Gitea and Forgejo show at the place.
    Github,
}

/// Exit code 1: there are errors; warnings alone are 0.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (graph, findings) = match arguments.source.with(&arguments.paths).and_then(|source| source.graph()) {
        Ok((graph, warnings)) => (Some(graph), warnings),
        Err(Failure::Findings(findings)) => (None, findings),
        Err(failure) => return Err(failure),
    };
    match arguments.format {
        Format::Human => {
            if !findings.is_empty() {
                output::print(&error::render(&findings, output::human_stdout()));
                output::print("");
            }
            output::print(&summary(graph.as_ref(), &findings));
        }
        Format::Json => output::print(&error::render(&findings, error::Format::Json)),
        Format::Github => {
            if !findings.is_empty() {
                output::print(&error::render(&findings, error::Format::Github));
            }
        }
    }
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One line that says how it went.
fn summary(graph: Option<&Graph>, findings: &[Diagnostic]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let errors = counted(count(Severity::Error), "error");
    let warnings = counted(count(Severity::Warning), "warning");
    let Some(graph) = graph else {
        let first = findings.iter().find(|finding| finding.severity == Severity::Error);
        let more = first.map_or(String::new(), |first| format!("; `weft explain {}` says more", first.code));
        let but = if count(Severity::Warning) == 0 { String::new() } else { format!(", {warnings}") };
        return format!("{errors}{but}{more}");
    };
    let built_in = |name: &str| matches!(name, "Int" | "Float" | "String" | "Boolean" | "ID");
    let types = graph.types.iter().filter(|ty| !built_in(&ty.name)).count();
    let size = format!(
        "{}, {}, {}",
        counted(types, "type"),
        counted(graph.connectors.len(), "connector"),
        counted(graph.sources.len(), "source")
    );
    let but = if findings.is_empty() { String::new() } else { format!("; {warnings}") };
    format!("the schema can be served: {size}{but}")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
