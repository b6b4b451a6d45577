//! How large the parts of the cache are.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::Serialize;

use super::entries;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};

/// One part of the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Name of its directory.
    pub name: &'static str,
    /// How many entries it has.
    pub entries: usize,
    /// Bytes of all files in it; links are not followed.
    pub bytes: u64,
    /// Directories in it that could not be read, and so are not counted: those of a Debian root directory may be
    /// another user's.
    pub unread: u64,
}

/// Every part, the largest first.
pub fn sizes(context: &Context) -> Result<Vec<Part>, BuildError> {
    let cache = &context.cache;
    let mut parts = Vec::new();
    for (name, directory) in [
        ("actions", cache.actions()),
        ("crates", cache.crates()),
        ("cross-environments", cache.cross_environments()),
        ("logs", cache.logs()),
        ("objects", cache.objects()),
        ("recipes", cache.recipes()),
        ("resolutions", cache.resolutions()),
        ("runtimes", cache.runtimes()),
        ("rust-libraries", cache.rust_libraries()),
        ("sources", cache.sources()),
        ("toolchains", cache.toolchains()),
        ("tools", cache.tools()),
        ("work", cache.work()),
    ] {
        context.interrupt.check()?;
        let entries = entries(&directory).doing("read", &directory)?;
        let mut size = Size::default();
        for entry in &entries {
            size.add(entry).doing("read", entry)?;
        }
        parts.push(Part { name, entries: entries.len(), bytes: size.bytes, unread: size.unread });
    }
    parts.sort_by(|one, other| other.bytes.cmp(&one.bytes).then(one.name.cmp(other.name)));
    Ok(parts)
}

/// Bytes of a file, or of all files in a directory.
pub(super) fn bytes(path: &Path) -> Result<u64, BuildError> {
    let mut size = Size::default();
    size.add(path).doing("read", path)?;
    Ok(size.bytes)
}

#[derive(Default)]
struct Size {
    bytes: u64,
    unread: u64,
    /// Files with several names that are counted already.
    linked: BTreeSet<(u64, u64)>,
}

impl Size {
    /// What another program removes meanwhile counts nothing.
    fn add(&mut self, path: &Path) -> io::Result<()> {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        if metadata.is_dir() {
            match entries(path) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => self.unread += 1,
                entries => {
                    for entry in entries? {
                        self.add(&entry)?;
                    }
                }
            }
        } else if metadata.nlink() < 2 || self.linked.insert((metadata.dev(), metadata.ino())) {
            self.bytes += metadata.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once_and_links_lead_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("large"), [0; 1000]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("below")).unwrap();
        fs::write(at("below/file"), [0; 10]).unwrap();
        fs::hard_link(at("below/file"), at("same")).unwrap();
        std::os::unix::fs::symlink(outside.path(), at("link")).unwrap();
        let length = fs::symlink_metadata(at("link")).unwrap().len();
        assert_eq!(bytes(directory.path()).unwrap(), 10 + length);
        assert_eq!(bytes(&at("missing")).unwrap(), 0);
    }
}
