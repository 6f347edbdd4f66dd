//! The resilience keys of a source as they are written.

use std::{net::SocketAddr, time::Duration};

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{
    HedgeAfter,
    aws::Sigv4Document,
    value::{Count, Given, Meaning, OrText, TextOr, range},
};

/// A URL, or a URL with its weight.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum UrlEntry {
    /// An absolute URL; several with commas between them, as they come from the environment.
    Text(Given<String>),
    /// A URL and its share of the calls.
    Weighted(UrlDocument),
}

/// A URL and its share of the calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlDocument {
    /// The absolute URL.
    pub(super) url: Given<String>,
    /// Its share relative to the others', from 0.001 to 1000; 0 with a `canary`: only its calls. Default: `1`.
    #[serde(default)]
    pub(super) weight: Option<Given<Weight>>,
    /// The zone it is in, to be compared with the source's `zone`. Default: none.
    #[serde(default)]
    pub(super) zone: Option<Given<String>>,
    /// Calls that go there first, by a header that is sent to the service. Default: none.
    #[serde(default)]
    pub(super) canary: Option<CanaryDocument>,
}

/// Calls that go to one place first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryDocument {
    /// The header that they have.
    pub(super) header: Given<String>,
    /// The value that it has. Default: any.
    #[serde(default)]
    pub(super) value: Option<Given<String>>,
}

/// Active health checks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HealthDocument {
    /// Whether instances are asked at all. Default: `true` where `health` is given.
    pub(super) enabled: Option<Given<bool>>,
    /// Path below each URL; any 2xx is well. Default: `/health`.
    pub(super) path: Option<Given<String>>,
    /// From one question to the next. Default: `5s`.
    pub(super) interval: Option<Given<Duration>>,
    /// Longest wait for an answer. Default: `1s`.
    pub(super) timeout: Option<Given<Duration>>,
    /// Bad answers in a row after which an instance gets no calls. Default: `2`.
    pub(super) unhealthy_after: Option<Given<Count>>,
    /// Good answers in a row after which it gets calls again. Default: `2`.
    pub(super) healthy_after: Option<Given<Count>>,
}

/// Passive checks: instances whose calls fail are left alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OutlierDocument {
    /// Default: `true` where the source has several instances.
    pub(super) enabled: Option<Given<bool>>,
    /// Failures in a row after which an instance is left alone. Default: `5`.
    pub(super) consecutive_failures: Option<Given<Count>>,
    /// For how long the first time; twice as long each further time, up to ten times. Default: `10s`.
    pub(super) eject: Option<Given<Duration>>,
    /// Greatest share of the instances left alone at the same time. Default: `0.5`.
    pub(super) ejected_max: Option<Given<Portion>>,
}

/// Retries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetryDocument {
    /// Default: `true` where `retry` is given or the source has several instances.
    pub(super) enabled: Option<Given<bool>>,
    /// Most tries after the first. Default: `2`.
    pub(super) attempts: Option<Given<Count>>,
    /// Tries after the first for each call in the long run. Default: `0.2`.
    pub(super) budget: Option<Given<Portion>>,
    /// Longest time of one try. Default: what the source's `timeout` leaves.
    pub(super) timeout: Option<Given<Duration>>,
    /// Methods of reads that are tried again. Default: the idempotent ones; `POST` may be added for searches.
    pub(super) methods: Option<Vec<Given<String>>>,
    /// A header in which each write gets a key of its own, such as `Idempotency-Key`; then writes are tried again too. Only for
    /// services that know a key again. Default: none, writes are made once.
    pub(super) idempotency_key: Option<Given<String>>,
}

/// The circuit breaker.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BreakerDocument {
    /// Default: `true` where `breaker` is given.
    pub(super) enabled: Option<Given<bool>>,
    /// Portion of failed calls in the last ten seconds from which on none are made. Default: `0.5`.
    pub(super) failure_rate: Option<Given<Portion>>,
    /// Fewer calls than this say nothing. Default: `20`.
    pub(super) calls_min: Option<Given<Count>>,
    /// How long none are made before a few try again. Default: `10s`.
    pub(super) open: Option<Given<Duration>>,
}

/// Hedging of slow reads.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HedgeDocument {
    /// Default: `true` where `hedge` is given.
    pub(super) enabled: Option<Given<bool>>,
    /// When an answer is slow: a quantile of the recent ones such as `p95`, or a duration. Default: `p95`.
    pub(super) after: Option<Given<HedgeAfter>>,
    /// Second questions for each call in the long run. Default: `0.05`.
    pub(super) rate_max: Option<Given<Portion>>,
}

/// Calls at once, found from how latency answers to load.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AdaptiveDocument {
    /// Default: `true` where `adaptive` is given.
    pub(super) enabled: Option<Given<bool>>,
    /// Never fewer calls at once. Default: `4`.
    pub(super) min: Option<Given<Count>>,
    /// Calls at once at the start; the most is `concurrency_max`. Default: `32`.
    pub(super) initial: Option<Given<Count>>,
}

