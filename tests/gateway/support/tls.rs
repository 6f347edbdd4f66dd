//! A certificate authority made for one run, and a server certificate for every host of the fixtures.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
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

/// A new authority with one certificate for `hosts`.
pub fn authority(hosts: &[String]) -> Authority {
    let mut root = CertificateParams::new(Vec::new()).expect("no names are valid names");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().expect("a key");
    let root_pem = root.self_signed(&root_key).expect("a root certificate").pem();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(hosts.to_vec())
        .expect("fixture hosts are DNS names")
        .signed_by(&key, &issuer)
        .expect("a server certificate");
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
        .expect("key and certificate belong together");
    Authority { root_pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
}
