//! How large an operation may be.

use http::HeaderMap;

use super::{Identity, client};
use crate::{
    config,
    error::Refusal,
    operation::{Measure, Operation},
    policy::Price,
    telemetry::{self, Sparse},
};

/// Lines of the log about what is only reported, in a second; the metric counts all.
const REPORTED_MAX: u32 = 10;

static REPORTED: Sparse = Sparse::new();

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
    /// Highest estimated cost.
    pub cost: usize,
    /// Most estimated calls of upstreams.
    pub upstream_calls: usize,
    /// Refuse or report.
    pub mode: Mode,
}

/// The limits of everybody.
#[derive(Debug)]
pub struct ClientLimits {
    all: Limits,
    /// Of some, in the order of the configuration.
    some: Vec<(config::Client, Limits)>,
}

impl ClientLimits {
    /// Those of all, and other ones of some.
    pub fn new(all: Limits, some: Vec<(config::Client, Limits)>) -> Self {
        Self { all, some }
    }

    /// Those of a caller: of the first entry that means them.
    #[inline]
    pub fn of(&self, identity: &Identity, headers: &HeaderMap) -> &Limits {
        if self.some.is_empty() {
            return &self.all;
        }
        let own = self.some.iter().find(|(client, _)| client::is(client, identity, headers));
        own.map_or(&self.all, |(_, limits)| limits)
    }

    /// Whether what one caller may ask is too much for another: then it is judged for each, else once.
    #[inline]
    pub fn differ(&self) -> bool {
        !self.some.is_empty()
    }
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
    pub fn check(&self, operation: &Operation) -> Result<(), Refusal> {
        self.judge(operation, self.each(&operation.measure))
    }

    /// Errors: as [`Self::check`], of what the operation may cost.
    #[inline]
    pub fn afford(&self, operation: &Operation, price: Price) -> Result<(), Refusal> {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let (cost, calls) = (number(price.cost), number(price.calls));
        if cost <= self.cost && calls <= self.upstream_calls {
            return Ok(());
        }
        self.judge(operation, [("cost", self.cost, cost), ("upstream_calls", self.upstream_calls, calls)])
    }

    fn judge<const N: usize>(
        &self,
        operation: &Operation,
        values: [(&'static str, usize, usize); N],
    ) -> Result<(), Refusal> {
        let mut refusal: Option<Refusal> = None;
        for (limit, maximum, value) in values {
            if value <= maximum {
                continue;
            }
            telemetry::metrics().limit_passed(limit);
            if self.mode == Mode::Report {
                if let Some(left_out) = REPORTED.due(REPORTED_MAX) {
                    let operation = operation.name.as_deref().unwrap_or_default();
                    let message = "an operation passes a limit that is only reported";
                    tracing::warn!(operation, limit, maximum, value, left_out, message);
                }
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
