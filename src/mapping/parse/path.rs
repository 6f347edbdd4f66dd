//! Paths: a head, steps, and perhaps a group.

use std::sync::Arc;

use super::{ParseError, Parsed, Parser, Span, Version};
use crate::mapping::{
    ast::{Expr, ExprKind, Head, Path, Step, StepKind},
    lex::error,
};

/// Steps of one path.
const STEPS_MAX: usize = 256;

impl Parser<'_> {
    /// The text of a key. Errors: none follows.
    fn required_key(&mut self, wanted: &str) -> Parsed<Arc<str>> {
        if let Some(name) = self.key()? {
            return Ok(name.text);
        }
        let found = self.lexer.describe();
        error(format!("expected {wanted}, found {found}"), self.lexer.here())
    }

    /// A path, with its group.
    pub(super) fn path(&mut self) -> Parsed<Expr> {
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
    pub(super) fn path_end(&mut self, head: Head, head_span: Span, steps: Vec<Step>, mut end: usize) -> Parsed<Expr> {
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

    pub(super) fn nothing_after_group(&mut self) -> Parsed<()> {
        if (self.lexer.looks_at(".") && !self.lexer.looks_at("...")) || self.lexer.looks_at("->") {
            return Err(ParseError {
                message: "nothing may follow a group".to_owned(),
                span: self.lexer.here(),
                help: Some("write `$(path { … })->method`".to_owned()),
            });
        }
        Ok(())
    }

    pub(super) fn steps(&mut self, end: &mut usize) -> Parsed<Vec<Step>> {
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
}
