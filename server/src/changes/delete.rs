//! Deleting files: the index loses them, their names stay taken.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::SystemTime;

use pkgsrv_index::{Abi, Digest, FileEntry, PackageName, WheelFilename};

use super::purge::{Purged, purge};
use super::{ChangedLine, Projects, ReleaseName, change_lines, locked_lines, require_found};
use crate::channel::{Line, read_line_at};
use crate::named::own_objects_of_file;
use crate::{ChannelName, ServerError, Store, StoredObject};

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteTarget {
    /// All files of a project.
    Project(PackageName),
    /// All files of a version.
    Release(ReleaseName),
    /// One file.
    File(WheelFilename),
}

/// A file to delete.
#[derive(Debug)]
pub(super) struct MeantFile {
    pub(super) filename: WheelFilename,
    pub(super) sha256: Digest,
    /// What the line says of it; nothing if it was deleted before.
    entry: Option<FileEntry>,
}

impl MeantFile {
    /// Its own objects. Those of one that was deleted before are what an earlier head says of it.
    pub(super) fn objects(&self, lines: &[Line]) -> Result<Vec<StoredObject>, ServerError> {
        if let Some(entry) = &self.entry {
            return Ok(own_objects_of_file(entry).into_iter().map(|named| named.object).collect());
        }
        for line in lines {
            for serial in (1..line.serial()).rev() {
                if line.past_head(serial)?.is_none() {
                    break;
                }
                let project = read_line_at(line, serial)?.project(self.filename.name())?;
                if let Some(entry) = project.get(self.filename.as_str()).filter(|entry| entry.sha256 == self.sha256) {
                    return Ok(own_objects_of_file(entry).into_iter().map(|named| named.object).collect());
                }
            }
        }
        let (sha256, filename) = (self.sha256, self.filename.clone());
        Ok(vec![
            StoredObject::Wheel { sha256, filename: filename.clone() },
            StoredObject::Metadata { sha256, filename },
        ])
    }
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Deletion {
    /// The lines.
    pub lines: Vec<ChangedLine>,
    /// What became of the bytes; empty if they were to stay.
    pub purged: Vec<Purged>,
}

impl DeleteTarget {
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

    /// The files of a line that are meant, also those that were deleted before.
    fn files(&self, line: &Line) -> Result<Vec<MeantFile>, ServerError> {
        let project = line.project(self.name())?;
        let there = project.files().map(|entry| MeantFile {
            filename: entry.filename.clone(),
            sha256: entry.sha256,
            entry: Some(entry.clone()),
        });
        let deleted = project.deleted().filter_map(|(filename, sha256)| {
            let filename = filename.parse().ok()?;
            Some(MeantFile { filename, sha256, entry: None })
        });
        Ok(there.chain(deleted).filter(|file| self.covers(&file.filename)).collect())
    }
}

impl FromStr for DeleteTarget {
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

impl fmt::Display for DeleteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(name) => write!(f, "{name}"),
            Self::Release(release) => write!(f, "{release}"),
            Self::File(filename) => write!(f, "{filename}"),
        }
    }
}

/// Deletes files from the lines of a channel; what no line has or had is an error. The bytes stay where they are, unless
/// they are to be purged: then those go that no line of any channel names now, and no environment in the directory that
/// is given for that ([`DataDir::all_environments`](crate::DataDir::all_environments)).
pub fn delete(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
    target: &DeleteTarget,
    purged_but_for: Option<&Path>,
    now: SystemTime,
) -> Result<Deletion, ServerError> {
    let (lock, lines) = locked_lines(store, channel, abi)?;
    let mut files = Vec::new();
    for line in &lines {
        files.extend(target.files(line)?);
    }
    // Of a file that several lines have, one that still has it tells the most.
    files.sort_by(|one, other| {
        let key = |file: &MeantFile| (file.filename.to_string(), file.sha256, file.entry.is_none());
        key(one).cmp(&key(other))
    });
    files.dedup_by(|one, other| (&one.filename, one.sha256) == (&other.filename, other.sha256));
    require_found(!files.is_empty(), target, channel)?;
    let changed = change_lines(store, &lock, &lines, now, |line| {
        let mut project = line.project(target.name())?;
        for file in &files {
            project.delete(file.filename.as_str());
        }
        Ok(Projects::from([(target.name().clone(), project)]))
    })?;
    let purged = match purged_but_for {
        Some(environments) => purge(store, &lock, &lines, &files, environments)?,
        None => Vec::new(),
    };
    Ok(Deletion { lines: changed, purged })
}
