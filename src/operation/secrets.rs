//! Values of a request that nobody should read: what stands under a name that says so.

use apollo_compiler::ast::{self, Definition};
use http::HeaderMap;

use super::{ArgumentValue, Operation, Selection};
use crate::{
    mapping::Value,
    telemetry::{Redact, Secrets},
};

/// Of an operation with its variables, by their number; and of the headers that came with it.
pub fn secrets<'v>(
    redact: &Redact,
    operation: &Operation,
    variable: impl Fn(usize) -> Option<&'v Value>,
    headers: &HeaderMap,
) -> Secrets {
    let mut gathered =
        Gathered { redact, secrets: Secrets::default(), variables: vec![false; operation.variables.len()] };
    gathered.selection(&operation.selection);
    for (at, definition) in operation.variables.iter().enumerate() {
        let is_meant = gathered.variables[at] || redact.is_meant(&definition.name);
        for value in [variable(at), definition.default.as_ref()].into_iter().flatten() {
            gathered.value(value, is_meant);
        }
    }
    gathered.headers(headers);
    gathered.secrets
}

/// Of a value; that which a name says it of.
pub fn gather(redact: &Redact, value: &Value, secrets: &mut Secrets) {
    let mut gathered = Gathered { redact, secrets: std::mem::take(secrets), variables: Vec::new() };
    gathered.value(value, false);
    *secrets = gathered.secrets;
}

struct Gathered<'r> {
    redact: &'r Redact,
    secrets: Secrets,
    /// Those that are given to an argument, or a field of an input, that is meant.
    variables: Vec<bool>,
}

impl Gathered<'_> {
    fn selection(&mut self, selection: &Selection) {
        for selected in selection.variants.iter().flat_map(|variant| &variant.fields) {
            for argument in &selected.arguments {
                self.argument(&argument.value, self.redact.is_meant(&argument.name));
            }
            if let Some(below) = &selected.selection {
                self.selection(below);
            }
        }
    }

    fn argument(&mut self, value: &ArgumentValue, is_meant: bool) {
        match value {
            ArgumentValue::Literal(value) => self.value(value, is_meant),
            ArgumentValue::Variable(id) => self.variables[id.0 as usize] |= is_meant,
            ArgumentValue::List(items) => items.iter().for_each(|item| self.argument(item, is_meant)),
            ArgumentValue::Object(members) => {
                for (name, member) in members {
                    self.argument(member, is_meant || self.redact.is_meant(name));
                }
            }
        }
    }

    fn value(&mut self, value: &Value, is_meant: bool) {
        match value {
            Value::String(text) if is_meant => self.secrets.add(text),
            Value::Number(number) if is_meant => self.secrets.add(number.as_str()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => {}
            Value::Array(items) => items.iter().for_each(|item| self.value(item, is_meant)),
            Value::Object(members) => {
                for (name, member) in members {
                    self.value(member, is_meant || self.redact.is_meant(name));
                }
            }
        }
    }

    /// The whole value, and what it is made of: `Bearer TOKEN`, `name=value; name=value`.
    fn headers(&mut self, headers: &HeaderMap) {
        for (_, value) in headers.iter().filter(|(name, _)| self.redact.is_meant(name.as_str())) {
            let Ok(text) = value.to_str() else { continue };
            self.secrets.add(text);
            for part in text.split([' ', ';', ',']) {
                let part = part.split_once('=').map_or(part, |(_, value)| value).trim_matches('"');
                // Names of schemes and what is quoted by chance: the whole is hidden in any case.
                if part.len() > "Bearer".len() {
                    self.secrets.add(part);
                }
            }
        }
    }
}

/// Of a document that is not valid: its literals.
pub(super) fn of_document(redact: &Redact, document: &ast::Document) -> Secrets {
    let mut secrets = Secrets::default();
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                for variable in &operation.variables {
                    if let Some(default) = &variable.default_value {
                        literal(redact, default, redact.is_meant(&variable.name), &mut secrets);
                    }
                }
                arguments_of(redact, &operation.directives, &mut secrets);
                selections(redact, &operation.selection_set, &mut secrets);
            }
            Definition::FragmentDefinition(fragment) => {
                arguments_of(redact, &fragment.directives, &mut secrets);
                selections(redact, &fragment.selection_set, &mut secrets);
            }
            _ => {}
        }
    }
    secrets
}

fn selections(redact: &Redact, set: &[ast::Selection], secrets: &mut Secrets) {
    for selection in set {
        match selection {
            ast::Selection::Field(field) => {
                arguments(redact, &field.arguments, secrets);
                arguments_of(redact, &field.directives, secrets);
                selections(redact, &field.selection_set, secrets);
            }
            ast::Selection::InlineFragment(fragment) => {
                arguments_of(redact, &fragment.directives, secrets);
                selections(redact, &fragment.selection_set, secrets);
            }
            ast::Selection::FragmentSpread(spread) => arguments_of(redact, &spread.directives, secrets),
        }
    }
}

fn arguments_of(redact: &Redact, directives: &ast::DirectiveList, secrets: &mut Secrets) {
    directives.iter().for_each(|directive| arguments(redact, &directive.arguments, secrets));
}

fn arguments(redact: &Redact, arguments: &[apollo_compiler::Node<ast::Argument>], secrets: &mut Secrets) {
    for argument in arguments {
        literal(redact, &argument.value, redact.is_meant(&argument.name), secrets);
    }
}

fn literal(redact: &Redact, value: &ast::Value, is_meant: bool, secrets: &mut Secrets) {
    match value {
        ast::Value::String(text) if is_meant => secrets.add(text),
        ast::Value::Enum(name) if is_meant => secrets.add(name),
        ast::Value::Int(number) if is_meant => secrets.add(number.as_str()),
        ast::Value::Float(number) if is_meant => secrets.add(number.as_str()),
        ast::Value::List(items) => items.iter().for_each(|item| literal(redact, item, is_meant, secrets)),
        ast::Value::Object(members) => {
            for (name, member) in members {
                literal(redact, member, is_meant || redact.is_meant(name), secrets);
            }
        }
        _ => {}
    }
}
