//! Whose fault an outcome is: one judgement for balancing, retries, breaker and hedging.

use super::{
    CallError, Reply,
    clock::{self, Moment},
    instance::Verdict,
};

/// Good or bad for the service; `None` for what says nothing about it.
///
/// Success is the HTTP status, whatever a schema's `isSuccess` says: that concerns the field.
pub(super) fn of(result: &Result<Box<Reply>, CallError>) -> Option<Verdict> {
    match result {
        Ok(reply) if reply.status >= 500 => Some(Verdict::Bad),
        // What sends too much answers, too.
        Ok(_) | Err(CallError::TooLarge { .. }) => Some(Verdict::Good),
        Err(CallError::Connection { .. } | CallError::TimedOut { .. } | CallError::Unreadable { .. }) => {
            Some(Verdict::Bad)
        }
        // Ours: it was never asked.
        Err(CallError::Overloaded { .. } | CallError::Unavailable { .. } | CallError::Invalid { .. }) => None,
    }
}

/// When it was there.
pub(super) fn ended(result: &Result<Box<Reply>, CallError>) -> Moment {
    result.as_ref().ok().and_then(|reply| reply.ended).unwrap_or_else(clock::moment)
}
