//! Looking after the cache: how large its parts are, what in it is damaged, what was not used for long.

mod check;
mod prune;
mod size;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use check::{Checked, Damage, check};
pub use prune::{Pruned, Unused, prune};
pub use size::{Part, sizes};

use crate::admission::file_name as name_of;

/// Notes that an entry of the cache is used now, by its directory's time of modification: nothing inside changes, and a
/// file system's times of access are often switched off or moved by who only looks.
pub(crate) fn mark_used(entry: &Path) {
    // A cache that cannot be written to is used all the same.
    let _ = File::open(entry).and_then(|entry| entry.set_modified(SystemTime::now()));
}

/// The paths in a directory, sorted; none if it is not there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => {
            let mut paths: Vec<_> = entries?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
            paths.sort();
            Ok(paths)
        }
    }
}
