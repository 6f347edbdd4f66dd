//! How the cost of operations is reckoned and shown.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    interpret::Interpreter,
    value::{Count, Given},
};

/// How the cost of operations is reckoned and shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CostDocument {
    /// Items of a list that no `@listSize` says the length of. Default: `10`.
    pub(super) list_size: Option<Given<Count>>,
    /// Reckons what each answer cost as well, for the metrics. Default: `false`, unless one of the next two or a limit on rates needs it.
    pub(super) actual: Option<Given<bool>>,
    /// Adds `extensions.cost` to answers. Default: `false`.
    pub(super) extensions: Option<Given<bool>>,
    /// Adds the header `weft-cost` to answers. Default: `false`.
    pub(super) header: Option<Given<bool>>,
}

/// How the cost of operations is reckoned and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Items of a list that no directive says the length of.
    pub list_size: usize,
    /// What answers cost is reckoned.
    pub actual: bool,
    /// `extensions.cost`.
    pub extensions: bool,
    /// The header `weft-cost`.
    pub header: bool,
}

impl Default for Cost {
    fn default() -> Self {
        // A page of most lists. Three within each other then cost 1110, of 10000 that `limits.cost` allows; four cost too much.
        Self { list_size: 10, actual: false, extensions: false, header: false }
    }
}

impl Interpreter<'_> {
    pub(super) fn cost(&mut self, document: CostDocument) -> Cost {
        let defaults = Cost::default();
        Cost {
            list_size: self.count(document.list_size, defaults.list_size),
            actual: self.read(document.actual, defaults.actual),
            extensions: self.read(document.extensions, defaults.extensions),
            header: self.read(document.header, defaults.header),
        }
    }
}
