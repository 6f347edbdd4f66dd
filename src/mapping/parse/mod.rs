//! Text to syntax tree, under the grammar of a version: `selection` (lists and groups), `path`, `expression` (operators, literals).

mod expression;
mod foreign;
mod path;
mod selection;

use super::{
    ast::{Expr, ExprKind, Group, Selection},
    lex::{Lexer, error},
};

/// Byte range in the mapping text.
pub type Span = std::ops::Range<usize>;

/// How deep groups, literals and arguments nest; beyond any real mapping, and well within a thread's stack.
const NESTING_MAX: usize = 64;

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
    let parsed = if version >= Version::V0_4 { parse_unified(text, version) } else { parse_list(text, version) };
    let root = parsed.map_err(|error| {
        let foreign = || foreign::help(text, error.span.start, &error.message).map(str::to_owned);
        ParseError { help: error.help.clone().or_else(foreign), ..error }
    })?;
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
}
