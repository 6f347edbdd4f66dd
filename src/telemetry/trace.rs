//! W3C trace context: the `traceparent` header, taken in and sent on.

use std::fmt;

use http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Sends the trace context of an incoming request on with an outgoing call, unless the call has one of its own.
///
/// As long as no spans of ours are exported the caller's span stays the parent. An invalid `traceparent` is dropped, and
/// `tracestate` means nothing without it. Source: W3C Trace Context, 4.3.
pub fn forward(incoming: &HeaderMap, outgoing: &mut HeaderMap) {
    let Some(parent) = incoming.get(TRACEPARENT) else { return };
    let is_valid = parent.to_str().is_ok_and(|text| TraceContext::parse(text).is_some());
    if !is_valid || outgoing.contains_key(TRACEPARENT) {
        return;
    }
    outgoing.insert(TRACEPARENT, parent.clone());
    for state in incoming.get_all(TRACESTATE) {
        outgoing.append(TRACESTATE, state.clone());
    }
}

/// One position in a trace. Source: W3C Trace Context, 3.2 (version `00`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace; never all zero.
    pub trace: [u8; 16],
    /// The caller's span; never all zero.
    pub parent: [u8; 8],
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceContext {
    /// Starts a new trace.
    pub fn generate() -> Self {
        Self { trace: *uuid::Uuid::now_v7().as_bytes(), parent: span_id(), flags: 1 }
    }

    /// The same trace, with a new span as parent of what is called next.
    #[must_use]
    pub fn child(self) -> Self {
        Self { parent: span_id(), ..self }
    }

    /// Reads a `traceparent` header; `None` for anything the specification calls invalid (a new trace starts then).
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let version = hex::<1>(bytes.get(..2)?)?[0];
        let tail = bytes.get(55..)?;
        // Version 0 is exactly this long; later ones may go on after another dash. 0xff is forbidden.
        let length_fits = if version == 0 { tail.is_empty() } else { tail.is_empty() || tail[0] == b'-' };
        if version == 0xff || !length_fits || bytes[2] != b'-' || bytes[35] != b'-' || bytes[52] != b'-' {
            return None;
        }
        let context = Self {
            trace: hex::<16>(&bytes[3..35])?,
            parent: hex::<8>(&bytes[36..52])?,
            flags: hex::<1>(&bytes[53..55])?[0],
        };
        (context.trace != [0; 16] && context.parent != [0; 8]).then_some(context)
    }

    /// Whether the caller records this trace.
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

/// The header's text.
impl fmt::Display for TraceContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        out.write_str("-")?;
        self.parent.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        write!(out, "-{:02x}", self.flags)
    }
}

/// Eight bytes, 62 of their bits random, never all zero.
fn span_id() -> [u8; 8] {
    let id = uuid::Uuid::now_v7();
    let mut span = [0; 8];
    span.copy_from_slice(&id.as_bytes()[8..]);
    span
}

/// Lower-case hexadecimal of exactly `N` bytes: the specification forbids upper case.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_what_it_writes() {
        let context = TraceContext::parse(TEXT).unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), TEXT);
        let made = TraceContext::generate();
        assert_eq!(TraceContext::parse(&made.to_string()), Some(made));
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let context = TraceContext::parse(TEXT).unwrap();
        let child = context.child();
        assert_eq!(child.trace, context.trace);
        assert_ne!(child.parent, context.parent);
    }

    #[test]
    fn refuses_what_the_specification_refuses() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_valid_context_is_forwarded_with_its_state() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            pairs.collect::<HeaderMap>()
        };
        let forwarded = |incoming: &HeaderMap, mut outgoing: HeaderMap| {
            forward(incoming, &mut outgoing);
            outgoing
        };
        let incoming = headers(&[("traceparent", TEXT), ("tracestate", "a=1"), ("tracestate", "b=2"), ("cookie", "x")]);
        let sent = forwarded(&incoming, HeaderMap::new());
        assert_eq!(sent["traceparent"], TEXT);
        assert_eq!((sent.len(), sent.get_all("tracestate").iter().count()), (3, 2));
        let own = headers(&[("traceparent", "own")]);
        assert_eq!(forwarded(&incoming, own.clone()), own);
        let broken = headers(&[("traceparent", "nonsense"), ("tracestate", "a=1")]);
        assert!(forwarded(&broken, HeaderMap::new()).is_empty());
        assert!(forwarded(&headers(&[("tracestate", "a=1")]), HeaderMap::new()).is_empty());
    }

    #[test]
    fn a_later_version_may_be_longer() {
        assert!(TraceContext::parse(&format!("01{}-more", &TEXT[2..])).is_some());
        assert!(TraceContext::parse(&format!("01{}more", &TEXT[2..])).is_none());
    }
}
