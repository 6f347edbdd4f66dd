//! Refusals as response bodies: `{"errors":[…]}`, without `data`, because nothing was executed (GraphQL October 2021, 7.1).

use serde_json::{Map, Value, json};

use super::{Answer, Caching};
use crate::error::{Refusal, RequestError};

/// Most errors in an answer; one more counts the rest.
const ERRORS_MAX: usize = 100;

impl Answer {
    /// What to send to a caller whose request was refused.
    pub fn refused(refusal: &Refusal) -> Self {
        let code = refusal.code.as_str();
        let mut errors: Vec<Value> = refusal.errors.iter().take(ERRORS_MAX).map(|error| entry(error, code)).collect();
        let left = refusal.errors.len().saturating_sub(ERRORS_MAX);
        if left > 0 {
            errors.push(json!({ "message": format!("{left} more errors"), "extensions": { "code": code } }));
        }
        let body = json!({ "errors": errors }).to_string();
        Self { body: body.into(), refused: Some(refusal.code), caching: Caching::default(), headers: Vec::new() }
    }
}

fn entry(error: &RequestError, code: &str) -> Value {
    let mut entry = Map::new();
    entry.insert("message".to_owned(), error.message.as_str().into());
    if !error.locations.is_empty() {
        let locations = error.locations.iter().map(|place| json!({ "line": place.line, "column": place.column }));
        entry.insert("locations".to_owned(), locations.collect());
    }
    let mut extensions = Map::new();
    extensions.insert("code".to_owned(), code.into());
    extensions.extend(error.extensions.clone());
    entry.insert("extensions".to_owned(), extensions.into());
    entry.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorCode, Location};

    #[test]
    fn has_no_data_and_names_the_place() {
        let mut refusal = Refusal::new(ErrorCode::GraphqlValidationFailed, "no field `x`");
        refusal.errors[0].locations.push(Location { line: 1, column: 3 });
        refusal.errors[0].extensions.insert("limit".to_owned(), 7.into());
        let body = Answer::refused(&refusal).body;
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"errors":[{"message":"no field `x`","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED","limit":7}}]}"#
        );
    }

    #[test]
    fn counts_what_it_leaves_out() {
        let mut refusal = Refusal::new(ErrorCode::BadUserInput, "one");
        refusal.errors = vec![refusal.errors[0].clone(); 5000];
        let body: Value = serde_json::from_slice(&Answer::refused(&refusal).body).unwrap();
        let errors = body["errors"].as_array().unwrap();
        assert_eq!(errors.len(), ERRORS_MAX + 1);
        assert_eq!(errors[ERRORS_MAX]["message"], "4900 more errors");
    }
}
