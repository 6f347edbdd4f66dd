//! `CollectFields` (GraphQL 6.3.2) once for all requests: for each possible type of a position, the fields by response key, with
//! the conditions under which they are in the answer.
//!
//! Types are told apart only where they have to be: by the type conditions that apply, by fields that differ in type or
//! arguments, or by connectors of their own.

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{
    Name, Node,
    executable::{self, Field, SelectionSet},
};
use indexmap::IndexMap;

use super::{
    Document, FieldRef, Selected, SelectedArgument, Selection, VariableId, Variant,
    condition::{self, Conjunction, Variables},
    literal,
};
use crate::{
    error::{ErrorCode, Refusal},
    schema::{Graph, TypeId, TypeRef},
};

/// How often a selection may be looked at, for each allowed selection: abstract types multiply them.
const VISITS_PER_SELECTION: usize = 10;
/// Bound fields for each allowed selection.
const FIELDS_PER_SELECTION: usize = 2;
/// Alternatives in the condition of one field.
const ALTERNATIVES_MAX: usize = 64;

/// The selection of an operation. Errors: `LIMIT_EXCEEDED`.
pub(super) fn collect(
    graph: &Graph,
    document: &Document,
    operation: &executable::Operation,
    root: TypeId,
) -> Result<Selection, Refusal> {
    let mut variables = HashMap::new();
    for (index, variable) in (0..).zip(&operation.variables) {
        variables.insert(variable.name.as_str(), VariableId(index));
    }
    let mut binder = Binder {
        graph,
        document,
        variables,
        visits: Budget::new("merged fields", document.selections_max().saturating_mul(VISITS_PER_SELECTION)),
        fields: Budget::new("merged fields", document.selections_max().saturating_mul(FIELDS_PER_SELECTION)),
    };
    binder.selection(root, &[Part { set: &operation.selection_set, when: Conjunction::new() }])
}

struct Binder<'a> {
    graph: &'a Graph,
    document: &'a Document,
    variables: Variables<'a>,
    visits: Budget,
    fields: Budget,
}

/// A selection set and when it applies; several of them are merged.
struct Part<'a> {
    set: &'a SelectionSet,
    when: Conjunction,
}

/// All occurrences of one response key.
struct Entry<'a> {
    first: &'a Node<Field>,
    alternatives: Vec<Conjunction>,
    below: Vec<Part<'a>>,
}

type Entries<'a> = IndexMap<&'a Name, Entry<'a>>;

struct Budget {
    limit: &'static str,
    maximum: usize,
    left: usize,
}

impl Budget {
    fn new(limit: &'static str, maximum: usize) -> Self {
        Self { limit, maximum, left: maximum }
    }

    fn spend(&mut self) -> Result<(), Refusal> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Refusal::limit_exceeded(self.limit, self.maximum, self.maximum.saturating_add(1), None))?;
        Ok(())
    }
}

