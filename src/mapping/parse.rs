//! Text to syntax tree, under the grammar of a version.

use super::{
    Value,
    ast::{Chain, Expr, ExprKind, Group, Head, Name, Path, Selection, Step, StepKind},
    lex::{Lexer, error},
};

/// Byte range in the mapping text.
pub type Span = std::ops::Range<usize>;

/// How deep groups, literals and arguments nest; beyond any real mapping, and well within a thread's stack.
const NESTING_MAX: usize = 64;

/// Steps of one path.
const STEPS_MAX: usize = 256;

/// Version of the connect spec, which decides the grammar. v0.1 reads as v0.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is its number")]
pub enum Version {
    V0_1,
    V0_2,
    V0_3,
    V0_4,
}

/// A parsed mapping; what its tree looks like stays in this room.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The text it was parsed from.
    pub text: String,
    /// The version it was parsed under.
    pub version: Version,
    /// The tree: a group over the input, or an expression.
    pub(super) root: Expr,
}

/// Why a text is no mapping.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to type instead.
    pub help: Option<String>,
}

/// Parses a mapping. Errors: the first syntax error.
pub fn parse(text: &str, version: Version) -> Result<Mapping, ParseError> {
    let root = if version >= Version::V0_4 { parse_unified(text, version)? } else { parse_list(text, version)? };
    Ok(Mapping { text: text.to_owned(), version, root })
}

impl Mapping {
    /// Whether the text holds no selection at all (parses, but is refused as a `selection`).
    pub fn is_empty(&self) -> bool {
        matches!(&self.root.kind, ExprKind::Group(group) if group.selections.is_empty())
    }
}

/// Up to v0.3: a list of selections, or one path.
fn parse_list(text: &str, version: Version) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, version);
    let group = parser.selections(None, 0)?;
    parser.finish()?;
    Ok(root_of(group))
}

/// From v0.4: an expression, or else a list of selections; of two errors the one further on is told.
fn parse_unified(text: &str, version: Version) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, version);
    let as_expression = match parser.expression().and_then(|root| parser.finish().map(|()| root)) {
        // Braces around the whole mean nothing.
        Ok(Expr { kind: ExprKind::Object(group), .. }) => return Ok(root_of(group)),
        Ok(Expr { kind: ExprKind::Path(path), .. }) if path.lone_key().is_some() => None,
        Ok(root) => return Ok(root),
        Err(error) => Some(error),
    };
    parse_list(text, version).map_err(|error| match as_expression {
        Some(other) if other.span.start > error.span.start => other,
        _ => error,
    })
}

