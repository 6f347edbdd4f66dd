//! weft turns many REST services into one GraphQL API.
//!
//! The rooms, in reading order. A room uses only the rooms above it; `tests/architecture.rs` reads this list.
//!
//! ```text
//! HTTP ─► server ─► gateway::answer ─┬► operation  parse, validate, bind      (once per document)
//!                                    ├► policy     may this be asked?         (once per document)
//!                                    ├► plan       steps, batches             (once per document)
//!                                    ├► execute    run steps, join, complete
//!                                    │     └► mapping   REST body ─► field values
//!                                    │     └► upstream  one REST call, made resilient
//!                                    └► response bytes
//! telemetry sees every room; config and schema made the snapshot that all of them read
//! ```

mod aside;
pub mod error;
pub mod telemetry;
pub mod config;
pub mod store;
pub mod mapping;
pub mod schema;
pub mod operation;
pub mod plan;
pub mod upstream;
pub mod execute;
pub mod policy;
pub mod gateway;
pub mod server;
pub mod import;
#[cfg(feature = "demo")]
pub mod demo;
