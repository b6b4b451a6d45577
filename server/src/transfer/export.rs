//! Exporting: blobs first, then nodes, then pages, then the heads; of all these only what the target has not.

mod files;
mod line;

use std::cell::RefCell;
use std::collections::BTreeSet;

use pkgsrv_builder::{Interrupt, Progress, Task};
use pkgsrv_index::{Abi, PackageName};

pub(super) use self::files::Files;
use self::line::LineExport;
use super::TransferError;
use super::history;
use super::marker::Marker;
use super::pages::{PageOf, Pages};
use super::target::{NotReplaced, Put, Sent, Serving, Target};
use crate::channel::{Line, read_line};
use crate::named::{objects_of_file, objects_of_head};
use crate::{BaseUrl, ChannelName, DataDir, ServerError, StoredObject};

/// How often a lost race for a head is run again.
const TRIES: u32 = 5;

/// What to export.
#[derive(Debug)]
pub struct Export<'a> {
    /// Where the channel is.
    pub data: &'a DataDir,
    /// Its name.
    pub channel: &'a ChannelName,
    /// The address that the target will be served at.
    pub base: &'a BaseUrl,
    /// Also where that takes the target back; and every page is made anew.
    pub force: bool,
    /// Ends it.
    pub interrupt: &'a Interrupt,
    /// Shows how far it is.
    pub progress: &'a Progress,
}

/// What an export did to one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedLine {
    /// The line.
    pub abi: Abi,
    /// The serial of the target's head now.
    pub serial: u64,
    /// Whether the target had another head before.
    pub changed: bool,
}

/// What all lines of an export need together.
struct Planned {
    lines: Vec<Line>,
    exports: Vec<LineExport>,
    marker: Marker,
    before: Option<Marker>,
    files: Files,
}

/// Brings a target to the state of a channel. A reader of the target's head finds the state before or after, and
/// whatever a head or a page names is there.
///
/// A target whose head is not of the channel's past is an error.
pub fn export(export: &Export<'_>, target: &Target) -> Result<(Vec<ExportedLine>, u64, u64), TransferError> {
    let mut all = Sent::default();
    let mut object = String::new();
    let mut fresh = export.force;
    for _ in 0..TRIES {
        let planned = export.plan(target, fresh)?;
        match export.carry_out(&planned, target, &mut all)? {
            None => return Ok((planned.results(), all.objects, all.bytes)),
            Some(lost) => object = lost,
        }
        // The other exporter's pages and ours have been written over each other.
        fresh = true;
        Marker::remove(target, export.channel)?;
    }
    Err(TransferError::LostRace { object, place: target.place(), tries: TRIES })
}

impl Planned {
    fn results(&self) -> Vec<ExportedLine> {
        let result = |(line, export): (&Line, &LineExport)| ExportedLine {
            abi: line.abi(),
            serial: line.serial(),
            changed: export.is_changed(),
        };
        self.lines.iter().zip(&self.exports).map(result).collect()
    }
}

