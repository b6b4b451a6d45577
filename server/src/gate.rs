//! What wheels from elsewhere must pass before they are published: the builder's admission, beside the wheels that they
//! need.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pkgsrv_builder::{
    AdmissionCandidate, AdmissionReport, BuildError, Bytecode, Context, ImportTest, compile_bytecode,
};
use pkgsrv_index::{Abi, FileEntry, WheelFilename};

use crate::{Accepted, AdmissionError, Candidate, Store, StoredObject, Upload};

/// The ABIs that wheels are published for if nobody names any: those with a released runtime, and those that only one of
/// the wheels is for.
pub fn abis_of(uploads: &[Upload]) -> Vec<Abi> {
    let released: Vec<Abi> = Abi::released().collect();
    let fits = |upload: &Upload, abi: Abi| upload.filename.tags_fit(abi).is_some();
    let needs = |abi| uploads.iter().any(|it| fits(it, abi) && !released.iter().any(|&other| fits(it, other)));
    Abi::known().filter(|abi| released.contains(abi) || needs(*abi)).collect()
}

/// The builder's admission, with what a wheel needs from a store.
#[derive(Debug)]
pub struct Gate<'a> {
    context: &'a Context,
    store: &'a Store,
    /// Where wheels lie that are not in the store yet.
    paths: HashMap<WheelFilename, PathBuf>,
    test: &'a ImportTest,
}

impl<'a> Gate<'a> {
    /// Wheels lie at `paths` or, those that they need, in the store.
    pub fn new(
        context: &'a Context,
        store: &'a Store,
        paths: impl IntoIterator<Item = (WheelFilename, PathBuf)>,
        test: &'a ImportTest,
    ) -> Self {
        Self { context, store, paths: paths.into_iter().collect(), test }
    }

    /// The report on a wheel that is to be published, and its bytecode; a refusal is an error.
    pub fn admit(&self, candidate: &Candidate<'_>) -> Result<Accepted, AdmissionError> {
        let needed = candidate.needed.as_deref().map_err(ToString::to_string);
        let path = self.path(candidate.entry);
        let report = self.report(candidate.abi, &path, needed)?;
        report.require_admitted()?;
        if report.sha256 != candidate.entry.sha256 {
            return Err("the file was changed while it was checked; run the command again".into());
        }
        // Who does without imports may have no runtime.
        let compile = || compile_bytecode(self.context, candidate.abi, &path);
        let bytecode = if self.test.wanted { compile()? } else { Bytecode::new() };
        Ok(Accepted { report: Some(report), bytecode })
    }

    /// The report on the wheel at `path`, which needs these others.
    pub fn report(
        &self,
        abi: Abi,
        path: &Path,
        needed: Result<&[FileEntry], String>,
    ) -> Result<AdmissionReport, BuildError> {
        let companions: Result<Vec<PathBuf>, String> =
            needed.map(|entries| entries.iter().map(|entry| self.path(entry)).collect());
        let candidate =
            AdmissionCandidate { path, companions: companions.as_deref().map_err(String::as_str), imports: self.test };
        pkgsrv_builder::admit(self.context, abi, &candidate)
    }

    fn path(&self, entry: &FileEntry) -> PathBuf {
        let stored = || StoredObject::Wheel { sha256: entry.sha256, filename: entry.filename.clone() };
        self.paths.get(&entry.filename).cloned().unwrap_or_else(|| self.store.file(&stored()))
    }
}
