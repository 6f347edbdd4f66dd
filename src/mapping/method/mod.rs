//! The methods of the language: one table, a file per family.

use std::borrow::Cow;

use super::{
    Span, Value,
    ast::Expr,
    budget,
    evaluate::{Evaluator, Scope},
    parse::Version,
};

mod compare;
mod flow;
mod json;
mod list;
mod number;
mod object;
mod text;

/// Which argument lists a method takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arguments {
    /// None at all, not even an empty list.
    Never,
    /// That many, from and up to; `AnyMore` and further ones are ignored where the maximum is `usize::MAX`.
    Count(usize, usize),
}

/// What a method's result is made of; for static shapes and for following variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// The input, or a part of it that has the same shape.
    Input,
    /// The input as a list.
    InputList,
    /// An element of the input.
    Element,
    /// The first argument, with `@` as the input.
    Argument,
    /// A list of the first argument, with `@` as each element.
    ArgumentList,
    /// The second part of one of the pairs.
    Pair,
    /// A list of `{ key, value }`.
    Entries,
    /// An object or list with other keys, or anything.
    Unknown,
    /// A boolean.
    Bool,
    /// An integer.
    Int,
    /// An integer when input and arguments are integers, else a float.
    Number,
    /// A float.
    Float,
    /// A string.
    Text,
    /// A list of strings.
    TextList,
}

/// A line of the table.
pub(super) struct Method {
    /// Its name in the language.
    pub name: &'static str,
    /// Which arguments it takes.
    pub arguments: Arguments,
    /// The version in whose documentation it appeared; not enforced (reference 1.3).
    #[expect(dead_code, reason = "for tools that list the methods")]
    pub since: Version,
    /// What it yields.
    pub gives: Gives,
    /// Carries it out.
    apply: fn(&mut Call<'_, '_, '_>) -> Option<Value>,
}

const fn method(
    name: &'static str,
    arguments: Arguments,
    since: Version,
    gives: Gives,
    apply: fn(&mut Call<'_, '_, '_>) -> Option<Value>,
) -> Method {
    Method { name, arguments, since, gives, apply }
}

const NEVER: Arguments = Arguments::Never;
const ANY: Arguments = Arguments::Count(0, usize::MAX);
const SOME: Arguments = Arguments::Count(1, usize::MAX);
const ONE: Arguments = Arguments::Count(1, 1);
const UP_TO_ONE: Arguments = Arguments::Count(0, 1);
const UP_TO_TWO: Arguments = Arguments::Count(0, 2);
const ONE_OR_TWO: Arguments = Arguments::Count(1, 2);

/// All methods, in the order of the reference, section 5.10.
pub(super) static METHODS: &[Method] = &[
    method("echo", SOME, Version::V0_1, Gives::Argument, flow::echo),
    method("map", SOME, Version::V0_1, Gives::ArgumentList, list::map),
    method("match", ANY, Version::V0_1, Gives::Pair, flow::match_pairs),
    method("first", NEVER, Version::V0_1, Gives::Element, list::first),
    method("last", NEVER, Version::V0_1, Gives::Element, list::last),
    method("slice", UP_TO_TWO, Version::V0_1, Gives::Input, list::slice),
    method("size", NEVER, Version::V0_1, Gives::Int, list::size),
    method("entries", NEVER, Version::V0_1, Gives::Entries, object::entries),
    method("jsonStringify", NEVER, Version::V0_1, Gives::Text, json::stringify),
    method("joinNotNull", ONE, Version::V0_2, Gives::Text, text::join_not_null),
    method("jsonParse", NEVER, Version::V0_3, Gives::Unknown, json::parse),
    method("filter", SOME, Version::V0_3, Gives::InputList, list::filter),
    method("find", SOME, Version::V0_3, Gives::Element, list::find),
    method("eq", ONE, Version::V0_3, Gives::Bool, compare::eq),
    method("ne", ONE, Version::V0_3, Gives::Bool, compare::ne),
    method("gt", ONE, Version::V0_3, Gives::Bool, compare::gt),
    method("gte", ONE, Version::V0_3, Gives::Bool, compare::gte),
    method("lt", ONE, Version::V0_3, Gives::Bool, compare::lt),
    method("lte", ONE, Version::V0_3, Gives::Bool, compare::lte),
    method("and", SOME, Version::V0_3, Gives::Bool, flow::and),
    method("or", SOME, Version::V0_3, Gives::Bool, flow::or),
    method("not", NEVER, Version::V0_3, Gives::Bool, flow::not),
    method("in", ONE, Version::V0_3, Gives::Bool, compare::is_in),
    method("contains", ONE, Version::V0_3, Gives::Bool, compare::contains),
    method("get", ONE, Version::V0_3, Gives::Unknown, list::get),
    method("toString", ANY, Version::V0_3, Gives::Text, text::to_text),
    method("parseInt", UP_TO_ONE, Version::V0_3, Gives::Int, number::parse_int),
    method("add", SOME, Version::V0_3, Gives::Number, number::add),
    method("sub", SOME, Version::V0_3, Gives::Number, number::sub),
    method("mul", SOME, Version::V0_3, Gives::Number, number::mul),
    method("div", SOME, Version::V0_3, Gives::Float, number::div),
    method("mod", SOME, Version::V0_3, Gives::Number, number::remainder),
    // Binds a name, so the evaluator carries it out by itself.
    method("as", ANY, Version::V0_3, Gives::Input, |call| Some(call.input().clone())),
    method("split", ONE_OR_TWO, Version::V0_3, Gives::TextList, text::split),
    method("trim", NEVER, Version::V0_3, Gives::Text, text::trim),
    method("trimStart", NEVER, Version::V0_3, Gives::Text, text::trim_start),
    method("trimEnd", NEVER, Version::V0_3, Gives::Text, text::trim_end),
    method("keysToCamelCase", NEVER, Version::V0_3, Gives::Unknown, object::keys_to_camel_case),
    method("keysToCamelCaseDeep", NEVER, Version::V0_3, Gives::Unknown, object::keys_to_camel_case_deep),
];

/// The method of that name.
pub(super) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The method that was probably meant by an unknown name.
pub fn suggest_method(name: &str) -> Option<&'static str> {
    crate::error::nearest(name, METHODS.iter().map(|method| method.name))
}

/// One call under way.
pub(super) struct Call<'c, 'e, 's> {
    evaluator: &'c mut Evaluator<'e>,
    /// `@` is the input.
    scope: &'c Scope<'s>,
    arguments: &'c [Expr],
    name: &'static str,
    span: &'c Span,
}

