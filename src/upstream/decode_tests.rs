//! Bodies that are compressed well, badly and maliciously.

use std::io::Write;

use super::*;

const TEXT: &[u8] = b"{\"list\":[1,2,3],\"text\":\"abc abc abc abc abc abc abc abc\"}";

pub(in crate::upstream) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(in crate::upstream) fn brotli(body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut encoded, 4096, 5, 20);
    writer.write_all(body).unwrap();
    drop(writer);
    encoded
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 3).unwrap()
}

fn all(body: &[u8]) -> [(Coding, Vec<u8>); 5] {
    [
        (Coding::Gzip, gzip(body)),
        (Coding::Deflate, zlib(body)),
        (Coding::Deflate, bare_deflate(body)),
        (Coding::Brotli, brotli(body)),
        (Coding::Zstd, zstd(body)),
    ]
}

async fn decode(coding: Coding, body: &[u8], limit: usize) -> Result<Bytes, Problem> {
    coding.decode(&Bytes::copy_from_slice(body), limit).await
}

#[tokio::test]
async fn every_coding_is_undone() {
    let long = TEXT.repeat(100_000);
    for text in [TEXT, b"", &long] {
        for (coding, encoded) in all(text) {
            assert!(decode(coding, &encoded, long.len()).await.unwrap() == text, "{coding:?} {}", text.len());
        }
    }
}

#[tokio::test]
async fn the_limit_is_exact() {
    for (coding, encoded) in all(TEXT) {
        assert!(decode(coding, &encoded, TEXT.len()).await.is_ok(), "{coding:?}");
        assert_eq!(decode(coding, &encoded, TEXT.len() - 1).await, Err(Problem::TooLarge), "{coding:?}");
    }
}

#[tokio::test]
async fn cut_and_broken_streams_are_seen() {
    for (coding, encoded) in all(&TEXT.repeat(50)) {
        for cut in [1, encoded.len() / 2, encoded.len() - 1] {
            assert_eq!(decode(coding, &encoded[..cut], 1 << 20).await, Err(Problem::Broken), "{coding:?} {cut}");
        }
    }
    for coding in [Coding::Gzip, Coding::Zstd, Coding::Deflate] {
        assert_eq!(decode(coding, b"\xff\xff\xff not compressed", 1 << 20).await, Err(Problem::Broken), "{coding:?}");
    }
    let mut wrong_sum = gzip(TEXT);
    let last = wrong_sum.len() - 5;
    wrong_sum[last] ^= 1;
    assert_eq!(decode(Coding::Gzip, &wrong_sum, 1 << 20).await, Err(Problem::Broken));
}

#[tokio::test]
async fn a_bomb_is_stopped_at_the_limit() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(decode(Coding::Gzip, &bomb, 1 << 20).await, Err(Problem::TooLarge));
}

#[test]
fn codings_are_undone_last_first() {
    let read = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
        }
        codings(&headers)
    };
    assert_eq!(read(&["gzip, BR"]), Some(vec![Coding::Brotli, Coding::Gzip]));
    assert_eq!(read(&["deflate", "identity, x-gzip"]), Some(vec![Coding::Gzip, Coding::Deflate]));
    assert_eq!(read(&["identity"]), Some(vec![]));
    assert_eq!(read(&["compress"]), None);
    assert_eq!(read(&["gzip, gzip, gzip, gzip, gzip"]), None);
}
