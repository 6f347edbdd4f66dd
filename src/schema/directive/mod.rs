//! The directives: a file each for what it means and what is refused, and what they share.

pub(super) mod caching;
pub(super) mod connect;
pub(super) mod cost;
pub(super) mod entity;
pub(super) mod http;
pub(super) mod key;
pub(super) mod mapping;
pub(super) mod selection;
pub(super) mod source;

use apollo_compiler::{
    Node,
    ast::{Directive, Value},
};

/// A written argument of a directive; `None` when it is not there or null.
pub(super) fn argument<'a>(directive: &'a Directive, name: &str) -> Option<&'a Node<Value>> {
    directive.specified_argument_by_name(name).filter(|value| !value.is_null())
}

/// A written member of an input object; `None` when it is not there or null.
pub(super) fn member<'a>(object: &'a Node<Value>, name: &str) -> Option<&'a Node<Value>> {
    let members = object.as_object()?;
    let (_, value) = members.iter().find(|(key, _)| key == name)?;
    (!value.is_null()).then_some(value)
}

/// The elements of a list; a value that is no list stands for a list of one (list coercion).
pub(super) fn elements(value: &Node<Value>) -> &[Node<Value>] {
    value.as_list().unwrap_or(std::slice::from_ref(value))
}
