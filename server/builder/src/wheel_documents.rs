//! What is kept beside a wheel for those who ask what it is made of: lock, bill of materials, provenance.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pkgsrv_index::{DocumentKind, PackageName, WheelFilename};
use pkgsrv_wheel::Wheel;

use crate::action::{ActionResult, sha256};
use crate::admission::WheelIdentity;
use crate::build_lock::BuildLock;
use crate::error::{BuildError, IoContext as _};
use crate::provenance::provenance;
use crate::sbom::{Subject, sbom};

/// The documents of one wheel, as bytes of JSON: the same wheel, built the same way, has the same ones.
pub type WheelDocuments = BTreeMap<DocumentKind, Vec<u8>>;

impl ActionResult {
    /// The documents of the wheel. `results` are those of everything that it needs at run time: they tell what these
    /// need in turn. None for a library, and for a wheel that was built by a version that kept no lock.
    pub fn documents(&self, results: &[Self]) -> Result<WheelDocuments, BuildError> {
        let Some(path) = self.wheel_path() else { return Ok(WheelDocuments::new()) };
        let bytes = fs::read(&path).doing("read", &path)?;
        self.documents_as(self.wheel.clone().unwrap_or_default(), &bytes, results)
    }

    /// The same for the wheel under the name and with the bytes that it is published with: those of a build number.
    pub fn documents_as(&self, filename: String, bytes: &[u8], results: &[Self]) -> Result<WheelDocuments, BuildError> {
        let Some(lock) = BuildLock::read(&self.directory) else { return Ok(WheelDocuments::new()) };
        let parsed = Wheel::parse(bytes).and_then(|wheel| wheel.metadata());
        let metadata = parsed.map_err(|source| BuildError::Wheel { filename: filename.clone(), source })?;
        let wheel = WheelIdentity { filename, sha256: sha256(bytes) };
        let company = self.admission().map(|report| report.company).unwrap_or_default();
        let names = company.iter().filter_map(|wheel| wheel.filename.parse().ok());
        let names: BTreeSet<PackageName> = names.map(|filename: WheelFilename| filename.name().clone()).collect();
        let run = |other: &Self| Some((other.name.clone(), BuildLock::read(&other.directory)?.run));
        let needs: BTreeMap<_, _> =
            results.iter().filter(|other| names.contains(&other.name)).filter_map(run).collect();
        let subject = Subject { lock: &lock, wheel: &wheel, metadata: &metadata, company: &company, needs: &needs };
        Ok(WheelDocuments::from([
            (DocumentKind::Lock, lock.to_bytes()),
            (DocumentKind::Sbom, sbom(&subject)),
            (DocumentKind::Provenance, provenance(&lock, &wheel)),
        ]))
    }
}

#[cfg(test)]
mod tests;
