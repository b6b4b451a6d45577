//! Publishing: all checks first, then blobs, then indexes, and the head as the last write.

mod candidates;
mod twins;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use pkgsrv_index::tree::WrittenNode;
use pkgsrv_index::{Abi, FileEntry, Head, Inserted, PackageName, Project, Release, UploadTime, WheelFilename};

use self::candidates::Admitted;
use self::twins::Twins;
use crate::channel::{Line, read_line};
use crate::store::{PublishLock, digest_of};
use crate::trees::NewTrees;
use crate::upload::CheckedUpload;
use crate::{ChannelName, ServerError, Store, StoredObject, Upload};

pub use candidates::{Admission, Candidate, needed};

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
        let time = upload_time(now);
        let next = |abi: &Abi| NextLine::read(store, channel, *abi, &checked, &time);
        let (mut admitted, mut twins) = (Admitted::default(), Twins::default());
        loop {
            for abi in &abis {
                admitted.ask(&next(abi)?, &checked, admit)?;
            }
            // After admission: what is refused needs none.
            for abi in &abis {
                twins.make(store, &next(abi)?.added(&checked))?;
            }
            let lock = store.lock()?;
            let mut lines: Vec<NextLine> = abis.iter().map(next).collect::<Result<_, _>>()?;
            let twins_cover = lines.iter().all(|line| twins.cover(&line.result.added));
            if !twins_cover || !all_covered(&admitted, &lines, &checked)? {
                continue;
            }
            let mut plan = Plan::default();
            for line in &mut lines {
                plan.add_line(channel, line, &checked, (&admitted, &twins))?;
            }
            plan.blobs.extend(twins.into_objects().map(|(object, bytes)| (object, bytes.into())));
            return Ok(Self { store, lock, plan, lines: lines.into_iter().map(|line| line.result).collect() });
        }
    }

    /// The writes that committing makes, in order. A reader who comes after any number of them finds
    /// the state before or after, each line by itself.
    pub fn writes(&self) -> impl Iterator<Item = (&StoredObject, &[u8])> {
        let Plan { blobs, views, heads } = &self.plan;
        blobs.iter().chain(views).chain(heads).map(|(object, bytes)| (object, &**bytes))
    }

    /// Makes the changes.
    pub fn commit(self) -> Result<Vec<PublishedLine>, ServerError> {
        self.writes().try_for_each(|(object, bytes)| self.store.write(&self.lock, object, bytes))?;
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

fn upload_time(now: SystemTime) -> UploadTime {
    let micros = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    UploadTime::from_unix_micros(u64::try_from(micros).unwrap_or(u64::MAX))
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
        if !result.added.is_empty() {
            result.serial = serial + 1;
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

    /// Those of these that are new to the line.
    fn added<'u, 'a>(&self, uploads: &'u [CheckedUpload<'a>]) -> Vec<&'u CheckedUpload<'a>> {
        uploads.iter().filter(|upload| self.result.added.contains(upload.filename)).collect()
    }
}

type Write<'a> = (StoredObject, Cow<'a, [u8]>);

/// The writes of a publish, in the order of the fields: each names only what an earlier one wrote.
#[derive(Debug, Default)]
struct Plan<'a> {
    blobs: Vec<Write<'a>>,
    views: Vec<Write<'a>>,
    heads: Vec<Write<'a>>,
}

impl<'a> Plan<'a> {
    fn add_line(
        &mut self,
        channel: &ChannelName,
        line: &mut NextLine,
        uploads: &[CheckedUpload<'a>],
        (admitted, twins): (&Admitted, &Twins),
    ) -> Result<(), ServerError> {
        let NextLine { line, projects, result } = line;
        for upload in uploads.iter().filter(|upload| upload.filename.tags_fit(line.abi()).is_some()) {
            let (sha256, filename) = (upload.sha256, upload.filename.clone());
            self.blobs.push((StoredObject::Wheel { sha256, filename: filename.clone() }, upload.bytes.into()));
            self.blobs.push((StoredObject::Metadata { sha256, filename }, upload.metadata_bytes.clone().into()));
        }
        for upload in uploads.iter().filter(|upload| result.added.contains(upload.filename)) {
            let objects = upload.documents.values();
            self.blobs.extend(objects.map(|bytes| (StoredObject::Document { sha256: digest_of(bytes) }, bytes.into())));
        }
        for filename in &result.added {
            let (Some(twin), Some(project)) = (twins.of(filename), projects.get_mut(filename.name())) else { continue };
            project.set_twin(filename.as_str(), twin.entry());
        }
        for filename in &result.added {
            let Some(report) = admitted.report(line.abi(), filename) else { continue };
            let sha256 = digest_of(report);
            self.blobs.push((StoredObject::Admission { sha256 }, report.to_vec().into()));
            if let Some(project) = projects.get_mut(filename.name()) {
                project.set_admission(filename.as_str(), sha256);
            }
        }
        if result.added.is_empty() {
            return Ok(());
        }
        self.add_trees(channel, line, projects, result.serial)
    }

    fn add_trees(
        &mut self,
        channel: &ChannelName,
        line: &Line,
        projects: &BTreeMap<PackageName, Project>,
        serial: u64,
    ) -> Result<(), ServerError> {
        let abi = line.abi();
        let channel = || channel.clone();
        let changed = line.changed(projects)?;
        // A line whose index was one document gets trees now.
        for NewTrees { index, published, .. } in line.unsaved().into_iter().chain([&changed]) {
            for WrittenNode { sha256, bytes, .. } in index {
                let object = StoredObject::Index { channel: channel(), abi, sha256: *sha256 };
                self.views.push((object, bytes.clone().into()));
            }
            for WrittenNode { sha256, bytes, .. } in published {
                let object = StoredObject::Repodata { channel: channel(), abi, sha256: *sha256 };
                self.views.push((object, bytes.clone().into()));
            }
        }
        let head = Head::new(abi, serial, channel().blobs_from_view(), changed.roots);
        self.heads.push((StoredObject::Head { channel: channel(), abi }, head.to_bytes().into()));
        Ok(())
    }
}
