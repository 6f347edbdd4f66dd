//! A call in, a reply or an error out.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::Instant;

use super::{Fingerprint, Hints, clock::Moment};
use crate::{config::Priority, error::ErrorCode};

/// Whether a call may be made again or dropped half way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// A read: stops when nobody waits, may be repeated.
    Safe,
    /// A write (of a mutation): once sent, read to its end; never repeated.
    Unsafe,
}

/// One request to an upstream, exactly as it goes on the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// Index of the upstream in [`super::Upstreams`].
    pub upstream: usize,
    /// The method.
    pub method: Method,
    /// Absolute URL, sent byte for byte as it is here.
    pub url: String,
    /// Headers from the schema; the upstream's own and the trace context are added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
    /// Read or write.
    pub safety: Safety,
    /// When whoever asked stops waiting: nothing that would end later is begun. Cutting the wait off is up to them.
    pub deadline: Option<Instant>,
    /// Longest time for this call, where that is less than its upstream's.
    pub timeout: Option<Duration>,
    /// Whether it makes room for others where calls wait.
    pub priority: Priority,
    /// What is said of its reply for the cache; `None`: nothing beside what its upstream's settings and the reply say.
    pub caching: Option<Arc<Hints>>,
}

impl Call {
    /// A read of the first upstream: without headers, without a body, within its upstream's own time.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            upstream: 0,
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: None,
            safety: Safety::Safe,
            deadline: None,
            timeout: None,
            priority: Priority::Normal,
            caching: None,
        }
    }

    /// When it has to be over where it may last until `deadline`: its caller's own end may come first.
    pub(super) fn end_by(&self, deadline: Moment) -> Moment {
        self.deadline.map_or(deadline, |own| Moment::of(own).min(deadline))
    }
}

/// Where a reply came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Served {
    /// From the service, for this call.
    #[default]
    Fresh,
    /// From the cache.
    Cached {
        /// Its age.
        age: Duration,
    },
    /// From the cache although no longer fresh.
    Stale {
        /// Its age.
        age: Duration,
        /// What allowed it.
        cause: StaleCause,
    },
    /// From a call that somebody else made at the same time.
    Shared,
}

/// Why a reply that is no longer fresh was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleCause {
    /// The service is being asked meanwhile (RFC 5861, 3).
    Revalidating,
    /// The service failed (RFC 5861, 4).
    Failure,
    /// The call takes stale replies (`max-stale`).
    Accepted,
}

impl StaleCause {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revalidating => "revalidating",
            Self::Failure => "failure",
            Self::Accepted => "accepted",
        }
    }
}

/// What HTTP caching headers say of a reply (RFC 9111), for who passes its content on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freshness {
    /// How long it is fresh, from its making on; `None`: not said.
    pub lifetime: Option<Duration>,
    /// How long ago it was made.
    pub age: Duration,
    /// Only for the caller it was made for.
    pub private: bool,
    /// Not to be kept by anybody.
    pub no_store: bool,
}

/// Where a reply lies in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Of its call.
    pub fingerprint: Fingerprint,
    /// Of its content.
    pub version: u64,
}

/// A complete answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: Arc<HeaderMap>,
    /// Its body, decoded.
    pub body: Bytes,
    /// How long it may be kept.
    pub freshness: Freshness,
    /// Where it came from.
    pub served: Served,
    /// Where it is kept, if it is.
    pub stored: Option<Stored>,
    /// When all of it was there; `None`: it comes from elsewhere than the service.
    pub(super) ended: Option<Moment>,
}

/// What may have come of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// There was no connection: the service knows nothing of it, so that even a write may be made again.
    Nothing,
    /// The service may have done what was asked.
    Maybe,
}

/// Why a call gave no usable reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke.
    #[error("`{upstream}` could not be reached")]
    Connection {
        /// The upstream's name.
        upstream: Arc<str>,
        /// What the service may know of the call.
        sent: Sent,
    },
    /// No answer in time.
    #[error("`{upstream}` did not answer within {waited:?}")]
    TimedOut {
        /// The upstream's name.
        upstream: Arc<str>,
        /// How long was waited.
        waited: Duration,
    },
    /// The body is larger than allowed, as received or decompressed.
    #[error("`{upstream}` sent a body of more than {limit} bytes")]
    TooLarge {
        /// The upstream's name.
        upstream: Arc<str>,
        /// The limit.
        limit: usize,
    },
    /// The body was cut or its compression is broken.
    #[error("`{upstream}` sent a body that cannot be read")]
    Unreadable {
        /// The upstream's name.
        upstream: Arc<str>,
        /// The status it came with.
        status: u16,
    },
    /// So many calls wait already that this one was not made.
    #[error("`{upstream}` has too many calls waiting")]
    Overloaded {
        /// The upstream's name.
        upstream: Arc<str>,
    },
    /// It failed so often lately that this call was not made, or it is nowhere to be found.
    #[error("`{upstream}` is resting after repeated failures")]
    Unavailable {
        /// The upstream's name.
        upstream: Arc<str>,
    },
    /// The URL or a header cannot be sent.
    #[error("the request to `{upstream}` cannot be sent: {reason}")]
    Invalid {
        /// The upstream's name.
        upstream: Arc<str>,
        /// What is wrong, without the URL.
        reason: String,
    },
}

impl CallError {
    /// Whether the service failed us, rather than we it: where a stale reply may stand in.
    pub fn is_outage(&self) -> bool {
        !matches!(self, Self::TooLarge { .. } | Self::Invalid { .. })
    }

    /// The code callers see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Connection { .. } => ErrorCode::HttpClientError,
            Self::TimedOut { .. } => ErrorCode::GatewayTimeout,
            Self::TooLarge { .. } => ErrorCode::ResponseTooLarge,
            Self::Unreadable { .. } => ErrorCode::ConnectorResponseInvalid,
            Self::Overloaded { .. } => ErrorCode::Overloaded,
            Self::Unavailable { .. } => ErrorCode::UpstreamUnavailable,
            Self::Invalid { .. } => ErrorCode::ConnectorRequestInvalid,
        }
    }
}
