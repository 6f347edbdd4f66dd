//! Many bytes of a string at a time. Loops over sixteen bytes without a branch become vector instructions, which tell *whether* there
//! is a mark among them; *where* is told by arithmetic on words of eight.

/// Bytes that are looked at together.
pub(super) const WIDTH: usize = 16;

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = ONES << 7;

/// The top bit of each byte that is `byte`; exact up to the first one.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (ONES * u64::from(byte));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & TOPS
}

/// Index of the first byte whose top bit `find` sets.
#[inline]
fn first(chunk: &[u8; WIDTH], find: impl Fn(u64) -> u64) -> Option<usize> {
    let (words, _) = chunk.as_chunks::<8>();
    words.iter().enumerate().find_map(|(index, word)| {
        let tops = find(u64::from_le_bytes(*word));
        (tops != 0).then(|| index * 8 + tops.trailing_zeros() as usize / 8)
    })
}

/// The first quote.
#[inline]
pub(super) fn quote(chunk: &[u8; WIDTH]) -> Option<usize> {
    first(chunk, |word| equal(word, b'"'))
}

/// The first quote or backslash.
#[inline]
pub(super) fn mark(chunk: &[u8; WIDTH]) -> Option<usize> {
    first(chunk, |word| equal(word, b'"') | equal(word, b'\\'))
}

/// Whether all bytes are themselves in a string: ASCII, and no quote, backslash or control character.
#[inline]
pub(super) fn is_plain(chunk: &[u8; WIDTH]) -> bool {
    // As a signed number, whatever is beyond ASCII is below a space too.
    chunk.iter().fold(0, |found, &byte| found | u8::from(is_mark(byte))) == 0
}

#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "with branches it would not become vector instructions")]
fn is_mark(byte: u8) -> bool {
    (byte.cast_signed() < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// The first byte that is not plain.
#[inline]
pub(super) fn not_plain(chunk: &[u8; WIDTH]) -> Option<usize> {
    first(chunk, |word| {
        let below = |byte: u8| word.wrapping_sub(ONES * u64::from(byte));
        (below(0x20) & TOPS) | (word & TOPS) | equal(word, b'"') | equal(word, b'\\')
    })
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, is_plain, mark, not_plain, quote};

    #[test]
    fn each_byte_is_judged_at_each_place() {
        for byte in 0..=u8::MAX {
            for at in 0..WIDTH {
                for next in [b'x', b'"', b'!', b'#', 0x1f, 0x80] {
                    let mut chunk = *b"amber basin cede";
                    chunk[at] = byte;
                    if let Some(after) = chunk.get_mut(at + 1) {
                        *after = next;
                    }
                    let find = |is_meant: fn(&u8) -> bool| chunk.iter().position(is_meant);
                    assert_eq!(quote(&chunk), find(|b| *b == b'"'), "{chunk:?}");
                    assert_eq!(mark(&chunk), find(|b| matches!(b, b'"' | b'\\')), "{chunk:?}");
                    let wanted = find(|b| !matches!(b, 0x20..0x80) || matches!(b, b'"' | b'\\'));
                    assert_eq!(not_plain(&chunk), wanted, "{chunk:?}");
                    assert_eq!(is_plain(&chunk), wanted.is_none(), "{chunk:?}");
                }
            }
        }
    }
}
