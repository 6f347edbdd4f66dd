//! The syntax tree of a mapping. Private to the room.

use std::sync::Arc;

use super::{Span, Value};

/// A name with its place.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub text: Arc<str>,
    pub span: Span,
}

/// An expression: yields a value or none.
#[derive(Debug, Clone)]
pub(super) struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum ExprKind {
    /// A scalar literal.
    Literal(Value),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{ a: 1 }` as a literal: names are read where the literal stands, no value is entered.
    Object(Group),
    /// `{ a: x }` after an alias: a group over the current value.
    Group(Group),
    /// `a.b->c { d }`
    Path(Box<Path>),
    /// `a ?? b`, `a ?! b`
    Chain(Chain, Vec<Expr>),
}

/// What a chain takes for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    /// `??`: neither missing nor null.
    NotNull,
    /// `?!`: not missing.
    NotMissing,
}

#[derive(Debug, Clone)]
pub(super) struct Path {
    pub head: Head,
    pub head_span: Span,
    pub steps: Vec<Step>,
    /// The sub-selection at the end.
    pub group: Option<Group>,
}

#[derive(Debug, Clone)]
pub(super) enum Head {
    /// `$`
    Root,
    /// `@`
    Current,
    /// `$name`: a variable of the language or one bound by `->as`.
    Variable(Arc<str>),
    /// `key`, read from `$`.
    Key(Arc<str>),
    /// `$(expr)`, or a literal with a tail.
    Expr(Box<Expr>),
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    pub kind: StepKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum StepKind {
    /// `.key`
    Key(Arc<str>),
    /// `->name` or `->name(args)`
    Method(Arc<str>, Option<Vec<Expr>>),
    /// `?`
    Question,
}

/// A list of selections.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub selections: Vec<Selection>,
    /// Whether the only selection is a path without a name and without a group, so that its value is the value of this group.
    pub sole: bool,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum Selection {
    /// Yields a member of that name: a key, or anything after an alias.
    Named(Name, Expr),
    /// No name: members are merged, or the value is the value of the group.
    Anonymous(Expr),
    /// `...value`
    Spread(Expr),
}

impl Path {
    /// The key of a path that is nothing but a key (perhaps with `?` and a group): it names its value.
    pub(super) fn lone_key(&self) -> Option<Name> {
        match &self.head {
            Head::Key(key) if self.steps.iter().all(|step| matches!(step.kind, StepKind::Question)) => {
                Some(Name { text: Arc::clone(key), span: self.head_span.clone() })
            }
            _ => None,
        }
    }
}
