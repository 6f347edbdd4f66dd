//! `@cacheControl` and `@cacheTag`: how long what a field shows may be kept, by whom, and by what name it is forgotten.

use std::sync::Arc;

use apollo_compiler::{
    Node,
    ast::{Directive, DirectiveList},
    schema::{DirectiveList as TypeDirectives, ExtendedType},
};

use super::{argument, connect::Draft};
use crate::{
    mapping::{KeyTree, Mapping, Variable},
    schema::{
        CacheHint, CacheTag,
        document::Document,
        findings::Findings,
        template::{Template, TemplateError},
    },
};

/// `@cacheControl`, as the schema has it.
pub(in crate::schema) const CACHE_CONTROL: &str = "cacheControl";

/// What all `@cacheControl` of a place say together: the strictest.
pub(in crate::schema) fn hint<'a>(directives: impl Iterator<Item = &'a Directive>) -> CacheHint {
    let mut hint = CacheHint::default();
    for directive in directives.filter(|directive| directive.name == CACHE_CONTROL) {
        let seconds = argument(directive, "maxAge").and_then(|value| u32::try_from(value.to_i32()?).ok());
        let scope = argument(directive, "scope").and_then(|value| value.as_enum());
        hint = hint.and(CacheHint { max_age: seconds, private: scope.map(|scope| scope == "PRIVATE") });
    }
    hint
}

/// Lifetimes that are none.
pub(in crate::schema) fn check(document: &Document, findings: &mut Findings) {
    let mut one = |directive: &Directive| {
        let Some(seconds) = argument(directive, "maxAge").filter(|_| directive.name == CACHE_CONTROL) else { return };
        if seconds.to_i32().is_none_or(|seconds| seconds < 0) {
            let help = Some("give seconds, or 0 for what may not be kept".to_owned());
            findings.error_with_help(
                "INVALID_CACHE_CONTROL",
                "`maxAge` is a number of seconds, 0 or more",
                seconds.location(),
                help,
            );
        }
    };
    for ty in document.schema.types.values().filter(|ty| !ty.is_built_in()) {
        ty.directives().iter().for_each(|directive| one(directive));
        let fields = match ty {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            _ => continue,
        };
        fields.values().flat_map(|field| field.directives.iter()).for_each(|directive| one(directive));
    }
}

/// The tags of a connector: those of its field and, as far as they are about the object that is asked for, those of its type.
pub(in crate::schema) fn tags(
    document: &Document,
    draft: &Draft,
    (field, yielded): (Option<&DirectiveList>, Option<&TypeDirectives>),
    findings: &mut Findings,
) -> Vec<CacheTag> {
    let Some(version) = document.version else { return Vec::new() };
    let wanted = |directive: &&Node<Directive>| directive.name == document.names.cache_tag.as_str();
    let on_field = field.into_iter().flat_map(|list| list.iter()).filter(wanted).map(|directive| (directive, false));
    let on_type = yielded.into_iter().flat_map(|list| list.iter().map(|directive| &directive.node));
    let on_type = on_type.filter(wanted).map(|directive| (directive, true));
    let is_by_key = draft.entity || field.is_none();
    let key_variable = if draft.entity { "$args." } else { "$this." };
    let mut tags = Vec::new();
    for (directive, is_of_type) in on_field.chain(on_type) {
        let Some(written) = argument(directive, "format") else { continue };
        let Some(format) = written.as_str() else { continue };
        // A list of objects has no key: of it only what is the same for all of them can be said.
        if is_of_type && !is_by_key && format.contains('{') {
            continue;
        }
        let mut refuse = |message: String, help: &str| {
            findings.error_with_help("INVALID_CACHE_TAG", message, written.location(), Some(help.to_owned()));
        };
        let template = match Template::parse(&format.replace("$key.", key_variable), version) {
            Ok(template) => template,
            Err(TemplateError::Unclosed(_)) => {
                refuse("a brace is not closed".to_owned(), "add `}`");
                continue;
            }
            Err(TemplateError::Expression(error, _)) => {
                refuse(error.message, "write `{$args.name}` of an argument, `{$key.name}` or `{$this.name}` of a key");
                continue;
            }
        };
        let is_known = |mapping: &Mapping| {
            mapping.uses().iter().all(|used| matches!(used.variable, Some(Variable::Args | Variable::This)))
        };
        if !template.expressions().all(|(mapping, _)| is_known(mapping)) {
            refuse(
                "a tag is made of `$args`, `$key` and `$this` only".to_owned(),
                "remove what it has of anything else: the tag has to be known before there is a reply",
            );
            continue;
        }
        let missing = template.expressions().find_map(|(mapping, _)| {
            let own = mapping.needs(Variable::This).and_then(|needs| missing(&needs, &draft.key));
            let place = draft.arguments.as_deref();
            own.or_else(|| {
                let needs = mapping.needs(Variable::Args)?;
                needs.keys.keys().find(|name| place.is_none_or(|known| !known.contains(name))).map(Arc::clone)
            })
        });
        if let Some(name) = missing {
            refuse(
                format!("the tag reads `{name}`, by which `{}` does not ask", draft.coordinate),
                "use an argument of the field, or what the connector's request uses of the object",
            );
            continue;
        }
        tags.push(CacheTag(Arc::new(template)));
    }
    tags
}

/// The first name of a tree that another does not have.
fn missing(needs: &KeyTree, known: &KeyTree) -> Option<Arc<str>> {
    needs.keys.iter().find_map(|(name, below)| match known.keys.get(name) {
        None => Some(Arc::clone(name)),
        Some(known) => missing(below, known),
    })
}
