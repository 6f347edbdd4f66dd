//! `headers:` of the file: what is sent to sources beside, or instead of, the headers that the schema names.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{
    interpret::Interpreter,
    value::{Given, OrText, TextOr, range},
};

/// Headers of the connection (RFC 9110, 7.6.1) and of the encoding: nobody can set them, neither the schema nor the file.
pub const RESERVED_HEADERS: [&str; 11] = [
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "keep-alive",
];

/// Headers that can be set, but not copied from the client: they say something about its request, not about ours.
pub const OWN_HEADERS: [&str; 3] = ["content-type", "accept", "host"];

/// Length of a `matching` as compiled; far beyond any list of prefixes.
const MATCHING_MAX: usize = 1 << 20;

/// Headers that are passed on, set and left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HeadersDocument {
    /// Headers of the client's request that are passed on: a name, `{ name: x-a, as: x-b }`, or `{ matching: "^x-app-" }`.
    pub(super) propagate: Vec<PropagateDocument>,
    /// Headers with a fixed value.
    pub(super) set: BTreeMap<String, Given<String>>,
    /// Headers that are not sent, whoever else names them.
    pub(super) remove: Vec<Given<String>>,
}

/// One header, or several, that are passed on.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum PropagateDocument {
    /// A name.
    Name(Given<String>),
    /// A name with another one, or a pattern of names.
    Rule(#[schemars(with = "RuleDocument")] Spanned<RuleDocument>),
}

/// A name with another one, or a pattern of names.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RuleDocument {
    /// Name of the client's header.
    pub(super) name: Option<Given<String>>,
    /// Name under which it is sent. Default: the same.
    #[serde(rename = "as")]
    pub(super) sent_as: Option<Given<String>>,
    /// A regular expression over names, without regard to case.
    pub(super) matching: Option<Given<String>>,
}

/// What is passed on, set and left out; for all sources, or for one.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// Headers of the client's request.
    pub propagate: Vec<Propagate>,
    /// Headers that are not sent.
    pub remove: Vec<HeaderName>,
    /// Headers with a fixed value, which does not print.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

/// Which headers of the client's request are passed on.
#[derive(Debug, Clone)]
pub enum Propagate {
    /// One.
    Named {
        /// Its name in the client's request.
        name: HeaderName,
        /// Its name in calls.
        sent_as: HeaderName,
    },
    /// All whose names match, but for those that cannot be.
    Matching(Regex),
}

impl Interpreter<'_> {
    /// A block of headers.
    pub(super) fn headers(&mut self, document: HeadersDocument) -> Headers {
        let mut headers = Headers::default();
        for entry in document.propagate {
            headers.propagate.extend(self.propagate(entry));
        }
        for given in document.remove {
            headers.remove.extend(self.header_name(given, &RESERVED_HEADERS));
        }
        for (name, given) in document.set {
            let span = given.span.clone();
            let name = self.header_name(Given::new(name, span.clone()), &RESERVED_HEADERS);
            let (Some(name), Some(value)) = (name, self.text(given)) else { continue };
            let Ok(mut value) = HeaderValue::from_str(&value) else {
                self.find(span, "INVALID_VALUE", format!("the value of `{name}` cannot stand in a header"));
                continue;
            };
            value.set_sensitive(true);
            if headers.remove.contains(&name) {
                self.find(span, "INVALID_VALUE", format!("`{name}` is both set and removed: keep one of them"));
            } else if headers.set.iter().any(|(known, _)| *known == name) {
                self.find(span, "INVALID_VALUE", format!("`{name}` is set twice, in capitals and without"));
            } else {
                headers.set.push((name, value));
            }
        }
        headers
    }

    fn propagate(&mut self, document: PropagateDocument) -> Option<Propagate> {
        let (span, RuleDocument { name, sent_as, matching }) = match document {
            PropagateDocument::Name(name) => (0..0, RuleDocument { name: Some(name), ..RuleDocument::default() }),
            PropagateDocument::Rule(rule) => (range(&rule), rule.value),
        };
        match (name, matching) {
            (Some(name), None) => {
                let name = self.header_name(name, &[&RESERVED_HEADERS[..], &OWN_HEADERS].concat())?;
                let sent_as = match sent_as {
                    Some(sent_as) => self.header_name(sent_as, &[&RESERVED_HEADERS[..], &OWN_HEADERS].concat())?,
                    None => name.clone(),
                };
                Some(Propagate::Named { name, sent_as })
            }
            (None, Some(matching)) if sent_as.is_none() => {
                let span = matching.span.clone();
                let text = self.text(matching)?;
                let built = regex::RegexBuilder::new(&text).case_insensitive(true).size_limit(MATCHING_MAX).build();
                match built {
                    Ok(pattern) => Some(Propagate::Matching(pattern)),
                    Err(error) => {
                        let reason = error.to_string();
                        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                        self.find(span, "INVALID_VALUE", format!("`{text}` is not a regular expression: {reason}"));
                        None
                    }
                }
            }
            (None, Some(_)) => {
                self.find(
                    span,
                    "INVALID_VALUE",
                    "headers that are found by `matching` keep their names: `as` is for a `name`",
                );
                None
            }
            (Some(_), Some(_)) => {
                self.find(span, "INVALID_VALUE", "give `name` or `matching`, not both");
                None
            }
            (None, None) => {
                self.find(span, "INVALID_VALUE", "one of `name` and `matching` is needed");
                None
            }
        }
    }

    /// A header's name that is none of the `refused`.
    fn header_name(&mut self, given: Given<String>, refused: &[&str]) -> Option<HeaderName> {
        let span = given.span.clone();
        let text = self.text(given)?;
        let Ok(name) = HeaderName::try_from(text.as_str()) else {
            self.find(span, "INVALID_VALUE", format!("`{text}` is not the name of a header"));
            return None;
        };
        if refused.contains(&name.as_str()) {
            let message = if RESERVED_HEADERS.contains(&name.as_str()) {
                format!("`{name}` belongs to the connection and is set by weft")
            } else {
                format!("`{name}` speaks of the client's request and is not passed on: use `set`")
            };
            self.find(span, "INVALID_VALUE", message);
            return None;
        }
        Some(name)
    }
}

impl OrText for RuleDocument {
    const EXPECTED: &'static str = "the name of a header, or `name` and `as`, or `matching`";
}

impl<'de> Deserialize<'de> for PropagateDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, defined } = Spanned::<TextOr<RuleDocument>>::deserialize(deserializer)?;
        Ok(match value {
            TextOr::Text(text) => Self::Name(Given::new(text, range(&Spanned { value: (), referenced, defined }))),
            TextOr::More(value) => Self::Rule(Spanned { value, referenced, defined }),
        })
    }
}
