//! Bringing files of one channel into another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use pkgsrv_index::{
    Abi, Digest, ExtraName, FileEntry, IndexError, Inserted, PackageName, Project, Requirement, Status, nearest,
};
use serde::Serialize;

use super::{ChangedLine, Projects, change_lines, locked_lines, refuse_closed};
use crate::channel::{Line, read_line};
use crate::{ChannelName, ServerError, Store};

/// What a promotion did to one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromotedLine {
    /// What has changed.
    #[serde(flatten)]
    pub line: ChangedLine,
    /// Files that were left out, since they were deleted there; publishing them again brings them back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// Adds files of one channel to another: all, or those of these projects and of what they need. What is yanked there
/// becomes yanked here. A filename that the other channel has with other bytes is an error, and changes nothing.
pub fn promote(
    store: &Store,
    from: &ChannelName,
    to: &ChannelName,
    abi: Option<Abi>,
    names: &[PackageName],
    now: SystemTime,
) -> Result<Vec<PromotedLine>, ServerError> {
    if from == to {
        return Err(ServerError::SameChannel { channel: from.to_string() });
    }
    let (lock, sources) = locked_lines(store, from, abi)?;
    let promoted: Vec<Projects> = sources.iter().map(|line| chosen(line, names)).collect::<Result<_, _>>()?;
    require_names(&sources, &promoted, names, from)?;
    refuse_quarantined(&promoted, from)?;
    let all_names: BTreeSet<&PackageName> = promoted.iter().flat_map(BTreeMap::keys).collect();
    refuse_closed(store, to, &all_names)?;
    let by_abi: BTreeMap<Abi, Projects> = sources.iter().map(Line::abi).zip(promoted).collect();
    let lines: Vec<Line> = by_abi.keys().map(|abi| read_line(store, to, *abi)).collect::<Result<_, _>>()?;
    let mut left_out: BTreeMap<Abi, Vec<String>> = BTreeMap::new();
    let changed = change_lines(store, &lock, &lines, now, |line| {
        let mut projects = Projects::new();
        for (name, source) in &by_abi[&line.abi()] {
            let mut project = line.project(name)?;
            let left_out = left_out.entry(line.abi()).or_default();
            for entry in source.files() {
                if !merge(&mut project, entry, line, from)? {
                    left_out.push(entry.filename.to_string());
                }
            }
            projects.insert(name.clone(), project);
        }
        Ok(projects)
    })?;
    let with_left_out = |line: ChangedLine| {
        let left_out = left_out.remove(&line.abi).unwrap_or_default();
        PromotedLine { line, left_out }
    };
    Ok(changed.into_iter().map(with_left_out).collect())
}

/// Adds a file to a project; `false` if it was deleted there.
fn merge(project: &mut Project, entry: &FileEntry, to: &Line, from: &ChannelName) -> Result<bool, ServerError> {
    let filename = entry.filename.as_str();
    if project.deleted().any(|deleted| deleted == (filename, entry.sha256)) {
        return Ok(false);
    }
    match project.insert(to.abi(), entry.clone()) {
        Ok(Inserted::Added) => {}
        Ok(Inserted::AlreadyThere) => {
            // A yank travels; that there is none does not take one back.
            if let (Some(there), Some(reason)) = (project.get_mut(filename), &entry.yanked) {
                there.yanked = Some(reason.clone());
            }
        }
        Err(IndexError::FilenameTaken { published: taken, .. }) => return Err(other_bytes(entry, from, to, taken)),
        Err(IndexError::FilenameDeleted { deleted: taken, .. }) => return Err(other_bytes(entry, from, to, *taken)),
        Err(source) => return Err(ServerError::Index { filename: filename.to_owned(), source }),
    }
    Ok(true)
}

fn other_bytes(entry: &FileEntry, from: &ChannelName, to: &Line, taken: Digest) -> ServerError {
    ServerError::OtherBytes {
        filename: entry.filename.to_string(),
        from: from.to_string(),
        offered: entry.sha256.into(),
        to: to.channel().to_string(),
        taken: taken.into(),
    }
}

/// The projects with files that are to be promoted; without names, all.
fn chosen(line: &Line, names: &[PackageName]) -> Result<Projects, ServerError> {
    let mut chosen = if names.is_empty() { line.index()?.projects().clone() } else { needed(line, names)? };
    chosen.retain(|_, project| project.files().next().is_some());
    Ok(chosen)
}

/// These projects and, as far as the line has them, all that any of their files needs.
fn needed(line: &Line, names: &[PackageName]) -> Result<Projects, ServerError> {
    let mut projects = Projects::new();
    let mut seen: BTreeSet<(PackageName, Option<ExtraName>)> = BTreeSet::new();
    let mut pending: Vec<(PackageName, Option<ExtraName>)> = names.iter().map(|name| (name.clone(), None)).collect();
    while let Some((name, extra)) = pending.pop() {
        if !seen.insert((name.clone(), extra.clone())) {
            continue;
        }
        if !projects.contains_key(&name) {
            projects.insert(name.clone(), line.project(&name)?);
        }
        let requirements = projects[&name].files().flat_map(|entry| match &extra {
            None => entry.depends.iter(),
            Some(extra) => entry.extras.get(extra).map(|more| more.iter()).unwrap_or_default(),
        });
        pending.extend(requirements.flat_map(asked));
    }
    Ok(projects)
}

/// The project that a requirement names, by itself and with each extra.
fn asked(requirement: &Requirement) -> Vec<(PackageName, Option<ExtraName>)> {
    let extras = requirement.extras.iter().map(|extra| Some(extra.clone()));
    std::iter::once(None).chain(extras).map(|extra| (requirement.name.clone(), extra)).collect()
}

fn require_names(
    sources: &[Line],
    promoted: &[Projects],
    names: &[PackageName],
    from: &ChannelName,
) -> Result<(), ServerError> {
    let missing = names.iter().find(|name| !promoted.iter().any(|projects| projects.contains_key(*name)));
    let Some(name) = missing else { return Ok(()) };
    let mut known = BTreeSet::new();
    for line in sources {
        known.extend(line.index()?.projects().keys().cloned());
    }
    let nearest: Vec<String> = nearest(name, known.iter()).iter().map(ToString::to_string).collect();
    let hint = if nearest.is_empty() { String::new() } else { format!(" (is there: {})", nearest.join(", ")) };
    Err(ServerError::NotInChannel { what: format!("{name}{hint}"), channel: from.to_string() })
}

fn refuse_quarantined(promoted: &[Projects], from: &ChannelName) -> Result<(), ServerError> {
    let quarantined = |(name, project): (&PackageName, &Project)| {
        (project.status().status == Status::Quarantined).then(|| name.to_string())
    };
    match promoted.iter().flatten().find_map(quarantined) {
        Some(name) => Err(ServerError::PromotesQuarantined { name, channel: from.to_string() }),
        None => Ok(()),
    }
}
