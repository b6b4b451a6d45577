//! The end of the archive: where the directory is, said once.

use crate::WheelError;
use crate::bytes::{Bytes, Cursor};

pub(crate) const END_SIGNATURE: u32 = 0x0605_4B50;
const END_SIZE: usize = 22;
const LOCATOR_SIGNATURE: u32 = 0x0706_4B50;
const LOCATOR_SIZE: usize = 20;
const END64_SIGNATURE: u32 = 0x0606_4B50;
const END64_SIZE: usize = 56;

/// Where the central directory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) entries: u64,
    pub(crate) offset: usize,
    pub(crate) end: usize,
}

/// Reads the end records, which must be the archive's last bytes, with the directory before them.
pub(crate) fn directory(bytes: &Bytes<'_>) -> Result<Directory, WheelError> {
    let Some(at) = bytes.len().checked_sub(END_SIZE) else {
        return Err(WheelError::NotAnArchive { size: bytes.len() });
    };
    let record = bytes.part(at..bytes.len());
    let mut cursor = Cursor::of_part(&record, at, bytes.len());
    if cursor.u32()? != END_SIGNATURE {
        return Err(misplaced(&bytes.part(0..bytes.len())));
    }
    let (disk, directory_disk) = (cursor.u16()?, cursor.u16()?);
    let (entries_here, entries) = (cursor.u16()?, cursor.u16()?);
    let (size, offset) = (cursor.u32()?, cursor.u32()?);
    let comment = usize::from(cursor.u16()?);
    if comment != 0 {
        return Err(WheelError::ArchiveComment { size: comment });
    }
    if disk != 0 || directory_disk != 0 || entries_here != entries {
        return Err(WheelError::MultipleVolumes);
    }
    let narrow = [u64::from(entries), u64::from(size), u64::from(offset)];
    let (wide, end) = match end64(bytes, at)? {
        Some((wide, end)) => (agree(narrow, wide)?, end),
        None => (agree(narrow, narrow)?, at),
    };
    let [entries, size, offset] = wide;
    if offset.checked_add(size) != Some(end as u64) {
        return Err(WheelError::DirectoryMisplaced { offset, size, end });
    }
    // `offset` is at most `end`, which is a usize.
    let offset = usize::try_from(offset).unwrap_or(end);
    Ok(Directory { entries, offset, end })
}

/// Which error fits an archive that does not end in an end record.
fn misplaced(bytes: &[u8]) -> WheelError {
    let signature = END_SIGNATURE.to_le_bytes();
    let found = bytes.windows(signature.len()).rposition(|window| window == signature);
    let Some(at) = found.filter(|at| at + END_SIZE <= bytes.len()) else {
        return WheelError::NotAnArchive { size: bytes.len() };
    };
    let comment = usize::from(bytes[at + 20]) | usize::from(bytes[at + 21]) << 8;
    if comment > 0 && at + END_SIZE + comment == bytes.len() {
        WheelError::ArchiveComment { size: comment }
    } else {
        WheelError::TrailingData { extra: bytes.len() - at - END_SIZE }
    }
}

/// The ZIP64 end record's entries, size and offset, and where it begins, if a locator precedes the
/// end record at `end`.
fn end64(bytes: &Bytes<'_>, end: usize) -> Result<Option<([u64; 3], usize)>, WheelError> {
    let Some(locator_at) = end.checked_sub(LOCATOR_SIZE) else { return Ok(None) };
    let part = bytes.part(locator_at..end);
    let mut locator = Cursor::of_part(&part, locator_at, bytes.len());
    if locator.u32()? != LOCATOR_SIGNATURE {
        return Ok(None);
    }
    let disk = locator.u32()?;
    let stated = locator.u64()?;
    let disks = locator.u32()?;
    if disk != 0 || disks != 1 {
        return Err(WheelError::MultipleVolumes);
    }
    let at = locator_at.checked_sub(END64_SIZE).ok_or(WheelError::Zip64Misplaced)?;
    let part = bytes.part(at..locator_at);
    let mut record = Cursor::of_part(&part, at, bytes.len());
    if stated != at as u64 || record.u32()? != END64_SIGNATURE {
        return Err(WheelError::Zip64Misplaced);
    }
    let size = record.u64()?;
    // The record's own length does not count its signature and this field; longer ones hold
    // vendors' data.
    if size != (END64_SIZE - 12) as u64 {
        return Err(WheelError::Zip64Misplaced);
    }
    let _versions = record.u32()?;
    let (disk, directory_disk) = (record.u32()?, record.u32()?);
    let (entries_here, entries) = (record.u64()?, record.u64()?);
    if disk != 0 || directory_disk != 0 || entries_here != entries {
        return Err(WheelError::MultipleVolumes);
    }
    Ok(Some(([entries, record.u64()?, record.u64()?], at)))
}

/// The wide values, if each narrow one is equal or saturated.
fn agree(narrow: [u64; 3], wide: [u64; 3]) -> Result<[u64; 3], WheelError> {
    const FIELDS: [(&str, u64); 3] = [
        ("the number of entries", u16::MAX as u64),
        ("the directory's size", u32::MAX as u64),
        ("the directory's offset", u32::MAX as u64),
    ];
    for ((field, saturated), (narrow, wide)) in FIELDS.into_iter().zip(narrow.into_iter().zip(wide)) {
        // Some writers saturate all fields once one of them has to be.
        let fits = narrow == saturated || narrow == wide;
        if !fits {
            return Err(WheelError::Zip64Mismatch { field });
        }
    }
    Ok(wide)
}
