//! How full a disk is.

use std::fmt;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// What other programs print when they meet a full disk: C libraries, Node, Rust.
const WORDS: &[&str] = &["No space left on device", "ENOSPC:", "Disk quota exceeded"];

/// Room on the file system of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes altogether.
    pub total: u64,
    /// Bytes that are taken.
    pub used: u64,
}

impl Space {
    /// The room where `path` is, or where it would be created.
    pub fn of(path: &Path) -> io::Result<Self> {
        let there = path.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
        Self::at(there)
    }

    /// The room where `path` is, which is there.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let facts = statvfs(path).map_err(io::Error::from)?;
        let bytes = |blocks: u64| blocks.saturating_mul(facts.fragment_size());
        Ok(Self {
            free: bytes(facts.blocks_available()),
            total: bytes(facts.blocks()),
            used: bytes(facts.blocks().saturating_sub(facts.blocks_free())),
        })
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} free", Bytes(self.free), Bytes(self.total))
    }
}

/// A number of bytes, shown with a unit for people: `1.21 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&indicatif::BinaryBytes(self.0).to_string())
    }
}

/// Whether a program's output says that a disk was full.
pub(crate) fn tells_of_a_full_disk(output: &str) -> bool {
    WORDS.iter().any(|words| output.contains(words))
}
