//! `@skip` and `@include` as conditions: conjunctions of variables, joined to a disjunction where a field is selected twice.

use std::collections::HashMap;

use apollo_compiler::ast::{DirectiveList, Value};

use super::{Clause, Include, VariableId};

/// All of its clauses must hold; sorted, without repetition. Empty: always.
pub(super) type Conjunction = Vec<Clause>;

/// Variables of the operation by name.
pub(super) type Variables<'a> = HashMap<&'a str, VariableId>;

/// `outer` and what the directives of a selection add to it. `None`: never.
pub(super) fn within(
    outer: &Conjunction,
    directives: &DirectiveList,
    variables: &Variables<'_>,
) -> Option<Conjunction> {
    let mut conjunction = outer.clone();
    for directive in directives {
        let wanted = match directive.name.as_str() {
            "include" => true,
            "skip" => false,
            _ => continue,
        };
        match directive.specified_argument_by_name("if").map(|value| &**value) {
            Some(Value::Boolean(value)) if *value == wanted => {}
            Some(Value::Variable(name)) => {
                let clause = Clause { variable: *variables.get(name.as_str())?, wanted };
                if let Err(place) = conjunction.binary_search(&clause) {
                    conjunction.insert(place, clause);
                }
                if conjunction.binary_search(&Clause { wanted: !wanted, ..clause }).is_ok() {
                    return None;
                }
            }
            // The opposite literal; validation has excluded everything else.
            _ => return None,
        }
    }
    Some(conjunction)
}

/// Whether `general` holds wherever `special` does.
pub(super) fn covers(general: &Conjunction, special: &Conjunction) -> bool {
    general.len() <= special.len() && general.iter().all(|clause| special.binary_search(clause).is_ok())
}

/// Adds an alternative, keeping only those that no other covers.
pub(super) fn add(alternatives: &mut Vec<Conjunction>, new: Conjunction) {
    if alternatives.iter().any(|old| covers(old, &new)) {
        return;
    }
    alternatives.retain(|old| !covers(&new, old));
    alternatives.push(new);
}

/// The alternatives as one condition. There is at least one.
pub(super) fn include(mut alternatives: Vec<Conjunction>) -> Include {
    if alternatives.iter().any(Vec::is_empty) {
        return Include::Always;
    }
    alternatives.sort();
    Include::AnyOf(alternatives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> Clause {
        let wanted = !text.starts_with('!');
        let name = text.trim_start_matches('!').as_bytes()[0];
        Clause { variable: VariableId(u32::from(name - b'a')), wanted }
    }

    fn conjunction(text: &str) -> Conjunction {
        let mut clauses: Vec<_> = text.split_whitespace().map(clause).collect();
        clauses.sort();
        clauses
    }

    #[track_caller]
    fn check(added: &[&str], expected: &[&str]) {
        let mut alternatives = Vec::new();
        for text in added {
            add(&mut alternatives, conjunction(text));
        }
        let expected: Vec<_> = expected.iter().map(|text| conjunction(text)).collect();
        let expected = if expected.iter().any(Vec::is_empty) { Include::Always } else { Include::AnyOf(expected) };
        assert_eq!(include(alternatives), expected);
    }

    #[test]
    fn alternatives_keep_only_what_no_other_covers() {
        check(&["a b", "a"], &["a"]);
        check(&["a", "a b"], &["a"]);
        check(&["b", "a"], &["a", "b"]);
        check(&["a", "a"], &["a"]);
        check(&["a b", "a !b"], &["a !b", "a b"]);
        check(&["a b", ""], &[""]);
    }
}
