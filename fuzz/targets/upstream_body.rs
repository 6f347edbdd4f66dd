//! Any bytes as a body: both back ends agree, and whatever is no JSON is an error.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use weft::mapping::{
    Body, Column, Kind, Layout, Mapping, Node, NodeId, Program, Slot, Slots, Value, Variable, Variables, Version, parse,
};

struct None_;

impl Variables for None_ {
    fn get(&self, _: Variable) -> Option<&Value> {
        None
    }
}

struct Case {
    mapping: Mapping,
    program: Program,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let column = |name: &str, kind: Kind| Column { name: name.into(), kind };
    let node = |columns: Vec<Column>| Node { columns, joins: 1 };
    let (leaf, object) = (Kind::Leaf, |at: u32| Kind::Object(NodeId(at)));
    let inner = || node(vec![column("a", Kind::Leaf), column("b", Kind::Leaf)]);
    let cases = [
        ("a b", object(0), vec![inner()]),
        ("a n { a b }", object(0), vec![node(vec![column("a", leaf), column("n", object(1))]), inner()]),
        ("$.n { a b: c }", object(0), vec![inner()]),
        ("$.n.a", leaf, vec![]),
        ("a: n.a b: $.c", object(0), vec![inner()]),
        ("a b: n { a }", object(0), vec![node(vec![column("a", leaf), column("b", leaf)])]),
    ];
    cases
        .into_iter()
        .map(|(text, root, nodes)| {
            let mapping = parse(text, Version::V0_3).expect("valid");
            let program = Program::compile(&mapping, Arc::new(Layout { root, nodes }));
            Case { mapping, program }
        })
        .collect()
});

/// A slot as a value, objects with the names of their node.
fn value(slot: Slot, kind: Kind, layout: &Layout, slots: &Slots, body: &[u8]) -> Option<Value> {
    let text = |bytes: &[u8]| Value::parse(bytes).expect("slots hold valid JSON");
    match slot {
        Slot::Missing => None,
        Slot::Null => Some(Value::Null),
        Slot::Span { start, len, .. } => Some(text(&body[start as usize..(start + len) as usize])),
        Slot::Owned { start, len } => Some(text(&slots.text[start as usize..(start + len) as usize])),
        Slot::List { start, len } => Some(Value::Array(
            slots.cells[start as usize..(start + len) as usize]
                .iter()
                .map(|slot| value(*slot, kind, layout, slots, body).unwrap_or_default())
                .collect(),
        )),
        Slot::Object { start } => {
            let Kind::Object(node) = kind else { panic!("an object where a leaf is wanted") };
            let node = &layout.nodes[node.0 as usize];
            let members = node.columns.iter().enumerate().filter_map(|(at, column)| {
                let slot = slots.cells[start as usize + at];
                Some((column.name.to_string(), value(slot, column.kind, layout, slots, body)?))
            });
            Some(Value::Object(members.collect()))
        }
        Slot::Result(_) | Slot::Error(_) => panic!("a mapping joins nothing"),
    }
}

/// Equal as far as the layout looks, in any order of keys.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(mut object) => {
            object.sort_keys();
            Value::Object(object.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fuzz_target!(|body: &[u8]| {
    let parsed = Value::parse(body);
    if let Ok(parsed) = &parsed {
        let mut text = Vec::new();
        parsed.write_json(&mut text);
        assert_eq!(Value::parse(&text).as_ref(), Ok(parsed), "written and read again");
    }
    for Case { mapping, program } in CASES.iter() {
        let mut slots = Slots::default();
        let read = program.read(Body::Json(body), 0, &None_, &mut slots, &mut Vec::new());
        let Ok(parsed) = &parsed else { continue };
        let slot = read.unwrap_or_else(|error| panic!("{}: refuses a valid body: {error}", mapping.text));
        let given = value(slot, program.layout.root, &program.layout, &slots, body).map(sorted);
        let wanted = mapping.evaluate(parsed, &None_, &mut Vec::new()).map(sorted);
        assert_eq!(given, wanted, "{}", mapping.text);
    }
});
