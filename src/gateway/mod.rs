//! One request through all rooms: [`Gateway::answer`] is the page to read first.

mod answer;
mod snapshot;

pub use answer::{Answer, Gateway, Request};
pub use snapshot::Snapshot;
