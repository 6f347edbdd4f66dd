//! `content-encoding`: gzip, deflate, br and zstd, within the limit.

use std::{
    io::{self, Cursor, Read},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, header};

use super::{
    Call, CallError, Reply, UpstreamSpec, clock,
    service::{Passage, Service},
};

/// What is sent as `accept-encoding`.
pub(super) const ACCEPTED: &str = "gzip, br, deflate, zstd";

/// Codings on top of each other; nobody means more.
const CODINGS_MAX: usize = 4;

/// Bytes decoded before other tasks get their turn: well below a millisecond of work.
const SLICE: usize = 256 << 10;

/// Decodes bodies, takes the headers away that no longer hold, and notes when all of it was there.
///
/// Errors: `TooLarge` as soon as the limit is passed, however much a bomb would still give; `Unreadable` for a stream
/// that is broken or cut and for a coding that was not asked for.
#[derive(Debug)]
pub(super) struct Decode<S> {
    spec: Arc<UpstreamSpec>,
    inner: S,
}

impl<S> Decode<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, inner: S) -> Self {
        Self { spec: Arc::clone(spec), inner }
    }
}

impl<S: Service> Service for Decode<S> {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        let mut reply = self.inner.call(call, passage).await?;
        if !reply.headers.contains_key(header::CONTENT_ENCODING) {
            reply.ended = Some(clock::moment());
            return Ok(reply);
        }
        // A HEAD, 204 or 304 may name the coding of a body that it does not have.
        if !reply.body.is_empty() {
            let failed = |problem| match problem {
                Problem::Broken => {
                    CallError::Unreadable { upstream: Arc::clone(&self.spec.name), status: reply.status }
                }
                Problem::TooLarge => {
                    CallError::TooLarge { upstream: Arc::clone(&self.spec.name), limit: self.spec.body_max }
                }
            };
            for coding in codings(&reply.headers).ok_or_else(|| failed(Problem::Broken))? {
                reply.body = coding.decode(&reply.body, self.spec.body_max).await.map_err(failed)?;
            }
        }
        let headers = Arc::make_mut(&mut reply.headers);
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        reply.ended = Some(clock::moment());
        Ok(reply)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Broken,
    TooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings to undo, outermost first: the header lists them in the order they were applied (RFC 9110, 8.4).
/// `None`: too many, or one that we do not know.
fn codings(headers: &HeaderMap) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',').map(str::trim) {
            codings.push(match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                "" | "identity" => continue,
                _ => return None,
            });
        }
    }
    codings.reverse();
    (codings.len() <= CODINGS_MAX).then_some(codings)
}

impl Coding {
    async fn decode(self, body: &Bytes, limit: usize) -> Result<Bytes, Problem> {
        let mut reader = self.reader(body.clone()).map_err(|_| Problem::Broken)?;
        let mut decoded = Vec::with_capacity(body.len().saturating_mul(4).min(limit).min(SLICE));
        loop {
            // One byte more than allowed is enough to know.
            let wanted = (limit - decoded.len()).saturating_add(1).min(SLICE);
            let read = (&mut reader).take(wanted as u64).read_to_end(&mut decoded).map_err(|_| Problem::Broken)?;
            if decoded.len() > limit {
                return Err(Problem::TooLarge);
            }
            if read < wanted {
                return Ok(decoded.into());
            }
            tokio::task::yield_now().await;
        }
    }

    fn reader(self, body: Bytes) -> io::Result<Box<dyn Read + Send>> {
        // `deflate` is zlib (RFC 9110, 8.4.1.2), but some send it bare. A zlib head is a multiple of 31.
        let is_zlib = matches!(body.as_ref(), [first, second, ..]
            if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
        let body = Cursor::new(body);
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(body)),
            Self::Deflate if is_zlib => Box::new(flate2::bufread::ZlibDecoder::new(body)),
            Self::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(body)),
            Self::Brotli => Box::new(brotli::Decompressor::new(body, 4096)),
            // A frame may ask for a window of its own size; 8 MiB is what RFC 9659 allows on the web.
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
                decoder.window_log_max(23)?;
                Box::new(decoder)
            }
        })
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
pub(super) mod tests;
