//! How many upstream calls a plan makes at most, from the same sizes of lists.

use super::{
    expression::Expression,
    price::{Pricer, Sized},
};
use crate::{
    operation::Selection,
    plan::{Plan, PositionId, Step, StepKind},
};

/// The calls of each step of the plan, in order.
pub(super) fn calls<'a>(pricer: &mut Pricer<'a>, plan: &'a Plan) -> Vec<Expression> {
    let mut places: Vec<Place<'_>> = Vec::with_capacity(plan.positions.len());
    for at in 0..plan.positions.len() {
        let place = match plan.positions[at].parent {
            None => Place { size: Expression::ONE, below: vec![(&plan.operation.selection, None)] },
            Some((parent, _)) => place(pricer, plan, at, &places[parent.0 as usize], parent),
        };
        places.push(place);
    }
    plan.steps.iter().map(|step| of_step(pricer, plan, step, &places[step.position.0 as usize].size)).collect()
}

/// A position of the plan: how many objects it has, and what is selected of them.
struct Place<'a> {
    size: Expression,
    below: Vec<(&'a Selection, Option<Sized<'a>>)>,
}

fn place<'a>(pricer: &mut Pricer<'a>, plan: &'a Plan, at: usize, parent: &Place<'a>, id: PositionId) -> Place<'a> {
    let fields = plan.positions[id.0 as usize].variants.iter().flat_map(|variant| &variant.fields);
    let key =
        fields.filter(|field| field.child.is_some_and(|child| child.0 as usize == at)).map(|field| &field.key).next();
    let Some(key) = key else {
        // In no answer: the objects inside of a key, one for each that has the key.
        return Place { size: parent.size.clone(), below: Vec::new() };
    };
    let (mut sizes, mut below) = (Vec::new(), Vec::new());
    for (selection, sized) in &parent.below {
        for variant in &selection.variants {
            for field in variant.fields.iter().filter(|field| field.key == *key) {
                for definition in pricer.definitions(variant, field) {
                    let parts = pricer.parts(definition, field, sized.as_ref());
                    sizes.push(parts.size);
                    below.extend(field.selection.as_ref().map(|selection| (selection, parts.sized)));
                }
            }
        }
    }
    Place { size: parent.size.clone().times(Expression::max(sizes)), below }
}

fn of_step(pricer: &Pricer<'_>, plan: &Plan, step: &Step, size: &Expression) -> Expression {
    if step.merge.is_some() || pricer.graph[step.connector].request.is_none() {
        return Expression::ZERO;
    }
    let calls = match step.kind {
        StepKind::Merge => Expression::ZERO,
        StepKind::Root => Expression::ONE,
        StepKind::Field | StepKind::Entity if step.inputs.is_empty() => Expression::ONE,
        StepKind::Field | StepKind::Entity => size.clone(),
        StepKind::Batch { keys_max } => size.clone().chunks(keys_max),
    };
    match &step.include {
        None => calls,
        Some(any) => {
            let alternatives = any.iter().flat_map(|id| plan.conditions[id.0 as usize].0.iter().cloned());
            calls.when_any(alternatives.collect())
        }
    }
}
