//! A mapping applied to a value: never fails, records problems.

use std::{borrow::Cow, rc::Rc};

use super::{
    Mapping, Object, Span, Value, Variable,
    ast::{Chain, Expr, ExprKind, Group, Head, Path, Selection, Step, StepKind},
    budget::{self, Budget},
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

impl Mapping {
    /// Applies the mapping to `input`. `None`: no value (not null). Problems are appended, up to a bound of 100.
    pub fn evaluate(&self, input: &Value, variables: &dyn Variables, problems: &mut Vec<Problem>) -> Option<Value> {
        self.evaluate_within(budget::UNITS, input, variables, problems)
    }

    /// [`Self::evaluate`] with so many units to spend.
    pub(super) fn evaluate_within(
        &self,
        units: usize,
        input: &Value,
        variables: &dyn Variables,
        problems: &mut Vec<Problem>,
    ) -> Option<Value> {
        let mut evaluator = Evaluator::new(variables, problems, Budget::new(units, input));
        let scope = Scope { root: input, current: input, locals: None };
        let value = match &self.root.kind {
            ExprKind::Group(group) => evaluator.group(group, input, None),
            _ => evaluator.argument(&self.root, &scope),
        };
        evaluator.report_budget(&self.root.span);
        value
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

/// The value bound to a name.
fn local<'l>(mut locals: Option<&'l Rc<Local>>, name: &str) -> Option<&'l Value> {
    while let Some(local) = locals {
        if &*local.name == name {
            return Some(&local.value);
        }
        locals = local.outer.as_ref();
    }
    None
}

/// One evaluation.
pub(super) struct Evaluator<'e> {
    variables: &'e dyn Variables,
    problems: &'e mut Vec<Problem>,
    depth: usize,
    budget: Budget<'e>,
}

impl<'e> Evaluator<'e> {
    fn new(variables: &'e dyn Variables, problems: &'e mut Vec<Problem>, budget: Budget<'e>) -> Self {
        Self { variables, problems, depth: 0, budget }
    }

    /// Takes units of the budget. `None`: nothing more may be computed.
    pub(super) fn spend(&mut self, units: usize) -> Option<()> {
        self.budget.spend(units).then_some(())
    }

    /// Says that something was left out, also where its own problem would have been dropped or found no room.
    fn report_budget(&mut self, span: &Span) {
        if self.budget.is_spent() {
            self.problems.truncate(PROBLEMS_MAX - 1);
            self.problem(span, || "The mapping computes too much; what was left out is missing".to_owned());
        }
    }

    /// A value of its own, copied where it is not.
    fn owned(&mut self, value: Cow<'_, Value>) -> Option<Value> {
        match value {
            Cow::Owned(value) => Some(value),
            Cow::Borrowed(value) => self.copy(value),
        }
    }

