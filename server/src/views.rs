//! A channel's views, made when first asked for and kept until the channel changes.

mod large;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pkgsrv_builder::AdmissionReport;
use pkgsrv_index::{Abi, Digest, PackageName, Project, WheelFilename, simple};

use crate::channel::{HeadStamp, Line, head_stamp, read_line, read_line_at, stamp_of};
use crate::http::accept::SimpleFormat;
use crate::http::page::{Page, Vary};
use crate::http::ready::ReadyAnswers;
use crate::lockfile::LockfileAt;
use crate::package_page::{Listed, PackagedIn};
use crate::settings::BaseUrl;
use crate::{ChannelName, ServerError, Store, StoredObject};

pub(crate) use large::{AtHand, LargeViews};

/// Of more projects than this the page for people tells only the number.
const MOST_LISTED: u64 = 2000;

/// Pages hold the address that a request asks for, which is a client's choice; past this many, all
/// are dropped and made again as needed.
const MOST_PAGES: usize = 16_384;

/// Looking costs a fifth of answering from memory.
const LOOKS_APART: Duration = Duration::from_millis(1);

/// Of a long history few are asked for.
const MOST_PAST_LOCKFILES: usize = 8;

/// What can be shown of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum View {
    ProjectList {
        abi: Option<Abi>,
        format: SimpleFormat,
    },
    Project {
        abi: Option<Abi>,
        name: PackageName,
        format: SimpleFormat,
        base: BaseUrl,
    },
    Lockfile {
        abi: Abi,
    },
    /// The lockfile of an earlier head.
    PastLockfile {
        abi: Abi,
        serial: u64,
    },
    Piplite {
        abi: Abi,
    },
    Head {
        abi: Abi,
    },
    Node {
        abi: Abi,
        sha256: Digest,
    },
    PastHead {
        abi: Abi,
        serial: u64,
    },
    HeadSignature {
        abi: Abi,
        sha256: Digest,
    },
    Home {
        base: BaseUrl,
    },
    Package {
        name: PackageName,
        environments: Vec<PackagedIn>,
    },
    Admission {
        filename: WheelFilename,
        format: ReportFormat,
    },
}

/// How the report on an admission is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ReportFormat {
    Html,
    Json,
}

/// A channel as of one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    channel: ChannelName,
    store: Store,
    lines: BTreeMap<Abi, (HeadStamp, Arc<Line>)>,
    /// Where the heads of the lines lie, and what they were.
    heads: Vec<(PathBuf, HeadStamp)>,
    /// Whole answers.
    pub(crate) ready: ReadyAnswers,
    /// It counts as current until then, in microseconds since the start.
    current_until: AtomicU64,
    pages: Mutex<HashMap<View, Arc<Page>>>,
    /// Held while a view of all of a large channel is made.
    whole: Mutex<()>,
}

/// The newest snapshot of each channel that was asked for and exists.
#[derive(Debug)]
pub(crate) struct Channels {
    store: Store,
    newest: Mutex<BTreeMap<ChannelName, Arc<Snapshot>>>,
    started: Instant,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these hold is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Stamps = BTreeMap<Abi, HeadStamp>;

impl Channels {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, newest: Mutex::default(), started: Instant::now() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What [`Self::current`] tells, as it was at most a millisecond ago: of many requests at once, one looks.
    pub(crate) fn recent(&self, channel: &ChannelName) -> Result<Option<Arc<Snapshot>>, ServerError> {
        let now = self.started.elapsed();
        if let Some(known) = locked(&self.newest).get(channel)
            && now < Duration::from_micros(known.current_until.load(Ordering::Relaxed))
        {
            return Ok(Some(Arc::clone(known)));
        }
        let current = self.current(channel)?;
        if let Some(current) = &current {
            let until = (now + LOOKS_APART).as_micros();
            current.current_until.store(u64::try_from(until).unwrap_or(0), Ordering::Relaxed);
        }
        Ok(current)
    }

    /// The snapshot that is still current, `None` if there is none. Looks at one file per line,
    /// which costs less than handing that to another thread.
    pub(crate) fn current(&self, channel: &ChannelName) -> Result<Option<Arc<Snapshot>>, ServerError> {
        let Some(known) = locked(&self.newest).get(channel).cloned() else { return Ok(None) };
        for (path, stamp) in &known.heads {
            if stamp_of(path)? != *stamp {
                return Ok(None);
            }
        }
        Ok(Some(known))
    }

