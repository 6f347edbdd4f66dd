//! Whether somebody is one of some callers, for whom the configuration has something of their own.

use http::HeaderMap;

use super::Identity;
use crate::{
    config::{Client, Known, RateBy, RateFor},
    mapping::Value,
};

/// Whether somebody is meant.
pub(super) fn is(client: &Client, identity: &Identity, headers: &HeaderMap) -> bool {
    concerns(client.callers, identity)
        && client.known.as_ref().is_none_or(|Known { by, values }| {
            let is_one = |text: &str| values.iter().any(|value| value == text);
            match by {
                RateBy::ApiKey => identity.api_key().is_some_and(is_one),
                RateBy::Certificate => identity.certificate().is_some_and(is_one),
                RateBy::Header(name) => headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(is_one),
                RateBy::Claim(name) => match identity.claim(name) {
                    Some(Value::Array(items)) => items.iter().any(|item| is_one(&text(item))),
                    Some(value) => is_one(&text(value)),
                    None => false,
                },
                // Nobody is known by these.
                RateBy::Ip | RateBy::Operation | RateBy::Global => false,
            }
        })
}

/// Whether somebody has such a credential.
pub(super) fn concerns(callers: RateFor, identity: &Identity) -> bool {
    match callers {
        RateFor::All => true,
        RateFor::Anonymous => identity.is_anonymous(),
        RateFor::Token => identity.has_token(),
        RateFor::ApiKey => identity.has_api_key(),
        RateFor::Certificate => identity.has_certificate(),
    }
}

fn text(value: &Value) -> std::borrow::Cow<'_, str> {
    match value {
        Value::String(text) => text.as_str().into(),
        other => other.to_json().into(),
    }
}
