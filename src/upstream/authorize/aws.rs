//! Who signs for AWS: keys of the configuration, of a file with profiles, or temporary ones that somebody gives.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde::Deserialize;

use super::{
    WAIT_MAX,
    file::Watched,
    lease::{Issuer, Lease},
    secret,
};
use crate::{
    config::{AwsKeys, Hidden, Token},
    upstream::{
        Call,
        client::Client,
        report::Report,
        service::Passage,
        sign::{Keys, Signer},
    },
};

/// Keys are not used in their last moments: the service's clock may be ahead of ours.
const MARGIN: Duration = Duration::from_secs(30);

/// Where signers come from.
#[derive(Debug)]
pub(super) enum Signers {
    Fixed(Arc<Signer>),
    File(Watched<Arc<Signer>>),
    Leased(Box<Lease<Temporary>>),
}

impl Signers {
    pub(super) fn new(name: &Arc<str>, client: &Arc<Client>, region: &str, service: &str, keys: &AwsKeys) -> Self {
        let scope = Scope { region: region.to_owned(), service: service.to_owned() };
        let giver = match keys {
            AwsKeys::Fixed { id, secret, session } => {
                let keys = Keys { id: id.clone(), secret: secret.clone(), session: session.clone() };
                return Self::Fixed(scope.signer(keys));
            }
            AwsKeys::File { path, profile } => {
                let profile = profile.clone();
                let parse = move |text: &str| Some(scope.signer(keys_of_profile(text, &profile)?));
                let problem = "the file cannot be read, or its profile has no access key with a secret";
                return Self::File(Watched::new(path, problem, parse));
            }
            AwsKeys::Container { url, token } => Giver::Container { url: url.clone(), token: token.clone() },
            AwsKeys::WebIdentity { url, role, session, token } => Giver::WebIdentity {
                url: url.clone(),
                role: role.clone(),
                session: session.clone(),
                token: Token::File(token.clone()),
            },
        };
        let (name, client) = (Arc::clone(name), Arc::clone(client));
        Self::Leased(Box::new(Lease::new(Temporary { name, client, giver, scope, report: Report::default() })))
    }

    /// Who signs now; `None`: there are no keys.
    pub(super) async fn get(&self, upstream: &str) -> Option<Arc<Signer>> {
        match self {
            Self::Fixed(signer) => Some(Arc::clone(signer)),
            Self::File(file) => file.get(upstream).await,
            Self::Leased(lease) => lease.get().await,
        }
    }
}

/// What is signed for.
#[derive(Debug)]
struct Scope {
    region: String,
    service: String,
}

impl Scope {
    fn signer(&self, keys: Keys) -> Arc<Signer> {
        Arc::new(Signer { region: self.region.clone(), service: self.service.clone(), keys })
    }
}

/// The keys of a profile. Source: "Shared config and credentials files" of the AWS SDKs and Tools Reference Guide.
fn keys_of_profile(text: &str, profile: &str) -> Option<Keys> {
    let (mut id, mut secret, mut session) = (None, None, None);
    let mut is_ours = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            is_ours = name.split(']').next().is_some_and(|name| name.trim() == profile);
        } else if is_ours && let Some((name, value)) = line.split_once('=') {
            let value = Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned);
            match name.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => session = value,
                _ => {}
            }
        }
    }
    Some(Keys { id: id?, secret: Hidden(secret?), session: session.map(Hidden) })
}

/// Asks for temporary keys.
#[derive(Debug)]
pub(super) struct Temporary {
    name: Arc<str>,
    client: Arc<Client>,
    giver: Giver,
    scope: Scope,
    report: Report,
}

#[derive(Debug)]
enum Giver {
    Container { url: String, token: Option<Token> },
    WebIdentity { url: String, role: String, session: String, token: Token },
}

/// What a container's endpoint answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfContainer {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: String,
}

/// What the token service answers, of which we want the innermost part.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTokenService {
    assume_role_with_web_identity_response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    assume_role_with_web_identity_result: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    credentials: OfRole,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRole {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// Seconds since 1970.
    expiration: f64,
}

