//! What is kept beside a wheel for those who ask what it is made of: lock, bill of materials, provenance.

use std::collections::BTreeMap;
use std::fs;

use pkgsrv_wheel::Wheel;

use crate::action::{ActionResult, sha256};
use crate::admission::WheelIdentity;
use crate::build_lock::BuildLock;
use crate::error::{BuildError, IoContext as _};
use crate::provenance::provenance;
use crate::sbom::{Subject, sbom};

/// The documents of one wheel, as bytes of JSON: the same wheel, built the same way, has the same ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelDocuments {
    /// Everything that its build used, [`BuildLock`].
    pub lock: Vec<u8>,
    /// What it consists of and needs, `CycloneDX` 1.6.
    pub sbom: Vec<u8>,
    /// How it came about, an in-toto statement with SLSA provenance 1.
    pub provenance: Vec<u8>,
}

impl WheelDocuments {
    /// What is added to the wheel's file name for each, in the order of the fields.
    pub const ENDINGS: [&str; 3] = [".lock.json", ".cdx.json", ".provenance.json"];

    /// The documents of a result's wheel. `results` are those of everything that it needs at run time: they tell what
    /// these need in turn. `None` for a library, and for a wheel that was built by a version that kept no lock.
    pub fn of(result: &ActionResult, results: &[ActionResult]) -> Result<Option<Self>, BuildError> {
        let Some(path) = result.wheel_path() else { return Ok(None) };
        let bytes = fs::read(&path).doing("read", &path)?;
        let filename = result.wheel.clone().unwrap_or_default();
        Self::of_published(result, results, filename, &bytes)
    }

    /// The same for the wheel under the name and with the bytes that it is published with: those of a build number.
    pub fn of_published(
        result: &ActionResult,
        results: &[ActionResult],
        filename: String,
        bytes: &[u8],
    ) -> Result<Option<Self>, BuildError> {
        let Some(lock) = BuildLock::read(&result.directory) else { return Ok(None) };
        let parsed = Wheel::parse(bytes).and_then(|wheel| wheel.metadata());
        let metadata = parsed.map_err(|source| BuildError::Wheel { filename: filename.clone(), source })?;
        let wheel = WheelIdentity { filename, sha256: sha256(bytes) };
        let company = result.admission().map(|report| report.company).unwrap_or_default();
        let run = |other: &ActionResult| Some((other.name.clone(), BuildLock::read(&other.directory)?.run));
        let needs: BTreeMap<_, _> = results.iter().filter_map(run).collect();
        let subject = Subject { lock: &lock, wheel: &wheel, metadata: &metadata, company: &company, needs: &needs };
        Ok(Some(Self { lock: lock.to_bytes(), sbom: sbom(&subject), provenance: provenance(&lock, &wheel) }))
    }
}

#[cfg(test)]
mod tests;
