//! Paths become operations: what they are asked with, what they answer, how they are called.

use std::rc::Rc;

use indexmap::{IndexMap, IndexSet};

use super::{
    Choice,
    document::Node,
    flat::Flat,
    model::{BodyKind, Model, Operation, Scalar, Ty},
    parameters::Parameters,
    report::Report,
    security::{self, Servers},
    title::{self, Subject},
    types::Types,
    words::{self, Names},
};

/// The methods that become fields; all others are left out.
pub(super) const METHODS: [(&str, &str); 5] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];

/// Methods of which there is nothing to tell in GraphQL.
const OTHERS: [&str; 3] = ["head", "options", "trace"];

/// Operations beyond which the rest is left out.
const OPERATIONS_MAX: usize = 10_000;

/// One operation of the document, not yet read.
pub(super) struct Draft<'d> {
    pub(super) method: &'static str,
    pub(super) path: &'d str,
    pub(super) item: Node<'d>,
    pub(super) node: Node<'d>,
    pub(super) name: String,
    pub(super) is_query: bool,
}

impl Draft<'_> {
    fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// How many there are and how many were chosen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) all: usize,
    pub(super) chosen: usize,
}

/// The operations that are chosen, named.
pub(super) fn drafts<'d>(types: &Types<'d>, choice: &Choice, report: &mut Report) -> (Vec<Draft<'d>>, Tally) {
    let document = types.flats.document;
    let mut drafts = Vec::new();
    let mut tally = Tally::default();
    let (mut queries, mut mutations) = (Names::default(), Names::default());
    for (path, item) in document.root().members_of("paths").filter(|(path, _)| !path.starts_with("x-")) {
        let item = match document.resolve(item) {
            Ok(item) => item,
            Err(why) => {
                report.left_out(path, &why);
                continue;
            }
        };
        for (key, node) in item.members() {
            if OTHERS.contains(&key) {
                tally.all += 1;
                if choice.takes(path, node) {
                    tally.chosen += 1;
                    report.left_out(
                        &format!("{} {path}", key.to_uppercase()),
                        "only GET, POST, PUT, PATCH and DELETE become fields",
                    );
                }
                continue;
            }
            let Some((_, method)) = METHODS.iter().find(|(known, _)| *known == key) else { continue };
            tally.all += 1;
            if !choice.takes(path, node) {
                continue;
            }
            tally.chosen += 1;
            let what = format!("{method} {path}");
            if drafts.len() >= OPERATIONS_MAX {
                report.left_out(&what, "the document has too many operations");
                continue;
            }
            if let Some(why) = unusable(path) {
                report.left_out(&what, why);
                continue;
            }
            let subject = Subject { method, path, id: node.text("operationId"), has_patch: item.has("patch") };
            let (is_query, name) = title::title(&subject, &mut queries, &mut mutations);
            drafts.push(Draft { method, path, item, node, name, is_query });
        }
    }
    (drafts, tally)
}

/// Why a path cannot be called.
fn unusable(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("its path does not begin with `/`");
    }
    if path.contains(['#', '?']) {
        return Some("its path holds `#` or `?`, which are no part of a path");
    }
    if path.chars().any(char::is_control) || path.len() > 2_000 {
        return Some("its path cannot be written in a schema");
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Some("its path climbs");
    }
    let mut is_open = false;
    for char in path.chars() {
        match char {
            '{' if is_open => return Some("the braces in its path do not match"),
            '{' => is_open = true,
            '}' if !is_open => return Some("the braces in its path do not match"),
            '}' => is_open = false,
            _ => {}
        }
    }
    is_open.then_some("the braces in its path do not match")
}

/// Reads the operations into the model.
pub(super) fn read<'d>(
    drafts: &[Draft<'d>],
    types: &mut Types<'d>,
    servers: &mut Servers,
    report: &mut Report,
    model: &mut Model,
) {
    for draft in drafts {
        match operation(draft, types, servers, report) {
            Ok(operation) => model.operations.push(operation),
            Err(why) => {
                report.left_out(&draft.title(), &why);
                model.left_out.push((draft.title(), why));
            }
        }
    }
}

