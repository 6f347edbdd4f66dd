//! The compiled graph: tables of types, fields, sources and connectors, related by ids.

use std::sync::Arc;

use apollo_compiler::validation::Valid;
use http::HeaderName;
use indexmap::IndexMap;

use super::{
    access::{Access, AccessId},
    directive::cost::Costs,
    redaction::Redaction,
    template::{Request, Template},
};
use crate::mapping::{KeyTree, Mapping};

/// Index into [`Graph::types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);
/// Index into [`Graph::fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);
/// Index into [`Graph::sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);
/// Index into [`Graph::connectors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectorId(pub u32);

/// Whose behaviour where they differ (reference, section 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compatibility {
    /// Ours.
    #[default]
    Default,
    /// The original's, to compare an existing deployment call by call.
    Strict,
}

/// Everything that one set of schema files says.
#[derive(Debug)]
pub struct Graph {
    /// All types, built-in scalars included.
    pub types: Vec<Type>,
    /// All output fields of object and interface types.
    pub fields: Vec<Field>,
    /// All sources. A connector without source has `source: None` and an absolute URL.
    pub sources: Vec<Source>,
    /// All connectors.
    pub connectors: Vec<Connector>,
    /// Type by name.
    pub by_name: IndexMap<Arc<str>, TypeId>,
    /// The query root.
    pub query: TypeId,
    /// The mutation root.
    pub mutation: Option<TypeId>,
    /// The API schema as clients see it: no connector or federation directives. For validation and introspection.
    pub schema: Valid<apollo_compiler::Schema>,
    /// Whose behaviour.
    pub compatibility: Compatibility,
    /// What `@cost` and `@listSize` say.
    pub costs: Costs,
    /// What fields require of callers.
    pub access: Access,
    /// What nobody should read of a request.
    pub redaction: Redaction,
}

/// What `@cacheControl` says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheHint {
    /// Seconds for which what is there may be kept.
    pub max_age: Option<u32>,
    /// Whether only for its caller.
    pub private: Option<bool>,
}

impl CacheHint {
    /// The stricter of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let max_age = match (self.max_age, other.max_age) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let private = match (self.private, other.private) {
            (Some(one), Some(other)) => Some(one || other),
            (one, other) => one.or(other),
        };
        Self { max_age, private }
    }

    /// What is said here, and for the rest what is said there.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { max_age: self.max_age.or(other.max_age), private: self.private.or(other.private) }
    }
}

/// `@cacheTag`: a name by which replies are forgotten.
#[derive(Debug, Clone)]
pub struct CacheTag(pub(super) Arc<Template>);

impl CacheTag {
    /// Its text for one call. `None` where a value is a list or an object, or nothing is left.
    pub fn render(&self, variables: &dyn crate::mapping::Variables) -> Option<String> {
        self.0.render_plain(variables).filter(|text| !text.is_empty())
    }
}

/// A type.
#[derive(Debug)]
pub struct Type {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: TypeKind,
    /// Output fields by name (object, interface).
    pub fields: IndexMap<Arc<str>, FieldId>,
    /// Object types that a value of this type can have; itself for an object.
    pub possible: Vec<TypeId>,
    /// Connectors that can complete an object of this type from a key: those on the type and `entity: true` query fields.
    pub connectors: Vec<ConnectorId>,
    /// Connectors of its fields that can be called without arguments, so that other connectors can take their keys from them.
    pub own: Vec<ConnectorId>,
    /// `@cacheControl` on it.
    pub caching: CacheHint,
}

/// Kinds of types.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GraphQL's")]
pub enum TypeKind {
    Object,
    Interface,
    Union,
    Enum { values: Vec<Arc<str>> },
    Scalar(Scalar),
    InputObject { fields: Vec<Argument> },
}

/// How a scalar is completed and coerced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GraphQL's")]
pub enum Scalar {
    Int,
    Float,
    String,
    Boolean,
    Id,
    Custom,
}

/// An argument or an input field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: TypeRef,
    /// Its default, already coerced.
    pub default: Option<crate::mapping::Value>,
}

/// A type with its wrappers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeRef {
    /// A named type.
    Named {
        /// Which.
        ty: TypeId,
        /// `!`
        non_null: bool,
    },
    /// A list.
    List {
        /// Of what.
        item: Box<TypeRef>,
        /// `!`
        non_null: bool,
    },
}

impl TypeRef {
    /// The named type inside.
    pub fn named(&self) -> TypeId {
        match self {
            Self::Named { ty, .. } => *ty,
            Self::List { item, .. } => item.named(),
        }
    }

    /// Whether null is excluded.
    pub fn is_non_null(&self) -> bool {
        match self {
            Self::Named { non_null, .. } | Self::List { non_null, .. } => *non_null,
        }
    }
}

