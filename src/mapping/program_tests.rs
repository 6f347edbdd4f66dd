//! Programs: which back end, what it leaves in slots, what it refuses.

use std::sync::Arc;

use super::{
    BackEnd, Body, Column, Kind, Layout, Node, NodeId, Program, Slot, Slots, Value, Version, parse, tests::Given,
};

/// A layout of one node with leaves of these names.
fn leaves(names: &[&str]) -> Arc<Layout> {
    let columns = names.iter().map(|name| Column { name: (*name).into(), kind: Kind::Leaf }).collect();
    Arc::new(Layout { root: Kind::Object(NodeId(0)), nodes: vec![Node { columns, joins: 1 }] })
}

fn program(text: &str, layout: &Arc<Layout>) -> Program {
    Program::compile(&parse(text, Version::V0_3).unwrap(), Arc::clone(layout))
}

/// The texts of a list of flat objects, a missing value as `-`.
fn rows(program: &Program, body: &str) -> Vec<Vec<String>> {
    let mut slots = Slots::default();
    let slot = program.read(Body::Json(body.as_bytes()), 0, &Given(Value::Null), &mut slots, &mut Vec::new()).unwrap();
    let Slot::List { start, len } = slot else { panic!("no list: {slot:?}") };
    let node = &program.layout.nodes[0];
    let text = |slot: &Slot| match *slot {
        Slot::Span { start, len, .. } => body[start as usize..(start + len) as usize].to_owned(),
        Slot::Owned { start, len } => {
            String::from_utf8(slots.text[start as usize..(start + len) as usize].to_vec()).unwrap()
        }
        Slot::Missing => "-".to_owned(),
        ref other => format!("{other:?}"),
    };
    (start..start + len)
        .map(|at| match slots.cells[at as usize] {
            Slot::Object { start } => slots.cells[start as usize..][..node.columns.len()].iter().map(text).collect(),
            ref other => vec![text(other)],
        })
        .collect()
}

#[test]
fn only_what_one_pass_can_do_is_read_in_one_pass() {
    let layout = leaves(&["a", "b"]);
    for (text, back_end) in [
        ("a b", BackEnd::Reader),
        ("a: x.y b: x.z c: gone->first", BackEnd::Reader),
        ("$.data { a b: $args.id }", BackEnd::Reader),
        ("x.y { a } b", BackEnd::Reader),
        ("a: x { y }", BackEnd::Evaluator),
        ("a: x->first", BackEnd::Evaluator),
        ("a a: b", BackEnd::Evaluator),
        ("$args { a }", BackEnd::Evaluator),
        ("rows->first { a }", BackEnd::Evaluator),
    ] {
        assert_eq!(program(text, &layout).back_end(), back_end, "{text}");
    }
}

#[test]
fn spans_point_into_the_body() {
    let program = program("a b: in.b", &leaves(&["b", "a"]));
    let body = r#"[ {"a" : 1.50 , "in": {"b": [1, 2] }}, {"in": {}, "a": "t\"" }, null, 7, {"a": null} ]"#;
    assert_eq!(
        rows(&program, body),
        [vec!["[1, 2]", "1.50"], vec!["-", r#""t\"""#], vec!["Null"], vec!["7"], vec!["-", "Null"]]
    );
}

#[test]
fn cells_before_are_left_alone_and_joins_are_missing() {
    let program = program("a", &leaves(&["a"]));
    let mut slots = Slots { cells: vec![Slot::Null; 3], text: Vec::new() };
    let body = Body::Json(br#"{"a":1}"#);
    let Slot::Object { start } = program.read(body, 9, &Given(Value::Null), &mut slots, &mut Vec::new()).unwrap()
    else {
        panic!("no object")
    };
    assert_eq!(slots.cells[..3], [Slot::Null; 3]);
    let object = [Slot::Span { reply: 9, start: 5, len: 1 }, Slot::Missing];
    assert_eq!(slots.cells[start as usize..], object);
}

#[test]
fn bodies_that_one_pass_cannot_do_give_the_same_result() {
    let program = program("a b: in.b", &leaves(&["a", "b"]));
    assert_eq!(program.back_end(), BackEnd::Reader);
    for _ in 0..200 {
        assert_eq!(rows(&program, r#"[{"a":1,"a":2,"in":[{"b":3},{}]}]"#), [["2", "[3,null]"]]);
    }
    assert_eq!(rows(&program, r#"[{"\u0061":1,"in":{"b":3}}]"#), [["1", "3"]]);
    assert_eq!(rows(&program, r#"[{"a":1,"in":{"b":3}}]"#), [["1", "3"]]);
}

#[test]
fn broken_bodies_are_refused_wherever_they_break() {
    let program = program("a", &leaves(&["a"]));
    let whole = r#"{"skipped":{"x":[1,{"y":"z"}]},"a":"text"}"#;
    let read = |body: &str| {
        let mut slots = Slots::default();
        let read = program.read(Body::Json(body.as_bytes()), 0, &Given(Value::Null), &mut slots, &mut Vec::new());
        assert!(read.is_ok() || slots.cells.is_empty(), "{body}");
        read
    };
    assert!(read(whole).is_ok());
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "{}", &whole[..end]);
    }
    for body in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":01}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":1}}"#,
        r#"{"a":1} x"#,
        r#"{"x":tru,"a":1}"#,
        r#"{"x":[1 2],"a":1}"#,
        r#"{"x":{"y" 1},"a":1}"#,
        r#"{"x":{1:2},"a":1}"#,
        "",
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn bodies_that_are_no_json_are_null_or_text() {
    let program =
        Program::compile(&parse("$", Version::V0_3).unwrap(), Arc::new(Layout { root: Kind::Leaf, nodes: Vec::new() }));
    let mut slots = Slots::default();
    let mut read = |body| program.read(body, 0, &Given(Value::Null), &mut slots, &mut Vec::new()).unwrap();
    assert_eq!(read(Body::Null), Slot::Null);
    assert_eq!(read(Body::Text("a\"b")), Slot::Owned { start: 0, len: 6 });
    assert_eq!(slots.text, br#""a\"b""#);
}

#[test]
fn methods_of_unwanted_fields_do_not_run() {
    let layout = leaves(&["a"]);
    for text in ["a b: c->nope", "a x.y { b: c->nope }"] {
        let mut problems = Vec::new();
        let body = Body::Json(br#"{"a":1,"x":{"y":{"c":1}}}"#);
        program(text, &layout).read(body, 0, &Given(Value::Null), &mut Slots::default(), &mut problems).unwrap();
        assert!(problems.is_empty(), "{text}: {problems:?}");
    }
}

#[test]
fn deep_bodies_are_read_and_deeper_ones_refused() {
    let layout = leaves(&["a"]);
    for (depth, good) in [(128, true), (129, false), (100_000, false)] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"x\":", "}")] {
            let body = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for text in ["a", "$.x.x { a }", "a: $->jsonStringify"] {
                let mut slots = Slots::default();
                let body = Body::Json(body.as_bytes());
                let read = program(text, &layout).read(body, 0, &Given(Value::Null), &mut slots, &mut Vec::new());
                assert_eq!(read.is_ok(), good, "{text} over {depth} of {open}");
            }
        }
    }
}
