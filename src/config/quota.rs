//! Quotas of API keys: how much may be asked in a calendar day or month.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    interpret::Interpreter,
    rate::RateUnit,
    value::{Count, Given},
};

/// How much may be asked in each calendar day or month.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaDocument {
    /// Requests; or `cost`.
    requests: Option<Given<Count>>,
    /// Cost: the estimate, and what the answer cost where that is reckoned; or `requests`.
    cost: Option<Given<Count>>,
    /// `day` or `month`, as they begin in UTC.
    per: Given<String>,
}

/// How much may be asked in each calendar day or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What is counted.
    pub unit: RateUnit,
    /// So much.
    pub amount: u32,
    /// In so long.
    pub per: QuotaPeriod,
}

/// A part of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaPeriod {
    /// From midnight to midnight, UTC.
    Day,
    /// From the first of a month to that of the next, UTC.
    Month,
}

impl Interpreter<'_> {
    pub(super) fn quota(&mut self, document: QuotaDocument) -> Option<Quota> {
        let span = document.per.span.clone();
        let periods = [("day", QuotaPeriod::Day), ("month", QuotaPeriod::Month)];
        let per = self.choice(Some(document.per), &periods, QuotaPeriod::Day);
        let (unit, amount) = self.amount(document.requests, document.cost, &span)?;
        Some(Quota { unit, amount, per })
    }
}
