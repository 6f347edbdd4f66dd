//! Several documents, one schema: types of one name are one type with the fields of all; and what clients see of it.

use std::{collections::HashSet, sync::Arc};

use apollo_compiler::{
    Name, Schema,
    ast::{DirectiveList as AstDirectives, FieldDefinition, InputValueDefinition, OperationType, Type},
    schema::{Component, ComponentName, DirectiveList, ExtendedType},
    validation::Valid,
};
use indexmap::IndexMap;

use super::{
    document::{Document, NO_QUERY_FIELD},
    findings::Findings,
    words::Known,
};

/// Names of root types that differ between documents, and what they are called in the merged schema.
pub(super) type Renames = IndexMap<Name, Name>;

/// The merged schema, with all directives still on it.
pub(super) struct Merged {
    pub(super) schema: Schema,
    /// For each document, in order.
    pub(super) renames: Vec<Renames>,
}

/// Merges the documents. `None` when they contradict each other; the findings say where.
pub(super) fn merge(documents: &[&Document], findings: &mut Findings) -> Option<Merged> {
    let before = findings.error_count();
    let mut schema = Schema::new();
    let mut renames = vec![Renames::new(); documents.len()];
    for kind in [OperationType::Query, OperationType::Mutation] {
        let name = root_name(documents, kind, &mut renames);
        let definition = schema.schema_definition.make_mut();
        match kind {
            OperationType::Query => definition.query = name.map(ComponentName::from),
            _ => definition.mutation = name.map(ComponentName::from),
        }
    }
    for (document, renames) in documents.iter().zip(&renames) {
        Arc::make_mut(&mut schema.sources)
            .extend(document.schema.sources.iter().map(|(id, file)| (*id, Arc::clone(file))));
        for (name, definition) in &document.schema.directive_definitions {
            if !definition.is_built_in() && !document.machinery.contains(&format!("@{name}")) {
                schema.directive_definitions.entry(name.clone()).or_insert_with(|| definition.clone());
            }
        }
        for (name, ty) in &document.schema.types {
            if ty.is_built_in() || document.machinery.contains(name.as_str()) {
                continue;
            }
            let ty = renamed(ty, renames);
            match schema.types.get_mut(ty.name()) {
                None => {
                    schema.types.insert(ty.name().clone(), ty);
                }
                Some(known) => join(known, ty, findings),
            }
        }
        let definition = schema.schema_definition.make_mut();
        definition.directives.extend(document.schema.schema_definition.directives.iter().cloned());
        if definition.description.is_none() {
            definition.description.clone_from(&document.schema.schema_definition.description);
        }
    }
    if let Some(ExtendedType::Object(query)) =
        schema.schema_definition.query.clone().and_then(|name| schema.types.get_mut(&name.name))
    {
        query.make_mut().fields.shift_remove(NO_QUERY_FIELD);
    }
    (findings.error_count() == before).then_some(Merged { schema, renames })
}

/// What a root type is called when all documents are one: as they say when they agree, else by its default name.
fn root_name(documents: &[&Document], kind: OperationType, renames: &mut [Renames]) -> Option<Name> {
    let is_stand_in = |document: &Document, name: &Name| matches!(document.schema.types.get(name), Some(ExtendedType::Object(object)) if object.fields.contains_key(NO_QUERY_FIELD));
    let written: Vec<(usize, Name)> = documents
        .iter()
        .enumerate()
        .filter_map(|(at, document)| Some((at, document.schema.root_operation(kind)?.clone())))
        .collect();
    let mut real = written.iter().filter(|(at, name)| !is_stand_in(documents[*at], name)).map(|(_, name)| name);
    let default = kind.default_type_name();
    let name = match real.next() {
        Some(first) if real.all(|other| other == first) => first.clone(),
        Some(_) => default.clone(),
        None => written.first()?.1.clone(),
    };
    for (at, own) in written {
        if own != name {
            renames[at].insert(own, name.clone());
        }
    }
    Some(name)
}

/// The type under the names of the merged schema.
fn renamed(ty: &ExtendedType, renames: &Renames) -> ExtendedType {
    let mut ty = ty.clone();
    if renames.is_empty() {
        return ty;
    }
    let rename = |name: &mut Name| {
        if let Some(new) = renames.get(name) {
            *name = new.clone();
        }
    };
    match &mut ty {
        ExtendedType::Object(object) => {
            let object = object.make_mut();
            rename(&mut object.name);
            object.fields.values_mut().for_each(|field| rename_type(&mut field.make_mut().ty, &rename));
        }
        ExtendedType::Interface(interface) => {
            interface.make_mut().fields.values_mut().for_each(|field| rename_type(&mut field.make_mut().ty, &rename));
        }
        ExtendedType::Union(union) => {
            let union = union.make_mut();
            union.members = union
                .members
                .iter()
                .cloned()
                .map(|mut member| {
                    rename(&mut member.name);
                    member
                })
                .collect();
        }
        _ => {}
    }
    ty
}

