//! Percent-encoding (reference 2.2): values strictly, constant text only where it must.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but `A-Z a-z 0-9 - . _ ~`.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What cannot stand in a URL at all; reserved characters and `%` stay.
const CONSTANT: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// Appends a computed value: it never adds a segment or a parameter.
pub(super) fn value(text: &str, out: &mut String) {
    out.extend(utf8_percent_encode(text, VALUE));
}

/// Appends constant text of a template. Line breaks and tabs are dropped.
pub(super) fn constant(text: &str, out: &mut String) {
    for piece in text.split(['\t', '\n', '\r', '\u{c}']) {
        out.extend(utf8_percent_encode(piece, CONSTANT));
    }
}
