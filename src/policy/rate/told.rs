//! What callers are told of the limits: header fields, and refusals.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-10; RFC 9110, 10.2.3 (`Retry-After`).

use std::{fmt::Write as _, time::Duration};

use http::{HeaderName, HeaderValue, header};

use super::{Meter, Part};
use crate::{
    config::{QUOTA, QuotaPeriod, RateUnit},
    error::{ErrorCode, Refusal},
};

pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// `RateLimit-Policy` of the limits that concern a request.
pub(super) fn policy(parts: &[Part<'_>]) -> Option<(HeaderName, HeaderValue)> {
    let mut text = String::new();
    for part in parts {
        separate(&mut text);
        match &part.meter {
            Meter::Rate(rule) => text.push_str(&rule.policy),
            Meter::Quota { quota, window, .. } => {
                text.push_str(&item(QUOTA, quota.amount, window.length(), quota.unit));
            }
        }
    }
    Some((POLICY, HeaderValue::try_from(text).ok()?))
}

/// `RateLimit`: what is left.
pub(super) fn state(parts: &[Part<'_>]) -> Option<(HeaderName, HeaderValue)> {
    let mut text = String::new();
    for part in parts {
        separate(&mut text);
        // Writing to memory does not fail.
        let _ = write!(text, "\"{}\";r={};t={}", part.meter.name(), part.left(), seconds(part.whole_in()));
    }
    Some((STATE, HeaderValue::try_from(text).ok()?))
}

/// An item of `RateLimit-Policy`.
pub(super) fn item(name: &str, amount: u32, per: Duration, unit: RateUnit) -> String {
    let unit = if unit == RateUnit::Cost { ";qu=\"cost\"" } else { "" };
    format!("\"{name}\";q={amount};w={}{unit}", seconds(per))
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push_str(", ");
    }
}

/// Refuses a request for which nothing is left, or of which so much never is.
pub(super) fn refuse(parts: &[Part<'_>], part: &Part<'_>) -> Refusal {
    let (name, number) = (part.meter.name(), part.number);
    if part.meter.weight(number) > part.meter.most() {
        let most = part.meter.most() / part.meter.weight(1);
        let message = format!(
            "the operation may cost {number}, and the limit `{name}` allows at most {most} at once: ask for less, waiting does not help"
        );
        return with_limit(Refusal::new(ErrorCode::RateLimited, message), parts, part);
    }
    let wait = seconds(part.wait()).max(1);
    let amount = part.meter.amount();
    let what = if part.meter.unit() == RateUnit::Cost { "in cost" } else { "requests" };
    let message = match &part.meter {
        Meter::Rate(rule) => {
            let per = rule.limit.per;
            format!("the limit `{name}` of {amount} {what} per {per:?} is used up: try again in {wait} s")
        }
        Meter::Quota { quota, .. } => {
            let period = match quota.per {
                QuotaPeriod::Day => "day",
                QuotaPeriod::Month => "month",
            };
            format!("the quota of {amount} {what} per {period} is used up: it begins anew in {wait} s")
        }
    };
    let mut refusal = with_limit(Refusal::new(ErrorCode::RateLimited, message), parts, part);
    refusal.errors[0].extensions.insert("retryAfter".into(), wait.into());
    refusal.headers.push((header::RETRY_AFTER, HeaderValue::from(wait)));
    refusal
}

/// Refuses while nobody can say what is left.
pub(super) fn refuse_unknown() -> Refusal {
    let message = "what is left of the limits cannot be had at the moment: try again in 1 s";
    let mut refusal = Refusal::new(ErrorCode::Overloaded, message);
    refusal.headers.push((header::RETRY_AFTER, HeaderValue::from(1)));
    refusal
}

fn with_limit(mut refusal: Refusal, parts: &[Part<'_>], part: &Part<'_>) -> Refusal {
    refusal.errors[0].extensions.insert("limit".into(), part.meter.name().into());
    refusal.headers.extend(policy(parts));
    refusal.headers.extend(state(std::slice::from_ref(part)));
    refusal
}

impl Meter<'_> {
    /// Its name in errors, headers and metrics.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Rate(rule) => &rule.limit.name,
            Self::Quota { .. } => QUOTA,
        }
    }

    fn amount(&self) -> u32 {
        match self {
            Self::Rate(rule) => rule.limit.amount,
            Self::Quota { quota, .. } => quota.amount,
        }
    }
}

/// Whole seconds, rounded up: who comes back then is not too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
