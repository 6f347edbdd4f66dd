//! A plan as text, for people and snapshots.

use std::fmt::Write as _;

use super::ir::{ColumnRef, Condition, Input, Merge, Origin, Plan, PositionId, Step, StepKind};
use crate::{
    mapping::{BackEnd, Kind, Layout},
    operation,
    schema::{Graph, TypeRef},
};

/// The plan, a paragraph for each step in the order in which they can start.
///
/// ```text
/// query Page: 2 steps
///
/// 1  GET catalog (catalog:Query.products[0])
///      once, at the start
///      gives products: id title
/// 2  POST inventory (inventory:Product[0]), after 1
///      once for every 100 distinct `id` of products[]
///      gives stock { available }
/// ```
pub fn explain(graph: &Graph, plan: &Plan) -> String {
    let mut out = String::new();
    let kind = plan.kind.as_str();
    let name = plan.operation.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let count = plan.steps.len();
    let _ = writeln!(out, "{kind}{name}: {count} {}", if count == 1 { "step" } else { "steps" });
    for (at, step) in plan.steps.iter().enumerate() {
        out.push('\n');
        explain_step(&mut out, graph, plan, at, step);
    }
    out
}

/// What a merge is made of: the steps, and the place.
fn explain_merge(out: &mut String, plan: &Plan, at: usize, step: &Step, merge: &Merge) {
    let position = &plan.positions[step.position.0 as usize];
    let of = |piece: &ColumnRef| match piece.hop {
        Some(hop) => (position.hops[hop.0 as usize].0 + 1).to_string(),
        None => "the object".to_owned(),
    };
    let pieces = merge.pieces.iter().map(of).collect::<Vec<_>>().join(" and ");
    let _ = writeln!(out, "{}  merge of what {pieces} gave", at + 1);
    let _ = writeln!(out, "     for {}", path(plan, step.position));
}

fn explain_step(out: &mut String, graph: &Graph, plan: &Plan, at: usize, step: &Step) {
    if let Some(merge) = &step.merge {
        explain_merge(out, plan, at, step, merge);
        return explain_gives(out, plan, step);
    }
    let connector = &graph[step.connector];
    let method = connector.request.as_ref().map_or("no call", |request| request.method.as_str());
    let source = connector.source.map(|source| format!(" {}", graph[source].name)).unwrap_or_default();
    let name = connector.name.as_deref().map(|name| format!(", `{name}`")).unwrap_or_default();
    let _ = write!(out, "{}  {method}{source} ({}{name})", at + 1, connector.coordinate);
    if !step.after.is_empty() {
        let after = step.after.iter().map(|step| (step.0 + 1).to_string()).collect::<Vec<_>>().join(", ");
        let _ = write!(out, ", after {after}");
    }
    out.push('\n');
    let place = path(plan, step.position);
    let keys = names(&step.inputs);
    let often = match step.kind {
        StepKind::Root => "once".to_owned(),
        StepKind::Merge => "without a call".to_owned(),
        StepKind::Field | StepKind::Entity if step.inputs.is_empty() => format!("once for {place}"),
        StepKind::Field | StepKind::Entity => format!("once for each distinct `{keys}` of {place}"),
        StepKind::Batch { keys_max: None } => format!("once for all distinct `{keys}` of {place}"),
        StepKind::Batch { keys_max: Some(most) } => format!("once for every {most} distinct `{keys}` of {place}"),
    };
    let _ = writeln!(out, "     {often}");
    if plan.kind == operation::Kind::Mutation {
        let _ = writeln!(out, "     in turn {}", step.turn + 1);
    }
    if let Some(include) = &step.include {
        let conditions = include
            .iter()
            .map(|condition| explain_condition(plan, &plan.conditions[condition.0 as usize]))
            .collect::<Vec<_>>()
            .join(" or ");
        let _ = writeln!(out, "     when {conditions}");
    }
    explain_gives(out, plan, step);
}

fn explain_gives(out: &mut String, plan: &Plan, step: &Step) {
    let layout = &step.program.layout;
    let gives = match layout.root {
        Kind::Leaf => "one value".to_owned(),
        Kind::Object(node) => columns(layout, node.0),
    };
    let field = plan.positions[step.position.0 as usize]
        .variants
        .iter()
        .flat_map(|variant| &variant.fields)
        .find(|field| field.from == Origin::Hop(step.hop))
        .map(|field| format!("{}: ", field.key))
        .unwrap_or_default();
    let back_end = match step.program.back_end() {
        BackEnd::Evaluator if step.merge.is_none() => " (evaluated)",
        BackEnd::Reader | BackEnd::Evaluator => "",
    };
    let _ = writeln!(out, "     gives {field}{gives}{back_end}");
}

fn explain_condition(plan: &Plan, condition: &Condition) -> String {
    condition
        .0
        .iter()
        .map(|clauses| {
            clauses
                .iter()
                .map(|clause| {
                    let name = &plan.operation.variables[clause.variable.0 as usize].name;
                    if clause.wanted { format!("${name}") } else { format!("not ${name}") }
                })
                .collect::<Vec<_>>()
                .join(" and ")
        })
        .collect::<Vec<_>>()
        .join(" or ")
}

fn columns(layout: &Layout, node: u32) -> String {
    let list = layout.nodes[node as usize]
        .columns
        .iter()
        .map(|column| match column.kind {
            Kind::Leaf => column.name.to_string(),
            Kind::Object(below) => format!("{} {{ {} }}", column.name, columns(layout, below.0)),
        })
        .collect::<Vec<_>>();
    if list.is_empty() { "nothing but the object".to_owned() } else { list.join(" ") }
}

fn names(inputs: &[Input]) -> String {
    inputs
        .iter()
        .map(|input| {
            if input.nested.is_empty() {
                input.name.to_string()
            } else {
                format!("{} {{ {} }}", input.name, names(&input.nested))
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Response path of a position: `products[].brand`.
fn path(plan: &Plan, position: PositionId) -> String {
    let Some((parent, _)) = plan.positions[position.0 as usize].parent else { return "the operation".to_owned() };
    let field = plan.positions[parent.0 as usize]
        .variants
        .iter()
        .flat_map(|variant| &variant.fields)
        .find(|field| field.child == Some(position));
    let Some(field) = field else { return path(plan, parent) };
    let mut text = match plan.positions[parent.0 as usize].parent {
        None => field.key.to_string(),
        Some(_) => format!("{}.{}", path(plan, parent), field.key),
    };
    let mut ty = field.ty.as_ref();
    while let Some(TypeRef::List { item, .. }) = ty {
        text.push_str("[]");
        ty = Some(item);
    }
    text
}
