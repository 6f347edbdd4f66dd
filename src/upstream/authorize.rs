//! What a service wants to see of us: basic, bearer, `OAuth` 2.0 client credentials.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Call, CallError, Kept, Reply, UpstreamSpec,
    client::Client,
    clock,
    report::Report,
    service::{Passage, Service},
};
use crate::config::{Credentials, Token};

/// How often a file with a token is read again. Kubernetes rotates them minutes before they end.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// A token is renewed when this share of its life is left, while it still holds.
const RENEW_AT: f64 = 0.2;

/// The life of a token whose server does not say.
const LIFE: Duration = Duration::from_mins(5);

/// After a failed renewal the next is not begun before.
const PAUSE: Duration = Duration::from_secs(1);

/// Adds the source's credentials to each sending. They replace an `authorization` of the schema.
///
/// Tokens are fetched once for all who wait, kept, and renewed early. A 401 may mean that a token was withdrawn: then one
/// new token is fetched and the call made once more; a service that says 401 has done nothing.
/// Errors: `Invalid` when there are no credentials to send.
#[derive(Debug)]
pub(super) struct Authorize<S> {
    source: Option<Arc<Source>>,
    spec: Arc<UpstreamSpec>,
    inner: S,
}

/// Where credentials come from. Kept over reloads, so that a reload does not ask for tokens again.
#[derive(Debug)]
enum Source {
    Fixed(HeaderValue),
    File { path: PathBuf, read: tokio::sync::Mutex<Option<(Instant, HeaderValue)>>, report: Report },
    Oauth2(Box<Oauth2>),
}

#[derive(Debug)]
struct Oauth2 {
    name: Arc<str>,
    client: Arc<Client>,
    request: Call,
    current: Mutex<Option<Issued>>,
    /// Whoever holds it asks for a token.
    asking: tokio::sync::Mutex<Option<Instant>>,
    report: Report,
}

/// A token that was given.
#[derive(Debug, Clone)]
struct Issued {
    value: HeaderValue,
    renew_at: Instant,
    ends_at: Instant,
}

impl<S> Authorize<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, client: &Arc<Client>, kept: &Kept, inner: S) -> Self {
        let source = spec.credentials.as_ref().map(|credentials| {
            kept.share(&spec.name, &key(credentials), || Source::new(&spec.name, client, credentials))
        });
        Self { source, spec: Arc::clone(spec), inner }
    }

    fn without(&self) -> CallError {
        CallError::Invalid { upstream: Arc::clone(&self.spec.name), reason: "its credentials cannot be had".to_owned() }
    }
}

/// What tells credentials from others, secrets included; it is hashed and goes nowhere.
fn key(credentials: &Credentials) -> Vec<String> {
    match credentials {
        Credentials::Basic { username, password } => vec!["basic".to_owned(), username.clone(), password.0.clone()],
        Credentials::Bearer(Token::Fixed(token)) => vec!["token".to_owned(), token.0.clone()],
        Credentials::Bearer(Token::File(path)) => vec!["file".to_owned(), path.display().to_string()],
        Credentials::Oauth2 { token_url, client_id, client_secret, scopes, audience } => {
            let mut key = vec!["oauth2".to_owned(), token_url.clone(), client_id.clone(), client_secret.0.clone()];
            key.push(audience.clone().unwrap_or_default());
            key.extend(scopes.iter().cloned());
            key
        }
    }
}

impl<S: Service> Service for Authorize<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Reply, CallError> {
        let Some(source) = &self.source else { return self.inner.call(call, passage).await };
        let value = match &**source {
            Source::Fixed(value) => value.clone(),
            Source::File { path, read, report } => {
                from_file(&self.spec.name, path, read, report).await.ok_or_else(|| self.without())?
            }
            Source::Oauth2(tokens) => {
                let value = tokens.get().await.ok_or_else(|| self.without())?;
                passage.headers.insert(header::AUTHORIZATION, value.clone());
                let again = passage.again();
                let result = self.inner.call(call, passage).await;
                if !matches!(&result, Ok(reply) if reply.status == 401) {
                    return result;
                }
                passage = again;
                match tokens.instead_of(&value).await {
                    Some(value) => value,
                    None => return result,
                }
            }
        };
        passage.headers.insert(header::AUTHORIZATION, value);
        self.inner.call(call, passage).await
    }
}

