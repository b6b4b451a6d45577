//! The admission of what was built just now: the builder admitted it, in the company of what it built; in a channel it may
//! meet other releases of what it needs, and then is asked again.

use std::path::PathBuf;

use anyhow::Result;
use pkgsrv::{Accepted, AdmissionError, Candidate, Line, Store, StoredObject, Upload, digest_of};
use pkgsrv_builder::{
    ActionResult, AdmissionCandidate, AdmissionReport, Context, ImportTest, LoadedRecipes, WheelIdentity, admit,
    compile_bytecode,
};
use pkgsrv_index::FileEntry;

use super::rebuilt::named_for;

/// Wheels that were built, and the names under which they are published.
pub(crate) struct BuiltWheels<'a> {
    context: &'a Context,
    store: &'a Store,
    wheels: Vec<BuiltWheel>,
}

struct BuiltWheel {
    path: PathBuf,
    built: WheelIdentity,
    published: Upload,
    report: Option<AdmissionReport>,
    imports: ImportTest,
}

impl<'a> BuiltWheels<'a> {
    /// The wheels among `results`, named for a channel's `line`.
    pub(crate) fn new(
        context: &'a Context,
        store: &'a Store,
        line: &Line,
        recipes: &LoadedRecipes,
        results: &[ActionResult],
    ) -> Result<Self> {
        let wheel = |result: &ActionResult, path: PathBuf| {
            let upload = Upload::read(&path)?;
            let built = WheelIdentity { filename: upload.filename.to_string(), sha256: digest_of(&upload.bytes) };
            let mut published = named_for(line, upload)?;
            published.documents = result.documents_as(published.filename.to_string(), &published.bytes, results)?;
            Ok(BuiltWheel {
                path,
                built,
                published,
                report: result.admission(),
                imports: recipes[&result.name].import_test(),
            })
        };
        let wheels = results.iter().filter_map(|result| Some((result, result.wheel_path()?)));
        let wheels = wheels.map(|(result, path)| wheel(result, path)).collect::<Result<_>>()?;
        Ok(Self { context, store, wheels })
    }

    /// What is to be published.
    pub(crate) fn uploads(&self) -> Vec<Upload> {
        self.wheels.iter().map(|wheel| wheel.published.clone()).collect()
    }

    /// The builder's report, if it was made in the company that the wheel has in the channel, else a new one; and the
    /// bytecode.
    pub(crate) fn admit(&self, candidate: &Candidate<'_>) -> Result<Accepted, AdmissionError> {
        let Some(wheel) = self.wheels.iter().find(|wheel| wheel.published.filename == candidate.entry.filename) else {
            return Ok(Accepted::default());
        };
        let report = match (&candidate.needed, &wheel.report) {
            (Ok(needed), Some(report)) if report.company == self.company(needed) => report.clone(),
            (needed, _) => {
                let missing = needed.as_ref().map_err(ToString::to_string);
                let companions = missing.map(|needed| needed.iter().map(|entry| self.path(entry)).collect::<Vec<_>>());
                let asked = AdmissionCandidate {
                    path: &wheel.path,
                    companions: companions.as_deref().map_err(String::as_str),
                    imports: &wheel.imports,
                };
                let report = admit(self.context, candidate.abi, &asked)?;
                report.require_admitted()?;
                report
            }
        };
        let Upload { filename, bytes, .. } = &wheel.published;
        let report = report.renamed(filename.to_string(), digest_of(bytes), bytes.len() as u64);
        let bytecode = compile_bytecode(self.context, candidate.abi, &wheel.path)?;
        Ok(Accepted { report: Some(report), bytecode })
    }

    fn built(&self, entry: &FileEntry) -> Option<&BuiltWheel> {
        self.wheels.iter().find(|wheel| wheel.published.filename == entry.filename)
    }

    /// As the builder knows them: without a build number.
    fn company(&self, needed: &[FileEntry]) -> Vec<WheelIdentity> {
        let identity = |entry: &FileEntry| {
            let stored = || WheelIdentity { filename: entry.filename.to_string(), sha256: entry.sha256 };
            self.built(entry).map_or_else(stored, |wheel| wheel.built.clone())
        };
        let mut company: Vec<WheelIdentity> = needed.iter().map(identity).collect();
        company.sort();
        company
    }

    fn path(&self, entry: &FileEntry) -> PathBuf {
        let stored = || StoredObject::Wheel { sha256: entry.sha256, filename: entry.filename.clone() };
        self.built(entry).map_or_else(|| self.store.file(&stored()), |wheel| wheel.path.clone())
    }
}
