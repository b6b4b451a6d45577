//! Files that have come and are not in their place yet, by digest: a mirror that broke off goes on with them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use pkgsrv_builder::Interrupt;
use pkgsrv_index::Digest;
use tempfile::TempDir;

use crate::file_list::ListedFile;
use crate::named::Check;
use crate::transfer::TransferError;
use crate::transfer::source::{Source, Wanted};
use crate::{DataDir, ServerError};

/// Held until dropped: of two mirrors into one data directory the second waits.
pub(super) struct Incoming {
    directory: PathBuf,
    _lock: File,
    fetched: u64,
}

impl Incoming {
    pub(super) fn open(data: &DataDir) -> Result<Self, TransferError> {
        let directory = data.path().join(".incoming");
        fs::create_dir_all(&directory).map_err(failed(&directory))?;
        let path = data.path().join(".mirror.lock");
        let lock = File::create(&path).map_err(failed(&path))?;
        lock.lock().map_err(failed(&path))?;
        // Another mirror may have ended meanwhile, and has taken it away.
        fs::create_dir_all(&directory).map_err(failed(&directory))?;
        Ok(Self { directory, _lock: lock, fetched: 0 })
    }

    /// Gathers files in a directory of their own. What lies in `here` or has come before, with the same digest, is not
    /// fetched.
    pub(super) fn gather(
        &mut self,
        source: &Source,
        prefix: &str,
        files: &[ListedFile],
        here: &Path,
        interrupt: &Interrupt,
    ) -> Result<TempDir, TransferError> {
        let is_new = |file: &&ListedFile| !file.is_at(&here.join(&file.name)) && !file.is_at(&self.path(file.sha256));
        let mut missing: Vec<&ListedFile> = files.iter().filter(is_new).collect();
        missing.sort_by_key(|file| file.sha256);
        missing.dedup_by_key(|file| file.sha256);
        let wanted: Vec<_> = missing
            .into_iter()
            .map(|file| Wanted {
                what: self.path(file.sha256),
                key: format!("{prefix}{}", file.name),
                check: Check::of(file.sha256, Some(file.size)),
            })
            .collect();
        source.get_all(wanted.into_iter(), interrupt, |path, bytes| {
            self.fetched += 1;
            // A file appears whole or not at all.
            let part = path.with_extension("part");
            Ok(fs::write(&part, bytes).and_then(|()| fs::rename(&part, &path)).map_err(failed(&path))?)
        })?;
        let gathered = tempfile::Builder::new().prefix("of-").tempdir_in(&self.directory);
        let gathered = gathered.map_err(failed(&self.directory))?;
        for file in files {
            let (came, there) = (self.path(file.sha256), here.join(&file.name));
            let copy = gathered.path().join(&file.name);
            fs::copy(if came.exists() { &came } else { &there }, &copy).map_err(failed(&copy))?;
        }
        Ok(gathered)
    }

    fn path(&self, sha256: Digest) -> PathBuf {
        self.directory.join(sha256.to_string())
    }

    /// Everything is in its place; how many files were fetched.
    pub(super) fn done(self) -> Result<u64, TransferError> {
        fs::remove_dir_all(&self.directory).map_err(failed(&self.directory))?;
        Ok(self.fetched)
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ServerError + use<> {
    let path = path.to_owned();
    move |source| ServerError::Write { path, source }
}
