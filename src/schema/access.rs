//! `@authenticated`, `@requiresScopes` and `@policy`: what a caller has to be or have for each field.
//!
//! What is required of a field's type is required of the field, and what is required of a type is required of all its fields; both also
//! where the type is an interface that the type implements. All of it has to hold: a field is never easier to have by another way
//! to it. Not here: who has what (`policy`).

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{
    Name, Node,
    ast::{Directive, Value},
    schema::ExtendedType,
};
use indexmap::IndexSet;

use super::{
    FieldId, TypeId,
    document::{AccessNames, Document},
    findings::Findings,
    merge::Renames,
    tables::Tables,
};

/// Index into [`Access::requirements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessId(pub u32);

/// What fields require of callers.
#[derive(Debug, Default)]
pub struct Access {
    /// Every different requirement.
    pub requirements: Vec<Requirement>,
}

/// What a field requires: all of it has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Requirement {
    /// Said of the field or of the type that has it.
    pub own: Vec<Rule>,
    /// Said of the type of its value.
    pub of_value: Vec<Rule>,
}

/// What is required: of the lists, one has to hold whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The caller is known.
    Authenticated,
    /// Scopes.
    Scopes(Vec<Vec<Arc<str>>>),
    /// Policies of the configuration.
    Policies(Vec<Vec<Arc<str>>>),
}

impl Access {
    /// The names of all policies, each once.
    pub fn policies(&self) -> IndexSet<&Arc<str>> {
        self.requirements.iter().flat_map(Requirement::rules).flat_map(Rule::policies).collect()
    }
}

impl std::ops::Index<AccessId> for Access {
    type Output = Requirement;

    fn index(&self, id: AccessId) -> &Requirement {
        &self.requirements[id.0 as usize]
    }
}

impl Requirement {
    /// All of it.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.own.iter().chain(&self.of_value)
    }
}

impl Rule {
    /// The policies that it names.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<str>> {
        let lists = match self {
            Self::Policies(lists) => lists.as_slice(),
            Self::Authenticated | Self::Scopes(_) => &[],
        };
        lists.iter().flatten()
    }
}

/// Reads the directives of all documents and tells each field what it requires.
pub(super) fn read(documents: &[(&Document, &Renames)], tables: &mut Tables, findings: &mut Findings) -> Access {
    let mut written = Written::default();
    for (document, renames) in documents {
        let Some(names) = &document.names.access else { continue };
        for (name, ty) in document.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            let name = renames.get(name).unwrap_or(name);
            let Some(&id) = tables.by_name.get(name.as_str()) else { continue };
            let own = ty.directives().iter().map(|directive| &directive.node);
            rules(own, names, findings, written.types.entry(id).or_default());
            let fields = match ty {
                ExtendedType::Object(object) => &object.fields,
                ExtendedType::Interface(interface) => &interface.fields,
                _ => continue,
            };
            for (name, field) in fields {
                let Some(&id) = tables.types[id.0 as usize].fields.get(name.as_str()) else { continue };
                rules(field.directives.iter(), names, findings, written.fields.entry(id).or_default());
            }
        }
    }
    if written.types.values().all(Vec::is_empty) && written.fields.values().all(Vec::is_empty) {
        return Access::default();
    }
    written.spread(tables, &interfaces(documents, tables))
}

/// What is written, by type and by field.
#[derive(Default)]
struct Written {
    types: HashMap<TypeId, Vec<Rule>>,
    fields: HashMap<FieldId, Vec<Rule>>,
}

