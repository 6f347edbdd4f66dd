//! `Cache-Control`, of requests and of replies (RFC 9111, 5.2).

use http::{HeaderMap, HeaderName, header};

/// What caches are told. Directives that only requests or only replies have are absent from the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is there or not, independent of the others")]
pub(super) struct Directives {
    /// `max-age` in seconds; what is no number counts as 0 (RFC 9111, 4.2.1).
    pub(super) max_age: Option<u32>,
    /// `s-maxage`: that of shared caches.
    pub(super) s_maxage: Option<u32>,
    /// `no-cache` without fields.
    pub(super) no_cache: bool,
    /// `no-store`
    pub(super) no_store: bool,
    /// `private` without fields.
    pub(super) private: bool,
    /// Fields of `private="…"` and `no-cache="…"`: not to be kept.
    pub(super) withheld: Vec<HeaderName>,
    /// `public`
    pub(super) public: bool,
    /// `must-revalidate`
    pub(super) must_revalidate: bool,
    /// `proxy-revalidate`
    pub(super) proxy_revalidate: bool,
    /// `must-understand`
    pub(super) must_understand: bool,
    /// `stale-while-revalidate` (RFC 5861, 3)
    pub(super) stale_while_revalidate: Option<u32>,
    /// `stale-if-error` (RFC 5861, 4)
    pub(super) stale_if_error: Option<u32>,
    /// `max-stale` of a request; without a number any staleness.
    pub(super) max_stale: Option<u32>,
    /// `min-fresh` of a request.
    pub(super) min_fresh: Option<u32>,
    /// `only-if-cached` of a request.
    pub(super) only_if_cached: bool,
}

impl Directives {
    /// Of a reply.
    pub(super) fn of_reply(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for value in headers.get_all(header::CACHE_CONTROL) {
            each(value.as_bytes(), |name, value| directives.read(name, value));
        }
        directives
    }

    /// Of a request, where `Pragma: no-cache` stands in for `Cache-Control` (RFC 9111, 5.4).
    pub(super) fn of_request(headers: &HeaderMap) -> Self {
        let mut directives = Self::of_reply(headers);
        if !headers.contains_key(header::CACHE_CONTROL) {
            for value in headers.get_all(header::PRAGMA) {
                each(value.as_bytes(), |name, _| directives.no_cache |= name.eq_ignore_ascii_case("no-cache"));
            }
        }
        directives
    }

    fn read(&mut self, name: &str, value: Option<String>) {
        let seconds = |known: Option<u32>| {
            let read = value.as_deref().and_then(delta_seconds).unwrap_or(0);
            // Of values that contradict each other none is believed (RFC 9111, 4.2.1).
            Some(if known.is_some_and(|known| known != read) { 0 } else { read })
        };
        match name.to_ascii_lowercase().as_str() {
            "max-age" => self.max_age = seconds(self.max_age),
            "s-maxage" => self.s_maxage = seconds(self.s_maxage),
            "stale-while-revalidate" => self.stale_while_revalidate = seconds(self.stale_while_revalidate),
            "stale-if-error" => self.stale_if_error = seconds(self.stale_if_error),
            "min-fresh" => self.min_fresh = seconds(self.min_fresh),
            "max-stale" => self.max_stale = if value.is_none() { Some(u32::MAX) } else { seconds(self.max_stale) },
            "no-cache" => self.no_cache |= !self.withhold(value),
            "private" => self.private |= !self.withhold(value),
            "no-store" => self.no_store = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "only-if-cached" => self.only_if_cached = true,
            // Unknown directives are ignored (RFC 9111, 5.2.3); transforming and `immutable` do not concern us.
            _ => {}
        }
    }

    /// Notes the fields of a qualified directive; `false` when it has none, or none that are names of fields: then it is
    /// about the whole reply.
    fn withhold(&mut self, fields: Option<String>) -> bool {
        let Some(fields) = fields else { return false };
        let names: Result<Vec<HeaderName>, _> =
            fields.split(',').map(str::trim).filter(|name| !name.is_empty()).map(HeaderName::try_from).collect();
        match names {
            Ok(names) if !names.is_empty() => {
                self.withheld.extend(names);
                true
            }
            _ => false,
        }
    }
}

