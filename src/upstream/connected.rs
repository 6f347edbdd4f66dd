//! Which connections have been used before: what decides whether the loss of one is the upstream's failure.
//!
//! The client does not tell whether a call was given a pooled connection. What it tells, of a reply as of a failure, is the local
//! address; one that has brought a reply before was in the pool.

use std::{
    error::Error,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::Extensions;
use hyper_util::client::legacy::{self, connect::HttpInfo};

/// A bit for each local port.
const WORDS: usize = (1 << 16) / 64;

/// The local ports of a pool's connections that have brought a reply.
///
/// A connection that ends while nobody uses it leaves its port behind, and when a later connection with the same port breaks at once, it
/// counts as used: a read is then sent once more than it had to be.
#[derive(Debug, Default)]
pub(super) struct Used(OnceLock<Box<[AtomicU64; WORDS]>>);

impl Used {
    /// A reply has come over this connection.
    pub(super) fn note(&self, reply: &Extensions) {
        let Some(info) = reply.get::<HttpInfo>() else { return };
        let ports = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; WORDS]));
        let (word, bit) = place(info);
        // Most were noted before, and a look costs less than a write.
        if ports[word].load(Relaxed) & bit == 0 {
            ports[word].fetch_or(bit, Relaxed);
        }
    }

    /// Whether the connection that failed had brought a reply before. It is forgotten: it is gone.
    pub(super) fn lost(&self, error: &(dyn Error + 'static)) -> bool {
        let mut told = Extensions::new();
        if let Some(connected) = cause::<legacy::Error>(error).and_then(legacy::Error::connect_info) {
            connected.get_extras(&mut told);
        }
        match (told.get::<HttpInfo>(), self.0.get()) {
            (Some(info), Some(ports)) => {
                let (word, bit) = place(info);
                ports[word].fetch_and(!bit, Relaxed) & bit != 0
            }
            _ => false,
        }
    }
}

fn place(info: &HttpInfo) -> (usize, u64) {
    let port = info.local_addr().port();
    (usize::from(port / 64), 1 << (port % 64))
}

/// The first error of this type: this one, or one below it.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        next = error.source();
    }
    None
}
