//! `weft cost`: what an operation may cost, line by line.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use weft::{
    gateway,
    mapping::{Object, Value},
    operation, plan,
    policy::{Estimate, Line, StepCalls},
};

use super::{Failure, Outcome, output, plan as planning, source::Source};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file with the operation; `-` reads stdin.
    operation: PathBuf,
    /// Which operation, where the file has several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A JSON file with its variables.
    #[arg(long, value_name = "FILE")]
    variables: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(Arguments { operation: file, name, variables, source }: &Arguments) -> Outcome {
    let text = planning::read(file)?;
    let settings = source.settings()?;
    let (graph, _) = gateway::compile(&settings)?;
    let refused = |refusal| Failure::Findings(planning::findings(&text, &refusal, &graph));
    let document = operation::parse(&graph, &text.text, &gateway::limits(&settings)).map_err(refused)?;
    let operation = operation::bind(&graph, &document, name.as_deref()).map_err(refused)?;
    let variables = match variables {
        None => Object::new(),
        Some(file) => self::variables(file)?,
    };
    let variables = operation::coerce(&graph, &operation, &variables).map_err(refused)?;
    let plan = plan::build(&graph, Arc::new(operation)).map_err(|error| Failure::Message(error.to_string()))?;
    let costing = gateway::costing(&settings);
    let estimate = Estimate::new(&graph, &plan, costing);
    estimate.check_sliced(&variables).map_err(refused)?;
    let price = estimate.price(&variables);
    let (lines, steps) = Estimate::table(&graph, &plan, costing, &variables);
    let mut out = table(&lines, &steps);
    let (cost_max, calls_max) = (settings.limits.cost, settings.limits.upstream_calls);
    // Writing to memory does not fail.
    let _ = write!(out, "cost {} of {cost_max}, calls {} of {calls_max}", price.cost, price.calls);
    output::result(&out)
}

fn variables(file: &std::path::Path) -> Result<Object, Failure> {
    let shown = file.display();
    let text = std::fs::read(file)
        .map_err(|error| Failure::Message(format!("cannot read the variables `{shown}`: {error}")))?;
    match Value::parse(&text) {
        Ok(Value::Object(variables)) => Ok(variables),
        Ok(_) => Err(Failure::Message(format!("the variables `{shown}` are no JSON object"))),
        Err(error) => Err(Failure::Message(format!("the variables `{shown}` are not JSON: {error}"))),
    }
}

/// Fields with what each adds, then the calls of each step.
fn table(lines: &[Line], steps: &[StepCalls]) -> String {
    let fields = lines.iter().map(|line| {
        let number = |number: u64| number.to_string();
        [line.path.clone(), number(line.weight), number(line.size), number(line.arguments), number(line.cost)]
    });
    let head = ["field", "weight", "size", "arguments", "cost"].map(str::to_owned);
    let mut out = aligned(&std::iter::once(head).chain(fields).collect::<Vec<_>>());
    let calls = steps.iter().map(|step| [format!("{}  {}", step.step, step.connector), step.calls.to_string()]);
    let head = ["step", "calls"].map(str::to_owned);
    out.push('\n');
    out.push_str(&aligned(&std::iter::once(head).chain(calls).collect::<Vec<_>>()));
    out.push('\n');
    out
}

/// The first column to the left, numbers to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if at == 0 {
                let _ = write!(out, "{cell:<width$}");
            } else {
                let _ = write!(out, "  {cell:>width$}");
            }
        }
        out.push('\n');
    }
    out
}