fn operation<'d>(
    draft: &Draft<'d>,
    types: &mut Types<'d>,
    servers: &mut Servers,
    report: &mut Report,
) -> Result<Operation, String> {
    let document = types.flats.document;
    let node = draft.node;
    let hint = words::type_name(&draft.name);
    let answer = answer(draft, types, &hint, report)?;
    let mut parameters = Parameters::default();
    parameters.read(draft, types, &hint, report)?;
    let body = parameters.body(draft, types, &hint, report)?;
    let resource = title::resource(draft.path);
    let mut comments = parameters.comments;
    if draft.is_query && draft.method != "GET" {
        comments.push(format!("A {} that reads, by its name.", draft.method));
    }
    let (result, envelope) = match &answer.schema {
        None if answer.is_text => (Ty::scalar(Scalar::String), Vec::new()),
        None => (Ty::scalar(if answer.has_body { Scalar::Json } else { Scalar::Boolean }), Vec::new()),
        Some(flat) => {
            let content = types.content(flat, &hint, &resource, report);
            let hidden: Vec<String> = content.hidden.iter().map(|name| format!("`{name}`")).collect();
            if !hidden.is_empty() {
                comments.push(format!("Not shown of the answer: {}.", hidden.join(", ")));
            }
            (content.ty, content.envelope)
        }
    };
    comments.extend(answer.comment);
    let mut security = security::of(document.root(), node);
    let gives_token = ["login", "token", "auth", "oauth", "session"]
        .iter()
        .any(|word| words::words(draft.path).contains(&(*word).to_owned()));
    if security.is_empty() && answer.wants_token && !gives_token && !security::is_described(document.root()) {
        security.push(security::CALLER.to_owned());
        comments.push(
            "It may answer 401, and no security is described: the caller's authorization is passed on.".to_owned(),
        );
    }
    let description = match (node.text("summary"), node.text("description")) {
        (Some(summary), Some(text)) if !text.trim().is_empty() && !text.starts_with(summary) => {
            Some(format!("{summary}\n\n{text}"))
        }
        (summary, text) => text.filter(|text| !text.trim().is_empty()).or(summary).map(str::to_owned),
    };
    Ok(Operation {
        title: draft.title(),
        method: draft.method,
        path: draft.path.to_owned(),
        is_query: draft.is_query,
        name: draft.name.clone(),
        description,
        is_deprecated: node.is_true("deprecated"),
        arguments: parameters.arguments,
        forwarded: parameters.forwarded,
        body,
        result: result.nullable(true),
        envelope,
        is_empty: !answer.has_body,
        is_test: draft.method == "GET" && answer.may_be_missing,
        source: servers.of(draft.item, node),
        security,
        is_entity: false,
        comments,
    })
}

/// What an operation answers when all is well.
#[expect(clippy::struct_excessive_bools, reason = "they do not depend on each other")]
struct Answer<'d> {
    schema: Option<Rc<Flat<'d>>>,
    is_text: bool,
    has_body: bool,
    may_be_missing: bool,
    wants_token: bool,
    comment: Option<String>,
}

