//! Any text as a mapping, under every grammar: an error inside the text, or a mapping that answers all questions and runs.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use weft::mapping::{
    Body, Kind, Layout, Program, Shape, ShapeKind, Slots, Value, Variable, Variables, Version, parse,
};

const BODY: &[u8] = br#"{"a":1,"b":"two","c":[1,{"a":null}],"d":{"a":{"b":true}},"e":"\u00e4\n","f":1.50}"#;
static INPUT: LazyLock<Value> = LazyLock::new(|| Value::parse(BODY).expect("valid"));

struct All;

impl Variables for All {
    fn get(&self, variable: Variable) -> Option<&Value> {
        (variable != Variable::Env).then_some(&*INPUT)
    }
}

fuzz_target!(|text: &str| {
    for version in [Version::V0_1, Version::V0_2, Version::V0_3, Version::V0_4] {
        let mapping = match parse(text, version) {
            Ok(mapping) => mapping,
            Err(error) => {
                assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{error:?}");
                continue;
            }
        };
        for used in mapping.uses() {
            assert!(text.get(used.span.clone()).is_some(), "{used:?}");
        }
        let _ = mapping.reads_input();
        let _ = mapping.shape(&|_| Shape { kind: ShapeKind::Unknown, span: None });
        for variable in [Variable::This, Variable::Batch, Variable::Args] {
            let _ = mapping.needs(variable);
        }
        let mut problems = Vec::new();
        let value = mapping.evaluate(&INPUT, &All, &mut problems);
        assert!(problems.len() <= 100);
        // As a leaf, the program gives what the evaluator gives.
        let program = Program::compile(&mapping, Arc::new(Layout { root: Kind::Leaf, nodes: Vec::new() }));
        let mut slots = Slots::default();
        let slot = program.read(Body::Json(BODY), 0, &All, &mut slots, &mut Vec::new()).expect("a valid body");
        if let Some(value) = value {
            assert_ne!(slot, weft::mapping::Slot::Missing, "{value:?}");
        }
    }
});
