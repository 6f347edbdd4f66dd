//! What is said of one connector's calls for the cache, beside what their replies say.

use std::time::Duration;

/// How long replies may be used where they do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Lifetimes {
    /// Lifetime of successful replies that say nothing of it; `None`: they are not kept.
    pub ttl: Option<Duration>,
    /// How long a stale reply stands in for a failing service.
    pub stale_if_error: Duration,
    /// How long a stale reply is used while the service is asked in the background.
    pub stale_while_revalidate: Duration,
}

/// What is said of a connector's replies. What is `None` is as its source says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Hints {
    /// Nothing is kept.
    pub is_off: bool,
    /// Lifetime of successful replies that say nothing of it.
    pub ttl: Option<Duration>,
    /// How long a stale reply stands in for a failing service.
    pub stale_if_error: Option<Duration>,
    /// How long a stale reply is used while the service is asked in the background.
    pub stale_while_revalidate: Option<Duration>,
    /// What the replies' headers say of caching does not count.
    pub is_override: bool,
    /// Only for its caller, so not kept.
    pub is_private: bool,
    /// Names by which its replies are forgotten.
    pub tags: Vec<String>,
}

impl Hints {
    /// The lifetimes that hold for its calls.
    pub(super) fn over(&self, source: Lifetimes) -> Lifetimes {
        Lifetimes {
            ttl: self.ttl.or(source.ttl),
            stale_if_error: self.stale_if_error.unwrap_or(source.stale_if_error),
            stale_while_revalidate: self.stale_while_revalidate.unwrap_or(source.stale_while_revalidate),
        }
    }
}
