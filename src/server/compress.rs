//! Answers, compressed as the caller likes.

use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderMap, header};

use crate::aside::aside;

/// Smaller answers fit into one packet anyway.
const LENGTH_MIN: usize = 1400;
/// Longer answers are compressed off the threads that answer, where they would hold up others.
const LENGTH_INLINE_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Levels at which an answer made once is worth its time: about 100 MB/s and more.
    fn encode(self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let out = Vec::with_capacity(body.len() / 4 + 64);
        match self {
            Self::Zstd => zstd::bulk::compress(body, 1),
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(out, 4096, 3, 20);
                encoder.write_all(body)?;
                encoder.flush()?;
                Ok(encoder.into_inner())
            }
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(4));
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

/// The coding that the caller likes best of ours; of equal ones the cheapest for its size.
fn choose(headers: &HeaderMap) -> Option<Coding> {
    let mut best: Option<(f32, Coding)> = None;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let coding = if name.eq_ignore_ascii_case("zstd") {
                Coding::Zstd
            } else if name.eq_ignore_ascii_case("br") {
                Coding::Brotli
            } else if name.eq_ignore_ascii_case("gzip") || name == "*" {
                Coding::Gzip
            } else {
                continue;
            };
            let quality = parts
                .find_map(|parameter| parameter.strip_prefix("q="))
                .map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0));
            let better = best.is_none_or(|(known, chosen)| {
                quality > known || (quality - known).abs() < f32::EPSILON && (coding as u8) < (chosen as u8)
            });
            if quality > 0.0 && better {
                best = Some((quality, coding));
            }
        }
    }
    best.map(|(_, coding)| coding)
}

/// Whether a file that is gzip already may go out as it is.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value.split(',').any(|item| {
            let (name, quality) = item.split_once(';').unwrap_or((item, ""));
            let quality = quality.trim().strip_prefix("q=").map_or(1.0, |text| text.trim().parse().unwrap_or(0.0_f32));
            name.trim().eq_ignore_ascii_case("gzip") && quality > 0.0
        })
    })
}

/// Compresses the answer to a request with these headers, if that is wanted and worth it.
pub(super) async fn compress(asked: &HeaderMap, body: Bytes) -> (Bytes, Option<Coding>) {
    if body.len() < LENGTH_MIN {
        return (body, None);
    }
    let Some(coding) = choose(asked) else { return (body, None) };
    let encoded = if body.len() <= LENGTH_INLINE_MAX {
        coding.encode(&body)
    } else {
        let plain = body.clone();
        let encoded = aside(|| tokio::task::spawn_blocking(move || coding.encode(&plain)));
        encoded.await.unwrap_or_else(|error| Err(error.into()))
    };
    match encoded {
        Ok(encoded) if encoded.len() < body.len() => (encoded.into(), Some(coding)),
        _ => (body, None),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn accepting(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
        headers
    }

    #[test]
    fn the_callers_order_counts() {
        assert_eq!(choose(&accepting("gzip, deflate, br, zstd")), Some(Coding::Zstd));
        assert_eq!(choose(&accepting("gzip;q=1.0, br;q=0.5")), Some(Coding::Gzip));
        assert_eq!(choose(&accepting("gzip;q=0")), None);
        assert_eq!(choose(&accepting("identity")), None);
        assert_eq!(choose(&accepting("*")), Some(Coding::Gzip));
        assert_eq!(choose(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn every_coding_gives_the_same_bytes_back() {
        for length in [2_000, 200_000] {
            let body = Bytes::from(br#"{"title":"a title like others"},"#.repeat(length / 32));
            for name in ["gzip", "br", "zstd"] {
                let (encoded, coding) = compress(&accepting(name), body.clone()).await;
                assert_eq!(coding.map(Coding::name), Some(name));
                assert!(encoded.len() < body.len());
                let mut decoded = Vec::new();
                let read = match coding.unwrap() {
                    Coding::Gzip => flate2::read::GzDecoder::new(&encoded[..]).read_to_end(&mut decoded),
                    Coding::Brotli => brotli::Decompressor::new(&encoded[..], 4096).read_to_end(&mut decoded),
                    Coding::Zstd => zstd::Decoder::new(&encoded[..]).unwrap().read_to_end(&mut decoded),
                };
                assert_eq!(read.unwrap(), body.len());
                assert_eq!(decoded, body);
            }
        }
    }

    #[tokio::test]
    async fn small_answers_stay_as_they_are() {
        let body = Bytes::from_static(b"{\"data\":{}}");
        assert_eq!(compress(&accepting("gzip"), body.clone()).await, (body, None));
    }
}
