//! A plan becomes a response: steps run as soon as their inputs are there, results are joined, values completed, bytes written.
//!
//! One run, one owner: the futures of steps return outcomes and hold no reference to results. At the deadline the run stops
//! polling and writes what is there.
//!
//! In reading order: `run` (the loop), `work` (what it waits for), `start` (a step's keys become calls), `gather`, `key` and `known` (which objects it is for), `guard` (which of them its caller may see), `scope`
//! (variables), `headers` (what the configuration sends), `call` (what is sent), `flight` (calls under way), `batch` (many keys in one call), `joint` (those of several requests), `read` and `reply` (bytes to slots or a `failure`), `merge` (pieces of a value to one),
//! `write`, `complete`, `alike` and `copy` (slots to the answer), `report` (failures to the places they concern), `sources` (how
//! fresh the replies were). `view` reads what is there so far.

mod alike;
mod batch;
mod call;
mod complete;
mod copy;
mod failure;
mod flight;
mod gather;
mod guard;
mod headers;
mod joint;
mod key;
mod known;
mod merge;
mod read;
mod reply;
mod report;
mod run;
mod scope;
mod sources;
mod start;
mod view;
mod work;
mod write;

#[cfg(test)]
mod tests;

pub use guard::Judge;
pub use headers::HeaderRules;
pub use joint::JointLoads;
pub use run::{Caller, Outcome, Settings, run};
pub use sources::Sources;
