//! Some callers, told apart as `rate_limits` tells them apart: what they are known by, and what they are.

use std::ops::Range;

use serde_saphyr::Spanned;

use super::{
    RateBy, RateFor,
    interpret::Interpreter,
    value::{Given, Json, range},
};

/// Some callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// By the kind of credential that they have.
    pub callers: RateFor,
    /// And by what it says, or a header does.
    pub known: Option<Known>,
}

/// What callers are known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// An API key, a client certificate, a claim or a header.
    pub by: RateBy,
    /// What that is; one of them is enough.
    pub values: Vec<String>,
}

impl Interpreter<'_> {
    /// Whom `by`, `is` and `for` mean; `span` is where that stands.
    pub(super) fn client(
        &mut self,
        by: Option<Given<String>>,
        is: Option<Spanned<Json>>,
        callers: Option<Given<String>>,
        span: &Range<usize>,
    ) -> Option<Client> {
        let callers = callers.map(|callers| self.rate_for(Some(callers)));
        let known = match (by, is) {
            (None, None) if callers.is_none_or(|callers| callers == RateFor::All) => {
                let message = "say whose limits these are: by `by` and `is`, or by `for`";
                self.find(span.clone(), "MISSING_KEY", message);
                return None;
            }
            (None, None) => None,
            (Some(by), None) => {
                self.find(by.span, "MISSING_KEY", "`by` needs `is`: the value, or a list of values");
                return None;
            }
            (None, Some(is)) => {
                let message = "`is` needs `by`: `api_key`, `certificate`, `claim:NAME` or `header:NAME`";
                self.find(range(&is), "MISSING_KEY", message);
                return None;
            }
            (Some(by), Some(is)) => {
                let by_span = by.span.clone();
                let text = self.text(by)?;
                let by = self.rate_by(&text, &by_span)?;
                if !matches!(by, RateBy::ApiKey | RateBy::Certificate | RateBy::Claim(_) | RateBy::Header(_)) {
                    self.find(
                        by_span,
                        "INVALID_VALUE",
                        "expected `api_key`, `certificate`, `claim:NAME` or `header:NAME`",
                    );
                    return None;
                }
                Some(Known { by, values: self.values(is)? })
            }
        };
        Some(Client { callers: callers.unwrap_or(RateFor::All), known })
    }

    /// A value as text, or several.
    pub(super) fn values(&mut self, is: Spanned<Json>) -> Option<Vec<String>> {
        let span = range(&is);
        let values = match self.json(is.value, &span) {
            Json::Array(values) => values,
            value => vec![value],
        };
        let text = |value: &Json| match value {
            Json::String(text) => Some(text.clone()),
            Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        let texts: Option<Vec<String>> = values.iter().map(text).collect();
        let texts = texts.filter(|texts| !texts.is_empty());
        if texts.is_none() {
            self.find(span, "INVALID_VALUE", "expected a text, or a list of texts");
        }
        texts
    }
}
