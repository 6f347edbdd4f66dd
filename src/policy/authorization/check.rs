//! Policies over objects, held against the types on which they stand.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexSet;

use super::{finding, policy::Policy};
use crate::{
    error::{Diagnostic, did_you_mean},
    mapping::KeyTree,
    schema::{Graph, Rule, TypeId, TypeKind},
};

/// What is read of `this` where it is not there.
pub(super) fn misplaced(graph: &Graph, policies: &HashMap<Arc<str>, Policy>) -> Vec<Diagnostic> {
    let mut uses: IndexSet<(&str, TypeId)> = IndexSet::new();
    for field in &graph.fields {
        let Some(access) = field.access else { continue };
        let requirement = &graph.access[access];
        // What stands on an interface is looked at in the types that implement it.
        if graph[field.parent].kind == TypeKind::Object {
            uses.extend(requirement.own.iter().flat_map(Rule::policies).map(|name| (&**name, field.parent)));
        }
        let value = field.ty.named();
        if graph[value].possible.is_empty() {
            uses.extend(requirement.of_value.iter().flat_map(Rule::policies).map(|name| (&**name, value)));
        }
    }
    let findings = uses.into_iter().filter_map(|(name, ty)| {
        let policy = policies.get(name).filter(|policy| policy.reads_this())?;
        let (reason, help) = fault(graph, ty, policy.this())?;
        let message = format!("`authorization.policies.{name}` cannot be used for `{}`: {reason}", graph[ty].name);
        let found = finding("INVALID_POLICY", message);
        Some(match help {
            Some(help) => found.help(help),
            None => found,
        })
    });
    findings.collect()
}

/// Why fields cannot be read of an object of a type, and what helps.
fn fault(graph: &Graph, ty: TypeId, tree: &KeyTree) -> Option<(String, Option<String>)> {
    if ty == graph.query || Some(ty) == graph.mutation {
        return Some(("it reads `this`, and a root field belongs to no object".to_owned(), None));
    }
    let name = &graph[ty].name;
    tree.keys.iter().find_map(|(key, below)| {
        let Some(&field) = graph[ty].fields.get(key) else {
            let help = did_you_mean(key, graph[ty].fields.keys().map(|name| &**name));
            return Some((format!("it reads `{key}` of `this`, and `{name}` has no such field"), help));
        };
        let field = &graph[field];
        if field.arguments.iter().any(|argument| argument.ty.is_non_null() && argument.default.is_none()) {
            return Some((format!("it reads `{key}` of `this`, and `{name}.{key}` needs arguments"), None));
        }
        let value = field.ty.named();
        match (graph[value].kind == TypeKind::Object, below.keys.is_empty()) {
            (true, false) => fault(graph, value, below),
            (true, true) => {
                Some((format!("it reads `{key}` of `this`, which is an object; name what is read of that"), None))
            }
            (false, true) if graph[value].possible.is_empty() => None,
            (false, true) => Some((format!("it reads `{key}` of `this`, which can be of several types"), None)),
            (false, false) => Some((format!("it reads something of `{name}.{key}`, which is no object"), None)),
        }
    })
}
