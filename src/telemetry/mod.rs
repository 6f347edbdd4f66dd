//! What an operator sees: the log, the audit log, metrics and trace context.
//!
//! Nothing here runs on the request path but a few atomic additions: metric handles are made once, and spans exist only
//! where an exporter asks for them. Not here: the route that serves `/metrics` (`server`).

pub mod audit;
mod export;
mod log;
mod metrics;
pub mod names;
mod redact;
mod resilience;
mod reuse;
mod span;
mod sparse;
mod store;
mod trace;

pub use export::Traces;
pub use log::{Log, LogFormat, Telemetry, init};
pub use metrics::{Lookup, Metrics, Untrusted, UpstreamMetrics, metrics};
pub use redact::{NAMES, Redact, Secrets};
pub use resilience::ResilienceMetrics;
pub use reuse::{CacheBytes, CacheOutcome, ReuseMetrics};
pub use span::{HttpRequest, Trace, carried};
pub use sparse::Sparse;
pub use store::{StoreMetrics, StoreOutcome};
pub use trace::TraceContext;
