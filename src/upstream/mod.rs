//! One REST call, made resilient; knows no GraphQL.
//!
//! `stack` lists the layers in order with the reason of each place; `client` is the only file that opens a connection.

mod call;
mod client;
mod stack;

pub use call::{Call, CallError, Freshness, Reply, Safety, Served};
pub use client::{Transport, UpstreamSpec};
pub use stack::Upstreams;
