//! What an operation cost, as answers say it: `extensions.cost`, and the header `weft-cost`.

use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::policy::{Costing, Limits, Price};

/// A dictionary (RFC 9651): `estimated=230, actual=57, calls=4`.
const HEADER: HeaderName = HeaderName::from_static("weft-cost");
/// Bytes that `extensions.cost` takes, about.
const EXTENSIONS: usize = 160;

/// Adds what the configuration wants shown to an answer `{"data":…}` and its headers.
///
/// The body is written anew only where something is added: it may be one that is repeated.
pub(super) fn show(
    costing: Costing,
    limits: &Limits,
    price: Price,
    actual: Option<u64>,
    mut body: Bytes,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
) -> Bytes {
    if let (true, Some(open)) = (costing.extensions, body.strip_suffix(b"}")) {
        let mut out = Vec::with_capacity(body.len() + EXTENSIONS);
        out.extend_from_slice(open);
        let (maximum, calls_max) = (limits.cost, limits.upstream_calls);
        let Price { cost, calls } = price;
        // Writing to memory does not fail.
        let _ = write!(out, r#","extensions":{{"cost":{{"estimated":{cost},"maximum":{maximum}"#);
        if let Some(actual) = actual {
            let _ = write!(out, r#","actual":{actual}"#);
        }
        let _ = write!(out, r#","upstreamCalls":{{"estimated":{calls},"maximum":{calls_max}}}}}}}}}"#);
        body = out.into();
    }
    if costing.header {
        let Price { cost, calls } = price;
        let actual = actual.map(|actual| format!(", actual={actual}")).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(&format!("estimated={cost}{actual}, calls={calls}")) {
            headers.push((HEADER, value));
        }
    }
    body
}
