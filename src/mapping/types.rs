//! The static shape of a mapping's output, computed over shapes in place of values.

use std::{cell::Cell, rc::Rc, sync::Arc};

use super::{
    Fields, Mapping, Shape, ShapeKind, Span, Value, Variable, Version,
    ast::{Chain, Expr, ExprKind, Group, Head, Path, Selection, Step, StepKind},
    method::{self, Gives},
};

/// Alternatives that one shape may have; beyond it nothing is known.
const ALTERNATIVES_MAX: usize = 32;

/// Parts of shapes that are copied for one mapping; beyond it nothing is known. `->echo([@, @])` repeated doubles them.
const PARTS_MAX: usize = 1 << 22;

impl Mapping {
    /// The static shape of the output. `given` answers the shape of a variable (`Unknown` when it has none).
    pub fn shape(&self, given: &dyn Fn(Variable) -> Shape) -> Shape {
        let shaper = Shaper { given, version: self.version, parts_left: Cell::new(PARTS_MAX) };
        let input = Rc::new(shape(ShapeKind::Unknown, None));
        let scope = Scope { root: Rc::clone(&input), current: input, locals: Vec::new() };
        shaper.expr(&self.root, &scope)
    }
}

fn shape(kind: ShapeKind, span: Option<&Span>) -> Shape {
    Shape { kind, span: span.cloned() }
}

#[derive(Clone)]
struct Scope {
    root: Rc<Shape>,
    current: Rc<Shape>,
    locals: Vec<(Arc<str>, Rc<Shape>)>,
}

struct Shaper<'a> {
    given: &'a dyn Fn(Variable) -> Shape,
    version: Version,
    parts_left: Cell<usize>,
}

