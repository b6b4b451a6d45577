//! The stored twin of a wheel: the same files without deflate, so that an encoding of the whole, such as brotli, finds
//! what they have in common.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::central::{FLAG_UTF8, SIGNATURE as CENTRAL_SIGNATURE, STORED, TYPE_FILE};
use crate::crc32::crc32;
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

/// A file of a twin.
struct File<'a> {
    path: &'a str,
    executable: bool,
    crc32: u32,
    contents: Cow<'a, [u8]>,
}

impl Wheel<'_> {
    /// A wheel with the same files, stored, with one time for all and the mode 755 or 644. Files of one kind lie side by
    /// side, which an encoding makes use of, and dist-info at the end, as the format recommends. RECORD stays right: it
    /// lists contents. Wheels of equal files have equal twins, so the twin of a twin is itself.
    ///
    /// `None` if that would need ZIP64: with more than 65,534 files or 4 GiB. Every file's checksum is checked.
    pub fn stored_twin(&self) -> Result<Option<Vec<u8>>, WheelError> {
        let files = self.entries().map(|entry| self.file(entry)).collect::<Result<_, _>>()?;
        Ok(self.stored(files))
    }

    /// A stored twin with bytecode in the place of modules: `bytecode` has, by the path of the source, path and contents.
    /// RECORD lists the sources as before, so their sizes and hashes are known; one that it lists without size stays.
    ///
    /// `None` as of [`Self::stored_twin`], or if `bytecode` does not fit: for a source that is not there, at a path that is
    /// there already.
    pub fn compiled_twin(&self, bytecode: &BTreeMap<String, (String, Vec<u8>)>) -> Result<Option<Vec<u8>>, WheelError> {
        let record = self.record()?;
        let sized = record.entries().iter().filter(|line| line.size.is_some());
        let sized: BTreeSet<&str> = sized.map(|line| line.path.as_str()).collect();
        let mut files: Vec<File<'_>> = Vec::new();
        let mut sources = 0;
        for entry in self.entries() {
            let compiled = bytecode.get(entry.path());
            sources += usize::from(compiled.is_some());
            let Some((path, contents)) = compiled.filter(|_| sized.contains(entry.path())) else {
                files.push(self.file(entry)?);
                continue;
            };
            let contents = Cow::Borrowed(contents.as_slice());
            files.push(File { path, executable: false, crc32: crc32(&contents), contents });
        }
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path).collect();
        if sources < bytecode.len() || paths.len() < files.len() {
            return Ok(None);
        }
        Ok(self.stored(files))
    }

    fn file<'e>(&'e self, entry: &'e Entry) -> Result<File<'e>, WheelError> {
        let (path, executable, crc32) = (entry.path(), entry.is_executable(), entry.crc32());
        Ok(File { path, executable, crc32, contents: self.read(entry)?.into() })
    }

    fn stored(&self, mut files: Vec<File<'_>>) -> Option<Vec<u8>> {
        files.sort_by_key(|file| self.place(file.path));
        if files.len() > MOST_ENTRIES {
            return None;
        }
        let (mut twin, mut directory) = (Vec::new(), Vec::new());
        for file in &files {
            let (Ok(size), Ok(offset)) = (u32::try_from(file.contents.len()), u32::try_from(twin.len())) else {
                return None;
            };
            put_central(&mut directory, file, size, offset);
            twin.extend(LOCAL_SIGNATURE.to_le_bytes());
            put_fields(&mut twin, file, size);
            twin.extend(file.path.as_bytes());
            twin.extend_from_slice(&file.contents);
        }
        let (Ok(size), Ok(offset)) = (u32::try_from(directory.len()), u32::try_from(twin.len())) else {
            return None;
        };
        twin.append(&mut directory);
        twin.extend(END_SIGNATURE.to_le_bytes());
        // At most `MOST_ENTRIES`.
        let count = u16::try_from(files.len()).unwrap_or_default();
        put16(&mut twin, &[0, 0, count, count]);
        put32(&mut twin, &[size, offset]);
        put16(&mut twin, &[0]);
        Some(twin)
    }

    /// What the files of a twin are sorted by: whether they are in dist-info, the suffix, the path.
    fn place<'p>(&self, path: &'p str) -> (bool, &'p str, &'p str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        (path.split('/').next() == Some(self.dist_info_dir()), suffix, path)
    }
}

fn put_central(directory: &mut Vec<u8>, file: &File<'_>, size: u32, offset: u32) {
    let permissions = if file.executable { 0o755 } else { 0o644 };
    directory.extend(CENTRAL_SIGNATURE.to_le_bytes());
    put16(directory, &[MADE_BY]);
    put_fields(directory, file, size);
    // No comment, first disk, no internal attributes.
    put16(directory, &[0, 0, 0]);
    put32(directory, &[(TYPE_FILE | permissions) << 16, offset]);
    directory.extend(file.path.as_bytes());
}

/// What both headers have, from the version needed to the lengths of name and extra fields.
fn put_fields(out: &mut Vec<u8>, file: &File<'_>, size: u32) {
    let flags = if file.path.is_ascii() { 0 } else { FLAG_UTF8 };
    put16(out, &[VERSION, flags, STORED]);
    put32(out, &[TIME_AND_DATE, file.crc32, size, size]);
    // It was read from a field of this width.
    put16(out, &[u16::try_from(file.path.len()).unwrap_or_default(), 0]);
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}
