//! A stored reply as bytes, for other gateways.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    clock::Now,
    directives::Directives,
    entry::{Entry, markers},
    terms::Terms,
};
use crate::upstream::{Call, Lifetimes};

/// The first byte. Another form gets another number, so that gateways of two versions can share a Redis.
const FORM: u8 = 1;
/// Stands for no lifetime.
const NONE: u64 = u64::MAX;
/// Most headers of a reply.
const HEADERS_MAX: u16 = 1024;

/// Status, age, lifetime, cost, origin, headers, body.
pub(super) fn encode(entry: &Entry, now: Now) -> Bytes {
    let mut bytes = BytesMut::with_capacity(entry.weight());
    bytes.put_u8(FORM);
    bytes.put_u16_le(entry.status);
    bytes.put_u64_le(milliseconds(entry.terms.age(now)));
    bytes.put_u64_le(entry.terms.lifetime.map_or(NONE, milliseconds));
    bytes.put_u64_le(milliseconds(entry.cost));
    bytes.put_u64_le(entry.origin);
    bytes.put_u16_le(u16::try_from(entry.headers.len()).unwrap_or(u16::MAX));
    for (name, value) in &*entry.headers {
        field(&mut bytes, name.as_str().as_bytes());
        field(&mut bytes, value.as_bytes());
    }
    bytes.put_slice(&entry.body);
    bytes.freeze()
}

/// A reply to a call that lay elsewhere for some time. `None`: these bytes are none of ours.
pub(super) fn decode(
    mut bytes: Bytes,
    lain: Duration,
    call: &Call,
    defaults: Lifetimes,
    now: Now,
    serial: u64,
) -> Option<Entry> {
    if bytes.try_get_u8().ok()? != FORM {
        return None;
    }
    let status = bytes.try_get_u16_le().ok().filter(|status| (100..600).contains(status))?;
    let age = Duration::from_millis(bytes.try_get_u64_le().ok()?).checked_add(lain)?;
    let lifetime = bytes.try_get_u64_le().ok()?;
    let cost = Duration::from_millis(bytes.try_get_u64_le().ok()?);
    let origin = bytes.try_get_u64_le().ok()?;
    let mut headers = HeaderMap::new();
    for _ in 0..bytes.try_get_u16_le().ok().filter(|count| *count <= HEADERS_MAX)? {
        let name = HeaderName::from_bytes(&take(&mut bytes)?).ok()?;
        headers.append(name, HeaderValue::from_maybe_shared(take(&mut bytes)?).ok()?);
    }
    let told = Directives::of_reply(&headers);
    let lifetime = (lifetime != NONE).then(|| Duration::from_millis(lifetime));
    let terms = Terms::read(&headers, &told, defaults, now, now).resumed(lifetime, age);
    let markers = markers(call, &headers);
    let headers = Arc::new(headers);
    Some(Entry { version: serial, serial, status, headers, body: bytes, terms, markers, cost, origin })
}

fn field(bytes: &mut BytesMut, text: &[u8]) {
    bytes.put_u32_le(u32::try_from(text.len()).unwrap_or(u32::MAX));
    bytes.put_slice(text);
}

fn take(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(bytes.try_get_u32_le().ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NONE - 1)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::upstream::{
        Freshness, Reply, Served,
        cache::{Clock, memory::Marker},
    };

    fn call() -> Call {
        Call::new(Method::GET, "http://a/x")
    }

    fn defaults() -> Lifetimes {
        Lifetimes { ttl: Some(Duration::from_secs(7)), ..Lifetimes::default() }
    }

    fn entry(clock: &Clock, lines: &[(&str, &str)], body: &str) -> Entry {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let told = Directives::of_reply(&headers);
        let terms = Terms::read(&headers, &told, defaults(), clock.now(), clock.now());
        let (body, freshness) = (Bytes::copy_from_slice(body.as_bytes()), Freshness::default());
        let (headers, served) = (Arc::new(headers), Served::Fresh);
        let reply = Reply { status: 203, headers, body, freshness, served, stored: None, ended: None };
        Entry { cost: Duration::from_millis(40), ..Entry::new(&call(), &reply, &told, terms, 1) }
    }

    #[test]
    fn a_reply_comes_back_as_it_was_but_older() {
        let clock = Clock::by_hand();
        for lines in [
            &[("cache-control", "max-age=60"), ("age", "5"), ("x", "1"), ("x", "2"), ("cache-tag", "t")][..],
            &[("cache-control", "no-cache"), ("etag", "\"a\"")][..],
            &[][..],
        ] {
            let entry = entry(&clock, lines, "{\"a\":1}");
            clock.advance(Duration::from_secs(2));
            let bytes = encode(&entry, clock.now());
            // Another gateway with another clock.
            let other = Clock::by_hand();
            let back = decode(bytes, Duration::from_secs(3), &call(), defaults(), other.now(), 9).unwrap();
            assert_eq!(back.terms.age(other.now()), entry.terms.age(clock.now()) + Duration::from_secs(3));
            assert_eq!(back.terms.lifetime, entry.terms.lifetime);
            assert_eq!((back.status, &back.headers, &back.body), (203, &entry.headers, &entry.body));
            assert_eq!((&back.markers, back.cost, back.origin), (&entry.markers, entry.cost, entry.origin));
            assert_eq!((back.version, back.serial), (9, 9));
        }
    }

    #[test]
    fn what_is_cut_is_none_of_ours() {
        let clock = Clock::by_hand();
        let whole = encode(&entry(&clock, &[("cache-control", "max-age=60"), ("cache-tag", "t")], ""), clock.now());
        let read =
            |bytes: &[u8]| decode(Bytes::copy_from_slice(bytes), Duration::ZERO, &call(), defaults(), clock.now(), 1);
        assert!(read(&whole).is_some_and(|entry| entry.markers.contains(&Marker::of_tag("t"))));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_none(), "{end} of {} bytes", whole.len());
        }
        for at in 0..whole.len() {
            let mut wrong = whole.to_vec();
            wrong[at] ^= 0xff;
            // Whatever it makes of it, it does not fail.
            read(&wrong);
        }
    }
}
