//! The store: objects as files of one directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pkgsrv_index::Digest;
use sha2::{Digest as _, Sha256};

use crate::{ServerError, StoredObject};

/// A directory of objects. Every object appears whole or not at all, even if the power fails.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Excludes other publishers until dropped, in this process and in others.
#[derive(Debug)]
pub struct PublishLock {
    _file: File,
}

/// The SHA-256 of some bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

impl Store {
    /// A store in this directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of an object.
    pub fn file(&self, object: &StoredObject) -> PathBuf {
        self.root.join(object.path())
    }

    /// The bytes of an object, `None` if there is none.
    pub fn read(&self, object: &StoredObject) -> Result<Option<Vec<u8>>, ServerError> {
        let path = self.file(object);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ServerError::Read { path, source }),
        }
    }

    /// Waits until no one else publishes. What an interrupted publish left half-written is removed.
    pub fn lock(&self) -> Result<PublishLock, ServerError> {
        let path = self.root.join("publish.lock");
        let failed = |source| ServerError::Write { path: path.clone(), source };
        fs::create_dir_all(&self.root).map_err(failed)?;
        let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        if file.try_lock().is_err() {
            tracing::info!(lock = %path.display(), "waiting for another publish to end");
            file.lock().map_err(failed)?;
        }
        match fs::remove_dir_all(self.staging()) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ServerError::Write { path: self.staging(), source })
            }
            _ => Ok(PublishLock { _file: file }),
        }
    }

    /// Writes an object, replacing the head but nothing else: an immutable object of the same
    /// length is already what it should be, since it could only appear whole.
    pub fn write(&self, _lock: &PublishLock, object: &StoredObject, bytes: &[u8]) -> Result<(), ServerError> {
        let path = self.file(object);
        let is_there = || fs::metadata(&path).is_ok_and(|there| there.len() == bytes.len() as u64);
        if !matches!(object, StoredObject::Head { .. }) && is_there() {
            return Ok(());
        }
        self.write_whole(&path, bytes).map_err(|source| ServerError::Write { path, source })
    }

    fn write_whole(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.root);
        create_dir_durably(directory)?;
        // In the store's own directory: renaming works within one file system only.
        fs::create_dir_all(self.staging())?;
        let mut file = tempfile::Builder::new().prefix("object-").tempfile_in(self.staging())?;
        file.write_all(bytes)?;
        make_readable(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(directory)?.sync_all()
    }

    fn staging(&self) -> PathBuf {
        self.root.join("staging")
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

/// Creates a directory and whatever is missing above it, each recorded in its parent.
fn create_dir_durably(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_dir_durably(parent)?;
    }
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match parent {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
