//! HTTP bodies and query strings to requests (GraphQL over HTTP).

use std::sync::Arc;

use http::HeaderMap;

use crate::{
    error::{ErrorCode, Refusal},
    gateway,
    mapping::{Object, Value},
    policy::{DocumentId, Identity},
    telemetry::Trace,
};

/// What a POST asks: one operation, or a batch of them.
#[derive(Debug)]
pub(super) enum Asked {
    One(gateway::Request),
    Many(Vec<gateway::Request>),
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::BadRequest, message)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads the body of a POST. `operations_max`: how many a batch may hold; `None`: batches are refused.
pub(super) fn from_body(
    body: &[u8],
    headers: Arc<HeaderMap>,
    operations_max: Option<usize>,
    trace: &Trace,
) -> Result<Asked, Refusal> {
    if body.is_empty() {
        return Err(bad("the body is empty: send a JSON object with `query`"));
    }
    let value = Value::parse(body).map_err(|error| bad(format!("the body is not JSON: {error}")))?;
    match value {
        Value::Object(members) => from_members(members, headers, trace).map(Asked::One),
        Value::Array(items) => {
            let Some(operations_max) = operations_max else {
                return Err(bad(
                    "batches of operations are not enabled: send one JSON object (`server.batching.enabled`)",
                ));
            };
            if items.is_empty() {
                return Err(bad("the batch is empty"));
            }
            if items.len() > operations_max {
                return Err(bad(format!(
                    "the batch has {} operations, at most {operations_max} are allowed",
                    items.len()
                )));
            }
            let requests = items.into_iter().enumerate().map(|(index, item)| match item {
                Value::Object(members) => from_members(members, Arc::clone(&headers), trace),
                other => Err(bad(format!("operation {index} of the batch has to be an object, not {}", kind(&other)))),
            });
            requests.collect::<Result<_, _>>().map(Asked::Many)
        }
        other => Err(bad(format!("the body has to be a JSON object with `query`, not {}", kind(&other)))),
    }
}

fn from_members(members: Object, headers: Arc<HeaderMap>, trace: &Trace) -> Result<gateway::Request, Refusal> {
    let mut request = gateway::Request { headers, trace: trace.clone(), ..gateway::Request::default() };
    let (mut id, mut extensions) = (None, Object::new());
    for (name, value) in members {
        match &*name {
            "query" => request.query = text("query", value)?,
            "operationName" => request.operation_name = named(text("operationName", value)?),
            "variables" => request.variables = object("variables", value)?,
            "extensions" => extensions = object("extensions", value)?,
            "documentId" => id = text("documentId", value)?,
            // Others are for those who made them.
            _ => {}
        }
    }
    request.document_id = document_id(id, &extensions)?;
    if request.query.is_none() && request.document_id.is_none() {
        return Err(bad("`query` is missing: it holds the text of the operation"));
    }
    Ok(request)
}

/// How a request names its document: `documentId` (GraphQL over HTTP, persisted documents), else
/// `extensions.persistedQuery` (automatic persisted queries, version 1).
#[inline]
fn document_id(id: Option<String>, extensions: &Object) -> Result<Option<DocumentId>, Refusal> {
    if let Some(id) = id {
        return Ok(Some(DocumentId::Trusted(id)));
    }
    let persisted = match extensions.get("persistedQuery") {
        Some(Value::Object(persisted)) => persisted,
        None | Some(Value::Null) => return Ok(None),
        Some(other) => {
            return Err(bad(format!("`extensions.persistedQuery` has to be an object, not {}", kind(other))));
        }
    };
    if persisted.get("version").is_some_and(|version| version.to_json() != "1") {
        return Err(Refusal::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported"));
    }
    match persisted.get("sha256Hash") {
        Some(Value::String(hash)) => Ok(Some(DocumentId::Hash(hash.clone()))),
        _ => Err(bad("`extensions.persistedQuery.sha256Hash` has to be a string")),
    }
}

/// An empty name means the same as none, as many clients send it.
fn named(name: Option<String>) -> Option<String> {
    name.filter(|name| !name.is_empty())
}

#[inline]
fn text(name: &str, value: Value) -> Result<Option<String>, Refusal> {
    match value {
        Value::String(text) => Ok(Some(text)),
        Value::Null => Ok(None),
        other => Err(bad(format!("`{name}` has to be a string, not {}", kind(&other)))),
    }
}

#[inline]
fn object(name: &str, value: Value) -> Result<Object, Refusal> {
    match value {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Object::new()),
        other => Err(bad(format!("`{name}` has to be an object, not {}", kind(&other)))),
    }
}

/// Reads the query string of a GET. Errors: missing `query`, a repeated parameter, JSON that cannot be read.
pub(super) fn from_query(text: &str, headers: Arc<HeaderMap>, trace: &Trace) -> Result<gateway::Request, Refusal> {
    let mut parameters = Parameters::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let slot = match &*name {
            "query" => &mut parameters.query,
            "operationName" => &mut parameters.operation_name,
            "variables" => &mut parameters.variables,
            "extensions" => &mut parameters.extensions,
            "documentId" => &mut parameters.document_id,
            // Others may mean something to what stands between the caller and us.
            _ => continue,
        };
        if slot.replace(value.into_owned()).is_some() {
            return Err(bad(format!("`{name}` is given more than once")));
        }
    }
    let json = |name: &str, text: Option<String>| match text {
        Some(text) if !text.is_empty() => {
            let value = Value::parse(text.as_bytes()).map_err(|error| bad(format!("`{name}` is not JSON: {error}")))?;
            object(name, value)
        }
        _ => Ok(Object::new()),
    };
    let variables = json("variables", parameters.variables)?;
    let extensions = json("extensions", parameters.extensions)?;
    let document_id = document_id(parameters.document_id, &extensions)?;
    if parameters.query.is_none() && document_id.is_none() {
        return Err(bad("`query` is missing: it holds the text of the operation"));
    }
    Ok(gateway::Request {
        query: parameters.query,
        document_id,
        operation_name: named(parameters.operation_name),
        variables,
        headers,
        identity: Identity::default(),
        peer: None,
        read_only: true,
        trace: trace.clone(),
    })
}

