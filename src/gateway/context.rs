//! `$context`: what the configuration lets connectors know of a caller.

use http::HeaderMap;

use crate::{
    config::{self, ContextValue},
    mapping::{Object, Value},
    policy::Identity,
};

/// Where each value comes from.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// Those that are the same for everybody.
    fixed: Object,
    headers: Vec<(String, http::HeaderName, bool)>,
    claims: Vec<(String, String)>,
    certificates: Vec<(String, &'static str)>,
}

impl Context {
    pub(super) fn new(settings: &config::Settings) -> Self {
        let mut context = Self::default();
        for (name, value) in &settings.context {
            match value {
                ContextValue::Value(value) => drop(context.fixed.insert(name.clone(), Value::from(&value.0))),
                ContextValue::Claim(claim) => context.claims.push((name.clone(), claim.clone())),
                ContextValue::Certificate(of) => context.certificates.push((name.clone(), of)),
                ContextValue::Header { name: header, json } => {
                    context.headers.push((name.clone(), header.clone(), *json));
                }
            }
        }
        context
    }

    /// The values for one caller; a header, claim or certificate that is not there, or is no JSON where JSON is wanted, gives null.
    pub(super) fn of(&self, headers: &HeaderMap, identity: &Identity) -> Object {
        let mut values = self.fixed.clone();
        for (name, header, json) in &self.headers {
            let text = headers.get(header).and_then(|value| value.to_str().ok());
            let value = match text {
                Some(text) if *json => Value::parse(text.as_bytes()).unwrap_or_default(),
                Some(text) => Value::String(text.to_owned()),
                None => Value::Null,
            };
            values.insert(name.as_str(), value);
        }
        for (name, claim) in &self.claims {
            values.insert(name.as_str(), identity.claim(claim).cloned().unwrap_or_default());
        }
        for (name, of) in &self.certificates {
            let value = identity.certificate_values().and_then(|values| values.get(of));
            values.insert(name.as_str(), value.cloned().unwrap_or_default());
        }
        values
    }
}
