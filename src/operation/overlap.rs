//! A bound on what the rule "fields in set can merge" (GraphQL 5.3.2) may cost before it is run.
//!
//! The rule merges fields of one response key and goes on below them, once for each concrete parent type. Where fields
//! are selected on an interface and on its types at once, that doubles at every level: 2^20 sets from 3,000 tokens. So the
//! same walk is made here with a budget. The unit is one node hashed.
//!
//! On the way it finds the one conflict that apollo-compiler 1.33 overlooks: arguments whose lists have different lengths.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::Value,
    executable::{Field, Selection, SelectionSet},
    schema::ExtendedType,
};
use indexmap::IndexMap;

/// Nesting of merged fields at which the rule itself gives up.
const DEPTH_MAX: usize = 128;

/// Walks the merged fields of all operations; gives the places of fields whose lists differ from those of the field that they
/// are merged with. `None`: that takes more than `budget`.
pub(super) fn conflicts(schema: &Schema, document: &ExecutableDocument, budget: usize) -> Option<Vec<usize>> {
    let mut walk = Walk { schema, document, left: budget, weights: HashMap::new(), conflicts: Vec::new() };
    for operation in document.operations.iter() {
        walk.merge(&[&operation.selection_set], 0)?;
    }
    walk.conflicts.sort_unstable();
    walk.conflicts.dedup();
    Some(walk.conflicts)
}

struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    left: usize,
    /// By address of the field, which lives as long as the walk.
    weights: HashMap<*const Field, usize>,
    /// Offsets of fields.
    conflicts: Vec<usize>,
}

impl<'a> Walk<'a> {
    /// `None`: the budget is spent.
    fn merge(&mut self, sets: &[&'a SelectionSet], depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return Some(());
        }
        let mut by_key: IndexMap<&str, Vec<(&'a str, &'a Node<Field>)>> = IndexMap::new();
        let mut queue = sets.to_vec();
        let mut seen = HashSet::new();
        while let Some(set) = queue.pop() {
            for selection in &set.selections {
                match selection {
                    Selection::Field(field) => {
                        let weight = self.weight(field);
                        self.left = self.left.checked_sub(weight)?;
                        by_key.entry(field.response_key()).or_default().push((&set.ty, field));
                    }
                    Selection::InlineFragment(inline) => queue.push(&inline.selection_set),
                    Selection::FragmentSpread(spread) if seen.insert(&spread.fragment_name) => {
                        queue.extend(
                            self.document.fragments.get(&spread.fragment_name).map(|found| &found.selection_set),
                        );
                    }
                    Selection::FragmentSpread(_) => {}
                }
            }
        }
        for fields in by_key.values() {
            for group in self.by_parent(fields)? {
                self.left = self.left.checked_sub(group.len())?;
                self.compare(&group)?;
                let below: Vec<_> =
                    group.iter().map(|field| &field.selection_set).filter(|set| !set.is_empty()).collect();
                if !below.is_empty() {
                    self.merge(&below, depth + 1)?;
                }
            }
        }
        Some(())
    }

    /// Fields of one concrete parent stand together, each group with all fields of abstract parents. `None`: building the
    /// groups alone would pass the budget.
    fn by_parent(&self, fields: &[(&'a str, &'a Node<Field>)]) -> Option<Vec<Vec<&'a Node<Field>>>> {
        let mut concrete: IndexMap<&str, Vec<&'a Node<Field>>> = IndexMap::new();
        let mut everywhere = Vec::new();
        for &(parent, field) in fields {
            if matches!(self.schema.types.get(parent), Some(ExtendedType::Object(_))) {
                concrete.entry(parent).or_default().push(field);
            } else {
                everywhere.push(field);
            }
        }
        if concrete.is_empty() {
            return Some(vec![everywhere]);
        }
        self.left.checked_sub(concrete.len().saturating_mul(everywhere.len()))?;
        let groups = concrete.into_values().map(|mut group| {
            group.extend(&everywhere);
            group
        });
        Some(groups.collect())
    }

    /// Compares the lists in arguments of the first field with those of each other field of the same name.
    fn compare(&mut self, fields: &[&'a Node<Field>]) -> Option<()> {
        let Some((first, rest)) = fields.split_first() else { return Some(()) };
        for field in rest.iter().filter(|field| field.name == first.name && !field.ptr_eq(first)) {
            let mut differ = false;
            for argument in &field.arguments {
                if let Some(value) = first.specified_argument_by_name(&argument.name) {
                    differ |= self.lists_differ(value, &argument.value)?;
                }
            }
            if differ {
                self.conflicts.push(field.location().map_or(0, |span| span.offset()));
            }
        }
        Some(())
    }

    /// Whether lists at the same place have different lengths. Recursion is bounded by the nesting of the text.
    fn lists_differ(&mut self, one: &Value, other: &Value) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        match (one, other) {
            (Value::List(one), Value::List(other)) => {
                let mut differ = one.len() != other.len();
                for (one, other) in one.iter().zip(other) {
                    differ |= self.lists_differ(one, other)?;
                }
                Some(differ)
            }
            (Value::Object(one), Value::Object(other)) => {
                let by_name: HashMap<&Name, &Node<Value>> = one.iter().map(|(name, value)| (name, value)).collect();
                let mut differ = false;
                for (name, other) in other {
                    if let Some(one) = by_name.get(name) {
                        differ |= self.lists_differ(one, other)?;
                    }
                }
                Some(differ)
            }
            _ => Some(false),
        }
    }

    /// Nodes of a field and of all that is written below it, its definition included: what hashing it costs.
    fn weight(&mut self, field: &'a Node<Field>) -> usize {
        let address = std::ptr::from_ref::<Field>(field);
        if let Some(&weight) = self.weights.get(&address) {
            return weight;
        }
        let own = 4 + field.definition.arguments.len() * 3 + field.arguments.len() * 2 + field.directives.len() * 3;
        let weight = own + self.weight_of(&field.selection_set);
        self.weights.insert(address, weight);
        weight
    }

    fn weight_of(&mut self, set: &'a SelectionSet) -> usize {
        let mut weight = 1;
        for selection in &set.selections {
            weight += match selection {
                Selection::Field(field) => self.weight(field),
                Selection::InlineFragment(inline) => 2 + self.weight_of(&inline.selection_set),
                Selection::FragmentSpread(spread) => 2 + spread.directives.len() * 3,
            };
        }
        weight
    }
}
