//! Who may ask, for what, how much.
//!
//! In the order in which a request meets them: `identity` (who asks; before the body is read), `documents` (which text is asked, may it
//! be), `limits` (is it too large, by its shape and by its `cost`), `authorization` (who may have which of its fields; then it is planned
//! without the others), `rate` (has its caller asked too much lately).
//!
//! Other rooms measure, this one judges: `operation` says how deep an operation is, `limits` here whether that is too deep. What
//! depends on the document alone is judged when the document is first seen, so a known one pays nothing.
//! Not here: bounds that protect the parser from a text (`operation::Limits`, checked before there is anything to judge).

mod authorization;
mod client;
mod cost;
mod documents;
mod identity;
mod limits;
mod production;
mod rate;

pub use authorization::{Authorization, Judging, Question};
pub use cost::{Costing, Estimate, Line, Price, StepCalls};
pub use documents::{DocumentId, Documents, Own, Report, Resolved, Standing, Text, Trusted, sha256};
pub use identity::{Authentication, Identity, Presented};
pub use limits::{ClientLimits, Limits, Mode};
pub use production::production;
pub use rate::{Charge, Rates, Spender};

use crate::{
    error::Refusal,
    operation::{Operation, VariableValues},
};

/// What one configuration allows.
#[derive(Debug)]
pub struct Rules {
    /// How callers are known.
    pub authentication: Authentication,
    /// Who may have what.
    pub authorization: Authorization,
    /// Documents that requests name instead of sending them.
    pub documents: Documents,
    /// How large an operation may be.
    pub limits: ClientLimits,
    /// How costs are reckoned.
    pub costing: Costing,
    /// How much callers may ask lately.
    pub rates: Rates,
}

impl Rules {
    /// What an operation may cost with these variables. Errors: `LIMIT_EXCEEDED`, when that is too much; `BAD_USER_INPUT`, when a list
    /// does not say how long it gets.
    #[inline]
    pub fn afford(
        limits: &Limits,
        operation: &Operation,
        estimate: &Estimate,
        variables: &VariableValues,
    ) -> Result<Price, Refusal> {
        if limits.mode == Mode::Enforce {
            estimate.check_sliced(variables)?;
        }
        let price = estimate.price(variables);
        limits.afford(operation, price)?;
        Ok(price)
    }
}
