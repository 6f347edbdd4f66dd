//! The certificate that the other end of a connection was verified by, and what it says of whom it is for.
//!
//! TLS has verified it (`server`); here its names are read. Source: RFC 5280, 4.1 and 4.2.1.6.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate as Parsed,
    attr::AttributeTypeAndValue,
    der::{Decode as _, Tag, Tagged as _, oid::db::rfc4519},
    ext::pkix::{SubjectAltName, name::GeneralName},
    name::Name,
};

use super::{clients::Certified, fault::Fault};
use crate::config::CertificateName;

/// Most bytes of one name. Source: RFC 5280, Appendix A, bounds what a distinguished name holds far below.
const NAME_MAX: usize = 1024;
/// Most names of one certificate.
const NAMES_MAX: usize = 100;

/// A certificate as it was shown on a connection. It is read once, when first somebody wants to know.
#[derive(Debug)]
pub struct Presented {
    der: Vec<u8>,
    read: OnceLock<Result<Arc<Certificate>, Fault>>,
    /// What the rules that were asked last took it for.
    pub(super) certified: ArcSwapOption<Certified>,
}

impl Presented {
    /// One that was verified; in DER.
    pub fn new(der: Vec<u8>) -> Self {
        Self { der, read: OnceLock::new(), certified: ArcSwapOption::empty() }
    }

    /// What it says. Errors: it cannot be read, or has a name that nobody should be known by.
    pub(super) fn certificate(&self) -> Result<&Arc<Certificate>, Fault> {
        self.read.get_or_init(|| Certificate::read(&self.der).map(Arc::new)).as_ref().map_err(|fault| *fault)
    }
}

/// What a certificate says.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The subject as a whole, as RFC 4514 writes it; empty where it has none.
    pub(super) subject: String,
    /// Its `CN`. `None`: there is none, or more than one.
    pub(super) common_name: Option<String>,
    /// Names of hosts, in lower case.
    pub(super) dns: Vec<String>,
    /// Such as SPIFFE ids.
    pub(super) uris: Vec<String>,
    pub(super) emails: Vec<String>,
    /// Who signed it, as RFC 4514 writes it.
    pub(super) issuer: String,
    /// In hexadecimal digits.
    pub(super) serial: String,
    /// SHA-256 of the whole, and the same in hexadecimal digits.
    pub(super) hash: [u8; 32],
    pub(super) sha256: String,
    /// Until when it holds, in seconds since 1970.
    pub(super) ends: i64,
}

impl Certificate {
    fn read(der: &[u8]) -> Result<Self, Fault> {
        let unreadable = |_| Fault::CertificateUnreadable;
        let parsed = Parsed::from_der(der).map_err(unreadable)?;
        let body = parsed.tbs_certificate();
        let hash: [u8; 32] = Sha256::digest(der).into();
        let ends = body.validity().not_after.to_unix_duration().as_secs();
        let mut certificate = Self {
            subject: distinguished(body.subject())?,
            common_name: common_name(body.subject()),
            dns: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            issuer: distinguished(body.issuer())?,
            serial: HEXLOWER.encode(body.serial_number().as_bytes()),
            hash,
            sha256: HEXLOWER.encode(&hash),
            ends: i64::try_from(ends).unwrap_or(i64::MAX),
        };
        let Some((_, names)) = body.get_extension::<SubjectAltName>().map_err(unreadable)? else {
            return Ok(certificate);
        };
        if names.0.len() > NAMES_MAX {
            return Err(Fault::CertificateName);
        }
        for name in &names.0 {
            match name {
                GeneralName::DnsName(name) => certificate.dns.push(plain(name.as_str())?.to_ascii_lowercase()),
                GeneralName::UniformResourceIdentifier(name) => certificate.uris.push(plain(name.as_str())?.to_owned()),
                GeneralName::Rfc822Name(name) => certificate.emails.push(plain(name.as_str())?.to_owned()),
                // Nobody is known by these.
                GeneralName::OtherName(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EdiPartyName(_)
                | GeneralName::IpAddress(_)
                | GeneralName::RegisteredId(_) => {}
            }
        }
        Ok(certificate)
    }

    /// Its names of a kind.
    pub(super) fn names(&self, kind: CertificateName) -> Vec<&str> {
        fn all(names: &[String]) -> Vec<&str> {
            names.iter().map(String::as_str).collect()
        }
        match kind {
            CertificateName::Uri => all(&self.uris),
            CertificateName::Dns => all(&self.dns),
            CertificateName::Email => all(&self.emails),
            CertificateName::CommonName => self.common_name.as_deref().into_iter().collect(),
            CertificateName::Subject => Some(&*self.subject).filter(|name| !name.is_empty()).into_iter().collect(),
            CertificateName::Sha256 => vec![&self.sha256],
        }
    }
}

/// A name as RFC 4514 writes it. Errors: something in it that no name should have.
fn distinguished(name: &Name) -> Result<String, Fault> {
    if name.iter().count() > NAMES_MAX {
        return Err(Fault::CertificateName);
    }
    for text in name.iter().filter_map(text) {
        plain(text)?;
    }
    // What is no text of UTF-8 stands there in hexadecimal digits.
    let written = name.to_string();
    if written.len() > 2 * NAME_MAX { Err(Fault::CertificateName) } else { Ok(written) }
}

/// Of several nobody knows which one is meant.
fn common_name(subject: &Name) -> Option<String> {
    let mut names = subject.iter().filter(|part| part.oid == rfc4519::COMMON_NAME);
    let name = names.next().filter(|_| names.next().is_none())?;
    text(name).map(str::to_owned)
}

/// The text of a part of a name, where it is in UTF-8.
fn text(part: &AttributeTypeAndValue) -> Option<&str> {
    match part.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString => {
            std::str::from_utf8(part.value.value()).ok()
        }
        _ => None,
    }
}