/// A single path without a name is the whole mapping, and sees the whole input; anything else is a group over it.
fn root_of(mut group: Group) -> Expr {
    let span = group.span.clone();
    if let [Selection::Anonymous(_)] = group.selections.as_slice()
        && let Some(Selection::Anonymous(only)) = group.selections.pop()
    {
        return only;
    }
    Expr { kind: ExprKind::Group(group), span }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    version: Version,
    nesting: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str, version: Version) -> Self {
        Self { lexer: Lexer::new(text), version, nesting: 0 }
    }

    fn unified(&self) -> bool {
        self.version >= Version::V0_4
    }

    fn finish(&mut self) -> Parsed<()> {
        if self.lexer.ended() {
            return Ok(());
        }
        let place = self.lexer.here();
        let found = self.lexer.describe();
        let mut problem = ParseError { message: format!("unexpected {found}"), span: place, help: None };
        if self.lexer.looks_at("??") || self.lexer.looks_at("?!") {
            problem.help = Some("write `$(a ?? b)`: operators stand inside `$( )` before v0.4".to_owned());
        } else if self.lexer.looks_at(".") || self.lexer.looks_at("->") {
            problem.help = Some("nothing follows a group: write `$(path { … })->method`".to_owned());
        } else if self.lexer.looks_at(",") && !self.unified() {
            problem.help = Some("selections are separated by white space before v0.4".to_owned());
        }
        Err(problem)
    }

    /// Runs `inner` one level deeper. Errors: too deep.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == NESTING_MAX {
            return error(format!("nested deeper than {NESTING_MAX} levels"), self.lexer.here());
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Selections up to `end` (taken), or up to the end of the text.
    fn selections(&mut self, end: Option<&str>, start: usize) -> Parsed<Group> {
        let mut selections = Vec::new();
        let mut commas = None;
        loop {
            if self.at_end(end) {
                break;
            }
            if end.is_some() && self.lexer.ended() {
                let help = Some("add the `}` that belongs to it".to_owned());
                return Err(ParseError { message: "this `{` is not closed".to_owned(), span: start..start + 1, help });
            }
            if !selections.is_empty() && self.unified() {
                let place = self.lexer.here();
                let comma = self.lexer.take(",");
                if *commas.get_or_insert(comma) != comma {
                    return error("selections are separated by commas or by white space, not by both", place);
                }
                if comma && self.at_end(end) {
                    break;
                }
            }
            selections.push(self.selection()?);
            // Without a closing brace to wait for, leave what is no selection to `finish`.
            if end.is_none() && !self.starts_selection() {
                break;
            }
        }
        if let Some(mark) = end {
            self.lexer.require(mark)?;
        }
        check_names(&selections)?;
        let sole = matches!(selections.as_slice(), [Selection::Anonymous(value)] if !is_grouped(value));
        Ok(Group { selections, sole, span: start..self.lexer.at })
    }

    fn at_end(&mut self, end: Option<&str>) -> bool {
        match end {
            None => self.lexer.ended(),
            Some(mark) => self.lexer.looks_at(mark),
        }
    }

    fn starts_selection(&mut self) -> bool {
        let unified = self.unified();
        match self.lexer.peek() {
            b'$' | b'@' | b'"' | b'\'' => true,
            b',' => unified,
            b'.' => unified && self.lexer.looks_at("..."),
            byte => super::lex::identifier_start(byte),
        }
    }

    fn group(&mut self) -> Parsed<Group> {
        let start = self.lexer.here().start;
        self.lexer.require("{")?;
        self.nested(|parser| parser.selections(Some("}"), start))
    }

    fn selection(&mut self) -> Parsed<Selection> {
        if self.unified() && self.lexer.take("...") {
            let value = self.primary()?;
            return Ok(Selection::Spread(value));
        }
        if let Some(alias) = self.alias()? {
            if self.lexer.looks_at("{") {
                let group = self.group()?;
                let span = group.span.clone();
                self.nothing_after_group()?;
                return Ok(Selection::Named(alias, Expr { kind: ExprKind::Group(group), span }));
            }
            let value = if self.unified() { self.expression()? } else { self.path()? };
            return Ok(Selection::Named(alias, value));
        }
        let value = self.path()?;
        match &value.kind {
            ExprKind::Path(path) => match path.lone_key() {
                Some(name) => Ok(Selection::Named(name, value)),
                None => Ok(Selection::Anonymous(value)),
            },
            _ => Ok(Selection::Anonymous(value)),
        }
    }

    /// `key:`; nothing is taken when no colon follows the key.
    fn alias(&mut self) -> Parsed<Option<Name>> {
        let before = self.lexer.clone();
        if let Some(name) = self.key()?
            && self.lexer.take(":")
        {
            return Ok(Some(name));
        }
        self.lexer = before;
        Ok(None)
    }

    /// An identifier or a string.
    fn key(&mut self) -> Parsed<Option<Name>> {
        self.lexer.blank();
        let start = self.lexer.at;
        if let Some(name) = self.lexer.identifier() {
            return Ok(Some(Name { text: name.into(), span: start..self.lexer.at }));
        }
        Ok(self.lexer.string()?.map(|text| Name { text: text.into(), span: start..self.lexer.at }))
    }

    /// The text of a key. Errors: none follows.
    fn required_key(&mut self, wanted: &str) -> Parsed<std::sync::Arc<str>> {
        if let Some(name) = self.key()? {
            return Ok(name.text);
        }
        let found = self.lexer.describe();
        error(format!("expected {wanted}, found {found}"), self.lexer.here())
    }

    /// A path, with its group.
    fn path(&mut self) -> Parsed<Expr> {
        let start = self.lexer.here().start;
        let head = match self.lexer.peek() {
            b'@' => {
                self.lexer.at += 1;
                Head::Current
            }
            b'$' => {
                self.lexer.at += 1;
                if let Some(name) = self.lexer.identifier_here() {
                    Head::Variable(name.into())
                } else if self.lexer.take("(") {
                    let inner = self.nested(Self::expression)?;
                    self.lexer.require(")")?;
                    Head::Expr(Box::new(inner))
                } else {
                    self.lexer.at = start + 1;
                    Head::Root
                }
            }
            b'.' => {
                let mut wrong = ParseError {
                    message: "a path does not begin with a dot".to_owned(),
                    span: self.lexer.here(),
                    help: None,
                };
                self.lexer.at += 1;
                if let Ok(Some(name)) = self.key() {
                    wrong.help = Some(format!("write `$.{}`", name.text));
                }
                return Err(wrong);
            }
            _ => Head::Key(self.required_key("a key or a path")?),
        };
        let head_span = start..self.lexer.at;
        let mut end = head_span.end;
        let steps = self.steps(&mut end)?;
        self.path_end(head, head_span, steps, end)
    }

    /// The group after the steps of a path that end at `end`.
    fn path_end(&mut self, head: Head, head_span: Span, steps: Vec<Step>, mut end: usize) -> Parsed<Expr> {
        let start = head_span.start;
        let group = if self.lexer.looks_at("{") {
            let group = self.group()?;
            end = self.lexer.at;
            self.nothing_after_group()?;
            Some(group)
        } else {
            // Blanks belong to what follows.
            self.lexer.at = end;
            None
        };
        let path = Path { head, head_span, steps, group };
        Ok(Expr { kind: ExprKind::Path(Box::new(path)), span: start..end })
    }

    fn nothing_after_group(&mut self) -> Parsed<()> {
        if (self.lexer.looks_at(".") && !self.lexer.looks_at("...")) || self.lexer.looks_at("->") {
            return Err(ParseError {
                message: "nothing may follow a group".to_owned(),
                span: self.lexer.here(),
                help: Some("write `$(path { … })->method`".to_owned()),
            });
        }
        Ok(())
    }

    fn steps(&mut self, end: &mut usize) -> Parsed<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::new();
        loop {
            let start = self.lexer.here().start;
            let kind = if self.lexer.take("->") {
                let Some(name) = self.lexer.identifier() else {
                    let found = self.lexer.describe();
                    return error(format!("expected the name of a method, found {found}"), self.lexer.here());
                };
                *end = self.lexer.at;
                let arguments = if self.lexer.take("(") {
                    Some(self.nested(|parser| parser.expressions(")"))?)
                } else {
                    self.lexer.at = *end;
                    None
                };
                StepKind::Method(name.into(), arguments)
            } else if self.lexer.looks_at("...") && !self.unified() {
                let help = "link `https://specs.apollo.dev/connect/v0.4` to use it; before, write `alias: path` for each field";
                return Err(ParseError {
                    message: "`...` spreads an object from connect v0.4 on, and this file links an earlier version"
                        .to_owned(),
                    span: self.lexer.at..self.lexer.at + 3,
                    help: Some(help.to_owned()),
                });
            } else if self.lexer.looks_at(".") && !self.lexer.looks_at("...") {
                self.lexer.at += 1;
                StepKind::Key(self.required_key("a key after `.`")?)
            } else if self.question(steps.last()) {
                self.lexer.at += 1;
                StepKind::Question
            } else {
                return Ok(steps);
            };
            *end = self.lexer.at;
            if steps.len() == STEPS_MAX {
                return error(format!("a path of more than {STEPS_MAX} steps"), start..*end);
            }
            steps.push(Step { kind, span: start..*end });
        }
    }

    /// Whether a `?` of the path follows, and not an operator.
    fn question(&mut self, last: Option<&Step>) -> bool {
        self.version >= Version::V0_3
            && self.lexer.looks_at("?")
            && !self.lexer.looks_at("??")
            && !self.lexer.looks_at("?!")
            && !matches!(last, Some(Step { kind: StepKind::Question, .. }))
    }

    /// Expressions between commas, up to `end` (taken).
    fn expressions(&mut self, end: &str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.lexer.take(end) {
            items.push(self.expression()?);
            if !self.lexer.take(",") {
                self.lexer.require(end)?;
                break;
            }
        }
        Ok(items)
    }

    /// A chain, or one operand.
    fn expression(&mut self) -> Parsed<Expr> {
        let first = self.primary()?;
        let Some(chain) = self.operator(None)? else { return Ok(first) };
        let start = first.span.start;
        let mut operands = vec![first, self.primary()?];
        while self.operator(Some(chain))?.is_some() {
            operands.push(self.primary()?);
        }
        let end = operands.last().map_or(start, |last| last.span.end);
        Ok(Expr { kind: ExprKind::Chain(chain, operands), span: start..end })
    }

    /// Takes an operator. Errors: another one than before, or a version without operators.
    fn operator(&mut self, before: Option<Chain>) -> Parsed<Option<Chain>> {
        let found = if self.lexer.looks_at("??") {
            Chain::NotNull
        } else if self.lexer.looks_at("?!") {
            Chain::NotMissing
        } else {
            return Ok(None);
        };
        if self.version < Version::V0_3 {
            return error("`??` and `?!` need connect v0.3", self.lexer.here());
        }
        if before.is_some_and(|before| before != found) {
            return Err(ParseError {
                message: "`??` and `?!` do not mix".to_owned(),
                span: self.lexer.here(),
                help: Some("write `$(a ?? b) ?! c`".to_owned()),
            });
        }
        self.lexer.at += 2;
        Ok(Some(found))
    }

    /// A literal with its tail, or a path with its group.
    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.lexer.here().start;
        let Some(literal) = self.literal()? else { return self.path() };
        let end = self.lexer.at;
        let mut tail_end = end;
        let literal = Expr { kind: literal, span: start..end };
        // A group right after a literal is no sub-selection of it, only one after its steps.
        let steps = self.steps(&mut tail_end)?;
        if steps.is_empty() {
            self.lexer.at = end;
            return Ok(literal);
        }
        self.path_end(Head::Expr(Box::new(literal)), start..end, steps, tail_end)
    }

    /// A literal; nothing is taken when none follows.
    fn literal(&mut self) -> Parsed<Option<ExprKind>> {
        let before = self.lexer.clone();
        if let Some(text) = self.lexer.string()? {
            if self.group_makes_key() {
                self.lexer = before;
                return Ok(None);
            }
            return Ok(Some(ExprKind::Literal(Value::String(text))));
        }
        if let Some(number) = self.lexer.number()? {
            return Ok(Some(ExprKind::Literal(Value::Number(number))));
        }
        match self.lexer.peek() {
            b'{' => self.object().map(Some),
            b'[' => {
                self.lexer.at += 1;
                self.nested(|parser| parser.expressions("]")).map(|items| Some(ExprKind::Array(items)))
            }
            b't' | b'f' | b'n' => {
                let value = match self.lexer.identifier() {
                    Some("true") => Value::Bool(true),
                    Some("false") => Value::Bool(false),
                    Some("null") => Value::Null,
                    _ => {
                        self.lexer = before;
                        return Ok(None);
                    }
                };
                if self.group_makes_key() {
                    self.lexer = before;
                    return Ok(None);
                }
                Ok(Some(ExprKind::Literal(value)))
            }
            _ => Ok(None),
        }
    }

    /// From v0.4 a literal with a group right after it is a key again.
    fn group_makes_key(&mut self) -> bool {
        let end = self.lexer.at;
        let group = self.unified() && self.lexer.looks_at("{");
        self.lexer.at = end;
        group
    }

    /// `{ … }` as a literal: pairs up to v0.3, selections from v0.4.
    fn object(&mut self) -> Parsed<ExprKind> {
        if self.unified() {
            return self.group().map(ExprKind::Object);
        }
        let start = self.lexer.at;
        self.lexer.require("{")?;
        self.nested(|parser| {
            let mut selections = Vec::new();
            while !parser.lexer.take("}") {
                let Some(name) = parser.key()? else {
                    let found = parser.lexer.describe();
                    return error(format!("expected a key, found {found}"), parser.lexer.here());
                };
                parser.lexer.require(":")?;
                let value = parser.expression()?;
                selections.push(Selection::Named(name, value));
                if !parser.lexer.take(",") {
                    parser.lexer.require("}")?;
                    break;
                }
            }
            Ok(ExprKind::Object(Group { selections, sole: false, span: start..parser.lexer.at }))
        })
    }
}

/// Whether a value is a path with a group at its end.
fn is_grouped(value: &Expr) -> bool {
    matches!(&value.kind, ExprKind::Path(path) if path.group.is_some())
}

/// In a list of several each selection must yield names.
fn check_names(selections: &[Selection]) -> Parsed<()> {
    if selections.len() < 2 {
        return Ok(());
    }
    for selection in selections {
        let Selection::Anonymous(value) = selection else { continue };
        if !is_grouped(value) {
            return Err(ParseError {
                message: "a path without a name stands among other selections".to_owned(),
                span: value.span.clone(),
                help: Some("give it a name: `name: path`".to_owned()),
            });
        }
    }
    Ok(())
}
