//! What a reply allows a cache, and whether what is stored may be used (RFC 9111, 3 and 4; RFC 5861).
//!
//! The arithmetic is our own: a hit compares three durations that were read once, when the reply came. The library for it keeps
//! and clones both header lists, reads directives by case, and knows no stale windows.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, header};

use super::{
    CacheSpec,
    clock::Now,
    directives::{Directives, delta_seconds},
};
use crate::upstream::{
    Call, Freshness, Lifetimes,
    fingerprint::{Counted, counts},
};

/// Statuses whose meaning for caches we know (RFC 9110, 15). 206 and 304 are no replies of their own.
const UNDERSTOOD: [u16; 14] = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501];
/// What a default lifetime is for: a service that says nothing of caching means no failure with it.
const SUCCESS: [u16; 3] = [200, 203, 204];
/// Headers that make a request one for a part, or one whose answer depends on what the caller has.
const CONDITIONS: [HeaderName; 6] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// Whether a reply may be used beyond its lifetime at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staleness {
    /// As callers and configuration say.
    Allowed,
    /// Only as the reply itself says: `s-maxage` (RFC 9111, 5.2.2.10).
    AsTold,
    /// Never: `must-revalidate`, `proxy-revalidate`, `no-cache`.
    Forbidden,
}

/// What a stored reply allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// How long it is fresh; `None`: nothing says so.
    pub(super) lifetime: Option<Duration>,
    /// Its age when it came.
    pub(super) initial_age: Duration,
    /// When it came.
    pub(super) received: Duration,
    while_revalidate: Duration,
    if_error: Duration,
    no_cache: bool,
    staleness: Staleness,
    private: bool,
    no_store: bool,
}

/// What to do with a stored reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Use it.
    Fresh,
    /// Use it: the request takes stale replies.
    Accepted,
    /// Use it, and ask the service in the background.
    Refresh,
    /// Ask the service first.
    Validate,
}

impl Terms {
    /// Reads a reply. `sent` and `received` frame the exchange.
    pub(super) fn read(headers: &HeaderMap, told: &Directives, defaults: Lifetimes, sent: Now, received: Now) -> Self {
        let date = one_date(headers, &header::DATE).unwrap_or(received.date);
        let said = told.s_maxage.or(told.max_age).map(seconds).or_else(|| expires(headers, date));
        let own = |told: Option<u32>, default: Duration| told.map_or(default, seconds);
        let staleness = if told.must_revalidate || told.proxy_revalidate || told.no_cache {
            Staleness::Forbidden
        } else if told.s_maxage.is_some() {
            Staleness::AsTold
        } else {
            Staleness::Allowed
        };
        let default = |window: Duration| if staleness == Staleness::Allowed { window } else { Duration::ZERO };
        Self {
            lifetime: said.or(defaults.ttl.filter(|_| !told.no_cache)),
            initial_age: initial_age(headers, date, sent, received),
            received: received.steady,
            while_revalidate: own(told.stale_while_revalidate, default(defaults.stale_while_revalidate)),
            if_error: own(told.stale_if_error, default(defaults.stale_if_error)),
            no_cache: told.no_cache,
            staleness,
            private: told.private,
            no_store: told.no_store,
        }
    }

    /// The same for a reply that has lain elsewhere: with the lifetime that it had there, and its age by now.
    pub(super) fn resumed(self, lifetime: Option<Duration>, age: Duration) -> Self {
        Self { lifetime, initial_age: age, ..self }
    }

    /// Its age (RFC 9111, 4.2.3).
    pub(super) fn age(&self, now: Now) -> Duration {
        self.initial_age + now.steady.saturating_sub(self.received)
    }

    /// How long it stays fresh.
    pub(super) fn fresh_for(&self, now: Now) -> Duration {
        self.lifetime.unwrap_or_default().saturating_sub(self.age(now))
    }

    /// What callers of the answer may be told.
    pub(super) fn freshness(&self, now: Now) -> Freshness {
        Freshness {
            lifetime: if self.no_cache { Some(Duration::ZERO) } else { self.lifetime },
            age: self.age(now),
            private: self.private,
            no_store: self.no_store,
        }
    }

    /// Whether it may be used now for a request with these directives.
    pub(super) fn judge(&self, asked: &Directives, now: Now) -> Verdict {
        if self.no_cache || asked.no_cache {
            return Verdict::Validate;
        }
        let (age, lifetime) = (self.age(now), self.lifetime.unwrap_or_default());
        let is_too_old = asked.max_age.is_some_and(|max| age > seconds(max));
        let is_too_short = asked.min_fresh.is_some_and(|min| lifetime.saturating_sub(age) < seconds(min));
        if is_too_old && asked.max_stale.is_none() || is_too_short {
            return Verdict::Validate;
        }
        if age < lifetime {
            return if is_too_old { Verdict::Validate } else { Verdict::Fresh };
        }
        let stale_for = age.saturating_sub(lifetime);
        if self.staleness == Staleness::Allowed && asked.max_stale.is_some_and(|max| stale_for <= seconds(max)) {
            return Verdict::Accepted;
        }
        let is_particular = asked.max_age.is_some() || asked.min_fresh.is_some();
        if self.staleness != Staleness::Forbidden && !is_particular && stale_for < self.while_revalidate {
            return Verdict::Refresh;
        }
        Verdict::Validate
    }

