//! What a mapping draws on: variables, the input, methods that do not exist.
//!
//! The tree is walked once with *origins* in place of values: which variable and which keys a value comes from.

use std::{collections::HashSet, sync::Arc};

use super::{
    KeyTree, Mapping, Span, Use, Variable,
    ast::{Expr, ExprKind, Group, Head, Path, Selection, Step, StepKind},
    method::{self, Gives},
};

/// Origins that one value may have; beyond it they are taken as used where they are.
const ORIGINS_MAX: usize = 32;

/// Where a value comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// The input of the mapping.
    Input,
    /// A variable and keys of it.
    Variable(Use),
}

/// All places a value may come from; empty for constructed values.
type Origins = Vec<Origin>;

#[derive(Clone)]
struct Scope {
    root: Origins,
    current: Origins,
    locals: Vec<(Arc<str>, Origins)>,
}

#[derive(Default)]
struct Walk {
    uses: Vec<Use>,
    /// Uses seen so far, repeated ones too.
    count: usize,
    seen: HashSet<(usize, Vec<Arc<str>>)>,
    input: Vec<Span>,
    unknown_methods: Vec<(String, Span)>,
}

impl Mapping {
    /// Every occurrence of a variable, in text order.
    pub fn uses(&self) -> Vec<Use> {
        let place = |found: &Use| found.path.last().map_or(found.span.start, |(_, span)| span.start);
        let mut uses = self.walk().uses;
        uses.sort_by_key(|found| (found.span.start, place(found)));
        uses
    }

    /// What is used of a variable, as nested names, followed through methods, `?` and groups (reference 6.2).
    /// `None` when the variable does not occur.
    pub fn needs(&self, variable: Variable) -> Option<KeyTree> {
        let mut tree = None;
        for found in self.uses().iter().filter(|found| found.variable == Some(variable)) {
            let mut node: &mut KeyTree = tree.get_or_insert_default();
            for (key, _) in &found.path {
                node = node.keys.entry(Arc::clone(key)).or_default();
            }
        }
        tree
    }

    /// Spans of the places that read the input (`$` or a bare key at the start of a path, outside nested groups over variables).
    /// Empty for a mapping that draws on variables and literals only.
    pub fn reads_input(&self) -> Vec<Span> {
        let mut input = self.walk().input;
        input.sort_by_key(|span| span.start);
        input.dedup();
        input
    }

    /// Calls of methods that do not exist, with the spans of the calls.
    pub fn unknown_methods(&self) -> Vec<(String, Span)> {
        self.walk().unknown_methods
    }

    fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let input = vec![Origin::Input];
        let scope = Scope { root: input.clone(), current: input, locals: Vec::new() };
        match &self.root.kind {
            ExprKind::Group(group) => walk.group(group, scope.current, scope.locals),
            _ => walk.value(&self.root, &scope),
        }
        walk
    }
}

impl Walk {
    /// The value is used as it is.
    fn consume(&mut self, origins: Origins) {
        for origin in origins {
            let Origin::Variable(found) = origin else { continue };
            self.count += 1;
            let path = found.path.iter().map(|(key, _)| Arc::clone(key)).collect();
            if self.seen.insert((found.span.start, path)) {
                self.uses.push(found);
            }
        }
    }

    /// Walks an expression whose whole value is used.
    fn value(&mut self, expr: &Expr, scope: &Scope) {
        let origins = self.expr(expr, scope);
        self.consume(origins);
    }

    fn values(&mut self, exprs: &[Expr], scope: &Scope) {
        for expr in exprs {
            self.value(expr, scope);
        }
    }

    /// Walks an expression and gives where its value comes from.
    fn expr(&mut self, expr: &Expr, scope: &Scope) -> Origins {
        match &expr.kind {
            ExprKind::Literal(_) => Origins::new(),
            ExprKind::Array(items) => {
                self.values(items, scope);
                Origins::new()
            }
            ExprKind::Object(group) => {
                self.members(group, scope);
                Origins::new()
            }
            ExprKind::Group(group) => {
                self.group(group, scope.current.clone(), scope.locals.clone());
                Origins::new()
            }
            ExprKind::Path(path) => self.path(path, scope),
            ExprKind::Chain(_, operands) => {
                let mut all = Origins::new();
                for operand in operands {
                    let origins = self.expr(operand, scope);
                    self.add(&mut all, origins);
                }
                all
            }
        }
    }

    fn add(&mut self, all: &mut Origins, more: Origins) {
        for origin in more {
            if all.len() < ORIGINS_MAX { all.push(origin) } else { self.consume(vec![origin]) }
        }
    }

