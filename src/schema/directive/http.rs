//! What `@source` and `@connect` share: URL templates, `path:`, `queryParams:`, headers (reference 2 and 3.4).

use std::sync::Arc;

use apollo_compiler::{Node, ast::Value};
use http::HeaderName;

use super::{
    elements,
    mapping::{Codes, Expected, Scope, Text, check, read},
    member,
};
use crate::{
    config::{OWN_HEADERS, RESERVED_HEADERS},
    error::Diagnostic,
    schema::{
        findings::Findings,
        literal::Literal,
        template::{Header, HeaderSource, Location, Part, Parts, Template, TemplateError, scheme_of},
    },
};

/// A template and the mappings in it.
#[derive(Debug, Clone)]
pub(in crate::schema) struct CheckedTemplate {
    pub(in crate::schema) template: Template,
    pub(in crate::schema) texts: Vec<Text>,
    pub(in crate::schema) literal: Literal,
}

/// Reads a template and checks its expressions.
pub(in crate::schema) fn template(
    value: &Node<Value>,
    scope: &Scope<'_>,
    code: &'static str,
    findings: &mut Findings,
) -> Option<CheckedTemplate> {
    let literal = Literal::required(value, code, findings)?;
    let template = match Template::parse(&literal.text, scope.version) {
        Ok(template) => template,
        Err(TemplateError::Unclosed(span)) => {
            let label = literal.label(span, findings, "opened here");
            findings.push(Diagnostic::error(code, "a brace is not closed", label).help("add `}`"));
            return None;
        }
        Err(TemplateError::Expression(error, offset)) => {
            let span = error.span.start + offset..error.span.end + offset;
            let label = literal.label(span, findings, "");
            findings.push(Diagnostic { help: error.help, ..Diagnostic::error(code, error.message, label) });
            return None;
        }
    };
    let mut texts = Vec::new();
    for (mapping, range) in template.expressions() {
        let text = Text { mapping: Arc::new(mapping.clone()), literal: literal.clone(), offset: range.start };
        check(&text, scope, Codes::one(code), Expected::Scalar, findings);
        texts.push(text);
    }
    Some(CheckedTemplate { template, texts, literal })
}

/// Checks that a template is an absolute http URL. Templates that compute scheme or host are judged when they are rendered.
pub(in crate::schema) fn check_absolute(checked: &CheckedTemplate, allow_computed: bool, findings: &mut Findings) {
    let literal = &checked.literal;
    let whole = || 0..literal.text.len();
    let mut sample = String::new();
    for part in &checked.template.parts {
        match part {
            Part::Text(text) => sample.push_str(&text.plain),
            Part::Expression(_, range) => {
                let in_host = sample.split_once("://").is_none_or(|(_, rest)| !rest.contains(['/', '?', '#']));
                if in_host && allow_computed {
                    return;
                }
                if in_host {
                    let label = literal.label(range.clone(), findings, "");
                    let message = "an expression may stand only after the host of the URL";
                    findings.push(
                        Diagnostic::error("INVALID_URL", message, label).help(
                            "declare an `@source` with this URL as `baseURL`, which may use `$config` and `$env`",
                        ),
                    );
                    return;
                }
                sample.push('x');
            }
        }
    }
    sample.retain(|c| !matches!(c, '\t' | '\n' | '\r' | '\u{c}'));
    let Some(scheme) = scheme_of(&sample) else {
        let label = literal.label(whole(), findings, "");
        let help = format!("write the whole URL, like `https://{}`", sample.trim_start_matches('/'));
        findings.push(Diagnostic::error("INVALID_URL", "the URL is not absolute", label).help(help));
        return;
    };
    if !matches!(scheme, "http" | "https") {
        let label = literal.label(0..scheme.len(), findings, "");
        let message = format!("the scheme `{scheme}` is not supported");
        findings.push(Diagnostic::error("INVALID_URL_SCHEME", message, label).help("use `http` or `https`"));
        return;
    }
    let host = sample.trim().split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let parsed = ::url::Url::parse(sample.trim()).map_err(|error| error.to_string());
    let parsed = parsed.and_then(|_| Location::split_absolute(sample.trim()).map_err(|error| error.message));
    if host.contains(char::is_whitespace) || parsed.is_err() {
        let reason = parsed.err().unwrap_or_else(|| "invalid host".to_owned());
        let label = literal.label(whole(), findings, "");
        findings.push(Diagnostic::error("INVALID_URL", format!("the URL cannot be parsed: {reason}"), label));
    }
}

