//! The reader against the evaluator, on random mappings and bodies.

use std::{fmt::Write as _, sync::Arc};

use proptest::prelude::*;

use crate::mapping::{
    BackEnd, Body, Column, Kind, Layout, Node, NodeId, Program, Slot, Slots, Value, Version, parse, scan::Scanner,
    tests::Given,
};

/// Choices drawn from bytes, so that a failing case shrinks.
struct Dice {
    bytes: Vec<u8>,
    at: usize,
}

/// About how long random bodies get, since rows repeat.
const BODY_MAX: usize = 20_000;

const NAMES: [&str; 4] = ["a", "b", "cc", "d-d"];

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % sides
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.roll(4)]
    }

    fn key(&mut self) -> String {
        quoted(self.name())
    }

    fn node(&mut self, nodes: &mut Vec<Node>, depth: usize) -> NodeId {
        let mut columns = Vec::new();
        for name in NAMES {
            let kind = match self.roll(4) {
                0 => continue,
                1 if depth < 3 => Kind::Object(self.node(nodes, depth + 1)),
                _ => Kind::Leaf,
            };
            columns.push(Column { name: name.into(), kind });
        }
        nodes.push(Node { columns, joins: u32::try_from(self.roll(3)).unwrap() });
        NodeId(u32::try_from(nodes.len() - 1).unwrap())
    }

    fn layout(&mut self) -> Layout {
        let mut nodes = Vec::new();
        let root = if self.roll(12) == 1 { Kind::Leaf } else { Kind::Object(self.node(&mut nodes, 0)) };
        Layout { root, nodes }
    }

    fn path(&mut self) -> String {
        let mut path = if self.roll(3) == 0 { format!("$.{}", self.key()) } else { self.key() };
        for _ in 0..self.roll(3) {
            if self.roll(4) == 0 {
                path.push('?');
            }
            let _ = write!(path, ".{}", self.key());
        }
        if self.roll(5) == 0 {
            path.push('?');
        }
        path
    }

    fn group(&mut self, layout: &Layout, kind: Kind, depth: usize) -> String {
        let columns = match kind {
            Kind::Object(node) => layout.nodes[node.0 as usize].columns.clone(),
            Kind::Leaf => vec![Column { name: "a".into(), kind: Kind::Leaf }],
        };
        let mut spread = String::new();
        let mut text = String::new();
        for column in columns {
            let name = quoted(&column.name);
            let selection = match column.kind {
                _ if self.roll(16) == 15 => continue,
                Kind::Leaf => match self.roll(12) {
                    0..=2 => name,
                    3..=6 => format!("{name}: {}", self.path()),
                    7 => format!("{name}: $"),
                    8 => format!("{name}: $args.{}", self.key()),
                    9 => format!("{name}: $('text')"),
                    10 => format!("{name}?"),
                    _ => format!("{name}: {{ x: {} }}", self.path()),
                },
                _ if depth > 6 => continue,
                kind @ Kind::Object(_) => match self.roll(8) {
                    0 | 1 => format!("{name} {{ {} }}", self.group(layout, kind, depth + 1)),
                    2..=4 => format!("{name}: {} {{ {} }}", self.path(), self.group(layout, kind, depth + 1)),
                    5 => format!("{name}: {{ {} }}", self.group(layout, kind, depth + 1)),
                    6 => format!("{name}: {}", self.path()),
                    _ => format!("{name}: $ {{ {} }}", self.group(layout, kind, depth + 1)),
                },
            };
            let to = if self.roll(8) == 7 { &mut spread } else { &mut text };
            let _ = write!(to, "{selection} ");
        }
        if !spread.is_empty() {
            let _ = write!(text, "zz: 'zz' $.{} {{ {spread} }} ", self.key());
        }
        if self.roll(8) == 7 {
            let _ = write!(text, "unwanted: {}->first ", self.key());
        }
        text
    }

    fn mapping(&mut self, layout: &Layout) -> String {
        match self.roll(10) {
            0 => "$".to_owned(),
            1 => format!("$.{}", self.key()),
            2 | 3 => format!("$.{} {{ {} }}", self.key(), self.group(layout, layout.root, 0)),
            _ => self.group(layout, layout.root, 0),
        }
    }

    fn body(&mut self, depth: usize, out: &mut String) {
        if out.len() > BODY_MAX {
            return out.push('1');
        }
        let blank = ["", "", "", " ", "\n\t "][self.roll(5)];
        out.push_str(blank);
        match self.roll(16) {
            0..=5 if depth < 6 => {
                out.push('{');
                let mut first = true;
                for name in NAMES {
                    let copies = match self.roll(32) {
                        0..=3 => 0,
                        31 => 2,
                        _ => 1,
                    };
                    for _ in 0..copies {
                        out.push_str(if first { "" } else { "," });
                        first = false;
                        let name = if self.roll(64) == 63 { "\\u0061" } else { name };
                        let _ = write!(out, "\"{name}\"{blank}:");
                        self.body(depth + 1, out);
                    }
                }
                out.push('}');
            }
            6..=8 if depth < 6 => {
                out.push('[');
                for index in 0..self.roll(4) {
                    out.push_str(if index == 0 { "" } else { "," });
                    let start = out.len();
                    self.body(depth + 1, out);
                    // Rows of one make, as lists have them; and now and then one that lacks something.
                    for _ in 0..self.roll(4) {
                        let row = out[start..].to_owned();
                        let _ = write!(out, ",{row}");
                        if self.roll(4) == 0 {
                            out.push(',');
                            self.body(depth + 1, out);
                        }
                    }
                }
                out.push(']');
            }
            9 | 10 => out.push_str("null"),
            11 => out.push_str("12345678901234567890.50"),
            12 => out.push_str(r#""a \"quoted\" \ud83d\ude00 text""#),
            13 => out.push_str("\"é\""),
            14 => out.push_str("false"),
            _ => out.push_str("-7e2"),
        }
        out.push_str(blank);
    }
}

