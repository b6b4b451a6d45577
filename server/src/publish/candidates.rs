//! Which wheels of a publish ask for admission, in which company, and what was said.

use std::collections::HashMap;

use pkgsrv_builder::AdmissionReport;
use pkgsrv_index::{Abi, ChannelIndex, Digest, FileEntry, PackageName, Repodata, UploadTime, WheelFilename};
use pkgsrv_solver::{Request, SolveError, solve_with};
use pkgsrv_wheel::Wheel;

use super::NextLine;
use crate::channel::read_line;
use crate::upload::CheckedUpload;
use crate::{AdmissionError, ChannelName, ServerError, Store, Upload};

/// A further check of one wheel for one ABI, such as that it imports in the runtime. `Err` refuses it; a report is
/// published beside it.
pub type Admission<'a> = dyn Fn(&Candidate<'_>) -> Result<Option<AdmissionReport>, AdmissionError> + 'a;

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
        let NextLine { index, result } = line;
        let needs = Needs::new(index);
        for upload in uploads.iter().filter(|upload| result.added.contains(upload.filename)) {
            let Some(entry) = index.get(upload.filename.as_str()) else { continue };
            let needed = needs.of(entry);
            let key = (index.abi, upload.filename.clone());
            let company = company(&needed);
            if self.0.get(&key).is_some_and(|decision| decision.company == company) {
                continue;
            }
            let refused =
                |source| ServerError::NotAdmitted { filename: upload.filename.to_string(), abi: index.abi, source };
            let report = admit(&Candidate { abi: index.abi, entry, wheel: &upload.wheel, needed }).map_err(refused)?;
            self.0.insert(key, Decision { company, report: report.map(|report| report.to_bytes()) });
        }
        Ok(())
    }

    /// Whether nothing of a line is left to be asked.
    pub(super) fn covers(&self, line: &NextLine, uploads: &[CheckedUpload<'_>]) -> bool {
        let NextLine { index, result } = line;
        let needs = Needs::new(index);
        let mut added = uploads.iter().filter(|upload| result.added.contains(upload.filename));
        added.all(|upload| {
            let Some(entry) = index.get(upload.filename.as_str()) else { return true };
            let decision = self.0.get(&(index.abi, upload.filename.clone()));
            decision.is_some_and(|decision| decision.company == company(&needs.of(entry)))
        })
    }

    /// The report on a wheel of a line.
    pub(super) fn report(&self, abi: Abi, filename: &WheelFilename) -> Option<&[u8]> {
        self.0.get(&(abi, filename.clone()))?.report.as_deref()
    }
}

fn company(needed: &Result<Vec<FileEntry>, SolveError>) -> Company {
    let digests = |entries: &Vec<FileEntry>| entries.iter().map(|entry| entry.sha256).collect();
    needed.as_ref().map(digests).map_err(ToString::to_string)
}

/// Finds what wheels of a line need.
struct Needs<'a> {
    index: &'a ChannelIndex,
    repodata: Repodata,
}

impl<'a> Needs<'a> {
    fn new(index: &'a ChannelIndex) -> Self {
        Self { index, repodata: Repodata::from_index(index, "") }
    }

    fn of(&self, entry: &FileEntry) -> Result<Vec<FileEntry>, SolveError> {
        let releases = &self.repodata.packages;
        let bring = |name: &PackageName| Ok(releases.get(name).cloned().unwrap_or_default());
        let selected = solve_with(&Request::of(entry.depends.clone()), bring)
            .map_err(|error: SolveError| error.with_names(releases.keys()))?;
        let others = selected.iter().filter(|needed| needed.name != entry.name);
        Ok(others.filter_map(|needed| self.index.get(needed.release.filename.as_str()).cloned()).collect())
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
    // The wheels asked about come first, also where others of their names are published.
    let mut index = ChannelIndex::empty(abi);
    let checked: Vec<CheckedUpload<'_>> = uploads.iter().filter_map(|upload| CheckedUpload::new(upload).ok()).collect();
    for upload in &checked {
        if let Ok(entry) = upload.entry(abi, UploadTime::from_unix_micros(0)) {
            let _does_not_fit = index.insert(entry);
        }
    }
    for entry in read_line(store, channel, abi)?.index.files() {
        let _replaced = index.insert(entry.clone());
    }
    let needs = Needs::new(&index);
    let of =
        |upload: &CheckedUpload<'_>| Some((upload.filename.clone(), needs.of(index.get(upload.filename.as_str())?)));
    Ok(checked.iter().filter_map(of).collect())
}
