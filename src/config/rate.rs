//! Limits on rates: how often, and how much in cost, a caller may ask; and whose word is taken for a caller's address.

use std::{fmt, net::IpAddr, ops::Range, time::Duration};

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    interpret::Interpreter,
    value::{Count, Given, Lifetime},
};

/// The name of quotas where limits have theirs.
pub const QUOTA: &str = "quota";
/// Least time in which one comes back.
const PACE_MIN: Duration = Duration::from_micros(1);
/// Most time in which a whole share comes back.
const REST_MAX: Duration = Duration::from_hours(366 * 24);

/// One limit on the rate of requests or of their cost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimitDocument {
    /// Who has a share: each `ip` (IPv6 by /64), `api_key`, `certificate`, `claim:NAME`, `header:NAME`, each `operation`'s name, or all together: `global`.
    by: Given<String>,
    /// Whom it is for: `all`, who is `anonymous`, who has a `token`, who has an `api_key`, who has a known `certificate`. Default: `all`.
    #[serde(rename = "for", default)]
    callers: Option<Given<String>>,
    /// Requests in each `per`; or `cost`.
    requests: Option<Given<Count>>,
    /// Estimated cost in each `per`, of which is given back what was not spent; or `requests`.
    cost: Option<Given<Count>>,
    /// The time in which so many come back.
    per: Given<Lifetime>,
    /// Most at once after a rest. Default: all of a `per`.
    burst: Option<Given<Count>>,
    /// Its name in errors, headers and metrics. Default: `by`.
    name: Option<Given<String>>,
    /// Most callers told apart; beyond it new ones share one limit. Default: `100000`.
    keys_max: Option<Given<Count>>,
}

/// One limit on the rate of requests or of their cost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Its name: letters, digits and `_-.:`.
    pub name: String,
    /// Who has a share.
    pub by: RateBy,
    /// Whom it is for at all.
    pub callers: RateFor,
    /// What is counted.
    pub unit: RateUnit,
    /// So many come back in each `per`.
    pub amount: u32,
    /// The time.
    pub per: Duration,
    /// Most at once.
    pub burst: u32,
    /// Most keys told apart.
    pub keys_max: usize,
}

