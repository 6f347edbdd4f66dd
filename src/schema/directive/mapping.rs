//! Mapping texts in arguments: which variables they may use, and what has to come out (reference, sections 4 and 5.11).

use std::{ops::Range, sync::Arc};

use apollo_compiler::{
    Node, Schema,
    ast::{InputValueDefinition, Type, Value},
    schema::ExtendedType,
};

use crate::{
    error::Diagnostic,
    mapping::{Fields, KeyTree, Mapping, Shape, ShapeKind, Span, Variable, Version, parse, suggest_method},
    schema::{Compatibility, document::known_names, findings::Findings, literal::Literal},
};

/// A parsed mapping and where it is written.
#[derive(Debug, Clone)]
pub(in crate::schema) struct Text {
    pub(in crate::schema) mapping: Arc<Mapping>,
    pub(in crate::schema) literal: Literal,
    /// Where the mapping begins in the literal's value: 0 but for expressions of templates.
    pub(in crate::schema) offset: usize,
}

impl Text {
    /// The part of the literal that a part of the mapping is.
    pub(in crate::schema) fn place(&self, span: &Span) -> Range<usize> {
        span.start + self.offset..span.end + self.offset
    }

    /// An error at a part of the mapping.
    pub(in crate::schema) fn error(
        &self,
        code: &'static str,
        message: impl Into<String>,
        span: &Span,
        findings: &Findings,
    ) -> Diagnostic {
        Diagnostic::error(code, message, self.literal.label(self.place(span), findings, ""))
    }
}

/// What a mapping may use where it stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::schema) struct Scope<'a> {
    /// The document's schema.
    pub(in crate::schema) schema: &'a Schema,
    /// The version its mappings are written in.
    pub(in crate::schema) version: Version,
    /// Arguments behind `$args`; `None`: not available.
    pub(in crate::schema) args: Option<&'a [Node<InputValueDefinition>]>,
    /// The object type behind `$this`; `None`: not available.
    pub(in crate::schema) this: Option<&'a str>,
    /// The object type behind an element of `$batch`; `None`: not available.
    pub(in crate::schema) batch: Option<&'a str>,
    /// What else there is.
    pub(in crate::schema) phase: Phase,
    /// Whose diagnostics: the original has none for methods that do not exist.
    pub(in crate::schema) compatibility: Compatibility,
}

/// When a mapping runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schema) enum Phase {
    /// `baseURL`: only `$config` and `$env`.
    Base,
    /// The request is being built.
    Request,
    /// The response is there.
    Response,
}

/// What has to come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schema) enum Expected {
    Any,
    Scalar,
    Text,
    Boolean,
    Object,
    ScalarList,
}

/// The code of a place, and those for unknown names behind `$args` and `$this` in it.
#[derive(Debug, Clone, Copy)]
pub(in crate::schema) struct Codes {
    pub(in crate::schema) place: &'static str,
    pub(in crate::schema) argument: &'static str,
    pub(in crate::schema) field: &'static str,
}

impl Codes {
    /// One code for all.
    pub(in crate::schema) const fn one(place: &'static str) -> Self {
        Self { place, argument: place, field: place }
    }
}

/// Parses and checks the mapping in a string value. `None` when it does not parse; the findings say why.
pub(in crate::schema) fn read(
    value: &Node<Value>,
    scope: &Scope<'_>,
    codes: Codes,
    expected: Expected,
    findings: &mut Findings,
) -> Option<Text> {
    let literal = Literal::required(value, codes.place, findings)?;
    let mapping = match parse(&literal.text, scope.version) {
        Ok(mapping) => mapping,
        Err(error) => {
            let label = literal.label(error.span.clone(), findings, "");
            findings.push(Diagnostic { help: error.help, ..Diagnostic::error(codes.place, error.message, label) });
            return None;
        }
    };
    let text = Text { mapping: Arc::new(mapping), literal, offset: 0 };
    check(&text, scope, codes, expected, findings);
    Some(text)
}

