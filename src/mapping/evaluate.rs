//! A mapping applied to a value: never fails, records problems.

use std::{borrow::Cow, rc::Rc};

use super::{
    Mapping, Object, Span, Value, Variable,
    ast::{Chain, Expr, ExprKind, Group, Head, Path, Selection, StepKind},
    merge, method,
};

/// What the variables of a mapping stand for.
pub trait Variables {
    /// The value of a variable; `None` where it has none.
    fn get(&self, variable: Variable) -> Option<&Value>;
}

/// Something that did not go as the mapping expects; never an error by itself.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What happened.
    pub message: String,
    /// Which part of the mapping.
    pub span: Span,
}

/// Problems kept of one evaluation.
pub(super) const PROBLEMS_MAX: usize = 100;

/// Expressions and groups inside each other, lists counted for each level: what a stack surely holds.
const DEPTH_MAX: usize = 256;

/// Bytes that one evaluation may copy: far beyond real mappings, and an end to `->echo([@, @])` repeated.
const COPIED_MAX: usize = 256 << 20;

impl Mapping {
    /// Applies the mapping to `input`. `None`: no value (not null). Problems are appended, up to a bound of 100.
    pub fn evaluate(&self, input: &Value, variables: &dyn Variables, problems: &mut Vec<Problem>) -> Option<Value> {
        let mut evaluator = Evaluator::new(variables, problems);
        let scope = Scope { root: input, current: input, locals: None };
        match &self.root.kind {
            ExprKind::Group(group) => evaluator.group(group, input, None),
            _ => evaluator.argument(&self.root, &scope),
        }
    }
}

/// What names stand for at one place.
#[derive(Debug, Clone)]
pub(super) struct Scope<'s> {
    /// `$`
    pub root: &'s Value,
    /// `@`
    pub current: &'s Value,
    /// Bound by `->as`, innermost first.
    pub locals: Option<Rc<Local>>,
}

/// A name bound by `->as`.
#[derive(Debug)]
pub(super) struct Local {
    name: std::sync::Arc<str>,
    value: Value,
    outer: Option<Rc<Local>>,
}

/// One evaluation.
pub(super) struct Evaluator<'e> {
    variables: &'e dyn Variables,
    problems: &'e mut Vec<Problem>,
    depth: usize,
    /// Bytes that may still be copied.
    copies_left: usize,
}

impl<'e> Evaluator<'e> {
    fn new(variables: &'e dyn Variables, problems: &'e mut Vec<Problem>) -> Self {
        Self { variables, problems, depth: 0, copies_left: COPIED_MAX }
    }

    /// A value of its own, copied where it is not.
    fn owned(&mut self, value: Cow<'_, Value>, span: &Span) -> Option<Value> {
        match value {
            Cow::Owned(value) => Some(value),
            Cow::Borrowed(value) => self.copy(value, span),
        }
    }

    /// A copy. `None`, with a problem: too much was copied already.
    fn copy(&mut self, value: &Value, span: &Span) -> Option<Value> {
        let Some(left) = self.copies_left.checked_sub(size(value)) else {
            self.problem(span, || "The result is too large".to_owned());
            return None;
        };
        self.copies_left = left;
        Some(value.clone())
    }

