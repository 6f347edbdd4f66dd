//! Who may have what: the keys, what they mean, and how one becomes the other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{interpret::Interpreter, value::Given};

/// Who may have what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuthorizationDocument {
    /// Refuses an operation of which a field is denied, instead of leaving that field null. Default: `false`.
    reject: Option<Given<bool>>,
    /// Shows in introspection only what its caller may have. Default: `false`.
    hide: Option<Given<bool>>,
    /// Policies of `@policy`, by name: CEL expressions over `claims`, `headers`, `args`, `operation` and `this`, the
    /// object that has the field.
    policies: BTreeMap<String, Given<String>>,
}

/// Who may have what.
#[derive(Debug, Clone, Default)]
pub struct Authorization {
    /// Whether an operation is refused of which a field is denied.
    pub reject: bool,
    /// Whether introspection shows only what its caller may have.
    pub hide: bool,
    /// Expressions by name.
    pub policies: BTreeMap<String, String>,
}

impl Interpreter<'_> {
    pub(super) fn authorization(&mut self, document: AuthorizationDocument) -> Authorization {
        let (reject, hide) = (self.read(document.reject, false), self.read(document.hide, false));
        let policies = document.policies.into_iter();
        let policies = policies.filter_map(|(name, text)| Some((name, self.text(text)?))).collect();
        Authorization { reject, hide, policies }
    }
}
