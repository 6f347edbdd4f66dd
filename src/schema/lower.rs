//! Checked documents become the graph: names turn into ids.

use std::sync::Arc;

use apollo_compiler::{Name, ast::OperationType};

use super::{
    Connector, ConnectorId, Field, Place, Source, SourceId, Type, TypeId,
    directive::{
        connect::{Draft, DraftPlace},
        source::SourceDraft,
    },
    document::Document,
    merge::Renames,
    tables::Tables,
};
use crate::mapping::KeyTree;
use apollo_compiler::parser::SourceSpan;

/// A document with what was read of it.
pub(super) struct Checked {
    pub(super) document: Document,
    pub(super) sources: Vec<SourceDraft>,
    pub(super) drafts: Vec<Draft>,
}

/// Sources and connectors of all documents, and where each is written.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    pub(super) sources: Vec<Source>,
    pub(super) connectors: Vec<Connector>,
    pub(super) spans: Vec<Option<SourceSpan>>,
    pub(super) source_spans: Vec<Option<SourceSpan>>,
    /// Keys without what only `errors` and `isSuccess` use, of connectors where that is another.
    pub(super) narrow_keys: Vec<(ConnectorId, KeyTree)>,
}

/// Lowers all connectors and hangs them on their fields and types.
pub(super) fn lower(checked: Vec<(Checked, Renames)>, tables: &mut Tables) -> Lowered {
    let mut lowered = Lowered::default();
    for (Checked { document, sources, drafts }, renames) in checked {
        let first = lowered.sources.len();
        lowered.source_spans.extend(sources.iter().map(|source| source.span));
        lowered.sources.extend(
            sources.into_iter().map(|source| Source {
                name: Arc::from(source.name.as_str()),
                subgraph: Arc::clone(&document.subgraph),
            }),
        );
        for mut draft in drafts {
            let id = ConnectorId(u32::try_from(lowered.connectors.len()).expect("fewer than four billion connectors"));
            lowered.spans.push(draft.span);
            lowered.narrow_keys.extend(draft.narrow_key.take().map(|key| (id, key)));
            let connector = one(draft, &document, &renames, first, tables);
            hang(id, connector.place, tables);
            lowered.connectors.push(connector);
        }
    }
    lowered
}

fn one(draft: Draft, document: &Document, renames: &Renames, first_source: usize, tables: &Tables) -> Connector {
    let ty = |name: &Name| -> TypeId { tables.by_name[renames.get(name).unwrap_or(name).as_str()] };
    let place = match &draft.place {
        DraftPlace::Type { ty: name } => Place::Type { ty: ty(name) },
        DraftPlace::Field { parent, field, root } => {
            let field = tables.types[ty(parent).0 as usize].fields[field.as_str()];
            match root {
                Some(OperationType::Query | OperationType::Mutation) => {
                    Place::Root { field, entity: draft.entity.then(|| ty(&draft.yields)) }
                }
                _ => Place::Field { field },
            }
        }
    };
    let source =
        draft.source.map(|at| SourceId(u32::try_from(first_source + at).expect("fewer than four billion sources")));
    Connector {
        coordinate: Arc::from(draft.coordinate),
        name: draft.id.map(|(id, _)| Arc::from(id)),
        subgraph: Arc::clone(&document.subgraph),
        place,
        source,
        request: draft.request,
        batch: draft.batch,
        selection: draft.selection,
        success: draft.success,
        errors: draft.errors,
        key: draft.key,
        provides: draft.provides,
        reads: draft.reads,
        tags: draft.tags,
    }
}

fn hang(id: ConnectorId, place: Place, tables: &mut Tables) {
    let Tables { types, fields, .. } = tables;
    let field_of = |fields: &mut Vec<Field>, field: super::FieldId| fields[field.0 as usize].connectors.push(id);
    let type_of = |types: &mut Vec<Type>, ty: TypeId| types[ty.0 as usize].connectors.push(id);
    match place {
        Place::Type { ty } => type_of(types, ty),
        Place::Field { field } => field_of(fields, field),
        Place::Root { field, entity } => {
            field_of(fields, field);
            if let Some(ty) = entity {
                type_of(types, ty);
            }
        }
    }
}