/// Checks a parsed mapping.
pub(in crate::schema) fn check(
    text: &Text,
    scope: &Scope<'_>,
    codes: Codes,
    expected: Expected,
    findings: &mut Findings,
) {
    let before = findings.error_count();
    check_uses(text, scope, codes, findings);
    if scope.compatibility == Compatibility::Default {
        for (name, span) in text.mapping.unknown_methods() {
            let label = text.literal.label(text.place(&span), findings, "gives no value");
            let finding = Diagnostic::warning("UNKNOWN_METHOD", format!("there is no method `->{name}`"), label);
            let help = suggest_method(&name).map(|method| format!("did you mean `->{method}`?"));
            findings.push(Diagnostic { help, ..finding });
        }
    }
    if scope.phase != Phase::Response {
        for span in text.mapping.reads_input() {
            let name = text.mapping.text.get(span.clone()).unwrap_or_default();
            let message = format!("`{}` reads the response, which is not there yet", name.trim());
            let help = scope.meant(name.trim());
            let finding = text.error(codes.place, message, &span, findings);
            findings.push(Diagnostic { help, ..finding });
        }
    }
    if findings.error_count() == before {
        let shape = text.mapping.shape(&|variable| scope.shape(variable, &text.mapping));
        if let Some((message, span)) = misfit(&shape, expected) {
            let whole = 0..text.mapping.text.len();
            let finding = text.error(codes.place, message, &span.unwrap_or(whole), findings);
            findings.push(finding);
        }
    }
}

fn check_uses(text: &Text, scope: &Scope<'_>, codes: Codes, findings: &mut Findings) {
    for used in text.mapping.uses() {
        let allowed = scope.variables();
        let Some(variable) = used.variable.filter(|variable| allowed.iter().any(|(known, _)| known == variable)) else {
            let what = if used.variable.is_some() { "is not available here" } else { "is no variable" };
            let finding = text.error(codes.place, format!("`${}` {what}", used.name), &used.span, findings);
            let meant = match used.variable {
                None => scope.meant(&used.name),
                Some(_) => used.path.first().and_then(|(name, _)| scope.meant(name)),
            };
            let help = meant.or_else(|| known_names(&format!("${}", used.name), allowed.iter().map(|(_, name)| *name)));
            findings.push(Diagnostic { help, ..finding });
            continue;
        };
        let wrong = match variable {
            Variable::Args => scope.args.and_then(|args| wrong_argument(scope.schema, args, &used.path)),
            Variable::This => scope.this.and_then(|ty| wrong_field(scope.schema, ty, &used.path)),
            Variable::Batch => scope.batch.and_then(|ty| wrong_field(scope.schema, ty, &used.path)),
            Variable::Request | Variable::Response => match used.path.first() {
                Some((name, span)) if &**name != "headers" => Some(Wrong {
                    message: format!("`${}` has no `{name}`", used.name),
                    span: span.clone(),
                    help: Some("did you mean `headers`?".to_owned()),
                    is_abstract: false,
                }),
                _ => None,
            },
            _ => None,
        };
        if let Some(wrong) = wrong {
            let code = match variable {
                _ if wrong.is_abstract => "UNSUPPORTED_VARIABLE_TYPE",
                Variable::Args => codes.argument,
                _ => codes.field,
            };
            let finding = text.error(code, wrong.message, &without_dot(&text.mapping.text, wrong.span), findings);
            findings.push(Diagnostic { help: wrong.help, ..finding });
        }
    }
}

/// The name alone of a step `.name`.
fn without_dot(text: &str, span: Span) -> Span {
    let step = text.get(span.clone()).unwrap_or_default();
    let name = step.trim_start_matches(|c: char| c == '.' || c.is_whitespace());
    span.end - name.len()..span.end
}

/// A name behind a variable that is not there.
struct Wrong {
    message: String,
    span: Span,
    help: Option<String>,
    is_abstract: bool,
}

type Path = [(Arc<str>, Span)];

/// The first name of a path behind `$args` that does not exist.
fn wrong_argument(schema: &Schema, args: &[Node<InputValueDefinition>], path: &Path) -> Option<Wrong> {
    let ((name, span), rest) = path.split_first()?;
    let Some(argument) = args.iter().find(|argument| argument.name == **name) else {
        return Some(Wrong {
            message: format!("there is no argument `{name}`"),
            span: span.clone(),
            help: known_names(name, args.iter().map(|argument| argument.name.as_str())),
            is_abstract: false,
        });
    };
    let mut ty = argument.ty.inner_named_type().as_str();
    for (name, span) in rest {
        let Some(ExtendedType::InputObject(object)) = schema.types.get(ty) else {
            return no_members(schema, ty, name, span);
        };
        let Some(field) = object.fields.get(&**name) else {
            return Some(Wrong {
                message: format!("the input type `{ty}` has no field `{name}`"),
                span: span.clone(),
                help: known_names(name, object.fields.keys().map(apollo_compiler::Name::as_str)),
                is_abstract: false,
            });
        };
        ty = field.ty.inner_named_type().as_str();
    }
    None
}

