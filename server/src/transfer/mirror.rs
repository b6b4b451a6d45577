//! Mirroring: a channel, or some of its packages, from another place into this data directory.

mod incoming;
mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use pkgsrv_builder::{Interrupt, Progress, Task};
use pkgsrv_index::tree::{Differences, NodeRef, differences};
use pkgsrv_index::{
    Abi, Closure, FileEntry, Head, Inserted, PackageName, Project, Releases, Requirement, WheelFilename, closure,
};

use self::served::Served;
use super::TransferError;
use super::history::{self, State, against};
use super::nodes::{Nodes, TheirHead};
use super::source::{Source, Wanted};
use crate::changes::Plan;
use crate::channel::{Line, read_line};
use crate::named::{objects_of_file, objects_of_head};
use crate::{ChannelName, DataDir, Store, StoredObject};

/// How often it is begun again because another program published here meanwhile.
const TRIES: u32 = 5;

/// What to mirror.
#[derive(Debug)]
pub struct Mirror<'a> {
    /// Where it goes.
    pub data: &'a DataDir,
    /// The channel, there and here.
    pub channel: &'a ChannelName,
    /// The lines; none means all that there are, or, for named packages, the preferred one.
    pub abis: &'a [Abi],
    /// Packages, which come with what they need, and join what is here; none means the whole channel.
    pub names: &'a [Requirement],
    /// No runtimes, loader and environments.
    pub packages_only: bool,
    /// Also where that takes the channel here back, or a runtime or a loader of this machine's own is given up.
    pub force: bool,
    /// Ends it.
    pub interrupt: &'a Interrupt,
    /// Shows how far it is.
    pub progress: &'a Progress,
}

/// What mirroring did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The lines that the source has, of those asked for.
    pub lines: Vec<MirroredLine>,
    /// Files of runtimes, the loader and environments that were fetched; what was here by digest is not among them.
    pub files: u64,
}

/// What mirroring did to one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirroredLine {
    /// The line.
    pub abi: Abi,
    /// The serial of its head here now.
    pub serial: u64,
    /// Files that were not in the line before.
    pub added: Vec<WheelFilename>,
    /// Objects that were fetched for it; what was here by digest is not among them.
    pub fetched: u64,
}

/// Copies lines, with the loader, and each with its runtime; whole lines also with their environments. Every object is
/// checked by its digest before it is kept; readers here see a line before or after.
pub fn mirror(mirror: &Mirror<'_>, source: &Source) -> Result<Mirrored, TransferError> {
    let abis: Vec<Abi> = match (mirror.abis, mirror.names) {
        ([], []) => Abi::known().collect(),
        ([], _) => vec![Abi::preferred()],
        (named, _) => named.to_vec(),
    };
    let mut heads = Vec::new();
    for abi in abis {
        heads.extend(TheirHead::read(source, mirror.channel, abi)?.map(|head| (abi, head)));
    }
    if heads.is_empty() {
        let named: Vec<&str> = mirror.abis.iter().map(|abi| abi.as_str()).collect();
        let abis = (!named.is_empty()).then(|| named.join(", "));
        return Err(TransferError::NoChannel { place: source.place(), channel: mirror.channel.clone(), abis });
    }
    let mut served = (!mirror.packages_only).then(|| Served::open(mirror, source)).transpose()?;
    // A newer head may need a newer loader, and a page starts the runtime that a head names.
    if let Some(served) = &mut served {
        served.loader()?;
        heads.iter().try_for_each(|(abi, _)| served.runtime(*abi))?;
    }
    let mut lines = Vec::new();
    for (abi, head) in heads {
        if !mirror.names.is_empty() {
            lines.push(mirror.some(source, abi, &head)?);
            continue;
        }
        lines.push(mirror.whole(source, abi, &head)?);
        // Where one cannot be used, pages install its packages, which are here by now.
        if let Some(served) = &mut served {
            served.environments(abi)?;
            served.signed_files(abi)?;
        }
    }
    let files = served.map_or(Ok(0), Served::done)?;
    Ok(Mirrored { lines, files })
}

