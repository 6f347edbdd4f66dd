//! A mapping without the named selections that nobody asks for (reference 5.8).

use crate::{
    language::{Node, Path, Selection},
    mapping::{Kind, Layout},
};

/// The selections of a group that feeds a value of that kind.
pub fn selections(all: &[Selection], kind: Kind, layout: &Layout) -> Vec<Selection> {
    let Kind::Object(node) = kind else { return all.to_vec() };
    let columns = &layout.nodes[node.0 as usize].columns;
    let wanted = |selection: &Selection| match selection {
        Selection::Named(name, value) => {
            let column = columns.iter().find(|column| *column.name == **name)?;
            Some(Selection::Named(name.clone(), self::node(value, column.kind, layout)))
        }
        Selection::Anonymous(value) => Some(Selection::Anonymous(node_of(value, kind, layout))),
        Selection::Spread(value) => Some(Selection::Spread(node_of(value, kind, layout))),
    };
    all.iter().filter_map(wanted).collect()
}

fn node_of(of: &Node, kind: Kind, layout: &Layout) -> Node {
    node(of, kind, layout)
}

/// Only groups are cut; objects that are literals are values of their own.
fn node(of: &Node, kind: Kind, layout: &Layout) -> Node {
    match of {
        Node::Group(inner) => Node::Group(selections(inner, kind, layout)),
        Node::Path(path) => {
            let group = path.group.as_deref().map(|inner| selections(inner, kind, layout));
            Node::Path(Box::new(Path { group, ..(**path).clone() }))
        }
        Node::Literal(_) | Node::Array(_) | Node::Object(_) | Node::Chain(..) => of.clone(),
    }
}
