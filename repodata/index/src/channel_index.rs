//! What one line of a channel says it has.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::format::{WHOLE_FORMAT, from_json_of};
use crate::{Abi, FileEntry, IndexError, Inserted, PackageName, Project};

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
            projects.entry(entry.name.clone()).or_default().put(filename, entry);
        }
        projects.iter().try_for_each(|(name, project)| project.check(name))?;
        Ok(Self { abi, projects })
    }
}
