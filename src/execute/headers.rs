//! Headers that the configuration adds to calls, after the schema's own.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

use crate::config::{Headers, OWN_HEADERS, Propagate, RESERVED_HEADERS};

/// The rules of one upstream: those for all first, then its own, so that the nearer one has the last word.
#[derive(Debug, Clone, Default)]
pub struct HeaderRules(Vec<Arc<Headers>>);

impl HeaderRules {
    /// Of blocks, in the order in which they are applied; empty ones cost nothing.
    pub fn new(blocks: impl IntoIterator<Item = Arc<Headers>>) -> Self {
        let says_something =
            |block: &Arc<Headers>| !(block.propagate.is_empty() && block.remove.is_empty() && block.set.is_empty());
        Self(blocks.into_iter().filter(says_something).collect())
    }

    /// Changes the headers of a call. What a rule names takes the place of what was there: no header is sent with the values of
    /// the schema and of the configuration side by side (reference 3.4).
    pub(super) fn apply(&self, client: &HeaderMap, headers: &mut HeaderMap) {
        for block in &self.0 {
            for rule in &block.propagate {
                match rule {
                    Propagate::Named { name, sent_as } => pass_on(client, name, sent_as, headers),
                    Propagate::Matching(pattern) => {
                        for name in
                            client.keys().filter(|name| pattern.is_match(name.as_str()) && is_end_to_end(name, client))
                        {
                            pass_on(client, name, name, headers);
                        }
                    }
                }
            }
            for name in &block.remove {
                headers.remove(name);
            }
            for (name, value) in &block.set {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Sends a header of the client; without one in its request the call stays as it is.
fn pass_on(client: &HeaderMap, name: &HeaderName, sent_as: &HeaderName, headers: &mut HeaderMap) {
    if !client.contains_key(name) {
        return;
    }
    headers.remove(sent_as);
    for value in client.get_all(name) {
        headers.append(sent_as.clone(), value.clone());
    }
}

/// Whether a header is meant for who answers, and not for the connection that it came on (RFC 9110, 7.6.1) or our own to set.
fn is_end_to_end(name: &HeaderName, client: &HeaderMap) -> bool {
    let is_named_by_connection = client.get_all(header::CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|listed| listed.split(',').any(|item| item.trim().eq_ignore_ascii_case(name.as_str())))
    });
    !RESERVED_HEADERS.contains(&name.as_str()) && !OWN_HEADERS.contains(&name.as_str()) && !is_named_by_connection
}
