//! What the document becomes: types with fields that know where their values come from, and operations.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::security::Scheme;

/// Index of a type in [`Model::types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TypeId(pub(super) usize);

/// A scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Scalar {
    Boolean,
    Date,
    DateTime,
    Float,
    Id,
    Int,
    Json,
    Long,
    String,
    Url,
    Uuid,
}

impl Scalar {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Float => "Float",
            Self::Id => "ID",
            Self::Int => "Int",
            Self::Json => "JSON",
            Self::Long => "Long",
            Self::String => "String",
            Self::Url => "URL",
            Self::Uuid => "UUID",
        }
    }

    /// Description and specification of one that GraphQL does not have itself.
    pub(super) fn definition(self) -> Option<(&'static str, Option<&'static str>)> {
        match self {
            Self::Boolean | Self::Float | Self::Id | Self::Int | Self::String => None,
            Self::Date => Some(("A day, as `2026-11-25`.", Some("https://datatracker.ietf.org/doc/html/rfc3339"))),
            Self::DateTime => {
                Some(("A time, as `2026-11-25T23:40:00Z`.", Some("https://datatracker.ietf.org/doc/html/rfc3339")))
            }
            Self::Json => Some(("Any JSON value.", Some("https://datatracker.ietf.org/doc/html/rfc8259"))),
            Self::Long => Some(("An integer of up to 64 bits.", None)),
            Self::Url => Some(("A URL.", Some("https://url.spec.whatwg.org/"))),
            Self::Uuid => Some(("A UUID.", Some("https://datatracker.ietf.org/doc/html/rfc9562"))),
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// An enum, object, union or input.
    Named(TypeId),
    List(Box<Ty>),
}

/// What a value is, and whether it may be null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ty {
    pub(super) kind: Kind,
    pub(super) is_nullable: bool,
}

impl Ty {
    pub(super) fn scalar(scalar: Scalar) -> Self {
        Self { kind: Kind::Scalar(scalar), is_nullable: true }
    }

    pub(super) fn json() -> Self {
        Self::scalar(Scalar::Json)
    }

    pub(super) fn list(item: Self) -> Self {
        Self { kind: Kind::List(Box::new(item)), is_nullable: true }
    }

    pub(super) fn nullable(mut self, is_nullable: bool) -> Self {
        self.is_nullable = is_nullable;
        self
    }

    /// The named type inside all lists.
    pub(super) fn inner(&self) -> Option<TypeId> {
        match &self.kind {
            Kind::Named(id) => Some(*id),
            Kind::List(item) => item.inner(),
            Kind::Scalar(_) => None,
        }
    }

    /// Puts another kind inside all lists.
    pub(super) fn with_inner(&self, kind: &Kind) -> Self {
        let kind = match &self.kind {
            Kind::List(item) => Kind::List(Box::new(item.with_inner(kind))),
            _ => kind.clone(),
        };
        Self { kind, is_nullable: self.is_nullable }
    }

    /// The type with null allowed everywhere: what is left when nullability does not count.
    pub(super) fn with_inner_null(&self) -> Self {
        let kind = match &self.kind {
            Kind::List(item) => Kind::List(Box::new(item.with_inner_null())),
            kind => kind.clone(),
        };
        Self { kind, is_nullable: true }
    }

    /// The type that allows null where either does; they differ in nothing else.
    pub(super) fn or_null(&self, other: &Self) -> Self {
        let kind = match (&self.kind, &other.kind) {
            (Kind::List(one), Kind::List(two)) => Kind::List(Box::new(one.or_null(two))),
            (kind, _) => kind.clone(),
        };
        Self { kind, is_nullable: self.is_nullable || other.is_nullable }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.kind, Kind::Scalar(_))
    }
}

/// How much of the type behind a field its selections hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edge {
    /// All of it.
    Whole,
    /// Its key: a connector of the type gives the rest.
    Key,
    /// The JSON as it is, with the reason.
    Json(&'static str),
}

/// A field of an object or input.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    /// Names of the properties that lead to the value.
    pub(super) path: Vec<String>,
    pub(super) ty: Ty,
    pub(super) description: Option<String>,
    pub(super) is_deprecated: bool,
    pub(super) edge: Edge,
    /// What the service has is an integer, where the field is an `ID`.
    pub(super) is_integer: bool,
    /// The value is the key of this entity, whose key field has this index; the path leads to the key.
    pub(super) join: Option<(TypeId, usize)>,
    pub(super) comment: Option<String>,
}

/// A value of an enum.
#[derive(Debug, Clone)]
pub(super) struct EnumValue {
    pub(super) name: String,
    /// What the service calls it.
    pub(super) wire: String,
}

