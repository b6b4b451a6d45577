//! The stored twin of a wheel: the same files without deflate, so that an encoding of the whole, such as brotli, finds
//! what they have in common.

use crate::central::{FLAG_UTF8, SIGNATURE as CENTRAL_SIGNATURE, STORED, TYPE_FILE};
use crate::end::END_SIGNATURE;
use crate::local::SIGNATURE as LOCAL_SIGNATURE;
use crate::{Entry, Wheel, WheelError};

/// Made by Unix, so that modes count; zip 2.0.
const MADE_BY: u16 = 0x0314;
const VERSION: u16 = 20;
/// 1980-01-01, 00:00: the earliest that the format can say.
const TIME_AND_DATE: u32 = 0x0021_0000;
/// One more is the mark of ZIP64.
const MOST_ENTRIES: usize = 0xFFFE;

impl Wheel<'_> {
    /// A wheel with the same files, stored, with one time for all and the mode 755 or 644. Files of one kind lie side by
    /// side, which an encoding makes use of, and dist-info at the end, as the format recommends. RECORD stays right: it
    /// lists contents. Wheels of equal files have equal twins, so the twin of a twin is itself.
    ///
    /// `None` if that would need ZIP64: with more than 65,534 files or 4 GiB. Every file's checksum is checked.
    pub fn stored_twin(&self) -> Result<Option<Vec<u8>>, WheelError> {
        let mut entries: Vec<&Entry> = self.entries().collect();
        entries.sort_by_key(|entry| self.place(entry));
        if entries.len() > MOST_ENTRIES {
            return Ok(None);
        }
        let (mut twin, mut directory) = (Vec::new(), Vec::new());
        for entry in &entries {
            let (Ok(size), Ok(offset)) = (u32::try_from(entry.size()), u32::try_from(twin.len())) else {
                return Ok(None);
            };
            put_central(&mut directory, entry, size, offset);
            twin.extend(LOCAL_SIGNATURE.to_le_bytes());
            put_fields(&mut twin, entry, size);
            twin.extend(entry.path().as_bytes());
            twin.extend(self.read(entry)?);
        }
        let (Ok(size), Ok(offset)) = (u32::try_from(directory.len()), u32::try_from(twin.len())) else {
            return Ok(None);
        };
        twin.append(&mut directory);
        twin.extend(END_SIGNATURE.to_le_bytes());
        // At most `MOST_ENTRIES`.
        let count = u16::try_from(entries.len()).unwrap_or_default();
        put16(&mut twin, &[0, 0, count, count]);
        put32(&mut twin, &[size, offset]);
        put16(&mut twin, &[0]);
        Ok(Some(twin))
    }

    /// What the files of a twin are sorted by: whether they are in dist-info, the suffix, the path.
    fn place<'e>(&self, entry: &'e Entry) -> (bool, &'e str, &'e str) {
        let path = entry.path();
        let name = path.rsplit('/').next().unwrap_or(path);
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        (path.split('/').next() == Some(self.dist_info_dir()), suffix, path)
    }
}

fn put_central(directory: &mut Vec<u8>, entry: &Entry, size: u32, offset: u32) {
    let permissions = if entry.is_executable() { 0o755 } else { 0o644 };
    directory.extend(CENTRAL_SIGNATURE.to_le_bytes());
    put16(directory, &[MADE_BY]);
    put_fields(directory, entry, size);
    // No comment, first disk, no internal attributes.
    put16(directory, &[0, 0, 0]);
    put32(directory, &[(TYPE_FILE | permissions) << 16, offset]);
    directory.extend(entry.path().as_bytes());
}

/// What both headers have, from the version needed to the lengths of name and extra fields.
fn put_fields(out: &mut Vec<u8>, entry: &Entry, size: u32) {
    let flags = if entry.path().is_ascii() { 0 } else { FLAG_UTF8 };
    put16(out, &[VERSION, flags, STORED]);
    put32(out, &[TIME_AND_DATE, entry.crc32(), size, size]);
    // It was read from a field of this width.
    put16(out, &[u16::try_from(entry.path().len()).unwrap_or_default(), 0]);
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}