impl Shaper<'_> {
    /// Pays for `count` copies of a shape. `false`: it is too much, and nothing is known of what they would be part of.
    fn afford(&self, of: &Shape, count: usize) -> bool {
        let left = self.parts_left.get();
        let left = if left == 0 { None } else { left.checked_sub(parts(of).saturating_mul(count)) };
        self.parts_left.set(left.unwrap_or(0));
        left.is_some()
    }

    fn expr(&self, expr: &Expr, scope: &Scope) -> Shape {
        let span = Some(&expr.span);
        match &expr.kind {
            ExprKind::Literal(value) => shape(literal(value), span),
            ExprKind::Array(items) => {
                shape(ShapeKind::Array(items.iter().map(|item| self.expr(item, scope)).collect()), span)
            }
            ExprKind::Object(group) => self.members(group, scope, None, &expr.span),
            ExprKind::Group(group) => self.group(group, &scope.current, &scope.locals, &expr.span),
            ExprKind::Path(path) => self.path(path, scope, &expr.span),
            ExprKind::Chain(chain, operands) => {
                let count = operands.len();
                let mut alternatives = Vec::new();
                for (index, operand) in operands.iter().enumerate() {
                    let found = self.expr(operand, scope);
                    let last = index + 1 == count;
                    push_alternatives(&mut alternatives, found, &|kind| {
                        last || !(matches!(kind, ShapeKind::Missing)
                            || (*chain == Chain::NotNull && matches!(kind, ShapeKind::Null)))
                    });
                }
                one_of(alternatives, span)
            }
        }
    }

    fn path(&self, path: &Path, scope: &Scope, span: &Span) -> Shape {
        let mut scope = scope.clone();
        let mut value = match &path.head {
            Head::Root => (*scope.root).clone(),
            Head::Current => (*scope.current).clone(),
            Head::Key(key) => key_of(&scope.root, key, &path.head_span),
            Head::Variable(name) => match scope.locals.iter().rev().find(|(local, _)| local == name) {
                Some((_, found)) => (**found).clone(),
                None => match Variable::from_name(name) {
                    Some(variable) => (self.given)(variable),
                    None => shape(ShapeKind::Missing, Some(&path.head_span)),
                },
            },
            Head::Expr(inner) => self.expr(inner, &scope),
        };
        if !self.afford(&value, 1) {
            return shape(ShapeKind::Unknown, Some(span));
        }
        for step in &path.steps {
            match &step.kind {
                StepKind::Key(key) => value = key_of(&value, key, &step.span),
                StepKind::Question => {
                    let mut alternatives = Vec::new();
                    push_alternatives(&mut alternatives, value, &|_| true);
                    for found in &mut alternatives {
                        if matches!(found.kind, ShapeKind::Null) {
                            found.kind = ShapeKind::Missing;
                        }
                    }
                    value = one_of(alternatives, Some(&step.span));
                }
                StepKind::Method(name, arguments) => {
                    scope.current = Rc::new(value);
                    value = self.method(step, name, arguments.as_deref().unwrap_or_default(), &mut scope);
                }
            }
        }
        match &path.group {
            Some(group) => self.group(group, &value, &scope.locals, span),
            None => Shape { span: Some(span.clone()), ..value },
        }
    }

    /// The result of a method on `@`.
    fn method(&self, step: &Step, name: &Arc<str>, arguments: &[Expr], scope: &mut Scope) -> Shape {
        let span = Some(&step.span);
        if &**name == "as" {
            if let Some(ExprKind::Path(path)) = arguments.first().map(|first| &first.kind)
                && let Head::Variable(local) = &path.head
            {
                let bound = arguments.get(1).map(|value| Rc::new(self.expr(value, scope)));
                scope.locals.push((Arc::clone(local), bound.unwrap_or_else(|| Rc::clone(&scope.current))));
            }
            return (*scope.current).clone();
        }
        let gives = method::find(name).map_or(Gives::Unknown, |method| method.gives);
        if self.version < Version::V0_3 || !self.afford(&scope.current, 1) {
            return shape(ShapeKind::Unknown, span);
        }
        let kind = match gives {
            Gives::Input => return any_text((*scope.current).clone()),
            Gives::InputList => return list_of(&scope.current, span),
            // What nothing is known of may be empty too; that is no reason to refuse it.
            Gives::Element if matches!(scope.current.kind, ShapeKind::Unknown) => ShapeKind::Unknown,
            Gives::Element => {
                let mut alternatives = Vec::new();
                push_alternatives(&mut alternatives, element(&scope.current), &|_| true);
                alternatives.push(shape(ShapeKind::Missing, span));
                return any_text(one_of(alternatives, span));
            }
            Gives::Argument => match arguments.first() {
                Some(argument) => return self.expr(argument, scope),
                None => ShapeKind::Missing,
            },
            Gives::ArgumentList => match arguments.first() {
                Some(argument) => {
                    let current = Rc::new(element(&scope.current));
                    let each = self.expr(argument, &Scope { current, ..scope.clone() });
                    ShapeKind::List(Box::new(missing_is_null(each)))
                }
                None => ShapeKind::Missing,
            },
            Gives::Pair => {
                let mut alternatives = Vec::new();
                let mut exhaustive = false;
                for argument in arguments {
                    let ExprKind::Array(pair) = &argument.kind else { continue };
                    let [candidate, value] = pair.as_slice() else { continue };
                    push_alternatives(&mut alternatives, self.expr(value, scope), &|_| true);
                    if let ExprKind::Path(path) = &candidate.kind
                        && matches!(path.head, Head::Current)
                        && path.steps.is_empty()
                    {
                        exhaustive = true;
                        break;
                    }
                }
                if !exhaustive {
                    alternatives.push(shape(ShapeKind::Missing, span));
                }
                return one_of(alternatives, span);
            }
            Gives::Entries => {
                let place = step.span.clone();
                let fields = Fields::from_iter([
                    (Arc::from("key"), (place.clone(), shape(ShapeKind::String(None), span))),
                    (Arc::from("value"), (place, shape(ShapeKind::Unknown, span))),
                ]);
                ShapeKind::List(Box::new(shape(ShapeKind::Object(fields), span)))
            }
            Gives::Unknown => ShapeKind::Unknown,
            Gives::Bool => ShapeKind::Bool(None),
            Gives::Int => ShapeKind::Int,
            Gives::Float => ShapeKind::Float,
            Gives::Number => {
                let whole = |found: &Shape| matches!(found.kind, ShapeKind::Int);
                let all = whole(&scope.current) && arguments.iter().all(|argument| whole(&self.expr(argument, scope)));
                if all { ShapeKind::Int } else { ShapeKind::Float }
            }
            Gives::Text => ShapeKind::String(None),
            Gives::TextList => ShapeKind::List(Box::new(shape(ShapeKind::String(None), span))),
        };
        shape(kind, span)
    }

    fn group(&self, group: &Group, value: &Shape, locals: &[(Arc<str>, Rc<Shape>)], span: &Span) -> Shape {
        if matches!(value.kind, ShapeKind::Missing) {
            return value.clone();
        }
        if !self.afford(value, 1) {
            return shape(ShapeKind::Unknown, Some(span));
        }
        // Inside, `$` is an element where the value is a list.
        let inside = Rc::new(element(value));
        let scope = Scope { root: Rc::clone(&inside), current: inside, locals: locals.to_vec() };
        self.members(group, &scope, Some(value), span)
    }

    /// The members of a group over `base`, or of an object literal.
    fn members(&self, group: &Group, scope: &Scope, base: Option<&Shape>, span: &Span) -> Shape {
        let mut alternatives = vec![Fields::new()];
        let mut null = false;
        for selection in &group.selections {
            match selection {
                Selection::Named(name, value) => {
                    let found = self.expr(value, scope);
                    if !self.afford(&found, alternatives.len()) {
                        return shape(ShapeKind::Unknown, Some(span));
                    }
                    for fields in &mut alternatives {
                        fields.insert(Arc::clone(&name.text), (name.span.clone(), found.clone()));
                    }
                }
                Selection::Anonymous(value) | Selection::Spread(value) => {
                    let found = self.expr(value, scope);
                    if group.sole {
                        return match base.map(|base| &base.kind) {
                            Some(ShapeKind::List(_) | ShapeKind::Array(_)) => {
                                shape(ShapeKind::List(Box::new(missing_is_null(found))), Some(span))
                            }
                            _ => found,
                        };
                    }
                    let mut spreads = Vec::new();
                    push_alternatives(&mut spreads, found, &|_| true);
                    null |= spreads.iter().any(|spread| matches!(spread.kind, ShapeKind::Null));
                    let members: Vec<Fields> = spreads.into_iter().filter_map(fields_of).collect();
                    let copied = members.iter().map(|fields| (fields, alternatives.len()));
                    let copied = copied.chain(alternatives.iter().map(|fields| (fields, members.len())));
                    let mut copied = copied.flat_map(|(fields, count)| fields.values().map(move |(_, it)| (it, count)));
                    if members.len() * alternatives.len() > ALTERNATIVES_MAX
                        || !copied.all(|(member, count)| self.afford(member, count))
                    {
                        return shape(ShapeKind::Unknown, Some(span));
                    }
                    if !members.is_empty() {
                        let join = |fields: &Fields| -> Vec<Fields> {
                            members
                                .iter()
                                .map(|more| {
                                    fields.iter().chain(more).map(|(k, v)| (Arc::clone(k), v.clone())).collect()
                                })
                                .collect()
                        };
                        alternatives = alternatives.iter().flat_map(join).collect();
                    }
                }
            }
        }
        if base.is_some_and(|base| !self.afford(base, alternatives.len())) {
            return shape(ShapeKind::Unknown, Some(span));
        }
        let mut shapes: Vec<Shape> = alternatives
            .into_iter()
            .map(|fields| match base {
                Some(base) => shape(ShapeKind::Group(Box::new(base.clone()), fields), Some(span)),
                None => shape(ShapeKind::Object(fields), Some(span)),
            })
            .collect();
        if null {
            shapes.push(shape(ShapeKind::Null, Some(span)));
        }
        one_of(shapes, Some(span))
    }
}

