//! The mapping room against a plain interpreter: random mappings over random bodies, run by both back ends and by
//! `interpret`, which works on `serde_json::Value` with numbers of any precision.
//!
//!     cargo run --release --manifest-path tests/oracle/Cargo.toml -- [PAIRS] [SEED]
//!
//! Prints the pairs that differ (and how to see one again) and a count of what was covered. Exit code 1 where any differs.

#[path = "../../../src/mapping/mod.rs"]
#[allow(dead_code, unused_imports, unfulfilled_lint_expectations, reason = "the room is made for weft")]
mod mapping;

/// All that the mapping room uses of another: suggestions for unknown methods, which say nothing about values.
mod error {
    pub fn nearest<'a>(_: &str, _: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        None
    }
}

mod dice;
mod generate;
mod interpret;
mod language;
mod prune;

use std::{process::ExitCode, sync::Arc};

use serde_json::{Map, Value as Json, json};

use dice::Dice;
use language::Writer;
use mapping::{BackEnd, Body, Kind, Layout, Program, Slot, Slots, Value, Variable, Variables};

/// Findings printed in full.
const SHOWN_MAX: usize = 10;

/// The same for all pairs.
struct Given {
    plain: Map<String, Json>,
    values: Vec<(Variable, Value)>,
}

impl Given {
    fn new() -> Self {
        let plain = json!({
            "args": { "a": 7, "b": ["x", null, { "a": 1 }], "cc": { "a": "deep", "é": 2.50 }, "nullable": null },
            "this": { "a": "t", "first_name": { "b": true } },
            "config": { "cc": [[1, 2], [3]] },
        });
        let plain = plain.as_object().expect("an object").clone();
        let value = |json: &Json| Value::parse(json.to_string().as_bytes()).expect("JSON");
        let values = plain.iter().map(|(name, json)| (Variable::from_name(name).expect("a variable"), value(json)));
        let values = values.collect();
        Self { plain, values }
    }
}

impl Variables for Given {
    fn get(&self, variable: Variable) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == variable).map(|(_, value)| value)
    }
}

#[derive(Debug, Default)]
struct Seen {
    by_reader: usize,
    missing: usize,
    with_problems: usize,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("PAIRS and SEED are numbers"));
    let pairs = arguments.next().unwrap_or(10_000);
    let seed = arguments.next().unwrap_or(0);
    let given = Given::new();
    let mut seen = Seen::default();
    let mut findings = 0;
    for index in 0..pairs {
        let at = seed.wrapping_add(index);
        if let Err(finding) = try_one(at, &given, &mut seen) {
            findings += 1;
            if findings <= SHOWN_MAX {
                println!("{finding}\n    again: 1 {at}\n");
            }
        }
    }
    println!("{pairs} pairs, {findings} differ; {seen:?}");
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One pair. Errors: how the back ends differ from the interpreter.
fn try_one(seed: u64, given: &Given, seen: &mut Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let pair = generate::pair(&mut dice);
    let mut writer = Writer { version: pair.version, dice: &mut dice, out: String::new() };
    writer.mapping(&pair.selections);
    let text = writer.out;
    let context =
        |what: String| format!("{what}\n    {:?} {text}\n    on {}\n    {:?}", pair.version, pair.body, pair.layout);

    let body: Json = serde_json::from_str(&pair.body).map_err(|error| context(format!("the body: {error}")))?;
    let parsed = mapping::parse(&text, pair.version).map_err(|error| context(format!("does not parse: {error}")))?;

    // The whole mapping, evaluated.
    let is_path = interpret::is_path(&pair.selections);
    let wanted = interpret::mapping(&pair.selections, is_path, &body, &given.plain);
    let input = Value::parse(pair.body.as_bytes()).map_err(|error| context(error.to_string()))?;
    let mut problems = Vec::new();
    let found = parsed.evaluate(&input, given, &mut problems).map(|value| json_of(value.to_json().as_bytes()));
    seen.with_problems += usize::from(!problems.is_empty());
    seen.missing += usize::from(wanted.is_none());
    if !agree(found.as_ref(), wanted.as_ref()) {
        return Err(context(format!("evaluated: {found:?}\n    wanted {wanted:?}")));
    }

    // What a layout wants of it, from bytes.
    let pruned = prune::selections(&pair.selections, pair.layout.root, &pair.layout);
    let wanted = interpret::mapping(&pruned, is_path, &body, &given.plain)
        .and_then(|value| shown(&value, pair.layout.root, &pair.layout));
    let layout = Arc::new(pair.layout.clone());
    let program = Program::compile(&parsed, layout);
    seen.by_reader += usize::from(program.back_end() == BackEnd::Reader);
    let mut slots = Slots::default();
    let slot = program
        .read(Body::Json(pair.body.as_bytes()), 3, given, &mut slots, &mut Vec::new())
        .map_err(|error| context(format!("not read: {error}")))?;
    let found = drawn(slot, pair.layout.root, &pair.layout, &slots, pair.body.as_bytes());
    if !agree(found.as_ref(), wanted.as_ref()) {
        return Err(context(format!("read by {:?}: {found:?}\n    wanted {wanted:?}", program.back_end())));
    }
    Ok(())
}

fn json_of(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn agree(found: Option<&Json>, wanted: Option<&Json>) -> bool {
    match (found, wanted) {
        (Some(found), Some(wanted)) => interpret::same(found, wanted, true),
        (None, None) => true,
        _ => false,
    }
}

/// What is wanted of a value.
fn shown(value: &Json, kind: Kind, layout: &Layout) -> Option<Json> {
    let Kind::Object(node) = kind else { return Some(value.clone()) };
    match value {
        Json::Array(items) => {
            Some(Json::Array(items.iter().map(|item| shown(item, kind, layout).unwrap_or_default()).collect()))
        }
        Json::Object(members) => {
            let columns = &layout.nodes[node.0 as usize].columns;
            let of = |column: &mapping::Column| {
                let value = members.get(&*column.name).and_then(|value| shown(value, column.kind, layout))?;
                Some((column.name.to_string(), value))
            };
            Some(Json::Object(columns.iter().filter_map(of).collect()))
        }
        other => Some(other.clone()),
    }
}

/// What slots hold.
fn drawn(slot: Slot, kind: Kind, layout: &Layout, slots: &Slots, body: &[u8]) -> Option<Json> {
    Some(match slot {
        Slot::Missing => return None,
        Slot::Null => Json::Null,
        Slot::Span { reply, start, len } => {
            assert_eq!(reply, 3);
            json_of(&body[start as usize..(start + len) as usize])
        }
        Slot::Owned { start, len } => json_of(&slots.text[start as usize..(start + len) as usize]),
        Slot::Object { start } => {
            let Kind::Object(node) = kind else { panic!("an object where a leaf is") };
            let columns = layout.nodes[node.0 as usize].columns.iter().enumerate();
            let of = |(index, column): (usize, &mapping::Column)| {
                let value = drawn(slots.cells[start as usize + index], column.kind, layout, slots, body)?;
                Some((column.name.to_string(), value))
            };
            Json::Object(columns.filter_map(of).collect())
        }
        Slot::List { start, len } => {
            let items = (start..start + len).map(|at| &slots.cells[at as usize]);
            Json::Array(items.map(|slot| drawn(*slot, kind, layout, slots, body).unwrap_or_default()).collect())
        }
        Slot::Result(_) | Slot::Error(_) => panic!("a mapping makes no joins"),
    })
}
