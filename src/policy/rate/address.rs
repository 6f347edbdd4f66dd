//! Where a request comes from: the peer of its connection, or whom proxies that are trusted say that they speak for.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};

use crate::config::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The caller's address. Proxies append the peer that they see, so the list is read from its end, over those that are trusted; what
/// stands before the first that is not was written by a stranger. A request with both headers that say different things counts
/// as its proxy's own: one of them was the caller's.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let told = |name: HeaderName, read: fn(&str) -> Option<IpAddr>| {
        let mut found = None;
        let values = headers.get_all(name).into_iter().collect::<Vec<_>>();
        let entries = values.iter().rev().flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            // What cannot be read ends what is believed.
            let Some(address) = read(entry.trim()) else { break };
            found = Some(address);
            if !is_trusted(address) {
                break;
            }
        }
        found
    };
    match (told(X_FORWARDED_FOR, address), told(header::FORWARDED, forwarded)) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => peer,
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`.
fn address(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let plain = inner.unwrap_or(text).parse().ok();
    let with_port = || text.rsplit_once(':').and_then(|(address, _)| address.parse::<std::net::Ipv4Addr>().ok());
    plain.or_else(|| with_port().map(IpAddr::V4)).map(|address: IpAddr| address.to_canonical())
}

/// The address of `for=` in an element of `Forwarded` (RFC 7239); names such as `_hidden` and `unknown` are none.
fn forwarded(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"')))?
    })
}

/// The address as a key: IPv6 by its first 64 bits, which is what one customer of a network has at least.
pub(super) fn key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        // Apart from every IPv6 network: those end in zeros.
        IpAddr::V4(address) => u128::from(address.to_bits()) | 1 << 64,
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, headers: &[(&str, &str)]) -> String {
        let trusted: Vec<Network> = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::read(text).unwrap()).into();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_go() {
        const FOR: &str = "x-forwarded-for";
        for (peer, headers, expected) in [
            ("203.0.113.5", &[(FOR, "198.51.100.1")][..], "203.0.113.5"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1")], "198.51.100.1"),
            // What the caller itself wrote stands before what the proxies saw.
            ("10.0.0.1", &[(FOR, "1.1.1.1, 198.51.100.1, 10.0.0.2")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "1.1.1.1"), (FOR, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", &[(FOR, "garbage")], "10.0.0.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1, garbage, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(FOR, "198.51.100.1:4711")], "198.51.100.1"),
            ("::ffff:10.0.0.1", &[(FOR, "[2001:db8::1]:80")], "2001:db8::1"),
            ("fd00::1", &[("forwarded", "for=198.51.100.1;proto=https, for=\"[2001:db8::2]:80\"")], "2001:db8::2"),
            ("fd00::1", &[("forwarded", "For=unknown")], "fd00::1"),
            // A proxy that writes one of them lets the caller's other one through.
            ("10.0.0.1", &[(FOR, "198.51.100.1"), ("forwarded", "for=1.1.1.1")], "10.0.0.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1"), ("forwarded", "for=198.51.100.1")], "198.51.100.1"),
        ] {
            assert_eq!(of(peer, headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn keys_are_addresses_and_networks_of_ipv6() {
        let key = |text: &str| super::key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    }
}
