//! Lists of selections: what is between braces, or the whole of a mapping.

use super::{ParseError, Parsed, Parser};
use crate::mapping::{
    ast::{Expr, ExprKind, Group, Name, Selection},
    lex::{self, error},
};

impl Parser<'_> {
    /// Selections up to `end` (taken), or up to the end of the text.
    pub(super) fn selections(&mut self, end: Option<&str>, start: usize) -> Parsed<Group> {
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
            byte => lex::identifier_start(byte),
        }
    }

    pub(super) fn group(&mut self) -> Parsed<Group> {
        let start = self.lexer.here().start;
        self.lexer.require("{")?;
        self.nested(|parser| parser.selections(Some("}"), start))
    }

    pub(super) fn selection(&mut self) -> Parsed<Selection> {
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
    pub(super) fn key(&mut self) -> Parsed<Option<Name>> {
        self.lexer.blank();
        let start = self.lexer.at;
        if let Some(name) = self.lexer.identifier() {
            return Ok(Some(Name { text: name.into(), span: start..self.lexer.at }));
        }
        Ok(self.lexer.string()?.map(|text| Name { text: text.into(), span: start..self.lexer.at }))
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
