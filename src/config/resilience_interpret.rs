//! The resilience keys of a source, from what is written to what is meant.

use std::{net::SocketAddr, ops::Range, path::PathBuf, time::Duration};

use http::{HeaderName, Method};

use super::{
    Adaptive, Balance, Breaker, Canary, Certificate, Credentials, Discovery, HashKey, Health, Hedge, Hidden, Outlier,
    Priority, Retry, Token, Url,
    interpret::Interpreter,
    load::list,
    resilience_document::{
        AdaptiveDocument, BearerDocument, BreakerDocument, CanaryDocument, CredentialsDocument, DiscoveryDocument,
        HealthDocument, HedgeDocument, MtlsDocument, OutlierDocument, Portion, RetryDocument, UrlDocument, UrlEntry,
        Weight,
    },
    value::{Count, Given},
};
use crate::error::did_you_mean;

const POLICIES: [&str; 4] = ["p2c", "round_robin", "least_request", "hash"];

impl Interpreter<'_> {
    pub(super) fn urls(&mut self, entries: Vec<UrlEntry>) -> Vec<Url> {
        let count = entries.len();
        let mut urls: Vec<Url> = Vec::new();
        for entry in entries {
            let UrlDocument { url: given, weight, zone, canary } = match entry {
                UrlEntry::Text(url) => UrlDocument { url, weight: None, zone: None, canary: None },
                UrlEntry::Weighted(document) => document,
            };
            let weight_span = weight.as_ref().map(|weight| weight.span.clone());
            let weight = self.read(weight, Weight(1.0)).0;
            let zone = zone.and_then(|zone| self.text(zone));
            let canary = canary.and_then(|CanaryDocument { header, value }| {
                let value = value.and_then(|value| self.text(value));
                Some(Canary { header: self.header(header)?, value })
            });
            if weight == 0.0 && canary.is_none() {
                let message = "expected a number from 0.001 to 1000; 0 is for places with a `canary`";
                self.find(weight_span.unwrap_or(0..0), "INVALID_VALUE", message);
            }
            let span = given.span.clone();
            let Some(text) = self.text(given) else { continue };
            // From the environment a list comes as one text.
            let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
            let has_several = count > 1 || parts.len() > 1;
            for part in parts {
                match check_url(part, has_several) {
                    Err(message) => self.find(span.clone(), "INVALID_URL", message),
                    Ok(()) if urls.iter().any(|url| url.url.trim_end_matches('/') == part.trim_end_matches('/')) => {
                        self.find(span.clone(), "INVALID_VALUE", "this URL is given twice: give it a `weight` instead");
                    }
                    Ok(()) => {
                        urls.push(Url { url: part.to_owned(), weight, zone: zone.clone(), canary: canary.clone() });
                    }
                }
            }
        }
        if !urls.is_empty() && urls.iter().all(|url| url.weight == 0.0 && url.canary.is_some()) {
            self.find(0..0, "INVALID_VALUE", "all `urls` are for calls of a `canary` alone: give one a `weight`");
        }
        urls
    }

    pub(super) fn balance(&mut self, policy: Option<Given<String>>, by: Option<Given<String>>) -> Balance {
        let by_span = by.as_ref().map(|by| by.span.clone());
        let key = by.map_or(HashKey::Url, |by| self.hash_key(by));
        let Some(policy) = policy else {
            if let Some(span) = by_span {
                self.find(span, "INVALID_VALUE", "`hash_by` is only for `balance: hash`");
            }
            return Balance::default();
        };
        let chosen = self.choice(Some(policy), &POLICIES.map(|name| (name, name)), "p2c");
        match (chosen, by_span) {
            ("hash", _) => Balance::Hash(key),
            (_, Some(span)) => {
                self.find(span, "INVALID_VALUE", "`hash_by` is only for `balance: hash`");
                Balance::default()
            }
            ("round_robin", _) => Balance::RoundRobin,
            ("least_request", _) => Balance::LeastRequest,
            _ => Balance::P2c,
        }
    }

    fn hash_key(&mut self, given: Given<String>) -> HashKey {
        let span = given.span.clone();
        let Some(text) = self.text(given) else { return HashKey::Url };
        let header = text.strip_prefix("header:").map(|name| HeaderName::try_from(name.trim()));
        match (text.as_str(), header) {
            ("url", _) => HashKey::Url,
            ("path", _) => HashKey::Path,
            (_, Some(Ok(name))) => HashKey::Header(name),
            _ => {
                self.find(span, "INVALID_VALUE", "expected `url`, `path` or `header:NAME`");
                HashKey::Url
            }
        }
    }

    pub(super) fn health(&mut self, document: Option<HealthDocument>) -> Option<Health> {
        let document = document?;
        let defaults = Health::default();
        let enabled = self.read(document.enabled, true);
        let span = document.path.as_ref().map(|path| path.span.clone());
        let path = self.read(document.path, defaults.path);
        if !path.starts_with('/') || path.contains([' ', '#']) {
            self.find(span.unwrap_or(0..0), "INVALID_VALUE", "a path starts with `/` and has no space or `#` in it");
        }
        let health = Health {
            path,
            interval: self.read(document.interval, defaults.interval),
            timeout: self.read(document.timeout, defaults.timeout),
            unhealthy_after: self.times(document.unhealthy_after, defaults.unhealthy_after),
            healthy_after: self.times(document.healthy_after, defaults.healthy_after),
        };
        enabled.then_some(health)
    }

    pub(super) fn outlier(&mut self, document: Option<OutlierDocument>, has_several: bool) -> Option<Outlier> {
        let defaults = Outlier::default();
        let Some(document) = document else { return has_several.then_some(defaults) };
        let enabled = self.read(document.enabled, true);
        let outlier = Outlier {
            consecutive_failures: self.times(document.consecutive_failures, defaults.consecutive_failures),
            eject: self.read(document.eject, defaults.eject),
            ejected_max: self.share(document.ejected_max, defaults.ejected_max),
        };
        enabled.then_some(outlier)
    }

    pub(super) fn retry(&mut self, document: Option<RetryDocument>, has_several: bool) -> Option<Retry> {
        let defaults = Retry::default();
        let Some(document) = document else { return has_several.then_some(defaults) };
        let enabled = self.read(document.enabled, true);
        let methods = match document.methods {
            None => defaults.methods,
            Some(methods) => methods.into_iter().filter_map(|method| self.method(method)).collect(),
        };
        let retry = Retry {
            attempts: self.times(document.attempts, defaults.attempts),
            budget: self.share(document.budget, defaults.budget),
            timeout: document.timeout.map(|timeout| self.read(Some(timeout), Duration::from_secs(1))),
            methods,
            idempotency_key: document.idempotency_key.and_then(|name| self.header(name)),
        };
        enabled.then_some(retry)
    }

    pub(super) fn breaker(&mut self, document: Option<BreakerDocument>) -> Option<Breaker> {
        let document = document?;
        let defaults = Breaker::default();
        let enabled = self.read(document.enabled, true);
        let breaker = Breaker {
            failure_rate: self.share(document.failure_rate, defaults.failure_rate),
            calls_min: self.times(document.calls_min, defaults.calls_min),
            open: self.read(document.open, defaults.open),
        };
        enabled.then_some(breaker)
    }

    pub(super) fn hedge(&mut self, document: Option<HedgeDocument>) -> Option<Hedge> {
        let document = document?;
        let defaults = Hedge::default();
        let enabled = self.read(document.enabled, true);
        let hedge = Hedge {
            after: self.read(document.after, defaults.after),
            rate_max: self.share(document.rate_max, defaults.rate_max),
        };
        enabled.then_some(hedge)
    }

    pub(super) fn adaptive(&mut self, document: Option<AdaptiveDocument>) -> Option<Adaptive> {
        let document = document?;
        let defaults = Adaptive::default();
        let enabled = self.read(document.enabled, true);
        let min = self.count(document.min, defaults.min);
        let adaptive = Adaptive { min, initial: self.count(document.initial, defaults.initial).max(min) };
        enabled.then_some(adaptive)
    }

    pub(super) fn priority(&mut self, given: Option<Given<String>>) -> Priority {
        let choices = [("normal", Priority::Normal), ("optional", Priority::Optional)];
        self.choice(given, &choices, Priority::default())
    }

    pub(super) fn discovery(&mut self, document: Option<DiscoveryDocument>, urls: &[Url]) -> Option<Discovery> {
        let document = document?;
        let refresh = self.read(document.refresh, Duration::from_secs(5));
        let first_server = document.nameservers.first().map(|server| server.span.clone());
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let servers = document.nameservers.into_iter().map(|server| self.read(Some(server), unspecified));
        let nameservers: Vec<SocketAddr> = servers.collect();
        let dns = document.dns.as_ref().map(|dns| dns.span.clone());
        let by_name = self.read(document.dns, false);
        let spans = [
            dns.clone().filter(|_| by_name),
            document.srv.as_ref().map(|srv| srv.span.clone()),
            document.file.as_ref().map(|file| file.span.clone()),
        ];
        if let Some(second) = spans.into_iter().flatten().nth(1) {
            self.find(second, "INVALID_VALUE", "give one of `dns`, `srv` and `file`");
            return None;
        }
        if let (Some(span), false, None) = (&first_server, by_name, &document.srv) {
            self.find(span.clone(), "INVALID_VALUE", "`nameservers` are for `dns` and `srv`");
        }
        if let Some(given) = document.srv {
            let span = given.span.clone();
            let name = self.text(given)?;
            if urls.len() != 1 {
                let message =
                    "`srv` needs exactly one URL in `urls`: it gives scheme, path and the name that is asked for";
                self.find(span.clone(), "INVALID_VALUE", message);
            }
            if !is_name(&name) {
                self.find(
                    span,
                    "INVALID_VALUE",
                    "expected the name of SRV records, such as `_http._tcp.catalog.shop.svc`",
                );
            }
            return Some(Discovery::Srv { name, refresh, nameservers });
        }
        if let Some(file) = document.file {
            if urls.is_empty() {
                let message = "`file` needs a URL in `urls`: the one that is used before the file is read";
                self.find(file.span.clone(), "INVALID_VALUE", message);
            }
            return Some(Discovery::File { path: self.path(file)?, refresh });
        }
        if by_name && urls.len() != 1 {
            let message = "`dns` needs exactly one URL in `urls`: the one whose host has the addresses";
            self.find(dns.unwrap_or(0..0), "INVALID_VALUE", message);
        }
        by_name.then_some(Discovery::Dns { refresh, nameservers })
    }

    pub(super) fn credentials(
        &mut self,
        document: Option<CredentialsDocument>,
    ) -> (Option<Credentials>, Option<Certificate>) {
        let Some(CredentialsDocument { basic, bearer, oauth2, sigv4, mtls }) = document else { return (None, None) };
        let certificate = mtls
            .and_then(|MtlsDocument { cert, key }| Some(Certificate { cert: self.path(cert)?, key: self.path(key)? }));
        let place_of_bearer = |bearer: &BearerDocument| {
            let given = bearer.token.as_ref().or(bearer.file.as_ref());
            given.map_or(0..0, |given| given.span.clone())
        };
        let given = [
            basic.as_ref().map(|basic| basic.username.span.clone()),
            bearer.as_ref().map(place_of_bearer),
            oauth2.as_ref().map(|oauth2| oauth2.token_url.span.clone()),
            sigv4.as_ref().map(|sigv4| sigv4.region.span.clone()),
        ];
        if let Some(second) = given.into_iter().flatten().nth(1) {
            self.find(second, "INVALID_VALUE", "give one of `basic`, `bearer`, `oauth2` and `sigv4`");
            return (None, certificate);
        }
        let credentials = if let Some(basic) = basic {
            let span = basic.username.span.clone();
            let username = self.text(basic.username).unwrap_or_default();
            if username.contains(':') {
                self.find(span, "INVALID_VALUE", "a user name has no `:` in it (RFC 7617)");
            }
            Some(Credentials::Basic { username, password: Hidden(self.text(basic.password).unwrap_or_default()) })
        } else if let Some(bearer) = bearer {
            self.bearer(bearer).map(Credentials::Bearer)
        } else if let Some(oauth2) = oauth2 {
            let span = oauth2.token_url.span.clone();
            let token_url = self.text(oauth2.token_url).unwrap_or_default();
            if let Err(message) = check_url(&token_url, false) {
                self.find(span, "INVALID_URL", message);
            }
            Some(Credentials::Oauth2 {
                token_url,
                client_id: self.text(oauth2.client_id).unwrap_or_default(),
                client_secret: Hidden(self.text(oauth2.client_secret).unwrap_or_default()),
                scopes: oauth2.scopes.into_iter().filter_map(|scope| self.text(scope)).collect(),
                audience: oauth2.audience.and_then(|audience| self.text(audience)),
            })
        } else {
            sigv4.and_then(|sigv4| self.sigv4(sigv4))
        };
        (credentials, certificate)
    }

    fn bearer(&mut self, document: BearerDocument) -> Option<Token> {
        match (document.token, document.file) {
            (Some(token), None) => {
                let span = token.span.clone();
                let text = self.text(token)?;
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    self.find(span, "INVALID_VALUE", "a token has visible ASCII characters only (RFC 6750, 2.1)");
                }
                Some(Token::Fixed(Hidden(text)))
            }
            (None, Some(file)) => Some(Token::File(self.path(file)?)),
            (Some(token), Some(_)) => {
                self.find(token.span, "INVALID_VALUE", "give `token` or `file`, not both");
                None
            }
            (None, None) => {
                self.find(0..0, "INVALID_VALUE", "`bearer` needs a `token` or a `file`");
                None
            }
        }
    }

    pub(super) fn header(&mut self, given: Given<String>) -> Option<HeaderName> {
        let span = given.span.clone();
        let text = self.text(given)?;
        let name = HeaderName::try_from(&text).ok();
        if name.is_none() {
            self.find(span, "INVALID_VALUE", format!("`{text}` is not the name of a header"));
        }
        name
    }

    fn method(&mut self, given: Given<String>) -> Option<Method> {
        const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
        let span = given.span.clone();
        let text = self.text(given)?;
        if METHODS.contains(&text.as_str()) {
            return Method::from_bytes(text.as_bytes()).ok();
        }
        let finding = self.finding(span, "INVALID_VALUE", format!("expected methods of {}", list(&METHODS)));
        self.findings.push(match did_you_mean(&text, METHODS) {
            Some(help) => finding.help(help),
            None => finding,
        });
        None
    }

    pub(super) fn path(&mut self, given: Given<String>) -> Option<PathBuf> {
        let path = self.text(given)?;
        Some(self.folder.join(path))
    }

    fn share(&mut self, given: Option<Given<Portion>>, default: f64) -> f64 {
        self.read(given, Portion(default)).0
    }

    fn times(&mut self, given: Option<Given<Count>>, default: u32) -> u32 {
        u32::try_from(self.count(given, default as usize)).unwrap_or(u32::MAX)
    }

    /// Findings about keys that need `urls`.
    pub(super) fn needs_urls(&mut self, key: &str, span: Option<Range<usize>>) {
        let message = format!("`{key}` needs `urls`: the places that it is about");
        self.find(span.unwrap_or(0..0), "INVALID_VALUE", message);
    }
}

/// Whether it can be the name of records. Source: RFC 1035, 2.3.4; underscores by RFC 2782.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Errors: what is expected.
pub(super) fn check_url(text: &str, has_several: bool) -> Result<(), String> {
    let url = url::Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let Some(url) = url else {
        return Err("not an absolute URL: expected one such as `https://api.example.com/v1`".to_owned());
    };
    if has_several && (url.query().is_some() || url.fragment().is_some()) {
        return Err("one of several URLs cannot have a query: put it into the schema's `queryParams`".to_owned());
    }
    Ok(())
}