/// The first name of a path behind `$this` or `$batch` that does not exist.
fn wrong_field(schema: &Schema, ty: &str, path: &Path) -> Option<Wrong> {
    let mut ty = ty;
    for (name, span) in path {
        if &**name == "__typename" {
            return None;
        }
        let object = match schema.types.get(ty) {
            Some(ExtendedType::Object(object)) => object,
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                return Some(Wrong {
                    message: format!("`{ty}` is abstract and cannot be part of a variable's path"),
                    span: span.clone(),
                    help: None,
                    is_abstract: true,
                });
            }
            _ => return no_members(schema, ty, name, span),
        };
        let Some(field) = object.fields.get(&**name) else {
            return Some(Wrong {
                message: format!("the type `{ty}` has no field `{name}`"),
                span: span.clone(),
                help: known_names(name, object.fields.keys().map(apollo_compiler::Name::as_str)),
                is_abstract: false,
            });
        };
        ty = field.ty.inner_named_type().as_str();
    }
    None
}

/// A name below a type without fields; below a custom scalar there may be anything.
fn no_members(schema: &Schema, ty: &str, name: &str, span: &Span) -> Option<Wrong> {
    let is_custom = matches!(schema.types.get(ty), Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in());
    (!is_custom).then(|| Wrong {
        message: format!("`{ty}` has no fields, so there is no `{name}`"),
        span: span.clone(),
        help: None,
        is_abstract: false,
    })
}

impl Scope<'_> {
    /// The variables that may be used.
    fn variables(&self) -> Vec<(Variable, &'static str)> {
        let mut known = vec![(Variable::Config, "$config"), (Variable::Env, "$env")];
        if self.phase != Phase::Base {
            known.extend([(Variable::Context, "$context"), (Variable::Request, "$request")]);
        }
        if self.phase == Phase::Response {
            known.extend([(Variable::Response, "$response"), (Variable::Status, "$status")]);
        }
        known.extend(self.args.map(|_| (Variable::Args, "$args")));
        known.extend(self.this.map(|_| (Variable::This, "$this")));
        known.extend(self.batch.map(|_| (Variable::Batch, "$batch")));
        known
    }

    /// What was probably meant by a bare name, or one behind another variable: an argument, a field of the object, or a variable.
    fn meant(&self, name: &str) -> Option<String> {
        let is_argument = self.args.is_some_and(|args| args.iter().any(|arg| arg.name == name));
        let is_field = |ty: &str| match self.schema.types.get(ty) {
            Some(ExtendedType::Object(object)) => object.fields.contains_key(name),
            _ => false,
        };
        let variables = self.variables();
        let is_variable = || variables.iter().any(|(_, known)| known[1..] == *name);
        if is_argument {
            Some(format!("did you mean `$args.{name}`?"))
        } else if self.this.is_some_and(is_field) {
            Some(format!("did you mean `$this.{name}`?"))
        } else {
            is_variable().then(|| format!("did you mean `${name}`?"))
        }
    }

    /// The static type of a variable, as far as the mapping looks into it.
    pub(in crate::schema) fn shape(&self, variable: Variable, mapping: &Mapping) -> Shape {
        let needs = mapping.needs(variable).unwrap_or_default();
        let kind = match variable {
            Variable::Args => match self.args {
                Some(args) => {
                    ShapeKind::Object(self.input_members(args.iter().map(|arg| (arg.name.as_str(), &*arg.ty)), &needs))
                }
                None => ShapeKind::Unknown,
            },
            Variable::This => self.this.map_or(ShapeKind::Unknown, |ty| self.output(ty, &needs)),
            Variable::Batch => match self.batch {
                Some(ty) => ShapeKind::List(Box::new(shape(self.output(ty, &needs)))),
                None => ShapeKind::Unknown,
            },
            Variable::Status => ShapeKind::Int,
            _ => ShapeKind::Unknown,
        };
        shape(kind)
    }

    fn input_members<'t>(&self, members: impl Iterator<Item = (&'t str, &'t Type)>, needs: &KeyTree) -> Fields {
        let mut fields = Fields::new();
        for (name, ty) in members {
            let below = needs.keys.get(name);
            if below.is_some() || needs.keys.is_empty() {
                let empty = KeyTree::default();
                fields.insert(Arc::from(name), (0..0, self.wrapped(ty, below.unwrap_or(&empty))));
            }
        }
        fields
    }

    /// An object type's shape: the fields looked at, and the leaves when none is.
    fn output(&self, ty: &str, needs: &KeyTree) -> ShapeKind {
        let Some(ExtendedType::Object(object)) = self.schema.types.get(ty) else { return ShapeKind::Unknown };
        let fields = object.fields.iter().map(|(name, field)| (name.as_str(), &field.ty));
        let mut known = self.input_members(fields, needs);
        known.insert(Arc::from("__typename"), (0..0, shape(ShapeKind::String(None))));
        ShapeKind::Object(known)
    }

    fn wrapped(&self, ty: &Type, needs: &KeyTree) -> Shape {
        let kind = match ty {
            Type::List(item) | Type::NonNullList(item) => ShapeKind::List(Box::new(self.wrapped(item, needs))),
            Type::Named(name) | Type::NonNullNamed(name) => match self.schema.types.get(name) {
                Some(ExtendedType::Enum(_)) => ShapeKind::String(None),
                Some(ExtendedType::Scalar(_)) => match name.as_str() {
                    "Int" => ShapeKind::Int,
                    "Float" => ShapeKind::Float,
                    "Boolean" => ShapeKind::Bool(None),
                    "String" | "ID" => ShapeKind::String(None),
                    _ => ShapeKind::Unknown,
                },
                // A recursive type is followed only as far as the mapping goes.
                Some(ExtendedType::InputObject(object)) if !needs.keys.is_empty() => {
                    let fields = object.fields.iter().map(|(name, field)| (name.as_str(), &*field.ty));
                    ShapeKind::Object(self.input_members(fields, needs))
                }
                Some(ExtendedType::Object(_)) if !needs.keys.is_empty() => self.output(name, needs),
                Some(ExtendedType::InputObject(_) | ExtendedType::Object(_)) => ShapeKind::Object(Fields::new()),
                _ => ShapeKind::Unknown,
            },
        };
        if ty.is_non_null() || matches!(kind, ShapeKind::Unknown) {
            return shape(kind);
        }
        shape(ShapeKind::OneOf(vec![shape(kind), shape(ShapeKind::Null), shape(ShapeKind::Missing)]))
    }
}