fn answer<'d>(draft: &Draft<'d>, types: &mut Types<'d>, hint: &str, report: &mut Report) -> Result<Answer<'d>, String> {
    let document = types.flats.document;
    let responses: IndexMap<&str, Node<'d>> = draft.node.members_of("responses").collect();
    let is_good = |status: &str| status.len() == 3 && status.starts_with('2');
    let mut good: Vec<Node<'d>> = Vec::new();
    let chosen: Vec<&str> = match responses.keys().filter(|status| is_good(status)).copied().collect::<Vec<_>>() {
        good if good.is_empty() => responses.keys().filter(|status| **status == "default").copied().collect(),
        good => good,
    };
    if chosen.is_empty() && !responses.is_empty() {
        return Err("it has no answer of a status that means success".to_owned());
    }
    for status in &chosen {
        good.push(document.resolve(responses[status]).map_err(|why| format!("its answer {status}: {why}"))?);
    }
    let mut schemas: Vec<Rc<Flat<'d>>> = Vec::new();
    let (mut is_text, mut has_body, mut other) = (false, false, None);
    for response in &good {
        match media(*response, draft.node, document.root(), "produces") {
            Media::None => {}
            Media::Json(_, schema) => {
                has_body = true;
                if let Some(schema) = schema {
                    let flat = types.flats.read(schema, report);
                    if schemas.iter().all(|known| known.identity != flat.identity) {
                        schemas.push(flat);
                    }
                }
            }
            Media::Form(_) | Media::Text => (is_text, has_body) = (true, true),
            Media::Other(name) => other = Some(name),
        }
    }
    if let (false, Some(name)) = (has_body, other) {
        return Err(format!("it answers with `{name}`, which is no JSON"));
    }
    let mut comment = None;
    if schemas.len() > 1 {
        comment = Some(format!("It answers differently with {}; the type has the fields of all.", chosen.join(", ")));
        if schemas.iter().all(|flat| flat.is_object()) {
            let first = Rc::clone(&schemas[0]);
            let nameless = Flat { identity: 0, name: None, ..Flat::clone(&first) };
            let id = types.together(&nameless, schemas, &format!("{hint}Result"), super::model::Usage::Output, None);
            let kind = super::model::Kind::Named(id);
            let stand_in = Rc::new(types.stand_in(kind));
            schemas = vec![stand_in];
        } else {
            comment = Some(format!("It answers differently with {}; it is any JSON.", chosen.join(", ")));
            schemas.clear();
        }
    }
    Ok(Answer {
        is_text: is_text && schemas.is_empty(),
        schema: schemas.into_iter().next(),
        has_body,
        may_be_missing: !has_body && responses.contains_key("404"),
        wants_token: responses.contains_key("401"),
        comment,
    })
}

/// What a body or an answer is written in.
pub(super) enum Media<'d> {
    /// There is none.
    None,
    Json(BodyKind, Option<Node<'d>>),
    Form(Option<Node<'d>>),
    Text,
    Other(String),
}

/// The best of the media types that a body or an answer comes in. `key`: where Swagger 2.0 lists them.
pub(super) fn media<'d>(node: Node<'d>, operation: Node<'d>, root: Node<'d>, key: &str) -> Media<'d> {
    if !node.has("content") {
        // Swagger 2.0: the schema stands here, the media types at the operation or for all of them.
        let Some(schema) = node.get("schema") else { return Media::None };
        let listed = if operation.has(key) { operation } else { root };
        let names: IndexSet<&str> = listed.items_of(key).filter_map(|name| name.value.as_str()).collect();
        if schema.text("type") == Some("file") {
            return Media::Other("a file".to_owned());
        }
        return match names.iter().map(|name| plain(name)).find(|name| is_json(name) || name == "*/*") {
            Some(_) => Media::Json(BodyKind::Json, Some(schema)),
            None if names.is_empty() => Media::Json(BodyKind::Json, Some(schema)),
            None if names.contains("text/plain") => Media::Text,
            None => Media::Other(names.iter().map(|name| plain(name)).next().unwrap_or_default()),
        };
    }
    let content: Vec<(String, Node<'d>)> =
        node.members_of("content").map(|(name, media)| (plain(name), media)).collect();
    let schema = |media: &Node<'d>| media.get("schema");
    if let Some((_, media)) = content.iter().find(|(name, _)| name == "application/json") {
        return Media::Json(BodyKind::Json, schema(media));
    }
    if let Some((name, media)) = content.iter().find(|(name, _)| is_json(name)) {
        return Media::Json(BodyKind::JsonAs(name.clone()), schema(media));
    }
    if let Some((_, media)) = content.iter().find(|(name, _)| name == "application/x-www-form-urlencoded") {
        return Media::Form(schema(media));
    }
    if let Some((_, media)) = content.iter().find(|(name, _)| name == "*/*" || name == "application/*") {
        return Media::Json(BodyKind::Json, schema(media));
    }
    match content.iter().find(|(name, _)| name == "text/plain") {
        Some(_) => Media::Text,
        None => content.first().map_or(Media::None, |(name, _)| Media::Other(name.clone())),
    }
}

fn plain(name: &str) -> String {
    name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(name: &str) -> bool {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+.-_*".contains(&byte));
    is_plain && (name.ends_with("/json") || name.ends_with("+json")) && !name.contains("json-seq")
}
