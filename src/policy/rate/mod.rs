//! How much a caller may ask lately, in requests and in cost.
//!
//! Each limit is a GCRA: a share of `burst` that comes back at an even pace. An API key may have a quota beside it, of a calendar day or
//! month. All that concern a request are asked in the order in which the configuration names them, and when one refuses, nothing is
//! taken of the others. What is counted in cost takes the estimate first, and is settled after the run by what the answer cost.
//!
//! The state is in this process (`shares` by governor, `store` within a bound, `quota`) or in Redis for a fleet (`fleet`, the same
//! arithmetic as a script). `address` says whose an address is, `told` what callers hear. Without limits nothing is looked at.
//! Not here: what an operation costs (`cost`), who asks (`identity`).

mod address;
mod clock;
mod fleet;
mod quota;
mod shares;
mod store;
#[cfg(test)]
mod tests;
mod told;

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use self::{
    clock::Clock,
    fleet::Fleet,
    quota::{Quotas, Window},
    shares::{Keys, Shares},
};
use super::{Identity, client};
use crate::{
    aside::aside,
    config::{Network, Quota, RateBy, RateLimit, RateStore, RateUnit, WhenAway},
    error::Refusal,
    mapping::Value,
    telemetry,
    upstream::Kept,
};

/// All limits of one configuration.
#[derive(Debug, Default)]
pub struct Rates {
    rules: Vec<Rule>,
    trusted_proxies: Vec<Network>,
    quotas: Arc<Quotas>,
    clock: Clock,
    fleet: Option<Fleet>,
}

/// Whom a request counts for.
#[derive(Debug)]
pub struct Spender<'a> {
    /// Who asks.
    pub identity: &'a Identity,
    /// Headers of the request.
    pub headers: &'a HeaderMap,
    /// The other end of its connection.
    pub peer: Option<IpAddr>,
    /// Name of the operation.
    pub operation: Option<&'a str>,
}

/// What a request took of each limit that concerns it.
#[derive(Debug)]
#[must_use = "what was not spent is to be given back"]
pub struct Charge<'a> {
    rates: &'a Rates,
    /// Empty where none does.
    parts: Vec<Part<'a>>,
    /// It was taken in Redis; else in this process.
    is_shared: bool,
}

/// One limit with its state.
#[derive(Debug)]
struct Rule {
    limit: RateLimit,
    /// Nanoseconds in which one comes back.
    pace: u64,
    /// Kept over reloads.
    shares: Arc<Shares>,
    /// Its item of `RateLimit-Policy`.
    policy: String,
}

/// What a request takes of one limit.
#[derive(Debug)]
struct Part<'a> {
    meter: Meter<'a>,
    key: u128,
    number: u32,
    /// How much of it is taken in all: of a rate in nanoseconds that have to pass, of a quota in its unit.
    level: u64,
}

/// A limit, as it concerns a request.
#[derive(Debug)]
enum Meter<'a> {
    Rate(&'a Rule),
    Quota {
        quota: Quota,
        window: Window,
        /// How long that still lasts.
        rest: Duration,
    },
}

impl Rates {
    /// Limits with what an earlier configuration left of their state where they are the same.
    pub fn new(limits: &[RateLimit], trusted_proxies: &[Network], store: &RateStore, kept: &Kept) -> Self {
        let process = "".into();
        let fleet = match store {
            RateStore::Memory => None,
            RateStore::Redis { redis, away } => Some(Fleet::new(redis, *away, kept)),
        };
        let is_shared = fleet.is_some();
        let shares = |limit: &RateLimit| {
            let keys = || if is_shared { Keys::Shared } else { Keys::own() };
            kept.share(&process, &(limit, is_shared), || Shares::new(limit, Clock::default(), keys()))
        };
        let quotas = kept.share(&process, &(), Quotas::default);
        Self { quotas, fleet, ..Self::with(limits, trusted_proxies, shares) }
    }

    fn with(limits: &[RateLimit], trusted_proxies: &[Network], shares: impl Fn(&RateLimit) -> Arc<Shares>) -> Self {
        let rule = |limit: &RateLimit| Rule {
            pace: pace(limit),
            shares: shares(limit),
            policy: told::item(&limit.name, limit.amount, limit.per, limit.unit),
            limit: limit.clone(),
        };
        Self { rules: limits.iter().map(rule).collect(), trusted_proxies: trusted_proxies.to_vec(), ..Self::default() }
    }