/// A member of a union, and the discriminator's values that mean it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) ty: TypeId,
    pub(super) tags: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(super) enum TypeKind {
    /// An object or, in `usage`, an input.
    Object {
        fields: Vec<Field>,
        implements: Vec<TypeId>,
    },
    /// A union, or an interface when it has fields.
    Abstract {
        fields: Vec<Field>,
        members: Vec<Member>,
        discriminator: String,
    },
    Enum {
        values: Vec<EnumValue>,
        is_translated: bool,
    },
}

/// Whether a type is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Usage {
    Output,
    Input,
}

/// A type.
#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: TypeKind,
    pub(super) usage: Usage,
    pub(super) comment: Option<String>,
    pub(super) connectors: Vec<TypeConnector>,
    /// Indexes of fields that are keys, each by itself or several together.
    pub(super) keys: Vec<Vec<usize>>,
}

impl Type {
    pub(super) fn fields(&self) -> &[Field] {
        match &self.kind {
            TypeKind::Object { fields, .. } | TypeKind::Abstract { fields, .. } => fields,
            TypeKind::Enum { .. } => &[],
        }
    }

    pub(super) fn fields_mut(&mut self) -> &mut [Field] {
        match &mut self.kind {
            TypeKind::Object { fields, .. } | TypeKind::Abstract { fields, .. } => fields,
            TypeKind::Enum { .. } => &mut [],
        }
    }

    pub(super) fn is_entity(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// A connector on a type.
#[derive(Debug, Clone)]
pub(super) struct TypeConnector {
    /// Index of the operation that it is made of.
    pub(super) operation: usize,
    /// Index of the key.
    pub(super) key: usize,
    /// Set when one call serves many keys.
    pub(super) batch: Option<Batch>,
}

/// One call for many keys.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) keys_max: u64,
    /// Index of the argument that takes them.
    pub(super) argument: usize,
}

/// Where an argument's value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the path, in place of this parameter.
    Path,
    /// Into the query.
    Query(Style),
    Header,
    /// The body.
    Body,
}

/// How a value is written into a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Style {
    /// Once, or once for each element.
    Repeated,
    /// Elements with this between them.
    Joined(&'static str),
    /// `name[property]=value`.
    Brackets,
    /// Each property by its own name.
    Properties,
    /// JSON text.
    Json,
    /// `name[]=a&name[]=b`.
    RepeatedBrackets,
}

/// An argument of an operation.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) wire: String,
    pub(super) ty: Ty,
    pub(super) description: Option<String>,
    pub(super) place: Place,
    pub(super) is_integer: bool,
    pub(super) items_max: Option<u64>,
    pub(super) default: Option<Value>,
}

/// How a body is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    /// JSON under another media type.
    JsonAs(String),
    Form,
}

/// One operation, a root field.
#[expect(clippy::struct_excessive_bools, reason = "they do not depend on each other")]
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// `GET /users/{id}`, for people.
    pub(super) title: String,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) is_query: bool,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) is_deprecated: bool,
    pub(super) arguments: Vec<Argument>,
    /// Headers of the caller that are passed on.
    pub(super) forwarded: Vec<String>,
    pub(super) body: Option<BodyKind>,
    pub(super) result: Ty,
    /// Names of the properties around the result.
    pub(super) envelope: Vec<String>,
    /// Nothing is answered: the field says whether it was done. With the statuses that mean no.
    pub(super) is_empty: bool,
    pub(super) is_test: bool,
    pub(super) source: usize,
    pub(super) security: Vec<String>,
    pub(super) is_entity: bool,
    pub(super) comments: Vec<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) types: Vec<Type>,
    pub(super) operations: Vec<Operation>,
    pub(super) schemes: IndexMap<String, Scheme>,
    /// Base URLs, by the name of their source.
    pub(super) sources: IndexMap<String, String>,
    /// For each source whether its headers hold what all of its operations ask for.
    pub(super) shares_security: Vec<bool>,
    /// What was decided to leave out, for the end of the file.
    pub(super) left_out: Vec<(String, String)>,
    /// Size of the whole of a type in fields; filled when selections are bounded.
    pub(super) sizes: HashMap<TypeId, usize>,
}

impl std::ops::Index<TypeId> for Model {
    type Output = Type;

    fn index(&self, id: TypeId) -> &Type {
        &self.types[id.0]
    }
}

impl std::ops::IndexMut<TypeId> for Model {
    fn index_mut(&mut self, id: TypeId) -> &mut Type {
        &mut self.types[id.0]
    }
}