impl Source {
    fn new(name: &Arc<str>, client: &Arc<Client>, credentials: &Credentials) -> Self {
        match credentials {
            Credentials::Basic { username, password } => {
                let text = base64::prelude::BASE64_STANDARD.encode(format!("{username}:{}", password.0));
                Self::Fixed(secret(&format!("Basic {text}")).expect("base64 is visible ASCII"))
            }
            Credentials::Bearer(Token::Fixed(token)) => {
                let value = secret(&format!("Bearer {}", token.0));
                Self::Fixed(value.expect("the configuration takes visible ASCII only"))
            }
            Credentials::Bearer(Token::File(path)) => {
                Self::File { path: path.clone(), read: tokio::sync::Mutex::default(), report: Report::default() }
            }
            Credentials::Oauth2 { token_url, client_id, client_secret, scopes, audience } => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "client_credentials");
                if !scopes.is_empty() {
                    form.append_pair("scope", &scopes.join(" "));
                }
                if let Some(audience) = audience {
                    form.append_pair("audience", audience);
                }
                // RFC 6749, 2.3.1: both are form-encoded before they become a basic credential.
                let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encode(client_id), encode(&client_secret.0));
                let basic = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair));
                let mut headers = HeaderMap::new();
                headers.insert(header::AUTHORIZATION, secret(&basic).expect("base64 is visible ASCII"));
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                headers.insert(header::CONTENT_TYPE, form_type);
                headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
                let request = Call {
                    headers,
                    body: Some(Bytes::from(form.finish())),
                    ..Call::new(Method::POST, token_url.clone())
                };
                Self::Oauth2(Box::new(Oauth2 {
                    name: Arc::clone(name),
                    client: Arc::clone(client),
                    request,
                    current: Mutex::default(),
                    asking: tokio::sync::Mutex::default(),
                    report: Report::default(),
                }))
            }
        }
    }
}

/// A value that is never printed.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The token of a file; the last good one when it cannot be read now.
async fn from_file(
    upstream: &str,
    path: &PathBuf,
    read: &tokio::sync::Mutex<Option<(Instant, HeaderValue)>>,
    report: &Report,
) -> Option<HeaderValue> {
    let mut read = read.lock().await;
    let now = clock::now();
    if let Some((at, value)) = &*read
        && now.saturating_duration_since(*at) < READ_AGAIN
    {
        return Some(value.clone());
    }
    let found = match tokio::fs::read_to_string(path).await {
        Ok(text) => secret(&format!("Bearer {}", text.trim())).filter(|_| !text.trim().is_empty()),
        Err(_) => None,
    };
    if found.is_none() {
        report.failure(upstream, &"the token file cannot be read or holds no token");
    }
    let value = found.or_else(|| read.as_ref().map(|(_, value)| value.clone()))?;
    *read = Some((now, value.clone()));
    Some(value)
}

/// What a token endpoint answers. Source: RFC 6749, 5.1.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Oauth2 {
    fn current(&self) -> Option<Issued> {
        // A token is replaced whole.
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().filter(|issued| issued.ends_at > clock::now())
    }

    /// A token that holds; fetched when there is none, renewed early by the first who comes late in its life.
    async fn get(&self) -> Option<HeaderValue> {
        match self.current() {
            Some(issued) if issued.renew_at > clock::now() => Some(issued.value),
            Some(issued) => {
                // The others go on with what still holds.
                let Ok(mut asked) = self.asking.try_lock() else { return Some(issued.value) };
                if asked.is_some_and(|asked| clock::since(asked) < PAUSE) {
                    return Some(issued.value);
                }
                *asked = Some(clock::now());
                Some(self.fetch().await.unwrap_or(issued.value))
            }
            None => {
                let mut asked = self.asking.lock().await;
                // Somebody else fetched it meanwhile, or found out that there is none.
                if let Some(issued) = self.current() {
                    return Some(issued.value);
                }
                if asked.is_some_and(|asked| clock::since(asked) < PAUSE) {
                    return None;
                }
                let value = self.fetch().await;
                *asked = value.is_none().then(Instant::now);
                value
            }
        }
    }

    /// A token other than one that was refused.
    async fn instead_of(&self, refused: &HeaderValue) -> Option<HeaderValue> {
        let _asking = self.asking.lock().await;
        match self.current() {
            Some(issued) if issued.value != *refused => Some(issued.value),
            _ => self.fetch().await,
        }
    }

    async fn fetch(&self) -> Option<HeaderValue> {
        let passage = Passage::within(Duration::from_secs(10));
        let reply = match self.client.send(&self.request, &passage).await {
            Ok(reply) if (200..300).contains(&reply.status) => reply,
            Ok(reply) => {
                self.report.failure(&self.name, &format_args!("the token endpoint answered {}", reply.status));
                return None;
            }
            // The client has told the cause.
            Err(_) => return None,
        };
        let Ok(grant) = serde_json::from_slice::<Grant>(&reply.body) else {
            self.report.failure(&self.name, &"the token endpoint answered without a token");
            return None;
        };
        let value = secret(&format!("Bearer {}", grant.access_token));
        let life = grant.expires_in.filter(|seconds| (1.0..=31_536_000.0).contains(seconds));
        let life = life.map_or(LIFE, Duration::from_secs_f64);
        let now = clock::now();
        let issued =
            Issued { value: value.clone()?, renew_at: now + life.mul_f64(1.0 - RENEW_AT), ends_at: now + life };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(issued);
        value
    }
}
