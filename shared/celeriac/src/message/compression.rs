//! Compressed bodies and results: kombu's methods and their names (celery-wire.md 1.7 and 6.4).
//!
//! Whatever a message claims, decompressing it takes no more memory than the limit that the caller gives, and what the
//! method itself needs, at most 128 MiB.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::str::FromStr;

use brotli_decompressor::{BrotliDecoderParameter, Decompressor as BrotliDecoder};
use bzip2::bufread::{BzEncoder, MultiBzDecoder};
use flate2::bufread::{ZlibDecoder, ZlibEncoder};
use lzma_rust2::{XzOptions, XzReader, XzWriter};
use ruzstd::decoding::StreamingDecoder as ZstdDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::shown;

/// The most bytes that a compressed body may become, unless its reader says otherwise: 128 MiB.
pub const MAX_DECOMPRESSED: usize = 128 << 20;

/// What a decoder itself may take for looking back in the data: enough for the highest levels of `xz` and `zstd`.
const DECODER_MEMORY: u64 = 128 << 20;

/// What a compressed result begins with; then come a MIME name, a zero byte and the compressed JSON.
const RESULT_MARKER: &[u8] = b"\0celery-compressed\0";

/// A compression method of kombu's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// A zlib stream; its MIME name says gzip.
    Zlib,
    /// bzip2.
    Bzip2,
    /// LZMA in an xz container.
    Xz,
    /// Zstandard.
    Zstd,
    /// Brotli: read, but not written.
    Brotli,
}

/// Method, MIME name as messages have it, other names.
const METHODS: [(Compression, &str, &[&str]); 5] = [
    (Compression::Zlib, "application/x-gzip", &["gzip", "zlib"]),
    (Compression::Bzip2, "application/x-bz2", &["bzip2", "bzip"]),
    (Compression::Xz, "application/x-lzma", &["lzma", "xz"]),
    (Compression::Zstd, "application/zstd", &["zstd", "zstandard"]),
    (Compression::Brotli, "application/x-brotli", &["brotli"]),
];

/// Why data could not be compressed or decompressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// A method that is not kombu's.
    #[error("compression {0} is unknown; known are zlib, bzip2, xz, zstd and brotli")]
    Unknown(String),
    /// The data would become larger than its reader allows.
    #[error("{method} data becomes larger than the {limit} bytes that are allowed")]
    TooLarge {
        /// The method's MIME name.
        method: &'static str,
        /// What is allowed.
        limit: usize,
    },
    /// The data are not what the method makes, are cut off, or need more memory than is allowed.
    #[error("{method} data cannot be decompressed ({reason})")]
    Corrupt {
        /// The method's MIME name.
        method: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// The data could not be compressed.
    #[error("data cannot be compressed as {method} ({reason}); send them uncompressed or by another method")]
    NotCompressed {
        /// The method's MIME name.
        method: &'static str,
        /// Why.
        reason: String,
    },
}

impl FromStr for Compression {
    type Err = CompressionError;

    /// The method of a MIME name or alias.
    fn from_str(name: &str) -> Result<Self, CompressionError> {
        let named = |(_, mime, aliases): &(_, &str, &[&str])| *mime == name || aliases.contains(&name);
        let found = METHODS.iter().find(|method| named(method)).map(|(method, _, _)| *method);
        found.ok_or_else(|| CompressionError::Unknown(shown(name)))
    }
}

impl Compression {
    /// The name that stands in header `compression`.
    pub fn mime(self) -> &'static str {
        METHODS.iter().find(|(method, _, _)| *method == self).map_or("", |(_, mime, _)| mime)
    }

    /// Decompresses `data`, which may become at most `limit` bytes.
    ///
    /// # Errors
    /// [`CompressionError`] when it is corrupt or too large.
    pub fn decompress(self, data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut out = Vec::new();
        let read = match self {
            Self::Zlib => fill(&mut out, ZlibDecoder::new(data), limit),
            Self::Bzip2 => fill(&mut out, MultiBzDecoder::new(data), limit),
            Self::Xz => {
                fill(&mut out, XzReader::new_mem_limit(data, true, (DECODER_MEMORY >> 10) as u32), limit)
            }
            Self::Zstd => zstd(&mut out, data, limit),
            Self::Brotli => {
                let mut decoder = BrotliDecoder::new(data, 0);
                // Windows beyond 16 MiB are no standard brotli.
                decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
                fill(&mut out, decoder, limit)
            }
        };
        match read {
            _ if out.len() > limit => Err(CompressionError::TooLarge { method: self.mime(), limit }),
            Ok(()) => Ok(out),
            Err(error) => Err(CompressionError::Corrupt { method: self.mime(), reason: error.to_string() }),
        }
    }

    /// Compresses `data` as Python's readers read it.
    ///
    /// # Errors
    /// [`CompressionError::NotCompressed`] for brotli, which is only read here.
    pub fn compress(self, data: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let mut out = Vec::new();
        match self {
            Self::Zlib => {
                ZlibEncoder::new(data, flate2::Compression::default()).read_to_end(&mut out).map(drop)
            }
            Self::Bzip2 => BzEncoder::new(data, bzip2::Compression::best()).read_to_end(&mut out).map(drop),
            Self::Xz => xz(&mut out, data),
            Self::Zstd => {
                out = compress_to_vec(data, CompressionLevel::Fastest);
                Ok(())
            }
            Self::Brotli => Err(io::Error::other("brotli is only read here")),
        }
        .map_err(|error| CompressionError::NotCompressed {
            method: self.mime(),
            reason: error.to_string(),
        })?;
        Ok(out)
    }
}

