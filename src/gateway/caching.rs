//! What an answer says to those who keep answers: `Cache-Control`, `Age`, `Cache-Status` and `Vary`, from what went into it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    config::{self, ContextValue},
    execute::Sources,
    policy::Rules,
    schema::{CacheHint, Graph},
    upstream::has_credentials,
};

/// The headers of clients that answers depend on.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads {
    /// Their names as a list for `Vary`, in alphabetical order; `None`: answers depend on none.
    pub(super) vary: Option<HeaderValue>,
    /// The configuration propagates headers, by patterns perhaps: nobody knows which.
    is_open: bool,
}

impl Reads {
    /// All that some connector sends on or some mapping reads.
    /// And all by which callers say who they are, or that decide what they may have.
    pub(super) fn new(settings: &config::Settings, graph: &Graph, rules: &Rules) -> Self {
        let mut names: Vec<HeaderName> = rules.authentication.headers().collect();
        for connector in &graph.connectors {
            names.extend(connector.read_headers());
        }
        for value in settings.context.values() {
            if let ContextValue::Header { name, .. } = value {
                names.push(name.clone());
            }
        }
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        let list = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
        let vary = if names.is_empty() { None } else { HeaderValue::try_from(list).ok() };
        let propagates = |headers: &config::Headers| !headers.propagate.is_empty();
        let is_open = propagates(&settings.headers) || settings.sources.values().any(|it| propagates(&it.headers));
        Self { vary, is_open: is_open || rules.authorization.reads_headers(graph) }
    }

    /// Whether answers depend on headers that cannot be listed.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether an answer may be for this caller only: it said who it is, or answers depend on what cannot be listed.
    pub(super) fn identify(&self, headers: &HeaderMap) -> bool {
        self.is_open || has_credentials(headers)
    }
}

/// What the answer's headers say.
#[derive(Debug, Clone, Default)]
pub struct Caching {
    /// How long and by whom it may be kept.
    pub lifetime: Lifetime,
    /// Only for this caller.
    pub private: bool,
    /// Seconds since the oldest of it was made; with a lifetime only.
    pub age: u64,
    /// `Cache-Status` (RFC 9211), when something came from our cache.
    pub status: Option<String>,
    /// Names of headers that it depends on.
    pub vary: Option<HeaderValue>,
}

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifetime {
    /// Nobody said.
    #[default]
    Unknown,
    /// Not at all.
    NoStore,
    /// So many seconds from the making of its oldest part.
    Seconds(u64),
}

impl Caching {
    /// Of a query that ran.
    pub(super) fn of_query(sources: &Sources, hint: CacheHint, error_count: usize, is_identified: bool) -> Self {
        let age = sources.age.as_secs();
        // What the schema says counts from now on, as the replies may be kept for longer.
        let said = hint.max_age.map(|seconds| i64::from(seconds) * 1000);
        let fresh_for = sources.fresh_for.map(|left| said.map_or(left, |said| left.min(said)));
        let lifetime = match fresh_for {
            _ if error_count > 0 || sources.no_store => Lifetime::NoStore,
            // Rounded down, so that nobody keeps it for longer.
            Some(left) if !sources.is_silent => {
                let left = left + i64::try_from(sources.age.as_millis()).unwrap_or(i64::MAX);
                Lifetime::Seconds(Duration::from_millis(u64::try_from(left).unwrap_or(0)).as_secs())
            }
            _ => Lifetime::Unknown,
        };
        let status = (sources.cached_count > 0).then(|| {
            let left = sources.fresh_for.unwrap_or(0).div_euclid(1000);
            let detail = sources.stale.map(|cause| format!(";detail={}", cause.as_str())).unwrap_or_default();
            format!("weft;hit;ttl={left}{detail}")
        });
        let private = sources.private || hint.private == Some(true) || is_identified && lifetime != Lifetime::Unknown;
        Self { lifetime, private, age, status, vary: None }
    }
}
