//! A declared key is a promise: some connector answers it (reference 6.2).

use crate::schema::{
    directive::{
        connect::{Draft, DraftPlace},
        key,
    },
    document::Document,
    findings::Findings,
};

/// Reports keys that are no field sets of their type.
pub(in crate::schema) fn check_syntax(document: &Document, findings: &mut Findings) {
    for ty in document.schema.types.keys() {
        key::keys_of(document, ty, Some(findings));
    }
}

/// Reports resolvable keys that no connector of the document offers.
pub(in crate::schema) fn check(document: &Document, drafts: &[Draft], findings: &mut Findings) {
    if document.version.is_none() {
        return;
    }
    for ty in document.schema.types.values().filter(|ty| ty.is_object()) {
        let name = ty.name();
        for declared in key::keys_of(document, name, None).into_iter().filter(|declared| declared.resolvable) {
            let offers = |draft: &&Draft| match &draft.place {
                DraftPlace::Field { root: Some(_), .. } => draft.entity && draft.yields == *name,
                DraftPlace::Field { parent, root: None, .. } => parent == name,
                DraftPlace::Type { ty } => ty == name,
            };
            if drafts.iter().filter(offers).any(|draft| key::equal(&draft.key, &declared.fields)) {
                continue;
            }
            let message = format!("no connector completes `{name}` by its key `{}`", declared.text);
            let help = format!(
                "add a connector on `{name}` that uses `$this` or `$batch` with `{}`, or a query field with `entity: true`; \
                 `resolvable: false` takes the promise back",
                key::text(&declared.fields)
            );
            findings.error_with_help("MISSING_ENTITY_CONNECTOR", message, declared.span, Some(help));
        }
    }
}
