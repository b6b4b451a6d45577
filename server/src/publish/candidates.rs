//! Which wheels of a publish ask for admission, in which company, and what was said.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use pkgsrv_builder::{AdmissionReport, Bytecode};
use pkgsrv_index::{Abi, Digest, FileEntry, PackageName, Project, Release, UploadTime, WheelFilename};
use pkgsrv_solver::{Request, SolveError, solve_with};
use pkgsrv_wheel::Wheel;

use super::{NextLine, PublishedLine};
use crate::channel::read_line;
use crate::upload::CheckedUpload;
use crate::{AdmissionError, ChannelName, ServerError, Store, Upload};

/// A further check of one wheel for one ABI, such as that it imports in the runtime. `Err` refuses it.
pub type Admission<'a> = dyn Fn(&Candidate<'_>) -> Result<Accepted, AdmissionError> + 'a;

/// What is published beside a wheel that was admitted.
#[derive(Debug, Default)]
pub struct Accepted {
    /// The report on its admission.
    pub report: Option<AdmissionReport>,
    /// What its modules are compiled to, by the paths of the sources; none for a wheel without.
    pub bytecode: Bytecode,
}

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
    pub needed: Result<Vec<FileEntry>, SolveError>,
}

/// What has been admitted so far. A wheel is admitted in its company: should what it needs be replaced meanwhile by
/// other releases, it is asked again.
#[derive(Debug, Default)]
pub(super) struct Admitted(HashMap<(Abi, WheelFilename), Decision>);

#[derive(Debug)]
struct Decision {
    company: Company,
    report: Option<Vec<u8>>,
    bytecode: Bytecode,
}

/// Digests of what a wheel needs, or the reason why that is not all there.
type Company = Result<Vec<Digest>, String>;

impl Admitted {
    /// Asks for every new wheel of a line that has not been admitted yet.
    pub(super) fn ask(
        &mut self,
        line: &NextLine,
        uploads: &[CheckedUpload<'_>],
        admit: &Admission<'_>,
    ) -> Result<(), ServerError> {
        let abi = line.line.abi();
        let needs = Needs::new(line);
        for upload in uploads.iter().filter(|upload| line.result.added.contains(upload.filename)) {
            let Some(entry) = &line.file(upload.filename)? else { continue };
            let needed = needs.of(entry)?;
            let key = (abi, upload.filename.clone());
            let company = company(&needed);
            if self.0.get(&key).is_some_and(|decision| decision.company == company) {
                continue;
            }
            let refused = |source| ServerError::NotAdmitted { filename: upload.filename.to_string(), abi, source };
            let accepted = admit(&Candidate { abi, entry, wheel: &upload.wheel, needed }).map_err(refused)?;
            let Accepted { report, bytecode } = accepted;
            self.0.insert(key, Decision { company, report: report.map(|report| report.to_bytes()), bytecode });
        }
        Ok(())
    }

    /// Whether nothing of a line is left to be asked.
    pub(super) fn covers(&self, line: &NextLine, uploads: &[CheckedUpload<'_>]) -> Result<bool, ServerError> {
        let needs = Needs::new(line);
        for upload in uploads.iter().filter(|upload| line.result.added.contains(upload.filename)) {
            let Some(entry) = &line.file(upload.filename)? else { continue };
            let company = company(&needs.of(entry)?);
            let decision = self.0.get(&(line.line.abi(), upload.filename.clone()));
            if decision.is_none_or(|decision| decision.company != company) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The report on a wheel of a line.
    pub(super) fn report(&self, abi: Abi, filename: &WheelFilename) -> Option<&[u8]> {
        self.0.get(&(abi, filename.clone()))?.report.as_deref()
    }

    /// The bytecode of a wheel of a line.
    pub(super) fn bytecode(&self, abi: Abi, filename: &WheelFilename) -> Option<&Bytecode> {
        self.0.get(&(abi, filename.clone())).map(|decision| &decision.bytecode).filter(|it| !it.is_empty())
    }
}

fn company(needed: &Result<Vec<FileEntry>, SolveError>) -> Company {
    let digests = |entries: &Vec<FileEntry>| entries.iter().map(|entry| entry.sha256).collect();
    needed.as_ref().map(digests).map_err(ToString::to_string)
}

/// Finds what wheels of a line need.
struct Needs<'a> {
    line: &'a NextLine,
    releases: RefCell<BTreeMap<PackageName, Vec<Release>>>,
}

impl<'a> Needs<'a> {
    fn new(line: &'a NextLine) -> Self {
        Self { line, releases: RefCell::default() }
    }

    fn of(&self, entry: &FileEntry) -> Result<Result<Vec<FileEntry>, SolveError>, ServerError> {
        let selected = match solve_with(&Request::of(entry.depends.clone()), |name| self.bring(name)) {
            Ok(selected) => selected,
            Err(Unsolved::Store(error)) => return Err(error),
            Err(Unsolved::Solve(error)) => return Ok(Err(error.with_names(self.releases.borrow().keys()))),
        };
        let others = selected.iter().filter(|needed| needed.name != entry.name);
        let files = others.filter_map(|needed| self.line.file(&needed.release.filename).transpose());
        files.collect::<Result<_, _>>().map(Ok)
    }

    fn bring(&self, name: &PackageName) -> Result<Vec<Release>, Unsolved> {
        if let Some(releases) = self.releases.borrow().get(name) {
            return Ok(releases.clone());
        }
        let releases = self.line.releases(name).map_err(Unsolved::Store)?.unwrap_or_default();
        if !releases.is_empty() {
            self.releases.borrow_mut().insert(name.clone(), releases.clone());
        }
        Ok(releases)
    }
}

/// Why it is not known what a wheel needs.
enum Unsolved {
    Store(ServerError),
    Solve(SolveError),
}

impl From<SolveError> for Unsolved {
    fn from(error: SolveError) -> Self {
        Self::Solve(error)
    }
}

/// What each of these wheels would need to be imported, from a line that had all of them. Nothing is published; a wheel
/// that could not be is left out.
pub fn needed(
    store: &Store,
    channel: &ChannelName,
    abi: Abi,
    uploads: &[Upload],
) -> Result<HashMap<WheelFilename, Result<Vec<FileEntry>, SolveError>>, ServerError> {
    let line = read_line(store, channel, abi)?;
    let checked: Vec<CheckedUpload<'_>> = uploads.iter().filter_map(|upload| CheckedUpload::new(upload).ok()).collect();
    let mut projects: BTreeMap<_, Project> = BTreeMap::new();
    for upload in &checked {
        if let Ok(entry) = upload.entry(abi, UploadTime::from_unix_micros(0)) {
            let _does_not_fit = projects.entry(entry.name.clone()).or_default().insert(abi, entry);
        }
    }
    // The wheels asked about come first, also where others of their names are published.
    for (name, project) in &mut projects {
        for entry in line.project(name)?.files() {
            let _replaced = project.insert(abi, entry.clone());
        }
    }
    let result = PublishedLine { abi, serial: line.serial(), added: Vec::new(), already_there: Vec::new() };
    let line = NextLine { line, projects, result };
    let needs = Needs::new(&line);
    let mut needed = HashMap::new();
    for upload in &checked {
        if let Some(entry) = line.file(upload.filename)? {
            needed.insert(upload.filename.clone(), needs.of(&entry)?);
        }
    }
    Ok(needed)
}