impl Mirror<'_> {
    fn head_object(&self, abi: Abi) -> StoredObject {
        StoredObject::Head { channel: self.channel.clone(), abi }
    }

    /// The whole line, with the very head of the source.
    fn whole(&self, source: &Source, abi: Abi, their: &TheirHead) -> Result<MirroredLine, TransferError> {
        let store = self.data.store();
        let mut fetched = 0;
        for _ in 0..TRIES {
            let line = read_line(&store, self.channel, abi)?;
            let serial = their.head.serial;
            if line.head_bytes() == Some(their.bytes.as_slice()) {
                return Ok(MirroredLine { abi, serial, added: Vec::new(), fetched });
            }
            let task = self.progress.stage("mirror", &format!("{} for ABI {abi}", source.place()));
            let mut nodes = Nodes::new(&store, source, self.channel, abi);
            nodes.bring(&their.head.trees, self.interrupt)?;
            let projects = self.differing(&line, &their.head, &nodes)?;
            fetched += nodes.fetched();
            fetched += self.bring_files(source, &store, &task, history::gained(&projects))?;
            let beside = self.beside_head(source, abi, their)?;
            let lock = store.lock()?;
            let now = read_line(&store, self.channel, abi)?;
            if now.head_bytes() != line.head_bytes() {
                continue;
            }
            nodes.write(&lock)?;
            for (object, bytes) in &beside {
                store.write(&lock, object, bytes)?;
            }
            store.write(&lock, &self.head_object(abi), &their.bytes)?;
            task.done(&format!("{} for ABI {abi}: {fetched} objects fetched", source.place()));
            let known = |file: &FileEntry| {
                projects.get(&file.name).and_then(|(before, _)| before.as_ref()?.get(file.filename.as_str()))
            };
            let added = history::gained(&projects).filter(|file| known(file).is_none());
            return Ok(MirroredLine { abi, serial, added: added.map(|file| file.filename.clone()).collect(), fetched });
        }
        let object = self.head_object(abi).path();
        Err(TransferError::LostRace { object, place: store.root().display().to_string(), tries: TRIES })
    }

    /// In which projects the source differs from what is here, if it may take its place.
    fn differing(
        &self,
        line: &Line,
        head: &Head,
        nodes: &Nodes<'_>,
    ) -> Result<Differences<PackageName, Project>, TransferError> {
        let (abi, trees) = (line.abi(), line.trees());
        let projects: Differences<PackageName, Project> = differences(
            trees.index.as_ref(),
            head.trees.index.as_ref(),
            &mut |node: &NodeRef| Ok::<_, TransferError>(line.index_node(node)?),
            &mut |node: &NodeRef| nodes.index(node),
        )?;
        for (name, (_, after)) in &projects {
            let Some(project) = after else { continue };
            project.check(name)?;
            project.files().try_for_each(|file| file.filename.require_fit(abi).map(drop))?;
        }
        let before = State { serial: line.serial(), trees: *trees };
        let after = State { serial: head.serial, trees: head.trees };
        if line.head_bytes().is_some()
            && !self.force
            && let Some(reason) = against(before, after, &projects)
        {
            let place = self.data.path().display().to_string();
            return Err(TransferError::OtherHistory { place, channel: self.channel.clone(), abi, reason });
        }
        Ok(projects)
    }

    /// What was asked for by name, with what it needs, into the line that is here.
    fn some(&self, source: &Source, abi: Abi, their: &TheirHead) -> Result<MirroredLine, TransferError> {
        let store = self.data.store();
        let task = self.progress.stage("mirror", &format!("{} for ABI {abi}", source.place()));
        let mut nodes = Nodes::new(&store, source, self.channel, abi);
        let files = self.chosen(&mut nodes, abi, &their.head)?;
        let mut fetched = nodes.fetched();
        let line = read_line(&store, self.channel, abi)?;
        // A name that is taken here is an error before anything is fetched.
        let (_, added) = joined(&line, &files)?;
        let new = files.iter().filter(|file| added.contains(&file.filename));
        fetched += self.bring_files(source, &store, &task, new)?;
        let lock = store.lock()?;
        let line = read_line(&store, self.channel, abi)?;
        let (projects, added) = joined(&line, &files)?;
        let mut plan = Plan::default();
        let serial = plan.change(&line, &projects, SystemTime::now())?;
        plan.carry_out(&store, &lock)?;
        task.done(&format!("{} for ABI {abi}: {fetched} objects fetched", source.place()));
        Ok(MirroredLine { abi, serial, added, fetched })
    }

    /// What belongs to a head of the source; its own bytes are its place in the line's history.
    fn beside_head(&self, source: &Source, abi: Abi, their: &TheirHead) -> Result<Vec<Object>, TransferError> {
        let key = self.head_object(abi).path();
        let unusable = |error| TransferError::Format { place: source.place(), object: key, source: Box::new(error) };
        let objects = objects_of_head(self.channel, abi, &their.bytes).map_err(unusable)?;
        let bring = |object: StoredObject| {
            if let StoredObject::PastHead { .. } = &object {
                return Ok((object, their.bytes.clone()));
            }
            let missing = || TransferError::Missing {
                place: source.place(),
                object: object.path(),
                remedy: "the head says that it is signed: export the channel again",
            };
            let bytes = source.get(&object.path())?.ok_or_else(missing)?;
            Ok((object, bytes))
        };
        objects.into_iter().map(bring).collect()
    }

    /// The files of the closure of what was asked for.
    fn chosen(&self, nodes: &mut Nodes<'_>, abi: Abi, head: &Head) -> Result<Vec<FileEntry>, TransferError> {
        let mut releases = Releases::default();
        let selected = loop {
            if self.interrupt.check().is_err() {
                return Err(TransferError::Interrupted);
            }
            match closure(&releases, self.names, &[], &BTreeMap::new())
                .map_err(|source| TransferError::Closure { abi, source: Box::new(source) })?
            {
                Closure::Complete(selected) => break selected,
                Closure::Needs(names) => {
                    for name in names {
                        let found = nodes.releases(&head.trees, &name)?;
                        releases.add(name, found);
                    }
                }
            }
        };
        let mut files = Vec::new();
        for needed in selected {
            let project = nodes.project(&head.trees, &needed.name)?;
            let filename = needed.release.filename.as_str();
            let file = project.get(filename).filter(|file| file.fetched().0 == needed.release.sha256);
            files.push(file.cloned().ok_or_else(|| nodes.unlisted(filename))?);
        }
        Ok(files)
    }

    /// Fetches what files name and is not here; returns how many objects that were.
    fn bring_files<'f>(
        &self,
        source: &Source,
        store: &Store,
        task: &Task,
        files: impl Iterator<Item = &'f FileEntry>,
    ) -> Result<u64, TransferError> {
        let mut known = BTreeSet::new();
        let mut fetched = 0;
        let wanted = files.flat_map(objects_of_file).filter(|named| !store.file(&named.object).exists());
        let wanted = wanted.filter(|named| known.insert(named.object.path())).map(|named| Wanted {
            key: named.object.path(),
            check: named.check,
            what: named.object,
        });
        source.get_all(wanted, self.interrupt, |object, bytes| {
            fetched += 1;
            task.message(&format!("{fetched} objects, now {}", object.path()));
            // Held for one object only: publishing here need not wait for a network.
            let lock = store.lock()?;
            Ok(store.write(&lock, &object, &bytes)?)
        })?;
        Ok(fetched)
    }
}

/// An object, and its bytes.
type Object = (StoredObject, Vec<u8>);

type Joined = (BTreeMap<PackageName, Project>, Vec<WheelFilename>);

/// Projects of a line with these files added, and which of them it did not have.
fn joined(line: &Line, files: &[FileEntry]) -> Result<Joined, TransferError> {
    let mut projects: BTreeMap<PackageName, Project> = BTreeMap::new();
    let mut added = Vec::new();
    for file in files {
        if !projects.contains_key(&file.name) {
            projects.insert(file.name.clone(), line.project(&file.name)?);
        }
        let taken = |source| TransferError::Taken { filename: file.filename.to_string(), source: Box::new(source) };
        let project = projects.entry(file.name.clone()).or_default();
        if project.insert(line.abi(), file.clone()).map_err(taken)? == Inserted::Added {
            added.push(file.filename.clone());
        }
    }
    Ok((projects, added))
}
