//! How much a caller may ask lately, in requests and in cost.
//!
//! Each limit is a GCRA (governor): a share of `burst` that comes back at an even pace. All limits of a configuration are asked in the
//! order in which it names them; when one refuses, the others get back what they took. A limit on cost takes the estimate first and
//! gives back, after the run, what the answer did not cost.
//! Without limits nothing is looked at. `address` says whose an address is, `store` holds the shares within a bound.
//! Not here: what an operation costs (`cost`), who asks (`identity`).

mod address;
mod clock;
mod store;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware, nanos::Nanos};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use self::{clock::Clock, store::Store};
use super::Identity;
use crate::{
    config::{Network, RateBy, RateLimit, RateUnit},
    error::{ErrorCode, Refusal},
    mapping::Value,
    telemetry,
    upstream::Kept,
};

/// Source: draft-ietf-httpapi-ratelimit-headers-10.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// All limits of one configuration.
#[derive(Debug, Default)]
pub struct Rates {
    rules: Vec<Rule>,
    trusted_proxies: Vec<Network>,
    /// `RateLimit-Policy`, the same on every answer.
    policy: Option<HeaderValue>,
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

/// What a request took of each limit.
#[derive(Debug)]
#[must_use = "what was not spent is to be given back"]
pub struct Charge<'a> {
    rates: &'a Rates,
    /// Key and number, by rule; empty without rules.
    taken: Vec<(u128, NonZeroU32)>,
}

#[derive(Debug)]
struct Rule {
    limit: RateLimit,
    /// Nanoseconds in which one comes back.
    pace: u64,
    shares: Arc<Shares>,
}

/// The state of a limit; kept over reloads.
#[derive(Debug)]
struct Shares {
    limiter: RateLimiter<u128, Store, Clock, NoOpMiddleware<Nanos>>,
    store: Store,
    /// Two, for keys of 128 bits that nobody outside can find a second text for.
    hashers: [RandomState; 2],
}

impl Rates {
    /// Limits with what an earlier configuration left of their state where they are the same.
    pub fn new(limits: &[RateLimit], trusted_proxies: &[Network], kept: &Kept) -> Self {
        let process = "".into();
        Self::with(limits, trusted_proxies, |limit| kept.share(&process, limit, || Shares::new(limit, Clock::new())))
    }

    fn with(limits: &[RateLimit], trusted_proxies: &[Network], shares: impl Fn(&RateLimit) -> Arc<Shares>) -> Self {
        let rule = |limit: &RateLimit| Rule { limit: limit.clone(), pace: pace(limit), shares: shares(limit) };
        let mut policy = String::new();
        for limit in limits {
            let comma = if policy.is_empty() { "" } else { ", " };
            let unit = if limit.unit == RateUnit::Cost { ";qu=\"cost\"" } else { "" };
            // Writing to memory does not fail.
            let _ = write!(policy, "{comma}\"{}\";q={};w={}{unit}", limit.name, limit.amount, seconds(limit.per));
        }
        Self {
            rules: limits.iter().map(rule).collect(),
            trusted_proxies: trusted_proxies.to_vec(),
            policy: (!policy.is_empty()).then(|| HeaderValue::from_str(&policy).ok()).flatten(),
        }
    }

    /// Takes a request's share of every limit. Errors: `RATE_LIMITED`, with when to come back; nothing was taken then.
    pub fn charge(&self, spender: &Spender<'_>, cost: u64) -> Result<Charge<'_>, Refusal> {
        let mut charge = Charge { rates: self, taken: Vec::new() };
        for rule in &self.rules {
            let key = rule.key(spender, &self.trusted_proxies);
            let number = match rule.limit.unit {
                RateUnit::Requests => NonZeroU32::MIN,
                // What costs nothing is let in only where something is left, and gets it back.
                RateUnit::Cost => NonZeroU32::new(u32::try_from(cost).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN),
            };
            // What never fits is known before it is reckoned with, so that no product of it gets too large.
            let fits = number.get() <= rule.limit.burst;
            let mut refusal = match fits.then(|| rule.shares.limiter.check_key_n(&key, number)) {
                Some(Ok(Ok(()))) => {
                    charge.taken.push((key, number));
                    continue;
                }
                Some(Ok(Err(until))) => {
                    let wait = until.wait_time_from(rule.shares.limiter.clock().now());
                    rule.refuse(seconds(wait))
                }
                Some(Err(_)) | None => rule.refuse_ever(number),
            };
            telemetry::metrics().rate_limited(&rule.limit.name);
            for (rule, (key, number)) in self.rules.iter().zip(&charge.taken) {
                rule.give_back(*key, number.get());
            }
            let state = rule.state(key);
            refusal.headers.extend(self.policy.clone().map(|policy| (POLICY, policy)));
            refusal.headers.extend(HeaderValue::from_str(&state).map(|state| (STATE, state)));
            return Err(refusal);
        }
        Ok(charge)
    }
}

impl Charge<'_> {
    /// Gives back what the answer did not cost, or takes what it cost beyond, and tells what is left.
    pub fn settle(self, actual: Option<u64>, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        if self.taken.is_empty() {
            return;
        }
        let mut states = String::new();
        for (rule, (key, number)) in self.rates.rules.iter().zip(&self.taken) {
            if let (RateUnit::Cost, Some(actual)) = (rule.limit.unit, actual) {
                let spent = u32::try_from(actual).unwrap_or(u32::MAX);
                rule.give_back(*key, number.get().saturating_sub(spent));
                rule.take_more(*key, spent.saturating_sub(number.get()));
            }
            if !states.is_empty() {
                states.push_str(", ");
            }
            states.push_str(&rule.state(*key));
        }
        headers.extend(self.rates.policy.clone().map(|policy| (POLICY, policy)));
        headers.extend(HeaderValue::from_str(&states).map(|states| (STATE, states)));
    }
}

