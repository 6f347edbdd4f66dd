//! The settings of one upstream, as its layers read them.

use std::{sync::Arc, time::Duration};

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
}

impl UpstreamSpec {
    /// An upstream with the bounds that every upstream has, and nothing else.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(2),
            body_max: 16 << 20,
            concurrency_max: 512,
        }
    }
}
