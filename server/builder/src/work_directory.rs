//! Directories to work in: claimed while a program lives, removed when it is done, and removed by the next one when it
//! was killed.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::error::{BuildError, IoContext as _};

/// A directory of our own below the cache's `work/`, in the same file system as all of the cache. Dropping it removes
/// it.
#[derive(Debug)]
pub struct WorkDirectory {
    directory: TempDir,
    /// A lock on the directory, which the system drops when the process ends, however it ends.
    _claim: File,
}

impl WorkDirectory {
    /// A new directory in `work`, called after its purpose. What killed programs left there is removed first.
    pub(crate) fn create(work: &Path, purpose: &str) -> Result<Self, BuildError> {
        fs::create_dir_all(work).doing("create", work)?;
        // Between a directory's creation and its claim nobody may look for unclaimed ones.
        let gate = File::open(work).doing("open", work)?;
        gate.lock().doing("lock", work)?;
        remove_unclaimed(work)?;
        let directory = tempfile::Builder::new()
            .prefix(&format!("{purpose}-"))
            .tempdir_in(work)
            .doing("create a directory in", work)?;
        let claim = File::open(directory.path()).doing("open", directory.path())?;
        claim.lock().doing("lock", directory.path())?;
        Ok(Self { directory, _claim: claim })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Moves it, finished, to its place in one step, so that there is never a half one. Should another process have been
    /// faster, its equal result stays.
    pub(crate) fn move_into_place(self, place: &Path) -> Result<(), BuildError> {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).doing("create", parent)?;
        }
        match fs::rename(self.path(), place) {
            Ok(()) => {
                // It is there no more; the path that it had could be another's by now.
                let _moved = self.directory.keep();
                Ok(())
            }
            Err(_) if place.is_dir() => Ok(()),
            Err(source) => {
                Err(BuildError::Io { doing: "move the finished directory to", path: place.to_owned(), source })
            }
        }
    }
}

fn remove_unclaimed(work: &Path) -> Result<(), BuildError> {
    for entry in fs::read_dir(work).doing("read", work)?.flatten() {
        let path = entry.path();
        let unclaimed = File::open(&path).is_ok_and(|directory| directory.try_lock().is_ok());
        if unclaimed {
            // What cannot be removed now (a killed program's child may still write) the next one removes.
            let _ = fs::remove_dir_all(&path).or_else(|_| {
                open_up(&path);
                fs::remove_dir_all(&path)
            });
        }
    }
    Ok(())
}

/// Makes directories writable that a package's code may have closed, so that they can be moved and removed. Links are not
/// followed; what does not go stays as it is.
pub(crate) fn open_up(directory: &Path) {
    let is_directory = |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_dir());
    let mut pending = vec![directory.to_owned()];
    while let Some(path) = pending.pop().filter(|path| is_directory(path)) {
        let _ = fs::set_permissions(&path, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        pending.extend(entries.map(|entry| entry.path()).filter(|path| is_directory(path)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_programs_directory_is_removed_and_a_living_ones_is_not() {
        let cache = tempfile::tempdir().unwrap();
        let dead = cache.path().join("demo-dead");
        fs::create_dir_all(dead.join("build")).unwrap();
        fs::write(dead.join("build/half"), "half").unwrap();
        // Code of a package's closed it, for whoever is not root.
        fs::set_permissions(dead.join("build"), Permissions::from_mode(0o0)).unwrap();
        let living = WorkDirectory::create(cache.path(), "demo").unwrap();
        assert!(!dead.exists());
        let other = WorkDirectory::create(cache.path(), "demo").unwrap();
        assert!(living.path().is_dir() && other.path().is_dir());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }

    #[test]
    fn the_first_result_stays() {
        let cache = tempfile::tempdir().unwrap();
        let place = cache.path().join("results/one");
        for text in ["first", "second"] {
            let work = WorkDirectory::create(&cache.path().join("work"), "result").unwrap();
            fs::write(work.path().join("file"), text).unwrap();
            work.move_into_place(&place).unwrap();
        }
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "first");
        assert_eq!(fs::read_dir(cache.path().join("work")).unwrap().count(), 0);
    }
}
