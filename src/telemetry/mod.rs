//! What an operator sees: the log, metrics and trace context.
//!
//! Nothing here runs on the request path but a few atomic additions: metric handles are made once, and spans exist only
//! where an exporter asks for them. Not here: the route that serves `/metrics` (`server`).

mod log;
mod metrics;
pub mod names;
mod trace;

pub use log::{Log, LogFormat, init};
pub use metrics::{Lookup, Metrics, UpstreamMetrics, metrics};
pub use trace::{TraceContext, forward};