fn shape(kind: ShapeKind) -> Shape {
    Shape { kind, span: None }
}

/// Why a shape cannot be what is expected, and which part of the text that is.
fn misfit(shape: &Shape, expected: Expected) -> Option<(String, Option<Span>)> {
    use ShapeKind as K;
    if let K::OneOf(alternatives) = &shape.kind {
        return alternatives
            .iter()
            .find_map(|alternative| misfit(alternative, expected))
            .map(|(text, span)| (text, span.or_else(|| shape.span.clone())));
    }
    let found = describe(&shape.kind);
    let wrong = match expected {
        Expected::Any => false,
        Expected::Scalar => matches!(shape.kind, K::List(_) | K::Array(_) | K::Object(_) | K::Group(..)),
        Expected::Text => !matches!(shape.kind, K::Unknown | K::String(_)),
        Expected::Boolean => !matches!(shape.kind, K::Unknown | K::Bool(_)),
        Expected::Object => !matches!(shape.kind, K::Unknown | K::Object(_) | K::Group(..) | K::Missing),
        Expected::ScalarList => {
            let bad = match &shape.kind {
                K::Unknown | K::Missing => return None,
                K::Array(elements) => elements.iter().find(|element| !is_known_scalar(element)),
                K::List(item) if is_known_scalar(item) || matches!(item.kind, K::Unknown) => None,
                _ => Some(shape),
            };
            let bad = bad?;
            let message = if std::ptr::eq(bad, shape) {
                format!("a list of scalars is needed here, this is {found}")
            } else {
                format!("an element of `path` has to be a scalar that is not null, this is {}", describe(&bad.kind))
            };
            return Some((message, bad.span.clone().or_else(|| shape.span.clone())));
        }
    };
    let wanted = match expected {
        Expected::Any => "anything",
        Expected::Scalar => "a scalar",
        Expected::Text => "a string",
        Expected::Boolean => "a boolean",
        Expected::Object => "an object",
        Expected::ScalarList => "a list of scalars",
    };
    wrong.then(|| (format!("{wanted} is needed here, this is {found}"), shape.span.clone()))
}

fn is_known_scalar(shape: &Shape) -> bool {
    match &shape.kind {
        ShapeKind::Bool(_) | ShapeKind::Int | ShapeKind::Float | ShapeKind::String(_) => true,
        ShapeKind::OneOf(alternatives) => alternatives.iter().all(is_known_scalar),
        _ => false,
    }
}

fn describe(kind: &ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Unknown => "of unknown type",
        ShapeKind::Missing => "never there",
        ShapeKind::Null => "null",
        ShapeKind::Bool(_) => "a boolean",
        ShapeKind::Int | ShapeKind::Float => "a number",
        ShapeKind::String(_) => "a string",
        ShapeKind::List(_) | ShapeKind::Array(_) => "a list",
        ShapeKind::Object(_) | ShapeKind::Group(..) => "an object",
        ShapeKind::OneOf(_) => "sometimes null or of another type",
    }
}
