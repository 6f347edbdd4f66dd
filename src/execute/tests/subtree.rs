//! A part of an answer written by itself.

use std::sync::Arc;

use serde_json::json;

use super::{Reaction, Service, gateway};
use crate::{
    execute::{
        guard::Guards,
        report::{ErrorList, Segment},
        view::{Instance, Results, View},
        write::{Fit, Writer},
    },
    mapping::{Body, Object, Slot, Value, Variable, Variables},
    operation, plan,
    schema::Compatibility,
};

struct Nothing;

impl Variables for Nothing {
    fn get(&self, _: Variable) -> Option<&Value> {
        None
    }
}

#[tokio::test]
async fn an_object_is_written_with_the_path_of_its_place() {
    let types = r#"
type Query { list: [Thing] @connect(source: "s", http: { GET: "/list" }, selection: "id size") }
type Thing { id: ID! size: Int! }"#;
    let service = Service::start(|_| Reaction::Json(200, json!({}))).await;
    let graph = gateway(&service, types, Compatibility::Default).graph;
    let document = operation::parse(&graph, "{ list { id size } }", &operation::Limits::default()).unwrap();
    let plan = plan::build(&graph, Arc::new(operation::bind(&graph, &document, None).unwrap())).unwrap();
    let body = br#"[{"id":"a","size":1},{"id":"b"}]"#;
    let mut results = Results::new(&plan);
    results.replies.push(bytes::Bytes::from_static(body));
    let read = plan.steps[0].program.read(Body::Json(body), 0, &Nothing, &mut results.stores[0], &mut Vec::new());
    let Ok(Slot::List { start, len: 2 }) = read else { panic!("a list of two was read, not {read:?}") };
    let objects: Vec<Instance> = (start..start + 2)
        .map(|index| match results.cell(0, index) {
            Slot::Object { start } => Instance { store: 0, start },
            other => panic!("an object was read, not {other:?}"),
        })
        .collect();
    let conditions = Vec::new();
    let guards = Guards::default();
    let view = View { graph: &graph, plan: &plan, results: &results, conditions: &conditions, guards: &guards };
    let none = Object::default();
    let prefix = [Segment::Key("list"), Segment::Index(1)];
    let mut writer = Writer::new(view, &none, b"before ".to_vec(), ErrorList::default(), &prefix);
    let child = plan.positions[0].variants[0].fields[0].child.unwrap();
    assert_eq!(writer.object(child, objects[1]), Fit::Explained);
    assert_eq!(writer.out, b"before ", "a null moves no further than the subtree's root");
    assert_eq!(writer.object(child, objects[0]), Fit::Written);
    assert_eq!(writer.out, br#"before {"id":"a","size":1}"#);
    let (text, count) = writer.errors.finish();
    assert_eq!(count, 1);
    assert!(String::from_utf8(text).unwrap().contains(r#""path":["list",1,"size"]"#));
}

#[tokio::test]
async fn an_answer_that_grows_too_large_is_refused_whole() {
    let types = r#"
type Query { list: [Thing] @connect(source: "s", http: { GET: "/list" }, selection: "id") }
type Thing { id: ID! }"#;
    let service = Service::start(|_| Reaction::Json(200, json!({}))).await;
    let graph = gateway(&service, types, Compatibility::Default).graph;
    let document = operation::parse(&graph, "{ list { id } }", &operation::Limits::default()).unwrap();
    let plan = plan::build(&graph, Arc::new(operation::bind(&graph, &document, None).unwrap())).unwrap();
    let body = br#"[{"id":"a"},{"id":"b"},{"id":"c"}]"#;
    let mut results = Results::new(&plan);
    results.replies.push(bytes::Bytes::from_static(body));
    let read = plan.steps[0].program.read(Body::Json(body), 0, &Nothing, &mut results.stores[0], &mut Vec::new());
    results.outcomes[0].push(read.unwrap());
    let root = results.stores.last_mut().unwrap();
    root.cells[0] = Slot::Result(0);
    let guards = Guards::default();
    let view = View { graph: &graph, plan: &plan, results: &results, conditions: &[], guards: &guards };
    let none = Object::default();
    let write = |answer_max: usize| {
        let mut writer = Writer::new(view, &none, Vec::new(), ErrorList::default(), &[]);
        writer.answer_max = answer_max;
        let fit = writer.object(plan::PositionId(0), view.root());
        (fit, writer.out, writer.errors.finish().1)
    };
    let whole = br#"{"list":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#;
    assert_eq!(write(1000), (Fit::Written, whole.to_vec(), 0));
    assert_eq!(write(20), (Fit::Explained, Vec::new(), 1));
}
