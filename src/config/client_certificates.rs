//! `auth.client_certificates`: whom the certificates of connections stand for.

use std::{collections::BTreeMap, ops::Range};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    interpret::Interpreter,
    value::{Given, Hidden, Json, range},
};

/// What policies see as `certificate`, and `$context` by `certificate: NAME`.
pub const CERTIFICATE_VALUES: [&str; 9] =
    ["name", "subject", "common_name", "uris", "dns", "emails", "issuer", "serial", "sha256"];

/// Certificates that clients show when they connect, verified by `server.tls.client_ca`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClientCertificatesDocument {
    /// Whom they stand for: the first entry that fits. Default: nobody in particular.
    #[schemars(with = "Vec<CertificateClientDocument>")]
    clients: Vec<Spanned<CertificateClientDocument>>,
    /// What becomes of certificates that no entry fits: they are of somebody `anonymous`, `refused`, or `known` by their subject.
    /// Default: `anonymous`.
    others: Option<Given<String>>,
    /// Whether TLS ends at a proxy that verifies them and tells each in `Client-Cert` (RFC 9440). Only those of `server.trusted_proxies`
    /// are believed. Default: false.
    pub(super) forwarded: Option<Given<bool>>,
}

/// Somebody who is known by a certificate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateClientDocument {
    /// Which name of the certificate: `uri` (such as a SPIFFE id), `dns`, `email`, `common_name`, the whole `subject` (as RFC 4514 writes
    /// it), or its `sha256`.
    by: Given<String>,
    /// What that is, letter by letter, or a list of which one is enough.
    #[serde(default)]
    #[schemars(with = "Option<Json>")]
    is: Option<Spanned<Json>>,
    /// How it begins; of a `uri` or `common_name`.
    #[serde(default)]
    starts_with: Option<Given<String>>,
    /// How it ends; of a `dns`, `email`, `common_name` or `subject`.
    #[serde(default)]
    ends_with: Option<Given<String>>,
    /// Its name, in logs and for limits. Default: the name that fits.
    #[serde(default)]
    name: Option<Given<String>>,
    /// What it may be used for.
    #[serde(default)]
    scopes: Vec<Given<String>>,
    /// What connectors and policies see as its claims, beside `sub`, which is its name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Json>")]
    claims: BTreeMap<String, Spanned<Json>>,
}

/// Certificates that clients show when they connect.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// Whom they stand for: the first that fits.
    pub clients: Vec<CertificateClient>,
    /// What becomes of those that none fits.
    pub others: OtherCertificates,
    /// Whether proxies that are trusted say in `Client-Cert` which one their caller has.
    pub forwarded: bool,
}

/// Somebody who is known by a certificate.
#[derive(Debug, Clone)]
pub struct CertificateClient {
    /// Which name of it is looked at.
    pub by: CertificateName,
    /// What that has to be.
    pub matches: CertificateMatch,
    /// How it is called; `None`: by the name that fits.
    pub name: Option<String>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// What connectors and policies see as its claims.
    pub claims: Hidden<serde_json::Map<String, Json>>,
}

/// A name of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateName {
    /// A URI, such as a SPIFFE id.
    Uri,
    /// A host.
    Dns,
    /// An address for mail.
    Email,
    /// The `CN` of its subject, if there is one only.
    CommonName,
    /// The whole subject, as RFC 4514 writes it.
    Subject,
    /// SHA-256 of the certificate in hexadecimal digits.
    Sha256,
}

impl CertificateName {
    /// All with their names.
    pub const ALL: [(&str, Self); 6] = [
        ("uri", Self::Uri),
        ("dns", Self::Dns),
        ("email", Self::Email),
        ("common_name", Self::CommonName),
        ("subject", Self::Subject),
        ("sha256", Self::Sha256),
    ];
}

/// What a name has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateMatch {
    /// One of these.
    Is(Vec<String>),
    /// Something that begins so.
    StartsWith(String),
    /// Something that ends so.
    EndsWith(String),
}

/// What becomes of a certificate that stands for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherCertificates {
    /// Who shows it is anonymous.
    Anonymous,
    /// Who shows it is refused.
    Refused,
    /// Who shows it is known by its subject.
    Known,
}

impl OtherCertificates {
    /// All with their names.
    pub const ALL: [(&str, Self); 3] =
        [("anonymous", Self::Anonymous), ("refused", Self::Refused), ("known", Self::Known)];
}

impl ClientCertificates {
    /// Whether anybody is known by one.
    pub fn make_known(&self) -> bool {
        !self.clients.is_empty() || self.others == OtherCertificates::Known
    }
}

