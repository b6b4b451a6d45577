//! Publishing: all checks first, then blobs, then indexes, and the head as the last write.

mod candidates;
mod dictionary;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use pkgsrv_index::{Abi, FileEntry, Inserted, PackageName, Project, Release, UploadTime, WheelFilename};

use self::candidates::Admitted;
use self::dictionary::Dictionary;
use self::twins::{Kind, Twins};
use crate::changes::{Plan, refuse_closed, time_of};
use crate::channel::{Line, read_line};
use crate::store::{PublishLock, digest_of};
use crate::upload::CheckedUpload;
use crate::{ChannelName, ServerError, Store, StoredObject, Upload};

pub use candidates::{Accepted, Admission, Candidate, needed};

/// What a publish did to one line of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedLine {
    /// The line.
    pub abi: Abi,
    /// The serial of its head now.
    pub serial: u64,
    /// Files that were not there before.
    pub added: Vec<WheelFilename>,
    /// Files that were, with the same bytes.
    pub already_there: Vec<WheelFilename>,
}

impl PublishedLine {
    /// The line and its files, for people: a line of text for each.
    pub fn described(&self, channel: &ChannelName) -> String {
        let Self { abi, serial, added, already_there } = self;
        let added = added.iter().map(|filename| format!("  added {filename}\n"));
        let there = already_there.iter().map(|filename| format!("  already there: {filename}\n"));
        let files: String = added.chain(there).collect();
        format!("channel {channel}, ABI {abi}, serial {serial}\n{files}")
    }
}

/// Publishes wheels into the lines of a channel; each goes into every line that its tags fit, a pure
/// one into all of them. All are checked before anything is written, so a bad one stops the others.
/// Publishing the same bytes again changes nothing.
///
/// A reader sees a line before or after, never between. A wheel whose tags fit none of the lines, a
/// published filename with other bytes and a new wheel that `admit` refuses are errors.
pub fn publish(
    store: &Store,
    channel: &ChannelName,
    abis: &[Abi],
    uploads: &[Upload],
    now: SystemTime,
    admit: &Admission<'_>,
) -> Result<Vec<PublishedLine>, ServerError> {
    Publication::prepare(store, channel, abis, uploads, now, admit)?.commit()
}

/// A publish that is checked and planned, but has not changed anything. Others wait until it is
/// committed or dropped.
#[derive(Debug)]
pub struct Publication<'a> {
    store: &'a Store,
    lock: PublishLock,
    plan: Plan<'a>,
    lines: Vec<PublishedLine>,
}

impl<'a> Publication<'a> {
    /// Checks and plans what [`publish`] does. Admission and encodings take seconds, and nobody waits for them: they are
    /// asked for before the lock is taken, and again only for what another publish has changed meanwhile.
    pub fn prepare(
        store: &'a Store,
        channel: &ChannelName,
        abis: &[Abi],
        uploads: &'a [Upload],
        now: SystemTime,
        admit: &Admission<'_>,
    ) -> Result<Self, ServerError> {
        let checked: Vec<CheckedUpload<'_>> = uploads.iter().map(CheckedUpload::new).collect::<Result<_, _>>()?;
        let abis = lines_of(&checked, abis)?;
        let time = time_of(now);
        let names: BTreeSet<&PackageName> = checked.iter().map(|upload| upload.filename.name()).collect();
        let next = |abi: &Abi| NextLine::read(store, channel, *abi, &checked, &time);
        let (mut admitted, mut twins) = (Admitted::default(), Twins::default());
        loop {
            refuse_closed(store, channel, &names)?;
            for abi in &abis {
                admitted.ask(&next(abi)?, &checked, admit)?;
            }
            // After admission: what is refused needs none.
            for abi in &abis {
                let line = next(abi)?;
                let added = line.added(&checked);
                for kind in Kind::of(*abi) {
                    twins.make(store, kind, &added, &admitted, |filename, twins| {
                        line.dictionary(filename, kind, twins)
                    })?;
                }
            }
            let lock = store.lock()?;
            refuse_closed(store, channel, &names)?;
            let mut lines: Vec<NextLine> = abis.iter().map(next).collect::<Result<_, _>>()?;
            let are_made = |line: &NextLine| twins.cover(line.line.abi(), &line.result.added);
            if !lines.iter().all(are_made) || !all_covered(&admitted, &lines, &checked)? {
                continue;
            }
            let mut plan = Plan::default();
            for line in &mut lines {
                plan_line(&mut plan, line, &checked, (&admitted, &twins), now)?;
            }
            for (object, bytes) in twins.into_objects() {
                plan.add_blob(object, bytes);
            }
            return Ok(Self { store, lock, plan, lines: lines.into_iter().map(|line| line.result).collect() });
        }
    }

    /// The writes that committing makes, in order. A reader who comes after any number of them finds
    /// the state before or after, each line by itself.
    pub fn writes(&self) -> impl Iterator<Item = (&StoredObject, &[u8])> {
        self.plan.writes()
    }

    /// Makes the changes.
    pub fn commit(self) -> Result<Vec<PublishedLine>, ServerError> {
        self.plan.carry_out(self.store, &self.lock)?;
        Ok(self.lines)
    }
}

