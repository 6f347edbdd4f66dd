//! Mappings as trees, and their text under each grammar.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::{dice::Dice, mapping::Version};

/// An expression.
#[derive(Debug, Clone)]
pub enum Node {
    /// A scalar.
    Literal(Json),
    /// `[a, b]`
    Array(Vec<Node>),
    /// `{ k: v }` where an expression stands: names are read where it stands.
    Object(Vec<(String, Node)>),
    /// `{ k: v }` after an alias: a group over the current value.
    Group(Vec<Selection>),
    /// A head, steps, and perhaps a group.
    Path(Box<Path>),
    /// `a ?? b` (`true`) or `a ?! b`.
    Chain(bool, Vec<Node>),
}

/// A path.
#[derive(Debug, Clone)]
pub struct Path {
    pub head: Head,
    pub steps: Vec<Step>,
    pub group: Option<Vec<Selection>>,
}

/// Where a path begins.
#[derive(Debug, Clone)]
pub enum Head {
    /// `$`; a path that begins with a key is `$` and that key.
    Root,
    /// `@`
    Current,
    /// `$name`
    Variable(String),
    /// `$(…)`
    Expr(Node),
}

/// One step.
#[derive(Debug, Clone)]
pub enum Step {
    Key(String),
    Question,
    /// `None`: without parentheses.
    Method(String, Option<Vec<Node>>),
}

/// One selection of a group.
#[derive(Debug, Clone)]
pub enum Selection {
    Named(String, Node),
    Anonymous(Node),
    Spread(Node),
}

/// Writes trees as text, with the liberties that a grammar leaves drawn at random.
pub struct Writer<'d> {
    pub version: Version,
    pub dice: &'d mut Dice,
    pub out: String,
}