/// Bytes of text that are gone through for a unit of the budget.
const TEXT_PER_UNIT: usize = 16;

/// Calls the method `name`; its input is `@` of the scope.
pub(super) fn call(
    evaluator: &mut Evaluator<'_>,
    name: &str,
    arguments: Option<&[Expr]>,
    scope: &Scope<'_>,
    span: &Span,
) -> Option<Value> {
    let Some(method) = find(name) else {
        evaluator.problem(span, || format!("Method ->{name} not found"));
        return None;
    };
    let fits = match (method.arguments, arguments) {
        (Arguments::Never, given) => given.is_none(),
        (Arguments::Count(least, most), given) => (least..=most).contains(&given.map_or(0, <[Expr]>::len)),
    };
    if !fits {
        evaluator.problem(span, || format!("Method ->{name} does not take these arguments"));
        return None;
    }
    let arguments = arguments.unwrap_or_default();
    // Long texts are gone through, also by methods that give little.
    if let Value::String(text) = scope.current {
        evaluator.spend(text.len() / TEXT_PER_UNIT)?;
    }
    let value = (method.apply)(&mut Call { evaluator, scope, arguments, name: method.name, span })?;
    evaluator.spend(budget::size(&value))?;
    Some(value)
}

impl<'c, 's> Call<'c, '_, 's> {
    /// What the method is called on.
    pub(super) fn input(&self) -> &'s Value {
        self.scope.current
    }

    /// How many arguments there are.
    pub(super) fn count(&self) -> usize {
        self.arguments.len()
    }

    /// The argument's expression.
    pub(super) fn expression(&self, index: usize) -> Option<&'c Expr> {
        self.arguments.get(index)
    }

    /// The value of an argument, `@` being the input.
    pub(super) fn argument(&mut self, index: usize) -> Option<Value> {
        self.evaluator.argument(self.arguments.get(index)?, self.scope)
    }

    /// The value of an argument, `@` being `element`.
    pub(super) fn argument_of(&mut self, index: usize, element: &Value) -> Option<Value> {
        let scope = Scope { root: self.scope.root, current: element, locals: self.scope.locals.clone() };
        self.evaluator.argument(self.arguments.get(index)?, &scope)
    }

    /// The value of an argument to look at only, `@` being the input.
    pub(super) fn operand(&mut self, index: usize) -> Option<Cow<'c, Value>> {
        self.look(self.arguments.get(index)?)
    }

    /// The value of a part of an argument to look at only, `@` being the input.
    pub(super) fn look(&mut self, expr: &'c Expr) -> Option<Cow<'c, Value>> {
        self.evaluator.expr(expr, self.scope)
    }

    /// The value of a part of an argument, `@` being the input.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<Value> {
        self.evaluator.argument(expr, self.scope)
    }

    /// Takes units of the budget. `None`: nothing more may be computed.
    pub(super) fn spend(&mut self, units: usize) -> Option<()> {
        self.evaluator.spend(units)
    }

    /// An element of a list under construction: the value of the first argument for `element`.
    pub(super) fn mapped(&mut self, element: &Value) -> Value {
        let (scope, argument) = (self.scope, self.arguments.first());
        self.evaluator.element(|evaluator| {
            let scope = Scope { root: scope.root, current: element, locals: scope.locals.clone() };
            evaluator.argument(argument?, &scope)
        })
    }

    /// Records a problem.
    pub(super) fn problem(&mut self, what: &str) {
        let name = self.name;
        self.evaluator.problem(self.span, || format!("Method ->{name} {what}"));
    }

    /// Records a problem and gives no value.
    pub(super) fn refuse(&mut self, what: &str) -> Option<Value> {
        self.problem(what);
        None
    }

    /// No value, because the method is not for this input.
    pub(super) fn wrong_input(&mut self, wanted: &str) -> Option<Value> {
        let found = self.input().type_name();
        self.refuse(&format!("requires {wanted}, not {found}"))
    }
}