    /// Starts what runs beside requests; needs a runtime.
    pub fn start(&self) {
        self.fleet.iter().for_each(Fleet::start);
    }

    /// Where a request comes from, as proxies that are trusted say.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        address::client(peer, headers, &self.trusted_proxies)
    }

    /// Takes a request's share of every limit that concerns it. Errors: `RATE_LIMITED`, with when to come back, and nothing was taken;
    /// `OVERLOADED` while Redis is away, where the configuration says so.
    pub async fn charge(&self, spender: &Spender<'_>, cost: u64) -> Result<Charge<'_>, Refusal> {
        let mut charge = Charge { rates: self, parts: self.parts(spender, cost), is_shared: false };
        if charge.parts.is_empty() {
            return Ok(charge);
        }
        let never = charge.parts.iter().position(|part| part.meter.weight(part.number) > part.meter.most());
        let refused = match (never, &self.fleet) {
            (Some(at), _) => Some(at),
            (None, None) => self.take(&mut charge.parts),
            (None, Some(fleet)) => match (aside(|| fleet.take(&mut charge.parts)).await, fleet.away) {
                (Ok(refused), _) => {
                    charge.is_shared = true;
                    refused
                }
                (Err(_), WhenAway::Memory) => self.take(&mut charge.parts),
                (Err(_), WhenAway::Allow) => return Ok(Charge { parts: Vec::new(), ..charge }),
                (Err(_), WhenAway::Refuse) => return Err(told::refuse_unknown()),
            },
        };
        let Some(at) = refused else { return Ok(charge) };
        let part = &charge.parts[at];
        telemetry::metrics().rate_limited(part.meter.name());
        Err(told::refuse(&charge.parts, part))
    }

    /// What a request would take, limit by limit.
    fn parts(&self, spender: &Spender<'_>, cost: u64) -> Vec<Part<'_>> {
        let number = |unit| match unit {
            RateUnit::Requests => 1,
            // What costs nothing is let in only where something is left, and gets it back.
            RateUnit::Cost => u32::try_from(cost).unwrap_or(u32::MAX).max(1),
        };
        let concerned = self.rules.iter().filter(|rule| client::concerns(rule.limit.callers, spender.identity));
        let part = |rule| {
            let key = Rule::key(rule, spender, &self.trusted_proxies);
            Part { meter: Meter::Rate(rule), key, number: number(rule.limit.unit), level: 0 }
        };
        let mut parts: Vec<Part<'_>> = concerned.map(part).collect();
        if let Some((quota, id)) = spender.identity.quota() {
            let now = self.clock.wall();
            let window = Window::of(quota.per, now);
            let meter = Meter::Quota { quota, window, rest: window.rest(now) };
            parts.push(Part { meter, key: quota_key(quota, id), number: number(quota.unit), level: 0 });
        }
        parts
    }

    /// Takes of what is kept in this process: of all, or of none. Gives the first that is used up.
    fn take(&self, parts: &mut [Part<'_>]) -> Option<usize> {
        for at in 0..parts.len() {
            let Part { meter, key, number, level } = &mut parts[at];
            let outcome = match meter {
                Meter::Rate(rule) => rule.shares.take(*key, *number),
                Meter::Quota { quota, window, .. } => {
                    self.quotas.take(*key, *window, u64::from(*number), u64::from(quota.amount))
                }
            };
            match outcome {
                Ok(taken) => *level = taken,
                Err(taken) => {
                    *level = taken;
                    parts[..at].iter().for_each(|part| self.settle(part, -i64::from(part.number)));
                    return Some(at);
                }
            }
        }
        None
    }

    /// Corrects what is kept in this process.
    fn settle(&self, part: &Part<'_>, difference: i64) {
        match &part.meter {
            Meter::Rate(rule) => {
                let nanos = rule.pace.saturating_mul(difference.unsigned_abs());
                if difference < 0 {
                    rule.shares.give_back(part.key, nanos);
                } else {
                    rule.shares.take_more(part.key, nanos, part.meter.debt_max());
                }
            }
            Meter::Quota { window, .. } => self.quotas.settle(part.key, *window, difference),
        }
    }
}

impl Charge<'_> {
    /// Gives back what the answer did not cost, or takes what it cost beyond the estimate, and tells what is left.
    pub fn settle(mut self, actual: Option<u64>, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        if self.parts.is_empty() {
            return;
        }
        let mut differences = Vec::new();
        for (at, part) in self.parts.iter_mut().enumerate() {
            let (RateUnit::Cost, Some(actual)) = (part.meter.unit(), actual) else { continue };
            let spent = u32::try_from(actual).unwrap_or(u32::MAX);
            let difference = i64::from(spent) - i64::from(part.number);
            if difference != 0 {
                let weight = part.meter.weight(1).saturating_mul(difference.unsigned_abs());
                part.level = if difference < 0 {
                    part.level.saturating_sub(weight)
                } else {
                    part.level.saturating_add(weight).min(part.level.max(part.meter.debt_max()))
                };
                differences.push((at, difference));
            }
        }
        match self.rates.fleet.as_ref().filter(|_| self.is_shared) {
            Some(fleet) => fleet.settle(&self.parts, &differences),
            None => differences.iter().for_each(|(at, difference)| self.rates.settle(&self.parts[*at], *difference)),
        }
        headers.extend(told::policy(&self.parts));
        headers.extend(told::state(&self.parts));
    }
}

impl Part<'_> {
    /// How much is left.
    fn left(&self) -> u64 {
        self.meter.most().saturating_sub(self.level) / self.meter.weight(1)
    }

    /// How long until all of it is there again.
    fn whole_in(&self) -> Duration {
        match &self.meter {
            Meter::Rate(_) => Duration::from_nanos(self.level),
            Meter::Quota { rest, .. } => *rest,
        }
    }

    /// How long until there is enough of it for this request.
    fn wait(&self) -> Duration {
        match &self.meter {
            Meter::Rate(_) => {
                let needed = self.level.saturating_add(self.meter.weight(self.number));
                Duration::from_nanos(needed.saturating_sub(self.meter.most()))
            }
            Meter::Quota { rest, .. } => *rest,
        }
    }
}

