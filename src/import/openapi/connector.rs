//! `@source` and `@connect` as they are written.

use serde_json::Value;

use super::{
    entity,
    model::{Argument, BodyKind, Kind, Model, Operation, Place, Scalar, Style, Ty, TypeConnector, TypeId},
    print::line,
    security::Scheme,
    selection::{self, Piece, key, lines},
};

/// Longest connector on one line.
const WIDTH: usize = 116;

/// Where a connector hangs that is not a root field's own.
type Site<'a> = Option<(TypeId, &'a TypeConnector)>;

/// Writes a source.
pub(super) fn source(model: &Model, index: usize, out: &mut String) {
    let Some((name, url)) = model.sources.get_index(index) else { return };
    let mut http = vec![format!("baseURL: {}", quote(url))];
    let shared = shared_security(model, index);
    let headers = headers(model, &shared);
    if !headers.is_empty() {
        http.push(format!("headers: [{}]", headers.join(", ")));
    }
    let query = query(model, &shared);
    if !query.is_empty() {
        http.push(format!("queryParams: {}", quote(&query.join("  "))));
    }
    let short = format!("@source(name: {}, http: {{ {} }})", quote(name), http.join(", "));
    if short.len() <= WIDTH {
        return line(out, 1, &short);
    }
    line(out, 1, "@source(");
    line(out, 2, &format!("name: {}", quote(name)));
    line(out, 2, "http: {");
    for part in &http {
        line(out, 3, part);
    }
    line(out, 2, "}");
    line(out, 1, ")");
}

/// The schemes that all operations of a source ask for.
fn shared_security(model: &Model, source: usize) -> Vec<String> {
    let mut all = model.operations.iter().filter(|operation| operation.source == source);
    let first = all.next().map(|operation| operation.security.clone()).unwrap_or_default();
    if all.all(|operation| operation.security == first) { first } else { Vec::new() }
}

fn headers(model: &Model, security: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for scheme in security.iter().filter_map(|name| model.schemes.get(name)) {
        let header = match scheme {
            Scheme::Caller => "{ name: \"authorization\", from: \"authorization\" }".to_owned(),
            Scheme::Header { name, config } => format!("{{ name: {}, value: \"{{$config.{config}}}\" }}", quote(name)),
            Scheme::Query { .. } | Scheme::Unknown(_) => continue,
        };
        if !out.contains(&header) {
            out.push(header);
        }
    }
    out
}

fn query(model: &Model, security: &[String]) -> Vec<String> {
    let schemes = security.iter().filter_map(|name| model.schemes.get(name));
    schemes
        .filter_map(|scheme| match scheme {
            Scheme::Query { name, config } => Some(format!("{}: $config.{config}", key(name))),
            _ => None,
        })
        .collect()
}

/// Writes a connector: of a root field, or of a type that is completed by it.
pub(super) fn connector(model: &Model, operation: &Operation, site: Site<'_>, depth: usize, out: &mut String) {
    let source = model.sources.get_index(operation.source).map_or("", |(name, _)| name.as_str());
    let mut parts = vec![vec![format!("source: {}", quote(source))]];
    parts.push(http(model, operation, site));
    if let Some((_, TypeConnector { batch: Some(batch), .. })) = site {
        parts.push(vec![format!("batch: {{ maxSize: {} }}", batch.keys_max)]);
    }
    if operation.is_test {
        parts.push(vec!["isSuccess: \"$status->lt(300)->or($status->eq(404))\"".to_owned()]);
    }
    parts.push(mapping("selection", &selected(model, operation, site)));
    if operation.is_entity && site.is_none() {
        parts.push(vec!["entity: true".to_owned()]);
    }
    let short = format!("@connect({})", parts.iter().map(|part| part.join(" ")).collect::<Vec<_>>().join(", "));
    if parts.iter().all(|part| part.len() == 1) && short.len() + 2 * depth <= WIDTH {
        return line(out, depth, &short);
    }
    line(out, depth, "@connect(");
    for text in parts.iter().flatten() {
        line(out, depth + 1, text);
    }
    line(out, depth, ")");
}

