//! One request through all rooms: [`Gateway::answer`] is the page to read first.
//!
//! `snapshot` holds what one configuration produced, `cache` what known documents became, `caching` what
//! answers say to who keeps them, `spent` what they say of their cost, `context` and `answer` what goes in
//! and out, `audit` what is told of requests that were refused. `repeats` knows equal requests; `remembered` and `shared` make one answer do for them. Not here: HTTP (`server`).

mod answer;
mod audit;
mod cache;
mod caching;
mod context;
mod engine;
mod refused;
mod remembered;
mod repeats;
mod shared;
mod snapshot;
mod spent;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Gateway, Request};
pub use caching::{Caching, Lifetime};
pub use engine::Engine;
pub use snapshot::{Snapshot, api, compile, costing, limits, size_limits};
