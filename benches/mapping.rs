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
    read(bencher, count, "id userId title body");
}

/// The same by the evaluator: a method is on the way.
#[divan::bench(args = [1, 100])]
fn evaluate_titles(bencher: Bencher, count: usize) {
    read(bencher, count, "id userId title: title->slice(0, 100) body");
}

fn read(bencher: Bencher, count: usize, selection: &str) {
    let body = posts(count);
    let mapping = parse(selection, Version::V0_3).expect("a valid mapping");
    let columns = vec![Column { name: "title".into(), kind: Kind::Leaf }];
    let layout = Layout { root: Kind::Object(NodeId(0)), nodes: vec![Node { columns, joins: 0 }] };
    let program = Program::compile(&mapping, Arc::new(layout));
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| {
        let mut slots = Slots::default();
        let slot = program.read(Body::Json(divan::black_box(&body)), 0, &Nothing, &mut slots, &mut Vec::new());
        (slot.expect("a valid body"), slots)
    });
}

/// The generic tree that the reader avoids.
#[divan::bench(args = [1, 100])]
fn parse_whole(bencher: Bencher, count: usize) {
    let body = posts(count);
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| Value::parse(divan::black_box(&body)));
}
