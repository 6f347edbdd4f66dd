//! `@source`: a REST service with its base URL and defaults (reference, section 2).

use std::sync::Arc;

use apollo_compiler::{Node, ast::Directive, parser::SourceSpan};

use super::{
    argument, http,
    mapping::{Codes, Expected, Phase, Scope, Text, read},
    member,
};
use crate::{
    mapping::Mapping,
    schema::{
        Compatibility,
        document::Document,
        findings::Findings,
        template::{Base, Header, Parts, Template},
    },
};

/// Longest name.
const NAME_MAX: usize = 64;

/// One `@source`, as far as it is valid.
#[derive(Debug)]
pub(in crate::schema) struct SourceDraft {
    pub(in crate::schema) name: String,
    pub(in crate::schema) span: Option<SourceSpan>,
    pub(in crate::schema) base: Base,
    pub(in crate::schema) parts: Parts,
    pub(in crate::schema) headers: Vec<Header>,
    pub(in crate::schema) message: Option<Arc<Mapping>>,
    pub(in crate::schema) extensions: Option<Arc<Mapping>>,
    pub(in crate::schema) success: Option<Arc<Mapping>>,
    /// Mappings of the request.
    pub(in crate::schema) request_texts: Vec<Text>,
}

/// Reads all sources of a document.
pub(in crate::schema) fn read_all(
    document: &Document,
    compatibility: Compatibility,
    findings: &mut Findings,
) -> Vec<SourceDraft> {
    let mut sources: Vec<SourceDraft> = Vec::new();
    for directive in &document.schema.schema_definition.directives.0 {
        if directive.name != document.names.source.as_str() {
            continue;
        }
        let Some(source) = one(document, &directive.node, compatibility, findings) else { continue };
        if sources.iter().any(|known| known.name == source.name && !source.name.is_empty()) {
            let message = format!("there are two sources called `{}`", source.name);
            findings.error_with_help(
                "DUPLICATE_SOURCE_NAME",
                message,
                source.span,
                Some("give each its own name".to_owned()),
            );
            continue;
        }
        sources.push(source);
    }
    sources
}

fn one(
    document: &Document,
    directive: &Node<Directive>,
    compatibility: Compatibility,
    findings: &mut Findings,
) -> Option<SourceDraft> {
    let scope = Scope {
        schema: &document.schema,
        version: document.version?,
        args: None,
        this: None,
        batch: None,
        phase: Phase::Request,
        compatibility,
    };
    let written = argument(directive, "name")?;
    let name = written.as_str()?.to_owned();
    check_name(&name, written.location(), findings);

    let settings = argument(directive, "http")?;
    let base_scope = Scope { phase: Phase::Base, ..scope };
    let base = http::template(member(settings, "baseURL")?, &base_scope, "INVALID_URL", findings);
    if let Some(base) = &base {
        http::check_absolute(base, true, findings);
    }
    let (parts, mut request_texts) = http::parts(settings, &scope, findings);
    let (headers, header_texts) = http::headers(settings, &scope, findings);
    request_texts.extend(header_texts);
    if let Some(base) = &base {
        request_texts.extend(base.texts.iter().cloned());
    }

    let outcome = Scope { phase: Phase::Response, ..scope };
    let errors = argument(directive, "errors");
    let mut mapping =
        |value, code, expected| read(value, &outcome, Codes::one(code), expected, findings).map(|text| text.mapping);
    let message = errors.and_then(|errors| member(errors, "message"));
    let message = message.and_then(|value| mapping(value, "INVALID_ERRORS_MESSAGE", Expected::Text));
    let extensions = errors.and_then(|errors| member(errors, "extensions"));
    let extensions = extensions.and_then(|value| mapping(value, "INVALID_ERRORS_MESSAGE", Expected::Object));
    let success = argument(directive, "isSuccess");
    let success = success.and_then(|value| mapping(value, "INVALID_IS_SUCCESS", Expected::Boolean));
    Some(SourceDraft {
        name,
        span: directive.location(),
        base: Base::from(base.map_or_else(|| Template::constant(""), |base| base.template)),
        parts,
        headers,
        message,
        extensions,
        success,
        request_texts,
    })
}

fn check_name(name: &str, span: Option<SourceSpan>, findings: &mut Findings) {
    if name.is_empty() {
        findings.error("EMPTY_SOURCE_NAME", "the name of the source is empty", span);
        return;
    }
    let good_start = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let good_rest = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !good_start || !good_rest || name.len() > NAME_MAX {
        findings.error_with_help(
            "INVALID_SOURCE_NAME",
            format!("`{name}` is no name for a source"),
            span,
            Some(format!("begin with a letter; letters, digits, `_` and `-` may follow, {NAME_MAX} at most")),
        );
    }
}
