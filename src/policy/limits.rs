//! How large an operation may be.

use crate::{
    error::Refusal,
    operation::{Measure, Operation},
    telemetry,
};

/// What happens to an operation that passes a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It is answered; the log and a metric say what would have been refused. For finding limits that existing clients fit in.
    Report,
}

/// Maxima of [`Measure`]; a value at the maximum is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most fields on the way from the root to a leaf.
    pub depth: usize,
    /// Most fields of the answer's shape.
    pub height: usize,
    /// Most fields with an alias.
    pub aliases: usize,
    /// Most response keys of the root.
    pub root_fields: usize,
    /// Most directives.
    pub directives: usize,
    /// Refuse or report.
    pub mode: Mode,
}

impl Limits {
    /// Every limit with its name as in `weft.yaml`, its maximum and the operation's value.
    fn each(&self, measure: &Measure) -> [(&'static str, usize, usize); 5] {
        [
            ("depth", self.depth, measure.depth),
            ("height", self.height, measure.height),
            ("aliases", self.aliases, measure.aliases),
            ("root_fields", self.root_fields, measure.root_fields),
            ("directives", self.directives, measure.directives),
        ]
    }

    /// Errors: `LIMIT_EXCEEDED`, one entry for each limit that is passed; none when they are only reported.
    pub(super) fn check(&self, operation: &Operation) -> Result<(), Refusal> {
        let mut refusal: Option<Refusal> = None;
        for (limit, maximum, value) in self.each(&operation.measure) {
            if value <= maximum {
                continue;
            }
            telemetry::metrics().limit_passed(limit);
            if self.mode == Mode::Report {
                let operation = operation.name.as_deref().unwrap_or_default();
                tracing::warn!(operation, limit, maximum, value, "an operation passes a limit that is only reported");
                continue;
            }
            let next = Refusal::limit_exceeded(limit, maximum, value, None);
            match &mut refusal {
                Some(refusal) => refusal.errors.extend(next.errors),
                None => refusal = Some(next),
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}