/// An output field.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// The type that declares it.
    pub parent: TypeId,
    /// Its type.
    pub ty: TypeRef,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// Connectors on it, in text order: alternatives (reference 3.5).
    pub connectors: Vec<ConnectorId>,
    /// `@cacheControl` on it.
    pub caching: CacheHint,
    /// What it requires of callers; `None`: nothing.
    pub access: Option<AccessId>,
}

/// A REST service.
#[derive(Debug)]
pub struct Source {
    /// Its `@source` name.
    pub name: Arc<str>,
    /// The file it is declared in.
    pub subgraph: Arc<str>,
}

/// Where a connector hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A field of the query or mutation root; `entity` when it also resolves references (`entity: true`).
    Root {
        /// The field.
        field: FieldId,
        /// The type whose objects it completes.
        entity: Option<TypeId>,
    },
    /// A field of another object type; its `key` comes from the object (empty for a namespace, reference 3.6).
    Field {
        /// The field.
        field: FieldId,
    },
    /// An object type.
    Type {
        /// The type.
        ty: TypeId,
    },
}

/// `$batch`: one call for many keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Most keys in a call; `None`: no bound.
    pub keys_max: Option<usize>,
}

/// How a failed call becomes an error (reference 8.3).
#[derive(Debug, Clone, Default)]
pub struct Errors {
    /// `errors.message` of the connector, else of the source.
    pub message: Option<Arc<Mapping>>,
    /// `errors.extensions`: the source's, then the connector's.
    pub extensions: Vec<Arc<Mapping>>,
}

/// What a selection gives, as nested GraphQL names. Per path of the selection, not per type (reference 6.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provides {
    /// Selected names and what is selected below them.
    pub fields: IndexMap<Arc<str>, Provides>,
    /// Everything below is there (a leaf, or a custom scalar).
    pub is_leaf: bool,
}

/// One `@connect`.
#[derive(Debug)]
pub struct Connector {
    /// `shop:Query.user[0]`, for connectors on types `shop:User[0]`.
    pub coordinate: Arc<str>,
    /// `id:`, for plans, logs and metrics.
    pub name: Option<Arc<str>>,
    /// The file it is declared in.
    pub subgraph: Arc<str>,
    /// Where it hangs.
    pub place: Place,
    /// The source it calls.
    pub source: Option<SourceId>,
    /// The request; `None` for connectors without one.
    pub request: Option<Request>,
    /// Set when the request uses `$batch`.
    pub batch: Option<Batch>,
    /// Body to GraphQL value.
    pub selection: Arc<Mapping>,
    /// `isSuccess` of the connector, else of the source; `None`: status 200 to 299.
    pub success: Option<Arc<Mapping>>,
    /// How a failure becomes an error.
    pub errors: Errors,
    /// What it needs of the object it completes: `$this` and `$batch` uses of request, selection and (default) success and errors;
    /// for `entity: true` the arguments by name, nested input objects included.
    pub key: KeyTree,
    /// What its selection gives.
    pub provides: Provides,
    /// The literal keys used of `$context`, `$env`, `$request.headers` and `$response.headers`, over all its mappings.
    pub reads: Reads,
    /// `@cacheTag` of its field and type. For `$batch`, `$this` is one of its objects after the other.
    pub tags: Vec<CacheTag>,
}

impl Graph {
    /// What is said of a field: by itself, else by its type.
    pub fn cache_hint(&self, field: FieldId) -> CacheHint {
        let field = &self[field];
        field.caching.or(self[field.ty.named()].caching)
    }

    /// What is said of all that a connector gives.
    pub fn connector_cache_hint(&self, connector: &Connector) -> CacheHint {
        match connector.place {
            Place::Root { field, .. } | Place::Field { field } => self.cache_hint(field),
            Place::Type { ty } => self[ty].caching,
        }
    }
}

impl Connector {
    /// The headers of the client's request that its call sends on, or that its mappings read.
    pub fn read_headers(&self) -> impl Iterator<Item = HeaderName> {
        let read = self.reads.request_headers.iter().filter_map(|name| HeaderName::try_from(&**name).ok());
        self.client_headers().cloned().chain(read)
    }

    /// The headers of the client's request that its call sends on.
    pub fn client_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.request.iter().flat_map(Request::client_headers)
    }
}

/// Literal keys that a connector reads of open-ended variables (reference 4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Top-level keys of `$context`.
    pub context: Vec<Arc<str>>,
    /// Names of `$env`.
    pub env: Vec<Arc<str>>,
    /// Lower-case header names of `$request.headers`.
    pub request_headers: Vec<Arc<str>>,
    /// Lower-case header names of `$response.headers`.
    pub response_headers: Vec<Arc<str>>,
}

macro_rules! table {
    ($($id:ident => $table:ident: $row:ident),*) => {$(
        impl std::ops::Index<$id> for Graph {
            type Output = $row;
            fn index(&self, id: $id) -> &$row {
                &self.$table[id.0 as usize]
            }
        }
    )*};
}
table!(TypeId => types: Type, FieldId => fields: Field, SourceId => sources: Source, ConnectorId => connectors: Connector);