    /// Reads what has changed. `None` if nothing was ever published to the channel, main excepted:
    /// that one is there from the start.
    pub(crate) fn reload(&self, channel: &ChannelName) -> Result<Option<Arc<Snapshot>>, ServerError> {
        let stamps = self.stamps(channel)?;
        if !channel.is_main() && !stamps.values().any(|stamp| stamp.is_published()) {
            return Ok(None);
        }
        let known = locked(&self.newest).get(channel).cloned();
        match self.read(channel, &stamps, known.as_deref()) {
            Ok(snapshot) => {
                let snapshot = Arc::new(snapshot);
                locked(&self.newest).insert(channel.clone(), Arc::clone(&snapshot));
                Ok(Some(snapshot))
            }
            // A damaged index or a failing disk stops news, not service.
            Err(error) => known.map_or(Err(error), |known| {
                tracing::error!(%channel, "serving an earlier state, the current one cannot be read");
                Ok(Some(known))
            }),
        }
    }

    fn stamps(&self, channel: &ChannelName) -> Result<Stamps, ServerError> {
        Abi::known().map(|abi| Ok((abi, head_stamp(&self.store, channel, abi)?))).collect()
    }

    fn read(&self, channel: &ChannelName, stamps: &Stamps, known: Option<&Snapshot>) -> Result<Snapshot, ServerError> {
        let unchanged = |abi: &Abi, stamp: &HeadStamp| {
            known.and_then(|known| known.lines.get(abi)).filter(|(old, _)| old == stamp).cloned()
        };
        let mut lines = BTreeMap::new();
        for (abi, stamp) in stamps {
            let line = match unchanged(abi, stamp) {
                Some(line) => line,
                // A head that is newer than its stamp is read again next time.
                None => (*stamp, Arc::new(read_line(&self.store, channel, *abi)?)),
            };
            lines.insert(*abi, line);
        }
        let head = |abi: Abi| self.store.file(&StoredObject::Head { channel: channel.clone(), abi });
        Ok(Snapshot {
            channel: channel.clone(),
            store: self.store.clone(),
            heads: lines.iter().map(|(abi, (stamp, _))| (head(*abi), *stamp)).collect(),
            ready: ReadyAnswers::default(),
            current_until: AtomicU64::new(0),
            lines,
            pages: Mutex::default(),
            whole: Mutex::default(),
        })
    }
}

impl Snapshot {
    /// A page that was made before.
    pub(crate) fn kept(&self, view: &View) -> Option<Arc<Page>> {
        locked(&self.pages).get(view).cloned()
    }

    /// Makes a page; `None` if the channel does not have what it would show.
    pub(crate) fn make(&self, view: View) -> Result<Option<Arc<Page>>, ServerError> {
        let Some(page) = self.render(&view)?.map(Arc::new) else { return Ok(None) };
        let mut pages = locked(&self.pages);
        let is_past = |view: &View| matches!(view, View::PastLockfile { .. });
        if is_past(&view) && pages.keys().filter(|view| is_past(view)).count() >= MOST_PAST_LOCKFILES {
            pages.retain(|view, _| !is_past(view));
        }
        if pages.len() >= MOST_PAGES {
            pages.clear();
        }
        pages.insert(view, Arc::clone(&page));
        Ok(Some(page))
    }

    /// One line.
    pub(crate) fn line(&self, abi: Abi) -> Option<&Line> {
        self.lines.get(&abi).map(|(_, line)| &**line)
    }

    /// The line of an ABI, or all.
    fn lines(&self, abi: Option<Abi>) -> impl DoubleEndedIterator<Item = &Line> {
        let asked = move |line: &Abi| abi.is_none_or(|abi| abi == *line);
        self.lines.iter().filter(move |(abi, _)| asked(abi)).map(|(_, (_, line))| &**line)
    }

    fn names(&self, abi: Option<Abi>) -> Result<BTreeSet<PackageName>, ServerError> {
        let mut names = BTreeSet::new();
        for line in self.lines(abi) {
            names.append(&mut line.names()?);
        }
        Ok(names)
    }

    fn project(&self, abi: Option<Abi>, name: &PackageName) -> Result<Vec<(Abi, Project)>, ServerError> {
        self.lines(abi).map(|line| Ok((line.abi(), line.project(name)?))).collect()
    }

