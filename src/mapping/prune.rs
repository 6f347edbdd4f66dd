//! A mapping cut down to what a layout wants of it (reference 5.8).

use super::{
    Kind, Layout,
    ast::{Expr, ExprKind, Group, Selection},
};

/// Drops the named selections of groups that feed an object of the layout and that its node does not want.
/// Paths without a name, spreads, whole-value expressions and everything under a leaf stay.
pub(super) fn expr(mut expr: Expr, kind: Kind, layout: &Layout) -> Expr {
    match (&mut expr.kind, kind) {
        (ExprKind::Group(inner) | ExprKind::Object(inner), Kind::Object(_)) => group(inner, kind, layout),
        (ExprKind::Path(path), Kind::Object(_)) => {
            if let Some(inner) = &mut path.group {
                group(inner, kind, layout);
            }
        }
        _ => {}
    }
    expr
}

fn group(group: &mut Group, kind: Kind, layout: &Layout) {
    let Kind::Object(node) = kind else { return };
    let Some(node) = layout.nodes.get(node.0 as usize) else { return };
    let selections = std::mem::take(&mut group.selections);
    for selection in selections {
        match selection {
            Selection::Named(name, value) => {
                if let Some(column) = node.columns.iter().find(|column| *column.name == *name.text) {
                    group.selections.push(Selection::Named(name, expr(value, column.kind, layout)));
                }
            }
            Selection::Anonymous(value) => group.selections.push(Selection::Anonymous(expr(value, kind, layout))),
            Selection::Spread(value) => group.selections.push(Selection::Spread(expr(value, kind, layout))),
        }
    }
}
