//! `auth:` from what is written to what is meant, and files of API keys.

use std::{path::Path, sync::Arc};

use data_encoding::HEXLOWER_PERMISSIVE;
use http::HeaderName;
use serde_saphyr::Spanned;

use super::{
    auth::{Algorithm, ApiKey, ApiKeys, Auth, Fetching, Issuer, Jwt, KeySource},
    auth_document::{ApiKeyDocument, ApiKeysDocument, AuthDocument, IssuerDocument, JwtDocument},
    client_certificates::ClientCertificates,
    interpret::Interpreter,
    load,
    value::{Given, Hidden, Json, Lifetime, range},
};
use crate::error::{SourceText, did_you_mean};

/// What keys that do not name an algorithm are used with, by the kind of key.
const DEFAULT_ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::ES384];

impl Interpreter<'_> {
    /// `verifies_clients`: whether certificates of clients are looked at; `has_proxies`: whether somebody in front is trusted.
    pub(super) fn auth(&mut self, document: AuthDocument, verifies_clients: bool, has_proxies: bool) -> Auth {
        let required_span = document.required.as_ref().map(|given| given.span.clone());
        let auth = Auth {
            required: self.read(document.required, false),
            jwt: document.jwt.map(|jwt| self.jwt(jwt)),
            api_keys: document.api_keys.map(|keys| self.api_keys(keys)),
            client_certificates: document.client_certificates.map(|document| {
                let (span, forwarded) = (range(&document), document.value.forwarded.as_ref().map(|it| it.span.clone()));
                let certificates = self.client_certificates(document.value);
                if certificates.forwarded && !has_proxies {
                    let message = "`forwarded` needs `server.trusted_proxies`: from nobody else `Client-Cert` is believed";
                    self.find(forwarded.unwrap_or_default(), "MISSING_KEY", message);
                } else if !certificates.forwarded && !verifies_clients {
                    let message = "`client_certificates` needs `server.tls.client_ca`, or `forwarded` behind a proxy that verifies them";
                    self.find(span, "MISSING_KEY", message);
                }
                certificates
            }),
        };
        let is_known_by_certificate = auth.client_certificates.as_ref().is_some_and(ClientCertificates::make_known);
        if auth.required && auth.jwt.is_none() && auth.api_keys.is_none() && !is_known_by_certificate {
            let message = "`required` without `jwt`, `api_keys` or `client_certificates` would refuse everybody: say who is known";
            self.find(required_span.unwrap_or_default(), "INVALID_VALUE", message);
        }
        auth
    }

    fn jwt(&mut self, document: JwtDocument) -> Jwt {
        let defaults = Fetching::default();
        let header_span = document.header.as_ref().map(|given| given.span.clone());
        let header = document.header.and_then(|given| self.header(given)).unwrap_or(http::header::AUTHORIZATION);
        if header == http::header::COOKIE {
            let message = "a token in a cookie is found by its name: use `cookie` instead of `header`";
            self.find(header_span.unwrap_or_default(), "INVALID_VALUE", message);
        }
        let cookie = document.cookie.and_then(|given| {
            let span = given.span.clone();
            let name = self.text(given)?;
            // RFC 6265, 4.1.1: a token.
            if name.is_empty()
                || name.bytes().any(|byte| !byte.is_ascii_graphic() || b"()<>@,;:\\\"/[]?={}".contains(&byte))
            {
                self.find(span, "INVALID_VALUE", format!("`{name}` is not the name of a cookie"));
                return None;
            }
            Some(name)
        });
        let mut issuers: Vec<Issuer> = Vec::new();
        for document in document.issuers {
            let span = document.issuer.span.clone();
            let Some(issuer) = self.issuer(document) else { continue };
            if issuers.iter().any(|known| known.issuer == issuer.issuer) {
                self.find(span, "INVALID_VALUE", "this issuer is given twice");
            } else {
                issuers.push(issuer);
            }
        }
        if issuers.is_empty() && self.findings.is_empty() {
            self.find(0..0, "MISSING_KEY", "`auth.jwt` needs `issuers`: whose tokens are taken");
        }
        Jwt {
            issuers,
            header,
            cookie,
            leeway: self.read(document.leeway, Lifetime(std::time::Duration::from_secs(30))).0,
            // Far above what providers issue, and below what servers take as a header.
            bytes_max: self.size(document.bytes_max, 8 << 10),
            fetching: Fetching {
                refresh: self.read(document.refresh, defaults.refresh),
                cooldown: self.read(document.cooldown, defaults.cooldown),
                timeout: self.read(document.timeout, defaults.timeout),
            },
            identify: document.identify.and_then(|given| self.text(given)),
        }
    }

    fn issuer(&mut self, document: IssuerDocument) -> Option<Issuer> {
        let IssuerDocument { issuer, jwks, secret, audiences, algorithms, claims, scopes } = document;
        let span = issuer.span.clone();
        let issuer = self.text(issuer)?;
        let algorithms_span = algorithms.first().map_or_else(|| span.clone(), |given| given.span.clone());
        let mut algorithms: Vec<Algorithm> = algorithms.into_iter().filter_map(|given| self.algorithm(given)).collect();
        let keys = match (jwks, secret) {
            (Some(_), Some(secret)) => {
                self.find(secret.span, "INVALID_VALUE", "give `jwks` or `secret`, not both");
                return None;
            }
            (None, Some(secret)) => {
                let secret_span = secret.span.clone();
                let secret = self.text(secret)?;
                if algorithms.is_empty() {
                    algorithms.push(Algorithm::HS256);
                }
                let fewest = algorithms.iter().map(|algorithm| algorithm.secret_min()).max().unwrap_or(32);
                if secret.len() < fewest {
                    let message = format!("the secret is shorter than {fewest} bytes and could be guessed");
                    self.find(secret_span, "INVALID_VALUE", message);
                }
                KeySource::Secret(Hidden(secret))
            }
            (Some(jwks), None) => self.jwks(jwks)?,
            (None, None) => {
                if !is_http(&issuer) {
                    let message = "an issuer that is no URL has no OpenID configuration: give `jwks` or `secret`";
                    self.find(span, "INVALID_VALUE", message);
                    return None;
                }
                KeySource::Discovery
            }
        };
        if algorithms.is_empty() {
            algorithms.extend(DEFAULT_ALGORITHMS);
        }
        let is_secret = matches!(keys, KeySource::Secret(_));
        if algorithms.iter().any(|algorithm| algorithm.is_symmetric() != is_secret) {
            let message = if is_secret {
                "a `secret` is for HS256, HS384 and HS512 only"
            } else {
                "HS256, HS384 and HS512 need a `secret`: public keys are no secret"
            };
            self.find(algorithms_span, "INVALID_VALUE", message);
        }
        let audiences: Vec<String> = audiences.into_iter().filter_map(|given| self.text(given)).collect();
        let claims: Vec<(String, Vec<Json>)> =
            claims.into_iter().map(|(name, values)| (name, self.alternatives(values))).collect();
        if audiences.is_empty() && claims.is_empty() {
            let message = "`audiences` are missing: tokens that the issuer made for somebody else would be taken";
            let finding = self.finding(span, "MISSING_KEY", message);
            let help =
                "where its tokens have no `aud`, say by `claims` whose they are: `claims: { client_id: my-app }`";
            self.findings.push(finding.help(help));
        }
        let scopes = match scopes {
            Some(names) => names.into_iter().filter_map(|given| self.text(given)).collect(),
            None => vec!["scope".to_owned(), "scp".to_owned()],
        };
        Some(Issuer { issuer, keys, audiences, algorithms, claims, scopes })
    }

    fn jwks(&mut self, given: Given<String>) -> Option<KeySource> {
        let span = given.span.clone();
        let text = self.text(given)?;
        if is_http(&text) {
            if url::Url::parse(&text).is_err() {
                self.find(span, "INVALID_URL", "this is no URL");
                return None;
            }
            return Some(KeySource::Url(text));
        }
        if text.contains("://") {
            self.find(span, "INVALID_URL", "keys are fetched by http or https, or read from a file");
            return None;
        }
        Some(KeySource::File(self.folder.join(text)))
    }

    fn algorithm(&mut self, given: Given<String>) -> Option<Algorithm> {
        let span = given.span.clone();
        let text = self.text(given)?;
        let found = Algorithm::named(&text);
        if found.is_none() {
            let names = Algorithm::ALL.map(|(name, _)| name);
            let finding = self.finding(span, "INVALID_VALUE", format!("expected one of {}", load::list(&names)));
            self.findings.push(match did_you_mean(&text, names) {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
        found
    }

    /// A value, or a list of values of which one is enough.
    fn alternatives(&mut self, values: Spanned<Json>) -> Vec<Json> {
        let span = range(&values);
        match self.json(values.value, &span) {
            Json::Array(values) => values,
            value => vec![value],
        }
    }

    fn api_keys(&mut self, document: ApiKeysDocument) -> ApiKeys {
        let header = document.header.and_then(|given| self.header(given));
        let file = document.file.and_then(|given| self.text(given)).map(|path| self.folder.join(path));
        let keys = self.keys(document.keys);
        if file.is_none() && keys.is_empty() && self.findings.is_empty() {
            self.find(0..0, "MISSING_KEY", "`auth.api_keys` needs `keys` or a `file` of them");
        }
        ApiKeys { header: header.unwrap_or(HeaderName::from_static("x-api-key")), file, keys }
    }

    fn keys(&mut self, documents: Vec<ApiKeyDocument>) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = Vec::new();
        for document in documents {
            let (id_span, hash_span) = (document.id.span.clone(), document.sha256.span.clone());
            let Some(key) = self.api_key(document) else { continue };
            if keys.iter().any(|known| known.id == key.id) {
                self.find(id_span, "INVALID_VALUE", format!("there are two keys named `{}`", key.id));
            } else if keys.iter().any(|known| known.sha256 == key.sha256) {
                self.find(hash_span, "INVALID_VALUE", "this is the hash of another key of the list");
            } else {
                keys.push(key);
            }
        }
        keys
    }

    fn api_key(&mut self, document: ApiKeyDocument) -> Option<ApiKey> {
        let ApiKeyDocument { id, sha256, scopes, expires, quota, claims } = document;
        let hash_span = sha256.span.clone();
        let digits = self.text(sha256)?;
        let Some(sha256) = hash(&digits) else {
            let finding = self.finding(hash_span, "INVALID_VALUE", "expected 64 hexadecimal digits");
            self.findings.push(finding.help("`weft key new NAME` makes a key and prints its hash"));
            return None;
        };
        let expires = match expires {
            None => None,
            Some(given) => {
                let span = given.span.clone();
                let text = self.text(given)?;
                let at = instant(&text);
                if at.is_none() {
                    self.find(span, "INVALID_VALUE", "expected a day such as `2027-01-31`, or `2027-01-31T12:00:00Z`");
                }
                at
            }
        };
        let quota = quota.and_then(|quota| self.quota(quota));
        let claims = claims.into_iter().map(|(name, value)| {
            let span = range(&value);
            (name, self.json(value.value, &span))
        });
        let claims = Hidden(claims.collect());
        let scopes = scopes.into_iter().filter_map(|given| self.text(given)).collect();
        Some(ApiKey { id: self.text(id)?, sha256, scopes, expires, quota, claims })
    }
}

/// Reads a file of API keys: a YAML (or JSON) list. Errors: all that is wrong, as one text.
pub fn api_keys(path: &Path) -> Result<Vec<ApiKey>, String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read `{name}`: {error}"))?;
    read_api_keys(&Arc::new(SourceText { name, text }))
}

