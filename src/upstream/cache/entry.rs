//! A stored reply: what is kept of it, how it is validated and renewed (RFC 9111, 3.1, 3.2 and 4.3).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::{
    clock::Now,
    directives::Directives,
    memory::Marker,
    terms::{Terms, has_validator},
};
use crate::upstream::{Call, Fingerprint, Reply, Served, Stored};

/// What belongs to a connection and not to the reply.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// What describes the stored body, which a 304 does not replace.
const OF_THE_BODY: [HeaderName; 4] =
    [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_TYPE, header::CONTENT_RANGE];
/// What changes with every validation and says nothing of the content.
const OF_THE_EXCHANGE: [HeaderName; 5] =
    [header::DATE, header::AGE, header::EXPIRES, header::CACHE_CONTROL, header::ETAG];
/// Bytes that an entry takes beside body and headers, roughly.
const OVERHEAD: usize = 512;
/// Most tags of a reply that are looked at.
const TAGS_MAX: usize = 128;

/// A stored reply.
#[derive(Debug)]
pub(super) struct Entry {
    /// Changes with the content, and stays when a validation found it unchanged.
    pub(super) version: u64,
    /// Changes with every storing.
    pub(super) serial: u64,
    pub(super) status: u16,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) body: Bytes,
    pub(super) terms: Terms,
    /// By what it is found for invalidation: its URL, its tags.
    pub(super) markers: Box<[Marker]>,
    /// How long it took to get, where others may ask for it early; else zero.
    pub(super) cost: Duration,
    /// The storing that it stems from, in whichever gateway: random.
    pub(super) origin: u64,
}

impl Entry {
    /// Of a reply to a call. The body is copied: the received one may be a small part of a large buffer.
    pub(super) fn new(call: &Call, reply: &Reply, told: &Directives, terms: Terms, serial: u64) -> Self {
        let headers = kept(&reply.headers, told);
        let markers = markers(call, &headers);
        let body = Bytes::copy_from_slice(&reply.body);
        Self {
            version: serial,
            serial,
            status: reply.status,
            headers: Arc::new(headers),
            body,
            terms,
            markers,
            cost: Duration::ZERO,
            origin: fastrand::u64(..),
        }
    }

    /// As a reply, now.
    pub(super) fn reply(&self, fingerprint: Fingerprint, served: Served, now: Now) -> Reply {
        Reply {
            status: self.status,
            headers: Arc::clone(&self.headers),
            body: self.body.clone(),
            freshness: self.terms.freshness(now),
            served,
            stored: Some(Stored { fingerprint, version: self.version }),
            ended: None,
        }
    }

    /// The call that asks if this still holds; `None`: it has nothing to ask by.
    pub(super) fn conditional(&self, call: &Call) -> Option<Call> {
        if !has_validator(&self.headers) {
            return None;
        }
        let mut call = call.clone();
        for (from, to) in [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)] {
            if let Some(value) = self.headers.get(from) {
                call.headers.insert(to, value.clone());
            }
        }
        Some(call)
    }

    /// Whether a 304 is about this reply (RFC 9111, 4.3.4). One without validators is: we asked by no other.
    pub(super) fn is_meant(&self, not_modified: &HeaderMap) -> bool {
        match (not_modified.get(header::ETAG), not_modified.get(header::LAST_MODIFIED)) {
            (Some(tag), _) => self.headers.get(header::ETAG).is_some_and(|own| opaque(own) == opaque(tag)),
            (None, Some(date)) => self.headers.get(header::LAST_MODIFIED).is_none_or(|own| own == date),
            (None, None) => true,
        }
    }

    /// Its headers with those of a 304 (RFC 9111, 3.2).
    pub(super) fn renewed_headers(&self, not_modified: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::clone(&self.headers);
        for name in not_modified.keys().filter(|name| !OF_THE_BODY.contains(name)) {
            headers.remove(name);
            for value in not_modified.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        // An age that the 304 does not repeat is that of the exchange before.
        if !not_modified.contains_key(header::AGE) {
            headers.remove(header::AGE);
        }
        headers
    }

    /// Itself after a validation.
    pub(super) fn renewed(
        &self,
        call: &Call,
        headers: &HeaderMap,
        told: &Directives,
        terms: Terms,
        serial: u64,
    ) -> Self {
        let headers = kept(headers, told);
        let is_same = content_of(&headers) == content_of(&self.headers);
        Self {
            version: if is_same { self.version } else { serial },
            serial,
            status: self.status,
            markers: markers(call, &headers),
            headers: Arc::new(headers),
            body: self.body.clone(),
            terms,
            cost: Duration::ZERO,
            origin: fastrand::u64(..),
        }
    }

    /// Bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        OVERHEAD + self.body.len() + headers + self.markers.len() * 96
    }
}

/// The headers that may be stored.
fn kept(headers: &HeaderMap, told: &Directives) -> HeaderMap {
    let mut kept = headers.clone();
    for value in headers.get_all(header::CONNECTION) {
        for name in value.to_str().unwrap_or_default().split(',') {
            kept.remove(name.trim());
        }
    }
    for name in HOP_BY_HOP.iter().chain(&told.withheld) {
        kept.remove(name);
    }
    kept
}

/// Everything but what changes with each exchange, for comparison.
fn content_of(headers: &HeaderMap) -> HeaderMap {
    let mut content = headers.clone();
    for name in &OF_THE_EXCHANGE {
        content.remove(name);
    }
    content
}

/// An entity tag without its mark of weakness.
fn opaque(tag: &HeaderValue) -> &[u8] {
    let text = tag.as_bytes().trim_ascii();
    text.strip_prefix(b"W/").unwrap_or(text)
}

/// By what a reply to a call is found for invalidation.
pub(super) fn markers(call: &Call, headers: &HeaderMap) -> Box<[Marker]> {
    let url = Url::parse(&call.url).ok().map(|url| Marker::of_url(&url));
    let own = call.caching.iter().flat_map(|caching| &caching.tags).map(|tag| Marker::of_tag(tag));
    url.into_iter()
        .chain(own.take(TAGS_MAX))
        .chain(tags(headers).take(TAGS_MAX).map(|tag| Marker::of_tag(&tag)))
        .collect()
}

/// The tags of a reply: `Cache-Tag` separates them by commas, `Surrogate-Key` by blanks.
fn tags(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let of = |name: &'static str, is_end: fn(char) -> bool| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(move |text| text.split(is_end)).map(str::trim).filter(|tag| !tag.is_empty())
    };
    let by_comma = of("cache-tag", |char| char == ',');
    by_comma.chain(of("surrogate-key", |char| char == ' ' || char == '\t')).map(str::to_owned)
}