/// Parts that a shape is made of.
fn parts(of: &Shape) -> usize {
    let members = |fields: &Fields| fields.values().map(|(_, member)| parts(member)).sum::<usize>();
    1 + match &of.kind {
        ShapeKind::List(each) => parts(each),
        ShapeKind::Array(items) | ShapeKind::OneOf(items) => items.iter().map(parts).sum(),
        ShapeKind::Object(fields) => members(fields),
        ShapeKind::Group(base, fields) => parts(base) + members(fields),
        ShapeKind::Unknown
        | ShapeKind::Missing
        | ShapeKind::Null
        | ShapeKind::Bool(_)
        | ShapeKind::Int
        | ShapeKind::Float
        | ShapeKind::String(_) => 0,
    }
}

/// Known texts as any text: a part of one is another.
fn any_text(mut of: Shape) -> Shape {
    if let ShapeKind::String(known) = &mut of.kind {
        *known = None;
    } else if let ShapeKind::OneOf(several) = &mut of.kind {
        *several = std::mem::take(several).into_iter().map(any_text).collect();
    }
    of
}

fn literal(value: &Value) -> ShapeKind {
    match value {
        Value::Null => ShapeKind::Null,
        Value::Bool(value) => ShapeKind::Bool(Some(*value)),
        Value::Number(number) if number.as_i128().is_some() => ShapeKind::Int,
        Value::Number(_) => ShapeKind::Float,
        Value::String(text) => ShapeKind::String(Some(Arc::from(text.as_str()))),
        Value::Array(_) | Value::Object(_) => ShapeKind::Unknown,
    }
}