impl Writer<'_> {
    fn unified(&self) -> bool {
        self.version >= Version::V0_4
    }

    fn blank(&mut self) {
        let blank = self.dice.word(&[" ", " ", " ", "\n", "\t ", " # 'a comment {\n"]);
        self.out.push_str(blank);
    }

    fn quoted(&mut self, text: &str) {
        let quote = *self.dice.pick(&['\'', '"']);
        self.out.push(quote);
        for symbol in text.chars() {
            match symbol {
                '\n' => self.out.push_str("\\n"),
                '\\' => self.out.push_str("\\\\"),
                _ if symbol == quote => {
                    self.out.push('\\');
                    self.out.push(symbol);
                }
                _ => self.out.push(symbol),
            }
        }
        self.out.push(quote);
    }

    fn key(&mut self, key: &str) {
        if is_identifier(key) && !self.dice.one_in(12) { self.out.push_str(key) } else { self.quoted(key) }
    }

    /// A whole mapping.
    pub fn mapping(&mut self, selections: &[Selection]) {
        if self.unified() && self.dice.one_in(4) {
            self.braces(selections);
        } else if let [Selection::Anonymous(node)] = selections
            && self.unified()
            && self.dice.one_in(2)
        {
            self.expression(node);
        } else {
            self.selections(selections);
        }
    }

    fn braces(&mut self, selections: &[Selection]) {
        self.out.push('{');
        self.blank();
        self.selections(selections);
        self.blank();
        self.out.push('}');
    }

    fn selections(&mut self, selections: &[Selection]) {
        let commas = self.unified() && self.dice.one_in(3);
        for (index, selection) in selections.iter().enumerate() {
            if index > 0 {
                if commas {
                    self.out.push(',');
                }
                self.blank();
            }
            match selection {
                Selection::Named(name, node) => self.named(name, node),
                Selection::Anonymous(node) => self.value(node),
                Selection::Spread(node) => {
                    self.out.push_str("...");
                    self.operand(node);
                }
            }
        }
    }

    fn named(&mut self, name: &str, node: &Node) {
        if let Node::Path(path) = node
            && let (Head::Root, [Step::Key(key), rest @ ..]) = (&path.head, path.steps.as_slice())
            && key == name
            && rest.iter().all(|step| matches!(step, Step::Question))
            && is_identifier(name)
            && !self.dice.one_in(3)
        {
            // A key names its value by itself.
            self.out.push_str(name);
            self.steps(rest);
            self.group(path.group.as_deref());
            return;
        }
        self.key(name);
        self.out.push(':');
        self.blank();
        if let Node::Group(selections) = node { self.braces(selections) } else { self.value(node) }
    }

    /// A value where a selection wants one: a path, or from v0.4 any expression.
    fn value(&mut self, node: &Node) {
        match node {
            Node::Path(path) => self.path(path),
            // A brace after an alias would open a group.
            _ if self.unified() && !begins_with_brace(node) => self.expression(node),
            _ => self.wrapped(node),
        }
    }

    fn wrapped(&mut self, node: &Node) {
        self.out.push_str("$(");
        self.expression(node);
        self.out.push(')');
    }

    fn expression(&mut self, node: &Node) {
        let Node::Chain(not_null, operands) = node else { return self.operand(node) };
        for (index, operand) in operands.iter().enumerate() {
            if index > 0 {
                self.out.push_str(if *not_null { " ?? " } else { " ?! " });
            }
            self.operand(operand);
        }
    }

    fn operand(&mut self, node: &Node) {
        match node {
            Node::Literal(literal) => self.literal(literal),
            Node::Array(items) => {
                self.out.push('[');
                self.list(items);
                self.out.push(']');
            }
            Node::Object(members) => {
                self.out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.blank();
                    self.key(key);
                    self.out.push(':');
                    if self.unified() { self.value(value) } else { self.expression(value) }
                }
                self.out.push('}');
            }
            Node::Path(path) => self.path(path),
            Node::Chain(..) => self.wrapped(node),
            Node::Group(selections) => {
                self.out.push('@');
                self.braces(selections);
            }
        }
    }

    fn list(&mut self, items: &[Node]) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.expression(item);
        }
        if !items.is_empty() && self.dice.one_in(8) {
            self.out.push(',');
        }
    }

    fn literal(&mut self, literal: &Json) {
        if let Json::String(text) = literal {
            self.quoted(text);
        } else {
            let _ = write!(self.out, "{literal}");
        }
    }

    fn path(&mut self, path: &Path) {
        match &path.head {
            Head::Root => match path.steps.as_slice() {
                // More than a lone key, so that the key is no name.
                [Step::Key(key), second, ..]
                    if is_identifier(key) && !matches!(second, Step::Question) && self.dice.one_in(2) =>
                {
                    self.out.push_str(key);
                    self.steps(&path.steps[1..]);
                    return self.group(path.group.as_deref());
                }
                _ => self.out.push('$'),
            },
            Head::Current => self.out.push('@'),
            Head::Variable(name) => {
                let _ = write!(self.out, "${name}");
            }
            Head::Expr(node) => self.wrapped(node),
        }
        self.steps(&path.steps);
        self.group(path.group.as_deref());
    }

    fn group(&mut self, group: Option<&[Selection]>) {
        if let Some(selections) = group {
            self.blank();
            self.braces(selections);
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            if self.dice.one_in(24) {
                self.blank();
            }
            match step {
                Step::Key(key) => {
                    self.out.push('.');
                    self.key(key);
                }
                Step::Question => self.out.push('?'),
                Step::Method(name, arguments) => {
                    let _ = write!(self.out, "->{name}");
                    if let Some(arguments) = arguments {
                        self.out.push('(');
                        self.list(arguments);
                        self.out.push(')');
                    }
                }
            }
        }
    }
}

fn begins_with_brace(node: &Node) -> bool {
    match node {
        Node::Object(_) => true,
        Node::Chain(_, operands) => operands.first().is_some_and(begins_with_brace),
        Node::Literal(_) | Node::Array(_) | Node::Group(_) | Node::Path(_) => false,
    }
}

/// A name that needs no quotes and is no keyword.
fn is_identifier(key: &str) -> bool {
    let is_first = |symbol: char| symbol.is_ascii_alphabetic() || symbol == '_';
    key.starts_with(is_first)
        && key.chars().all(|symbol| is_first(symbol) || symbol.is_ascii_digit())
        && !["true", "false", "null"].contains(&key)
}
