//! Who is meant by a client certificate: the rules of a configuration.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Subject,
    certificate::{Certificate, Presented},
    fault::Fault,
};
use crate::{
    config::{CertificateClient, CertificateMatch, CertificateName, ClientCertificates, OtherCertificates},
    mapping::{Object, Value},
};

/// The rules, in order.
#[derive(Debug)]
pub(super) struct Clients {
    /// No other rules have it, so that a connection can remember what these took its certificate for.
    number: u64,
    rules: Vec<CertificateClient>,
    /// The first rule of each name that is given whole.
    whole: HashMap<(CertificateName, String), usize>,
    /// The rules with a part of a name.
    partial: Vec<usize>,
    others: OtherCertificates,
}

/// A certificate, and whom the rules take it for.
#[derive(Debug)]
pub(super) struct Certified {
    rules: u64,
    pub(super) certificate: Arc<Certificate>,
    /// `None`: nobody in particular.
    pub(super) subject: Option<Subject>,
    /// What policies and connectors see.
    pub(super) values: Object,
}

impl Clients {
    pub(super) fn new(settings: &ClientCertificates) -> Self {
        static RULES: AtomicU64 = AtomicU64::new(0);
        let (mut whole, mut partial) = (HashMap::new(), Vec::new());
        for (at, rule) in settings.clients.iter().enumerate() {
            match &rule.matches {
                CertificateMatch::Is(names) => {
                    for name in names {
                        whole.entry((rule.by, name.clone())).or_insert(at);
                    }
                }
                CertificateMatch::StartsWith(_) | CertificateMatch::EndsWith(_) => partial.push(at),
            }
        }
        let number = RULES.fetch_add(1, Ordering::Relaxed);
        Self { number, rules: settings.clients.clone(), whole, partial, others: settings.others }
    }

    /// Whom a certificate stands for. Errors: it cannot be read, its time is over, or nobody is meant and that is refused.
    pub(super) fn certified(&self, presented: &Presented, now: i64) -> Result<Arc<Certified>, Fault> {
        let certificate = presented.certificate()?;
        // It held when the connection was made.
        if now > certificate.ends {
            return Err(Fault::CertificateExpired);
        }
        if let Some(known) = presented.certified.load_full().filter(|known| known.rules == self.number) {
            return Ok(known);
        }
        let certified = Arc::new(self.judge(certificate)?);
        presented.certified.store(Some(Arc::clone(&certified)));
        Ok(certified)
    }

    fn judge(&self, certificate: &Arc<Certificate>) -> Result<Certified, Fault> {
        let subject = match (self.first(certificate), self.others) {
            (Some((rule, name)), _) => {
                let name = rule.name.as_deref().unwrap_or(name);
                Some(Subject::named(name, &rule.claims.0, rule.scopes.clone()))
            }
            (None, OtherCertificates::Anonymous) => None,
            (None, OtherCertificates::Refused) => return Err(Fault::CertificateUnknown),
            (None, OtherCertificates::Known) => {
                let name = Some(&certificate.subject).filter(|subject| !subject.is_empty());
                let name = name.unwrap_or(&certificate.sha256);
                Some(Subject::named(name, &serde_json::Map::new(), Vec::new()))
            }
        };
        let name = subject.as_ref().and_then(|subject| subject.name.as_deref());
        let values = values(certificate, name);
        Ok(Certified { rules: self.number, certificate: Arc::clone(certificate), subject, values })
    }

    /// The first rule that means a certificate, and the name by which it does.
    fn first<'c>(&self, certificate: &'c Certificate) -> Option<(&CertificateClient, &'c str)> {
        let whole = CertificateName::ALL.iter().flat_map(|(_, kind)| {
            let names = certificate.names(*kind).into_iter();
            names.filter_map(|name| Some((*self.whole.get(&(*kind, name.to_owned()))?, name)))
        });
        let partial = self.partial.iter().find_map(|at| {
            let rule = &self.rules[*at];
            let is_meant = |name: &&str| match &rule.matches {
                CertificateMatch::Is(_) => false,
                CertificateMatch::StartsWith(start) => name.starts_with(start.as_str()),
                CertificateMatch::EndsWith(end) => name.ends_with(end.as_str()),
            };
            Some((*at, certificate.names(rule.by).into_iter().find(is_meant)?))
        });
        let (at, name) = whole.chain(partial).min_by_key(|(at, _)| *at)?;
        Some((&self.rules[at], name))
    }
}

