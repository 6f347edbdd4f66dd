//! Certificate authorities made for one run, and what they sign.

use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// What a stub serves with, and what its clients have to trust.
pub struct Authority {
    /// PEM text of the root certificate.
    pub root_pem: String,
    /// Speaks TLS for all hosts; offers no ALPN, so clients stay with HTTP/1.1.
    pub acceptor: TlsAcceptor,
}

/// Who signs.
pub struct Root {
    /// PEM text of its certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    /// Known to nobody yet.
    pub fn new() -> Self {
        let mut root = CertificateParams::new(Vec::new()).expect("no names are valid names");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = root.self_signed(&key).expect("a root certificate").pem();
        Self { pem, issuer: Issuer::new(root, key) }
    }

    /// A certificate for names, with its key.
    pub fn sign(&self, names: &[String]) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names.to_vec()).expect("DNS names");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    /// A certificate of one's own making, with its key, as PEM texts.
    pub fn issue(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    /// The same for one name, as PEM texts.
    pub fn sign_pem(&self, name: &str) -> (String, String) {
        let (certificate, key) = self.sign(&[name.to_owned()]);
        (certificate.pem(), key.serialize_pem())
    }
}

/// A new authority with one certificate for `hosts`.
pub fn authority(hosts: &[String]) -> Authority {
    let root = Root::new();
    let (leaf, key) = root.sign(hosts);
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
        .expect("key and certificate belong together");
    Authority { root_pem: root.pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
}
