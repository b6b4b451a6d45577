//! Deleting files: the index loses them, their names stay taken.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::SystemTime;

use pkgsrv_index::{Abi, Digest, PackageName, Project, WheelFilename};

use super::purge::{Purged, purge};
use super::{ChangedLine, Projects, ReleaseName, change_lines, published_lines, require_found};
use crate::{ChannelName, ServerError, Store};

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All files of a project.
    Project(PackageName),
    /// All files of a version.
    Release(ReleaseName),
    /// One file.
    File(WheelFilename),
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Deletion {
    /// The lines.
    pub lines: Vec<ChangedLine>,
    /// What became of the bytes; empty if they were to stay.
    pub purged: Vec<Purged>,
}

impl Target {
    fn name(&self) -> &PackageName {
        match self {
            Self::Project(name) => name,
            Self::Release(release) => &release.name,
            Self::File(filename) => filename.name(),
        }
    }

    fn covers(&self, filename: &WheelFilename) -> bool {
        match self {
            Self::Project(name) => filename.name() == name,
            Self::Release(release) => *filename.name() == release.name && *filename.version() == release.version,
            Self::File(named) => named == filename,
        }
    }

    /// The files that are meant, also those that were deleted before.
    fn files(&self, project: &Project) -> Vec<(WheelFilename, Digest)> {
        let there = project.files().map(|entry| (entry.filename.clone(), entry.sha256));
        let deleted = project.deleted().filter_map(|(filename, sha256)| Some((filename.parse().ok()?, sha256)));
        there.chain(deleted).filter(|(filename, _)| self.covers(filename)).collect()
    }
}

impl FromStr for Target {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let invalid = |_| ServerError::InvalidTarget { found: text.to_owned() };
        if Path::new(text).extension().is_some_and(|extension| extension == "whl") {
            return text.parse().map(Self::File).map_err(invalid);
        }
        if text.contains("==") {
            return text.parse().map(Self::Release);
        }
        text.parse().map(Self::Project).map_err(invalid)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(name) => write!(f, "{name}"),
            Self::Release(release) => write!(f, "{release}"),
            Self::File(filename) => write!(f, "{filename}"),
        }
    }
}

/// Deletes files from the lines of a channel; what no line has or had is an error. The bytes stay where they are, unless
/// they are to be purged: then those go that no line of any channel names now.
pub fn delete(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
    target: &Target,
    with_bytes: bool,
    now: SystemTime,
) -> Result<Deletion, ServerError> {
    published_lines(store, channel, abi)?;
    let lock = store.lock()?;
    let lines = published_lines(store, channel, abi)?;
    let mut files = Vec::new();
    for line in &lines {
        files.extend(target.files(&line.project(target.name())?));
    }
    files.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
    files.dedup();
    require_found(!files.is_empty(), target, channel)?;
    let lines = change_lines(store, &lock, &lines, now, |line| {
        let mut project = line.project(target.name())?;
        for (filename, _) in &files {
            project.delete(filename.as_str());
        }
        Ok(Projects::from([(target.name().clone(), project)]))
    })?;
    let purged = if with_bytes { purge(store, &lock, &files)? } else { Vec::new() };
    Ok(Deletion { lines, purged })
}
