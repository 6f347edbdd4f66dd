//! The part of `weft check` that is about operations: whether they would be refused.

use std::{path::Path, sync::Arc};

use weft::{
    config::Settings,
    error::{Diagnostic, Refusal, SourceText},
    gateway,
    operation::{self, VariableValues},
    plan,
    policy::{Estimate, Limits, Mode, Trusted},
    schema::Graph,
};

use super::{Failure, plan as planning};

/// Findings about every operation of a `.graphql` file, a folder of them, or a manifest: those that do not fit the schema, and those
/// that pass a limit, also where the configuration only reports it. Without variables: lists are as long as their defaults say or
/// `@listSize` assumes, and what a condition may bring counts.
pub(super) fn check(
    graph: &Graph,
    settings: &Settings,
    folder: &Path,
    cost_max: Option<usize>,
    calls_max: Option<usize>,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut limits = gateway::size_limits(settings);
    limits.mode = Mode::Enforce;
    limits.cost = cost_max.unwrap_or(limits.cost);
    limits.upstream_calls = calls_max.unwrap_or(limits.upstream_calls);
    let mut findings = Vec::new();
    for (id, text) in Trusted::read(folder).map_err(Failure::Message)?.iter() {
        let source = Arc::new(SourceText { name: id.to_owned(), text: text.to_owned() });
        let names = match operation::parse(graph, text, &gateway::limits(settings)) {
            Ok(document) => document.operation_names().into_iter().map(|name| name.map(str::to_owned)).collect(),
            Err(refusal) => {
                findings.extend(planning::findings(&source, &refusal, graph));
                Vec::new()
            }
        };
        for name in names {
            if let Err(refusal) = one(graph, settings, &limits, text, name.as_deref()) {
                findings.extend(told(&source, name.as_deref(), &refusal, graph));
            }
        }
    }
    Ok(findings)
}

fn one(graph: &Graph, settings: &Settings, limits: &Limits, text: &str, name: Option<&str>) -> Result<(), Refusal> {
    let document = operation::parse(graph, text, &gateway::limits(settings))?;
    let operation = operation::bind(graph, &document, name)?;
    limits.check(&operation)?;
    let plan = plan::build(graph, Arc::new(operation))?;
    let variables = VariableValues::open(&plan.operation);
    let price = Estimate::new(graph, &plan, gateway::costing(settings)).price(&variables);
    limits.afford(&plan.operation, price)
}

/// What the caller would be told, with the operation and the value.
fn told(source: &Arc<SourceText>, name: Option<&str>, refusal: &Refusal, graph: &Graph) -> Vec<Diagnostic> {
    let mut findings = planning::findings(source, refusal, graph);
    for (finding, error) in findings.iter_mut().zip(&refusal.errors) {
        let name = name.unwrap_or(&source.name);
        finding.message = format!("`{name}`: {}", finding.message);
        if let (Some(value), None) = (error.extensions.get("value"), &finding.help) {
            finding.help = Some(format!("it has {value}: `weft cost` shows which fields bring it"));
        }
    }
    findings
}
