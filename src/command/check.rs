//! `weft check`.

use std::{path::PathBuf, process::ExitCode};

use clap::ValueEnum;
use weft::{
    error::{self, Diagnostic, Severity},
    gateway, policy,
    schema::Graph,
};

use super::{Failure, Outcome, operations, output, source::Source};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A `weft.yaml` or the folder that holds one, or schema files and folders.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// Also check the operations of a `.graphql` file or folder: whether they fit the schema and pass the limits, variables left out.
    #[arg(long, value_name = "DIR")]
    operations: Option<PathBuf>,
    /// Highest cost of an operation, instead of `limits.cost`.
    #[arg(long, value_name = "N", requires = "operations")]
    cost_max: Option<usize>,
    /// Most calls of an operation, instead of `limits.upstream_calls`.
    #[arg(long, value_name = "N", requires = "operations")]
    calls_max: Option<usize>,
    /// Also find what should not face the internet: settings for development, defences that are off, plain HTTP to strangers.
    #[arg(long)]
    production: bool,
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
    let source = arguments.source.with(&arguments.paths)?;
    let (graph, findings) = match find(arguments, &source) {
        Ok((graph, findings)) => (Some(graph), findings),
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

/// The graph with all that is to be said of it. Errors: there is no graph.
fn find(arguments: &Arguments, source: &Source) -> Result<(Graph, Vec<Diagnostic>), Failure> {
    let settings = source.settings()?;
    let (graph, mut findings) = gateway::compile(&settings)?;
    if let Some(folder) = &arguments.operations {
        let (cost_max, calls_max) = (arguments.cost_max, arguments.calls_max);
        findings.extend(operations::check(&graph, &settings, folder, cost_max, calls_max)?);
    }
    if arguments.production {
        findings.extend(policy::production(&settings, &graph));
    }
    Ok((graph, findings))
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
    if count(Severity::Error) > 0 {
        let but = if count(Severity::Warning) == 0 { String::new() } else { format!(", {warnings}") };
        return format!("the schema can be served ({size}), but: {errors}{but}");
    }
    let but = if findings.is_empty() { String::new() } else { format!("; {warnings}") };
    format!("the schema can be served: {size}{but}")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