impl Export<'_> {
    /// Reads both sides. Nothing is written yet.
    fn plan(&self, target: &Target, fresh: bool) -> Result<Planned, TransferError> {
        let store = self.data.store();
        let mut lines = Vec::new();
        let mut exports = Vec::new();
        for abi in Abi::known() {
            let line = read_line(&store, self.channel, abi)?;
            let export = LineExport::compare(&store, self.channel, &line, target, self.force)?;
            if line.head_bytes().is_some() {
                lines.push(line);
                exports.push(export);
            }
        }
        if lines.is_empty() {
            let store = store.root().to_owned();
            return Err(ServerError::UnknownChannel { channel: self.channel.to_string(), store }.into());
        }
        let before = Marker::read(target, self.channel)?;
        let abis: Vec<Abi> = lines.iter().map(Line::abi).collect();
        let files = Files::find(self.data, self.channel, &abis)?;
        let marker = Marker::new(self.base, &files);
        let before = before.filter(|_| !fresh);
        Ok(Planned { lines, exports, marker, before, files })
    }

    /// Writes; the key of a head that another program has replaced meanwhile, if there is one.
    fn carry_out(&self, planned: &Planned, target: &Target, all: &mut Sent) -> Result<Option<String>, TransferError> {
        let Planned { lines, exports, marker, before, files } = planned;
        let is_same_pages = before.as_ref().is_some_and(|before| before.has_pages_of(marker));
        if !is_same_pages {
            // A killed export must not leave pages of two addresses under a marker of one.
            Marker::remove(target, self.channel)?;
        }
        for lacking in files.lacking() {
            self.progress.line(&lacking);
        }
        let task = self.progress.stage("export", &format!("to {}", target.place()));
        self.send(target, &task, "packages", self.blobs(exports), all)?;
        self.send(target, &task, "runtime and loader", files.puts(before.as_ref()), all)?;
        self.send(target, &task, "index", nodes(lines, exports), all)?;
        self.send(target, &task, "history", beside_heads(self.channel, lines, exports)?, all)?;
        let pages = Pages { channel: self.channel, base: self.base, lines, slash_keys: target.has_slash_keys() };
        let (mut wanted, mut locks) = changed_pages(exports);
        if !is_same_pages {
            let (every, lock) = all_pages(lines)?;
            wanted.extend(every);
            locks.extend(lock);
        }
        let gone = RefCell::new(Vec::new());
        let puts = wanted.iter().flat_map(|page| match pages.simple(page) {
            Ok(puts) => {
                if puts.is_empty() {
                    gone.borrow_mut().push(page);
                }
                puts.into_iter().map(Ok).collect()
            }
            Err(error) => vec![Err(error)],
        });
        let locks =
            lines.iter().filter(|line| locks.contains(&line.abi())).flat_map(|line| match pages.lockfile(line) {
                Ok(locks) => locks.map(Ok).into_iter().chain([pages.piplite(line)]).collect(),
                Err(error) => vec![Err(error)],
            });
        self.send(target, &task, "pages", puts.chain(locks), all)?;
        for (line, export) in lines.iter().zip(exports).filter(|(_, export)| export.is_changed()) {
            if self.interrupt.check().is_err() {
                return Err(TransferError::Interrupted);
            }
            let object = StoredObject::Head { channel: self.channel.clone(), abi: line.abi() };
            match target.replace(&object.path(), &export.seen, &export.head, serving(&object)) {
                Ok(()) => all.objects += 1,
                Err(NotReplaced::Changed) => return Ok(Some(object.path())),
                Err(NotReplaced::Failed(error)) => return Err(error),
            }
        }
        for page in gone.into_inner() {
            pages.keys(page).try_for_each(|(key, _)| target.remove(&key))?;
        }
        if before.as_ref() != Some(marker) {
            let put = marker.put(self.channel);
            self.send(target, &task, "marker", std::iter::once(Ok(put)), all)?;
        }
        let Sent { objects, kept, .. } = *all;
        task.done(&format!("to {}: {objects} objects sent, {kept} were there", target.place()));
        Ok(None)
    }

    fn send(
        &self,
        target: &Target,
        task: &Task,
        what: &str,
        puts: impl Iterator<Item = Result<Put, TransferError>>,
        all: &mut Sent,
    ) -> Result<(), TransferError> {
        let told = |sent: &Sent| {
            let mebibytes = sent.bytes >> 20;
            task.message(&format!("{what}: {} objects sent ({mebibytes} MiB), {} were there", sent.objects, sent.kept));
        };
        let sent = target.put_all(puts, self.interrupt, told)?;
        all.objects += sent.objects;
        all.bytes += sent.bytes;
        all.kept += sent.kept;
        Ok(())
    }

    /// What new files name. A pure wheel is in several lines and sent once.
    fn blobs<'b>(&self, exports: &'b [LineExport]) -> impl Iterator<Item = Result<Put, TransferError>> + use<'b> {
        let store = self.data.store();
        let mut known = BTreeSet::new();
        let named = exports.iter().flat_map(|export| history::gained(&export.projects)).flat_map(objects_of_file);
        let named = named.filter(move |named| known.insert(named.object.path()));
        named.map(move |named| files::stored(&store, named))
    }
}

/// Nodes that the target's trees do not have.
fn nodes<'a>(lines: &'a [Line], exports: &'a [LineExport]) -> impl Iterator<Item = Result<Put, TransferError>> {
    lines.iter().zip(exports).flat_map(|(line, export)| {
        export.nodes.iter().map(move |object| {
            let bytes = line.object_bytes(object)?;
            let (key, serving, size) = (object.path(), serving(object), bytes.len() as u64);
            Ok(Put { key, serving, size, keep: true, read: Box::new(move || Ok(bytes)) })
        })
    })
}

/// What belongs to the heads that the target is to have. Of a line's history it has what was exported.
fn beside_heads<'a>(
    channel: &ChannelName,
    lines: &'a [Line],
    exports: &'a [LineExport],
) -> Result<impl Iterator<Item = Result<Put, TransferError>> + use<'a>, TransferError> {
    let mut puts = Vec::new();
    for (line, export) in lines.iter().zip(exports).filter(|(_, export)| export.is_changed()) {
        for object in objects_of_head(channel, line.abi(), &export.head).map_err(ServerError::from)? {
            let bytes = match &object {
                StoredObject::PastHead { .. } => export.head.clone(),
                _ => line.stored_bytes(&object)?,
            };
            let (key, serving, size) = (object.path(), serving(&object), bytes.len() as u64);
            // A leftover of an export that did not come to its end may have another's bytes.
            puts.push(Ok(Put { key, serving, size, keep: false, read: Box::new(move || Ok(bytes)) }));
        }
    }
    Ok(puts.into_iter())
}

fn serving(object: &StoredObject) -> Serving {
    Serving { content_type: object.content_type(), policy: object.cache_policy() }
}

type Wanted = (BTreeSet<PageOf>, BTreeSet<Abi>);

/// Pages of projects that differ, and the lists and lockfiles that follow from them.
fn changed_pages(exports: &[LineExport]) -> Wanted {
    let mut pages = BTreeSet::new();
    let mut locks = BTreeSet::new();
    for export in exports {
        let mut both = |project: Option<&PackageName>| {
            pages.extend([None, Some(export.abi)].map(|abi| PageOf { abi, project: project.cloned() }));
        };
        export.projects.keys().for_each(|name| both(Some(name)));
        if export.has_other_names {
            both(None);
        }
        if export.has_other_releases {
            locks.insert(export.abi);
        }
    }
    (pages, locks)
}

/// Every page there is.
fn all_pages(lines: &[Line]) -> Result<Wanted, TransferError> {
    let mut pages = BTreeSet::from([PageOf { abi: None, project: None }]);
    for line in lines {
        pages.insert(PageOf { abi: Some(line.abi()), project: None });
        for name in line.index_names()? {
            pages.extend([None, Some(line.abi())].map(|abi| PageOf { abi, project: Some(name.clone()) }));
        }
    }
    Ok((pages, lines.iter().map(Line::abi).collect()))
}
