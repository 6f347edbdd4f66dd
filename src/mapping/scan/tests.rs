//! What is JSON and what is not, and where strings end.

use std::borrow::Cow;

use super::{Scanner, items, unescape};
use crate::mapping::Value;

#[test]
fn items_are_ranges_without_blanks() {
    let text = br#"[ 1 , "a,]\"" ,[2, [3]],{"k":[4]} ,null ]"#;
    let found: Vec<&[u8]> = items(text).map(|range| &text[range]).collect();
    assert_eq!(found, [&b"1"[..], br#""a,]\"""#, b"[2, [3]]", br#"{"k":[4]}"#, b"null"]);
    assert_eq!(items(b"[ ]").count(), 0);
    assert_eq!(items(b"[1,").count(), 1);
    assert_eq!(items(b"{}").count(), 0);
}

#[test]
fn strings_are_unescaped() {
    assert!(matches!(unescape(b"\"plain\""), Cow::Borrowed("plain")));
    let text = r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#;
    assert_eq!(unescape(text.as_bytes()), "\"\\/\u{8}\u{c}\n\r\té😀é");
}

/// A string with each mark at each distance, so that words and the rest are both passed.
#[test]
fn marks_are_found_at_any_distance() {
    for before in 0..70 {
        for mark in [r#"\""#, r"\\", r"\n", ""] {
            let text = format!("\"{}{mark}{}\"", "x".repeat(before), "é".repeat(before / 2));
            assert!(Value::parse(text.as_bytes()).is_ok(), "{text}");
            let mut scanner = Scanner::new(text.as_bytes());
            assert_eq!(scanner.skip_string(), Ok(!mark.is_empty()), "{text}");
            assert_eq!(scanner.at, text.len());
            assert!(Scanner::new(&text.as_bytes()[..text.len() - 1]).skip_string().is_err(), "{text}");
        }
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let refused: [&[u8]; 34] = [
        b"",
        b" ",
        b"{",
        b"[1",
        b"[1,]",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{a:1}",
        b"1 2",
        b"[]]",
        b"nul",
        b"nullx",
        b"tru",
        b"01",
        b"-",
        b"1.",
        b".5",
        b"1e",
        b"1e+",
        b"+1",
        b"NaN",
        b"'a'",
        b"\"a",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800\\u0041\"",
        b"\"\x01\"",
        b"\"\xff\"",
        b"\"\xc3\"",
        b"\xef\xbb\xbf1",
        b"[1}",
    ];
    for text in refused {
        assert!(Value::parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        let mut scanner = Scanner::new(text);
        let checked = scanner.token().and_then(|_| scanner.check_value(0)).and_then(|()| scanner.finish());
        assert!(checked.is_err(), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_is_json_is_read_and_written_back() {
    for text in [
        r#"{"a":[1,-0,1.50,1E+2,0.1e-3],"":{},"b":[[],[null,true,false]]}"#,
        r#""\"\\\n\u0001""#,
        "\"é😀/\"",
        "12345678901234567890123",
    ] {
        assert_eq!(Value::parse(text.as_bytes()).unwrap().to_json(), text);
        let mut scanner = Scanner::new(text.as_bytes());
        assert!(scanner.skip_value(0).and_then(|()| scanner.finish()).is_ok());
    }
    assert_eq!(Value::parse(br#"{"a":1,"b":2,"a":3}"#).unwrap().to_json(), r#"{"a":3,"b":2}"#);
}

#[test]
fn nesting_is_bounded_at_128() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        for (depth, good) in [(128, true), (129, false)] {
            assert_eq!(Value::parse(nested(depth).as_bytes()).is_ok(), good);
            assert_eq!(Scanner::new(nested(depth).as_bytes()).skip_value(0).is_ok(), good);
            assert_eq!(Scanner::new(nested(depth).as_bytes()).skip_value(1).is_ok(), good && depth < 128);
        }
        assert!(Value::parse(open.repeat(100_000).as_bytes()).is_err());
    }
}
