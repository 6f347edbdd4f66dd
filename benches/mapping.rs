//! The mapping room: what does it cost to read a reply?

use std::sync::Arc;

use divan::{Bencher, counter::BytesCount};
use weft::mapping::{
    Body, Column, Kind, Layout, Node, NodeId, Program, Slots, Value, Variable, Variables, Version, parse,
};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

struct Nothing;

impl Variables for Nothing {
    fn get(&self, _: Variable) -> Option<&Value> {
        None
    }
}

/// Posts as the load bench's upstream gives them: about 270 bytes each.
fn posts(count: usize) -> Vec<u8> {
    let text = "quartz ridge summit tundra umber valley willow xenon yarrow zephyr anchor bridge candle drift ";
    let posts: Vec<String> = (1..=count)
        .map(|id| {
            format!(
                r#"{{"userId":{},"id":{id},"title":"amber basin cedar {id}","body":"{}"}}"#,
                id % 10,
                text.repeat(2)
            )
        })
        .collect();
    format!("[{}]", posts.join(",")).into_bytes()
}

/// `{ posts { title } }`: one column of four.
#[divan::bench(args = [1, 10, 100, 1000])]
fn read_titles(bencher: Bencher, count: usize) {
    read(bencher, &posts(count), "id userId title body", &["title"]);
}

/// Three columns of four.
#[divan::bench(args = [1, 100])]
fn read_columns(bencher: Bencher, count: usize) {
    read(bencher, &posts(count), "id userId title body", &["id", "userId", "title"]);
}

/// One column of four, the body printed with blanks.
#[divan::bench(args = [1, 100])]
fn read_titles_of_a_printed_body(bencher: Bencher, count: usize) {
    let value: serde_json::Value = serde_json::from_slice(&posts(count)).expect("valid JSON");
    let body = serde_json::to_vec_pretty(&value).expect("a value");
    read(bencher, &body, "id userId title body", &["title"]);
}

/// One column of four, no row like the one before.
#[divan::bench(args = [100])]
fn read_titles_of_unlike_rows(bencher: Bencher, count: usize) {
    let row = |at: usize| match at % 4 {
        0 => format!(r#"{{"id":{at},"title":"amber basin","a{at}":1}}"#),
        1 => format!(r#"{{"title":"cedar delta","b{at}":[2],"id":{at}}}"#),
        2 => format!(r#"{{"c{at}":null,"id":{at}}}"#),
        _ => format!(r#"{{"d{at}":{{"e":3}},"title":"ember","id":{at}}}"#),
    };
    let body = format!("[{}]", (0..count).map(row).collect::<Vec<_>>().join(","));
    read(bencher, body.as_bytes(), "id title", &["title"]);
}

/// The same by the evaluator: a method is on the way.
#[divan::bench(args = [1, 100])]
fn evaluate_titles(bencher: Bencher, count: usize) {
    read(bencher, &posts(count), "id userId title: title->slice(0, 100) body", &["title"]);
}

fn read(bencher: Bencher, body: &[u8], selection: &str, names: &[&str]) {
    let mapping = parse(selection, Version::V0_3).expect("a valid mapping");
    let columns = names.iter().map(|name| Column { name: (*name).into(), kind: Kind::Leaf }).collect();
    let layout = Layout { root: Kind::Object(NodeId(0)), nodes: vec![Node { columns, joins: 0 }] };
    let program = Program::compile(&mapping, Arc::new(layout));
    bencher.counter(BytesCount::of_slice(body)).bench_local(|| {
        let mut slots = Slots::default();
        let slot = program.read(Body::Json(divan::black_box(body)), 0, &Nothing, &mut slots, &mut Vec::new());
        (slot.expect("a valid body"), slots)
    });
}

/// The generic tree that the reader avoids.
#[divan::bench(args = [1, 100])]
fn parse_whole(bencher: Bencher, count: usize) {
    let body = posts(count);
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| Value::parse(divan::black_box(&body)));
}
