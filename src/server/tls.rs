//! HTTPS: the listener's certificate and the authorities of its clients, read again when their files change.
//!
//! TLS 1.2 and 1.3 (RFC 8446), HTTP/2 and HTTP/1.1 by ALPN (RFC 7301). Sessions are kept for resumption, but
//! not where clients show certificates. Not here: whom those stand for (`policy`).

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
    server::{NoServerSessionStorage, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, ClientAuth},
    telemetry::audit::{self, Action},
};

/// How often the files are looked at: who renews certificates does so days before they end.
const LOOK: Duration = Duration::from_secs(10);
/// Most sessions that are kept for those who come back; as many as rustls keeps by default.
const SESSIONS_MAX: usize = 256;

/// What connections are encrypted with.
#[derive(Clone)]
pub(super) struct Tls {
    current: Arc<Current>,
}

/// What is used now, and the files that it was read from.
#[derive(Debug)]
struct Current {
    files: config::Tls,
    provider: Arc<CryptoProvider>,
    /// For those who come back.
    sessions: Arc<dyn StoresServerSessions>,
    read: ArcSwap<Read>,
}

/// What was in the files, and what it made.
#[derive(Debug)]
struct Read {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files. Errors: which of them and why, nothing of what is in a key.
    pub(super) fn new(files: &config::Tls) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let sessions: Arc<dyn StoresServerSessions> = match files.client_ca {
            None => ServerSessionMemoryCache::new(SESSIONS_MAX),
            // A session that is taken up again is not verified again: a certificate would hold beyond its end, and beyond its authority.
            Some(_) => Arc::new(NoServerSessionStorage {}),
        };
        let read = ArcSwap::from_pointee(Read::from_files(files, &provider, &sessions)?);
        Ok(Self { current: Arc::new(Current { files: files.clone(), provider, sessions, read }) })
    }

    /// For one connection, as the files are now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read.load().config))
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
        let has_same_authorities = match (&self.files.client_ca, &old.client_ca) {
            (Some(path), Some(known)) => is_same(path, known),
            _ => true,
        };
        if is_same(&self.files.cert, &old.cert) && is_same(&self.files.key, &old.key) && has_same_authorities {
            return;
        }
        let cert = self.files.cert.display().to_string();
        match Read::from_files(&self.files, &self.provider, &self.sessions) {
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

impl Read {
    fn from_files(
        files: &config::Tls,
        provider: &Arc<CryptoProvider>,
        sessions: &Arc<dyn StoresServerSessions>,
    ) -> Result<Self, String> {
        let config::Tls { cert, key, client_ca, client_auth } = files;
        let (cert_bytes, key_bytes) = (Self::bytes(cert)?, Self::bytes(key)?);
        let chain = CertificateDer::pem_slice_iter(&cert_bytes).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| format!("`{}` holds no PEM certificate", cert.display()))?;
        let private = PrivateKeyDer::from_pem_slice(&key_bytes)
            .map_err(|_| format!("`{}` holds no PEM private key", key.display()))?;
        let certified = CertifiedKey::from_der(chain, private, provider)
            .map_err(|error| format!("`{}` and `{}` do not go together: {error}", cert.display(), key.display()))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let clients = client_ca.as_ref().map(|path| Ok::<_, String>((path, Self::bytes(path)?))).transpose()?;
        let builder = match &clients {
            None => builder.with_no_client_auth(),
            Some((path, pem)) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path, pem)?), Arc::clone(provider));
                let verifier = match client_auth {
                    ClientAuth::Required => verifier,
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| format!("`{}`: {error}", path.display()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = Arc::clone(sessions);
        if clients.is_some() {
            config.send_tls13_tickets = 0;
        }
        let client_ca = clients.map(|(_, pem)| pem);
        Ok(Self { cert: cert_bytes, key: key_bytes, client_ca, config: Arc::new(config) })
    }

    fn bytes(path: &PathBuf) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error: io::Error| format!("`{}`: {error}", path.display()))
    }
}

/// The authorities whose clients are let in.
fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // Half of a file is not fewer authorities.
        let certificate = certificate.map_err(|error| format!("`{}`: {error}", path.display()))?;
        roots.add(certificate).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    if roots.is_empty() {
        return Err(format!("`{}` holds no PEM certificate", path.display()));
    }
    Ok(roots)
}
