//! One REST call, made resilient; knows no GraphQL.
//!
//! `stack` lists the layers in order with the reason of each place; `client` is the only file that opens a connection.

mod adaptive;
mod authorize;
mod balance;
mod breaker;
mod budget;
mod cache;
mod call;
mod client;
mod clock;
mod coalesce;
mod connected;
mod deadline;
mod decode;
mod detach;
mod discovery;
mod fingerprint;
mod health;
mod hedge;
mod hints;
mod instance;
mod instances;
mod kept;
mod latency;
mod limit;
mod observe;
mod pressure;
mod report;
mod resend;
mod retry;
mod service;
mod sign;
mod spec;
mod stack;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turn;
mod verdict;

pub use cache::{CacheSpec, Clock, Purge, Purged, Storage};
pub use call::{Call, CallError, Freshness, Reply, Safety, Sent, Served, StaleCause, Stored};
pub use client::Transport;
pub use coalesce::has_credentials;
pub use fingerprint::Fingerprint;
pub use hints::{Hints, Lifetimes};
pub use kept::Kept;
pub use pressure::{Pressure, UnderWay};
pub use spec::UpstreamSpec;
pub use stack::Upstreams;
pub use turn::Turn;
