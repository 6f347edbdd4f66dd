//! One REST call, made resilient; knows no GraphQL.
//!
//! `stack` lists the layers in order with the reason of each place; `client` is the only file that opens a connection.

mod call;
mod client;
mod connected;
mod deadline;
mod decode;
mod detach;
mod kept;
mod limit;
mod observe;
mod report;
mod resend;
mod service;
mod spec;
mod stack;
mod target;
#[cfg(test)]
mod tests;

pub use call::{Call, CallError, Freshness, Reply, Safety, Sent, Served};
pub use client::Transport;
pub use kept::Kept;
pub use spec::UpstreamSpec;
pub use stack::Upstreams;
