//! Every change that the store makes to its directory: one function, one system call, and one word to who watches.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

/// One change, as it was made. The store's promises rest on their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskOperation {
    /// A directory was created in one that is there.
    CreateDirectory(PathBuf),
    /// An empty file was created.
    CreateFile(PathBuf),
    /// Bytes were written to the end of a file.
    Write {
        /// The file.
        path: PathBuf,
        /// What was written.
        bytes: Vec<u8>,
    },
    /// A file's bytes are safe from a failing power: `fsync` of the file.
    SynchronizeFile(PathBuf),
    /// A file was given another name, under which there may have been another.
    Rename {
        /// Its name before.
        from: PathBuf,
        /// Its name now.
        to: PathBuf,
    },
    /// The names in a directory are safe: `fsync` of the directory.
    SynchronizeDirectory(PathBuf),
    /// A file was removed.
    RemoveFile(PathBuf),
    /// A directory was removed with all that was in it.
    RemoveDirectory(PathBuf),
}

/// Is told of every change after it was made.
pub type DiskWatch = Arc<dyn Fn(DiskOperation) + Send + Sync>;

/// The functions that change the disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    watch: Option<DiskWatch>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("is_watched", &self.watch.is_some()).finish()
    }
}

impl Disk {
    pub(super) fn watched(watch: DiskWatch) -> Self {
        Self { watch: Some(watch) }
    }

    fn tell(&self, operation: impl FnOnce() -> DiskOperation) {
        if let Some(watch) = &self.watch {
            watch(operation());
        }
    }

    /// Another process may have been faster.
    pub(super) fn create_directory(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.tell(|| DiskOperation::CreateDirectory(path.to_owned()));
                Ok(())
            }
        }
    }

    /// An empty file with a name of its own, removed when dropped.
    pub(super) fn create_file(&self, directory: &Path) -> io::Result<NamedTempFile> {
        let file = tempfile::Builder::new().prefix("object-").tempfile_in(directory)?;
        make_readable(file.as_file())?;
        self.tell(|| DiskOperation::CreateFile(file.path().to_owned()));
        Ok(file)
    }

    pub(super) fn write(&self, file: &mut NamedTempFile, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)?;
        self.tell(|| DiskOperation::Write { path: file.path().to_owned(), bytes: bytes.to_vec() });
        Ok(())
    }

    pub(super) fn synchronize_file(&self, file: &NamedTempFile) -> io::Result<()> {
        file.as_file().sync_all()?;
        self.tell(|| DiskOperation::SynchronizeFile(file.path().to_owned()));
        Ok(())
    }

    pub(super) fn rename(&self, file: NamedTempFile, to: &Path) -> io::Result<()> {
        let from = file.path().to_owned();
        file.persist(to)?;
        self.tell(|| DiskOperation::Rename { from, to: to.to_owned() });
        Ok(())
    }

    pub(super) fn synchronize_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()?;
        self.tell(|| DiskOperation::SynchronizeDirectory(path.to_owned()));
        Ok(())
    }

    /// `false` if there is no such file.
    pub(super) fn remove_file(&self, path: &Path) -> io::Result<bool> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(()) => {
                self.tell(|| DiskOperation::RemoveFile(path.to_owned()));
                Ok(true)
            }
        }
    }

    pub(super) fn remove_directory(&self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.tell(|| DiskOperation::RemoveDirectory(path.to_owned()));
                Ok(())
            }
        }
    }
}

/// Temporary files are private; another user may run the server.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &File) -> io::Result<()> {
    Ok(())
}