fn quoted(name: &str) -> String {
    if name.contains('-') { format!("'{name}'") } else { name.to_owned() }
}

/// What a slot holds, as text that does not tell where it is.
fn draw(slot: Slot, kind: Kind, layout: &Layout, slots: &Slots, body: &[u8], out: &mut String) {
    let text = |bytes: &[u8]| Value::parse(bytes).unwrap().to_json();
    match slot {
        Slot::Span { start, len, .. } => {
            let bytes = &body[start as usize..(start + len) as usize];
            assert_eq!(bytes, bytes.trim_ascii());
            out.push_str(&text(bytes));
        }
        Slot::Owned { start, len } => out.push_str(&text(&slots.text[start as usize..(start + len) as usize])),
        Slot::List { start, len } => {
            out.push('[');
            for at in start..start + len {
                draw(slots.cells[at as usize], kind, layout, slots, body, out);
                out.push(',');
            }
            out.push(']');
        }
        Slot::Object { start } => {
            let Kind::Object(node) = kind else { panic!("an object in a leaf") };
            let node = &layout.nodes[node.0 as usize];
            out.push('{');
            for (index, column) in node.columns.iter().enumerate() {
                let _ = write!(out, "{}:", column.name);
                draw(slots.cells[start as usize + index], column.kind, layout, slots, body, out);
                out.push(',');
            }
            for join in 0..node.joins as usize {
                assert_eq!(slots.cells[start as usize + node.columns.len() + join], Slot::Missing);
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other:?}");
        }
    }
}

/// Both back ends on one body: what they made, and whether there were problems.
fn both(program: &Program, body: &[u8], variables: &Given) -> [(String, bool); 2] {
    let run = |evaluate: bool| {
        let mut slots = Slots::default();
        let mut problems = Vec::new();
        let json = Body::Json(body);
        let slot = if evaluate {
            program.read_with_evaluator(json, variables, &mut slots, &mut problems)
        } else {
            program.read(json, 3, variables, &mut slots, &mut problems)
        };
        let mut text = String::new();
        match slot {
            Ok(slot) => draw(slot, program.layout.root, &program.layout, &slots, body, &mut text),
            Err(_) => text.push_str("not JSON"),
        }
        (text, problems.is_empty())
    };
    [run(false), run(true)]
}