/// A number of seconds; `None` when it is none. What is too large is the largest (RFC 9111, 1.2.2).
pub(super) fn delta_seconds(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(1 << 31).min(1 << 31))
}

/// Reads a list of `name`, `name=token` and `name="quoted"`, leniently: what is no directive is skipped up to the next comma.
fn each(text: &[u8], mut visit: impl FnMut(&str, Option<String>)) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b',' | b'=')).unwrap_or(rest.len());
        let name = std::str::from_utf8(&rest[..end]).unwrap_or_default().trim();
        let mut value = None;
        let mut after = end;
        if rest.get(end) == Some(&b'=') {
            let (read, used) = argument(&rest[end + 1..]);
            value = Some(read);
            after = end + 1 + used;
        }
        if !name.is_empty() {
            visit(name, value);
        }
        let comma = rest[after..].iter().position(|byte| *byte == b',');
        rest = comma.map_or(&[][..], |comma| &rest[after + comma + 1..]);
    }
}

/// The value at the start of a text and how many bytes it takes.
fn argument(text: &[u8]) -> (String, usize) {
    let blank = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if text.get(blank) != Some(&b'"') {
        let end = text.iter().position(|byte| *byte == b',').unwrap_or(text.len());
        return (String::from_utf8_lossy(&text[..end]).trim().to_owned(), end);
    }
    let mut value = Vec::new();
    let mut at = blank + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                break;
            }
            b'\\' => {
                at += 1;
                value.extend(text.get(at));
            }
            byte => value.push(*byte),
        }
        at += 1;
    }
    (String::from_utf8_lossy(&value).into_owned(), at.min(text.len()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn reply(lines: &[&'static str]) -> Directives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
        }
        Directives::of_reply(&headers)
    }

    #[test]
    fn reads_tokens_quoted_strings_and_several_lines() {
        let read = reply(&["Public , MAX-AGE=\"60\",, s-maxage = 5", "no-store;x, Stale-If-Error=7"]);
        assert_eq!((read.max_age, read.s_maxage, read.stale_if_error), (Some(60), Some(5), Some(7)));
        assert!(read.public && !read.no_store, "`no-store;x` is no directive: {read:?}");
        assert_eq!(reply(&[""]), Directives::default());
        assert_eq!(reply(&["=,=5,\"no-store\",foo=\"a, no-store, b\\\"no-store\""]), Directives::default());
        assert!(reply(&["foo=\"open, no-store"]).no_store.eq(&false));
    }

    #[test]
    fn numbers_are_bounded_and_what_is_none_is_zero() {
        assert_eq!(reply(&["max-age=99999999999999999999"]).max_age, Some(1 << 31));
        for text in
            ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=x", "max-age=+5", "max-age=5, max-age=6"]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(text));
            assert_eq!(Directives::of_reply(&headers).max_age, Some(0), "{text}");
        }
        assert_eq!(reply(&["max-age=5, max-age=5"]).max_age, Some(5));
        assert_eq!(reply(&["max-stale"]).max_stale, Some(u32::MAX));
    }

    #[test]
    fn a_directive_about_fields_is_not_about_the_reply() {
        let read = reply(&["private=\"Set-Cookie, X-A\", no-cache=\"x-b\""]);
        assert!(!read.private && !read.no_cache);
        assert_eq!(read.withheld, ["set-cookie", "x-a", "x-b"]);
        assert!(reply(&["private=\"\""]).private && reply(&["no-cache=\"a b\""]).no_cache);
    }

    #[test]
    fn pragma_counts_only_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(header::PRAGMA, HeaderValue::from_static("x, no-cache"));
        assert!(Directives::of_request(&headers).no_cache);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        assert!(!Directives::of_request(&headers).no_cache);
    }
}
