//! What makes two calls the same call.

use std::sync::Arc;

use http::{HeaderName, header};
use sha2::{Digest, Sha256};

use super::Call;

/// Headers of the trace that a call belongs to. weft adds them to each call, so they differ between equal calls.
const TRACE: [HeaderName; 3] =
    [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate"), HeaderName::from_static("baggage")];

/// SHA-256 of everything that is sent: upstream, method, URL, headers and body. Equal fingerprints are equal calls.
///
/// Not a short hash: two callers whose calls fall together would see each other's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Told apart by more than what is sent.
    pub(super) fn with(self, more: &str) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(more).finalize().into())
    }
}

/// Which headers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// All but the trace: what two calls in flight have to share.
    Sent,
    /// Also not the directives for caches: they say whether a stored reply may be used, not which (RFC 9111, 5.2.1).
    Selecting,
}

/// A hash that has taken in who the upstream is, to be continued with its calls.
#[derive(Debug, Clone)]
pub(super) struct Seed(Sha256);

impl Seed {
    /// For an upstream; what else has to be equal goes into `settings`.
    pub(super) fn new(upstream: &Arc<str>, settings: &str) -> Self {
        let mut hash = Sha256::new();
        field(&mut hash, upstream.as_bytes());
        field(&mut hash, settings.as_bytes());
        Self(hash)
    }

    /// The fingerprint of a call.
    pub(super) fn of(&self, call: &Call, counted: Counted) -> Fingerprint {
        let mut hash = self.0.clone();
        field(&mut hash, call.method.as_str().as_bytes());
        field(&mut hash, call.url.as_bytes());
        for (name, value) in &call.headers {
            if counts(name, counted) {
                field(&mut hash, name.as_str().as_bytes());
                field(&mut hash, value.as_bytes());
            }
        }
        if let Some(body) = &call.body {
            // No header has an empty name.
            field(&mut hash, b"");
            field(&mut hash, body);
        }
        Fingerprint(hash.finalize().into())
    }
}

/// Whether two calls that differ in this header are different calls.
pub(super) fn counts(name: &HeaderName, counted: Counted) -> bool {
    let is_directive = *name == header::CACHE_CONTROL || *name == header::PRAGMA;
    !(TRACE.contains(name) || is_directive && counted == Counted::Selecting)
}

/// With its length ahead, so that no two lists of fields look the same.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn call(url: &str, headers: &[(&'static str, &'static str)], body: Option<&'static str>) -> Call {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Call { headers: map, body: body.map(|text| Bytes::from_static(text.as_bytes())), ..Call::new(Method::GET, url) }
    }

    fn of(call: &Call) -> Fingerprint {
        Seed::new(&"s".into(), "").of(call, Counted::Selecting)
    }

    #[test]
    fn everything_sent_counts() {
        let plain = of(&call("http://a/x", &[], None));
        assert_eq!(plain, of(&call("http://a/x", &[], None)));
        for other in [
            call("http://a/y", &[], None),
            call("http://a/x", &[("authorization", "a")], None),
            call("http://a/x", &[("accept-language", "de")], None),
            call("http://a/x", &[], Some("")),
            call("http://a/x", &[], Some("1")),
            Call { method: Method::POST, ..call("http://a/x", &[], None) },
        ] {
            assert_ne!(plain, of(&other), "{other:?}");
        }
        assert_ne!(plain, Seed::new(&"t".into(), "").of(&call("http://a/x", &[], None), Counted::Selecting));
        assert_ne!(plain, Seed::new(&"s".into(), "1").of(&call("http://a/x", &[], None), Counted::Selecting));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let one = call("http://a/x", &[("a", "b"), ("c", "d")], None);
        for other in [
            call("http://a/x", &[("a", "b\tc"), ("c", "d")], None),
            call("http://a/x", &[("a", "bc"), ("c", "d")], None),
            call("http://a/x", &[("a", "b"), ("cd", "")], None),
            call("http://a/x", &[("a", "b")], Some("c")),
        ] {
            assert_ne!(of(&one), of(&other), "{other:?}");
        }
    }

    #[test]
    fn the_trace_does_not_count_and_directives_only_in_flight() {
        let plain = call("http://a/x", &[], None);
        assert_eq!(of(&plain), of(&call("http://a/x", &[("traceparent", "1"), ("tracestate", "2")], None)));
        let careful = call("http://a/x", &[("cache-control", "no-cache"), ("pragma", "no-cache")], None);
        assert_eq!(of(&plain), of(&careful));
        let seed = Seed::new(&"s".into(), "");
        assert_ne!(seed.of(&plain, Counted::Sent), seed.of(&careful, Counted::Sent));
    }
}