#[derive(Debug, Default)]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
    document_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let refusal = from_body(body.as_bytes(), Arc::default(), None, &Trace::default()).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::BadRequest);
        refusal.errors[0].message.clone()
    }

    #[test]
    fn reads_a_body_and_keeps_number_text() {
        let body = br#"{"query":"{a}","operationName":"","variables":{"n":12345678901234567890123},"extensions":null}"#;
        let Asked::One(request) = from_body(body, Arc::default(), None, &Trace::default()).unwrap() else {
            panic!("one operation")
        };
        assert_eq!(request.query.as_deref(), Some("{a}"));
        assert_eq!(request.operation_name, None);
        assert_eq!(request.variables["n"].to_json(), "12345678901234567890123");
        assert!(!request.read_only);
    }

    #[test]
    fn a_document_can_be_named_instead_of_sent() {
        let hash = r#"{"persistedQuery":{"version":1,"sha256Hash":"ab"}}"#;
        for (query, expected) in [
            (format!(r#"{{"extensions":{hash}}}"#), DocumentId::Hash("ab".to_owned())),
            (
                format!(r#"{{"documentId":"sha256:cd","extensions":{hash}}}"#),
                DocumentId::Trusted("sha256:cd".to_owned()),
            ),
        ] {
            let Asked::One(request) = from_body(query.as_bytes(), Arc::default(), None, &Trace::default()).unwrap()
            else {
                panic!("one operation")
            };
            assert_eq!((request.query, request.document_id), (None, Some(expected)));
        }
        let text = url::form_urlencoded::Serializer::new(String::new()).append_pair("extensions", hash).finish();
        let request = from_query(&text, Arc::default(), &Trace::default()).unwrap();
        assert_eq!((request.query, request.document_id), (None, Some(DocumentId::Hash("ab".to_owned()))));
        let request = from_query("documentId=x&query=%7Ba%7D", Arc::default(), &Trace::default()).unwrap();
        assert_eq!(request.document_id, Some(DocumentId::Trusted("x".to_owned())));
        let other = r#"{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"ab"}}}"#;
        let refusal = from_body(other.as_bytes(), Arc::default(), None, &Trace::default()).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::PersistedQueryNotSupported);
        assert_eq!(
            refused(r#"{"extensions":{"persistedQuery":{"version":1}}}"#),
            "`extensions.persistedQuery.sha256Hash` has to be a string"
        );
        assert_eq!(refused(r#"{"documentId":7}"#), "`documentId` has to be a string, not a number");
    }

    #[test]
    fn says_which_member_is_wrong() {
        assert_eq!(refused(r#"{"query":1}"#), "`query` has to be a string, not a number");
        assert_eq!(refused(r#"{"qeury":"{a}"}"#), "`query` is missing: it holds the text of the operation");
        assert_eq!(refused(r#"{"query":"{a}","variables":[]}"#), "`variables` has to be an object, not a list");
        assert_eq!(
            refused(r#"{"query":"{a}","operationName":{}}"#),
            "`operationName` has to be a string, not an object"
        );
        assert_eq!(refused(r#"{"query":"{a}","extensions":"x"}"#), "`extensions` has to be an object, not a string");
        assert_eq!(refused("true"), "the body has to be a JSON object with `query`, not a boolean");
        assert!(refused("{\"query").starts_with("the body is not JSON"));
        assert!(refused("").starts_with("the body is empty"));
    }

    #[test]
    fn batches_only_when_enabled_and_bounded() {
        let body = br#"[{"query":"{a}"},{"query":"{b}"}]"#;
        assert!(refused(std::str::from_utf8(body).unwrap()).starts_with("batches of operations are not enabled"));
        let Asked::Many(requests) = from_body(body, Arc::default(), Some(2), &Trace::default()).unwrap() else {
            panic!("a batch")
        };
        assert_eq!(
            requests.iter().map(|request| request.query.as_deref().unwrap_or_default()).collect::<Vec<_>>(),
            ["{a}", "{b}"]
        );
        let refusal = from_body(body, Arc::default(), Some(1), &Trace::default()).unwrap_err();
        assert_eq!(refusal.errors[0].message, "the batch has 2 operations, at most 1 are allowed");
        assert!(from_body(b"[]", Arc::default(), Some(2), &Trace::default()).is_err());
        assert!(from_body(b"[1]", Arc::default(), Some(2), &Trace::default()).is_err());
    }

    #[test]
    fn reads_a_query_string() {
        let request = from_query(
            "query=%7Ba%7D&variables=%7B%22n%22%3A1%7D&operationName=A&cb=1",
            Arc::default(),
            &Trace::default(),
        )
        .unwrap();
        assert_eq!(
            (request.query.as_deref().unwrap_or_default(), request.operation_name.as_deref()),
            ("{a}", Some("A"))
        );
        assert_eq!(request.variables["n"].to_json(), "1");
        assert!(request.read_only);
        assert!(from_query("", Arc::default(), &Trace::default()).is_err());
        assert!(from_query("query=a&query=b", Arc::default(), &Trace::default()).is_err());
        assert!(from_query("query=a&variables=%5B%5D", Arc::default(), &Trace::default()).is_err());
        assert!(from_query("query=a&variables=%7B", Arc::default(), &Trace::default()).is_err());
    }
}