    fn path(&mut self, path: &Path, scope: &Scope) -> Origins {
        let mut scope = scope.clone();
        let mut value = match &path.head {
            Head::Root => self.position(scope.root.clone(), &path.head_span),
            Head::Current => self.position(scope.current.clone(), &path.head_span),
            Head::Key(key) => {
                let origins = self.position(scope.root.clone(), &path.head_span);
                with_key(origins, key, &path.head_span)
            }
            Head::Variable(name) => match scope.locals.iter().rev().find(|(local, _)| local == name) {
                Some((_, origins)) => origins.clone(),
                None => vec![Origin::Variable(Use {
                    variable: Variable::from_name(name),
                    name: Arc::clone(name),
                    path: Vec::new(),
                    span: path.head_span.clone(),
                })],
            },
            Head::Expr(inner) => self.expr(inner, &scope),
        };
        for step in &path.steps {
            match &step.kind {
                StepKind::Key(key) => value = with_key(value, key, &step.span),
                StepKind::Question => {}
                StepKind::Method(name, arguments) => {
                    scope.current = value;
                    value = self.method(step, name, arguments.as_deref().unwrap_or_default(), &mut scope);
                }
            }
        }
        match &path.group {
            None => value,
            Some(group) => {
                self.group(group, value, scope.locals);
                Origins::new()
            }
        }
    }

    /// `$`, `@` or a bare key: a read of the input where that is where they come from.
    fn position(&mut self, origins: Origins, span: &Span) -> Origins {
        if origins.iter().any(|origin| matches!(origin, Origin::Input)) {
            self.input.push(span.clone());
        }
        origins
    }

    /// A method on `@`.
    fn method(&mut self, step: &Step, name: &Arc<str>, arguments: &[Expr], scope: &mut Scope) -> Origins {
        let Some(found) = method::find(name) else {
            self.unknown_methods.push((name.to_string(), step.span.clone()));
            self.values(arguments, scope);
            self.consume(scope.current.clone());
            return Origins::new();
        };
        if &**name == "as" {
            let bound = match arguments.get(1) {
                Some(value) => self.expr(value, scope),
                None => scope.current.clone(),
            };
            if let Some(ExprKind::Path(path)) = arguments.first().map(|first| &first.kind)
                && let Head::Variable(local) = &path.head
            {
                scope.locals.push((Arc::clone(local), bound));
            }
            return scope.current.clone();
        }
        let before = self.count;
        match found.gives {
            Gives::Input | Gives::InputList | Gives::Element => {
                self.values(arguments, scope);
                scope.current.clone()
            }
            // The input counts only as far as the argument uses it.
            Gives::Argument | Gives::ArgumentList => {
                let mut result = Origins::new();
                for (index, argument) in arguments.iter().enumerate() {
                    let origins = self.expr(argument, scope);
                    if index == 0 {
                        result = origins;
                    } else {
                        self.consume(origins);
                    }
                }
                // A constant still depends on whether there is an input, a list of them on how long it is.
                if result.is_empty() && self.count == before {
                    self.consume(scope.current.clone());
                }
                result
            }
            Gives::Pair => {
                let mut result = Origins::new();
                self.consume(scope.current.clone());
                for argument in arguments {
                    let ExprKind::Array(pair) = &argument.kind else { continue };
                    let [candidate, value] = pair.as_slice() else { continue };
                    self.value(candidate, scope);
                    let origins = self.expr(value, scope);
                    self.add(&mut result, origins);
                }
                result
            }
            Gives::Entries
            | Gives::Unknown
            | Gives::Bool
            | Gives::Int
            | Gives::Number
            | Gives::Float
            | Gives::Text
            | Gives::TextList => {
                self.consume(scope.current.clone());
                self.values(arguments, scope);
                Origins::new()
            }
        }
    }

    fn group(&mut self, group: &Group, value: Origins, locals: Vec<(Arc<str>, Origins)>) {
        let before = self.count;
        self.members(group, &Scope { root: value.clone(), current: value.clone(), locals });
        // A group of constants still depends on whether there is a value.
        if self.count == before {
            self.consume(value);
        }
    }

    fn members(&mut self, group: &Group, scope: &Scope) {
        for selection in &group.selections {
            match selection {
                Selection::Named(_, value) | Selection::Anonymous(value) | Selection::Spread(value) => {
                    self.value(value, scope);
                }
            }
        }
    }
}

fn with_key(origins: Origins, key: &Arc<str>, span: &Span) -> Origins {
    let one = |origin| match origin {
        Origin::Input => Origin::Input,
        Origin::Variable(mut found) => {
            found.path.push((Arc::clone(key), span.clone()));
            Origin::Variable(found)
        }
    };
    origins.into_iter().map(one).collect()
}
