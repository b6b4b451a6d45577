//! The central directory: one header per entry.

use crate::bytes::{Bytes, Cursor};
use crate::end::Directory;
use crate::{Limits, WheelError, extra, path};

pub(crate) const SIGNATURE: u32 = 0x0201_4B50;
/// Fixed part of a header in bytes.
const HEADER_SIZE: u64 = 46;

pub(crate) const FLAG_DESCRIPTOR: u16 = 1 << 3;
pub(crate) const FLAG_UTF8: u16 = 1 << 11;
/// Descriptor, UTF-8, and the two bits in which deflate notes its level.
const FLAGS_KNOWN: u16 = FLAG_DESCRIPTOR | FLAG_UTF8 | 0b110;

pub(crate) const STORED: u16 = 0;
pub(crate) const DEFLATE: u16 = 8;

const TYPE_MASK: u32 = 0o170_000;
pub(crate) const TYPE_FILE: u32 = 0o100_000;
const TYPE_DIRECTORY: u32 = 0o040_000;

/// One header of the central directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) path: String,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc32: u32,
    pub(crate) compressed_size: u64,
    pub(crate) size: u64,
    pub(crate) offset: u64,
    pub(crate) mode: u32,
}

/// Reads the whole directory; every header on its own is checked here.
pub(crate) fn headers(bytes: &Bytes<'_>, directory: Directory, limits: &Limits) -> Result<Vec<Header>, WheelError> {
    let stated = directory.entries;
    if stated > limits.entries as u64 {
        return Err(WheelError::TooManyEntries { count: stated, limit: limits.entries });
    }
    // Checked before anything of that length is allocated.
    if stated * HEADER_SIZE > (directory.end - directory.offset) as u64 {
        return Err(WheelError::DirectoryCount { stated });
    }
    let mut headers = Vec::with_capacity(usize::try_from(stated).unwrap_or_default());
    let part = bytes.part(directory.offset..directory.end);
    let mut cursor = Cursor::of_part(&part, directory.offset, directory.end);
    for _ in 0..stated {
        headers.push(header(&mut cursor)?);
    }
    if cursor.at() != directory.end {
        return Err(WheelError::DirectoryCount { stated });
    }
    Ok(headers)
}

fn header(cursor: &mut Cursor<'_>) -> Result<Header, WheelError> {
    let at = cursor.at();
    if cursor.u32()? != SIGNATURE {
        return Err(WheelError::BadSignature { what: "a directory header", offset: at });
    }
    let _versions = cursor.u32()?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    let _time = cursor.u32()?;
    let crc32 = cursor.u32()?;
    let (compressed_size, size) = (cursor.u32()?, cursor.u32()?);
    let (name_size, extra_size) = (cursor.u16()?, cursor.u16()?);
    let comment_size = cursor.u16()?;
    let disk = cursor.u16()?;
    let _internal = cursor.u16()?;
    let mode = cursor.u32()? >> 16;
    let offset = cursor.u32()?;
    let path = name(cursor.take(usize::from(name_size))?, flags, at)?;
    let extra = cursor.take(usize::from(extra_size))?;
    if comment_size != 0 {
        return Err(WheelError::EntryComment { path });
    }
    if disk != 0 {
        return Err(WheelError::MultipleVolumes);
    }
    let zip64 = extra::zip64(extra, &path)?;
    let [size, compressed_size, offset] = extra::widen([size, compressed_size, offset], zip64, &path)?;
    let header = Header { path, flags, method, crc32, compressed_size, size, offset, mode };
    check(header)
}

fn name(bytes: &[u8], flags: u16, offset: usize) -> Result<String, WheelError> {
    let marked = flags & FLAG_UTF8 != 0;
    match std::str::from_utf8(bytes) {
        Ok(name) if marked || name.is_ascii() => Ok(name.to_owned()),
        _ => Err(WheelError::NameEncoding { offset }),
    }
}

/// The beginning of a path that is too long to be shown.
fn excerpt(path: String) -> String {
    const LONGEST: usize = 120;
    match path.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path,
    }
}

fn check(header: Header) -> Result<Header, WheelError> {
    let Header { path, flags, method, compressed_size, size, mode, .. } = &header;
    let path = path.clone();
    if let Err(problem) = path::check(&path) {
        return Err(WheelError::BadPath { path: excerpt(path), problem });
    }
    if flags & !FLAGS_KNOWN != 0 {
        return Err(WheelError::UnsupportedFlags { path, flags: *flags });
    }
    if !matches!(*method, STORED | DEFLATE) {
        return Err(WheelError::UnsupportedMethod { path, method: *method });
    }
    let directory = path.ends_with('/');
    let expected = if directory { TYPE_DIRECTORY } else { TYPE_FILE };
    if ![0, expected].contains(&(mode & TYPE_MASK)) {
        return Err(WheelError::NotAFile { path, mode: *mode });
    }
    if directory && *size != 0 {
        return Err(WheelError::DirectoryWithContents { path });
    }
    if *method == STORED && size != compressed_size {
        return Err(WheelError::HeaderMismatch { path, field: "the size of a stored file" });
    }
    if *method == STORED && flags & FLAG_DESCRIPTOR != 0 && *size != 0 {
        return Err(WheelError::StoredWithDescriptor { path });
    }
    Ok(header)
}
