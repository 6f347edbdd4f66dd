//! Random bodies, mappings over their names (most fit, some do not), and what is wanted of the output.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::{
    dice::Dice,
    language::{Head, Node, Path, Selection, Step},
    mapping::{Column, Kind, Layout, Node as LayoutNode, NodeId, Version},
};

/// Names of members: few, so that mappings and bodies meet.
const NAMES: [&str; 7] = ["a", "b", "cc", "first_name", "d-d", "nullable", "é"];

const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "7.0",
    "7.50",
    "-2.5",
    "3",
    "1e+2",
    "-2e-2",
    "100",
    "2.5e-1",
    "9007199254740993",
    "9007199254740992",
    "9007199254740993.0",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "123456789012345678901234567890",
    "123456789012345678901234567890.5",
    "0.1",
];

const TEXTS: [&str; 14] = [
    "",
    "a",
    "b",
    "text",
    "7",
    "-5",
    "+5",
    "ff",
    "a,b,,c",
    "  in  ",
    "{\"a\":[1,null]}",
    "héjà",
    "e\u{301}🦀",
    "it's \"x\"\n",
];

/// Everything that one pair needs.
pub struct Pair {
    pub version: Version,
    pub selections: Vec<Selection>,
    pub body: String,
    pub layout: Layout,
}

/// Draws a pair.
pub fn pair(dice: &mut Dice) -> Pair {
    let version = *dice.pick(&[Version::V0_2, Version::V0_3, Version::V0_4]);
    let mut body = String::new();
    json_text(dice, 0, &mut body);
    // Half of them of what one pass over the bytes can do: keys, aliases, groups, constants.
    let is_plain = dice.one_in(2);
    let mut maker = Maker { dice, version, is_plain, locals: 0 };
    let selections = maker.whole();
    let mut nodes = Vec::new();
    let root = layout(dice, &names_of(&selections), &mut nodes, 0);
    Pair { version, selections, body, layout: Layout { root, nodes } }
}

/// JSON text with white space, escapes and numbers of all sorts; now and then a name twice.
fn json_text(dice: &mut Dice, depth: usize, out: &mut String) {
    let blank = dice.word(&["", "", "", " ", "\r\n\t"]);
    out.push_str(blank);
    match dice.below(if depth == 0 { 9 } else { 16 }) {
        0..=5 if depth < 5 => {
            out.push('{');
            let mut is_first = true;
            for name in NAMES {
                let copies = match dice.below(40) {
                    0..=9 => 0,
                    39 => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    if !std::mem::take(&mut is_first) {
                        out.push(',');
                    }
                    let escaped = name == "a" && dice.one_in(40);
                    let _ = write!(out, "{blank}\"{}\":", if escaped { "\\u0061" } else { name });
                    json_text(dice, depth + 1, out);
                }
            }
            out.push('}');
        }
        6..=8 if depth < 5 => {
            out.push('[');
            for index in 0..dice.below(4) {
                if index > 0 {
                    out.push(',');
                }
                json_text(dice, depth + 1, out);
            }
            out.push(']');
        }
        9 => out.push_str("null"),
        10 => out.push_str(dice.word(&["true", "false"])),
        11 | 12 => out.push_str(dice.word(&NUMBERS)),
        13 => out.push_str(dice.word(&[
            "\"\\u00e9\\n\"",
            "\"\\ud83e\\udd80 \\\"x\\\"\"",
            "\"a\\/b\\\\c\"",
            "\"\\u0000\"",
        ])),
        _ => out.push_str(&json!(dice.word(&TEXTS)).to_string()),
    }
    out.push_str(blank);
}

/// Output names that a list of selections is seen to have, its groups' below them.
struct Names(Vec<(String, Names)>);

fn names_of(selections: &[Selection]) -> Names {
    let mut names = Names(Vec::new());
    for selection in selections {
        match selection {
            Selection::Named(name, node) => names.0.push((name.clone(), names_in(node))),
            Selection::Anonymous(node) | Selection::Spread(node) => names.0.extend(names_in(node).0),
        }
    }
    names
}

