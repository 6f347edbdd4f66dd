//! `OAuth` 2.0 client credentials.

use std::{sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;

use super::{WAIT_MAX, lease::Issuer, secret};
use crate::upstream::{Call, client::Client, report::Report, service::Passage};

/// The life of a token whose server does not say.
const LIFE: Duration = Duration::from_mins(5);

/// Asks a token endpoint. Source: RFC 6749, 4.4.
#[derive(Debug)]
pub(super) struct Oauth2 {
    name: Arc<str>,
    client: Arc<Client>,
    request: Call,
    report: Report,
}

/// What a token endpoint answers. Source: RFC 6749, 5.1.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Oauth2 {
    /// `id` is who we are and what only we know.
    pub(super) fn new(
        name: &Arc<str>,
        client: &Arc<Client>,
        token_url: &str,
        id: (&str, &str),
        scopes: &[String],
        audience: Option<&str>,
    ) -> Self {
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
        let pair = format!("{}:{}", encode(id.0), encode(id.1));
        let basic = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair));
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, secret(&basic).expect("base64 is visible ASCII"));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request =
            Call { headers, body: Some(Bytes::from(form.finish())), ..Call::new(Method::POST, token_url.to_owned()) };
        Self { name: Arc::clone(name), client: Arc::clone(client), request, report: Report::default() }
    }
}

impl Issuer for Oauth2 {
    type Given = HeaderValue;

    async fn issue(&self) -> Option<(HeaderValue, Duration)> {
        let reply = match self.client.send(&self.request, &Passage::within(WAIT_MAX)).await {
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
        let value = secret(&format!("Bearer {}", grant.access_token))?;
        let life = grant.expires_in.filter(|seconds| (1.0..=31_536_000.0).contains(seconds));
        Some((value, life.map_or(LIFE, Duration::from_secs_f64)))
    }
}
