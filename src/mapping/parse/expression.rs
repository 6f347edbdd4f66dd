//! Expressions: operators, literals with their tails.

use super::{ParseError, Parsed, Parser, Version};
use crate::mapping::{
    Value,
    ast::{Chain, Expr, ExprKind, Group, Head, Selection},
    lex::error,
};

impl Parser<'_> {
    /// Expressions between commas, up to `end` (taken).
    pub(super) fn expressions(&mut self, end: &str) -> Parsed<Vec<Expr>> {
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
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
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
    pub(super) fn primary(&mut self) -> Parsed<Expr> {
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
