//! A JSON Web Token taken apart: everything that can be refused before a key is looked at.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{fault::Fault, json};
use crate::config::Algorithm;

/// Most bytes of a key's name: it is looked up, and may be logged.
const KID_MAX: usize = 256;

/// What a token says of itself. Nothing of it is to be believed before its signature was checked.
#[derive(Debug)]
pub(super) struct Token<'t> {
    /// How it says it is signed. It has to be what the key is for; it never chooses that.
    pub(super) algorithm: Algorithm,
    /// The name of its key.
    pub(super) kid: Option<String>,
    /// Its claims.
    pub(super) claims: Map<String, Value>,
    /// What is signed.
    pub(super) message: &'t str,
    /// The signature, as base64url.
    pub(super) signature: &'t str,
}

impl<'t> Token<'t> {
    /// Reads the compact form (RFC 7515, 7.1). Keys that the header brings or points to (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    pub(super) fn read(text: &'t str) -> Result<Self, Fault> {
        let (message, signature) = text.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Fault::Malformed)?;
        if payload.contains('.') {
            // Five parts are an encrypted token (RFC 7516, 7.1).
            return Err(if payload.matches('.').count() == 2 { Fault::Nested } else { Fault::Malformed });
        }
        if signature.is_empty() || BASE64_URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(Fault::Malformed);
        }
        let part = |text: &str| json::object(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
        let header = part(header).ok_or(Fault::Malformed)?;
        let (algorithm, kid) = read_header(&header)?;
        let claims = part(payload).ok_or(Fault::Malformed)?;
        Ok(Self { algorithm, kid, claims, message, signature })
    }
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Fault> {
    // What `crit` lists has to be understood, and nothing is (RFC 7515, 4.1.11); `b64` changes what is signed (RFC 7797).
    if ["crit", "b64"].iter().any(|name| header.contains_key(*name)) {
        return Err(Fault::Extension);
    }
    if ["enc", "zip"].iter().any(|name| header.contains_key(*name)) {
        return Err(Fault::Nested);
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Fault::Malformed),
    };
    if text("cty")?.is_some() {
        return Err(Fault::Nested);
    }
    // Tokens of other purposes are signed with the same keys (RFC 8725, 3.11): logout tokens, security events, DPoP proofs.
    let is_ours = |typ: &str| ["JWT", "at+jwt", "application/at+jwt"].iter().any(|own| own.eq_ignore_ascii_case(typ));
    if text("typ")?.is_some_and(|typ| !is_ours(typ)) {
        return Err(Fault::Purpose);
    }
    let algorithm = text("alg")?.ok_or(Fault::Malformed)?;
    let algorithm = Algorithm::named(algorithm).ok_or(Fault::Algorithm)?;
    let kid = text("kid")?.map(str::to_owned);
    if kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > KID_MAX) {
        return Err(Fault::Key);
    }
    Ok((algorithm, kid))
}