impl<'a> Binder<'a> {
    fn selection(&mut self, ty: TypeId, parts: &[Part<'a>]) -> Result<Selection, Refusal> {
        let mut variants = Vec::new();
        for types in self.alike_by_condition(ty, parts) {
            let mut entries = Entries::new();
            let mut seen = HashMap::new();
            for part in parts {
                self.walk(types[0], part.set, &part.when, &mut entries, &mut seen)?;
            }
            for types in self.alike_by_fields(&types, &entries) {
                let fields = entries.iter().map(|(key, entry)| self.selected(types[0], key, entry));
                let fields = fields.collect::<Result<_, _>>()?;
                variants.push(Variant { types, fields });
            }
        }
        Ok(Selection { ty, variants })
    }

    /// Possible types in groups to which the same type conditions apply.
    fn alike_by_condition(&mut self, ty: TypeId, parts: &[Part<'a>]) -> Vec<Vec<TypeId>> {
        let possible = &self.graph[ty].possible;
        if let [_] = possible.as_slice() {
            return vec![possible.clone()];
        }
        let mut conditions = IndexMap::new();
        let mut fragments = std::collections::HashSet::new();
        let mut queue: Vec<&SelectionSet> = parts.iter().map(|part| part.set).collect();
        while let Some(set) = queue.pop() {
            if let Some(&condition) = self.graph.by_name.get(set.ty.as_str()) {
                conditions.insert(condition, ());
            }
            for selection in &set.selections {
                match selection {
                    executable::Selection::Field(_) => {}
                    executable::Selection::InlineFragment(inline) => queue.push(&inline.selection_set),
                    executable::Selection::FragmentSpread(spread) => {
                        if let Some(fragment) = self.document.executable().fragments.get(&spread.fragment_name)
                            && fragments.insert(&spread.fragment_name)
                        {
                            queue.push(&fragment.selection_set);
                        }
                    }
                }
            }
        }
        let mut groups: IndexMap<Vec<bool>, Vec<TypeId>> = IndexMap::new();
        for &object in possible {
            let applies = conditions.keys().map(|&condition| self.graph[condition].possible.contains(&object));
            groups.entry(applies.collect()).or_default().push(object);
        }
        groups.into_values().collect()
    }

    /// Types in groups that can share bound fields.
    fn alike_by_fields(&self, types: &[TypeId], entries: &Entries<'a>) -> Vec<Vec<TypeId>> {
        let mut groups: Vec<Vec<TypeId>> = Vec::new();
        for &object in types {
            match groups.iter_mut().find(|group| self.are_alike(group[0], object, entries)) {
                Some(group) => group.push(object),
                None => groups.push(vec![object]),
            }
        }
        groups
    }

    fn are_alike(&self, one: TypeId, other: TypeId, entries: &Entries<'a>) -> bool {
        let (one, other) = (&self.graph[one], &self.graph[other]);
        one.connectors.is_empty()
            && other.connectors.is_empty()
            && entries.values().all(|entry| {
                let name = entry.first.name.as_str();
                match (one.fields.get(name), other.fields.get(name)) {
                    (Some(&one), Some(&other)) => {
                        let (one, other) = (&self.graph[one], &self.graph[other]);
                        one.ty == other.ty
                            && one.arguments == other.arguments
                            && one.access == other.access
                            && one.connectors.is_empty()
                            && other.connectors.is_empty()
                    }
                    (None, None) => true,
                    _ => false,
                }
            })
    }

    /// Gathers the fields of one selection set for an object type. Recursion is bounded by the expanded nesting.
    fn walk(
        &mut self,
        object: TypeId,
        set: &'a SelectionSet,
        when: &Conjunction,
        entries: &mut Entries<'a>,
        seen: &mut HashMap<&'a Name, Vec<Conjunction>>,
    ) -> Result<(), Refusal> {
        let document = self.document;
        for selection in &set.selections {
            self.visits.spend()?;
            let Some(when) = condition::within(when, selection.directives(), &self.variables) else { continue };
            match selection {
                executable::Selection::Field(field) => add(entries, field, when)?,
                executable::Selection::InlineFragment(inline) => {
                    if self.applies(&inline.selection_set, object) {
                        self.walk(object, &inline.selection_set, &when, entries, seen)?;
                    }
                }
                executable::Selection::FragmentSpread(spread) => {
                    let Some(fragment) = document.executable().fragments.get(&spread.fragment_name) else { continue };
                    let before = seen.entry(&spread.fragment_name).or_default();
                    if !self.applies(&fragment.selection_set, object)
                        || before.iter().any(|old| condition::covers(old, &when))
                    {
                        continue;
                    }
                    before.push(when.clone());
                    self.walk(object, &fragment.selection_set, &when, entries, seen)?;
                }
            }
        }
        Ok(())
    }

    fn applies(&self, set: &SelectionSet, object: TypeId) -> bool {
        let condition = self.graph.by_name.get(set.ty.as_str());
        condition.is_some_and(|&condition| condition == object || self.graph[condition].possible.contains(&object))
    }

    fn selected(&mut self, object: TypeId, key: &Name, entry: &Entry<'a>) -> Result<Selected, Refusal> {
        self.fields.spend()?;
        let written = entry.first;
        let location = self.document.lines().at(written.location());
        let (field, ty, definitions) = match written.name.as_str() {
            "__typename" => {
                let string = self.graph.by_name.get("String");
                (FieldRef::Typename, string.map(|&ty| TypeRef::Named { ty, non_null: true }), None)
            }
            "__schema" | "__type" => (FieldRef::Introspection, None, None),
            name => {
                let Some(&id) = self.graph[object].fields.get(name) else {
                    return Err(Refusal::new(ErrorCode::Internal, format!("the graph has no field `{name}` here")));
                };
                let definition = &self.graph[id];
                (FieldRef::Field(id), Some(definition.ty.clone()), Some(&definition.arguments))
            }
        };
        let arguments = written.arguments.iter().map(|argument| {
            let definition = definitions.and_then(|all| all.iter().find(|one| *one.name == *argument.name));
            let ty = definition.map(|definition| &definition.ty);
            SelectedArgument {
                name: argument.name.as_str().into(),
                value: literal::argument(self.graph, &self.variables, &argument.value, ty),
            }
        });
        let arguments = arguments.collect();
        let selection = match (&ty, field) {
            (Some(ty), FieldRef::Field(_)) if !entry.below.is_empty() => {
                Some(self.selection(ty.named(), &entry.below)?)
            }
            _ => None,
        };
        let include = condition::include(entry.alternatives.clone());
        Ok(Selected { key: Arc::from(key.as_str()), field, ty, arguments, include, selection, location })
    }
}

/// Adds an occurrence of a field.
fn add<'a>(entries: &mut Entries<'a>, field: &'a Node<Field>, when: Conjunction) -> Result<(), Refusal> {
    let entry = entries.entry(field.response_key()).or_insert_with(|| Entry {
        first: field,
        alternatives: Vec::new(),
        below: Vec::new(),
    });
    condition::add(&mut entry.alternatives, when.clone());
    if entry.alternatives.len() > ALTERNATIVES_MAX {
        return Err(Refusal::limit_exceeded("conditions of a field", ALTERNATIVES_MAX, entry.alternatives.len(), None));
    }
    if !field.selection_set.is_empty() {
        entry.below.push(Part { set: &field.selection_set, when });
    }
    Ok(())
}
