//! What two states of a line have apart.

use std::fmt;
use std::str::FromStr;

use pkgsrv_index::{Abi, PackageName, Project, ProjectStatus, Status};
use serde::Serialize;

use super::published_lines;
use crate::channel::{Line, read_line_at};
use crate::{ChannelName, ServerError, Store};

/// Filenames by what has become of them, each list sorted; lists without any are left out of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    /// Files that were not there before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Files that are not there any more, and were not deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Files that were deleted: their names stay taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Files of the same name and other bytes; two channels may have such, one channel never.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_bytes: Vec<String>,
    /// Files that are yanked now, or for another reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub yanked: Vec<String>,
    /// Files that are not yanked any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unyanked: Vec<String>,
    /// Projects of another status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<ChangedStatus>,
}

/// A project and the status that it has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedStatus {
    /// The project.
    pub name: PackageName,
    /// Its status.
    #[serde(flatten)]
    pub status: ProjectStatus,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what two states of one project have apart.
    pub(super) fn add(&mut self, name: &PackageName, before: &Project, after: &Project) {
        for entry in after.files() {
            let filename = entry.filename.to_string();
            match before.get(&filename) {
                None => self.added.push(filename),
                Some(earlier) if earlier.sha256 != entry.sha256 => self.other_bytes.push(filename),
                Some(earlier) if earlier.yanked == entry.yanked => {}
                Some(_) if entry.yanked.is_some() => self.yanked.push(filename),
                Some(_) => self.unyanked.push(filename),
            }
        }
        for filename in before.files().map(|entry| entry.filename.as_str()) {
            if after.get(filename).is_some() {
                continue;
            }
            let is_deleted = after.deleted().any(|(deleted, _)| deleted == filename);
            let list = if is_deleted { &mut self.deleted } else { &mut self.removed };
            list.push(filename.to_owned());
        }
        if before.status() != after.status() {
            self.statuses.push(ChangedStatus { name: name.clone(), status: after.status().clone() });
        }
    }
}

/// By kind, one file a line, for people.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, deleted, other_bytes, yanked, unyanked, statuses } = self;
        for (word, filenames) in [
            ("added", added),
            ("removed", removed),
            ("deleted", deleted),
            ("other bytes:", other_bytes),
            ("yanked", yanked),
            ("unyanked", unyanked),
        ] {
            filenames.iter().try_for_each(|filename| writeln!(f, "  {word} {filename}"))?;
        }
        for ChangedStatus { name, status: ProjectStatus { status, reason } } in statuses {
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            writeln!(f, "  {name} is {status}{}", if *status == Status::Active { String::new() } else { reason })?;
        }
        Ok(())
    }
}

/// A channel as it is, or as of one head of its history: `main`, `main@5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPoint {
    /// The channel.
    pub channel: ChannelName,
    /// The serial; `None` is the present.
    pub serial: Option<u64>,
}

impl FromStr for ChannelPoint {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let Some((channel, serial)) = text.split_once('@') else {
            return Ok(Self { channel: text.parse()?, serial: None });
        };
        let serial = serial.parse().ok().filter(|serial| *serial > 0);
        let invalid = || ServerError::InvalidPoint { found: text.to_owned() };
        Ok(Self { channel: channel.parse()?, serial: Some(serial.ok_or_else(invalid)?) })
    }
}

impl ChannelPoint {
    fn lines(&self, store: &Store, abi: Option<Abi>) -> Result<Vec<Line>, ServerError> {
        let lines = published_lines(store, &self.channel, abi)?;
        let Some(serial) = self.serial else { return Ok(lines) };
        lines.iter().map(|line| read_line_at(line, serial)).collect()
    }
}

/// What one line has in which two points differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineDifference {
    /// The line.
    pub abi: Abi,
    /// The serial of the first; 0 where it has no such line.
    pub from: u64,
    /// The serial of the second; 0 where it has no such line.
    pub to: u64,
    /// What differs.
    #[serde(flatten)]
    pub difference: Difference,
}

/// Compares two points line by line. Of their trees only the nodes are read that differ.
pub fn diff(
    store: &Store,
    from: &ChannelPoint,
    to: &ChannelPoint,
    abi: Option<Abi>,
) -> Result<Vec<LineDifference>, ServerError> {
    let (from, to) = (from.lines(store, abi)?, to.lines(store, abi)?);
    let of = |lines: &[Line], abi| lines.iter().position(|line| line.abi() == abi);
    let mut differences = Vec::new();
    for abi in Abi::known() {
        let (first, second) = (of(&from, abi).map(|at| &from[at]), of(&to, abi).map(|at| &to[at]));
        if first.is_none() && second.is_none() {
            continue;
        }
        let mut difference = Difference::default();
        for (name, (before, after)) in Line::differences(first, second)? {
            difference.add(&name, &before.unwrap_or_default(), &after.unwrap_or_default());
        }
        let serial = |line: Option<&Line>| line.map_or(0, Line::serial);
        differences.push(LineDifference { abi, from: serial(first), to: serial(second), difference });
    }
    Ok(differences)
}
