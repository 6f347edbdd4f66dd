//! Who may ask: the settings as meant.

use std::{path::PathBuf, time::Duration};

use http::HeaderName;

use super::{
    client_certificates::ClientCertificates,
    quota::Quota,
    value::{Hidden, Json},
};

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// Whether callers who do not say who they are, are refused.
    pub required: bool,
    /// Signed tokens.
    pub jwt: Option<Jwt>,
    /// Keys that clients send as they are.
    pub api_keys: Option<ApiKeys>,
    /// Certificates of connections.
    pub client_certificates: Option<ClientCertificates>,
}

/// Signed tokens of identity providers.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// The header that holds a token, after `Bearer`.
    pub header: HeaderName,
    /// A cookie that holds one, where the header is not sent.
    pub cookie: Option<String>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// Most bytes of a token.
    pub bytes_max: usize,
    /// How keys are fetched.
    pub fetching: Fetching,
    /// The claim that names the caller in traces and in the log of refusals.
    pub identify: Option<String>,
}

/// How keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fetching {
    /// How often without need.
    pub refresh: Duration,
    /// How long until a token with an unknown key is a reason to fetch once more.
    pub cooldown: Duration,
    /// Longest time of one fetch.
    pub timeout: Duration,
}

impl Default for Fetching {
    fn default() -> Self {
        Self {
            // A key that was withdrawn is used no longer than this; new ones are fetched when they are first met.
            refresh: Duration::from_mins(5),
            cooldown: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
        }
    }
}

/// An identity provider.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// What its tokens have as `iss`.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// A token has to name one of these; empty: `aud` is not looked at, because [`Issuer::claims`] say whom a token is for.
    pub audiences: Vec<String>,
    /// Which signatures are taken, in order of preference for keys that do not name their own.
    pub algorithms: Vec<Algorithm>,
    /// Claims with the values that they may have.
    pub claims: Vec<(String, Vec<Json>)>,
    /// Claims that hold scopes.
    pub scopes: Vec<String>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Where its OpenID configuration says (OpenID Connect Discovery 1.0, 4).
    Discovery,
    /// At a URL.
    Url(String),
    /// In a file.
    File(PathBuf),
    /// There is one, and it is shared.
    Secret(Hidden<String>),
}

/// How a token is signed. Source: RFC 7518, 3.1; RFC 8037, 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// All with their names.
    pub const ALL: [(&str, Self); 12] = [
        ("HS256", Self::HS256),
        ("HS384", Self::HS384),
        ("HS512", Self::HS512),
        ("RS256", Self::RS256),
        ("RS384", Self::RS384),
        ("RS512", Self::RS512),
        ("PS256", Self::PS256),
        ("PS384", Self::PS384),
        ("PS512", Self::PS512),
        ("ES256", Self::ES256),
        ("ES384", Self::ES384),
        ("EdDSA", Self::EdDSA),
    ];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Whether both sides have the same key.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// Fewest bytes of a secret for it: those of the hash (RFC 7518, 3.2).
    pub fn secret_min(self) -> usize {
        match self {
            Self::HS384 => 48,
            Self::HS512 => 64,
            _ => 32,
        }
    }
}

/// Keys that clients send as they are.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    /// The header that holds a key.
    pub header: HeaderName,
    /// A file with more keys.
    pub file: Option<PathBuf>,
    /// Keys.
    pub keys: Vec<ApiKey>,
}

/// A key, of which only the hash is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name.
    pub id: String,
    /// SHA-256 of it.
    pub sha256: [u8; 32],
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Until when it is taken, in seconds since 1970; `None`: for ever.
    pub expires: Option<i64>,
    /// How much may be asked with it in a day or month.
    pub quota: Option<Quota>,
    /// What connectors and policies see as its claims.
    pub claims: Hidden<serde_json::Map<String, Json>>,
}
