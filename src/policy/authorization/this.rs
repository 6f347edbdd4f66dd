//! What an expression reads of the object that has the field.

use std::{collections::HashMap, sync::Arc};

use cel::{
    IdedExpr,
    common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators},
};

use super::policy::THIS;
use crate::mapping::KeyTree;

/// The fields that are read of `this`, and below them. Errors: the expression reads the object as a whole.
pub(super) fn fields(expression: &IdedExpr) -> Result<KeyTree, String> {
    let mut reader = Reader { tree: KeyTree::default(), items: HashMap::new(), reads_whole: false };
    reader.read(&expression.expr);
    if reader.reads_whole {
        return Err("it uses `this` as a whole; name the fields that it reads, as in `this.ownerId`".to_owned());
    }
    Ok(reader.tree)
}

/// The names that the expression itself gives to things: `x` of `list.exists(x, …)`.
pub(super) fn bound(expression: &IdedExpr) -> Vec<&str> {
    let mut names = Vec::new();
    let mut queue = vec![&expression.expr];
    while let Some(expression) = queue.pop() {
        if let Expr::Comprehension(of) = expression {
            names.push(of.iter_var.as_str());
            names.extend(of.iter_var2.as_deref());
            names.push(of.accu_var.as_str());
        }
        queue.extend(parts(expression));
    }
    names
}

/// The expressions directly inside of one.
fn parts(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => {
            call.target.iter().map(|target| &target.expr).chain(call.args.iter().map(|one| &one.expr)).collect()
        }
        Expr::Comprehension(of) => {
            [&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result].map(|one| &one.expr).into()
        }
        Expr::List(list) => list.elements.iter().map(|one| &one.expr).collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand.expr],
        Expr::Struct(of) => of.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&Expr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value.expr],
        EntryExpr::MapEntry(entry) => vec![&entry.key.expr, &entry.value.expr],
    }
}

struct Reader<'e> {
    tree: KeyTree,
    /// Where the items come from that names of the expression stand for.
    items: HashMap<&'e str, Vec<&'e str>>,
    reads_whole: bool,
}

impl<'e> Reader<'e> {
    fn read(&mut self, expression: &'e Expr) {
        if let Some((path, rest)) = self.path(expression) {
            self.note(&path);
            for rest in rest {
                self.read(rest);
            }
        } else if let Expr::Comprehension(of) = expression {
            self.comprehension(of);
        } else {
            for part in parts(expression) {
                self.read(part);
            }
        }
    }

    fn note(&mut self, path: &[&str]) {
        self.reads_whole |= path.is_empty();
        let mut tree = &mut self.tree;
        for name in path {
            tree = tree.keys.entry(Arc::from(*name)).or_default();
        }
    }

    /// `list.exists(x, …)` and the like: what is read of `x` is read of the items of the list.
    fn comprehension(&mut self, of: &'e ComprehensionExpr) {
        self.read(&of.iter_range.expr);
        let outer = match self.path(&of.iter_range.expr) {
            Some((path, _)) => self.items.insert(&of.iter_var, path),
            None => self.items.remove(of.iter_var.as_str()),
        };
        for part in [&of.accu_init, &of.loop_cond, &of.loop_step, &of.result] {
            self.read(&part.expr);
        }
        match outer {
            Some(outer) => self.items.insert(&of.iter_var, outer),
            None => self.items.remove(of.iter_var.as_str()),
        };
    }

    /// The way from the object to a value, if that is what an expression is, and what else it reads on the way.
    fn path(&self, expression: &'e Expr) -> Option<(Vec<&'e str>, Vec<&'e Expr>)> {
        match expression {
            Expr::Ident(name) if name == THIS => Some((Vec::new(), Vec::new())),
            Expr::Ident(name) => Some((self.items.get(name.as_str())?.clone(), Vec::new())),
            Expr::Select(select) => {
                let (mut path, rest) = self.path(&select.operand.expr)?;
                path.push(&select.field);
                Some((path, rest))
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [of, index] = call.args.as_slice() else { return None };
                let (mut path, mut rest) = self.path(&of.expr)?;
                match &index.expr {
                    Expr::Literal(LiteralValue::String(name)) => path.push(name.inner()),
                    // An item of a list, unless it is the object itself of which any field could be meant.
                    index if !path.is_empty() => rest.push(index),
                    _ => return None,
                }
                Some((path, rest))
            }
            _ => None,
        }
    }
}