/// Reads `path:` and `queryParams:`.
pub(in crate::schema) fn parts(http: &Node<Value>, scope: &Scope<'_>, findings: &mut Findings) -> (Parts, Vec<Text>) {
    let codes = Codes::one("INVALID_URL_PROPERTY");
    let mut texts = Vec::new();
    let mut one = |name: &str, expected: Expected| {
        let text = read(member(http, name)?, scope, codes, expected, findings)?;
        let mapping = Arc::clone(&text.mapping);
        texts.push(text);
        Some(mapping)
    };
    let path = one("path", Expected::ScalarList);
    let query = one("queryParams", Expected::Object);
    (Parts { path, query }, texts)
}

/// Reads `headers:`.
pub(in crate::schema) fn headers(
    http: &Node<Value>,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> (Vec<Header>, Vec<Text>) {
    let (mut headers, mut texts) = (Vec::<Header>::new(), Vec::new());
    let Some(listed) = member(http, "headers") else { return (headers, texts) };
    for entry in elements(listed) {
        let Some((header, used)) = header(entry, scope, findings) else { continue };
        if headers.iter().any(|known| known.name == header.name) {
            let span = member(entry, "name").and_then(Node::location);
            let message = format!("the header `{}` is set twice", header.name);
            findings.error_with_help(
                "HTTP_HEADER_NAME_COLLISION",
                message,
                span,
                Some("remove one of them".to_owned()),
            );
            continue;
        }
        headers.push(header);
        texts.extend(used);
    }
    (headers, texts)
}

fn header(entry: &Node<Value>, scope: &Scope<'_>, findings: &mut Findings) -> Option<(Header, Vec<Text>)> {
    const CODE: &str = "INVALID_HEADER";
    let written = member(entry, "name")?;
    let text = written.as_str()?;
    let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
        findings.error(CODE, format!("`{text}` is no header name"), written.location());
        return None;
    };
    if RESERVED_HEADERS.contains(&name.as_str()) {
        let help = "this header belongs to the connection and is set by the gateway".to_owned();
        findings.error_with_help(CODE, format!("the header `{name}` cannot be set"), written.location(), Some(help));
        return None;
    }
    match (member(entry, "from"), member(entry, "value")) {
        (Some(from), None) => {
            if OWN_HEADERS.contains(&name.as_str()) {
                let help = Some("use `value:` for it".to_owned());
                let message = format!("the header `{name}` cannot be copied from the client");
                findings.error_with_help(CODE, message, from.location(), help);
                return None;
            }
            let Ok(from) = HeaderName::from_bytes(from.as_str()?.as_bytes()) else {
                findings.error(CODE, format!("`{}` is no header name", from.as_str()?), from.location());
                return None;
            };
            Some((Header { name, value: HeaderSource::Client(from) }, Vec::new()))
        }
        (None, Some(value)) => {
            let checked = template(value, scope, CODE, findings)?;
            Some((Header { name, value: HeaderSource::Template(checked.template) }, checked.texts))
        }
        (both, _) => {
            let message = match both {
                Some(_) => format!("the header `{name}` has both `from` and `value`"),
                None => format!("the header `{name}` has neither `from` nor `value`"),
            };
            findings.error_with_help(CODE, message, entry.location(), Some("give exactly one of them".to_owned()));
            None
        }
    }
}
