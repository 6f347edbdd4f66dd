//! One issuer: whether a token is its own, and holds now.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    Subject,
    fault::Fault,
    keys::Key,
    provider::{Keys, Provider},
    token::Token,
};
use crate::config;

/// Seconds since 1970 of the end of the year 9999. An `exp` beyond it was written in milliseconds, and would hold for ever.
const SECONDS_MAX: f64 = 253_402_300_799.0;
/// Most keys that are tried for a token that names none.
const TRIES_MAX: usize = 8;

/// An issuer with its keys.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) settings: config::Issuer,
    pub(super) provider: Arc<Provider>,
}

/// What the keys say of a token.
enum Judged {
    /// Checked with the keys of that generation.
    Good(u64),
    /// No key is the token's.
    Unknown,
    Bad(Fault),
}

impl Issuer {
    /// Checks the signature; the generation of the keys that it was checked with. Keys are fetched when the token's is not there.
    pub(super) async fn check_signature(&self, token: &Token<'_>) -> Result<u64, Fault> {
        let seen = self.provider.ended();
        match judge(&self.provider.keys(), token) {
            Judged::Good(generation) => return Ok(generation),
            Judged::Bad(fault) => return Err(fault),
            Judged::Unknown => {}
        }
        self.provider.newer(seen).await;
        let keys = self.provider.keys();
        match judge(&keys, token) {
            Judged::Good(generation) => Ok(generation),
            Judged::Bad(fault) => Err(fault),
            Judged::Unknown if keys.all.is_empty() => Err(Fault::NoKeys),
            Judged::Unknown => Err(Fault::Key),
        }
    }

    /// Checks the claims of a token that is the issuer's; until when it holds, in seconds since 1970.
    /// Source: RFC 7519, 4.1, with `exp` required.
    pub(super) fn check_claims(&self, claims: &Map<String, Value>, now: i64, leeway: i64) -> Result<i64, Fault> {
        let seconds = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => {
                let value = value.as_f64().filter(|value| (0.0..=SECONDS_MAX).contains(value));
                value.map(Some).ok_or(Fault::Claims)
            }
        };
        for name in ["iss", "sub", "jti"] {
            if claims.get(name).is_some_and(|value| !value.is_string()) {
                return Err(Fault::Claims);
            }
        }
        let (expires, not_before, _issued) = (seconds("exp")?.ok_or(Fault::Claims)?, seconds("nbf")?, seconds("iat")?);
        #[expect(clippy::cast_possible_truncation, reason = "within the years up to 9999")]
        let (ends, begins) = (expires.floor() as i64 + leeway, not_before.map(|at| at.ceil() as i64 - leeway));
        if now >= ends {
            return Err(Fault::Expired);
        }
        if begins.is_some_and(|begins| now < begins) {
            return Err(Fault::TooEarly);
        }
        self.check_audience(claims)?;
        let is_as_wanted = |(name, wanted): &(String, Vec<Value>)| match claim(claims, name) {
            Some(Value::Array(has)) => has.iter().any(|value| wanted.contains(value)),
            Some(value) => wanted.contains(value),
            None => false,
        };
        if !self.settings.claims.iter().all(is_as_wanted) {
            return Err(Fault::Audience);
        }
        Ok(ends)
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Fault> {
        let audiences = &self.settings.audiences;
        let is_meant = |audience: &str| audiences.is_empty() || audiences.iter().any(|own| own == audience);
        let is_for_us = match claims.get("aud") {
            None => audiences.is_empty(),
            Some(Value::String(audience)) => is_meant(audience),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => {
                audiences.is_empty() || all.iter().filter_map(Value::as_str).any(is_meant)
            }
            Some(_) => return Err(Fault::Claims),
        };
        is_for_us.then_some(()).ok_or(Fault::Audience)
    }

    /// Who the token stands for. `identify`: the claim that names them in logs.
    pub(super) fn subject(&self, claims: &Map<String, Value>, identify: Option<&str>) -> Subject {
        let mut scopes = Vec::new();
        for value in self.settings.scopes.iter().filter_map(|name| claim(claims, name)) {
            match value {
                Value::String(text) => scopes.extend(text.split_ascii_whitespace().map(str::to_owned)),
                Value::Array(all) => scopes.extend(all.iter().filter_map(Value::as_str).map(str::to_owned)),
                _ => {}
            }
        }
        let name = identify.and_then(|name| match claim(claims, name)? {
            Value::String(text) => Some(text.as_str().into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        });
        Subject { bound_to: bound_to(claims), ..Subject::new(name, claims, scopes) }
    }
}

fn judge(keys: &Keys, token: &Token<'_>) -> Judged {
    let named: Vec<&Arc<Key>> = match &token.kid {
        Some(kid) => keys.all.iter().filter(|key| key.kid.as_ref() == Some(kid)).collect(),
        None => keys.all.iter().collect(),
    };
    // A secret has no name, whatever the token calls it.
    let named = if named.is_empty() {
        keys.all.iter().filter(|key| key.kid.is_none() && key.algorithm.is_symmetric()).collect()
    } else {
        named
    };
    if named.is_empty() {
        return Judged::Unknown;
    }
    let mut fitting = named.iter().filter(|key| key.algorithm == token.algorithm).take(TRIES_MAX).peekable();
    if fitting.peek().is_none() {
        return Judged::Bad(Fault::Algorithm);
    }
    if fitting.any(|key| key.has_signed(token)) { Judged::Good(keys.generation) } else { Judged::Bad(Fault::Signature) }
}

/// The certificate that has to be shown with a token. Source: RFC 8705, 3.1. What is no hash is that of no certificate.
fn bound_to(claims: &Map<String, Value>) -> Option<[u8; 32]> {
    let thumbprint = claims.get("cnf")?.get("x5t#S256")?;
    let hash = thumbprint.as_str().and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok());
    Some(hash.unwrap_or_default())
}

/// A claim by its name; a name with dots that is not there is a path.
fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
    })
}
