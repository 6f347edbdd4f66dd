//! The tokens of the demo: signed by accounts, believed by orders and reviews.
//!
//! The secret is public, as the whole demo is: these tokens prove nothing outside of it.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::{Problem, world};

/// What signs the demo's tokens (HS256).
pub const SECRET: &str = "weft-demo-secret-not-for-production";

/// 2100-01-01: the demo's token is the same text at every start, so that it can stand in a README.
const EXPIRES: u64 = 4_102_444_800;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account's id, as text.
    pub sub: String,
    /// Who signed it.
    pub iss: String,
    /// What it is for.
    pub aud: String,
    /// Granted scopes, separated by spaces.
    pub scope: String,
    /// Seconds since 1970.
    pub exp: u64,
}

/// A token for an account.
///
/// # Panics
///
/// Never: HS256 signs any claims.
pub fn issue(user: u32) -> String {
    let claims = Claims {
        sub: user.to_string(),
        iss: "accounts".to_owned(),
        aud: "weft-demo".to_owned(),
        scope: "orders:read orders:write reviews:write".to_owned(),
        exp: EXPIRES,
    };
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))
        .expect("HS256 signs any claims")
}

/// The token of the demo's own customer.
pub fn demo() -> String {
    issue(world::DEMO_USER)
}

/// The account a request is made for.
///
/// Errors: 401 without a bearer token, and for one that is malformed, expired or signed by somebody else.
pub fn caller(headers: &HeaderMap) -> Result<u32, Problem> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(Problem::unauthorized)?;
    let (scheme, token) = value.split_once(' ').ok_or_else(Problem::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthorized());
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&["weft-demo"]);
    rules.set_issuer(&["accounts"]);
    let claims = decode::<Claims>(token.trim(), &DecodingKey::from_secret(SECRET.as_bytes()), &rules)
        .map_err(|_| Problem::unauthorized())?
        .claims;
    claims.sub.parse().map_err(|_| Problem::unauthorized())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn believes_its_own_tokens_only() {
        assert_eq!(caller(&headers(&format!("Bearer {}", issue(12)))).unwrap(), 12);
        assert_eq!(demo(), demo());
        let mut forged = issue(12);
        forged.replace_range(forged.len() - 4.., "AAAA");
        for wrong in [forged.as_str(), "", "a.b.c"] {
            assert_eq!(caller(&headers(&format!("Bearer {wrong}"))).unwrap_err().code, "UNAUTHORIZED");
        }
        assert!(caller(&HeaderMap::new()).is_err());
        assert!(caller(&headers("Basic abc")).is_err());
    }
}