impl Shares {
    fn new(limit: &RateLimit, clock: Clock) -> Self {
        let store = Store::new(limit.keys_max, clock.clone());
        let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
        // A pace is never zero.
        let quota = Quota::with_period(Duration::from_nanos(pace(limit))).unwrap_or_else(|| Quota::per_second(burst));
        let limiter = RateLimiter::new(quota.allow_burst(burst), store.clone(), clock);
        Self { limiter, store, hashers: [RandomState::new(), RandomState::new()] }
    }

    fn hash(&self, text: &[u8]) -> u128 {
        let [one, other] = &self.hashers;
        u128::from(one.hash_one(text)) << 64 | u128::from(other.hash_one(text))
    }
}

impl Rule {
    /// Callers without what is asked for share one key: leaving it out gains nothing.
    fn key(&self, spender: &Spender<'_>, trusted: &[Network]) -> u128 {
        let text = |text: Option<&[u8]>| text.map_or(0, |text| self.shares.hash(text));
        match &self.limit.by {
            RateBy::Global => 0,
            RateBy::Ip => spender.peer.map_or(0, |peer| address::key(address::client(peer, spender.headers, trusted))),
            RateBy::ApiKey => text(spender.identity.api_key().map(str::as_bytes)),
            RateBy::Header(name) => text(spender.headers.get(name).map(HeaderValue::as_bytes)),
            RateBy::Operation => text(spender.operation.map(str::as_bytes)),
            RateBy::Claim(name) => match spender.identity.claim(name) {
                None | Some(Value::Null) => 0,
                Some(Value::String(claim)) => text(Some(claim.as_bytes())),
                Some(other) => text(Some(other.to_json().as_bytes())),
            },
        }
    }

    fn give_back(&self, key: u128, number: u32) {
        self.shares.store.give_back(key, self.pace.saturating_mul(u64::from(number)));
    }

    /// Takes more than was estimated: at most as much as makes a caller wait for one more whole share.
    fn take_more(&self, key: u128, number: u32) {
        if number > 0 {
            let now = self.shares.limiter.clock().now().as_u64();
            let latest = now.saturating_add(self.pace.saturating_mul(u64::from(self.limit.burst)).saturating_mul(2));
            self.shares.store.take_more(key, self.pace.saturating_mul(u64::from(number)), latest);
        }
    }

    /// What is left of a key's share, and the seconds until it is whole: an item of `RateLimit`.
    fn state(&self, key: u128) -> String {
        let now = self.shares.limiter.clock().now().as_u64();
        let behind = self.shares.store.due(key).map_or(0, |due| due.as_u64().saturating_sub(now));
        let left = u64::from(self.limit.burst).saturating_sub(behind.div_ceil(self.pace));
        format!("\"{}\";r={left};t={}", self.limit.name, seconds(Duration::from_nanos(behind)))
    }

    fn refuse(&self, wait: u64) -> Refusal {
        let RateLimit { name, amount, per, unit, .. } = &self.limit;
        let what = if *unit == RateUnit::Cost { "in cost" } else { "requests" };
        let message = format!("the limit `{name}` of {amount} {what} per {per:?} is used up: try again in {wait} s");
        let mut refusal = self.refusal(message);
        refusal.errors[0].extensions.insert("retryAfter".into(), wait.into());
        refusal.headers.push((header::RETRY_AFTER, HeaderValue::from(wait)));
        refusal
    }

    fn refuse_ever(&self, number: NonZeroU32) -> Refusal {
        let RateLimit { name, burst, .. } = &self.limit;
        let message = format!(
            "the operation may cost {number}, and the limit `{name}` allows at most {burst} at once: ask for less, waiting does not help"
        );
        self.refusal(message)
    }

    fn refusal(&self, message: String) -> Refusal {
        let mut refusal = Refusal::new(ErrorCode::RateLimited, message);
        refusal.errors[0].extensions.insert("limit".into(), self.limit.name.as_str().into());
        refusal
    }
}

/// Nanoseconds in which one comes back.
fn pace(limit: &RateLimit) -> u64 {
    let nanos = u64::try_from(limit.per.as_nanos()).unwrap_or(u64::MAX);
    (nanos / u64::from(limit.amount.max(1))).max(1)
}

/// Whole seconds, rounded up: who comes back then is not too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
