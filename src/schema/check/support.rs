//! What connectors cannot serve: subscriptions, and abstract types below v0.4.

use apollo_compiler::{ast::FieldDefinition, schema::ExtendedType};

use crate::{
    mapping::Version,
    schema::{document::Document, findings::Findings},
};

/// Reports a subscription root, and interfaces and unions that the version does not know.
pub(in crate::schema) fn check(document: &Document, findings: &mut Findings) {
    let Some(version) = document.version else { return };
    if let Some(name) = &document.schema.schema_definition.subscription {
        let span = document.schema.types.get(&name.name).and_then(|ty| ty.name().location());
        let message = format!("`{}`: subscriptions are not supported in a schema with connectors", name.name);
        findings.error_with_help("SUBSCRIPTION_IN_CONNECTORS", message, span, Some("remove the type".to_owned()));
    }
    for ty in document.schema.types.values() {
        if let ExtendedType::Interface(interface) = ty {
            let connector = |field: &FieldDefinition| field.directives.get(&document.names.connect).cloned();
            for misplaced in interface.fields.values().filter_map(|field| connector(field)) {
                let message = format!("a field of the interface `{}` cannot carry a connector", interface.name);
                let help = Some("put it on the field of each type that implements the interface".to_owned());
                findings.error_with_help("CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE", message, misplaced.location(), help);
            }
        }
        let is_abstract = matches!(ty, ExtendedType::Interface(_) | ExtendedType::Union(_));
        let is_own = !document.interface_objects.contains(ty.name());
        if is_abstract && is_own && version < Version::V0_4 && !ty.is_built_in() {
            let message = format!("`{}` is abstract, which connectors support from v0.4", ty.name());
            let help = Some("link `https://specs.apollo.dev/connect/v0.4`".to_owned());
            findings.error_with_help("CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE", message, ty.name().location(), help);
        }
    }
}