/// A name that can stand in rules and logs as it is: `bank.example\0.evil.example` is for nobody to be known by.
fn plain(name: &str) -> Result<&str, Fault> {
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(is_hidden) {
        return Err(Fault::CertificateName);
    }
    Ok(name)
}

/// What cannot be seen, or changes the order in which the rest is seen. Source: Unicode, `Cc`, and of `Cf` what text in one line can have.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair, SanType,
    };

    use super::*;

    fn made(parts: Vec<(DnType, DnValue)>, names: Vec<SanType>) -> Result<Certificate, Fault> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind, value);
        }
        params.subject_alt_names = names;
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(root, KeyPair::generate().unwrap());
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        Certificate::read(certificate.der())
    }

    fn of_common_name(name: &str) -> Result<Certificate, Fault> {
        made(vec![(DnType::CommonName, name.into())], Vec::new())
    }

    #[test]
    fn all_that_it_says_is_read() {
        let names = vec![
            SanType::DnsName("Billing.Example".try_into().unwrap()),
            SanType::URI("spiffe://acme.example/billing".try_into().unwrap()),
            SanType::Rfc822Name("billing@acme.example".try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::DnsName("b.example".try_into().unwrap()),
        ];
        let subject =
            [(DnType::CountryName, "DE"), (DnType::OrganizationName, "Acme, Inc."), (DnType::CommonName, "billing")];
        let found = made(subject.map(|(kind, value)| (kind, value.into())).into(), names).unwrap();
        assert_eq!(found.subject, r"CN=billing,O=Acme\, Inc.,C=DE");
        assert_eq!(found.common_name.as_deref(), Some("billing"));
        assert_eq!(found.issuer, "CN=rcgen self signed cert");
        assert_eq!(found.names(CertificateName::Dns), ["billing.example", "b.example"]);
        assert_eq!(found.names(CertificateName::Uri), ["spiffe://acme.example/billing"]);
        assert_eq!(found.names(CertificateName::Email), ["billing@acme.example"]);
        assert_eq!(found.sha256, HEXLOWER.encode(&found.hash));
        assert!(!found.serial.is_empty() && found.ends > 2_000_000_000, "{found:?}");
    }

    #[test]
    fn nobody_is_known_by_a_name_that_hides_something() {
        let long = "x".repeat(NAME_MAX + 1);
        for name in ["bank\0.evil", "a\r\nb", "a\u{1b}[31mb", "\u{85}", "a\u{202e}b", "a\u{200b}", "", &long] {
            assert_eq!(of_common_name(name).map(|it| it.subject), Err(Fault::CertificateName), "{name:?}");
        }
        for name in ["bank.example\0.evil.example", "a\nb", "", &long] {
            let names: [fn(&str) -> SanType; 3] = [
                |name| SanType::DnsName(name.try_into().unwrap()),
                |name| SanType::URI(name.try_into().unwrap()),
                |name| SanType::Rfc822Name(name.try_into().unwrap()),
            ];
            for of in names {
                let found = made(Vec::new(), vec![of(name)]).map(|it| it.sha256);
                assert_eq!(found, Err(Fault::CertificateName), "{name:?}");
            }
        }
        let many = |count: usize| {
            let name = |number: usize| SanType::DnsName(format!("n{number}.example").try_into().unwrap());
            made(Vec::new(), (0..count).map(name).collect()).map(|it| it.dns.len())
        };
        assert_eq!([many(NAMES_MAX), many(NAMES_MAX + 1)], [Ok(NAMES_MAX), Err(Fault::CertificateName)]);
        assert_eq!(of_common_name(&long[..NAME_MAX]).map(|it| it.subject.len()), Ok(NAME_MAX + 3));
    }

    #[test]
    fn what_is_special_in_a_distinguished_name_is_escaped() {
        let subject = |name: &str| of_common_name(name).map(|it| it.subject);
        assert_eq!(subject("a,O=Acme").as_deref(), Ok(r"CN=a\,O=Acme"));
        assert_eq!(subject("a+b;c<d>\"e\"\\").as_deref(), Ok(r#"CN=a\+b\;c\<d\>\"e\"\\"#));
        assert_eq!(subject("# ü ").as_deref(), Ok("CN=\\# ü\\ "));
        let several = vec![(DnType::CommonName, "a".into()), (DnType::CustomDnType(vec![2, 5, 4, 3]), "b".into())];
        let found = made(several, Vec::new()).unwrap();
        assert_eq!((found.subject.as_str(), found.common_name), ("CN=b,CN=a", None), "nobody knows which one is meant");
        let wide = rcgen::string::BmpString::try_from("bülling").unwrap();
        let found = made(vec![(DnType::CommonName, DnValue::BmpString(wide))], Vec::new()).unwrap();
        assert!(found.subject.starts_with("2.5.4.3=#1e0e0062") && found.common_name.is_none(), "{found:?}");
    }

    #[test]
    fn what_is_no_certificate_is_unreadable() {
        for der in [&b""[..], b"\x30\x00", b"\x30\x84\xff\xff\xff\xff", &[0x30; 5000]] {
            assert_eq!(Certificate::read(der).map(|it| it.subject), Err(Fault::CertificateUnreadable));
        }
    }
}
