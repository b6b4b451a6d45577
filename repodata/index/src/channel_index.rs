//! What one line of a channel says it has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::{WHOLE_FORMAT, from_json_of};
use crate::{Abi, Digest, FileEntry, IndexError, PackageName, Twin};

/// The files of one project in one line, by filename. In the store it is an entry of the line's index tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Project(BTreeMap<String, FileEntry>);

/// What became of an entry offered to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there before.
    Added,
    /// The same bytes were published before; the earlier entry stays as it was.
    AlreadyThere,
}

impl Project {
    /// Its files, sorted by filename.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.0.values()
    }

    /// The file of this name.
    pub fn get(&self, filename: &str) -> Option<&FileEntry> {
        self.0.get(filename)
    }

    /// The file of this name, to be changed.
    pub fn get_mut(&mut self, filename: &str) -> Option<&mut FileEntry> {
        self.0.get_mut(filename)
    }

    /// Whether it has no files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a file. The same filename with other bytes is an error, whatever else has changed, and so is a file that
    /// does not fit the line's ABI.
    pub fn insert(&mut self, abi: Abi, entry: FileEntry) -> Result<Inserted, IndexError> {
        entry.filename.require_fit(abi)?;
        if let Some(published) = self.0.get(entry.filename.as_str()) {
            if published.sha256 == entry.sha256 {
                return Ok(Inserted::AlreadyThere);
            }
            return Err(IndexError::FilenameTaken {
                filename: entry.filename.to_string(),
                published: published.sha256,
                offered: entry.sha256,
            });
        }
        self.0.insert(entry.filename.to_string(), entry);
        Ok(Inserted::Added)
    }

    /// Names the report of a file's admission; nothing happens if there is no such file.
    pub fn set_admission(&mut self, filename: &str, report: Digest) {
        if let Some(entry) = self.0.get_mut(filename) {
            entry.admission_sha256 = Some(report);
        }
    }

    /// Names the stored twin of a file; nothing happens if there is no such file.
    pub fn set_twin(&mut self, filename: &str, twin: Twin) {
        if let Some(entry) = self.0.get_mut(filename) {
            entry.twin = Some(twin);
        }
    }

    /// That every entry stands under its own name, and in the project that it belongs to.
    pub fn check(&self, name: &PackageName) -> Result<(), IndexError> {
        for (filename, entry) in &self.0 {
            if filename != entry.filename.as_str()
                || entry.name != *entry.filename.name()
                || entry.name != *name
                || entry.version != *entry.filename.version()
            {
                let reason = format!(
                    "the entry of {name} under {filename} describes {}, {} {}",
                    entry.filename, entry.name, entry.version
                );
                return Err(IndexError::Inconsistent { what: "channel index", reason });
            }
        }
        Ok(())
    }
}

/// All projects of one line, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelIndex {
    /// The line's ABI.
    pub abi: Abi,
    projects: BTreeMap<PackageName, Project>,
}

/// The index as one document, as lines had it before they were trees.
#[derive(Deserialize)]
struct Whole {
    abi: Abi,
    files: BTreeMap<String, FileEntry>,
}

impl ChannelIndex {
    /// An index without files.
    pub const fn empty(abi: Abi) -> Self {
        Self { abi, projects: BTreeMap::new() }
    }

    /// An index of these projects.
    pub const fn new(abi: Abi, projects: BTreeMap<PackageName, Project>) -> Self {
        Self { abi, projects }
    }

    /// Its projects.
    pub const fn projects(&self) -> &BTreeMap<PackageName, Project> {
        &self.projects
    }

    /// Every file, sorted by project and filename.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.projects.values().flat_map(Project::files)
    }

    /// Adds a file, as [`Project::insert`] does.
    pub fn insert(&mut self, entry: FileEntry) -> Result<Inserted, IndexError> {
        // A file that is refused leaves no empty project.
        entry.filename.require_fit(self.abi)?;
        self.projects.entry(entry.name.clone()).or_default().insert(self.abi, entry)
    }

    /// Reads an index of format 1, which was one document, and checks that it agrees with itself.
    pub fn from_whole(bytes: &[u8]) -> Result<Self, IndexError> {
        let Whole { abi, files } = from_json_of("channel index", WHOLE_FORMAT, bytes)?;
        let mut projects: BTreeMap<PackageName, Project> = BTreeMap::new();
        for (filename, entry) in files {
            projects.entry(entry.name.clone()).or_default().0.insert(filename, entry);
        }
        projects.iter().try_for_each(|(name, project)| project.check(name))?;
        Ok(Self { abi, projects })
    }
}