/// Who has a share of a rate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RateBy {
    /// Each address; IPv6 by its first 64 bits.
    Ip,
    /// Each API key.
    ApiKey,
    /// Whoever a client certificate stands for.
    Certificate,
    /// Each value of a claim.
    Claim(String),
    /// Each value of a header.
    Header(HeaderName),
    /// Each name of an operation.
    Operation,
    /// All together.
    Global,
}

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateFor {
    /// Everybody.
    All,
    /// Who has neither token nor API key, nor a client certificate that stands for somebody.
    Anonymous,
    /// Who has a token.
    Token,
    /// Who has an API key.
    ApiKey,
    /// Who has a client certificate that stands for somebody.
    Certificate,
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateUnit {
    /// Operations.
    Requests,
    /// Their cost.
    Cost,
}

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// `10.0.0.0/8`, `fd00::/8`, or one address. Errors: what is expected.
    pub fn read(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no network: write `10.0.0.0/8`, `fd00::/8` or one address");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| expected()))?;
        if bits > most { Err(expected()) } else { Ok(Self { address, bits }) }
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl Interpreter<'_> {
    pub(super) fn rate_limits(&mut self, documents: Vec<RateLimitDocument>) -> Vec<RateLimit> {
        let mut limits: Vec<RateLimit> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for document in documents {
            let span = document.name.as_ref().map_or_else(|| document.by.span.clone(), |name| name.span.clone());
            let Some(mut limit) = self.rate_limit(document) else { continue };
            // `ip` twice, as a rate per second and one per hour: the second is `ip-2`.
            let same = names.iter().filter(|name| **name == limit.name).count();
            names.push(limit.name.clone());
            if same > 0 {
                limit.name = format!("{}-{}", limit.name, same + 1);
            }
            if limits.iter().any(|other| other.name == limit.name) {
                self.find(span, "INVALID_VALUE", format!("two limits have the name `{}`", limit.name));
            }
            limits.push(limit);
        }
        limits
    }

    fn rate_limit(&mut self, document: RateLimitDocument) -> Option<RateLimit> {
        let by_span = document.by.span.clone();
        let by_text = self.text(document.by)?;
        let by = self.rate_by(&by_text, &by_span)?;
        let (unit, amount) = self.amount(document.requests, document.cost, &by_span)?;
        let callers = self.rate_for(document.callers);
        let per_span = document.per.span.clone();
        let mut per = self.read(Some(document.per), Lifetime(Duration::from_secs(1))).0;
        if per.is_zero() {
            self.find(per_span, "INVALID_VALUE", "expected a time such as `1s`, `1m`, `1h` or `1d`");
            per = Duration::from_secs(1);
        }
        // A count is at most a billion.
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let burst = document.burst.map_or(amount, |burst| number(self.count(Some(burst), 1)));
        let mut name = by_text.replace(|letter: char| !is_plain(letter), "_");
        if let Some(given) = document.name {
            let span = given.span.clone();
            name = self.text(given)?;
            if name.is_empty() || !name.chars().all(is_plain) {
                self.find(span, "INVALID_VALUE", "a name has letters, digits and `_-.:` only");
            } else if name == QUOTA {
                self.find(span, "INVALID_VALUE", "`quota` is the name of the quotas of API keys: choose another one");
            }
        }
        // What is reckoned in whole nanoseconds is exact to a thousandth then, and no product of them gets too large.
        let (pace, rest) =
            (per.as_nanos() / u128::from(amount), per.as_nanos() * u128::from(burst) / u128::from(amount));
        if pace < PACE_MIN.as_nanos() {
            self.find(by_span.clone(), "INVALID_VALUE", "a limit of more than a million in a second is none");
        }
        if rest > REST_MAX.as_nanos() {
            self.find(by_span, "INVALID_VALUE", "a `burst` that takes more than 366 days to come back never does");
        }
        let keys_max = self.count(document.keys_max, 100_000);
        Some(RateLimit { name, by, callers, unit, amount, per, burst, keys_max })
    }

    /// What is counted, and how much of it.
    pub(super) fn amount(
        &mut self,
        requests: Option<Given<Count>>,
        cost: Option<Given<Count>>,
        span: &Range<usize>,
    ) -> Option<(RateUnit, u32)> {
        let (unit, amount) = match (requests, cost) {
            (Some(requests), None) => (RateUnit::Requests, requests),
            (None, Some(cost)) => (RateUnit::Cost, cost),
            (Some(_), Some(cost)) => {
                self.find(cost.span, "INVALID_VALUE", "give `requests` or `cost`: each limit counts one of them");
                return None;
            }
            (None, None) => {
                self.find(span.clone(), "MISSING_KEY", "one of `requests` and `cost` is needed");
                return None;
            }
        };
        Some((unit, u32::try_from(self.count(Some(amount), 1)).unwrap_or(u32::MAX)))
    }

    pub(super) fn rate_for(&mut self, callers: Option<Given<String>>) -> RateFor {
        let choices = [
            ("all", RateFor::All),
            ("anonymous", RateFor::Anonymous),
            ("token", RateFor::Token),
            ("api_key", RateFor::ApiKey),
            ("certificate", RateFor::Certificate),
        ];
        self.choice(callers, &choices, RateFor::All)
    }

    pub(super) fn rate_by(&mut self, text: &str, span: &Range<usize>) -> Option<RateBy> {
        let by = match text.split_once(':') {
            None => match text {
                "ip" => Some(RateBy::Ip),
                "api_key" => Some(RateBy::ApiKey),
                "certificate" => Some(RateBy::Certificate),
                "operation" => Some(RateBy::Operation),
                "global" => Some(RateBy::Global),
                _ => None,
            },
            Some(("claim", name)) if !name.is_empty() => Some(RateBy::Claim(name.to_owned())),
            Some(("header", name)) => HeaderName::try_from(name).ok().map(RateBy::Header),
            Some(_) => None,
        };
        if by.is_none() {
            let message =
                "expected `ip`, `api_key`, `certificate`, `claim:NAME`, `header:NAME`, `operation` or `global`";
            self.find(span.clone(), "INVALID_VALUE", message);
        }
        by
    }

    pub(super) fn networks(&mut self, given: Vec<Given<String>>) -> Vec<Network> {
        let mut networks = Vec::new();
        for given in given {
            let span = given.span.clone();
            let Some(text) = self.text(given) else { continue };
            match Network::read(&text) {
                Ok(network) => networks.push(network),
                Err(expected) => self.find(span, "INVALID_VALUE", expected),
            }
        }
        networks
    }
}

/// What may stand in a name, so that it fits into headers and metrics as it is.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-.:".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_begins_alike() {
        let holds = |network: &str, address: &str| Network::read(network).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.3") && !holds("10.1.0.0/16", "10.2.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fdff::1") && !holds("fd00::/8", "fe80::1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0", "a/8", "10.0.0.0/", ""] {
            assert!(Network::read(wrong).is_err(), "{wrong}");
        }
    }
}
