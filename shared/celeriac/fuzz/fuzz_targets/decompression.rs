//! Any bytes as compressed data, by every method; the limit is held. The first byte chooses the method.
#![no_main]

use celeriac::message::compression::{Compression, decompress_result};
use libfuzzer_sys::fuzz_target;

const METHODS: [Compression; 5] =
    [Compression::Zlib, Compression::Bzip2, Compression::Xz, Compression::Zstd, Compression::Brotli];
const LIMIT: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    if let Ok(out) = METHODS[usize::from(*choice) % METHODS.len()].decompress(data, LIMIT) {
        assert!(out.len() <= LIMIT);
    }
    let _ = decompress_result(data, LIMIT);
});