/// A stored result as it was before compression, should it bear the marker of a compressed one; of at most `limit` bytes
/// (celery-wire.md 6.4).
///
/// # Errors
/// [`CompressionError`] when it is compressed and cannot be decompressed.
pub fn decompress_result(stored: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, CompressionError> {
    let Some(marked) = stored.strip_prefix(RESULT_MARKER) else { return Ok(Cow::Borrowed(stored)) };
    let end = marked.iter().position(|byte| *byte == 0).unwrap_or(marked.len());
    let (name, data) = marked.split_at_checked(end).unwrap_or_default();
    let method: Compression = String::from_utf8_lossy(name).parse()?;
    method.decompress(data.get(1..).unwrap_or_default(), limit).map(Cow::Owned)
}

/// Reads everything, but at most one byte more than the limit: that one tells that there is more.
fn fill(out: &mut Vec<u8>, source: impl Read, limit: usize) -> io::Result<()> {
    let rest = limit.saturating_add(1).saturating_sub(out.len());
    source.take(rest as u64).read_to_end(out).map(drop)
}

/// One frame after the other, as Python reads them.
fn zstd(out: &mut Vec<u8>, data: &[u8], limit: usize) -> io::Result<()> {
    let mut rest = data;
    loop {
        let mut frame =
            ZstdDecoder::new_with_max_window_size(&mut rest, DECODER_MEMORY).map_err(io::Error::other)?;
        fill(out, &mut frame, limit)?;
        let checksum = frame.decoder.get_checksum_from_data();
        if out.len() <= limit && checksum.is_some() && checksum != frame.decoder.get_calculated_checksum() {
            return Err(io::Error::other("the checksum is wrong"));
        }
        drop(frame);
        if rest.is_empty() || out.len() > limit {
            return Ok(());
        }
    }
}

fn xz(out: &mut Vec<u8>, data: &[u8]) -> io::Result<()> {
    // What `lzma.compress` takes.
    const PRESET: u32 = 6;
    let mut writer = XzWriter::new(out, XzOptions::with_preset(PRESET))?;
    writer.write_all(data)?;
    writer.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use proptest::prelude::*;

    use crate::message::envelope::BASE64;

    /// What kombu 5.7 compressed (celery-wire.md 1.7).
    const BODY: &[u8] =
        br#"[[1, "\u00e9"], {"k": 2}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#;
    const RECORDED: [(&str, &str); 6] = [
        (
            "application/x-gzip",
            "eJyLjjbUUVCKKTUwSLVUitVRqFbKVrJSMKoFsZITc3KSEpOzi4EieaU5OUCFqUVFaCLJGYmZecjc/KIUKLc2FgAfNB0M",
        ),
        (
            "application/x-bz2",
            "QlpoOTFBWSZTWa8j9XEAABQbgFAEcDAADj5tmgogAEhomo9IZB6hmo9BKjQhkaMIM1JATIGO3sbLT+RHS5Q0ctpdiCLITsHeKqXwSqQHohAJse1M8hGK9ei/BqLL8XckU4UJCvI/VxA=",
        ),
        (
            "application/x-lzma",
            "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ABdAEFdAC3gwFghC0eSXB020POGxn15JGP000pH2NDEfHkDTc6zrWimdHEnBm5RqX6sm7QaOrAg+Jx2Q6NIYcjDJmrZGgwAAAAAADkseDSz+N86AAFdXsHqQKMftvN9AQAAAAAEWVo=",
        ),
        (
            "application/zstd",
            "KLUv/SBeTQIApANbWzEsICJcdTAwZTkiXSwgeyJrIjogMn1jYWxsYmFja3MiOiBudWxsLCAiZXJyY2hhaW5jaG9yZH1dBAAysyZq02p2o1YZAw==",
        ),
        // With the checksum that the zstd program adds.
        (
            "application/zstd",
            "KLUv/SReTQIApANbWzEsICJcdTAwZTkiXSwgeyJrIjogMn1jYWxsYmFja3MiOiBudWxsLCAiZXJyY2hhaW5jaG9yZH1dBAAysyZq02p2o1YZA8M6zkU=",
        ),
        (
            "application/x-brotli",
            "G10ACETnlip7JqBNUkWaJIMbzuRwjCMajK7zdaNJRxwccvodJI7SbrPGhPlEYsCZPjaUeqmSXOjzLURm4MQCJ5fLAQ==",
        ),
    ];
    const ALL: [Compression; 5] =
        [Compression::Zlib, Compression::Bzip2, Compression::Xz, Compression::Zstd, Compression::Brotli];

    fn bytes(base64: &str) -> Vec<u8> {
        BASE64.decode(base64).unwrap()
    }

    #[test]
    fn reads_what_kombu_compressed() {
        for (mime, data) in RECORDED {
            let method: Compression = mime.parse().unwrap();
            assert_eq!(method.mime(), mime);
            assert_eq!(method.decompress(&bytes(data), BODY.len()).unwrap(), BODY, "{mime}");
        }
        let frames = bytes("KLUv/SACEQAAYWIotS/9IAIRAABjZA==");
        assert_eq!(Compression::Zstd.decompress(&frames, 100).unwrap(), b"abcd");
    }

    #[test]
    fn aliases_name_the_same_methods() {
        for (method, names) in ALL.iter().zip([
            ["gzip", "zlib"],
            ["bzip2", "bzip"],
            ["lzma", "xz"],
            ["zstd", "zstandard"],
            ["brotli", "application/x-brotli"],
        ]) {
            assert_eq!(names.map(|name| name.parse::<Compression>().unwrap()), [*method; 2]);
        }
        for name in ["", "GZIP", "deflate", "application/gzip"] {
            assert!(matches!(name.parse::<Compression>(), Err(CompressionError::Unknown(_))), "{name}");
        }
    }

    #[test]
    fn a_body_of_the_limit_passes_and_one_byte_more_does_not() {
        for (mime, data) in RECORDED {
            let method: Compression = mime.parse().unwrap();
            let error = method.decompress(&bytes(data), BODY.len() - 1).unwrap_err();
            assert!(matches!(error, CompressionError::TooLarge { .. }), "{error}");
        }
    }

    #[test]
    fn bombs_end_at_the_limit() {
        let zeros = vec![0; 16 << 20];
        for method in ALL {
            let bomb = match method {
                // 64 MiB of zeros, from Python.
                Compression::Brotli => bytes(
                    "y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//+P//B/8EQBwWAOje//H//w/+CYA4LADQvf/j//8f/BMAcVgAoHv/Nw==",
                ),
                other => other.compress(&zeros).unwrap(),
            };
            assert!(bomb.len() < 1 << 16, "{method:?}: {}", bomb.len());
            let error = method.decompress(&bomb, 1 << 20).unwrap_err();
            assert!(matches!(error, CompressionError::TooLarge { limit: 0x10_0000, .. }), "{error}");
        }
    }

    #[test]
    fn a_claim_of_much_memory_is_refused() {
        let xz_of_a_gibibyte =
            bytes("/Td6WFoAAATm1rRGAgAhASQAAABeH8f5AQACYWJjAAAndicaSgnYLAABGwMLL7kQH7bzfQEAAAAABFla");
        let zstd_of_a_gibibyte = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00];
        let brotli_of_a_gibibyte = [0x11, 0x1e, 0x03];
        for (method, data) in [
            (Compression::Xz, &xz_of_a_gibibyte[..]),
            (Compression::Zstd, &zstd_of_a_gibibyte),
            (Compression::Brotli, &brotli_of_a_gibibyte),
        ] {
            let error = method.decompress(data, MAX_DECOMPRESSED).unwrap_err();
            assert!(matches!(error, CompressionError::Corrupt { .. }), "{error}");
        }
        let xz_preset_9 =
            bytes("/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQACYWJjAAAndicaSgnYLAABGwMLL7kQH7bzfQEAAAAABFla");
        assert_eq!(Compression::Xz.decompress(&xz_preset_9, 3).unwrap(), b"abc");
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_corrupt() {
        for (mime, data) in RECORDED {
            let method: Compression = mime.parse().unwrap();
            let data = bytes(data);
            for end in 0..data.len() {
                let error = method.decompress(&data[..end], 1 << 20);
                assert!(error.is_err() || (method == Compression::Bzip2 && end == 0), "{mime} cut at {end}");
            }
            assert!(method.decompress(b"this is not compressed at all", 1 << 20).is_err(), "{mime}");
        }
    }

    #[test]
    fn results_are_read_with_and_without_the_marker() {
        // Recorded from celery.backends.base.compress_payload 5.7.
        let stored = b"\x00celery-compressed\x00application/x-gzip\x00x\x9c\xabV*.I,)-V\xb2RP\n\x0euvv\r\x0eV\xaa\x05\x00L\xda\x06\x98";
        assert_eq!(&*decompress_result(stored, 100).unwrap(), br#"{"status": "SUCCESS"}"#);
        assert!(matches!(decompress_result(stored, 10), Err(CompressionError::TooLarge { .. })));
        assert!(matches!(decompress_result(b"{}", 0).unwrap(), Cow::Borrowed(b"{}")));
        for broken in [&stored[..30], b"\0celery-compressed\0", b"\0celery-compressed\0zip\0x"] {
            assert!(decompress_result(broken, 100).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_is_read_again(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
            for method in ALL {
                match method.compress(&data) {
                    Ok(compressed) => prop_assert_eq!(method.decompress(&compressed, data.len()).unwrap(), &data[..]),
                    Err(error) => prop_assert!(method == Compression::Brotli, "{}", error),
                }
            }
        }
    }
}
