//! What the demo services share: command line, database, call counter, request log, tokens and the numbers they agree on.
//!
//! A service is a function from its options to a router. [`run`] gives it a command line, [`finish`] the routes and the
//! middleware that all of them have. Nothing here knows what a service is about.

mod calls;
mod database;
mod finish;
pub mod probe;
mod problem;
mod random;
mod run;
pub mod token;
pub mod world;

pub use calls::Calls;
pub use database::{Database, Error, placeholders};
pub use finish::finish;
pub use problem::Problem;
pub use random::Random;
pub use run::{Options, run};
