//! Local headers: each must repeat what the directory says, and together with the contents they
//! must fill the archive.

use std::ops::Range;

use crate::bytes::{Bytes, Cursor};
use crate::central::{FLAG_DESCRIPTOR, Header};
use crate::{WheelError, extra};

pub(crate) const SIGNATURE: u32 = 0x0403_4B50;
/// Fixed part of a header in bytes.
const HEADER_SIZE: usize = 30;
const DESCRIPTOR_SIGNATURE: u32 = 0x0807_4B50;
/// The longest descriptor in bytes.
const DESCRIPTOR_SIZE: usize = 24;

/// Where an entry's compressed bytes are, and where the next local header must begin.
pub(crate) struct Located {
    pub(crate) contents: Range<usize>,
    pub(crate) end: usize,
}

/// Checks the local header of `header` in `bytes`, of which the directory begins at `directory`.
pub(crate) fn locate(bytes: &Bytes<'_>, directory: usize, header: &Header) -> Result<Located, WheelError> {
    let mismatch = |field| WheelError::HeaderMismatch { path: header.path.clone(), field };
    let at = usize::try_from(header.offset).map_err(|_| mismatch("where the entry begins"))?;
    let part = |from: usize, count: usize| bytes.part(from..from.saturating_add(count).min(directory));
    // Without extra fields this is all of it.
    let header_part = part(at, HEADER_SIZE + header.path.len());
    let mut cursor = Cursor::of_part(&header_part, at, directory);
    if cursor.u32()? != SIGNATURE {
        return Err(WheelError::BadSignature { what: "a local header", offset: at });
    }
    let _version = cursor.u16()?;
    let flags = cursor.u16()?;
    let method = cursor.u16()?;
    let _time = cursor.u32()?;
    let crc32 = cursor.u32()?;
    let (compressed_size, size) = (cursor.u32()?, cursor.u32()?);
    let (name_size, extra_size) = (cursor.u16()?, cursor.u16()?);
    let whole = HEADER_SIZE + usize::from(name_size) + usize::from(extra_size);
    let longer = if whole > header_part.len() { part(at, whole) } else { header_part.clone() };
    let mut cursor = Cursor::of_part(&longer, at, directory);
    cursor.skip(HEADER_SIZE)?;
    let name = cursor.take(usize::from(name_size))?;
    let extra = cursor.take(usize::from(extra_size))?;
    if name != header.path.as_bytes() {
        return Err(mismatch("the name"));
    }
    if flags != header.flags {
        return Err(mismatch("the flags"));
    }
    if method != header.method {
        return Err(mismatch("the compression method"));
    }
    let zip64 = extra::zip64(extra, &header.path)?;
    let [size, compressed_size] = extra::widen([size, compressed_size], zip64, &header.path)?;
    let deferred = flags & FLAG_DESCRIPTOR != 0;
    // With a descriptor the fields are zero, or already what they will be.
    let agrees = |local: u64, central: u64| local == central || (deferred && local == 0);
    if !agrees(u64::from(crc32), u64::from(header.crc32)) {
        return Err(mismatch("the checksum"));
    }
    if !agrees(size, header.size) || !agrees(compressed_size, header.compressed_size) {
        return Err(mismatch("the size"));
    }
    let start = cursor.at();
    let length = usize::try_from(header.compressed_size).map_err(|_| mismatch("the size"))?;
    cursor.skip(length)?;
    let contents = start..cursor.at();
    if deferred {
        let behind = part(cursor.at(), DESCRIPTOR_SIZE);
        let mut cursor = Cursor::of_part(&behind, cursor.at(), directory);
        descriptor(&mut cursor, header, zip64.is_some())?;
        return Ok(Located { contents, end: cursor.at() });
    }
    Ok(Located { contents, end: cursor.at() })
}

/// The record after the contents; its signature is optional, its sizes are not.
fn descriptor(cursor: &mut Cursor<'_>, header: &Header, wide: bool) -> Result<(), WheelError> {
    let bad = |_| WheelError::BadDescriptor { path: header.path.clone() };
    let read = |cursor: &mut Cursor<'_>| -> Result<bool, WheelError> {
        let crc32 = cursor.u32()?;
        let sizes =
            if wide { [cursor.u64()?, cursor.u64()?] } else { [u64::from(cursor.u32()?), u64::from(cursor.u32()?)] };
        Ok(crc32 == header.crc32 && sizes == [header.compressed_size, header.size])
    };
    let mut signed = *cursor;
    if signed.u32().map_err(bad)? == DESCRIPTOR_SIGNATURE && read(&mut signed).map_err(bad)? {
        *cursor = signed;
        return Ok(());
    }
    if read(cursor).map_err(bad)? {
        return Ok(());
    }
    Err(WheelError::BadDescriptor { path: header.path.clone() })
}
