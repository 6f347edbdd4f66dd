//! One request through all rooms: [`Gateway::answer`] is the page to read first.
//!
//! `snapshot` holds what one configuration produced, `cache` what known documents became, `context` and `answer` what goes in
//! and out. Not here: HTTP (`server`).

mod answer;
mod cache;
mod context;
mod engine;
mod refused;
mod snapshot;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Gateway, Request};
pub use engine::Engine;
pub use snapshot::{Snapshot, api, compile, limits};
