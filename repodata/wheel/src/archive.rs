//! The archive as a whole: entries, and their contents.

use std::borrow::Cow;
use std::ops::Range;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::bytes::Bytes;
use crate::central::{DEFLATE, Header};
use crate::crc32::crc32;
use crate::end::directory;
use crate::local::locate;
use crate::sorted::sorted;
use crate::{Limits, WheelError, central, path};

/// No deflate stream yields more per byte; what claims to is refused before it is allocated.
const DEFLATE_MAX_RATIO: u64 = 1032;

/// A zip archive that means the same to every reader.
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    bytes: Bytes<'a>,
    /// Sorted by path.
    entries: Vec<Entry>,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    header: Header,
    contents: Range<usize>,
}

impl Entry {
    /// The path with `/` between components: relative, without `..`, safe to unpack.
    pub fn path(&self) -> &str {
        &self.header.path
    }

    /// Unpacked size in bytes.
    pub fn size(&self) -> u64 {
        self.header.size
    }

    /// Packed size in bytes.
    pub fn compressed_size(&self) -> u64 {
        self.header.compressed_size
    }

    /// CRC-32 of the unpacked bytes.
    pub fn crc32(&self) -> u32 {
        self.header.crc32
    }

    /// Whether the owner may execute the file, where the archive notes modes.
    pub fn is_executable(&self) -> bool {
        self.header.mode & 0o100 != 0
    }

    /// Whether the bytes are stored as they are.
    pub fn is_stored(&self) -> bool {
        self.header.method == central::STORED
    }

    /// Where the packed bytes are in the archive.
    pub fn packed_range(&self) -> Range<usize> {
        self.contents.clone()
    }
}

impl<'a> Archive<'a> {
    /// Reads and checks the directory and every local header; contents are checked by
    /// [`Archive::read`].
    pub fn parse(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, WheelError> {
        Self::parse_with(bytes, &Limits::default())
    }

    /// As [`Archive::parse`], with limits of one's own.
    pub fn parse_with(bytes: impl Into<Cow<'a, [u8]>>, limits: &Limits) -> Result<Self, WheelError> {
        Self::read_from(Bytes::Here(bytes.into()), limits)
    }

    /// As [`Archive::parse`], of bytes of the page: of those only what is looked at is copied.
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    pub fn parse_from_page(bytes: js_sys::Uint8Array) -> Result<Self, WheelError> {
        Self::read_from(Bytes::OfPage(bytes), &Limits::default())
    }

    fn read_from(bytes: Bytes<'a>, limits: &Limits) -> Result<Self, WheelError> {
        let directory = directory(&bytes)?;
        // A tar header has its magic here; a local header that is one as well is no accident.
        if *bytes.part(257..262) == *b"ustar" {
            return Err(WheelError::TarPolyglot);
        }
        let headers = central::headers(&bytes, directory, limits)?;
        check_sizes(&headers, bytes.len() as u64, limits)?;
        path::check_names(headers.iter().map(|header| header.path.as_str()))?;
        let mut entries = place(&bytes, directory.offset, headers)?;
        entries.retain(|entry| !entry.path().ends_with('/'));
        let entries = sorted(entries, |one, other| one.path().cmp(other.path()));
        Ok(Self { bytes, entries })
    }

    /// The files, sorted by path; directories have no entry of their own.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + Clone {
        self.entries.iter()
    }

    /// The file at `path`.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| entry.path().cmp(path)).ok()?;
        self.entries.get(found)
    }

    /// The unpacked bytes of one of this archive's entries; size and checksum are those stated.
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, WheelError> {
        let packed = self.bytes.part(entry.contents.clone());
        let contents = if entry.header.method == DEFLATE { inflate(&packed, entry)? } else { packed.into_owned() };
        let found = crc32(&contents);
        if found != entry.crc32() {
            return Err(WheelError::ChecksumMismatch { path: entry.path().to_owned(), expected: entry.crc32(), found });
        }
        Ok(contents)
    }

    /// The archive's bytes.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        self.bytes.part(0..self.bytes.len())
    }
}

fn check_sizes(headers: &[Header], archive_size: u64, limits: &Limits) -> Result<(), WheelError> {
    let mut total = 0_u64;
    for header in headers {
        let (packed, size) = (header.compressed_size, header.size);
        let possible = packed.saturating_mul(DEFLATE_MAX_RATIO);
        let bomb = size > limits.ratio_from && size > packed.saturating_mul(limits.ratio);
        if size > possible || bomb {
            let what = format!("{:?}", header.path);
            return Err(WheelError::Bomb { what, packed, size, limit: limits.ratio });
        }
        total = total.saturating_add(size);
    }
    if total > limits.total_size {
        return Err(WheelError::TooLarge { size: total, limit: limits.total_size });
    }
    if total > limits.ratio_from && total > archive_size.saturating_mul(limits.ratio) {
        let what = "the archive".to_owned();
        return Err(WheelError::Bomb { what, packed: archive_size, size: total, limit: limits.ratio });
    }
    Ok(())
}

/// Locates every entry; in the order of the archive they must touch, from its first byte to the
/// directory.
fn place(bytes: &Bytes<'_>, directory: usize, headers: Vec<Header>) -> Result<Vec<Entry>, WheelError> {
    let headers = sorted(headers, |one, other| one.offset.cmp(&other.offset));
    let mut expected = 0;
    let mut entries = Vec::with_capacity(headers.len());
    for header in headers {
        if header.offset != expected as u64 {
            let (path, found) = (header.path, header.offset);
            return Err(WheelError::GapOrOverlap { path, expected: expected as u64, found });
        }
        let located = locate(bytes, directory, &header)?;
        expected = located.end;
        entries.push(Entry { header, contents: located.contents });
    }
    if expected != directory {
        return Err(WheelError::GapOrOverlap {
            path: "the directory".to_owned(),
            expected: expected as u64,
            found: directory as u64,
        });
    }
    Ok(entries)
}

fn inflate(packed: &[u8], entry: &Entry) -> Result<Vec<u8>, WheelError> {
    let bad = || WheelError::BadDeflate { path: entry.path().to_owned(), size: entry.size() };
    let size = usize::try_from(entry.size()).map_err(|_| bad())?;
    let mut contents = vec![0; size];
    let mut decompressor = DecompressorOxide::new();
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, read, written) = decompress(&mut decompressor, packed, &mut contents, 0, flags);
    if status != TINFLStatus::Done || read != packed.len() || written != size {
        return Err(bad());
    }
    Ok(contents)
}
