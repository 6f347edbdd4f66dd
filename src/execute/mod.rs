//! A plan becomes a response: steps run as soon as their inputs are there, results are joined, values completed, bytes written.
//!
//! One run, one owner: the futures of steps return outcomes and hold no reference to results. At the deadline the run stops
//! polling and writes what is there.

mod run;

pub use run::{Caller, Outcome, Settings, run};
