//! What has to be there at an object position: the fields an operation selects, or the names a key needs.

use std::sync::Arc;

use crate::{
    error::Location,
    operation::{FieldRef, Include, Selected, SelectedArgument, Selection},
    schema::{FieldId, Graph, TypeId},
};

/// Fields wanted of an object, by the type it turns out to have.
#[derive(Debug, Clone)]
pub(super) struct Wants {
    pub ty: TypeId,
    pub variants: Vec<WantVariant>,
}

/// The fields wanted of some object types.
#[derive(Debug, Clone)]
pub(super) struct WantVariant {
    pub types: Vec<TypeId>,
    pub fields: Vec<Want>,
}

/// One wanted field.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub key: Arc<str>,
    pub kind: WantKind,
    pub arguments: Vec<SelectedArgument>,
    pub include: Include,
    pub location: Location,
    pub below: Option<Wants>,
}

/// What the want is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantKind {
    Field(FieldId),
    Typename,
    Introspection,
}

impl Wants {
    /// The selection of an operation.
    pub fn of_selection(selection: &Selection) -> Self {
        let variants = selection
            .variants
            .iter()
            .map(|variant| WantVariant {
                types: variant.types.clone(),
                fields: variant.fields.iter().map(Want::of_selected).collect(),
            })
            .collect();
        Self { ty: selection.ty, variants }
    }

    /// Every variant with a single type, for positions where types need calls of their own.
    pub fn split(&self) -> Self {
        let variants = self
            .variants
            .iter()
            .flat_map(|variant| {
                variant.types.iter().map(|ty| WantVariant { types: vec![*ty], fields: variant.fields.clone() })
            })
            .collect();
        Self { ty: self.ty, variants }
    }
}

impl Want {
    fn of_selected(selected: &Selected) -> Self {
        Self {
            key: Arc::clone(&selected.key),
            kind: match selected.field {
                FieldRef::Field(field) => WantKind::Field(field),
                FieldRef::Typename => WantKind::Typename,
                FieldRef::Introspection => WantKind::Introspection,
            },
            arguments: selected.arguments.clone(),
            include: selected.include.clone(),
            location: selected.location,
            below: selected.selection.as_ref().map(Wants::of_selection),
        }
    }

    /// The field, where it is one of the graph.
    pub fn field(&self) -> Option<FieldId> {
        match self.kind {
            WantKind::Field(field) => Some(field),
            WantKind::Typename | WantKind::Introspection => None,
        }
    }

    /// The same want for an object of another type (variants of an interface name the field of one of its types).
    pub fn on(&self, graph: &Graph, ty: TypeId) -> Option<FieldId> {
        let field = self.field()?;
        graph[ty].fields.get(&graph[field].name).copied().or(Some(field))
    }
}
