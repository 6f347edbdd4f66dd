//! Texts on their way from replies into answers.

/// Bytes of a short text, copied as one or two vectors.
const SHORT: usize = 16;
/// Bytes of a text that is copied by a few vectors.
const MIDDLING: usize = 64;

/// A text inside a larger one. Copying a fixed number of bytes, those behind the text included, and cutting them off costs less than a copy
/// of just the right length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// From its first byte on.
    source: &'a [u8],
    len: usize,
}

impl<'a> Part<'a> {
    /// The first bytes of `source`; `None` when it has not so many.
    #[inline]
    pub fn new(source: &'a [u8], len: usize) -> Option<Self> {
        (len <= source.len()).then_some(Self { source, len })
    }

    /// The text alone.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        &self.source[..self.len]
    }

    /// Whether it is JSON's null.
    #[inline]
    pub fn is_null(self) -> bool {
        self.len == 4 && self.bytes() == b"null"
    }

    /// Appends it.
    #[inline]
    pub fn append_to(self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        if self.len <= SHORT
            && let Some(chunk) = self.source.first_chunk::<SHORT>()
        {
            out.extend_from_slice(chunk);
        } else if self.len <= MIDDLING
            && let Some(chunk) = self.source.first_chunk::<MIDDLING>()
        {
            out.extend_from_slice(chunk);
        } else {
            return out.extend_from_slice(self.bytes());
        }
        out.truncate(end);
    }

    /// Whether there is a backslash in it.
    #[inline]
    pub fn has_backslash(self) -> bool {
        if self.len <= MIDDLING
            && let Some(chunk) = self.source.first_chunk::<MIDDLING>()
            && chunk.iter().fold(0, |found, byte| found | u8::from(*byte == b'\\')) == 0
        {
            return false;
        }
        memchr::memchr(b'\\', self.bytes()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_length_are_copied_and_nothing_behind_them() {
        let source: Vec<u8> = (0..200).map(|at| b'a' + at % 26).collect();
        for start in 0..200 {
            for len in 0..=200 - start {
                let part = Part::new(&source[start..], len).unwrap();
                let mut out = b"before".to_vec();
                part.append_to(&mut out);
                assert_eq!(out, [b"before", &source[start..start + len]].concat());
                assert!(!part.has_backslash());
            }
            assert!(Part::new(&source[start..], 201 - start).is_none());
        }
    }

    #[test]
    fn backslashes_behind_a_part_are_not_its_own() {
        for at in 0..100 {
            let mut source = vec![b'x'; 200];
            source[at] = b'\\';
            for len in 0..150 {
                assert_eq!(Part::new(&source, len).unwrap().has_backslash(), at < len);
            }
        }
    }
}
