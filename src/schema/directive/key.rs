//! `@key`: field sets as nested names, and trees of them compared.

use std::sync::Arc;

use apollo_compiler::{Node, Schema, ast::Directive, parser::SourceSpan, schema::ExtendedType};

use super::argument;
use crate::{
    error::did_you_mean,
    mapping::KeyTree,
    schema::{document::Document, findings::Findings},
};

/// Nesting of a field set beyond which it is refused.
const DEPTH_MAX: usize = 32;

/// One `@key` of a type.
#[derive(Debug)]
pub(in crate::schema) struct Key {
    pub(in crate::schema) fields: KeyTree,
    pub(in crate::schema) text: String,
    pub(in crate::schema) resolvable: bool,
    pub(in crate::schema) span: Option<SourceSpan>,
}

/// The keys that a type declares. With `findings`, field sets that do not fit the type are reported.
pub(in crate::schema) fn keys_of(document: &Document, ty: &str, mut findings: Option<&mut Findings>) -> Vec<Key> {
    let Some(name) = &document.names.key else { return Vec::new() };
    let Some(extended) = document.schema.types.get(ty) else { return Vec::new() };
    let directives = extended.directives().0.iter().filter(|directive| directive.name == name.as_str());
    directives
        .filter_map(|directive| {
            let key = read(directive)?;
            let problem = match &key.0 {
                Err(problem) => Some(problem.clone()),
                Ok(fields) => unknown(&document.schema, ty, fields)
                    .map(|(ty, name)| format!("the type `{ty}` has no field `{name}`")),
            };
            if let (Some(problem), Some(findings)) = (problem, findings.as_deref_mut()) {
                let span = argument(directive, "fields").and_then(Node::location);
                let names = match document.schema.types.get(ty) {
                    Some(ExtendedType::Object(object)) => {
                        object.fields.keys().map(apollo_compiler::Name::as_str).collect()
                    }
                    _ => Vec::new(),
                };
                let help = did_you_mean(&key.1, names);
                let message = format!("the key of `{ty}` is no field set: {problem}");
                findings.error_with_help("GRAPH_QL_ERROR", message, span, help);
            }
            Some(Key { fields: key.0.ok()?, text: key.1, resolvable: key.2, span: directive.location() })
        })
        .collect()
}

type Read = (Result<KeyTree, String>, String, bool);

fn read(directive: &Directive) -> Option<Read> {
    let text = argument(directive, "fields")?.as_str()?.to_owned();
    let resolvable = argument(directive, "resolvable").and_then(|value| value.to_bool()).unwrap_or(true);
    Some((parse(&text), text, resolvable))
}

/// Parses `a b { c }`.
pub(in crate::schema) fn parse(text: &str) -> Result<KeyTree, String> {
    let mut stack = vec![KeyTree::default()];
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut last: Option<Arc<str>> = None;
    let spaced = text.replace('{', " { ").replace('}', " } ").replace(',', " ");
    for token in spaced.split_whitespace() {
        match token {
            "{" => {
                names.push(last.take().ok_or("a brace follows no name")?);
                stack.push(KeyTree::default());
                if stack.len() > DEPTH_MAX {
                    return Err("it is nested too deeply".to_owned());
                }
            }
            "}" => {
                let inner = stack.pop().unwrap_or_default();
                let name = names.pop().ok_or("a brace is closed that was not opened")?;
                if inner.keys.is_empty() {
                    return Err(format!("nothing is selected below `{name}`"));
                }
                stack.last_mut().ok_or("a brace is closed that was not opened")?.keys.insert(name, inner);
                last = None;
            }
            name => {
                let good = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !name.starts_with(|c: char| c.is_ascii_digit());
                if !good {
                    return Err(format!("`{name}` is no field name"));
                }
                let name: Arc<str> = Arc::from(name);
                stack
                    .last_mut()
                    .ok_or("a brace is closed that was not opened")?
                    .keys
                    .entry(Arc::clone(&name))
                    .or_default();
                last = Some(name);
            }
        }
    }
    if stack.len() != 1 {
        return Err("a brace is not closed".to_owned());
    }
    let tree = stack.pop().unwrap_or_default();
    if tree.keys.is_empty() { Err("it is empty".to_owned()) } else { Ok(tree) }
}

/// The first name of a tree that is no field of its type: the type and the name.
pub(in crate::schema) fn unknown(schema: &Schema, ty: &str, tree: &KeyTree) -> Option<(String, String)> {
    let fields = match schema.types.get(ty) {
        Some(ExtendedType::Object(object)) => &object.fields,
        Some(ExtendedType::Interface(interface)) => &interface.fields,
        _ => return tree.keys.keys().next().map(|name| (ty.to_owned(), name.to_string())),
    };
    tree.keys.iter().find_map(|(name, below)| match fields.get(&**name) {
        None => Some((ty.to_owned(), name.to_string())),
        Some(_) if below.keys.is_empty() => None,
        Some(field) => unknown(schema, field.ty.inner_named_type(), below),
    })
}

/// A composite field of a tree that has nothing selected below it.
pub(in crate::schema) fn bare_composite(schema: &Schema, ty: &str, tree: &KeyTree) -> Option<String> {
    let Some(ExtendedType::Object(object)) = schema.types.get(ty) else { return None };
    tree.keys.iter().find_map(|(name, below)| {
        let ty = object.fields.get(&**name)?.ty.inner_named_type();
        let is_leaf = schema.types.get(ty).is_none_or(ExtendedType::is_leaf);
        if below.keys.is_empty() { (!is_leaf).then(|| name.to_string()) } else { bare_composite(schema, ty, below) }
    })
}

/// Adds the names of one tree to another.
pub(in crate::schema) fn merge(into: &mut KeyTree, from: &KeyTree) {
    for (name, below) in &from.keys {
        merge(into.keys.entry(Arc::clone(name)).or_default(), below);
    }
}

/// Whether two trees hold the same names, in any order.
pub(in crate::schema) fn equal(a: &KeyTree, b: &KeyTree) -> bool {
    a.keys.len() == b.keys.len()
        && a.keys.iter().all(|(name, below)| b.keys.get(name).is_some_and(|other| equal(below, other)))
}

/// A tree as a field set.
pub(in crate::schema) fn text(tree: &KeyTree) -> String {
    let names = tree.keys.iter().map(|(name, below)| {
        if below.keys.is_empty() { name.to_string() } else { format!("{name} {{ {} }}", text(below)) }
    });
    names.collect::<Vec<_>>().join(" ")
}