impl Giver {
    /// What to send. Errors: which secret cannot be had.
    async fn request(&self) -> Result<Call, &'static str> {
        match self {
            Self::Container { url, token } => {
                let mut call = Call::new(Method::GET, url.clone());
                if let Some(token) = token {
                    let value =
                        secret(&read(token).await?).ok_or("the token for the container's keys cannot be sent")?;
                    call.headers.insert(header::AUTHORIZATION, value);
                }
                Ok(call)
            }
            Self::WebIdentity { url, role, session, token } => {
                let token = read(token).await?;
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("Action", "AssumeRoleWithWebIdentity").append_pair("Version", "2011-06-15");
                form.append_pair("RoleArn", role).append_pair("RoleSessionName", session);
                form.append_pair("WebIdentityToken", &token);
                let mut call = Call::new(Method::POST, url.clone());
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                call.headers.insert(header::CONTENT_TYPE, form_type);
                call.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
                call.body = Some(Bytes::from(form.finish()));
                Ok(call)
            }
        }
    }

    /// Reads the answer. `None`: there are no keys in it.
    fn read(&self, body: &[u8]) -> Option<(Keys, SystemTime)> {
        match self {
            Self::Container { .. } => {
                let OfContainer { access_key_id: id, secret_access_key, token, expiration } =
                    serde_json::from_slice(body).ok()?;
                let ends = DateTime::from_str(&expiration, Format::DateTime).ok()?;
                let keys = Keys { id, secret: Hidden(secret_access_key), session: Some(Hidden(token)) };
                Some((keys, SystemTime::try_from(ends).ok()?))
            }
            Self::WebIdentity { .. } => {
                let answer: OfTokenService = serde_json::from_slice(body).ok()?;
                let OfRole { access_key_id: id, secret_access_key, session_token, expiration } =
                    answer.assume_role_with_web_identity_response.assume_role_with_web_identity_result.credentials;
                let since = Duration::try_from_secs_f64(expiration).ok()?;
                let keys = Keys { id, secret: Hidden(secret_access_key), session: Some(Hidden(session_token)) };
                Some((keys, SystemTime::UNIX_EPOCH.checked_add(since)?))
            }
        }
    }
}

async fn read(token: &Token) -> Result<String, &'static str> {
    match token {
        Token::Fixed(token) => Ok(token.0.clone()),
        Token::File(path) => {
            let text = of_file(path).await;
            text.ok_or("the file with the token for temporary keys cannot be read")
        }
    }
}

async fn of_file(path: &Path) -> Option<String> {
    let text = tokio::fs::read_to_string(path).await.ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Issuer for Temporary {
    type Given = Arc<Signer>;

    async fn issue(&self) -> Option<(Arc<Signer>, Duration)> {
        let request = self.giver.request().await;
        let request = request.inspect_err(|problem| self.report.failure(&self.name, problem)).ok()?;
        let reply = match self.client.send(&request, &Passage::within(WAIT_MAX)).await {
            Ok(reply) if (200..300).contains(&reply.status) => reply,
            Ok(reply) => {
                self.report.failure(&self.name, &format_args!("who gives temporary keys answered {}", reply.status));
                return None;
            }
            // The client has told the cause.
            Err(_) => return None,
        };
        let found = self.giver.read(&reply.body);
        let left = found.and_then(|(keys, ends)| {
            let left = ends.duration_since(SystemTime::now()).ok()?.checked_sub(MARGIN)?;
            Some((self.scope.signer(keys), left))
        });
        if left.is_none() {
            self.report.failure(&self.name, &"who gives temporary keys answered without keys that hold");
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_its_own_keys() {
        let text = "# ours\n[default]\naws_access_key_id = AKID1\naws_secret_access_key=s/1=+\n\n[ shop ]\n\
                    aws_access_key_id=AKID2\naws_secret_access_key = two\naws_session_token = t2\nregion = x\n\
                    [half]\naws_access_key_id = AKID3\naws_secret_access_key =\n";
        let keys = |profile: &str| keys_of_profile(text, profile);
        let of = |id: &str, secret: &str, session: Option<&str>| {
            let session = session.map(|session| Hidden(session.to_owned()));
            Some(Keys { id: id.to_owned(), secret: Hidden(secret.to_owned()), session })
        };
        assert_eq!(keys("default"), of("AKID1", "s/1=+", None));
        assert_eq!(keys("shop"), of("AKID2", "two", Some("t2")));
        assert_eq!((keys("half"), keys("nobody")), (None, None));
    }

    #[test]
    fn answers_with_temporary_keys_are_read() {
        let container = Giver::Container { url: String::new(), token: None };
        let body = br#"{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2030-01-02T03:04:05Z","RoleArn":"r"}"#;
        let (keys, ends) = container.read(body).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.as_str(), keys.session.unwrap().as_str()), ("A", "S", "T"));
        assert_eq!(ends, httpdate::parse_http_date("Wed, 02 Jan 2030 03:04:05 GMT").unwrap());
        let (url, role, session) = (String::new(), String::new(), String::new());
        let web = Giver::WebIdentity { url, role, session, token: Token::Fixed(Hidden(String::new())) };
        let body = br#"{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":
            {"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":1.893553445E9}}}}"#;
        let (keys, same) = web.read(body).unwrap();
        assert_eq!((keys.session.unwrap().as_str(), same), ("T", ends));
        for giver in [container, web] {
            assert!(giver.read(b"{}").is_none() && giver.read(b"<xml/>").is_none());
        }
    }
}
