//! Content encodings that are made once, kept, and sent often.

use std::io::{self, Read, Write as _};
use std::ops::RangeInclusive;

use pkgsrv_index::ContentCoding;

/// Up to here brotli searches as long as it can, two seconds per MB; past it, a tenth of that for an eighth more bytes,
/// and zstd is then the smaller one.
const LARGEST_SEARCHED: usize = 16 << 20;
const BROTLI_SEARCHED: i32 = 11;
const BROTLI_LARGE: i32 = 9;
/// The largest window that is not an extension of brotli's format; 16 MB.
const BROTLI_WINDOW: RangeInclusive<u32> = 10..=24;
/// The last level before memory of clients grows with it.
const ZSTD_LEVEL: i32 = 19;
/// 8 MB: [RFC 9659](https://www.rfc-editor.org/rfc/rfc9659) has browsers refuse more.
const ZSTD_LARGEST_WINDOW: u32 = 23;

/// The bytes in an encoding, as small as is bearable; `None` if its encoder fails.
pub(crate) fn encode(coding: ContentCoding, bytes: &[u8]) -> Option<Vec<u8>> {
    let encoded = match coding {
        ContentCoding::Br => brotli(bytes),
        ContentCoding::Gzip => gzip(bytes),
        ContentCoding::Zstd => zstd(bytes),
    };
    // Writing to memory does not fail; should an encoder find another reason, clients do without its encoding.
    encoded.ok()
}

/// Whether `encoded` decodes to exactly `bytes`.
pub(crate) fn is_of(coding: ContentCoding, encoded: &[u8], bytes: &[u8]) -> bool {
    decode(coding, encoded, bytes.len() as u64).is_ok_and(|decoded| decoded == bytes)
}

/// What decodes from `encoded`; of more than `size` bytes only the first one too many is there.
pub(crate) fn decode(coding: ContentCoding, encoded: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let limit = size + 1;
    let mut decoded = Vec::new();
    match coding {
        ContentCoding::Br => brotli::Decompressor::new(encoded, 64 * 1024).take(limit).read_to_end(&mut decoded)?,
        ContentCoding::Gzip => flate2::read::GzDecoder::new(encoded).take(limit).read_to_end(&mut decoded)?,
        ContentCoding::Zstd => zstd::Decoder::new(encoded)?.take(limit).read_to_end(&mut decoded)?,
    };
    Ok(decoded)
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // A window that is no larger than what fills it saves the client memory.
    let window = bits(bytes.len()).clamp(*BROTLI_WINDOW.start(), *BROTLI_WINDOW.end());
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: if bytes.len() <= LARGEST_SEARCHED { BROTLI_SEARCHED } else { BROTLI_LARGE },
        lgwin: i32::try_from(window).unwrap_or(i32::MAX),
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut encoded, &parameters)?;
    Ok(encoded)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    writer.finish()
}

fn zstd(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    compressor.window_log(ZSTD_LARGEST_WINDOW.min(bits(bytes.len()).max(10)))?;
    compressor.compress(bytes)
}

/// How many bits it takes to count up to this.
const fn bits(count: usize) -> u32 {
    usize::BITS - count.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that repeats from afar, so that windows matter.
    fn sample(length: usize) -> Vec<u8> {
        let word = |number: usize| format!("{:x} ", number.wrapping_mul(0x9E37_79B9) % 10_007);
        (0..).flat_map(|number| word(number).into_bytes()).take(length).collect()
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for length in [0, 1, 1000, 200_000] {
            let bytes = sample(length);
            for coding in ContentCoding::ALL {
                let encoded = encode(coding, &bytes).unwrap();
                assert!(is_of(coding, &encoded, &bytes), "{coding:?} of {length}");
                assert_eq!(encode(coding, &bytes).unwrap(), encoded, "the same bytes each time");
                assert!(length < 1000 || encoded.len() < length, "{coding:?} of {length}");
                let cut = &encoded[..encoded.len() - 1];
                assert!(!is_of(coding, cut, &bytes), "{coding:?} of {length}, cut short");
                assert!(!is_of(coding, &encoded, &sample(length + 1)), "{coding:?} of something else");
                assert!(length == 0 || !is_of(coding, &encoded, &bytes[..length - 1]), "{coding:?} of its beginning");
            }
        }
    }

    /// Browsers refuse larger windows (RFC 9659). The frame header's descriptor follows the magic number; without its
    /// single-segment bit, exponent and mantissa of the window come next (RFC 8878, 3.1.1.1).
    #[test]
    fn zstd_windows_are_those_that_browsers_take() {
        for length in [1000, 5 << 20, 20 << 20] {
            let encoded = zstd(&vec![b'a'; length]).unwrap();
            assert_eq!(encoded[..4], [0x28, 0xB5, 0x2F, 0xFD]);
            let is_single_segment = encoded[4] & 0x20 != 0;
            let window = if is_single_segment {
                length
            } else {
                let base = 1_usize << (10 + (encoded[5] >> 3));
                base + base / 8 * usize::from(encoded[5] & 7)
            };
            assert!(window <= 8 << 20, "{window} for {length}");
        }
    }
}
