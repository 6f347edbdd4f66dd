//! Who asks: tokens of identity providers, API keys and client certificates.
//!
//! In the order in which a token is met: `carried` (where it is), `token` (its parts), `issuer` (signature and claims), `provider` and
//! `keys` (where keys come from), `cache` (tokens that were checked). `api_keys` are another way to be known, and so is the
//! `certificate` of a connection, by the rules of `clients`.

mod api_keys;
mod cache;
mod carried;
mod certificate;
mod clients;
mod fault;
mod forwarded;
mod issuer;
mod json;
mod keys;
mod provider;
mod token;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

pub use self::certificate::Presented;
use self::{
    api_keys::ApiKeys,
    cache::{Checked, Known},
    clients::{Certified, Clients},
    fault::Fault,
    forwarded::{Forwarded, Told},
    issuer::Issuer,
    provider::Provider,
    token::Token,
};
use crate::{
    aside::aside,
    config,
    error::{ErrorCode, Refusal},
    mapping::{Object, Value},
    upstream::{Kept, Transport},
};

/// Who asks. The default is nobody in particular.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    token: Option<Arc<Subject>>,
    key: Option<Arc<Subject>>,
    certificate: Option<Arc<Certified>>,
}

/// Whom a credential stands for.
#[derive(Debug)]
struct Subject {
    /// For logs; `None`: not to be named.
    name: Option<Arc<str>>,
    claims: Object,
    scopes: Vec<String>,
    /// Of an API key.
    quota: Option<config::Quota>,
    /// SHA-256 of the client certificate that a token is to be used with.
    bound_to: Option<[u8; 32]>,
}

impl Subject {
    fn new(name: Option<Arc<str>>, claims: &serde_json::Map<String, serde_json::Value>, scopes: Vec<String>) -> Self {
        let claims = claims.iter().map(|(name, value)| (name.clone(), Value::from(value))).collect();
        Self { name, claims, scopes, quota: None, bound_to: None }
    }

    /// One of whom the configuration says all: its name is its `sub`.
    fn named(name: &str, claims: &serde_json::Map<String, serde_json::Value>, scopes: Vec<String>) -> Self {
        let mut subject = Self::new(Some(name.into()), claims, scopes);
        subject.claims.insert("sub".to_owned(), Value::String(name.to_owned()));
        subject
    }
}

impl Identity {
    /// One with an API key, for tests of what it may do.
    #[cfg(test)]
    pub(super) fn of_key(name: &str, quota: Option<config::Quota>) -> Self {
        let subject = Subject::new(Some(name.into()), &serde_json::Map::new(), Vec::new());
        Self { key: Some(Arc::new(Subject { quota, ..subject })), ..Self::default() }
    }

    /// Whether nobody said who asks.
    pub fn is_anonymous(&self) -> bool {
        self.subjects().next().is_none()
    }

    /// How the caller is named in logs: what the token says where `auth.jwt.identify` names a claim, else the API key's name; with
    /// neither, the client certificate's.
    pub fn name(&self) -> Option<&str> {
        self.subjects().find_map(|subject| subject.name.as_deref())
    }

    /// Whom the token stands for, where `auth.jwt.identify` names a claim.
    pub fn subject(&self) -> Option<&str> {
        self.token.as_ref()?.name.as_deref()
    }

    /// Who made the token.
    pub fn issuer(&self) -> Option<&str> {
        match self.token.as_ref()?.claims.get("iss")? {
            Value::String(issuer) => Some(issuer),
            _ => None,
        }
    }

    /// Name of the API key.
    pub fn api_key(&self) -> Option<&str> {
        self.key.as_ref()?.name.as_deref()
    }

    /// Whether there is a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether there is an API key.
    pub fn has_api_key(&self) -> bool {
        self.key.is_some()
    }

