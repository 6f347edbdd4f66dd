//! Plans of the connector fixtures, kept as text, and what must hold of every plan.

use std::{fmt::Write as _, path::Path, sync::Arc};

use super::{Origin, Plan, PositionId, StepKind, build, explain};
use crate::{
    error::SourceText,
    operation::{Limits, bind, parse},
    schema::{File, Graph, Options, compile},
};

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/connectors")
}

fn graph_of(name: &str, text: &str) -> Graph {
    let source = Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() });
    let file = File { subgraph: "api".to_owned(), source };
    compile(&[file], &Options::default()).unwrap_or_else(|found| panic!("{name}: {found:#?}")).graph
}

fn plan_of(graph: &Graph, query: &str) -> Plan {
    let document = parse(graph, query, &Limits::default()).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"));
    let operation = bind(graph, &document, None).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"));
    build(graph, Arc::new(operation)).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// What `ir.rs` promises.
fn assert_sound(plan: &Plan) {
    for (at, step) in plan.steps.iter().enumerate() {
        assert!(step.after.iter().all(|earlier| (earlier.0 as usize) < at), "a step comes after those it needs");
        let position = &plan.positions[step.position.0 as usize];
        assert_eq!(position.hops[step.hop.0 as usize].0 as usize, at, "a step hangs where it says");
        assert_eq!(matches!(step.kind, StepKind::Batch { .. }), !step.matching.is_empty(), "batches match by key");
    }
    assert!(plan.positions[0].parent.is_none() && plan.positions[0].columns == 0, "the root has no columns");
    for (at, position) in plan.positions.iter().enumerate().skip(1) {
        let (parent, origin) = position.parent.expect("only the root has no parent");
        assert!((parent.0 as usize) < at);
        if let Origin::Column(column) = origin {
            assert!(column.hop.is_none_or(|hop| (hop.0 as usize) < plan.positions[parent.0 as usize].hops.len()));
        }
        for field in position.variants.iter().flat_map(|variant| &variant.fields) {
            assert!(field.child.is_none_or(|child| plan.positions[child.0 as usize].parent.map(|(p, _)| p)
                == Some(PositionId(u32::try_from(at).unwrap()))));
        }
    }
}

#[test]
fn plans_of_the_fixtures_are_as_kept() {
    let mut names: Vec<_> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".graphql") && !name.starts_with("20"))
        .collect();
    names.sort();
    assert!(names.len() >= 19, "all fixtures are there");
    for name in names {
        let text = std::fs::read_to_string(fixtures().join(&name)).unwrap();
        let graph = graph_of(&name, &text);
        let stem = name.trim_end_matches(".graphql");
        let cases = std::fs::read_to_string(fixtures().join(format!("{stem}.http.json"))).unwrap();
        let cases: serde_json::Value = serde_json::from_str(&cases).unwrap();
        let mut kept = String::new();
        for case in cases["cases"].as_array().unwrap() {
            let query = case["query"].as_str().unwrap();
            let plan = plan_of(&graph, query);
            assert_sound(&plan);
            let name = case["name"].as_str().unwrap();
            write!(kept, "# {name}\n{query}\n\n{}\n", explain(&graph, &plan)).unwrap();
        }
        insta::with_settings!({ snapshot_path => "../../tests/cases/plans", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(stem, kept);
        });
    }
}
