//! What an operation costs: estimated before it runs, from its fields with `@cost` and `@listSize`; and after it, from its answer.
//!
//! For every field `arguments + size × (weight + what is below)`: a field's weight is its `@cost`, else that of its type, else 1 for
//! objects and 0 for the rest; its size is what `@listSize` says, else what the configuration assumes of lists, and 1 for what is no
//! list. Of an interface or union the dearest type counts. Source: GraphQL Cost Directives (IBM's draft), field and type cost as one
//! number, as the federation spec's routers have it.
//!
//! Upstream calls are a number of their own (`calls`), from the plan. What depends on the document alone is reckoned when the
//! document is first planned; what is left is an expression over variables.
//! Not here: whether it is too much (`limits`), who has how much to spend (`rate`).

mod actual;
mod calls;
mod expression;
mod price;
mod table;
#[cfg(test)]
mod tests;

pub use table::{Line, StepCalls};

use self::{actual::Shape, expression::Expression, price::Pricer};
use crate::{
    error::{ErrorCode, Refusal},
    operation::{Include, VariableValues},
    plan::Plan,
    schema::Graph,
};

/// What an operation may cost, before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Its cost.
    pub cost: u64,
    /// Calls of upstreams.
    pub calls: u64,
}

/// How costs are reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costing {
    /// Items of a list that no directive says the length of.
    pub list_size: u64,
    /// Whether what an answer cost is reckoned too.
    pub actual: bool,
    /// Whether answers say it in `extensions.cost`.
    pub extensions: bool,
    /// Whether answers say it in a header.
    pub header: bool,
}

/// What one operation costs, with variables left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    cost: Expression,
    calls: Expression,
    required: Vec<price::Required>,
    shape: Option<Shape>,
}

impl Estimate {
    /// Of a planned operation.
    pub fn new(graph: &Graph, plan: &Plan, costing: Costing) -> Self {
        let mut pricer = Pricer { graph, list_size: costing.list_size, required: Vec::new() };
        let selection = &plan.operation.selection;
        let cost = pricer.operation(selection);
        let required = std::mem::take(&mut pricer.required);
        let calls = Expression::sum(calls::calls(&mut pricer, plan));
        let shape = costing.actual.then(|| Shape::of(&mut pricer, selection));
        Self { cost, calls, required, shape }
    }

    /// The price with these variables.
    #[inline]
    pub fn price(&self, variables: &VariableValues) -> Price {
        Price { cost: self.cost.value(variables), calls: self.calls.value(variables) }
    }

    /// Whether each list that wants it has exactly one slicing argument. Errors: `BAD_USER_INPUT`, one entry for each that has not.
    #[inline]
    pub fn check_sliced(&self, variables: &VariableValues) -> Result<(), Refusal> {
        let mut refusal: Option<Refusal> = None;
        for required in &self.required {
            if let Include::AnyOf(alternatives) = &required.include
                && !expression::hold(alternatives, variables)
            {
                continue;
            }
            let count = required.given.iter().filter(|given| given.of(variables).is_some()).count();
            if count == 1 {
                continue;
            }
            let names: Vec<String> = required.arguments.iter().map(|name| format!("`{name}`")).collect();
            let (field, names) = (&required.field, names.join(", "));
            let message =
                format!("`{field}` has to be given exactly one of {names}, not {count}: what it costs depends on it");
            let mut next = Refusal::new(ErrorCode::BadUserInput, message);
            next.errors[0].locations.push(required.location);
            match &mut refusal {
                Some(refusal) => refusal.errors.extend(next.errors),
                None => refusal = Some(next),
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// What an answer (`{"data":…}`) cost; `None` where nobody asked to know.
    #[inline]
    pub fn actual(&self, answer: &[u8], variables: &VariableValues) -> Option<u64> {
        self.shape.as_ref().map(|shape| shape.cost(answer, variables))
    }
}