fn rename_type(ty: &mut Type, rename: &dyn Fn(&mut Name)) {
    match ty {
        Type::Named(name) | Type::NonNullNamed(name) => rename(name),
        Type::List(item) | Type::NonNullList(item) => rename_type(item, rename),
    }
}

/// Adds a second definition of a type to the first. Objects and interfaces join their fields; the rest has to be equal.
fn join(known: &mut ExtendedType, other: ExtendedType, findings: &mut Findings) {
    match (known, other) {
        (ExtendedType::Object(known), ExtendedType::Object(other)) => {
            let known = known.make_mut();
            known.implements_interfaces.extend(other.implements_interfaces.iter().cloned());
            known.directives.0.extend(other.directives.0.iter().cloned());
            known.description = known.description.take().or_else(|| other.description.clone());
            let parent = known.name.clone();
            join_fields(&mut known.fields, &other.fields, &parent, findings);
        }
        (ExtendedType::Interface(known), ExtendedType::Interface(other)) => {
            let known = known.make_mut();
            known.implements_interfaces.extend(other.implements_interfaces.iter().cloned());
            let parent = known.name.clone();
            join_fields(&mut known.fields, &other.fields, &parent, findings);
        }
        (ExtendedType::Union(known), ExtendedType::Union(other)) => {
            known.make_mut().members.extend(other.members.iter().cloned());
        }
        (ExtendedType::Scalar(_), ExtendedType::Scalar(_)) => {}
        (ExtendedType::Enum(known), ExtendedType::Enum(other)) => {
            let equal = known.values.len() == other.values.len()
                && known.values.keys().all(|value| other.values.contains_key(value));
            if !equal {
                contradiction("the values of the enum", &other.name, findings);
            }
        }
        (ExtendedType::InputObject(known), ExtendedType::InputObject(other)) => {
            let same = |name: &Name| match (known.fields.get(name), other.fields.get(name)) {
                (Some(a), Some(b)) => a.ty == b.ty && a.default_value == b.default_value,
                _ => false,
            };
            if known.fields.len() != other.fields.len() || !other.fields.keys().all(same) {
                contradiction("the fields of the input type", &other.name, findings);
            }
        }
        (_, other) => contradiction("the kinds of the type", other.name(), findings),
    }
}

type Fields = apollo_compiler::collections::IndexMap<Name, Component<FieldDefinition>>;

fn join_fields(known: &mut Fields, other: &Fields, parent: &Name, findings: &mut Findings) {
    for (name, field) in other {
        let Some(first) = known.get(name) else {
            known.insert(name.clone(), field.clone());
            continue;
        };
        let equal_arguments = first.arguments.len() == field.arguments.len()
            && first
                .arguments
                .iter()
                .all(|argument| field.argument_by_name(&argument.name).is_some_and(|other| other.ty == argument.ty));
        if first.ty != field.ty || !equal_arguments {
            let message = format!("`{parent}.{name}` is declared differently in two files");
            let second = findings.label(field.name.location(), format!("`{}` here", field.ty));
            let mut finding = crate::error::Diagnostic::error("FIELD_TYPE_MISMATCH", message, second);
            finding.labels.push(findings.label(first.name.location(), format!("`{}` here", first.ty)));
            findings.push(finding.help("give it the same type and arguments in both"));
            continue;
        }
        // Each file's directives count: connectors of a field may come from several.
        let directives = field.directives.iter().cloned();
        if let Some(first) = known.get_mut(name) {
            first.make_mut().directives.0.extend(directives);
        }
    }
}

fn contradiction(what: &str, name: &Name, findings: &mut Findings) {
    let help = Some("make both definitions equal".to_owned());
    findings.error_with_help("TYPE_MISMATCH", format!("{what} `{name}` differ between files"), name.location(), help);
}

