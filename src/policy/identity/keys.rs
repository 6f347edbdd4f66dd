//! A JSON Web Key Set becomes keys that can check signatures, each for one algorithm.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{json, token::Token};
use crate::config::Algorithm;

/// Most keys of a set that are looked at; providers have a handful.
const KEYS_MAX: usize = 100;
/// Bits of an RSA key: fewer can be broken, more only take time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What RSA keys can be for.
const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::RS384, Algorithm::PS384, Algorithm::RS512, Algorithm::PS512];

/// A key and what it is for.
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    /// Tells it from other keys of the same name.
    print: [u8; 32],
    checks: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Key").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.algorithm == other.algorithm && self.print == other.print
    }
}

impl Key {
    /// A shared secret.
    pub(super) fn secret(secret: &str, algorithm: Algorithm) -> Self {
        let print = Sha256::digest(secret.as_bytes()).into();
        Self { kid: None, algorithm, print, checks: DecodingKey::from_secret(secret.as_bytes()) }
    }

    /// Whether the token was signed by who has the key. The algorithm is the key's.
    pub(super) fn has_signed(&self, token: &Token<'_>) -> bool {
        let (message, algorithm) = (token.message.as_bytes(), library(self.algorithm));
        self.algorithm == token.algorithm
            && jsonwebtoken::crypto::verify(token.signature, message, &self.checks, algorithm).unwrap_or(false)
    }
}

fn library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    use jsonwebtoken::Algorithm as Library;
    match algorithm {
        Algorithm::HS256 => Library::HS256,
        Algorithm::HS384 => Library::HS384,
        Algorithm::HS512 => Library::HS512,
        Algorithm::RS256 => Library::RS256,
        Algorithm::RS384 => Library::RS384,
        Algorithm::RS512 => Library::RS512,
        Algorithm::PS256 => Library::PS256,
        Algorithm::PS384 => Library::PS384,
        Algorithm::PS512 => Library::PS512,
        Algorithm::ES256 => Library::ES256,
        Algorithm::ES384 => Library::ES384,
        Algorithm::EdDSA => Library::EdDSA,
    }
}

/// Reads a set. Keys that cannot be used are left out: a provider may have some for encryption, or newer than this program.
/// Errors: it is no set, or no key of it can be used.
pub(super) fn read(text: &[u8], algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    let set = json::object(text).ok_or("what came is no JSON object")?;
    let Some(Value::Array(all)) = set.get("keys") else { return Err("what came has no list of `keys`".to_owned()) };
    let mut keys = Vec::new();
    let mut reasons: Vec<&'static str> = Vec::new();
    for jwk in all.iter().take(KEYS_MAX) {
        match jwk.as_object().ok_or("it is no object").and_then(|jwk| key(jwk, algorithms)) {
            Ok(key) => keys.push(key),
            Err(reason) if !reasons.contains(&reason) => reasons.push(reason),
            Err(_) => {}
        }
    }
    if keys.is_empty() {
        let reasons = if reasons.is_empty() { "there is none".to_owned() } else { reasons.join("; ") };
        return Err(format!("no key of the set can be used: {reasons}"));
    }
    Ok(keys)
}

/// One key. Source: RFC 7517, 4; RFC 7518, 6; RFC 8037, 2.
fn key(jwk: &Map<String, Value>, algorithms: &[Algorithm]) -> Result<Key, &'static str> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| {
        let text = text(name).ok_or("a part is missing")?;
        BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| "a part is not base64url")
    };
    if jwk.contains_key("use") && text("use") != Some("sig") {
        return Err("it is not for signatures");
    }
    if let Some(operations) = jwk.get("key_ops") {
        let can_verify = operations.as_array().is_some_and(|all| all.iter().any(|operation| operation == "verify"));
        if !can_verify {
            return Err("it is not for checking signatures");
        }
    }
    let (fitting, checks): (&[Algorithm], _) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => {
            let (modulus, exponent) = (bytes("n")?, bytes("e")?);
            if !RSA_BITS.contains(&bits(&modulus)) || exponent.len() > 4 || bits(&exponent) < 2 {
                return Err("RSA keys have 2048 to 8192 bits");
            }
            (&RSA, DecodingKey::from_rsa_raw_components(&modulus, &exponent))
        }
        (Some("EC"), Some(curve @ ("P-256" | "P-384"))) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let (length, fitting): (_, &[Algorithm]) =
                if curve == "P-256" { (32, &[Algorithm::ES256]) } else { (48, &[Algorithm::ES384]) };
            if x.len() != length || y.len() != length {
                return Err("a coordinate has another length than its curve");
            }
            let (x, y) = (text("x").unwrap_or_default(), text("y").unwrap_or_default());
            (fitting, DecodingKey::from_ec_components(x, y).map_err(|_| "it is no point")?)
        }
        (Some("OKP"), Some("Ed25519")) => {
            if bytes("x")?.len() != 32 {
                return Err("a coordinate has another length than its curve");
            }
            let x = text("x").unwrap_or_default();
            (&[Algorithm::EdDSA], DecodingKey::from_ed_components(x).map_err(|_| "it is no point")?)
        }
        (Some("oct"), _) => return Err("a shared secret does not belong into a set of public keys"),
        _ => return Err("its kind is not known"),
    };
    let algorithm = match jwk.get("alg") {
        // The key says what it is for.
        Some(named) => {
            let named = named.as_str().map(|name| if name == "Ed25519" { "EdDSA" } else { name });
            let named = named.and_then(Algorithm::named);
            named.filter(|algorithm| fitting.contains(algorithm) && algorithms.contains(algorithm))
        }
        None => algorithms.iter().copied().find(|algorithm| fitting.contains(algorithm)),
    };
    let algorithm = algorithm.ok_or("its algorithm is none of those of the issuer")?;
    let mut print = Sha256::new();
    for name in ["n", "e", "x", "y"] {
        print.update(text(name).unwrap_or_default().as_bytes());
        print.update([0]);
    }
    Ok(Key { kid: text("kid").map(str::to_owned), algorithm, print: print.finalize().into(), checks })
}

/// Bits of a number, most significant byte first.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let rest = &number[zeros..];
    rest.first().map_or(0, |first| rest.len() * 8 - first.leading_zeros() as usize)
}
