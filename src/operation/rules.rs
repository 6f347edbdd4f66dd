//! Rules of GraphQL that apollo-compiler 1.33 does not check: unique input fields (5.6.3), variables allowed in positions inside
//! of values (5.8.5), and `@oneOf` input objects (September 2025, 3.10.1 and 5.6.5).

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition},
    executable::{Selection, SelectionSet},
    schema::{ExtendedType, InputObjectType},
};

use indexmap::IndexSet;

use super::findings::SHOWN_MAX;

/// What these rules find, with its offset in the text; a few more at most than are shown. Fragments are checked once for each
/// operation that uses them, as variables differ.
pub(super) fn check(schema: &Schema, document: &ExecutableDocument) -> IndexSet<(usize, String)> {
    let mut found = IndexSet::new();
    for operation in document.operations.iter() {
        let mut rules =
            Rules { schema, document, variables: &operation.variables, seen: HashSet::new(), found: &mut found };
        for variable in &operation.variables {
            rules.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                rules.value(default, Some(Position { ty: &variable.ty, default: None, depth: 0 }));
            }
        }
        rules.directives(&operation.directives);
        rules.selections(&operation.selection_set);
    }
    found
}

struct Rules<'a, 'f> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: &'a [Node<VariableDefinition>],
    /// Fragments already checked for this operation.
    seen: HashSet<&'a Name>,
    /// A finding in a fragment is made for each operation, and kept once.
    found: &'f mut IndexSet<(usize, String)>,
}

/// Where a value stands: what is expected there, and how deep inside of an argument.
#[derive(Clone, Copy)]
struct Position<'a> {
    ty: &'a Type,
    default: Option<&'a Value>,
    depth: usize,
}

impl<'a> Rules<'a, '_> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, Some(&field.definition.arguments));
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.seen.insert(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList) {
        for directive in directives {
            let definition = self.schema.directive_definitions.get(&directive.name);
            self.arguments(&directive.arguments, definition.map(|definition| definition.arguments.as_slice()));
        }
    }

    fn arguments(&mut self, arguments: &'a [Node<Argument>], definitions: Option<&'a [Node<InputValueDefinition>]>) {
        for argument in arguments {
            let definition = definitions.and_then(|all| all.iter().find(|definition| definition.name == argument.name));
            self.value(&argument.value, definition.map(|definition| Position::of(definition, 0)));
        }
    }

    /// Recursion is bounded by the nesting of the text.
    fn value(&mut self, value: &'a Node<Value>, position: Option<Position<'a>>) {
        match &**value {
            Value::Variable(name) => {
                if let Some(position) = position {
                    self.variable(value, name, position);
                }
            }
            Value::List(items) => {
                let inner = position.and_then(Position::item);
                for item in items {
                    self.value(item, inner);
                }
            }
            Value::Object(fields) => self.object(value, fields, position),
            Value::Null | Value::Enum(_) | Value::String(_) | Value::Float(_) | Value::Int(_) | Value::Boolean(_) => {}
        }
    }

    fn object(&mut self, value: &'a Node<Value>, fields: &'a [(Name, Node<Value>)], position: Option<Position<'a>>) {
        let mut names = HashSet::new();
        let definition = position.and_then(|position| match self.schema.types.get(position.ty.inner_named_type()) {
            Some(ExtendedType::InputObject(definition)) => Some(definition),
            _ => None,
        });
        if let Some(definition) = definition.filter(|definition| is_one_of(definition)) {
            self.one_of(value, fields, definition);
        }
        for (name, inner) in fields {
            if !names.insert(name) {
                self.report(inner, || format!("the input field `{name}` is given more than once"));
            }
            let field = definition.and_then(|definition| definition.fields.get(name));
            let depth = position.map_or(1, |position| position.depth + 1);
            self.value(inner, field.map(|field| Position::of(field, depth)));
        }
    }

    fn one_of(&mut self, value: &Node<Value>, fields: &'a [(Name, Node<Value>)], definition: &'a InputObjectType) {
        let [(name, inner)] = fields else {
            let (ty, count) = (&definition.name, fields.len());
            self.report(value, || format!("`{ty}` takes exactly one of its fields, {count} are given"));
            return;
        };
        let is_nullable = match &**inner {
            Value::Null => true,
            Value::Variable(name) => self.declared(name).is_some_and(|variable| !variable.ty.is_non_null()),
            _ => false,
        };
        if is_nullable {
            let ty = &definition.name;
            self.report(inner, || format!("the field `{name}` of `{ty}`, which takes exactly one, cannot be null"));
        }
    }

    fn declared(&self, name: &Name) -> Option<&'a Node<VariableDefinition>> {
        self.variables.iter().find(|variable| variable.name == *name)
    }

    fn variable(&mut self, value: &Node<Value>, name: &Name, position: Position<'a>) {
        // An undeclared one is apollo-compiler's finding.
        let Some(variable) = self.declared(name) else { return };
        let has_default = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
        let is_filled = has_default || position.default.is_some();
        let is_allowed = if position.ty.is_non_null() && !variable.ty.is_non_null() {
            is_filled && variable.ty.is_assignable_to(&position.ty.clone().nullable())
        } else {
            variable.ty.is_assignable_to(position.ty)
        };
        // Directly as an argument apollo-compiler judges it too, but takes a default of null for a value.
        let is_ours = position.depth > 0 || variable.default_value.as_ref().is_some_and(|default| default.is_null());
        if !is_allowed && is_ours {
            self.report(value, || {
                format!(
                    "variable `${name}` of type `{}` cannot be used where `{}` is expected",
                    variable.ty, position.ty
                )
            });
        }
    }

    fn report(&mut self, node: &Node<Value>, message: impl FnOnce() -> String) {
        if self.found.len() <= SHOWN_MAX {
            self.found.insert((node.location().map_or(0, |span| span.offset()), message()));
        }
    }
}

impl<'a> Position<'a> {
    fn of(definition: &'a Node<InputValueDefinition>, depth: usize) -> Self {
        Self { ty: &definition.ty, default: definition.default_value.as_deref(), depth }
    }

    /// Where items of a list stand; a custom scalar may take a list and says nothing about its items.
    fn item(self) -> Option<Self> {
        match self.ty {
            Type::List(item) | Type::NonNullList(item) => Some(Self { ty: item, default: None, depth: self.depth + 1 }),
            Type::Named(_) | Type::NonNullNamed(_) => None,
        }
    }
}

/// Whether a value of this type has exactly one field.
pub(super) fn is_one_of(definition: &InputObjectType) -> bool {
    definition.directives.iter().any(|directive| directive.name == "oneOf")
}
