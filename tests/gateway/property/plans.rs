//! What holds of plans: whatever the check of schemas accepts can be planned, a field more takes nothing away, and the same comes out
//! every time.

use std::{cell::Cell, collections::BTreeSet, sync::Arc};

use weft::{
    operation::{Limits, bind, parse},
    plan::{self, Plan, PositionId, Step, StepKind},
    schema::{Graph, Options, compile},
};

use super::{Choices, TestCaseError, TestError, any, files_of, operation::Operation, runner, vec, world::World};

/// Operations asked of one schema.
const OPERATIONS: usize = 10;
/// Schemas, of which many are refused.
const SCHEMAS: usize = 250;

#[test]
fn what_the_check_accepts_can_be_planned() {
    let streams = (vec(any::<u16>(), 0..300), vec(vec(any::<u16>(), 0..150), OPERATIONS));
    let (accepted, merges, hidden) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let result = runner(SCHEMAS).run(&streams, |(world, operations)| {
        let world = World::wild(&mut Choices::new(&world));
        let files = files_of(&world);
        let (Ok(first), Ok(second)) = (compile(&files, &Options::default()), compile(&files, &Options::default()))
        else {
            return Ok(());
        };
        accepted.set(accepted.get() + 1);
        for stream in operations {
            let operation = Operation::generate(&world, &mut Choices::new(&stream));
            let text = operation.text(&world);
            let fail = |reason: &str| {
                TestCaseError::fail(format!("{reason}\n--- operation\n{text}\n--- schema\n{}", world.sdl().join("\n")))
            };
            let plan = planned(&first.graph, &text).map_err(|reason| fail(&reason))?;
            merges.set(merges.get() + plan.steps.iter().filter(|step| step.kind == StepKind::Merge).count());
            let has_hidden = |step: &Step| step.inputs.iter().any(|input| input.nested_at.is_some());
            hidden.set(hidden.get() + plan.steps.iter().filter(|step| has_hidden(step)).count());
            let again = planned(&second.graph, &text).map_err(|reason| fail(&reason))?;
            if plan::explain(&first.graph, &plan) != plan::explain(&second.graph, &again) {
                return Err(fail("another plan the second time"));
            }
            let wide = operation.widened(&world).text(&world);
            let more = keys(&planned(&first.graph, &wide).map_err(|reason| fail(&format!("{reason}\n{wide}")))?);
            let lost: Vec<String> = keys(&plan).difference(&more).cloned().collect();
            if !lost.is_empty() {
                return Err(fail(&format!("one field more, and these are gone: {lost:?}")));
            }
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(error) => panic!("{error}"),
    }
    let (accepted, merges, hidden) = (accepted.get(), merges.get(), hidden.get());
    println!("{accepted} schemas accepted, {merges} values in pieces, {hidden} keys completed by calls of their own");
    assert!(merges > 0, "no value came in pieces");
    assert!(accepted > SCHEMAS / 10, "only {accepted} schemas were accepted, the rest proves nothing");
}

fn planned(graph: &Graph, text: &str) -> Result<Plan, String> {
    let document = parse(graph, text, &Limits::default()).map_err(|refusal| format!("{refusal:?}"))?;
    let operation = bind(graph, &document, None).map_err(|refusal| format!("{refusal:?}"))?;
    plan::build(graph, Arc::new(operation)).map_err(|error| format!("not planned: {error}"))
}

/// The paths of all response keys.
fn keys(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![(PositionId(0), String::new())];
    while let Some((position, path)) = open.pop() {
        for field in plan.positions[position.0 as usize].variants.iter().flat_map(|variant| &variant.fields) {
            let path = format!("{path}.{}", field.key);
            open.extend(field.child.map(|child| (child, path.clone())));
            found.insert(path);
        }
    }
    found
}