    fn render(&self, view: &View) -> Result<Option<Page>, ServerError> {
        Ok(match view {
            View::ProjectList { abi, format } => {
                let list = simple::ProjectList::new(self.names(*abi)?);
                let body = if *format == SimpleFormat::Json { list.to_json() } else { list.to_html().into_bytes() };
                Some(Page::new(format.content_type(), Vary::TypeAndEncoding, body))
            }
            View::Project { abi, name, format, base } => {
                let lines = self.project(*abi, name)?;
                let lines = lines.iter().map(|(abi, project)| (*abi, project));
                simple::ProjectPage::new(name, lines, base.as_str()).map(|page| {
                    let body = if *format == SimpleFormat::Json { page.to_json() } else { page.to_html().into_bytes() };
                    Page::new(format.content_type(), Vary::TypeAndEncoding, body)
                })
            }
            View::Lockfile { abi } => {
                let Some(line) = self.line(*abi) else { return Ok(None) };
                let lock = LockfileAt::of(line)?;
                Some(Page::new("application/json", Vary::Encoding, lock.bytes).staying_at(&lock.name))
            }
            View::PastLockfile { abi, serial } => {
                let Some(line) = self.line(*abi) else { return Ok(None) };
                let is_there = *serial <= line.serial() && line.past_head(*serial)?.is_some();
                if !is_there {
                    return Ok(None);
                }
                let lock = LockfileAt::of(&read_line_at(line, *serial)?)?;
                Some(Page::new("application/json", Vary::Encoding, lock.bytes))
            }
            View::Piplite { abi } => {
                let Some(line) = self.line(*abi) else { return Ok(None) };
                Some(Page::new("application/json", Vary::Encoding, line.piplite()?.to_bytes()))
            }
            View::Head { abi } => self.line(*abi).and_then(Line::head_bytes).map(|head| {
                // A few hundred bytes that change with every publish are not worth an encoding.
                Page::new("application/json", Vary::Nothing, head.to_vec())
            }),
            View::Node { abi, sha256 } => self.node(*abi, *sha256)?,
            View::HeadSignature { abi, sha256 } => {
                let Some(line) = self.line(*abi) else { return Ok(None) };
                line.head_signature(*sha256)?.map(|bytes| Page::new("application/json", Vary::Nothing, bytes))
            }
            View::PastHead { abi, serial } => {
                let Some(line) = self.line(*abi) else { return Ok(None) };
                line.past_head(*serial)?.map(|bytes| Page::new("application/json", Vary::Nothing, bytes))
            }
            View::Package { name, environments } => self.package(name, environments)?,
            View::Admission { filename, format } => self.admission(filename, *format)?,
            View::Home { base } => {
                let count: u64 =
                    self.lines(None).filter_map(|line| line.trees().repodata).map(|root| root.entries).sum();
                let names = if count > MOST_LISTED { BTreeSet::new() } else { self.names(None)? };
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                let html = crate::home::page(base, &self.channel, Abi::preferred(), &names, count);
                // At `/`, who asks for HTML by name may be sent on.
                Some(Page::new("text/html; charset=utf-8", Vary::TypeAndEncoding, html))
            }
        })
    }

    /// The newest version first; within it as the line has them.
    fn package(&self, name: &PackageName, environments: &[PackagedIn]) -> Result<Option<Page>, ServerError> {
        let lines = self.project(None, name)?;
        let mut listed: Vec<Listed<'_>> = lines
            .iter()
            .rev()
            .flat_map(|(abi, project)| project.offered().map(|entry| Listed { abi: *abi, entry }))
            .collect();
        listed.sort_by(|one, other| other.entry.version.cmp(&one.entry.version));
        let html = || crate::package_page::package(&self.channel, name, &listed, environments);
        Ok((!listed.is_empty()).then(|| Page::new("text/html; charset=utf-8", Vary::Encoding, html())))
    }

    /// The report of the newest line that has one on this file.
    fn admission(&self, filename: &WheelFilename, format: ReportFormat) -> Result<Option<Page>, ServerError> {
        let lines = self.project(None, filename.name())?;
        let report = |project: &Project| {
            let mut offered = project.offered();
            offered.find(|entry| entry.filename == *filename).and_then(|entry| entry.admission_sha256)
        };
        let Some(sha256) = lines.iter().rev().find_map(|(_, project)| report(project)) else { return Ok(None) };
        let object = StoredObject::Admission { sha256 };
        let Some(bytes) = self.store.read(&object)? else { return Ok(None) };
        Ok(Some(match format {
            ReportFormat::Json => Page::new("application/json", Vary::Encoding, bytes),
            ReportFormat::Html => {
                let path = self.store.file(&object);
                let report =
                    AdmissionReport::from_bytes(&bytes).map_err(|reason| ServerError::StoredReport { path, reason })?;
                Page::new("text/html; charset=utf-8", Vary::Encoding, crate::package_page::admission(&report))
            }
        }))
    }

    fn node(&self, abi: Abi, sha256: Digest) -> Result<Option<Page>, ServerError> {
        let Some(line) = self.line(abi) else { return Ok(None) };
        let bytes = line.published_node(sha256)?;
        Ok(bytes.map(|bytes| Page::new("application/json", Vary::Encoding, bytes)))
    }
}
