//! A call that gave nothing, in the words of the answer (reference 8.3).

use std::borrow::Cow;

use crate::{
    error::ErrorCode,
    mapping::{Number, Object, Value, Variables},
    plan::StepId,
    schema::Connector,
    telemetry::Secrets,
    upstream::CallError,
};

/// What becomes an entry of `errors`, once for each place it concerns.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The step whose call it was.
    pub step: StepId,
    /// The text for the caller.
    pub message: String,
    /// `extensions`, `code` first.
    pub extensions: Value,
    /// The time was over: told at the fields that miss it instead of at the object.
    pub is_late: bool,
}

/// The texts of the original, where clients may compare them.
pub(super) const UNEXPECTED_FORMAT: &str = "The server returned data in an unexpected format.";
const NOT_AN_ARRAY: &str = "Response for a batch request does not map to an array";
const REQUEST_FAILED: &str = "Request failed";

impl Failure {
    fn of(step: StepId, connector: &Connector, code: ErrorCode, message: String, status: Option<u16>) -> Self {
        let mut extensions = Object::default();
        let text = |text: &str| Value::String(text.to_owned());
        extensions.insert("code", text(code.as_str()));
        extensions.insert("service", text(&connector.subgraph));
        let coordinate = Object::from_iter([("coordinate", text(&connector.coordinate))]);
        extensions.insert("connector", Value::Object(coordinate));
        if let Some(status) = status {
            let number = Value::Number(Number::from(i64::from(status)));
            let http = Object::from_iter([("status", number)]);
            extensions.insert("http", Value::Object(http));
        }
        Self { step, message, extensions: Value::Object(extensions), is_late: false }
    }

    /// Takes out what nobody should read.
    pub fn hide(&mut self, secrets: &Secrets) {
        if let Cow::Owned(message) = secrets.hide(&self.message) {
            self.message = message;
        }
        hide(&mut self.extensions, secrets);
    }

    /// Its code.
    pub fn code(&self) -> &str {
        match &self.extensions {
            Value::Object(extensions) => match extensions.get("code") {
                Some(Value::String(code)) => code,
                _ => "",
            },
            _ => "",
        }
    }

    /// No usable reply came.
    pub fn no_reply(step: StepId, connector: &Connector, error: &CallError) -> Self {
        let (message, status) = match error {
            CallError::Unreadable { status, .. } => (UNEXPECTED_FORMAT.to_owned(), Some(*status)),
            CallError::TimedOut { .. } => (format!("Gateway timeout: {error}"), None),
            CallError::Connection { .. } => (format!("Connector error: {error}"), None),
            CallError::TooLarge { .. }
            | CallError::Invalid { .. }
            | CallError::Overloaded { .. }
            | CallError::Unavailable { .. } => (error.to_string(), None),
        };
        Self::of(step, connector, error.code(), message, status)
    }

    /// The request could not be built; `reason` names no values.
    pub fn no_request(step: StepId, connector: &Connector, reason: &str) -> Self {
        let message = format!("the request cannot be built: {reason}");
        Self::of(step, connector, ErrorCode::ConnectorRequestInvalid, message, None)
    }

    /// A variable brought null where the argument has to have a value (GraphQL October 2021, 6.4.1).
    pub fn misplaced_null(step: StepId, connector: &Connector, argument: &str) -> Self {
        let message = format!("`{argument}` must not be null");
        Self::of(step, connector, ErrorCode::BadUserInput, message, None)
    }

    /// The operation made as many calls to the upstream as it may.
    pub fn too_many_calls(step: StepId, connector: &Connector) -> Self {
        Self::of(step, connector, ErrorCode::RequestLimitExceeded, "Request limit exceeded".to_owned(), None)
    }

    /// The body is not what its content type says.
    pub fn unreadable(step: StepId, connector: &Connector, status: Option<u16>) -> Self {
        Self::of(step, connector, ErrorCode::ConnectorResponseInvalid, UNEXPECTED_FORMAT.to_owned(), status)
    }

    /// A batch gave no list.
    pub fn not_an_array(step: StepId, connector: &Connector, status: Option<u16>) -> Self {
        Self::of(step, connector, ErrorCode::ConnectorResponseInvalid, NOT_AN_ARRAY.to_owned(), status)
    }

    /// The operation's time was over.
    pub fn late(step: StepId, connector: &Connector) -> Self {
        let message = "the time for this operation was over before this could be had".to_owned();
        Self { is_late: true, ..Self::of(step, connector, ErrorCode::DeadlineExceeded, message, None) }
    }

    /// A step that nothing will ever start; a fault of ours.
    pub fn stuck(step: StepId, connector: &Connector) -> Self {
        let message = "the gateway could not finish this part of the plan".to_owned();
        Self { is_late: true, ..Self::of(step, connector, ErrorCode::Internal, message, None) }
    }

    /// The service said no: the schema's `errors` decide how it is told.
    pub fn refused(
        step: StepId,
        connector: &Connector,
        status: u16,
        body: &Value,
        variables: &dyn Variables,
        is_strict: bool,
    ) -> Self {
        let mut problems = Vec::new();
        let message = connector.errors.message.as_ref().and_then(|mapping| {
            match mapping.evaluate(body, variables, &mut problems) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            }
        });
        let message = message.unwrap_or_else(|| {
            let has_mapping = connector.errors.message.is_some();
            // Of a mapping that gives no text the original makes an empty one (reference 13, row 13).
            if is_strict && has_mapping { String::new() } else { REQUEST_FAILED.to_owned() }
        });
        let mut failure = Self::of(step, connector, ErrorCode::ConnectorFetch, message, Some(status));
        for mapping in &connector.errors.extensions {
            if let Some(Value::Object(more)) = mapping.evaluate(body, variables, &mut problems) {
                merge(&mut failure.extensions, Value::Object(more));
            }
        }
        failure
    }
}

fn hide(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(hidden) = secrets.hide(text) {
                *text = hidden;
            }
        }
        // Quoted nowhere, it is the whole value.
        Value::Number(number) if secrets.contains(number.as_str()) => *value = Value::Null,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(members) => members.values_mut().for_each(|member| hide(member, secrets)),
    }
}

/// Objects merge, other values are replaced; a null does not wipe out an object (reference 13, row 14).
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(present) => merge(present, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (Value::Object(_), Value::Null) => {}
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(members: &[(&str, Value)]) -> Value {
        Value::Object(members.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn extensions_merge_deeply_and_null_keeps_an_object() {
        let mut into = object(&[("http", object(&[("status", Value::Bool(true))])), ("code", Value::Bool(false))]);
        merge(&mut into, object(&[("http", object(&[("id", Value::Null)])), ("code", Value::Null)]));
        merge(&mut into, object(&[("http", Value::Null), ("x", Value::Bool(true))]));
        let http = object(&[("status", Value::Bool(true)), ("id", Value::Null)]);
        assert_eq!(into, object(&[("http", http), ("code", Value::Null), ("x", Value::Bool(true))]));
    }
}