fn names_in(node: &Node) -> Names {
    match node {
        Node::Path(path) => path.group.as_deref().map_or(Names(Vec::new()), names_of),
        Node::Group(selections) => names_of(selections),
        Node::Object(members) => Names(members.iter().map(|(key, node)| (key.clone(), names_in(node))).collect()),
        Node::Literal(_) | Node::Array(_) | Node::Chain(..) => Names(Vec::new()),
    }
}

/// What is wanted: most of the names that there are, some that there are not.
fn layout(dice: &mut Dice, names: &Names, nodes: &mut Vec<LayoutNode>, depth: usize) -> Kind {
    if depth > 5 || dice.one_in(if names.0.is_empty() { 2 } else { 10 }) {
        return Kind::Leaf;
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut add = |dice: &mut Dice, nodes: &mut Vec<LayoutNode>, name: &str, below: &Names| {
        if !dice.one_in(5) && columns.iter().all(|column| &*column.name != name) {
            let is_leaf = below.0.is_empty() && !dice.one_in(4);
            let kind = if is_leaf { Kind::Leaf } else { layout(dice, below, nodes, depth + 1) };
            columns.push(Column { name: name.into(), kind });
        }
    };
    for (name, below) in &names.0 {
        add(dice, nodes, name, below);
    }
    for name in &NAMES[..2] {
        if dice.one_in(3) {
            add(dice, nodes, name, &Names(Vec::new()));
        }
    }
    let joins = u32::try_from(dice.below(2)).expect("small");
    nodes.push(LayoutNode { columns, joins });
    Kind::Object(NodeId(u32::try_from(nodes.len() - 1).expect("few")))
}

struct Maker<'d> {
    dice: &'d mut Dice,
    version: Version,
    /// No methods, few expressions.
    is_plain: bool,
    /// Names bound by `->as` so far; not all of them are in reach of what is made next.
    locals: usize,
}