    /// Whether it may stand in for a service that fails (RFC 5861, 4).
    pub(super) fn covers_failure(&self, asked: &Directives, now: Now) -> bool {
        let asked = asked.stale_if_error.map(seconds);
        let window = match self.staleness {
            Staleness::Forbidden => return false,
            Staleness::AsTold => self.if_error,
            Staleness::Allowed => asked.unwrap_or(self.if_error),
        };
        let stale_for = self.age(now).saturating_sub(self.lifetime.unwrap_or_default());
        !window.is_zero() && stale_for < window
    }

    /// How long it can be of any use from its arrival on; `has_validator`: also to be asked for again by condition.
    pub(super) fn useful_for(&self, has_validator: bool) -> Duration {
        /// A stale reply that can be validated stays at least so long.
        const VALIDATED_MIN: Duration = Duration::from_mins(10);
        const MAX: Duration = Duration::from_hours(24 * 366);
        let lifetime = self.lifetime.unwrap_or_default();
        let validated = if has_validator { lifetime.max(VALIDATED_MIN) } else { Duration::ZERO };
        let stale = self.while_revalidate.max(self.if_error).max(validated);
        (lifetime + stale).saturating_sub(self.initial_age).min(MAX)
    }
}

/// Whether a call's reply can come from the cache.
pub(super) fn is_cacheable(call: &Call, spec: &CacheSpec) -> bool {
    let is_read = call.method == Method::GET || call.method == Method::POST && spec.post;
    is_read
        && call.safety == crate::upstream::Safety::Safe
        && !call.caching.as_ref().is_some_and(|caching| caching.is_off)
        && !call.headers.keys().any(|name| CONDITIONS.contains(name))
}

/// Whether a reply may be stored, and is worth it.
pub(super) fn is_storable(
    call: &Call,
    asked: &Directives,
    (status, headers): (u16, &HeaderMap),
    told: &Directives,
    terms: &Terms,
) -> bool {
    let is_understood = UNDERSTOOD.contains(&status);
    // `must-understand` replaces `no-store` for who understands (RFC 9111, 5.2.2.3).
    let is_refused = asked.no_store || told.private || told.no_store && !(told.must_understand && is_understood);
    let is_said = told.max_age.is_some() || told.s_maxage.is_some() || headers.contains_key(header::EXPIRES);
    let is_defaulted = !is_said && terms.lifetime.is_some() && SUCCESS.contains(&status);
    let is_meant = is_said || is_defaulted || ((told.public || told.no_cache) && SUCCESS.contains(&status));
    let is_authorized = !call.headers.contains_key(header::AUTHORIZATION)
        || told.public
        || told.must_revalidate
        || told.s_maxage.is_some();
    is_understood
        && !is_refused
        && is_meant
        && is_authorized
        && !headers.contains_key(header::CONTENT_RANGE)
        && varies_by_what_counts(headers)
        && is_of_use(headers, terms)
}

/// Whether everything that `Vary` names is part of the fingerprint; then a stored reply fits by being found.
fn varies_by_what_counts(headers: &HeaderMap) -> bool {
    headers.get_all(header::VARY).iter().all(|value| {
        let Ok(names) = value.to_str() else { return false };
        let mut names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.all(|name| HeaderName::try_from(name).is_ok_and(|name| name != "*" && counts(&name, Counted::Selecting)))
    })
}

/// Nothing can come of a reply that is stale at once, cannot stand in and cannot be validated.
fn is_of_use(headers: &HeaderMap, terms: &Terms) -> bool {
    !terms.useful_for(has_validator(headers)).is_zero()
}

/// Whether the service can be asked if it still holds.
pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

/// Statuses that stand for a failing service (RFC 5861, 4).
pub(super) fn is_failure(status: u16) -> bool {
    [500, 502, 503, 504].contains(&status)
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}

/// The age of a reply when it came: what `Age` says with the time it took, or what `Date` says (RFC 9111, 4.2.3).
fn initial_age(headers: &HeaderMap, date: SystemTime, sent: Now, received: Now) -> Duration {
    let apparent = received.date.duration_since(date).unwrap_or_default();
    let age = headers.get(header::AGE).and_then(|value| value.to_str().ok());
    // Of a list the first; what is no number is ignored (RFC 9111, 5.1).
    let age = age.and_then(|text| delta_seconds(text.split(',').next()?.trim())).map_or(Duration::ZERO, seconds);
    apparent.max(age + received.steady.saturating_sub(sent.steady))
}

/// From `Expires`: what is no date, or several dates, is in the past (RFC 9111, 5.3).
fn expires(headers: &HeaderMap, date: SystemTime) -> Option<Duration> {
    headers.contains_key(header::EXPIRES).then(|| {
        let at = one_date(headers, &header::EXPIRES);
        at.and_then(|at| at.duration_since(date).ok()).unwrap_or_default()
    })
}

/// The date of a header that is there once, in any of the three forms (RFC 9110, 5.6.7).
fn one_date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.any(|other| other != value) {
        return None;
    }
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}
