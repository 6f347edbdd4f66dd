//! What a mapping yields and what it uses, known before any body is seen.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Mapping, Span};

/// A variable of the language; `$` and `@` are not variables but positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the name in the text")]
pub enum Variable {
    Args,
    This,
    Batch,
    Config,
    Context,
    Env,
    Request,
    Response,
    Status,
}

/// Nested names: `{ site: { id: {} }, channel: {} }`. An empty tree is a leaf: the whole value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyTree {
    /// Name to what is used below it, in order of first use.
    pub keys: IndexMap<Arc<str>, KeyTree>,
}

/// One occurrence of a variable in a text.
#[derive(Debug, Clone)]
pub struct Use {
    /// The variable; `None` for an unknown name, and for `$` and bare keys (the body) see `Mapping::reads_input`.
    pub variable: Option<Variable>,
    /// Its name as written, without `$`.
    pub name: Arc<str>,
    /// Literal keys after it, up to the first method, with their spans; followed through `->map`, `->filter` and groups
    /// (there one `Use` for each path).
    pub path: Vec<(Arc<str>, Span)>,
    /// Of the variable itself.
    pub span: Span,
}

/// Named members of an object shape, with the span of each name.
pub type Fields = IndexMap<Arc<str>, (Span, Shape)>;

/// A static type with the place it comes from.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What is known.
    pub kind: ShapeKind,
    /// Which part of the text yields it; `None` for shapes given from outside.
    pub span: Option<Span>,
}

/// What can be known of a value.
#[derive(Debug, Clone)]
pub enum ShapeKind {
    /// Nothing (body data, `$config`, `$context`, results of methods before v0.3).
    Unknown,
    /// Certainly no value.
    Missing,
    /// Null.
    Null,
    /// A boolean, perhaps a known one.
    Bool(Option<bool>),
    /// An integer.
    Int,
    /// Any number.
    Float,
    /// A string, perhaps a known one.
    String(Option<Arc<str>>),
    /// A list of unknown length.
    List(Box<Shape>),
    /// An array literal.
    Array(Vec<Shape>),
    /// An object with exactly these members (a literal, or a given type).
    Object(Fields),
    /// A group `{ … }` applied to a value: an object of these members, or a list of such where the value is a list.
    /// The first member is the shape of what it is applied to.
    Group(Box<Shape>, Fields),
    /// One of several.
    OneOf(Vec<Shape>),
}

impl Mapping {
    /// The static shape of the output. `given` answers the shape of a variable (`Unknown` when it has none).
    pub fn shape(&self, given: &dyn Fn(Variable) -> Shape) -> Shape {
        let _ = given;
        todo!()
    }

    /// Every occurrence of a variable, in text order.
    pub fn uses(&self) -> Vec<Use> {
        todo!()
    }

    /// What is used of a variable, as nested names, followed through methods, `?` and groups (reference 6.2).
    /// `None` when the variable does not occur.
    pub fn needs(&self, variable: Variable) -> Option<KeyTree> {
        let _ = variable;
        todo!()
    }

    /// Spans of the places that read the input (`$` or a bare key at the start of a path, outside nested groups over variables).
    /// Empty for a mapping that draws on variables and literals only.
    pub fn reads_input(&self) -> Vec<Span> {
        todo!()
    }
}
