//! Which media type an answer has.

use http::{HeaderMap, header};

/// What GraphQL answers can be written as. The bytes are the same; statuses differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`
    Response,
    /// `application/json`, the legacy type.
    Json,
}

impl Media {
    /// The value of `Content-Type`.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// How much a caller wants each thing we can send: the quality of the most specific range that covers it, 0 when none does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Wishes {
    response: Option<(u8, f32)>,
    json: Option<(u8, f32)>,
    html: Option<(u8, f32)>,
}

/// The media type of the answer; `None`: nothing we can write is acceptable.
///
/// No `Accept` and `*/*` mean the legacy type, as the audits of GraphQL over HTTP ask. Of equal wishes the newer type wins.
pub(super) fn choose(headers: &HeaderMap) -> Option<Media> {
    let mut values = headers.get_all(header::ACCEPT).iter();
    if let (Some(only), None) = (values.next(), values.next()) {
        // As most write it.
        match only.as_bytes() {
            b"application/json" | b"*/*" => return Some(Media::Json),
            b"application/graphql-response+json" => return Some(Media::Response),
            _ => {}
        }
    }
    let Some(wishes) = wishes(headers) else { return Some(Media::Json) };
    let response = wishes.response.unwrap_or_default();
    let json = wishes.json.unwrap_or_default();
    if response.1 <= 0.0 && json.1 <= 0.0 {
        return None;
    }
    // A wildcard names neither: the older type, which every client can read.
    let explicit = response.0 == EXACT;
    Some(if explicit && response.1 >= json.1 || json.1 <= 0.0 { Media::Response } else { Media::Json })
}

/// Whether the caller would rather have a page than JSON, as browsers do.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let Some(wishes) = wishes(headers) else { return false };
    let quality = |wish: Option<(u8, f32)>| wish.map_or(0.0, |(_, quality)| quality);
    wishes.html.is_some_and(|(exactness, _)| exactness == EXACT)
        && quality(wishes.html) > 0.0
        && quality(wishes.html) >= quality(wishes.json)
        && quality(wishes.html) >= quality(wishes.response)
}

const EXACT: u8 = 3;

fn wishes(headers: &HeaderMap) -> Option<Wishes> {
    let mut wishes = Wishes::default();
    let mut seen = false;
    for value in headers.get_all(header::ACCEPT) {
        // A header that is no text asks for nothing we know.
        for range in value.to_str().unwrap_or("x/x").split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            seen = true;
            let quality = parts
                .find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")))
                .map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
            let mut wish = |slot: fn(&mut Wishes) -> &mut Option<(u8, f32)>, exactness: u8| {
                let slot = slot(&mut wishes);
                if slot.is_none_or(|(known, _)| known < exactness) {
                    *slot = Some((exactness, quality));
                }
            };
            if name.eq_ignore_ascii_case("application/graphql-response+json") {
                wish(|w| &mut w.response, EXACT);
            } else if name.eq_ignore_ascii_case("application/json") {
                wish(|w| &mut w.json, EXACT);
            } else if name.eq_ignore_ascii_case("text/html") {
                wish(|w| &mut w.html, EXACT);
            } else if name.eq_ignore_ascii_case("application/*") {
                wish(|w| &mut w.response, 2);
                wish(|w| &mut w.json, 2);
            } else if name == "*/*" || name == "*" {
                wish(|w| &mut w.response, 1);
                wish(|w| &mut w.json, 1);
                wish(|w| &mut w.html, 1);
            }
        }
    }
    seen.then_some(wishes)
}

/// What the body of a POST is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyType {
    /// JSON in UTF-8.
    Json,
    /// There is no `Content-Type`.
    Missing,
    /// Something else.
    Other,
}

/// Reads `Content-Type`: `application/json` with no charset or UTF-8.
pub(super) fn body_type(headers: &HeaderMap) -> BodyType {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return BodyType::Missing };
    if value == "application/json" {
        // As most write it.
        return BodyType::Json;
    }
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json")) {
        return BodyType::Other;
    }
    let utf8 = parts.all(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else { return true };
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || value.eq_ignore_ascii_case("utf-8")
            || value.eq_ignore_ascii_case("utf8")
    });
    if utf8 { BodyType::Json } else { BodyType::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, text.parse().unwrap());
        headers
    }

    #[test]
    fn the_newer_type_only_when_named() {
        let chosen = |text| choose(&accept(text));
        assert_eq!(choose(&HeaderMap::new()), Some(Media::Json));
        assert_eq!(chosen("*/*"), Some(Media::Json));
        assert_eq!(chosen("application/*"), Some(Media::Json));
        assert_eq!(chosen("application/json"), Some(Media::Json));
        assert_eq!(chosen("application/graphql-response+json"), Some(Media::Response));
        assert_eq!(chosen("application/json, application/graphql-response+json"), Some(Media::Response));
        assert_eq!(
            chosen("application/graphql-response+json; charset=utf-8, application/json; q=0.9"),
            Some(Media::Response)
        );
        assert_eq!(chosen("application/graphql-response+json;q=0.5, application/json"), Some(Media::Json));
        assert_eq!(chosen("application/json;q=0, */*"), Some(Media::Response));
        assert_eq!(chosen("text/html"), None);
        assert_eq!(chosen("application/json;q=0"), None);
    }

    #[test]
    fn browsers_want_pages_and_clients_do_not() {
        assert!(wants_page(&accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")));
        assert!(!wants_page(&accept("application/json, */*")));
        assert!(!wants_page(&accept("*/*")));
        assert!(!wants_page(&accept("application/json, text/html;q=0.5")));
    }

    #[test]
    fn only_json_in_utf8_is_a_body() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            body_type(&headers)
        };
        assert_eq!(of("application/json"), BodyType::Json);
        assert_eq!(of("Application/JSON; charset=\"UTF-8\""), BodyType::Json);
        assert_eq!(of("application/json; charset=latin1"), BodyType::Other);
        assert_eq!(of("text/plain"), BodyType::Other);
        assert_eq!(of("application/jsonp"), BodyType::Other);
        assert_eq!(body_type(&HeaderMap::new()), BodyType::Missing);
    }
}
