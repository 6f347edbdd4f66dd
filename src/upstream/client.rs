//! The only file that opens a connection.

use std::{sync::Arc, time::Duration};

/// The settings of one upstream.
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

/// How connections are made, where a test or an operator needs it different: the one seam of this room.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// Host names that resolve to fixed addresses, before DNS is asked (like `curl --resolve`, every port mapped to the address's).
    pub resolve: Vec<(String, std::net::SocketAddr)>,
    /// PEM certificates trusted beside the platform's.
    pub ca_pem: Option<Vec<u8>>,
}