/// Where instances come from, one of `dns`, `srv` and `file`: the first of `urls` gives scheme and path.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DiscoveryDocument {
    /// Every address of the URL's host is an instance (Kubernetes' headless services). Default: `false`.
    pub(super) dns: Option<Given<bool>>,
    /// The name of SRV records, such as `_http._tcp.catalog.shop.svc`: every address of every target is an instance, with the record's
    /// port, priority and weight.
    pub(super) srv: Option<Given<String>>,
    /// A file with one URL a line (`#` begins a comment), read again when it changes; relative to this file.
    pub(super) file: Option<Given<String>>,
    /// How often names are looked up, or the file is looked at. Default: `5s`; names sooner where their records hold for less.
    pub(super) refresh: Option<Given<Duration>>,
    /// Name servers that are asked for `dns` and `srv`, such as `10.0.0.2:53`. Default: those of the operating system.
    pub(super) nameservers: Vec<Given<SocketAddr>>,
}

/// What the source wants to see of us: one of `basic`, `bearer`, `oauth2` and `sigv4`, and `mtls`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CredentialsDocument {
    /// User name and password.
    pub(super) basic: Option<BasicDocument>,
    /// A token.
    pub(super) bearer: Option<BearerDocument>,
    /// `OAuth` 2.0 client credentials.
    pub(super) oauth2: Option<Oauth2Document>,
    /// Signatures for services of AWS.
    pub(super) sigv4: Option<Sigv4Document>,
    /// A client certificate.
    pub(super) mtls: Option<MtlsDocument>,
}

/// User name and password (RFC 7617).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BasicDocument {
    /// The user.
    pub(super) username: Given<String>,
    /// The password, best as `${env.NAME}`.
    pub(super) password: Given<String>,
}

/// A token (RFC 6750): one of both.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BearerDocument {
    /// The token, best as `${env.NAME}`.
    pub(super) token: Option<Given<String>>,
    /// A file that holds the token; it is read again every ten seconds. Relative to this file.
    pub(super) file: Option<Given<String>>,
}

/// `OAuth` 2.0 client credentials (RFC 6749, 4.4).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Oauth2Document {
    /// Where tokens are given.
    pub(super) token_url: Given<String>,
    /// Who weft is there.
    pub(super) client_id: Given<String>,
    /// Its secret, best as `${env.NAME}`.
    pub(super) client_secret: Given<String>,
    /// What the token is for. Default: none.
    #[serde(default)]
    pub(super) scopes: Vec<Given<String>>,
    /// `audience`, which some servers ask for. Default: none.
    #[serde(default)]
    pub(super) audience: Option<Given<String>>,
}

/// A client certificate; both files are PEM and relative to this file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MtlsDocument {
    /// Certificate and chain.
    pub(super) cert: Given<String>,
    /// Private key.
    pub(super) key: Given<String>,
}

/// A part of a whole, above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Portion(pub(super) f64);

impl Meaning for Portion {
    const NAME: &'static str = "Portion";

    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(Self(share)),
            _ => Err("expected a number above 0 and at most 1 such as `0.2`".to_owned()),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
            { "type": "string", "pattern": "\\$\\{env\\." }
        ] })
    }
}

/// A share of the calls, relative to others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weight(pub(super) f64);

impl Meaning for Weight {
    const NAME: &'static str = "Weight";

    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(weight) if weight == 0.0 || (0.001..=1000.0).contains(&weight) => Ok(Self(weight)),
            _ => Err("expected a number from 0.001 to 1000".to_owned()),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1000 },
            { "type": "string", "pattern": "\\$\\{env\\." }
        ] })
    }
}

impl Meaning for HedgeAfter {
    const NAME: &'static str = "HedgeAfter";

    fn read(text: &str) -> Result<Self, String> {
        let quantile = text.strip_prefix('p').and_then(|digits| digits.parse::<f64>().ok());
        if let Some(quantile) = quantile.filter(|quantile| (50.0..=99.9).contains(quantile)) {
            return Ok(Self::Quantile(quantile / 100.0));
        }
        let fixed = Duration::read(text).map(Self::Fixed);
        fixed.map_err(|_| "expected a quantile from `p50` to `p99.9`, or a duration such as `50ms`".to_owned())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^p[0-9]+(\.[0-9]+)?$|^[0-9]+(\.[0-9]+)?\s*(ms|s|m|h)$|\$\{env\.", "examples": ["p95", "50ms"] })
    }
}

impl OrText for UrlDocument {
    const EXPECTED: &'static str = "a URL, or `url` and `weight`";
}

impl<'de> Deserialize<'de> for UrlEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Spanned::<TextOr<UrlDocument>>::deserialize(deserializer)?;
        let span = range(&entry);
        Ok(match entry.value {
            TextOr::Text(text) => Self::Text(Given::new(text, span)),
            TextOr::More(document) => Self::Weighted(document),
        })
    }
}
