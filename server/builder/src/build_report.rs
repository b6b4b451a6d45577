//! The report of a build: its steps and their commands, what was reused, what came of it, what was said against it. It
//! is made when it is asked for, of the build's record, its log, its wheel and the report of the wheel's admission.

mod log;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Digest, PackageName};
use pkgsrv_wheel::{Entry, Wheel};
use serde::Serialize;

use crate::action::{ActionResult, sha256};
use crate::admission::{AdmissionFinding, AdmissionReport, Outcome, SideModuleReport, Verdict, file_name};
use crate::build_record::{BuildFailure, BuildRecord, BuildStep};
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::object_cache::ObjectCounts;

pub use log::{LogExcerpt, Warnings};

/// Version of the report's JSON; raised when a reader of the one before would misread it.
const FORMAT: u32 = 1;

/// How many of a wheel's files are named.
const MOST_FILES: usize = 10;

/// One build.
#[derive(Clone, Debug, Serialize)]
pub struct BuildReport {
    format: u32,
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// Digest of the action.
    pub action: Digest,
    /// Whether there is a result.
    pub succeeded: bool,
    /// When it ended, seconds since 1970.
    pub finished: u64,
    /// How long it took, seconds; without the wheel's admission.
    pub seconds: f64,
    /// What it failed of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<BuildFailure>,
    /// The compiler's or linker's command that the first error came from, as far as the log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_command: Option<String>,
    /// Its steps, in order; of a failed one those that were begun.
    pub steps: Vec<BuildStep>,
    /// What the object cache did in all steps.
    pub objects: ObjectCounts,
    /// The wheel; `None` for a library, and where there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wheel: Option<WheelSizes>,
    /// The wheel's admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admission: Option<AdmissionSummary>,
    /// The wheel's side modules, with the counts of their symbols.
    pub side_modules: Vec<SideModuleReport>,
    /// What compilers and tools warned of.
    pub warnings: Warnings,
    /// The log, and its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogExcerpt>,
}

/// How large a wheel is.
#[derive(Clone, Debug, Serialize)]
pub struct WheelSizes {
    /// Where it is in the cache.
    pub path: PathBuf,
    /// Its file name.
    pub filename: String,
    /// SHA-256 of it.
    pub sha256: Digest,
    /// Bytes of it.
    pub size: u64,
    /// Bytes of its files, unpacked.
    pub unpacked: u64,
    /// How many files it has.
    pub files: usize,
    /// The largest of them, the largest first.
    pub largest: Vec<FileSize>,
}

/// How large a file of a wheel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSize {
    /// Path in the wheel.
    pub path: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// Bytes, packed.
    pub packed: u64,
}

/// What admission said, in short.
#[derive(Clone, Debug, Serialize)]
pub struct AdmissionSummary {
    /// The end of it.
    pub verdict: Verdict,
    /// Its warnings, each in a sentence.
    pub warnings: Vec<String>,
}

impl BuildReport {
    /// Of the latest build of a package that this cache knows; `None` if it knows of none.
    pub fn of_latest(context: &Context, name: &PackageName) -> Result<Option<Self>, BuildError> {
        let Some(record) = BuildRecord::latest(context, name) else { return Ok(None) };
        let directory = context.cache.actions().join(record.action.to_string());
        let result = match record.failure {
            Some(_) => None,
            None => ActionResult::find(context, record.action)?,
        };
        let log = match &record.failure {
            Some(failure) => failure.log.clone(),
            None => directory.join("build.log"),
        };
        let first_error = record.failure.as_ref().and_then(|failure| failure.lines.first());
        let failed_command = first_error.map(|line| log::command_before(&log, line)).transpose()?.flatten();
        let (log, warnings) = log::read(&log)?;
        let path = result.as_ref().and_then(ActionResult::wheel_path);
        let admission = result.as_ref().and_then(ActionResult::admission);
        Ok(Some(Self {
            format: FORMAT,
            succeeded: record.failure.is_none(),
            name: record.name,
            version: record.version,
            action: record.action,
            finished: record.finished,
            seconds: record.seconds,
            failure: record.failure,
            failed_command,
            objects: record.steps.iter().filter_map(|step| step.objects).fold(ObjectCounts::default(), sum),
            steps: record.steps,
            wheel: path.as_deref().map(WheelSizes::of).transpose()?,
            admission: admission.as_ref().map(AdmissionSummary::of),
            side_modules: admission.map(|report| report.side_modules).unwrap_or_default(),
            warnings,
            log,
        }))
    }

    /// The step that failed, if it had begun.
    pub fn failed_step(&self) -> Option<&BuildStep> {
        let failed = self.failure.as_ref()?.step.as_deref()?;
        self.steps.last().filter(|step| step.step == failed)
    }
}

fn sum(one: ObjectCounts, other: ObjectCounts) -> ObjectCounts {
    ObjectCounts {
        reused: one.reused + other.reused,
        compiled: one.compiled + other.compiled,
        linked: one.linked + other.linked,
    }
}

impl WheelSizes {
    fn of(path: &Path) -> Result<Self, BuildError> {
        let filename = file_name(path);
        let bytes = fs::read(path).doing("read", path)?;
        let (sha256, size) = (sha256(&bytes), bytes.len() as u64);
        let wheel = Wheel::parse(bytes).map_err(|source| BuildError::Wheel { filename: filename.clone(), source })?;
        let size_of = |entry: &Entry| FileSize {
            path: entry.path().to_owned(),
            size: entry.size(),
            packed: entry.compressed_size(),
        };
        let mut largest: Vec<FileSize> = wheel.entries().map(size_of).collect();
        let (files, unpacked) = (largest.len(), largest.iter().map(|file| file.size).sum());
        largest.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
        largest.truncate(MOST_FILES);
        Ok(Self { path: path.to_owned(), filename, sha256, size, unpacked, files, largest })
    }
}

impl AdmissionSummary {
    fn of(report: &AdmissionReport) -> Self {
        let findings = report.checks.iter().flat_map(|check| &check.findings);
        let warnings = findings.filter(|finding| finding.outcome == Outcome::Warning);
        Self { verdict: report.verdict, warnings: warnings.map(AdmissionFinding::sentence).collect() }
    }
}

#[cfg(test)]
mod tests;