/// What is selected of the answer.
fn selected(model: &Model, operation: &Operation, site: Site<'_>) -> Vec<String> {
    if operation.is_test {
        return vec!["$status->ne(404)".to_owned()];
    }
    if operation.is_empty {
        return vec!["$(true)".to_owned()];
    }
    let pieces = match site {
        Some((id, TypeConnector { batch: Some(_), .. })) => {
            let path = entity::listed(model, operation).map(|(_, path)| path).unwrap_or_default();
            selection::selection(model, &Ty { kind: Kind::Named(id), is_nullable: true }, &path)
        }
        _ => selection::selection(model, &operation.result, &operation.envelope),
    };
    lines(&pieces)
}

/// `http: { … }`
fn http(model: &Model, operation: &Operation, site: Site<'_>) -> Vec<String> {
    let mut parts = vec![vec![format!("{}: {}", operation.method, quote(&url(model, operation, site)))]];
    let mut query = query(model, &own_security(model, operation));
    query.extend(query_parameters(model, operation, site));
    if !query.is_empty() {
        parts.push(mapping("queryParams", &query));
    }
    let headers = own_headers(model, operation);
    if !headers.is_empty() {
        let short = format!("headers: [{}]", headers.join(", "));
        if short.len() < WIDTH - 10 {
            parts.push(vec![short]);
        } else {
            let mut long = vec!["headers: [".to_owned()];
            long.extend(headers.into_iter().map(|header| format!("  {header}")));
            long.push("]".to_owned());
            parts.push(long);
        }
    }
    let body = body(model, operation, site);
    if !body.is_empty() {
        parts.push(mapping("body", &lines(&body)));
    }
    let short = format!("http: {{ {} }}", parts.iter().map(|part| part.join(" ")).collect::<Vec<_>>().join(", "));
    if parts.iter().all(|part| part.len() == 1) && short.len() <= WIDTH - 10 {
        return vec![short];
    }
    let mut long = vec!["http: {".to_owned()];
    for part in parts.into_iter().flatten() {
        long.push(if part.is_empty() { part } else { format!("  {part}") });
    }
    long.push("}".to_owned());
    long
}

fn own_security(model: &Model, operation: &Operation) -> Vec<String> {
    if shared_by_source(model, operation) { Vec::new() } else { operation.security.clone() }
}

fn shared_by_source(model: &Model, operation: &Operation) -> bool {
    model.shares_security.get(operation.source).copied().unwrap_or(false)
}

/// For each source whether all of its operations ask for the same.
pub(super) fn sharing(model: &Model) -> Vec<bool> {
    (0..model.sources.len()).map(|source| !shared_security(model, source).is_empty()).collect()
}

