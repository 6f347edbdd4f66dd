//! The certificate of a caller whose connection ends at a proxy in front, which has verified it and says so.
//!
//! Source: RFC 9440: `Client-Cert` is one byte sequence (RFC 8941, 3.3.5), the certificate in DER.

use std::{net::IpAddr, sync::Arc};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

use super::{cache::Known, certificate::Presented, fault::Fault};
use crate::config::Network;

/// What proxies say it in.
pub(super) const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// Padding may be missing and spare bits need not be zero. Source: RFC 8941, 4.2.7.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whom to believe what it says of its caller's certificate.
#[derive(Debug)]
pub(super) struct Forwarded {
    proxies: Vec<Network>,
    read: Known<Arc<Presented>>,
}

/// Where a request's certificate is to be looked for.
#[derive(Debug)]
pub(super) enum Told {
    /// On its connection: whoever is at the other end speaks for itself, whatever its headers say.
    Connection,
    /// The proxy at the other end speaks for this one, or for somebody without. Its own certificate, if it has one, is not its caller's.
    Caller(Option<Arc<Presented>>),
}

impl Forwarded {
    /// By these proxies, and nobody else.
    pub(super) fn new(proxies: &[Network]) -> Self {
        Self { proxies: proxies.to_vec(), read: Known::new() }
    }

    /// What a request from this peer says. Errors: a proxy says something that is no certificate, or more than one.
    pub(super) fn told(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Told, Fault> {
        let is_proxy = |peer: IpAddr| self.proxies.iter().any(|network| network.contains(peer.to_canonical()));
        if !peer.is_some_and(is_proxy) {
            return Ok(Told::Connection);
        }
        let mut values = headers.get_all(CLIENT_CERT).into_iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Ok(Told::Caller(None)),
            (Some(value), None) => value.as_bytes().trim_ascii(),
            (Some(_), Some(_)) => return Err(Fault::Forwarded),
        };
        let hash: [u8; 32] = Sha256::digest(value).into();
        if let Some(known) = self.read.get(&hash) {
            return Ok(Told::Caller(Some(known)));
        }
        let text = value.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b":")).ok_or(Fault::Forwarded)?;
        let der = BASE64.decode(text).map_err(|_| Fault::Forwarded)?;
        let size = der.len();
        let presented = Arc::new(Presented::new(der));
        // What cannot be read is not worth a place.
        presented.certificate()?;
        self.read.insert(hash, Arc::clone(&presented), size);
        Ok(Told::Caller(Some(presented)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: Option<&str>, values: &[&str]) -> String {
        let forwarded = Forwarded::new(&["10.0.0.0/8", "fd00::/8"].map(|text| Network::read(text).unwrap()));
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CLIENT_CERT, value.parse().unwrap());
        }
        match forwarded.told(&headers, peer.map(|peer| peer.parse().unwrap())) {
            Ok(Told::Connection) => "connection".to_owned(),
            Ok(Told::Caller(None)) => "nobody".to_owned(),
            Ok(Told::Caller(Some(_))) => "somebody".to_owned(),
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn only_proxies_are_believed() {
        let good = format!(":{}:", BASE64.encode(certificate()));
        for (peer, values, expected) in [
            (Some("10.1.2.3"), vec![good.as_str()], "somebody"),
            (Some("::ffff:10.1.2.3"), vec![good.as_str()], "somebody"),
            (Some("fd00::1"), vec![good.as_str()], "somebody"),
            (Some("10.1.2.3"), vec![], "nobody"),
            (Some("192.0.2.1"), vec![good.as_str()], "connection"),
            (Some("192.0.2.1"), vec![], "connection"),
            (None, vec![good.as_str()], "connection"),
        ] {
            assert_eq!(told(peer, &values), expected, "{peer:?}");
        }
    }

    #[test]
    fn what_a_proxy_says_is_one_certificate_in_its_form() {
        let text = BASE64.encode(certificate());
        let (good, bare) = (format!(":{text}:"), format!(":{}:", text.trim_end_matches('=')));
        let proxy = |values: &[&str]| told(Some("10.1.2.3"), values);
        assert_eq!([proxy(&[&format!(" {good}\t")]), proxy(&[&bare])], ["somebody", "somebody"]);
        for values in [
            vec![good.as_str(), good.as_str()],
            vec![&text],
            vec![""],
            vec![":"],
            vec![":%%:"],
            vec![&good[1..]],
            vec![&format!("{good}, {good}")],
            vec![&format!("{good};a=1")],
            vec!["-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----"],
        ] {
            assert_eq!(proxy(&values), "Forwarded", "{values:?}");
        }
        for values in [vec!["::"], vec![":aGVsbG8=:"], vec![&good[..=good.len() / 2]]] {
            assert_ne!(proxy(&values), "somebody", "{values:?}");
        }
    }

    fn certificate() -> Vec<u8> {
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }
}
