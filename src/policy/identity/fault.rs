//! Why a credential was not taken, in words that its sender may know.

use crate::error::{ErrorCode, Refusal};

/// What is wrong with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the header does not have the form `Bearer TOKEN`")]
    Scheme,
    #[error("the request carries more than one token")]
    Several,
    #[error("the token is larger than it may be")]
    TooLarge,
    #[error("the token is not a signed JSON Web Token in compact form")]
    Malformed,
    #[error("encrypted and nested tokens are not taken")]
    Nested,
    #[error("the token's header has an extension that is not understood")]
    Extension,
    #[error("the token was made for another purpose (`typ`)")]
    Purpose,
    #[error("the token's issuer is not known")]
    Issuer,
    #[error("the token is signed in a way that its issuer does not use")]
    Algorithm,
    #[error("the token's key is not known")]
    Key,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has no end, or a claim is not of its type")]
    Claims,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    TooEarly,
    #[error("the token was made for another audience")]
    Audience,
    #[error("the API key is not known")]
    ApiKey,
    #[error("the API key has expired")]
    ApiKeyExpired,
    #[error("`Client-Cert` has to be one certificate in DER, in base64 between colons (RFC 9440)")]
    Forwarded,
    #[error("the client certificate cannot be read")]
    CertificateUnreadable,
    #[error(
        "the client certificate has too many names, or one that is empty, too long or has letters that nobody sees"
    )]
    CertificateName,
    #[error("the client certificate has expired")]
    CertificateExpired,
    #[error("the client certificate is of nobody who is known here")]
    CertificateUnknown,
    #[error("the token is bound to another client certificate")]
    Bound,
    /// Nobody can say whether the token is good.
    #[error("the keys of the token's issuer cannot be had at the moment")]
    NoKeys,
}

impl Fault {
    /// What the caller is told. A bad credential is refused also where none is needed: whoever sends one relies on it.
    /// Source: RFC 6750, 3 and 3.1.
    pub(super) fn refusal(self, scheme: &str) -> Refusal {
        if self == Self::NoKeys {
            return Refusal::new(ErrorCode::UpstreamUnavailable, self.to_string());
        }
        let message = self.to_string();
        // `error_description` has no quotes and no backslash, by the grammar of RFC 6750.
        let description = message.replace('`', "'");
        let challenge = match self {
            Self::ApiKey
            | Self::ApiKeyExpired
            | Self::Forwarded
            | Self::CertificateUnreadable
            | Self::CertificateName
            | Self::CertificateExpired
            | Self::CertificateUnknown => format!("{scheme} realm=\"weft\""),
            _ => format!("Bearer realm=\"weft\", error=\"invalid_token\", error_description=\"{description}\""),
        };
        Refusal { challenge: Some(challenge), ..Refusal::new(ErrorCode::Unauthenticated, message) }
    }
}