    /// Whom the client certificate stands for, whether or not there is a token or an API key.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_ref()?.subject.as_ref()?.name.as_deref()
    }

    /// Whether there is a client certificate that stands for somebody.
    pub fn has_certificate(&self) -> bool {
        self.certificate.as_ref().is_some_and(|certified| certified.subject.is_some())
    }

    /// Whether answers may be for this caller only: also a certificate of nobody in particular can be looked at.
    pub fn is_told_apart(&self) -> bool {
        self.token.is_some() || self.key.is_some() || self.certificate.is_some()
    }

    /// What the client certificate says, by the names of [`config::CERTIFICATE_VALUES`].
    pub fn certificate_values(&self) -> Option<&Object> {
        self.certificate.as_ref().map(|certified| &certified.values)
    }

    /// The client certificate's subject (RFC 4514) and its SHA-256 in hexadecimal digits.
    pub fn certificate_subject(&self) -> Option<(&str, &str)> {
        let certificate = &self.certificate.as_ref()?.certificate;
        Some((&certificate.subject, &certificate.sha256))
    }

    /// How much may be asked with the API key in a day or month, and the key's name.
    pub fn quota(&self) -> Option<(config::Quota, &str)> {
        let key = self.key.as_ref()?;
        Some((key.quota?, key.name.as_deref()?))
    }

    /// The claims: those of the token, else of the API key, else of whom the client certificate stands for.
    pub fn claims(&self) -> Option<&Object> {
        self.subjects().next().map(|subject| &subject.claims)
    }

    /// A claim by its name; a name with dots that is not there is a path (`realm_access.roles`).
    pub fn claim(&self, name: &str) -> Option<&Value> {
        let claims = self.claims()?;
        claims.get(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
        })
    }

    /// Whether a scope was given, to the token or to the API key; with neither, to whom the client certificate stands for.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.subjects().any(|subject| subject.scopes.iter().any(|own| own == scope))
    }

    /// Whether a token that is bound to a certificate came with it. Source: RFC 8705, 3.
    fn is_bound(&self) -> bool {
        self.token.as_ref().and_then(|token| token.bound_to).is_none_or(|wanted| {
            self.certificate.as_ref().is_some_and(|certified| certified.certificate.hash == wanted)
        })
    }

    /// Who asks. A certificate says which machine is at the other end: it may well ask for somebody else, whose token says who that is,
    /// and who gets none of its scopes.
    fn subjects(&self) -> impl Iterator<Item = &Subject> {
        let is_alone = self.token.is_none() && self.key.is_none();
        let certified = self.certificate.as_ref().filter(|_| is_alone).and_then(|certified| certified.subject.as_ref());
        self.token.iter().chain(&self.key).map(|subject| &**subject).chain(certified)
    }
}

/// How callers are known.
#[derive(Debug, Default)]
pub struct Authentication {
    required: bool,
    tokens: Option<Tokens>,
    keys: Option<Arc<ApiKeys>>,
    clients: Option<Clients>,
    /// Where proxies say which certificate their caller has.
    forwarded: Option<Forwarded>,
}

/// Tokens of some issuers.
#[derive(Debug)]
struct Tokens {
    header: HeaderName,
    cookie: Option<String>,
    leeway: i64,
    bytes_max: usize,
    identify: Option<String>,
    issuers: Vec<Issuer>,
    verified: Known<Checked>,
}

impl Authentication {
    /// As the settings say, with the keys that an earlier snapshot left. `proxies`: those that are trusted. Errors: a file of API keys that
    /// cannot be read, a client that cannot be set up.
    pub fn new(
        settings: &config::Auth,
        proxies: &[config::Network],
        transport: &Transport,
        kept: &Kept,
    ) -> Result<Self, String> {
        let tokens = settings.jwt.as_ref().map(|jwt| Tokens::new(jwt, transport, kept)).transpose()?;
        let keys = settings.api_keys.as_ref().map(ApiKeys::new).transpose()?;
        let clients = settings.client_certificates.as_ref().map(Clients::new);
        let forwarded = settings.client_certificates.as_ref().filter(|settings| settings.forwarded);
        let forwarded = forwarded.map(|_| Forwarded::new(proxies));
        Ok(Self { required: settings.required, tokens, keys: keys.map(Arc::new), clients, forwarded })
    }

    /// Starts what runs beside requests; needs a runtime.
    pub fn start(&self) {
        let issuers = self.tokens.iter().flat_map(|tokens| &tokens.issuers);
        issuers.for_each(|issuer| issuer.provider.start());
        self.keys.iter().for_each(ApiKeys::start);
    }

    /// The headers by which callers say who they are.
    pub fn headers(&self) -> impl Iterator<Item = HeaderName> {
        let tokens = self.tokens.iter().flat_map(|tokens| {
            let cookie = tokens.cookie.as_ref().map(|_| http::header::COOKIE);
            [Some(tokens.header.clone()), cookie].into_iter().flatten()
        });
        let keys = self.keys.iter().map(|keys| keys.header.clone());
        tokens.chain(keys).chain(self.forwarded.iter().map(|_| forwarded::CLIENT_CERT))
    }

