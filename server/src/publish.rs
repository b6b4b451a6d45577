//! Publishing: all checks first, then blobs, then indexes, and the head as the last write.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use pkgsrv_index::{
    Abi, ChannelIndex, ClosureError, FileEntry, Head, Inserted, ObjectRef, Repodata, Selected, UploadTime,
    WheelFilename, closure,
};
use pkgsrv_wheel::Wheel;

use crate::channel::{Line, read_line};
use crate::store::{PublishLock, digest_of};
use crate::upload::CheckedUpload;
use crate::{AdmissionError, ChannelName, ServerError, Store, StoredObject, Upload};

/// A further check of one wheel for one ABI, such as that it imports in the runtime.
pub type Admission<'a> = dyn Fn(&Candidate<'_>) -> Result<(), AdmissionError> + 'a;

/// A wheel that is new to a line and asks for admission.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The line's ABI.
    pub abi: Abi,
    /// What the index is to say of it.
    pub entry: &'a FileEntry,
    /// Its contents.
    pub wheel: &'a Wheel<'a>,
    /// What it needs to be imported, from the line as it will be: published already, or in the same publish. `Err`
    /// where that is not all there.
    pub needed: Result<Vec<FileEntry>, ClosureError>,
}

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
    /// Checks and plans what [`publish`] does.
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
        let lock = store.lock()?;
        let mut plan = Plan::default();
        let lines = abis
            .into_iter()
            .map(|abi| plan_line(store, channel, abi, &checked, &time, admit, &mut plan))
            .collect::<Result<_, _>>()?;
        Ok(Self { store, lock, plan, lines })
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

/// The lines that change: of those asked for, the ones that some wheel fits.
fn lines_of(uploads: &[CheckedUpload<'_>], asked: &[Abi]) -> Result<Vec<Abi>, ServerError> {
    for upload in uploads {
        if !asked.iter().any(|abi| upload.filename.tags_fit(*abi).is_some()) {
            let nearest = asked.first().copied().unwrap_or_else(Abi::newest);
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

type Write<'a> = (StoredObject, Cow<'a, [u8]>);

/// The writes of a publish, in the order of the fields: each names only what an earlier one wrote.
#[derive(Debug, Default)]
struct Plan<'a> {
    blobs: Vec<Write<'a>>,
    views: Vec<Write<'a>>,
    heads: Vec<Write<'a>>,
}

fn plan_line<'a>(
    store: &Store,
    channel: &ChannelName,
    abi: Abi,
    uploads: &[CheckedUpload<'a>],
    time: &UploadTime,
    admit: &Admission<'_>,
    plan: &mut Plan<'a>,
) -> Result<PublishedLine, ServerError> {
    let Line { head, mut index } = read_line(store, channel, abi)?;
    let serial = head.map_or(0, |head| head.serial);
    let mut result = PublishedLine { abi, serial, added: Vec::new(), already_there: Vec::new() };
    for upload in uploads.iter().filter(|upload| upload.filename.tags_fit(abi).is_some()) {
        let inserted = index
            .insert(upload.entry(abi, time.clone())?)
            .map_err(|source| ServerError::Index { filename: upload.filename.to_string(), source })?;
        match inserted {
            Inserted::Added => result.added.push(upload.filename.clone()),
            Inserted::AlreadyThere => result.already_there.push(upload.filename.clone()),
        }
        let (sha256, filename) = (upload.sha256, upload.filename.clone());
        plan.blobs.push((StoredObject::Wheel { sha256, filename: filename.clone() }, upload.bytes.into()));
        plan.blobs.push((StoredObject::Metadata { sha256, filename }, upload.metadata_bytes.clone().into()));
    }
    if !result.added.is_empty() {
        result.serial = serial + 1;
        admit_all(&index, &result.added, uploads, admit)?;
        plan_views(channel, &index, result.serial, plan);
    }
    Ok(result)
}

/// Asks for every new wheel of a line; `index` is the line as it will be.
fn admit_all(
    index: &ChannelIndex,
    added: &[WheelFilename],
    uploads: &[CheckedUpload<'_>],
    admit: &Admission<'_>,
) -> Result<(), ServerError> {
    let repodata = Repodata::from_index(index, "");
    for upload in uploads.iter().filter(|upload| added.contains(upload.filename)) {
        let Some(entry) = index.get(upload.filename.as_str()) else { continue };
        let refused =
            |source| ServerError::NotAdmitted { filename: upload.filename.to_string(), abi: index.abi, source };
        let entries = |selected: Vec<Selected>| {
            let others = selected.into_iter().filter(|needed| needed.name != entry.name);
            others.filter_map(|needed| index.get(needed.release.filename.as_str()).cloned()).collect()
        };
        let needed = closure(&repodata, &entry.depends, &BTreeMap::new()).map(entries);
        admit(&Candidate { abi: index.abi, entry, wheel: &upload.wheel, needed }).map_err(refused)?;
    }
    Ok(())
}

fn plan_views(channel: &ChannelName, index: &ChannelIndex, serial: u64, plan: &mut Plan<'_>) {
    let abi = index.abi;
    let refer = |bytes: &[u8]| ObjectRef { sha256: digest_of(bytes), size: bytes.len() as u64 };
    let repodata = Repodata::from_index(index, channel.blobs_from_view()).to_bytes();
    let index = index.to_bytes();
    let head = Head::new(abi, serial, refer(&index), refer(&repodata));
    let channel = || channel.clone();
    let object = StoredObject::Index { channel: channel(), abi, sha256: head.index.sha256 };
    plan.views.push((object, index.into()));
    let object = StoredObject::Repodata { channel: channel(), abi, sha256: head.repodata.sha256 };
    plan.views.push((object, repodata.into()));
    plan.heads.push((StoredObject::Head { channel: channel(), abi }, head.to_bytes().into()));
}