/// The members that a spread of this shape adds; `None` when they are not known.
fn fields_of(spread: Shape) -> Option<Fields> {
    match spread.kind {
        ShapeKind::Object(fields) | ShapeKind::Group(_, fields) => Some(fields),
        _ => None,
    }
}

/// Flattens `found` into `alternatives`, those that `keep` wants.
fn push_alternatives(alternatives: &mut Vec<Shape>, found: Shape, keep: &dyn Fn(&ShapeKind) -> bool) {
    match found.kind {
        ShapeKind::OneOf(several) => several.into_iter().for_each(|one| push_alternatives(alternatives, one, keep)),
        kind if keep(&kind) => alternatives.push(Shape { kind, span: found.span }),
        _ => {}
    }
}

fn one_of(mut alternatives: Vec<Shape>, span: Option<&Span>) -> Shape {
    match alternatives.len() {
        0 => shape(ShapeKind::Missing, span),
        1 => alternatives.remove(0),
        count if count > ALTERNATIVES_MAX => shape(ShapeKind::Unknown, span),
        _ => shape(ShapeKind::OneOf(alternatives), span),
    }
}

fn missing_is_null(found: Shape) -> Shape {
    let span = found.span.clone();
    let mut alternatives = Vec::new();
    push_alternatives(&mut alternatives, found, &|_| true);
    for one in &mut alternatives {
        if matches!(one.kind, ShapeKind::Missing) {
            one.kind = ShapeKind::Null;
        }
    }
    one_of(alternatives, span.as_ref())
}

/// What is at `$` inside a group over the shape, and what `map` sees.
fn element(of: &Shape) -> Shape {
    match &of.kind {
        ShapeKind::List(each) => (**each).clone(),
        ShapeKind::Array(items) => one_of(items.clone(), of.span.as_ref()),
        ShapeKind::Group(base, fields) => match element_base(base) {
            Some(base) => shape(ShapeKind::Group(Box::new(base), fields.clone()), of.span.as_ref()),
            None => of.clone(),
        },
        ShapeKind::OneOf(several) => one_of(several.iter().map(element).collect(), of.span.as_ref()),
        _ => of.clone(),
    }
}

/// The element of what a group is applied to, when that is known to be a list.
fn element_base(base: &Shape) -> Option<Shape> {
    match &base.kind {
        ShapeKind::List(_) | ShapeKind::Array(_) => Some(element(base)),
        ShapeKind::Group(inner, fields) => element_base(inner)
            .map(|inner| shape(ShapeKind::Group(Box::new(inner), fields.clone()), base.span.as_ref())),
        _ => None,
    }
}

/// The shape as a list: itself when it is one, else a list of it.
fn list_of(of: &Shape, span: Option<&Span>) -> Shape {
    match &of.kind {
        ShapeKind::Unknown => of.clone(),
        _ => shape(ShapeKind::List(Box::new(element(of))), span),
    }
}

/// The shape of a member.
fn key_of(of: &Shape, key: &Arc<str>, span: &Span) -> Shape {
    let place = Some(span);
    match &of.kind {
        ShapeKind::Unknown => shape(ShapeKind::Unknown, place),
        ShapeKind::Missing
        | ShapeKind::Null
        | ShapeKind::Bool(_)
        | ShapeKind::Int
        | ShapeKind::Float
        | ShapeKind::String(_) => shape(ShapeKind::Missing, place),
        ShapeKind::Object(fields) => match fields.get(key) {
            Some((_, found)) => found.clone(),
            None => shape(ShapeKind::Missing, place),
        },
        ShapeKind::Group(base, fields) => {
            let Some((_, found)) = fields.get(key) else { return shape(ShapeKind::Missing, place) };
            match (&base.kind, element_base(base)) {
                // The base may be a list, or be missing.
                (ShapeKind::Unknown, _) => shape(ShapeKind::Unknown, place),
                (_, Some(_)) => shape(ShapeKind::List(Box::new(missing_is_null(found.clone()))), place),
                (_, None) => found.clone(),
            }
        }
        ShapeKind::List(each) => shape(ShapeKind::List(Box::new(missing_is_null(key_of(each, key, span)))), place),
        ShapeKind::Array(items) => {
            let each = items.iter().map(|item| missing_is_null(key_of(item, key, span)));
            shape(ShapeKind::Array(each.collect()), place)
        }
        ShapeKind::OneOf(several) => {
            let mut alternatives = Vec::new();
            for one in several {
                push_alternatives(&mut alternatives, key_of(one, key, span), &|_| true);
            }
            one_of(alternatives, place)
        }
    }
}