fn all_covered(admitted: &Admitted, lines: &[NextLine], uploads: &[CheckedUpload<'_>]) -> Result<bool, ServerError> {
    for line in lines {
        if !admitted.covers(line, uploads)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The lines that change: of those asked for, the ones that some wheel fits.
fn lines_of(uploads: &[CheckedUpload<'_>], asked: &[Abi]) -> Result<Vec<Abi>, ServerError> {
    for upload in uploads {
        if !asked.iter().any(|abi| upload.filename.tags_fit(*abi).is_some()) {
            let nearest = asked.first().copied().unwrap_or_else(Abi::preferred);
            let filename = upload.filename.to_string();
            upload.filename.require_fit(nearest).map_err(|source| ServerError::Index { filename, source })?;
        }
    }
    let fits_some = |abi: &Abi| uploads.iter().any(|upload| upload.filename.tags_fit(*abi).is_some());
    let mut lines: Vec<Abi> = asked.iter().copied().filter(fits_some).collect();
    lines.sort();
    lines.dedup();
    Ok(lines)
}

/// A line as it will be.
struct NextLine {
    /// As it is.
    line: Line,
    /// The projects that get files, with them.
    projects: BTreeMap<PackageName, Project>,
    result: PublishedLine,
}

impl NextLine {
    fn read(
        store: &Store,
        channel: &ChannelName,
        abi: Abi,
        uploads: &[CheckedUpload<'_>],
        time: &UploadTime,
    ) -> Result<Self, ServerError> {
        let line = read_line(store, channel, abi)?;
        let serial = line.serial();
        let mut result = PublishedLine { abi, serial, added: Vec::new(), already_there: Vec::new() };
        let mut projects = BTreeMap::new();
        for upload in uploads.iter().filter(|upload| upload.filename.tags_fit(abi).is_some()) {
            let name = upload.filename.name();
            if !projects.contains_key(name) {
                projects.insert(name.clone(), line.project(name)?);
            }
            let inserted = projects
                .entry(name.clone())
                .or_default()
                .insert(abi, upload.entry(abi, time.clone())?)
                .map_err(|source| ServerError::Index { filename: upload.filename.to_string(), source })?;
            match inserted {
                Inserted::Added => result.added.push(upload.filename.clone()),
                Inserted::AlreadyThere => result.already_there.push(upload.filename.clone()),
            }
        }
        Ok(Self { line, projects, result })
    }

    /// The releases of a project.
    fn releases(&self, name: &PackageName) -> Result<Option<Vec<Release>>, ServerError> {
        match self.projects.get(name) {
            Some(project) => Ok(Some(project.releases(self.line.abi())).filter(|releases| !releases.is_empty())),
            None => self.line.releases(name),
        }
    }

    /// A file of it.
    fn file(&self, filename: &WheelFilename) -> Result<Option<FileEntry>, ServerError> {
        match self.projects.get(filename.name()) {
            Some(project) => Ok(project.get(filename.as_str()).cloned()),
            None => Ok(self.line.project(filename.name())?.get(filename.as_str()).cloned()),
        }
    }

    /// What a twin of a new file is told as a delta over: the one of its kind of the release before, which may be as new.
    fn dictionary(&self, filename: &WheelFilename, kind: Kind, twins: &Twins) -> Option<Dictionary> {
        let mut project = self.projects.get(filename.name())?.clone();
        for added in self.result.added.iter().filter(|added| added.name() == filename.name()) {
            name_twins(&mut project, added, self.line.abi(), twins);
        }
        Dictionary::of(filename, &project, kind)
    }

    /// Those of these that are new to the line.
    fn added<'u, 'a>(&self, uploads: &'u [CheckedUpload<'a>]) -> Vec<&'u CheckedUpload<'a>> {
        uploads.iter().filter(|upload| self.result.added.contains(upload.filename)).collect()
    }
}

fn plan_line<'a>(
    plan: &mut Plan<'a>,
    line: &mut NextLine,
    uploads: &[CheckedUpload<'a>],
    (admitted, twins): (&Admitted, &Twins),
    now: SystemTime,
) -> Result<(), ServerError> {
    let NextLine { line, projects, result } = line;
    for upload in uploads.iter().filter(|upload| upload.filename.tags_fit(line.abi()).is_some()) {
        let (sha256, filename) = (upload.sha256, upload.filename.clone());
        plan.add_blob(StoredObject::Wheel { sha256, filename: filename.clone() }, upload.bytes);
        plan.add_blob(StoredObject::Metadata { sha256, filename }, upload.metadata_bytes.clone());
    }
    for upload in uploads.iter().filter(|upload| result.added.contains(upload.filename)) {
        for bytes in upload.documents.values() {
            plan.add_blob(StoredObject::Document { sha256: digest_of(bytes) }, bytes);
        }
    }
    for filename in &result.added {
        let Some(project) = projects.get_mut(filename.name()) else { continue };
        name_twins(project, filename, line.abi(), twins);
    }
    for filename in &result.added {
        let Some(report) = admitted.report(line.abi(), filename) else { continue };
        let sha256 = digest_of(report);
        plan.add_blob(StoredObject::Admission { sha256 }, report.to_vec());
        if let Some(project) = projects.get_mut(filename.name()) {
            project.set_admission(filename.as_str(), sha256);
        }
    }
    result.serial = plan.change(line, projects, now)?;
    Ok(())
}

/// Has the entry of a file name the twins that it got.
fn name_twins(project: &mut Project, filename: &WheelFilename, abi: Abi, twins: &Twins) {
    if let Some(twin) = twins.of(Kind::Stored, filename) {
        project.set_twin(filename.as_str(), twin.entry());
    }
    if let Some(twin) = twins.of(Kind::Compiled(abi), filename) {
        project.set_compiled(filename.as_str(), twin.entry());
    }
}
