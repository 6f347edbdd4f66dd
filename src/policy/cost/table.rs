//! An estimate line by line, for people (`weft cost`).

use super::{
    Costing, calls,
    expression::Expression,
    price::{Pricer, Sized, depth},
};
use crate::{
    operation::{Selection, VariableValues},
    plan::Plan,
    schema::Graph,
};

/// One field of an operation and what it adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Response path with list marks; types in brackets where objects differ: `media[].[Book].title`.
    pub path: String,
    /// What each of its values weighs.
    pub weight: u64,
    /// What its arguments weigh.
    pub arguments: u64,
    /// How many values it has for each object above.
    pub size: u64,
    /// What it costs for each object above, with all below it.
    pub cost: u64,
}

/// One step of a plan and the calls that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCalls {
    /// Its number in `weft plan`, from 1.
    pub step: usize,
    /// Coordinate of its connector.
    pub connector: String,
    /// How many calls.
    pub calls: u64,
}

impl super::Estimate {
    /// The fields of an operation that are in the answer with these variables and cost something, and the calls of its steps.
    pub fn table(
        graph: &Graph,
        plan: &Plan,
        costing: Costing,
        variables: &VariableValues,
    ) -> (Vec<Line>, Vec<StepCalls>) {
        let pricer = Pricer { graph, list_size: costing.list_size, required: Vec::new() };
        let mut table = Table { pricer, variables, lines: Vec::new() };
        table.selection(&plan.operation.selection, "", None);
        let calls = calls::calls(&mut table.pricer, plan);
        let steps = plan.steps.iter().zip(calls).enumerate().filter(|(_, (step, _))| step.merge.is_none());
        let steps = steps.map(|(at, (step, calls))| StepCalls {
            step: at + 1,
            connector: graph[step.connector].coordinate.to_string(),
            calls: calls.value(variables),
        });
        (table.lines, steps.collect())
    }
}

struct Table<'a> {
    pricer: Pricer<'a>,
    variables: &'a VariableValues,
    lines: Vec<Line>,
}

impl Table<'_> {
    fn selection(&mut self, selection: &Selection, above: &str, sized: Option<&Sized<'_>>) {
        let graph = self.pricer.graph;
        for variant in &selection.variants {
            let names: Vec<&str> = variant.types.iter().map(|ty| &*graph[*ty].name).collect();
            let of = if selection.variants.len() > 1 { format!("[{}].", names.join("|")) } else { String::new() };
            for field in &variant.fields {
                let expression = self.pricer.field(variant, field, sized);
                let cost = expression.value(self.variables);
                let Some(id) = self.pricer.definitions(variant, field).into_iter().next() else { continue };
                let parts = self.pricer.parts(id, field, sized);
                let value = |part: &Expression| part.value(self.variables);
                let (arguments, size) = (value(&parts.arguments), value(&parts.size));
                let marks = "[]".repeat(depth(&graph[id].ty));
                let path = format!("{above}{of}{}{marks}", field.key);
                let weight = match &field.selection {
                    None => self.pricer.leaf_weight(id, parts.weight),
                    Some(below) => parts.weight.unwrap_or_else(|| {
                        let types = below.variants.iter().flat_map(|variant| &variant.types);
                        types.map(|ty| super::expression::type_weight(graph, *ty)).max().unwrap_or(1)
                    }),
                };
                if cost > 0 {
                    self.lines.push(Line { path: path.clone(), weight, arguments, size, cost });
                }
                if let Some(below) = &field.selection
                    && cost > 0
                {
                    self.selection(below, &format!("{path}."), parts.sized.as_ref());
                }
            }
        }
    }
}
