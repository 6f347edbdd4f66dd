//! What a service wants to see of us: basic, bearer, `OAuth` 2.0 client credentials, signatures of AWS.

mod aws;
mod file;
mod lease;
mod oauth2;

use std::{future::Future, sync::Arc, time::Duration};

use base64::Engine as _;
use futures_util::future::Either;
use http::{HeaderValue, header};

use self::{file::Watched, lease::Lease, oauth2::Oauth2};
use super::{
    Call, CallError, Kept, Reply, UpstreamSpec,
    client::Client,
    service::{Passage, Service},
};
use crate::{
    aside::aside,
    config::{AwsKeys, Credentials, Token},
};

/// Longest wait for a token or for keys from whoever gives them.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Adds the source's credentials to each sending. They replace an `authorization` of the schema.
///
/// Tokens are fetched once for all who wait, kept, and renewed early. A 401 may mean that a token was withdrawn: then one
/// new token is fetched and the call made once more; a service that says 401 has done nothing. Signatures are made by the client,
/// over what it sends; here is known who signs.
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
    File(Watched<HeaderValue>),
    Oauth2(Box<Lease<Oauth2>>),
    Aws(aws::Signers),
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
        Credentials::Bearer(token) => key_of(token),
        Credentials::Oauth2 { token_url, client_id, client_secret, scopes, audience } => {
            let mut key = vec!["oauth2".to_owned(), token_url.clone(), client_id.clone(), client_secret.0.clone()];
            key.push(audience.clone().unwrap_or_default());
            key.extend(scopes.iter().cloned());
            key
        }
        Credentials::Sigv4 { region, service, keys } => {
            let mut key = vec!["sigv4".to_owned(), region.clone(), service.clone()];
            match keys {
                AwsKeys::Fixed { id, secret, session } => {
                    key.extend(["fixed".to_owned(), id.clone(), secret.0.clone()]);
                    key.extend(session.as_ref().map(|session| session.0.clone()));
                }
                AwsKeys::File { path, profile } => {
                    key.extend(["file".to_owned(), path.display().to_string(), profile.clone()]);
                }
                AwsKeys::Container { url, token } => {
                    key.extend(["container".to_owned(), url.clone()]);
                    key.extend(token.iter().flat_map(key_of));
                }
                AwsKeys::WebIdentity { url, role, session, token } => {
                    key.extend(["web".to_owned(), url.clone(), role.clone(), session.clone()]);
                    key.push(token.display().to_string());
                }
            }
            key
        }
    }
}

fn key_of(token: &Token) -> Vec<String> {
    match token {
        Token::Fixed(token) => vec!["token".to_owned(), token.0.clone()],
        Token::File(path) => vec!["file".to_owned(), path.display().to_string()],
    }
}

impl<S: Service> Service for Authorize<S> {
    #[inline]
    fn call(&self, call: &Call, passage: Passage) -> impl Future<Output = Result<Box<Reply>, CallError>> + Send {
        match &self.source {
            None => Either::Left(self.inner.call(call, passage)),
            Some(source) => Either::Right(async move { aside(|| self.with(source, call, passage)).await }),
        }
    }
}

impl<S: Service> Authorize<S> {
    async fn with(&self, source: &Source, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        let value = match source {
            Source::Fixed(value) => value.clone(),
            Source::File(file) => file.get(&self.spec.name).await.ok_or_else(|| self.without())?,
            Source::Aws(signers) => {
                passage.signer = Some(signers.get(&self.spec.name).await.ok_or_else(|| self.without())?);
                return self.inner.call(call, passage).await;
            }
            Source::Oauth2(tokens) => {
                let value = tokens.get().await.ok_or_else(|| self.without())?;
                passage.headers.insert(header::AUTHORIZATION, value.clone());
                let (again, instance, url) = (passage.again(), passage.instance.clone(), passage.url.clone());
                let result = self.inner.call(call, passage).await;
                if !matches!(&result, Ok(reply) if reply.status == 401) {
                    return result;
                }
                passage = again.passage();
                // At the same instance.
                (passage.instance, passage.url) = (instance, url);
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
                let bearer =
                    |text: &str| secret(&format!("Bearer {}", text.trim())).filter(|_| !text.trim().is_empty());
                Self::File(Watched::new(path, "the token file cannot be read or holds no token", bearer))
            }
            Credentials::Oauth2 { token_url, client_id, client_secret, scopes, audience } => {
                let tokens =
                    Oauth2::new(name, client, token_url, (client_id, &client_secret.0), scopes, audience.as_deref());
                Self::Oauth2(Box::new(Lease::new(tokens)))
            }
            Credentials::Sigv4 { region, service, keys } => {
                Self::Aws(aws::Signers::new(name, client, region, service, keys))
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