    /// Who asks, by the headers of their request, from the other end of this connection, and the certificate that was shown on it.
    ///
    /// Errors: `UNAUTHENTICATED` for a credential that is not good, also where none is needed, and for nobody where somebody is
    /// needed; `UPSTREAM_UNAVAILABLE` while no key of the token's issuer was ever fetched.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        presented: Option<&Presented>,
    ) -> Result<Identity, Refusal> {
        let mut identity = Identity::default();
        let told = self.forwarded.as_ref().map(|forwarded| forwarded.told(headers, peer)).transpose();
        let told = told.map_err(|fault| fault.refusal(self.scheme()))?;
        let presented = match &told {
            None | Some(Told::Connection) => presented,
            Some(Told::Caller(told)) => told.as_deref(),
        };
        if let (Some(clients), Some(presented)) = (&self.clients, presented) {
            let certified = clients.certified(presented, now());
            identity.certificate = Some(certified.map_err(|fault| fault.refusal(self.scheme()))?);
        }
        if let Some(tokens) = &self.tokens {
            identity.token = tokens.subject(headers).await.map_err(|fault| fault.refusal(self.scheme()))?;
        }
        if let Some(keys) = &self.keys {
            identity.key = keys.subject(headers, now()).map_err(|fault| fault.refusal(self.scheme()))?;
        }
        if self.clients.is_some() && !identity.is_bound() {
            return Err(Fault::Bound.refusal(self.scheme()));
        }
        self.admit(&identity)?;
        Ok(identity)
    }

    /// Whether some API key has a quota of cost.
    pub fn counts_cost(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.counts_cost())
    }

    /// Whether this one may ask at all. Errors: `UNAUTHENTICATED`.
    #[inline]
    pub fn admit(&self, identity: &Identity) -> Result<(), Refusal> {
        if !self.required || !identity.is_anonymous() {
            return Ok(());
        }
        Err(self.anonymous(match (&self.clients, self.tokens.is_some() || self.keys.is_some()) {
            (None, _) => "a token or an API key is needed here",
            (Some(_), false) => "a client certificate is needed here",
            (Some(_), true) => "a token, an API key or a client certificate is needed here",
        }))
    }

    /// A refusal that says how to become known. Source: RFC 6750, 3: without a credential there is no `error`.
    fn anonymous(&self, message: &str) -> Refusal {
        let challenge = Some(format!("{} realm=\"weft\"", self.scheme()));
        Refusal { challenge, ..Refusal::new(ErrorCode::Unauthenticated, message) }
    }

    /// What `WWW-Authenticate` asks for.
    fn scheme(&self) -> &'static str {
        if self.tokens.is_none() && self.keys.is_some() { "ApiKey" } else { "Bearer" }
    }
}

impl Tokens {
    fn new(settings: &config::Jwt, transport: &Transport, kept: &Kept) -> Result<Self, String> {
        let issuer = |issuer: &config::Issuer| {
            let provider = Provider::shared(issuer, settings.fetching, transport, kept)?;
            Ok(Issuer { settings: issuer.clone(), provider })
        };
        Ok(Self {
            header: settings.header.clone(),
            cookie: settings.cookie.clone(),
            leeway: seconds(settings.leeway),
            bytes_max: settings.bytes_max,
            identify: settings.identify.clone(),
            issuers: settings.issuers.iter().map(issuer).collect::<Result<_, String>>()?,
            verified: Known::new(),
        })
    }

    async fn subject(&self, headers: &HeaderMap) -> Result<Option<Arc<Subject>>, Fault> {
        let Some(text) = carried::token(headers, &self.header, self.cookie.as_deref())? else { return Ok(None) };
        if text.len() > self.bytes_max {
            return Err(Fault::TooLarge);
        }
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let now = now();
        if let Some(known) = self.verified.get(&hash) {
            if now >= known.ends {
                self.verified.forget(&hash);
                return Err(Fault::Expired);
            }
            if self.issuers[known.issuer].provider.keys().generation == known.generation {
                return Ok(Some(known.subject));
            }
        }
        aside(|| self.verify(text, hash, now)).await.map(Some)
    }

    /// Whose token it is, from what it says.
    async fn verify(&self, text: &str, hash: [u8; 32], now: i64) -> Result<Arc<Subject>, Fault> {
        let token = Token::read(text)?;
        let named = token.claims.get("iss").and_then(serde_json::Value::as_str).ok_or(Fault::Issuer)?;
        // Its own keys only: one issuer cannot sign for another.
        let at = self.issuers.iter().position(|issuer| issuer.settings.issuer == named).ok_or(Fault::Issuer)?;
        let issuer = &self.issuers[at];
        let generation = issuer.check_signature(&token).await?;
        let ends = issuer.check_claims(&token.claims, now, self.leeway)?;
        let subject = Arc::new(issuer.subject(&token.claims, self.identify.as_deref()));
        let checked = Checked { subject: Arc::clone(&subject), ends, issuer: at, generation };
        self.verified.insert(hash, checked, text.len());
        Ok(subject)
    }
}

fn now() -> i64 {
    seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
