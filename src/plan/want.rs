//! What has to be there at an object position: the fields an operation selects, or the names a key needs.

use std::sync::Arc;

use super::mask::{Gates, Mask, Verdict};
use crate::{
    error::Location,
    mapping::KeyTree,
    operation::{FieldRef, Include, Selected, SelectedArgument, Selection},
    schema::{FieldId, Graph, TypeId},
};

/// Numbers wants, so that what was found out about some can be remembered.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u32,
}

impl Numbers {
    fn next(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
}

/// What a caller may have of an operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share<'a> {
    pub graph: &'a Graph,
    /// `None`: everything.
    pub mask: Option<(&'a Gates, &'a Mask)>,
}

impl Share<'_> {
    fn verdict(self, selected: &Selected) -> Verdict {
        self.mask.map_or(Verdict::Allowed, |(gates, mask)| gates.verdict(self.graph, mask, selected))
    }

    /// What guards of fields have to know of an object, each name once.
    fn this(self, fields: &[Want]) -> KeyTree {
        let mut this = KeyTree::default();
        let Some((gates, _)) = self.mask else { return this };
        for gate in fields.iter().filter_map(|field| field.gate) {
            this.add(&gates.gates[gate].this);
        }
        this
    }
}

/// Fields wanted of an object, by the type it turns out to have.
#[derive(Debug, Clone)]
pub(super) struct Wants {
    /// Equal only for clones.
    pub id: u32,
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
    /// Whether a key wants it, not the operation: it is asked for without arguments.
    pub is_of_key: bool,
    /// Who decides for each object whether it shows the field.
    pub gate: Option<usize>,
    pub location: Location,
    pub below: Option<Wants>,
}

/// What the want is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantKind {
    Field(FieldId),
    Typename,
    Introspection,
    /// The caller may not have it.
    Denied(FieldId),
}

impl Wants {
    /// The selection of an operation.
    pub fn of_selection(selection: &Selection, numbers: &mut Numbers, share: Share<'_>) -> Self {
        let mut variants = Vec::with_capacity(selection.variants.len());
        for variant in &selection.variants {
            let fields = variant.fields.iter().map(|field| Want::of_selected(field, numbers, share));
            let mut fields: Vec<Want> = fields.collect();
            let ty = variant.types.first().copied().unwrap_or(selection.ty);
            for (name, nested) in &share.this(&fields).keys {
                fields.extend(Want::of_name(share.graph, ty, name, nested, numbers));
            }
            variants.push(WantVariant { types: variant.types.clone(), fields });
        }
        Self { id: numbers.next(), ty: selection.ty, variants }
    }

    /// The names of a key of an object type.
    pub fn of_key(graph: &Graph, ty: TypeId, key: &KeyTree, numbers: &mut Numbers) -> Self {
        let fields =
            key.keys.iter().filter_map(|(name, nested)| Want::of_name(graph, ty, name, nested, numbers)).collect();
        Self { id: numbers.next(), ty, variants: vec![WantVariant { types: vec![ty], fields }] }
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
        Self { id: self.id, ty: self.ty, variants }
    }
}

impl Want {
    /// One name of a key, and what is used below it; `None` for `__typename`.
    pub fn of_name(
        graph: &Graph,
        ty: TypeId,
        name: &Arc<str>,
        nested: &KeyTree,
        numbers: &mut Numbers,
    ) -> Option<Self> {
        let field = *graph[ty].fields.get(name)?;
        let below = (!nested.keys.is_empty()).then(|| Wants::of_key(graph, graph[field].ty.named(), nested, numbers));
        Some(Self {
            key: Arc::clone(name),
            kind: WantKind::Field(field),
            arguments: Vec::new(),
            include: Include::Always,
            is_of_key: true,
            gate: None,
            location: Location { line: 0, column: 0 },
            below,
        })
    }

    fn of_selected(selected: &Selected, numbers: &mut Numbers, share: Share<'_>) -> Self {
        let verdict = share.verdict(selected);
        let below = selected.selection.as_ref().filter(|_| verdict != Verdict::Denied);
        Self {
            key: Arc::clone(&selected.key),
            kind: match selected.field {
                FieldRef::Field(field) if verdict == Verdict::Denied => WantKind::Denied(field),
                FieldRef::Field(field) => WantKind::Field(field),
                FieldRef::Typename => WantKind::Typename,
                FieldRef::Introspection => WantKind::Introspection,
            },
            arguments: selected.arguments.clone(),
            include: selected.include.clone(),
            is_of_key: false,
            gate: if let Verdict::Guarded(gate) = verdict { Some(gate) } else { None },
            location: selected.location,
            below: below.map(|selection| Wants::of_selection(selection, numbers, share)),
        }
    }

    /// The field, where it is one of the graph.
    pub fn field(&self) -> Option<FieldId> {
        match self.kind {
            WantKind::Field(field) => Some(field),
            WantKind::Typename | WantKind::Introspection | WantKind::Denied(_) => None,
        }
    }

    /// The same want for an object of another type (variants of an interface name the field of one of its types).
    pub fn on(&self, graph: &Graph, ty: TypeId) -> Option<FieldId> {
        let field = self.field()?;
        graph[ty].fields.get(&graph[field].name).copied().or(Some(field))
    }
}