/// The same for a text that is at hand.
pub fn api_keys_of(text: &str) -> Result<Vec<ApiKey>, String> {
    read_api_keys(&Arc::new(SourceText { name: "keys".to_owned(), text: text.to_owned() }))
}

fn read_api_keys(source: &Arc<SourceText>) -> Result<Vec<ApiKey>, String> {
    let told = |finding: &crate::error::Diagnostic| {
        let line = finding.labels.first().map_or(1, |label: &crate::error::Label| source.position(label.span.start).0);
        format!("`{}`, line {line}: {}", source.name, finding.message)
    };
    let documents: Vec<ApiKeyDocument> = load::parse(source).map_err(|finding| told(&finding))?;
    let nobody = |_: &str| None;
    let mut interpreter = Interpreter::new(source, Path::new(""), &nobody);
    let keys = interpreter.keys(documents);
    match interpreter.findings.as_slice() {
        [] => Ok(keys),
        findings => Err(findings.iter().map(told).collect::<Vec<_>>().join("; ")),
    }
}

fn is_http(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
}

fn hash(digits: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok()
}

/// Seconds since 1970 of a day or a time in UTC. Source: RFC 3339, 5.6; days are counted as Howard Hinnant's
/// `days_from_civil` does.
fn instant(text: &str) -> Option<i64> {
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let numbers = |text: &str, separator: char, widths: [usize; 3]| -> Option<[i64; 3]> {
        let mut parts = text.split(separator);
        let mut out = [0; 3];
        for (number, width) in out.iter_mut().zip(widths) {
            let part =
                parts.next().filter(|part| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit()))?;
            *number = part.parse().ok()?;
        }
        parts.next().is_none().then_some(out)
    };
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let [hour, minute, second] = match time {
        None => [0; 3],
        Some(time) => numbers(time.strip_suffix('Z')?, ':', [2, 2, 2])?,
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let shifted = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_seconds() {
        assert_eq!(instant("1970-01-01"), Some(0));
        assert_eq!(instant("2000-02-29T12:30:15Z"), Some(951_827_415));
        assert_eq!(instant("2027-01-31"), Some(1_801_353_600));
        for wrong in [
            "",
            "2027-1-31",
            "2027-02-29",
            "2027-13-01",
            "2027-01-32",
            "2027-01-01T25:00:00Z",
            "2027-01-01T00:00:00",
            "soon",
        ] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }
}