/// What clients see: no directives of the specs, nothing that is `@inaccessible`.
pub(super) fn api(merged: &Schema, documents: &[&Document], findings: &mut Findings) -> Option<Valid<Schema>> {
    let hidden: HashSet<&str> =
        documents.iter().filter_map(|document| document.names.inaccessible.as_deref()).collect();
    let machinery: HashSet<&str> =
        documents.iter().flat_map(|document| &document.machinery).filter_map(|name| name.strip_prefix('@')).collect();
    let mut schema = merged.clone();
    let is_hidden =
        |directives: &AstDirectives| directives.iter().any(|directive| hidden.contains(directive.name.as_str()));
    let gone: HashSet<Name> = schema
        .types
        .values()
        .filter(|ty| ty.directives().iter().any(|directive| hidden.contains(directive.name.as_str())))
        .map(|ty| ty.name().clone())
        .collect();
    require_seen(&schema, &gone, &is_hidden, findings);
    schema.types.retain(|name, _| !gone.contains(name));
    let strip =
        |directives: &mut DirectiveList| directives.0.retain(|directive| !machinery.contains(directive.name.as_str()));
    let strip_ast =
        |directives: &mut AstDirectives| directives.0.retain(|directive| !machinery.contains(directive.name.as_str()));
    strip(&mut schema.schema_definition.make_mut().directives);
    for ty in schema.types.values_mut().filter(|ty| !ty.is_built_in()) {
        match ty {
            ExtendedType::Scalar(scalar) => strip(&mut scalar.make_mut().directives),
            ExtendedType::Object(object) => {
                let object = object.make_mut();
                strip(&mut object.directives);
                object.implements_interfaces.retain(|name| !gone.contains(&name.name));
                keep_fields(&mut object.fields, &gone, &is_hidden, &strip_ast);
            }
            ExtendedType::Interface(interface) => {
                let interface = interface.make_mut();
                strip(&mut interface.directives);
                interface.implements_interfaces.retain(|name| !gone.contains(&name.name));
                keep_fields(&mut interface.fields, &gone, &is_hidden, &strip_ast);
            }
            ExtendedType::Union(union) => {
                let union = union.make_mut();
                strip(&mut union.directives);
                union.members.retain(|member| !gone.contains(&member.name));
            }
            ExtendedType::Enum(values) => {
                let values = values.make_mut();
                strip(&mut values.directives);
                values.values.retain(|_, value| !is_hidden(&value.directives));
                values.values.values_mut().for_each(|value| strip_ast(&mut value.make_mut().directives));
            }
            ExtendedType::InputObject(input) => {
                let input = input.make_mut();
                strip(&mut input.directives);
                input
                    .fields
                    .retain(|_, field| !is_hidden(&field.directives) && !gone.contains(field.ty.inner_named_type()));
                input.fields.values_mut().for_each(|field| strip_ast(&mut field.make_mut().directives));
            }
        }
    }
    add_is_one_of(&mut schema);
    match schema.validate() {
        Ok(schema) => Some(schema),
        Err(broken) => {
            findings.adopt(&broken.errors, false, &Known::default());
            None
        }
    }
}

/// Reports arguments and input fields that have to be given by clients who cannot see them.
fn require_seen(
    schema: &Schema,
    gone: &HashSet<Name>,
    is_hidden: &dyn Fn(&AstDirectives) -> bool,
    findings: &mut Findings,
) {
    let mut check = |place: &str, input: &InputValueDefinition| {
        let is_unseen = is_hidden(&input.directives) || gone.contains(input.ty.inner_named_type());
        if is_unseen && input.is_required() {
            let message = format!("`{place}{}` is required, and clients cannot see it", input.name);
            let help = Some("give it a default, or a type without `!`".to_owned());
            findings.error_with_help("REQUIRED_INACCESSIBLE", message, input.name.location(), help);
        }
    };
    for ty in schema.types.values().filter(|ty| !ty.is_built_in() && !gone.contains(ty.name())) {
        let fields = match ty {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            ExtendedType::InputObject(input) => {
                input.fields.values().for_each(|field| check(&format!("{}.", input.name), field));
                continue;
            }
            ExtendedType::Scalar(_) | ExtendedType::Union(_) | ExtendedType::Enum(_) => continue,
        };
        for field in fields.values().filter(|field| !is_hidden(&field.directives)) {
            let place = format!("{}.{}:", ty.name(), field.name);
            field.arguments.iter().for_each(|argument| check(&place, argument));
        }
    }
}

/// `__Type.isOneOf` (GraphQL, September 2025, 4.2.2), which apollo-compiler 1.33 does not define; `operation` answers it.
fn add_is_one_of(schema: &mut Schema) {
    let name = apollo_compiler::name!("isOneOf");
    if let Some(ExtendedType::Object(ty)) = schema.types.get_mut("__Type") {
        let field = FieldDefinition {
            description: None,
            name: name.clone(),
            arguments: Vec::new(),
            ty: apollo_compiler::ty!(Boolean),
            directives: AstDirectives::default(),
        };
        ty.make_mut().fields.entry(name).or_insert_with(|| Component::new(field));
    }
}

fn keep_fields(
    fields: &mut Fields,
    gone: &HashSet<Name>,
    is_hidden: &dyn Fn(&AstDirectives) -> bool,
    strip: &dyn Fn(&mut AstDirectives),
) {
    fields.retain(|_, field| !is_hidden(&field.directives) && !gone.contains(field.ty.inner_named_type()));
    for field in fields.values_mut() {
        let field = field.make_mut();
        strip(&mut field.directives);
        field
            .arguments
            .retain(|argument| !is_hidden(&argument.directives) && !gone.contains(argument.ty.inner_named_type()));
        field.arguments.iter_mut().for_each(|argument| strip(&mut argument.make_mut().directives));
    }
}