    /// A copy. `None`: the budget is spent.
    fn copy(&mut self, value: &Value) -> Option<Value> {
        // Once it is spent, not even measuring is paid for.
        if self.budget.is_spent() {
            return None;
        }
        self.spend(budget::size(value))?;
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
        self.spend(budget::EXPRESSION)?;
        self.depth += 1;
        let value = match &expr.kind {
            ExprKind::Literal(value) => Some(Cow::Borrowed(value)),
            ExprKind::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.element(|evaluator| evaluator.argument(item, scope)));
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
        let mut passed = 0;
        let head = match &path.head {
            Head::Root => Some(Cow::Borrowed(scope.root)),
            Head::Current => Some(Cow::Borrowed(scope.current)),
            Head::Variable(name) => match local(scope.locals.as_ref(), name) {
                Some(value) => self.of_local(value, &path.steps, &mut passed).map(Cow::Owned),
                None => self.variable(name, &path.head_span),
            },
            Head::Key(key) => self.key(Cow::Borrowed(scope.root), key, &path.head_span),
            Head::Expr(inner) => self.expr(inner, scope),
        };
        if head.is_none() && quiet(0) && !matches!(path.head, Head::Expr(_)) {
            self.problems.truncate(before);
        }
        let mut value = head?;
        for (index, step) in path.steps.iter().enumerate().skip(passed) {
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

    /// The value of a local after the keys that follow it, which are passed: no more of it is copied than is wanted.
    fn of_local(&mut self, mut value: &Value, steps: &[Step], passed: &mut usize) -> Option<Value> {
        while let (Value::Object(object), Some(StepKind::Key(key))) = (value, steps.get(*passed).map(|step| &step.kind))
        {
            // A key that is not there is reported by its own step, for which an empty object will do.
            let Some(member) = object.get(key) else { return Some(Value::Object(Object::new())) };
            value = member;
            *passed += 1;
        }
        self.copy(value)
    }

    fn variable(&mut self, name: &str, span: &Span) -> Option<Cow<'e, Value>> {
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
            None => match self.copy(scope.current) {
                Some(value) => value,
                None => return scope.locals.clone(),
            },
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
        self.owned(value)
    }

    /// An element of a list under construction: null where there is no value. It takes its room either way.
    pub(super) fn element(&mut self, value: impl FnOnce(&mut Self) -> Option<Value>) -> Value {
        if self.spend(size_of::<Value>()).is_none() {
            return Value::Null;
        }
        value(self).unwrap_or_default()
    }

    /// The member `key`; of a list, that of each element.
    fn key<'s>(&mut self, value: Cow<'s, Value>, key: &str, span: &Span) -> Option<Cow<'s, Value>> {
        let found = match value {
            Cow::Borrowed(Value::Object(object)) => object.get(key).map(Cow::Borrowed),
            Cow::Owned(Value::Object(mut object)) => object.swap_remove(key).map(Cow::Owned),
            Cow::Borrowed(Value::Array(items)) => {
                let each = items.iter().map(|item| self.key_of_element(Cow::Borrowed(item), key, span));
                return Some(Cow::Owned(Value::Array(each.collect())));
            }
            Cow::Owned(Value::Array(items)) => {
                let each = items.into_iter().map(|item| self.key_of_element(Cow::Owned(item), key, span));
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

    fn key_of_element(&mut self, element: Cow<'_, Value>, key: &str, span: &Span) -> Value {
        self.element(|evaluator| {
            let member = evaluator.key(element, key, span)?;
            evaluator.owned(member)
        })
    }

    /// A group applied to a value: to each element of a list; a scalar stays when no member results.
    fn group(&mut self, group: &Group, value: &Value, locals: Option<&Rc<Local>>) -> Option<Value> {
        if let Value::Array(items) = value {
            if self.depth == DEPTH_MAX {
                self.problem(&group.span, || "nested too deeply".to_owned());
                return None;
            }
            self.depth += 1;
            let each = items.iter().map(|item| self.element(|evaluator| evaluator.group(group, item, locals)));
            let each = each.collect();
            self.depth -= 1;
            return Some(Value::Array(each));
        }
        let scope = Scope { root: value, current: value, locals: locals.cloned() };
        let made = self.members(group, &scope)?;
        let empty = !group.sole && matches!(&made, Value::Object(object) if object.is_empty());
        if empty && !matches!(value, Value::Object(_)) { self.copy(value) } else { Some(made) }
    }

    /// The selections of a group, put together.
    fn members(&mut self, group: &Group, scope: &Scope<'_>) -> Option<Value> {
        let mut out = Value::Object(Object::with_capacity(group.selections.len()));
        for selection in &group.selections {
            match selection {
                Selection::Named(name, value) => {
                    if let Some(value) = self.argument(value, scope) {
                        self.spend(budget::member_size(&name.text) + size_of::<Value>())?;
                        merge::member(self, &mut out, &name.text, value, &name.span);
                    }
                }
                Selection::Anonymous(expr) => {
                    let value = self.argument(expr, scope);
                    if group.sole {
                        return value;
                    }
                    match value {
                        // Nothing is lost of an object without members.
                        Some(value) if matches!(&out, Value::Object(object) if object.is_empty()) => out = value,
                        Some(value) => merge::merge(self, &mut out, value, &expr.span),
                        None => {}
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

/// The value of an expression that does not look at its input.
pub(super) fn constant(expr: &Expr, variables: &dyn Variables, problems: &mut Vec<Problem>) -> Option<Value> {
    let mut evaluator = Evaluator::new(variables, problems, Budget::new(budget::UNITS, &Value::Null));
    let value = evaluator.argument(expr, &Scope { root: &Value::Null, current: &Value::Null, locals: None });
    evaluator.report_budget(&expr.span);
    value
}