fn variables() -> Given {
    Given(Value::parse(br#"{"$args":{"a":7,"b":null,"cc":[1]}}"#).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_like_the_evaluator(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0_usize..40) {
        let mut dice = Dice { bytes, at: 0 };
        let layout = Arc::new(dice.layout());
        let text = dice.mapping(&layout);
        let mut body = String::new();
        dice.body(0, &mut body);
        let Ok(mapping) = parse(&text, Version::V0_3) else { return Ok(()) };
        let program = Program::compile(&mapping, Arc::clone(&layout));
        let [read, evaluated] = both(&program, body.as_bytes(), &variables());
        prop_assert_eq!(&read.0, &evaluated.0, "{} over {} for {:?}", text, body, layout);
        prop_assert_eq!(read.1, evaluated.1, "problems of {} over {} for {:?}", text, body, layout);

        // A cut body is refused by both, or whole.
        let mut cut = body.len().saturating_sub(cut);
        while !body.is_char_boundary(cut) {
            cut -= 1;
        }
        let [read, evaluated] = both(&program, &body.as_bytes()[..cut], &variables());
        prop_assert_eq!(read.0, evaluated.0, "{} over {}", text, &body[..cut]);
    }
}

#[test]
fn the_random_mappings_are_read_in_one_pass_often_enough() {
    let (mut reader, mut all) = (0, 0);
    for seed in 0..2000_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u8::try_from(state >> 56).unwrap()
        };
        let mut dice = Dice { bytes: (0..300).map(|_| byte()).collect(), at: 0 };
        let layout = Arc::new(dice.layout());
        let text = dice.mapping(&layout);
        let Ok(mapping) = parse(&text, Version::V0_3) else { continue };
        all += 1;
        reader += u32::from(Program::compile(&mapping, layout).back_end() == BackEnd::Reader);
    }
    assert!(all > 1500, "{all} of 2000 parse");
    assert!(reader * 4 > all, "{reader} of {all} by the reader");
}

/// Bodies of rows that follow one another's shape, that lack members, have more, nest, are printed with blanks.
const TABLES: [&str; 4] = [
    r#"[{"a":1,"skipped":"x\"y","b":"text é \\","cc":[1,2]},{"a":22,"skipped":"","b":"a longer plain text","cc":[3]},{"a":-3,"skipped":"z","b":null,"cc":[]},{"a":4,"b":"t","cc":[true]},{"b":"u","a":5.5,"skipped":"plain","cc":[{}],"more":{"x":[7]}},{}]"#,
    "[\n  {\n    \"a\": 1,\n    \"b\": \"some text that is long\",\n    \"cc\": {\"a\": [1]}\n  },\n  {\n    \"a\": 20,\n    \"b\": \"some text\",\n    \"cc\": {\"a\": []}\n  },\n  {\n    \"a\": 20,\n    \"b\": \"other\",\n    \"cc\": {\"a\": 0 }\n  } , { }\n]",
    r#"{"rows":[{"a_key_longer_than_a_word":{"n":1},"b":[{"n":1},{"n":2},{"n":3}]},{"a_key_longer_than_a_word":{"n":2},"b":[{"n":4}]},{"a_key_longer_than_a_word":{"n":3},"b":[{"n":5},{"n":6}]}]}"#,
    r#"[[{"a":1},{"a":2}],[{"a":3}],null,{"a":"four"},[{"b":1,"a":true},{"a":false,"b":0}]]"#,
];

/// What is wanted of them: everything there is, or a part.
const WANTED: [(&str, &[&str]); 5] = [
    ("a skipped b cc more", &["a", "skipped", "b", "cc", "more"]),
    ("a b", &["a", "b"]),
    ("cc: cc?.a? b: skipped", &["cc", "b"]),
    ("$.rows { a: a_key_longer_than_a_word.n b }", &["a", "b"]),
    ("skipped", &["skipped"]),
];

#[test]
fn every_changed_byte_of_a_table_is_judged_like_a_parser_does() {
    for (text, names) in WANTED {
        let columns = names.iter().map(|name| Column { name: (*name).into(), kind: Kind::Leaf }).collect();
        let layout = Layout { root: Kind::Object(NodeId(0)), nodes: vec![Node { columns, joins: 1 }] };
        let program = Program::compile(&parse(text, Version::V0_3).unwrap(), Arc::new(layout));
        assert_eq!(program.back_end(), BackEnd::Reader, "{text}");
        for table in TABLES {
            let table = table.as_bytes();
            judge(&program, table);
            for at in 0..table.len() {
                judge(&program, &[&table[..at], &table[at + 1..]].concat());
                judge(&program, &[&table[..at], &table[at..=at], &table[at..]].concat());
                for byte in *b"\"\\{]:,0 \x01\xff" {
                    let mut changed = table.to_vec();
                    changed[at] = byte;
                    judge(&program, &changed);
                }
            }
        }
    }
}

/// The reader sees what the evaluator sees in a body and refuses what has no structure. It is generous only about strings that nobody
/// wants: `both` parses all that it took.
fn judge(program: &Program, body: &[u8]) {
    let shown = || String::from_utf8_lossy(body).into_owned();
    let [read, evaluated] = both(program, body, &variables());
    if evaluated.0 != "not JSON" {
        assert_eq!(read, evaluated, "{}", shown());
    } else if read.0 != "not JSON" {
        let mut scanner = Scanner::new(body);
        let structure = scanner.skip_value(0).and_then(|()| scanner.finish());
        assert!(structure.is_ok(), "no structure: {}", shown());
    }
}