impl Maker<'_> {
    fn name(&mut self) -> String {
        self.dice.word(&NAMES).to_owned()
    }

    fn whole(&mut self) -> Vec<Selection> {
        match self.dice.below(8) {
            0 => vec![Selection::Anonymous(self.path(2))],
            // A lone key would be a name.
            1 => vec![Selection::Anonymous(Node::Path(Box::new(Path {
                head: Head::Expr(self.expression(3)),
                steps: self.steps(2),
                group: None,
            })))],
            _ => self.selections(3),
        }
    }

    fn selections(&mut self, depth: usize) -> Vec<Selection> {
        let count = 1 + self.dice.below(4);
        if count == 1 && self.dice.one_in(4) {
            return vec![Selection::Anonymous(self.path(depth))];
        }
        (0..count).map(|_| self.selection(depth, count)).collect()
    }

    fn selection(&mut self, depth: usize, count: usize) -> Selection {
        match self.dice.below(if self.is_plain { 30 } else { 12 }) {
            13..=21 => Selection::Named(self.name(), self.path(depth)),
            22 if self.version >= Version::V0_3 => {
                let name = self.name();
                let steps = vec![Step::Key(name.clone()), Step::Question];
                Selection::Named(name, Node::Path(Box::new(Path { head: Head::Root, steps, group: None })))
            }
            23 | 24 => Selection::Named(self.name(), self.literal()),
            0 | 1 if count > 1 && depth > 0 => {
                // Among others, a path without a name needs a group.
                let steps = self.steps(2);
                let head = if self.dice.one_in(8) { self.head(depth) } else { Head::Root };
                let steps = if steps.is_empty() { vec![Step::Key(self.name())] } else { steps };
                let group = Some(self.selections(depth - 1));
                Selection::Anonymous(Node::Path(Box::new(Path { head, steps, group })))
            }
            2 if self.version >= Version::V0_4 => {
                let node = if self.dice.one_in(3) { self.expression(depth) } else { self.path(depth) };
                // A spread is a path, or what stands in `$( )`.
                let node = match node {
                    Node::Path(_) => node,
                    other => Node::Path(Box::new(Path { head: Head::Expr(other), steps: Vec::new(), group: None })),
                };
                Selection::Spread(node)
            }
            3..=5 => {
                let name = self.name();
                let mut steps = vec![Step::Key(name.clone())];
                if self.version >= Version::V0_3 && self.dice.one_in(6) {
                    steps.push(Step::Question);
                }
                let group = (depth > 0 && self.dice.one_in(2)).then(|| self.selections(depth - 1));
                Selection::Named(name, Node::Path(Box::new(Path { head: Head::Root, steps, group })))
            }
            6 if depth > 0 => Selection::Named(self.name(), Node::Group(self.selections(depth - 1))),
            7 => Selection::Named(self.name(), self.expression(depth)),
            _ => Selection::Named(self.name(), self.path(depth)),
        }
    }

    fn head(&mut self, depth: usize) -> Head {
        match self.dice.below(if self.is_plain { 60 } else { 10 }) {
            0 => Head::Current,
            1 => Head::Variable((self.dice.word(&["args", "this", "config", "nothere"])).to_owned()),
            2 if self.locals > 0 => Head::Variable(format!("l{}", self.dice.below(self.locals))),
            3 if depth > 0 => Head::Expr(self.expression(depth - 1)),
            _ => Head::Root,
        }
    }

    fn path(&mut self, depth: usize) -> Node {
        let head = self.head(depth);
        let most = if self.dice.one_in(6) { 5 } else { 3 };
        let steps = self.steps(most);
        let group = (depth > 0 && self.dice.one_in(4)).then(|| self.selections(depth - 1));
        Node::Path(Box::new(Path { head, steps, group }))
    }

    fn steps(&mut self, most: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..self.dice.below(most + 1) {
            let step = match self.dice.below(6) {
                0..=3 => Step::Key(self.name()),
                4 if self.version >= Version::V0_3 && !matches!(steps.last(), Some(Step::Question)) => Step::Question,
                _ if self.is_plain => Step::Key(self.name()),
                _ => self.method(2),
            };
            steps.push(step);
        }
        steps
    }

    fn expression(&mut self, depth: usize) -> Node {
        match self.dice.below(10) {
            0 if depth > 0 => {
                let count = self.dice.below(4);
                Node::Array((0..count).map(|_| self.expression(depth - 1)).collect())
            }
            1 if depth > 0 => {
                let mut members: Vec<(String, Node)> = Vec::new();
                for _ in 0..self.dice.below(4) {
                    let name = self.name();
                    if members.iter().all(|(known, _)| *known != name) {
                        members.push((name, self.expression(depth - 1)));
                    }
                }
                Node::Object(members)
            }
            2 if depth > 0 && self.version >= Version::V0_3 => {
                let count = 2 + self.dice.below(2);
                let operands = (0..count).map(|_| self.expression(depth - 1)).collect();
                Node::Chain(self.dice.one_in(2), operands)
            }
            3 | 4 => self.literal(),
            _ => self.path(depth.min(1)),
        }
    }

    fn literal(&mut self) -> Node {
        Node::Literal(match self.dice.below(8) {
            0 => Json::Null,
            1 => json!(self.dice.one_in(2)),
            2..=4 => json!(self.dice.word(&TEXTS)),
            // No exponents in mappings, and zeros in front are dropped.
            _ => loop {
                let text = self.dice.word(&NUMBERS);
                if !text.contains(['e', 'E']) {
                    break serde_json::from_str(text).expect("a number");
                }
            },
        })
    }

    fn method(&mut self, depth: usize) -> Step {
        let plain = [
            "first",
            "last",
            "size",
            "entries",
            "jsonStringify",
            "jsonParse",
            "not",
            "trim",
            "trimStart",
            "trimEnd",
            "keysToCamelCase",
            "keysToCamelCaseDeep",
            "toString",
            "slice",
            "parseInt",
        ];
        if self.dice.one_in(3) {
            return Step::Method(self.dice.word(&plain).to_owned(), None);
        }
        let name = self.dice.word(&[
            "echo",
            "map",
            "map",
            "match",
            "match",
            "slice",
            "joinNotNull",
            "filter",
            "find",
            "eq",
            "ne",
            "gt",
            "gte",
            "lt",
            "lte",
            "and",
            "or",
            "in",
            "contains",
            "get",
            "get",
            "toString",
            "parseInt",
            "add",
            "sub",
            "mul",
            "div",
            "mod",
            "as",
            "as",
            "split",
            "nope",
            "first",
            "size",
        ]);
        let arguments = match name {
            // What fits, most of the time.
            "match" => (0..1 + self.dice.below(3)).map(|_| self.arm(depth)).collect(),
            "joinNotNull" | "split" if !self.dice.one_in(6) => {
                vec![Node::Literal(json!(self.dice.pick(&[",", "", "a", " - "])))]
            }
            "filter" | "find" if !self.dice.one_in(4) => vec![self.condition()],
            "and" | "or" if !self.dice.one_in(4) => vec![Node::Literal(json!(self.dice.one_in(2)))],
            "get" if !self.dice.one_in(4) => vec![self.index()],
            "slice" => (0..self.dice.below(3)).map(|_| self.index()).collect(),
            "parseInt" => {
                (0..self.dice.below(2)).map(|_| Node::Literal(json!(self.dice.pick(&[2, 10, 16, 36, 37])))).collect()
            }
            "as" => self.binding(depth),
            _ => {
                let count = match self.dice.below(10) {
                    0 => 0,
                    1 => 2,
                    2 => 3,
                    _ => 1,
                };
                (0..count).map(|_| self.argument(depth)).collect()
            }
        };
        Step::Method(name.to_owned(), Some(arguments))
    }

    fn binding(&mut self, depth: usize) -> Vec<Node> {
        let value = self.dice.one_in(3).then(|| self.argument(depth));
        let head = Head::Variable(format!("l{}", self.locals % 3));
        self.locals = (self.locals + 1).min(3);
        let name = Node::Path(Box::new(Path { head, steps: Vec::new(), group: None }));
        std::iter::once(name).chain(value).collect()
    }

    fn arm(&mut self, depth: usize) -> Node {
        if self.dice.one_in(8) {
            return self.argument(depth);
        }
        let candidate = if self.dice.one_in(4) { current(Vec::new()) } else { self.argument(0) };
        Node::Array(vec![candidate, self.argument(depth)])
    }

    fn condition(&mut self) -> Node {
        let compare = self.dice.word(&["eq", "ne", "gt", "lt"]);
        let argument = self.literal();
        let mut steps = Vec::new();
        if self.dice.one_in(2) {
            steps.push(Step::Key(self.name()));
        }
        steps.push(Step::Method(compare.to_owned(), Some(vec![argument])));
        let node = current(steps);
        if self.version >= Version::V0_3 && self.dice.one_in(2) {
            return Node::Chain(true, vec![node, Node::Literal(json!(false))]);
        }
        node
    }

    fn index(&mut self) -> Node {
        match self.dice.below(8) {
            0 => self.argument(0),
            1 => Node::Literal(json!(self.name())),
            _ => Node::Literal(json!(self.dice.pick(&[0, 1, 2, -1, -2, 5, -7]))),
        }
    }

    fn argument(&mut self, depth: usize) -> Node {
        match self.dice.below(6) {
            0 | 1 => current((0..self.dice.below(3)).map(|_| Step::Key(self.name())).collect()),
            2 if depth > 0 => {
                let step = self.method(depth - 1);
                current(vec![step])
            }
            3 if depth > 0 => self.expression(depth - 1),
            _ => self.literal(),
        }
    }
}

fn current(steps: Vec<Step>) -> Node {
    Node::Path(Box::new(Path { head: Head::Current, steps, group: None }))
}