impl Interpreter<'_> {
    pub(super) fn client_certificates(&mut self, document: ClientCertificatesDocument) -> ClientCertificates {
        let mut clients: Vec<CertificateClient> = Vec::new();
        for document in document.clients {
            let span = range(&document);
            let Some(client) = self.certificate_client(document.value, &span) else { continue };
            let is_twin = |other: &CertificateClient| other.by == client.by && other.matches == client.matches;
            if clients.iter().any(is_twin) {
                self.find(span, "INVALID_VALUE", "an earlier entry fits the same certificates: this one never counts");
            }
            clients.push(client);
        }
        let others = self.choice(document.others, &OtherCertificates::ALL, OtherCertificates::Anonymous);
        let forwarded = self.read(document.forwarded, false);
        ClientCertificates { clients, others, forwarded }
    }

    fn certificate_client(
        &mut self,
        document: CertificateClientDocument,
        span: &Range<usize>,
    ) -> Option<CertificateClient> {
        let CertificateClientDocument { by, is, starts_with, ends_with, name, scopes, claims } = document;
        let by = self.choice(Some(by), &CertificateName::ALL.map(|(name, by)| (name, Some(by))), None)?;
        let matches = match (is, starts_with, ends_with) {
            (Some(is), None, None) => CertificateMatch::Is(self.whole_names(by, is)?),
            (None, Some(part), None) => CertificateMatch::StartsWith(self.part(by, part, is_start)?),
            (None, None, Some(part)) => CertificateMatch::EndsWith(self.part(by, part, is_end)?),
            (None, None, None) => {
                self.find(span.clone(), "MISSING_KEY", "one of `is`, `starts_with` and `ends_with` is needed");
                return None;
            }
            _ => {
                self.find(
                    span.clone(),
                    "INVALID_VALUE",
                    "give one of `is`, `starts_with` and `ends_with`, not several",
                );
                return None;
            }
        };
        let name = match name {
            None => None,
            Some(given) => {
                let span = given.span.clone();
                let text = self.text(given)?;
                if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
                    self.find(span, "INVALID_VALUE", "a name has 1 to 256 bytes and no control characters");
                    return None;
                }
                Some(text)
            }
        };
        let scopes = scopes.into_iter().filter_map(|given| self.text(given)).collect();
        let claims = claims.into_iter().map(|(name, value)| {
            let span = range(&value);
            (name, self.json(value.value, &span))
        });
        let claims = Hidden(claims.collect());
        Some(CertificateClient { by, matches, name, scopes, claims })
    }

    fn whole_names(&mut self, by: CertificateName, is: Spanned<Json>) -> Option<Vec<String>> {
        let span = range(&is);
        let names = self.values(is)?;
        let names = names.into_iter().map(|name| match by {
            // Written as `openssl x509 -fingerprint` does, or without colons.
            CertificateName::Sha256 => name.replace(':', "").to_ascii_lowercase(),
            CertificateName::Dns => name.to_ascii_lowercase(),
            _ => name,
        });
        let names: Vec<String> = names.collect();
        let is_hash = |name: &String| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if by == CertificateName::Sha256 && !names.iter().all(is_hash) {
            self.find(span, "INVALID_VALUE", "expected 64 hexadecimal digits");
            return None;
        }
        if names.iter().any(String::is_empty) {
            self.find(span, "INVALID_VALUE", "an empty name is that of nobody");
            return None;
        }
        Some(names)
    }

    /// A part of a name; `check` says what is wrong with it.
    fn part(
        &mut self,
        by: CertificateName,
        given: Given<String>,
        check: fn(CertificateName, &str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let span = given.span.clone();
        let text = self.text(given)?;
        let text = if by == CertificateName::Dns { text.to_ascii_lowercase() } else { text };
        match check(by, &text) {
            Ok(()) => Some(text),
            Err(expected) => {
                self.find(span, "INVALID_VALUE", expected);
                None
            }
        }
    }
}

/// Whether names that begin so have one owner: `spiffe://acme.example` is also how `spiffe://acme.example.evil/…` begins.
fn is_start(by: CertificateName, text: &str) -> Result<(), &'static str> {
    match by {
        CertificateName::Uri => {
            let authority = text.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
            let is_whole = authority.is_some_and(|(authority, _)| !authority.is_empty());
            is_whole
                .then_some(())
                .ok_or("the beginning of a URI goes at least to the `/` behind its host: `spiffe://acme.example/`")
        }
        CertificateName::CommonName if !text.is_empty() => Ok(()),
        CertificateName::CommonName => Err("the beginning is empty: that is how every name begins"),
        CertificateName::Dns | CertificateName::Email | CertificateName::Subject => {
            Err("who owns such a name is said by its end: use `ends_with`")
        }
        CertificateName::Sha256 => Err("a hash is given whole: use `is`"),
    }
}

/// Whether names that end so have one owner: `acme.example` is also how `evil-acme.example` ends.
fn is_end(by: CertificateName, text: &str) -> Result<(), &'static str> {
    let expected = match by {
        CertificateName::Dns if text.starts_with('.') => None,
        CertificateName::Dns => Some("the end of a host begins with a dot: `.acme.example`"),
        CertificateName::Email if text.contains('@') => None,
        CertificateName::Email => Some("the end of an address has its `@`: `@acme.example`"),
        CertificateName::Subject if text.starts_with(',') => None,
        CertificateName::Subject => Some("the end of a subject begins with a comma: `,O=Acme,C=DE`"),
        CertificateName::CommonName if !text.is_empty() => None,
        CertificateName::CommonName => Some("the end is empty: that is how every name ends"),
        CertificateName::Uri => Some("who owns a URI is said by its beginning: use `starts_with`"),
        CertificateName::Sha256 => Some("a hash is given whole: use `is`"),
    };
    expected.map_or(Ok(()), Err)
}
