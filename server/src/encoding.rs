//! Content encodings that are made once, kept, and sent often.

use std::io::{self, Read, Write as _};
use std::ops::RangeInclusive;

use pkgsrv_index::{ContentCoding, Digest};

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
/// What clients take of a delta over a small dictionary; over a larger one a quarter more than that
/// ([RFC 9842](https://www.rfc-editor.org/rfc/rfc9842#section-5)).
const DELTA_WINDOW: usize = 8 << 20;
/// And at most this: 128 MB.
const DELTA_LARGEST_WINDOW: u32 = 27;
/// A skippable frame of 32 bytes: the dictionary's SHA-256 follows.
const DELTA_MAGIC: [u8; 8] = [0x5E, 0x2A, 0x4D, 0x18, 0x20, 0, 0, 0];

/// How long brotli searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// As long as is bearable.
    Long,
    /// For what is made anew often.
    Short,
}

/// The bytes in an encoding; `None` if its encoder fails.
pub(crate) fn encode(coding: ContentCoding, bytes: &[u8], search: Search) -> Option<Vec<u8>> {
    let encoded = match coding {
        ContentCoding::Br => brotli(bytes, search),
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

/// Whether encodings save more than a tenth, as they do not of what is compressed already.
pub(crate) fn is_worth_it(bytes: &[u8]) -> bool {
    zstd::bulk::compress(bytes, 1).is_ok_and(|encoded| encoded.len() < bytes.len() / 10 * 9)
}

fn brotli(bytes: &[u8], search: Search) -> io::Result<Vec<u8>> {
    let is_searched = search == Search::Long && bytes.len() <= LARGEST_SEARCHED;
    // A window that is no larger than what fills it saves the client memory.
    let window = bits(bytes.len()).clamp(*BROTLI_WINDOW.start(), *BROTLI_WINDOW.end());
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: if is_searched { BROTLI_SEARCHED } else { BROTLI_LARGE },
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

/// The content coding of deltas: Zstandard with the other file as its dictionary.
pub(crate) const DELTA_CODING: &str = "dcz";

/// The bytes as what is new in them to who has the bytes of `dictionary`; `None` if clients could not decode that, since
/// the one is too large for the other.
pub(crate) fn delta(bytes: &[u8], dictionary: &[u8], digest: Digest) -> Option<Vec<u8>> {
    // A window that holds all of the bytes also reaches all of the dictionary, from everywhere.
    let window = bits(bytes.len()).max(10);
    let is_decodable = bytes.len() <= DELTA_WINDOW.max(dictionary.len() / 4 * 5) && window <= DELTA_LARGEST_WINDOW;
    let make = || -> io::Result<Vec<u8>> {
        let begun = [DELTA_MAGIC.as_slice(), digest.as_bytes()].concat();
        let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(begun, ZSTD_LEVEL, dictionary)?;
        encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
        encoder.window_log(window)?;
        // Finds what lies further back than the tables of the level reach.
        encoder.long_distance_matching(true)?;
        encoder.write_all(bytes)?;
        encoder.finish()
    };
    is_decodable.then(make)?.ok()
}

/// Whether a delta over `dictionary` makes exactly `bytes`.
pub(crate) fn is_delta_of(delta: &[u8], dictionary: &[u8], digest: Digest, bytes: &[u8]) -> bool {
    let begun = delta.strip_prefix(&DELTA_MAGIC).and_then(|rest| rest.strip_prefix(digest.as_bytes().as_slice()));
    let decode = |frame: &[u8]| -> io::Result<Vec<u8>> {
        let mut decoded = Vec::new();
        let reader = zstd::stream::read::Decoder::with_ref_prefix(frame, dictionary)?;
        reader.take(bytes.len() as u64 + 1).read_to_end(&mut decoded)?;
        Ok(decoded)
    };
    begun.is_some_and(|frame| decode(frame).is_ok_and(|decoded| decoded == bytes))
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
                let encoded = encode(coding, &bytes, Search::Long).unwrap();
                assert!(is_of(coding, &encoded, &bytes), "{coding:?} of {length}");
                assert_eq!(encode(coding, &bytes, Search::Long).unwrap(), encoded, "the same bytes each time");
                assert!(length < 1000 || encoded.len() < length, "{coding:?} of {length}");
                let cut = &encoded[..encoded.len() - 1];
                assert!(!is_of(coding, cut, &bytes), "{coding:?} of {length}, cut short");
                assert!(!is_of(coding, &encoded, &sample(length + 1)), "{coding:?} of something else");
                assert!(length == 0 || !is_of(coding, &encoded, &bytes[..length - 1]), "{coding:?} of its beginning");
            }
        }
    }

    /// The window of a frame of `length` bytes. The frame header's descriptor follows the magic number; without its
    /// single-segment bit, exponent and mantissa of the window come next (RFC 8878, 3.1.1.1).
    fn window(frame: &[u8], length: usize) -> usize {
        assert_eq!(frame[..4], [0x28, 0xB5, 0x2F, 0xFD]);
        if frame[4] & 0x20 != 0 {
            return length;
        }
        let base = 1_usize << (10 + (frame[5] >> 3));
        base + base / 8 * usize::from(frame[5] & 7)
    }

    /// Browsers refuse larger ones (RFC 9659).
    #[test]
    fn zstd_windows_are_those_that_browsers_take() {
        for length in [1000, 5 << 20, 20 << 20] {
            let window = window(&zstd(&vec![b'a'; length]).unwrap(), length);
            assert!(window <= 8 << 20, "{window} for {length}");
        }
    }

    #[test]
    fn deltas() {
        let digest = Digest::from_bytes([7; 32]);
        for (before, length) in [(0, 1000), (300_000, 300_100), (9 << 20, 10 << 20)] {
            let dictionary = sample(before);
            // What is new comes first, so that all else lies as far back as it can.
            let bytes = [&b"something new"[..], &sample(length - 13)].concat();
            let made = delta(&bytes, &dictionary, digest).unwrap();
            assert!(is_delta_of(&made, &dictionary, digest, &bytes), "{before}");
            assert!(!is_delta_of(&made, &dictionary, Digest::from_bytes([8; 32]), &bytes), "{before}: another's");
            assert!(!is_delta_of(&made, &dictionary, digest, &bytes[1..]), "{before}: something else");
            assert!(
                before == 0 || !is_delta_of(&made, &dictionary[..before - 1], digest, &bytes),
                "{before}: without it"
            );
            assert!(before == 0 || made.len() < zstd(&bytes).unwrap().len() / 2, "{before}: {}", made.len());
            let window = window(&made[40..], length);
            assert!(window <= (8 << 20).max(before / 4 * 5), "{window} over {before}");
        }
        assert_eq!(delta(&sample(9 << 20), &sample(1 << 20), digest), None);
    }
}
