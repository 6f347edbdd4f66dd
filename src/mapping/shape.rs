//! What a mapping yields and what it uses, known before any body is seen.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Span;

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

impl KeyTree {
    /// Adds the names of another, each once.
    pub fn add(&mut self, other: &Self) {
        for (name, nested) in &other.keys {
            self.keys.entry(Arc::clone(name)).or_default().add(nested);
        }
    }
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

impl Variable {
    /// The variable of that name, written without `$`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "args" => Self::Args,
            "this" => Self::This,
            "batch" => Self::Batch,
            "config" => Self::Config,
            "context" => Self::Context,
            "env" => Self::Env,
            "request" => Self::Request,
            "response" => Self::Response,
            "status" => Self::Status,
            _ => return None,
        })
    }
}