impl Meter<'_> {
    fn unit(&self) -> RateUnit {
        match self {
            Self::Rate(rule) => rule.limit.unit,
            Self::Quota { quota, .. } => quota.unit,
        }
    }

    /// How much of the level so many are.
    fn weight(&self, number: u32) -> u64 {
        match self {
            Self::Rate(rule) => rule.pace.saturating_mul(u64::from(number)),
            Self::Quota { .. } => u64::from(number),
        }
    }

    /// The highest level up to which something is let in.
    fn most(&self) -> u64 {
        match self {
            Self::Rate(rule) => self.weight(rule.limit.burst),
            Self::Quota { quota, .. } => u64::from(quota.amount),
        }
    }

    /// The highest level to which answers can bring it that cost more than was estimated: nobody waits for more than another whole share.
    fn debt_max(&self) -> u64 {
        self.most().saturating_mul(2)
    }
}

impl Rule {
    /// Callers without what is asked for share one key: leaving it out gains nothing.
    fn key(&self, spender: &Spender<'_>, trusted: &[Network]) -> u128 {
        let text = |text: Option<&[u8]>| text.map_or(0, |text| self.shares.key(text));
        match &self.limit.by {
            RateBy::Global => 0,
            RateBy::Ip => spender.peer.map_or(0, |peer| address::key(address::client(peer, spender.headers, trusted))),
            RateBy::ApiKey => text(spender.identity.api_key().map(str::as_bytes)),
            RateBy::Certificate => text(spender.identity.certificate().map(str::as_bytes)),
            RateBy::Header(name) => text(spender.headers.get(name).map(HeaderValue::as_bytes)),
            RateBy::Operation => text(spender.operation.map(str::as_bytes)),
            RateBy::Claim(name) => match spender.identity.claim(name) {
                None | Some(Value::Null) => 0,
                Some(Value::String(claim)) => text(Some(claim.as_bytes())),
                Some(other) => text(Some(other.to_json().as_bytes())),
            },
        }
    }
}

/// The key of an API key's quota.
fn quota_key(quota: Quota, id: &str) -> u128 {
    fleet::fingerprint(format!("{:?} {id}", quota.per).as_bytes())
}

/// Nanoseconds in which one comes back.
fn pace(limit: &RateLimit) -> u64 {
    let nanos = u64::try_from(limit.per.as_nanos()).unwrap_or(u64::MAX);
    (nanos / u64::from(limit.amount.max(1))).max(1)
}
