//! The store: objects as files of one directory.

mod disk;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Abi, Digest};
use sha2::{Digest as _, Sha256};

use self::disk::Disk;
use crate::signing::KeyDirectory;
use crate::{ChannelName, ServerError, StoredObject};

pub use disk::{DiskOperation, DiskWatch};

/// A directory of objects. Every object appears whole or not at all, even if the power fails: a file is written under
/// another name, brought to the disk, renamed, and the name is brought to the disk, all before the next object is begun.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    disk: Disk,
    keys: Option<KeyDirectory>,
}

/// Excludes other publishers until dropped, in this process and in others. The system takes it from a process that is
/// killed.
#[derive(Debug)]
pub struct PublishLock {
    _file: File,
    /// Directories whose own names are known to be on the disk.
    durable: RefCell<BTreeSet<PathBuf>>,
}

/// The SHA-256 of some bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

impl Store {
    /// A store in this directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), disk: Disk::default(), keys: None }
    }

    /// The same, with a witness of every change.
    pub fn watched(root: impl Into<PathBuf>, watch: DiskWatch) -> Self {
        Self { root: root.into(), disk: Disk::watched(watch), keys: None }
    }

    /// The same, with the directory of the keys that channels sign their heads with.
    #[must_use]
    pub fn with_keys(self, directory: impl Into<PathBuf>) -> Self {
        Self { keys: Some(KeyDirectory::new(directory)), ..self }
    }

    /// The directory of keys, if there is one.
    pub(crate) const fn keys(&self) -> Option<&KeyDirectory> {
        self.keys.as_ref()
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

    /// The size of an object in bytes, `None` if there is none.
    pub fn size(&self, object: &StoredObject) -> Option<u64> {
        fs::metadata(self.file(object)).ok().filter(fs::Metadata::is_file).map(|there| there.len())
    }

    /// The deltas that make a twin.
    pub(crate) fn deltas(&self, sha256: Digest) -> Result<Vec<StoredObject>, ServerError> {
        let directory = self.root.join(format!("blobs/{sha256}"));
        let failed = |source| ServerError::Read { path: directory.clone(), source };
        let mut deltas = Vec::new();
        match fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(failed)?.file_name();
                    let dictionary = name.to_str().and_then(|name| name.strip_suffix(".dcz")?.parse().ok());
                    deltas.extend(dictionary.map(|dictionary| StoredObject::Delta { sha256, dictionary }));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(deltas)
    }

    /// Waits until no one else publishes. What an interrupted publish left half-written is removed.
    pub fn lock(&self) -> Result<PublishLock, ServerError> {
        let path = self.root.join("publish.lock");
        let failed = |source| ServerError::Write { path: path.clone(), source };
        let lock = |file| PublishLock { _file: file, durable: RefCell::default() };
        self.create_above(&self.root).map_err(failed)?;
        let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        if file.try_lock().is_err() {
            tracing::info!(lock = %path.display(), "waiting for another publish to end");
            file.lock().map_err(failed)?;
        }
        let staging = self.staging();
        self.disk.remove_directory(&staging).map_err(|source| ServerError::Write { path: staging, source })?;
        Ok(lock(file))
    }

    /// Writes an object, replacing the head, which alone may change, and what is damaged. When it returns, the object
    /// and the directories above it are on the disk.
    pub fn write(&self, lock: &PublishLock, object: &StoredObject, bytes: &[u8]) -> Result<(), ServerError> {
        let path = self.file(object);
        self.write_whole(lock, &path, bytes).map_err(|source| ServerError::Write { path, source })
    }

    /// Removes an object; `false` if there is none. The caller has seen to it that nothing current names it.
    pub(crate) fn remove(&self, _lock: &PublishLock, object: &StoredObject) -> Result<bool, ServerError> {
        let path = self.file(object);
        self.disk.remove_file(&path).map_err(|source| ServerError::Write { path, source })
    }

    /// The channels that something was published to, main first.
    pub fn channels(&self) -> Result<Vec<ChannelName>, ServerError> {
        let directory = self.root.join("c");
        let failed = |source| ServerError::Read { path: directory.clone(), source };
        let mut others = Vec::new();
        match fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(failed)?.file_name();
                    // Whatever has another name was not made by us.
                    others.extend(name.to_str().and_then(|name| name.parse::<ChannelName>().ok()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        others.sort();
        let has_head = |channel: &ChannelName| {
            Abi::known().any(|abi| self.file(&StoredObject::Head { channel: channel.clone(), abi }).is_file())
        };
        Ok(std::iter::once(ChannelName::main()).chain(others).filter(has_head).collect())
    }

    fn write_whole(&self, lock: &PublishLock, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.root);
        self.make_durable(lock, directory)?;
        if !is_there(path, bytes) {
            // In the store's own directory: renaming works within one file system only.
            self.disk.create_directory(&self.staging())?;
            let mut file = self.disk.create_file(&self.staging())?;
            self.disk.write(&mut file, bytes)?;
            self.disk.synchronize_file(&file)?;
            self.disk.rename(file, path)?;
        }
        // Also where it was there: whoever wrote it may have been killed before this.
        self.disk.synchronize_directory(directory)
    }

    fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    /// Creates a directory of the store, and brings its name and all above it to the disk. It is not enough that it is
    /// there: the process that created it may have been killed before it did the second.
    fn make_durable(&self, lock: &PublishLock, directory: &Path) -> io::Result<()> {
        if lock.durable.borrow().contains(directory) {
            return Ok(());
        }
        let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        if directory == self.root {
            // What is above the store is not ours, and may be closed to us.
            if let Some(Err(error)) = parent.map(|parent| self.disk.synchronize_directory(parent))
                && error.kind() != io::ErrorKind::PermissionDenied
            {
                return Err(error);
            }
        } else if let Some(parent) = parent {
            self.make_durable(lock, parent)?;
            self.disk.create_directory(directory)?;
            self.disk.synchronize_directory(parent)?;
        }
        lock.durable.borrow_mut().insert(directory.to_owned());
        Ok(())
    }

    /// Creates the store's own directory and whatever is missing above it, each recorded in its parent.
    fn create_above(&self, directory: &Path) -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_above(parent)?;
        }
        self.disk.create_directory(directory)?;
        parent.map_or(Ok(()), |parent| self.disk.synchronize_directory(parent))
    }
}

/// Whether the file has these bytes. One that has others was damaged by something else than us.
fn is_there(path: &Path, bytes: &[u8]) -> bool {
    fs::metadata(path).is_ok_and(|there| there.len() == bytes.len() as u64)
        && fs::read(path).is_ok_and(|there| there == bytes)
}