impl Written {
    /// Sums up what holds for each field.
    fn spread(&self, tables: &mut Tables, interfaces: &HashMap<TypeId, Vec<TypeId>>) -> Access {
        let none = Vec::new();
        let above = |id: TypeId| std::iter::once(id).chain(interfaces.get(&id).unwrap_or(&none).iter().copied());
        let mut requirements: IndexSet<Requirement> = IndexSet::new();
        for at in 0..tables.fields.len() {
            let (parent, name) = (tables.fields[at].parent, &tables.fields[at].name);
            let mut requirement = Requirement::default();
            let Requirement { own, of_value } = &mut requirement;
            let add = |rules: &mut Vec<Rule>, more: Option<&Vec<Rule>>| {
                for rule in more.into_iter().flatten() {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            };
            for id in above(parent) {
                add(own, self.types.get(&id));
                let field = tables.types[id.0 as usize].fields.get(name);
                add(own, field.and_then(|field| self.fields.get(field)));
            }
            for id in above(tables.fields[at].ty.named()) {
                add(of_value, self.types.get(&id));
            }
            if requirement == Requirement::default() {
                continue;
            }
            let (number, _) = requirements.insert_full(requirement);
            let number = u32::try_from(number).expect("a schema has fewer than four billion elements");
            tables.fields[at].access = Some(AccessId(number));
        }
        Access { requirements: requirements.into_iter().collect() }
    }
}

/// The interfaces of each type, in whatever document it says that it has them.
fn interfaces(documents: &[(&Document, &Renames)], tables: &Tables) -> HashMap<TypeId, Vec<TypeId>> {
    let mut all: HashMap<TypeId, Vec<TypeId>> = HashMap::new();
    for (document, renames) in documents {
        let id = |name: &Name| tables.by_name.get(renames.get(name).unwrap_or(name).as_str()).copied();
        for (name, ty) in &document.schema.types {
            let implemented = match ty {
                ExtendedType::Object(object) => &object.implements_interfaces,
                ExtendedType::Interface(interface) => &interface.implements_interfaces,
                _ => continue,
            };
            let Some(own) = id(name) else { continue };
            let known = all.entry(own).or_default();
            for interface in implemented.iter().filter_map(|interface| id(&interface.name)) {
                if !known.contains(&interface) {
                    known.push(interface);
                }
            }
        }
    }
    all
}

/// Adds what directives require.
fn rules<'d>(
    directives: impl Iterator<Item = &'d Node<Directive>>,
    names: &AccessNames,
    findings: &mut Findings,
    rules: &mut Vec<Rule>,
) {
    for directive in directives {
        let name = directive.name.as_str();
        let rule = if name == names.authenticated {
            Some(Rule::Authenticated)
        } else if name == names.requires_scopes {
            lists(directive, "scopes", findings).map(Rule::Scopes)
        } else if name == names.policy {
            lists(directive, "policies", findings).map(Rule::Policies)
        } else {
            None
        };
        rules.extend(rule);
    }
}

/// `[["a", "b"], ["c"]]`, with the coercion of single values to lists (GraphQL October 2021, 3.11).
fn lists(directive: &Node<Directive>, argument: &str, findings: &mut Findings) -> Option<Vec<Vec<Arc<str>>>> {
    let value = directive.specified_argument_by_name(argument)?;
    let items = |value: &Node<Value>| value.as_list().map_or_else(|| vec![value.clone()], <[_]>::to_vec);
    let mut lists = Vec::new();
    for list in items(value) {
        let mut names: Vec<Arc<str>> = Vec::new();
        for name in items(&list) {
            let Some(text) = name.as_str().filter(|text| !text.trim().is_empty()) else {
                let message = format!("`{argument}` of `@{}` holds something else than texts", directive.name);
                let help = Some(format!("write it as `{argument}: [[\"a\", \"b\"], [\"c\"]]`: (a and b) or c"));
                findings.error_with_help("ACCESS_DIRECTIVE_INVALID", message, name.location(), help);
                return None;
            };
            names.push(text.into());
        }
        lists.push(names);
    }
    if lists.is_empty() || lists.iter().any(Vec::is_empty) {
        // An empty list of lists lets nobody in, an empty list in it everybody.
        let message =
            format!("`{argument}` of `@{}` has an empty list, which would let nobody in, or everybody", directive.name);
        let help = Some(format!("write it as `{argument}: [[\"a\", \"b\"], [\"c\"]]`: (a and b) or c"));
        findings.error_with_help("ACCESS_DIRECTIVE_INVALID", message, directive.location(), help);
        return None;
    }
    Some(lists)
}
