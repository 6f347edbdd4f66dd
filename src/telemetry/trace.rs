//! W3C trace context: what `traceparent` says.

use std::fmt;

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
        write!(out, "00-{}-{}-{:02x}", Hex(&self.trace), Hex(&self.parent), self.flags)
    }
}

/// Bytes as hexadecimal digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
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
    fn a_later_version_may_be_longer() {
        assert!(TraceContext::parse(&format!("01{}-more", &TEXT[2..])).is_some());
        assert!(TraceContext::parse(&format!("01{}more", &TEXT[2..])).is_none());
    }
}
