//! HTTPS: the listener's certificate, read again when its files change, and certificates of clients.
//!
//! TLS 1.2 and 1.3 (RFC 8446), HTTP/2 and HTTP/1.1 by ALPN (RFC 7301). No session is kept here for resumption beyond what rustls does by default.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    config,
    telemetry::audit::{self, Action},
};

/// How often the files are looked at: who renews certificates does so days before they end.
const LOOK: Duration = Duration::from_secs(10);

/// What connections are encrypted with.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

/// The certificate that is shown now, and the files that it was read from.
#[derive(Debug)]
struct Current {
    files: config::Tls,
    provider: Arc<CryptoProvider>,
    read: ArcSwap<Read>,
}

/// What was in the files, and what it made.
#[derive(Debug)]
struct Read {
    cert: Vec<u8>,
    key: Vec<u8>,
    certified: Arc<CertifiedKey>,
}

impl Tls {
    /// Reads the files. Errors: which of them and why, nothing of what is in a key.
    pub(super) fn new(files: &config::Tls) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let read = ArcSwap::from_pointee(Read::from_files(files, &provider)?);
        let current = Arc::new(Current { files: files.clone(), provider: Arc::clone(&provider), read });
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| format!("`{}`: {error}", path.display()))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Looks at the files now and then until `stop`. What is wrong with new ones goes to the log, and the old certificate stays.
    pub(super) async fn watch(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            self.renew().await;
        }
    }

    /// Reads the files again where they changed.
    pub(super) async fn renew(&self) {
        let current = Arc::clone(&self.current);
        // Files may lie on a slow disk.
        tokio::task::spawn_blocking(move || current.look()).await.ok();
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls").field("files", &self.current.files).finish_non_exhaustive()
    }
}

impl Current {
    fn look(&self) {
        let old = self.read.load();
        let is_same = |path: &Path, known: &[u8]| std::fs::read(path).is_ok_and(|found| found == known);
        if is_same(&self.files.cert, &old.cert) && is_same(&self.files.key, &old.key) {
            return;
        }
        let cert = self.files.cert.display().to_string();
        match Read::from_files(&self.files, &self.provider) {
            Ok(read) => {
                self.read.store(Arc::new(read));
                tracing::info!(cert, "the certificate was renewed");
                audit::acted(Action::Certificate, "a changed file", &cert, Ok(()));
            }
            // Half of a renewal perhaps: it is looked at again.
            Err(reason) => {
                tracing::warn!(reason, "the new certificate cannot be used; the old one stays");
                audit::acted(Action::Certificate, "a changed file", &cert, Err(&reason));
            }
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.read.load().certified))
    }
}

impl Read {
    fn from_files(files: &config::Tls, provider: &CryptoProvider) -> Result<Self, String> {
        let config::Tls { cert, key, .. } = files;
        let read = Self::bytes(cert).and_then(|cert| Ok((cert, Self::bytes(key)?)));
        let (cert_bytes, key_bytes) = read?;
        let chain = CertificateDer::pem_slice_iter(&cert_bytes).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| format!("`{}` holds no PEM certificate", cert.display()))?;
        let private = PrivateKeyDer::from_pem_slice(&key_bytes)
            .map_err(|_| format!("`{}` holds no PEM private key", key.display()))?;
        let certified = CertifiedKey::from_der(chain, private, provider)
            .map_err(|error| format!("`{}` and `{}` do not go together: {error}", cert.display(), key.display()))?;
        Ok(Self { cert: cert_bytes, key: key_bytes, certified: Arc::new(certified) })
    }

    fn bytes(path: &PathBuf) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error: io::Error| format!("`{}`: {error}", path.display()))
    }
}

/// The authorities whose clients are let in.
fn roots(path: &PathBuf) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let bytes = Read::bytes(path)?;
    for certificate in CertificateDer::pem_slice_iter(&bytes).flatten() {
        roots.add(certificate).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    if roots.is_empty() {
        return Err(format!("`{}` holds no PEM certificate", path.display()));
    }
    Ok(roots)
}