/// A certificate as `certificate` of policies, and of `$context`. The names are those of [`crate::config::CERTIFICATE_VALUES`].
fn values(certificate: &Certificate, name: Option<&str>) -> Object {
    let text = |text: &str| Value::String(text.to_owned());
    let maybe = |given: Option<&str>| given.map_or(Value::Null, text);
    let list = |names: &[String]| Value::Array(names.iter().map(|name| text(name)).collect());
    Object::from_iter([
        ("name", maybe(name)),
        ("subject", text(&certificate.subject)),
        ("common_name", maybe(certificate.common_name.as_deref())),
        ("uris", list(&certificate.uris)),
        ("dns", list(&certificate.dns)),
        ("emails", list(&certificate.emails)),
        ("issuer", text(&certificate.issuer)),
        ("serial", text(&certificate.serial)),
        ("sha256", text(&certificate.sha256)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CERTIFICATE_VALUES, Hidden};

    fn certificate() -> Arc<Certificate> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Arc::new(Certificate {
            subject: "CN=billing,OU=shop,O=Acme".to_owned(),
            common_name: Some("billing".to_owned()),
            dns: texts(&["b.shop.example", "billing.shop.example"]),
            uris: texts(&["spiffe://acme.example/ns/shop/billing"]),
            emails: Vec::new(),
            issuer: "CN=ca".to_owned(),
            serial: "01".to_owned(),
            hash: [7; 32],
            sha256: "07".repeat(32),
            ends: 1000,
        })
    }

    /// Whom rules take the certificate for: each says by which name, how it is matched, and its own name.
    fn who(rules: &[(CertificateName, CertificateMatch, Option<&str>)]) -> Option<String> {
        let client = |(by, matches, name): &(CertificateName, CertificateMatch, Option<&str>)| CertificateClient {
            by: *by,
            matches: matches.clone(),
            name: name.map(str::to_owned),
            scopes: Vec::new(),
            claims: Hidden(serde_json::Map::new()),
        };
        let others = OtherCertificates::Anonymous;
        let clients =
            Clients::new(&ClientCertificates { clients: rules.iter().map(client).collect(), others, forwarded: false });
        let found = clients.judge(&certificate()).expect("none is refused");
        Some(found.subject?.name.expect("a name").to_string())
    }

    #[test]
    fn the_first_rule_that_fits_says_who_it_is() {
        use CertificateMatch::{EndsWith, Is, StartsWith};
        use CertificateName::{CommonName, Dns, Email, Sha256, Subject, Uri};
        let is = |name: &str| Is(vec!["other".to_owned(), name.to_owned()]);
        let starts = |text: &str| StartsWith(text.to_owned());
        let ends = |text: &str| EndsWith(text.to_owned());
        let uri = "spiffe://acme.example/ns/shop/billing";
        assert_eq!(who(&[]), None);
        assert_eq!(who(&[(Uri, is(uri), Some("a"))]).as_deref(), Some("a"));
        assert_eq!(who(&[(Uri, is(uri), None)]).as_deref(), Some(uri));
        assert_eq!(who(&[(Uri, starts("spiffe://acme.example/ns/shop/"), None)]).as_deref(), Some(uri));
        assert_eq!(who(&[(Uri, starts("spiffe://acme.example/ns/other/"), None)]), None);
        assert_eq!(who(&[(Dns, ends(".shop.example"), None)]).as_deref(), Some("b.shop.example"));
        assert_eq!(who(&[(Dns, is("billing.shop.example"), None)]).as_deref(), Some("billing.shop.example"));
        assert_eq!(who(&[(Subject, ends(",O=Acme"), Some("acme"))]).as_deref(), Some("acme"));
        assert_eq!(who(&[(Sha256, is(&"07".repeat(32)), Some("one"))]).as_deref(), Some("one"));
        // A name counts as what it is, not as what it looks like.
        for wrong in [CommonName, Dns, Email, Subject] {
            assert_eq!(who(&[(wrong, is(uri), Some("a"))]), None);
        }
        // The order of the list, whether names are whole or parts.
        let whole = (CommonName, is("billing"), Some("whole"));
        let part = (Dns, ends(".example"), Some("part"));
        assert_eq!(who(&[whole.clone(), part.clone()]).as_deref(), Some("whole"));
        assert_eq!(who(&[part, whole]).as_deref(), Some("part"));
    }

    #[test]
    fn who_is_not_named_is_nobody_or_refused_or_known_by_the_subject() {
        let judge = |others| {
            Clients::new(&ClientCertificates { clients: Vec::new(), others, forwarded: false }).judge(&certificate())
        };
        assert!(judge(OtherCertificates::Anonymous).unwrap().subject.is_none());
        assert_eq!(judge(OtherCertificates::Refused).unwrap_err(), Fault::CertificateUnknown);
        let known = judge(OtherCertificates::Known).unwrap();
        assert_eq!(known.subject.unwrap().name.as_deref(), Some("CN=billing,OU=shop,O=Acme"));
        let names: Vec<&str> = known.values.keys().map(crate::mapping::Name::as_str).collect();
        assert_eq!(names, CERTIFICATE_VALUES);
    }
}
