//! The settings of one upstream, as its layers read them.

use std::{sync::Arc, time::Duration};

use http::HeaderName;

use super::CacheSpec;
use crate::config::{
    Adaptive, Balance, Breaker, Certificate, Credentials, Discovery, Health, Hedge, Outlier, Retry, Share, Source, Url,
};

/// The settings of one upstream. A layer whose settings are `None` is not on the path.
#[derive(Debug, Clone)]
pub struct UpstreamSpec {
    /// Its name in logs, metrics and errors.
    pub name: Arc<str>,
    /// Longest time for a whole call.
    pub timeout: Duration,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Most bytes of a body, as received and again as decoded.
    pub body_max: usize,
    /// Most calls at once.
    pub concurrency_max: usize,
    /// Longest wait for a place among them; `None`: what the timeout leaves.
    pub queue_timeout: Option<Duration>,
    /// Finding a lower number of calls at once from how latency answers.
    pub adaptive: Option<Adaptive>,
    /// Where it is; calls come with URLs of the first one. Empty: only where their URLs say.
    pub urls: Vec<Url>,
    /// Who gets the next call.
    pub balance: Balance,
    /// The zone whose instances are asked first.
    pub zone: Option<String>,
    /// How long an instance that came back gets less than its share.
    pub slow_start: Duration,
    /// Asking instances whether they are well.
    pub health: Option<Health>,
    /// Leaving instances alone whose calls fail.
    pub outlier: Option<Outlier>,
    /// Where instances come from when they are not all in `urls`.
    pub discovery: Option<Discovery>,
    /// Making failed calls again.
    pub retry: Option<Retry>,
    /// Leaving the service alone when most calls fail.
    pub breaker: Option<Breaker>,
    /// Asking a second time when an answer is slow.
    pub hedge: Option<Hedge>,
    /// A header that tells the service how many milliseconds are left.
    pub deadline_header: Option<HeaderName>,
    /// What the service wants to see of us.
    pub credentials: Option<Credentials>,
    /// A client certificate.
    pub certificate: Option<Certificate>,
    /// What may be shared between requests.
    pub share: Share,
    /// How long keys of several requests are gathered at most while a call for others is under way.
    pub batch_wait: Duration,
    /// What is kept of its replies; `None`: nothing.
    pub cache: Option<CacheSpec>,
}

impl UpstreamSpec {
    /// With these settings.
    pub fn new(name: Arc<str>, source: &Source) -> Self {
        Self {
            name,
            timeout: source.timeout,
            connect_timeout: source.connect_timeout,
            body_max: source.body_max,
            concurrency_max: source.concurrency_max,
            queue_timeout: source.queue_timeout,
            adaptive: source.adaptive,
            urls: source.urls.clone(),
            balance: source.balance.clone(),
            zone: source.zone.clone(),
            slow_start: source.slow_start,
            health: source.health.clone(),
            outlier: source.outlier.clone(),
            discovery: source.discovery.clone(),
            retry: source.retry.clone(),
            breaker: source.breaker.clone(),
            hedge: source.hedge.clone(),
            deadline_header: source.deadline_header.clone(),
            credentials: source.credentials.clone(),
            certificate: source.certificate.clone(),
            share: Share::Off,
            batch_wait: source.batch_wait,
            cache: None,
        }
    }

    /// With the settings that a source has when the configuration does not name it.
    pub fn named(name: &str) -> Self {
        Self::new(name.into(), &Source::default())
    }

    /// Whether there is anything to choose or to watch.
    pub(super) fn has_instances(&self) -> bool {
        self.urls.len() > 1 || (!self.urls.is_empty() && (self.health.is_some() || self.discovery.is_some()))
    }
}
