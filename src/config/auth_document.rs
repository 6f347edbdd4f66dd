//! `auth:` of the file as it is written.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    client_certificates::ClientCertificatesDocument,
    quota::QuotaDocument,
    value::{Given, Json, Lifetime, Size},
};

/// Who may ask.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuthDocument {
    /// Refuses callers who do not say who they are. Default: `false`.
    pub(super) required: Option<Given<bool>>,
    /// Signed tokens of identity providers. Default: none are taken.
    pub(super) jwt: Option<JwtDocument>,
    /// Keys that clients send as they are. Default: none are taken.
    pub(super) api_keys: Option<ApiKeysDocument>,
    /// Certificates that clients show when they connect, verified by `server.tls.client_ca`. Default: nobody is known by one.
    #[schemars(with = "Option<ClientCertificatesDocument>")]
    pub(super) client_certificates: Option<Spanned<ClientCertificatesDocument>>,
}

/// Signed tokens of identity providers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct JwtDocument {
    /// Whose tokens are taken. At least one.
    pub(super) issuers: Vec<IssuerDocument>,
    /// The header that holds a token, after `Bearer`. Default: `authorization`.
    pub(super) header: Option<Given<String>>,
    /// A cookie that holds a token, where the header is not sent. Default: none.
    pub(super) cookie: Option<Given<String>>,
    /// By how much clocks may differ. Default: `30s`.
    pub(super) leeway: Option<Given<Lifetime>>,
    /// Most bytes of a token. Default: `8KiB`.
    pub(super) bytes_max: Option<Given<Size>>,
    /// How often keys are fetched without need. Default: `5m`.
    pub(super) refresh: Option<Given<Duration>>,
    /// How long until a token with an unknown key makes weft fetch the keys once more. Default: `10s`.
    pub(super) cooldown: Option<Given<Duration>>,
    /// Longest time of one fetch. Default: `5s`.
    pub(super) timeout: Option<Given<Duration>>,
    /// The claim that names the caller in traces and in the log of refusals. Default: none, the log names nobody.
    pub(super) identify: Option<Given<String>>,
}

/// An identity provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerDocument {
    /// What its tokens have as `iss`, letter by letter.
    pub(super) issuer: Given<String>,
    /// Where its keys are: a URL, or a file. Default: where the provider's `/.well-known/openid-configuration` says.
    #[serde(default)]
    pub(super) jwks: Option<Given<String>>,
    /// A secret that it shares with weft, for HS256, HS384 and HS512; instead of keys.
    #[serde(default)]
    pub(super) secret: Option<Given<String>>,
    /// A token has to name one of these as `aud`.
    #[serde(default)]
    pub(super) audiences: Vec<Given<String>>,
    /// Which signatures are taken. A key that does not name its own has the first that fits it.
    /// Default: `[RS256, ES256, EdDSA, ES384]`; with a secret, `[HS256]`.
    #[serde(default)]
    pub(super) algorithms: Vec<Given<String>>,
    /// Claims that a token has to have, with one of these values each.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Json>")]
    pub(super) claims: BTreeMap<String, Spanned<Json>>,
    /// Claims that hold scopes, as a list or separated by spaces. Default: `[scope, scp]`.
    #[serde(default)]
    pub(super) scopes: Option<Vec<Given<String>>>,
}

/// Keys that clients send as they are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ApiKeysDocument {
    /// The header that holds a key. Default: `x-api-key`.
    pub(super) header: Option<Given<String>>,
    /// A file with a list of keys, read again when it changes. Default: none.
    pub(super) file: Option<Given<String>>,
    /// Keys. `weft key new NAME` makes one.
    pub(super) keys: Vec<ApiKeyDocument>,
}

/// A key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyDocument {
    /// Its name, in logs and for limits.
    pub(super) id: Given<String>,
    /// SHA-256 of the key in 64 hexadecimal digits: the key itself is nowhere written.
    pub(super) sha256: Given<String>,
    /// What it may be used for.
    #[serde(default)]
    pub(super) scopes: Vec<Given<String>>,
    /// Until when it is taken: `2027-01-31` (until that day begins, in UTC) or `2027-01-31T12:00:00Z`. Default: for ever.
    #[serde(default)]
    pub(super) expires: Option<Given<String>>,
    /// How much may be asked with it in each calendar day or month. Default: no more and no less than `rate_limits` say.
    #[serde(default)]
    pub(super) quota: Option<QuotaDocument>,
    /// What connectors and policies see as its claims, beside `sub`, which is its name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Json>")]
    pub(super) claims: BTreeMap<String, Spanned<Json>>,
}