    /// Records a problem, unless there are enough of them.
    pub(super) fn problem(&mut self, span: &Span, message: impl FnOnce() -> String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { message: message(), span: span.clone() });
        }
    }

    /// The value of an expression; `None` when it has none.
    pub(super) fn expr<'s>(&mut self, expr: &'s Expr, scope: &Scope<'s>) -> Option<Cow<'s, Value>>
    where
        'e: 's,
    {
        if self.depth == DEPTH_MAX {
            self.problem(&expr.span, || "nested too deeply".to_owned());
            return None;
        }
        self.depth += 1;
        let value = match &expr.kind {
            ExprKind::Literal(value) => Some(Cow::Borrowed(value)),
            ExprKind::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.argument(item, scope).unwrap_or_default());
                }
                Some(Cow::Owned(Value::Array(list)))
            }
            ExprKind::Object(group) => self.members(group, scope).map(Cow::Owned),
            ExprKind::Group(group) => self.group(group, scope.current, scope.locals.as_ref()).map(Cow::Owned),
            ExprKind::Path(path) => self.path(path, scope),
            ExprKind::Chain(chain, operands) => self.chain(*chain, operands, scope),
        };
        self.depth -= 1;
        value
    }

    /// The first operand that is a value, without the problems of those before it; all problems when there is none.
    fn chain<'s>(&mut self, chain: Chain, operands: &'s [Expr], scope: &Scope<'s>) -> Option<Cow<'s, Value>>
    where
        'e: 's,
    {
        let start = self.problems.len();
        let mut last = None;
        for operand in operands {
            let before = self.problems.len();
            last = self.expr(operand, scope);
            let found = match &last {
                Some(value) => chain == Chain::NotMissing || **value != Value::Null,
                None => false,
            };
            if found {
                self.problems.drain(start..before);
                return last;
            }
        }
        if last.is_some() {
            self.problems.truncate(start);
        }
        last
    }

    fn path<'s>(&mut self, path: &'s Path, scope: &Scope<'s>) -> Option<Cow<'s, Value>>
    where
        'e: 's,
    {
        let before = self.problems.len();
        let quiet = |at: usize| path.steps.get(at).is_some_and(|step| matches!(step.kind, StepKind::Question));
        let mut locals = scope.locals.clone();
        let head = match &path.head {
            Head::Root => Some(Cow::Borrowed(scope.root)),
            Head::Current => Some(Cow::Borrowed(scope.current)),
            Head::Variable(name) => self.variable(name, scope, &path.head_span),
            Head::Key(key) => self.key(Cow::Borrowed(scope.root), key, &path.head_span),
            Head::Expr(inner) => self.expr(inner, scope),
        };
        if head.is_none() && quiet(0) && !matches!(path.head, Head::Expr(_)) {
            self.problems.truncate(before);
        }
        let mut value = head?;
        for (index, step) in path.steps.iter().enumerate() {
            let before = self.problems.len();
            value = match &step.kind {
                StepKind::Key(key) => {
                    let found = self.key(value, key, &step.span);
                    if found.is_none() && quiet(index + 1) {
                        self.problems.truncate(before);
                    }
                    found?
                }
                StepKind::Question if *value == Value::Null => return None,
                StepKind::Question => value,
                StepKind::Method(name, arguments) if &**name == "as" => {
                    let scope = Scope { root: scope.root, current: &value, locals: locals.clone() };
                    locals = self.bind(arguments.as_deref(), &scope, &step.span);
                    value
                }
                StepKind::Method(name, arguments) => {
                    let scope = Scope { root: scope.root, current: &value, locals: locals.clone() };
                    Cow::Owned(method::call(self, name, arguments.as_deref(), &scope, &step.span)?)
                }
            };
        }
        match &path.group {
            None => Some(value),
            Some(group) => self.group(group, &value, locals.as_ref()).map(Cow::Owned),
        }
    }

    fn variable<'s>(&mut self, name: &str, scope: &Scope<'s>, span: &Span) -> Option<Cow<'s, Value>>
    where
        'e: 's,
    {
        let mut local = scope.locals.as_ref();
        while let Some(found) = local {
            if &*found.name == name {
                return self.copy(&found.value, span).map(Cow::Owned);
            }
            local = found.outer.as_ref();
        }
        let variables = self.variables;
        let value = Variable::from_name(name).and_then(|variable| variables.get(variable));
        if value.is_none() {
            self.problem(span, || format!("Variable ${name} not found"));
        }
        value.map(Cow::Borrowed)
    }

    /// `->as($name)` and `->as($name, value)`: the locals after it.
    fn bind(&mut self, arguments: Option<&[Expr]>, scope: &Scope<'_>, span: &Span) -> Option<Rc<Local>> {
        let name = match arguments.and_then(<[Expr]>::first).map(|first| &first.kind) {
            Some(ExprKind::Path(path)) if path.steps.is_empty() && path.group.is_none() => match &path.head {
                Head::Variable(name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        let Some(name) = name else {
            self.problem(span, || "Method ->as requires a $variable as its first argument".to_owned());
            return scope.locals.clone();
        };
        let value = match arguments.and_then(|arguments| arguments.get(1)) {
            None => scope.current.clone(),
            // Without a value the name stays unbound, which its uses report.
            Some(argument) => match self.argument(argument, scope) {
                Some(value) => value,
                None => return scope.locals.clone(),
            },
        };
        Some(Rc::new(Local { name: std::sync::Arc::clone(name), value, outer: scope.locals.clone() }))
    }

    /// The value of an argument of a method.
    pub(super) fn argument(&mut self, argument: &Expr, scope: &Scope<'_>) -> Option<Value> {
        let value = self.expr(argument, scope)?;
        self.owned(value, &argument.span)
    }

    /// The member `key`; of a list, that of each element.
    fn key<'s>(&mut self, value: Cow<'s, Value>, key: &str, span: &Span) -> Option<Cow<'s, Value>> {
        let found = match value {
            Cow::Borrowed(Value::Object(object)) => object.get(key).map(Cow::Borrowed),
            Cow::Owned(Value::Object(mut object)) => object.swap_remove(key).map(Cow::Owned),
            Cow::Borrowed(Value::Array(items)) => {
                let each = items
                    .iter()
                    .map(|item| self.key(Cow::Borrowed(item), key, span).map_or(Value::Null, Cow::into_owned));
                return Some(Cow::Owned(Value::Array(each.collect())));
            }
            Cow::Owned(Value::Array(items)) => {
                let each = items
                    .into_iter()
                    .map(|item| self.key(Cow::Owned(item), key, span).map_or(Value::Null, Cow::into_owned));
                return Some(Cow::Owned(Value::Array(each.collect())));
            }
            other => {
                self.problem(span, || format!("Property .{key} not found in {}", other.type_name()));
                return None;
            }
        };
        if found.is_none() {
            self.problem(span, || format!("Property .{key} not found in object"));
        }
        found
    }

    /// A group applied to a value: to each element of a list; a scalar stays when no member results.
    fn group(&mut self, group: &Group, value: &Value, locals: Option<&Rc<Local>>) -> Option<Value> {
        if let Value::Array(items) = value {
            if self.depth == DEPTH_MAX {
                self.problem(&group.span, || "nested too deeply".to_owned());
                return None;
            }
            self.depth += 1;
            let each = items.iter().map(|item| self.group(group, item, locals).unwrap_or_default()).collect();
            self.depth -= 1;
            return Some(Value::Array(each));
        }
        let scope = Scope { root: value, current: value, locals: locals.cloned() };
        let made = self.members(group, &scope)?;
        let empty = !group.sole && matches!(&made, Value::Object(object) if object.is_empty());
        Some(if empty && !matches!(value, Value::Object(_)) { value.clone() } else { made })
    }

    /// The selections of a group, put together.
    fn members(&mut self, group: &Group, scope: &Scope<'_>) -> Option<Value> {
        let mut out = Value::Object(Object::with_capacity(group.selections.len()));
        for selection in &group.selections {
            match selection {
                Selection::Named(name, value) => {
                    if let Some(value) = self.argument(value, scope) {
                        merge::member(self, &mut out, &name.text, value, &name.span);
                    }
                }
                Selection::Anonymous(expr) => {
                    let value = self.argument(expr, scope);
                    if group.sole {
                        let grouped = matches!(&expr.kind, ExprKind::Path(path) if path.group.is_some());
                        if value.is_some() || !grouped {
                            return value;
                        }
                    } else if let Some(value) = value {
                        merge::merge(self, &mut out, value, &expr.span);
                    }
                }
                Selection::Spread(expr) => match self.argument(expr, scope) {
                    Some(Value::Null) => return Some(Value::Null),
                    Some(value @ Value::Object(_)) => merge::merge(self, &mut out, value, &expr.span),
                    Some(other) => {
                        self.problem(&expr.span, || format!("Expected object or null, not {}", other.type_name()));
                    }
                    None => self.problem(&expr.span, || "Expected object or null, not a missing value".to_owned()),
                },
            }
        }
        Some(out)
    }
}

/// Bytes that a copy takes, roughly.
fn size(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) => 0,
            Value::Number(number) => number.as_str().len(),
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(size).sum(),
            Value::Object(object) => {
                object.iter().map(|(key, value)| 2 * size_of::<usize>() + key.len() + size(value)).sum()
            }
        }
}

/// The value of an expression that does not look at its input.
pub(super) fn constant(expr: &Expr, variables: &dyn Variables, problems: &mut Vec<Problem>) -> Option<Value> {
    let mut evaluator = Evaluator::new(variables, problems);
    evaluator.argument(expr, &Scope { root: &Value::Null, current: &Value::Null, locals: None })
}
