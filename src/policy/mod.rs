//! Who may ask, for what, how much.
//!
//! In the order in which a request meets them: `identity` (who asks; before the body is read), `documents` (which text is asked, may it
//! be), `limits` (is it too large).
//!
//! Other rooms measure, this one judges: `operation` says how deep an operation is, `limits` here whether that is too deep. What
//! depends on the document alone is judged when the document is first seen, so a known one pays nothing.
//! Not here: bounds that protect the parser from a text (`operation::Limits`, checked before there is anything to judge).

mod documents;
mod identity;
mod limits;

pub use documents::{DocumentId, Documents, Resolved, Text, Trusted};
pub use identity::{Authentication, Identity};
pub use limits::{Limits, Mode};

use crate::{error::Refusal, operation::Operation};

/// What one configuration allows.
#[derive(Debug)]
pub struct Rules {
    /// How callers are known.
    pub authentication: Authentication,
    /// Documents that requests name instead of sending them.
    pub documents: Documents,
    /// How large an operation may be.
    pub limits: Limits,
}

impl Rules {
    /// Whether an operation may be asked at all, whoever asks. Errors: `LIMIT_EXCEEDED`, one entry for each limit it passes.
    pub fn allow(&self, operation: &Operation) -> Result<(), Refusal> {
        self.limits.check(operation)
    }
}
