//! One project of a line: its files, the names that its deleted files had, its status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Abi, Digest, FileEntry, IndexError, PackageName, ProjectStatus, Status, Twin, Version, WheelFilename};

/// One project in one line. In the store it is an entry of the line's index tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Project {
    /// By filename.
    files: BTreeMap<String, FileEntry>,
    /// Digests by filename: a name that was published never comes to mean other bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    deleted: BTreeMap<String, Digest>,
    #[serde(default, skip_serializing_if = "ProjectStatus::is_plain")]
    status: ProjectStatus,
}

/// What became of an entry offered to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there before.
    Added,
    /// The same bytes were published before; the earlier entry stays as it was.
    AlreadyThere,
}

impl Project {
    /// Its files, sorted by filename, also those that its status hides.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.values()
    }

    /// The files that may be shown and installed: none of a quarantined project.
    pub fn offered(&self) -> impl Iterator<Item = &FileEntry> {
        let is_hidden = self.status.status == Status::Quarantined;
        self.files().filter(move |_| !is_hidden)
    }

    /// The file of this name.
    pub fn get(&self, filename: &str) -> Option<&FileEntry> {
        self.files.get(filename)
    }

    /// The file of this name, to be changed.
    pub fn get_mut(&mut self, filename: &str) -> Option<&mut FileEntry> {
        self.files.get_mut(filename)
    }

    /// Names of deleted files with the SHA-256 that they had.
    pub fn deleted(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.deleted.iter().map(|(filename, sha256)| (filename.as_str(), *sha256))
    }

    /// Its status.
    pub const fn status(&self) -> &ProjectStatus {
        &self.status
    }

    /// Gives it another status.
    pub fn set_status(&mut self, status: ProjectStatus) {
        self.status = status;
    }

    /// Whether there is nothing to keep of it: no file, no name of a deleted one, no status.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.deleted.is_empty() && self.status.is_plain()
    }

    /// Adds a file. The same filename with other bytes is an error, whatever else has changed and also after it was
    /// deleted, and so is a file that does not fit the line's ABI.
    pub fn insert(&mut self, abi: Abi, entry: FileEntry) -> Result<Inserted, IndexError> {
        entry.filename.require_fit(abi)?;
        let (filename, offered) = (entry.filename.to_string(), entry.sha256);
        match (self.files.get(&filename), self.deleted.get(&filename)) {
            (Some(published), _) if published.sha256 == offered => return Ok(Inserted::AlreadyThere),
            (Some(FileEntry { sha256: published, .. }), _) => {
                return Err(IndexError::FilenameTaken { filename, published: *published, offered });
            }
            (None, Some(deleted)) if *deleted != offered => {
                let (deleted, offered) = (Box::new(*deleted), Box::new(offered));
                return Err(IndexError::FilenameDeleted { filename, deleted, offered });
            }
            (None, _) => {}
        }
        self.deleted.remove(&filename);
        self.files.insert(filename, entry);
        Ok(Inserted::Added)
    }

    /// Takes a file out and keeps its name; nothing happens if there is no such file.
    pub fn delete(&mut self, filename: &str) {
        if let Some(entry) = self.files.remove(filename) {
            self.deleted.insert(filename.to_owned(), entry.sha256);
        }
    }

    /// Keeps the name of a file that is not here, so that it is not given to other bytes. One that the project knows
    /// stays what it is.
    pub fn reserve(&mut self, filename: &str, sha256: Digest) {
        if !self.files.contains_key(filename) {
            self.deleted.entry(filename.to_owned()).or_insert(sha256);
        }
    }

    /// Yanks every file of a version ([PEP 592](https://peps.python.org/pep-0592/)) for this reason, which may be empty,
    /// or takes that back.
    pub fn set_yanked(&mut self, version: &Version, reason: Option<&str>) {
        for entry in self.files.values_mut().filter(|entry| entry.version == *version) {
            entry.yanked = reason.map(str::to_owned);
        }
    }

    /// Names the report of a file's admission; nothing happens if there is no such file.
    pub fn set_admission(&mut self, filename: &str, report: Digest) {
        if let Some(entry) = self.files.get_mut(filename) {
            entry.admission_sha256 = Some(report);
        }
    }

    /// Names the compiled twin of a file; nothing happens if there is no such file.
    pub fn set_compiled(&mut self, filename: &str, compiled: Twin) {
        if let Some(entry) = self.files.get_mut(filename) {
            entry.compiled = Some(compiled);
        }
    }

    /// Names the stored twin of a file; nothing happens if there is no such file.
    pub fn set_twin(&mut self, filename: &str, twin: Twin) {
        if let Some(entry) = self.files.get_mut(filename) {
            entry.twin = Some(twin);
        }
    }

    /// Takes an entry as a document has it.
    pub(crate) fn put(&mut self, filename: String, entry: FileEntry) {
        self.files.insert(filename, entry);
    }

    /// That every entry stands under its own name, and in the project that it belongs to.
    pub fn check(&self, name: &PackageName) -> Result<(), IndexError> {
        const WHAT: &str = "channel index";
        for (filename, entry) in &self.files {
            if filename != entry.filename.as_str()
                || entry.name != *entry.filename.name()
                || entry.name != *name
                || entry.version != *entry.filename.version()
            {
                let reason = format!(
                    "the entry of {name} under {filename} describes {}, {} {}",
                    entry.filename, entry.name, entry.version
                );
                return Err(IndexError::Inconsistent { what: WHAT, reason });
            }
        }
        for filename in self.deleted.keys() {
            let parsed: WheelFilename = filename.parse()?;
            if parsed.name() != name || self.files.contains_key(filename) {
                let reason = format!("{name} has {filename} as deleted, which is another project's or not deleted");
                return Err(IndexError::Inconsistent { what: WHAT, reason });
            }
        }
        Ok(())
    }
}