fn own_headers(model: &Model, operation: &Operation) -> Vec<String> {
    let mut out = headers(model, &own_security(model, operation));
    match &operation.body {
        Some(BodyKind::Form) => {
            out.push("{ name: \"content-type\", value: \"application/x-www-form-urlencoded\" }".to_owned());
        }
        Some(BodyKind::JsonAs(name)) => out.push(format!("{{ name: \"content-type\", value: {} }}", quote(name))),
        Some(BodyKind::Json) | None => {}
    }
    let credentials: Vec<String> = operation
        .security
        .iter()
        .filter_map(|name| match model.schemes.get(name) {
            Some(Scheme::Header { name, .. }) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let mut seen: Vec<&str> = credentials.iter().map(String::as_str).collect();
    for argument in operation.arguments.iter().filter(|argument| argument.place == Place::Header) {
        if !seen.contains(&argument.wire.as_str()) {
            seen.push(&argument.wire);
            out.push(format!(
                "{{ name: {}, value: {} }}",
                quote(&argument.wire),
                quote(&format!("{{{}}}", selection::value(model, argument)))
            ));
        }
    }
    for name in &operation.forwarded {
        if !seen.contains(&name.as_str()) {
            seen.push(name);
            out.push(format!("{{ name: {}, from: {} }}", quote(name), quote(name)));
        }
    }
    out
}

/// The URL with expressions where the path has parameters.
fn url(model: &Model, operation: &Operation, site: Site<'_>) -> String {
    let mut out = String::new();
    let mut rest = operation.path.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        let argument =
            operation.arguments.iter().find(|argument| argument.place == Place::Path && argument.wire == name);
        match (argument, site) {
            (Some(argument), Some(_)) => out.extend(["{$this.", &argument.name, "}"]),
            (Some(argument), None) => out.extend(["{", &selection::value(model, argument), "}"]),
            (None, _) => {}
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn query_parameters(model: &Model, operation: &Operation, site: Site<'_>) -> Vec<String> {
    if let Some((id, of_type)) = site {
        let Some(batch) = &of_type.batch else { return Vec::new() };
        let argument = &operation.arguments[batch.argument];
        let field = &model[id].fields()[model[id].keys[of_type.key][0]].name;
        return match &argument.place {
            Place::Query(Style::Joined(separator)) => {
                vec![format!("{}: $batch.{field}->joinNotNull({})", key(&argument.wire), selection::text(separator))]
            }
            Place::Query(Style::RepeatedBrackets) => {
                vec![format!("{}: $batch.{field}", key(&format!("{}[]", argument.wire)))]
            }
            Place::Query(_) => vec![format!("{}: $batch.{field}", key(&argument.wire))],
            _ => Vec::new(),
        };
    }
    let mut out = Vec::new();
    for argument in &operation.arguments {
        let Place::Query(style) = &argument.place else { continue };
        let value = selection::value(model, argument);
        let guard = if argument.ty.is_nullable && !value.contains('?') { "?" } else { "" };
        match style {
            Style::RepeatedBrackets => out.push(format!("{}: {value}", key(&format!("{}[]", argument.wire)))),
            // A list of characters is no list.
            Style::Joined(separator) if argument.ty.is_list() => {
                out.push(format!(
                    "{}: {value}{guard}->joinNotNull({})",
                    key(&argument.wire),
                    selection::text(separator)
                ));
            }
            // One text, or a list that is repeated.
            Style::Joined(_) | Style::Repeated => out.push(format!("{}: {value}", key(&argument.wire))),
            Style::Json => out.push(format!("{}: {value}{guard}->jsonStringify", key(&argument.wire))),
            Style::Brackets | Style::Properties => {
                let fields = argument.ty.inner().map(|id| model[id].fields()).unwrap_or_default();
                for field in fields {
                    let Some(value) = selection::property(model, argument, field) else { continue };
                    let name = match style {
                        Style::Brackets => format!("{}[{}]", argument.wire, field.path[0]),
                        _ => field.path[0].clone(),
                    };
                    out.push(format!("{}: {value}", key(&name)));
                }
            }
        }
    }
    out
}

fn body(model: &Model, operation: &Operation, site: Site<'_>) -> Vec<Piece> {
    let arguments: Vec<&Argument> =
        operation.arguments.iter().filter(|argument| argument.place == Place::Body).collect();
    if let Some((id, of_type)) = site {
        let (Some(_), Some(argument)) = (&of_type.batch, arguments.first()) else { return Vec::new() };
        let field = &model[id].fields()[model[id].keys[of_type.key][0]].name;
        let Some(list) = argument.ty.inner().and_then(|id| model[id].fields().first()) else { return Vec::new() };
        let convert = if list.is_integer { "->map(@->parseInt)" } else { "" };
        return vec![selection::raw(format!("{}: $batch.{field}{convert}", key(&list.path[0])))];
    }
    match arguments.as_slice() {
        [] => Vec::new(),
        [whole] if whole.wire.is_empty() => selection::body(model, whole),
        members => members.iter().map(|argument| selection::member(model, argument)).collect(),
    }
}

/// A mapping as an argument: in quotes when it is one line, else as a block.
fn mapping(name: &str, lines: &[String]) -> Vec<String> {
    if let [one] = lines {
        return vec![format!("{name}: {}", quote(one))];
    }
    let mut out = vec![format!("{name}: \"\"\"")];
    out.extend(lines.iter().map(|line| line.replace("\"\"\"", "\\\"\"\"")));
    out.push("\"\"\"".to_owned());
    out
}

/// The default of an argument as it is written; only where it fits.
pub(super) fn default(argument: &Argument) -> Option<String> {
    if !argument.ty.is_nullable {
        return None;
    }
    match (&argument.ty.kind, argument.default.as_ref()?) {
        (Kind::Scalar(Scalar::Int), Value::Number(number)) => {
            number.as_i64().filter(|number| i32::try_from(*number).is_ok()).map(|number| number.to_string())
        }
        (Kind::Scalar(Scalar::Boolean), Value::Bool(truth)) => Some(truth.to_string()),
        (Kind::Scalar(Scalar::String), Value::String(text))
            if text.len() < 100 && !text.chars().any(char::is_control) =>
        {
            Some(quote(text))
        }
        _ => None,
    }
}

/// A GraphQL string.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            char if char.is_control() => out.push(' '),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}
