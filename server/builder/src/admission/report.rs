//! The report of an admission: what was checked, what was found, what to do.

use std::collections::BTreeMap;
use std::path::Path;

use pkgsrv_index::{Abi, Digest};
use serde::{Deserialize, Serialize};

use super::file_name;
use crate::error::BuildError;
use crate::source::hash_file;

/// Version of the report's JSON; raised when a reader of the one before would misread it.
const FORMAT: u32 = 1;

/// Raised by one whenever admission begins to see what it did not see before. A kept report of an earlier version is
/// made again.
pub(super) const CHECKS_VERSION: u32 = 2;

/// Findings that a check lists; the rest is counted.
const MOST_FINDINGS: usize = 20;

/// What admission found out about one wheel. The same wheel, checked the same way, gives the same report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionReport {
    format: u32,
    /// Version of the set of checks.
    pub checks_version: u32,
    /// The wheel's filename.
    pub filename: String,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Bytes of the wheel.
    pub size: u64,
    /// The name and digest under which it was checked, where it was given a build number after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_as: Option<WheelIdentity>,
    /// What it is to run on.
    pub abi: Abi,
    /// The runtime of that ABI, `pyodide 314.0.7`.
    pub runtime: String,
    /// The toolchain whose Node ran the imports; `None` if nothing had to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolchain: Option<String>,
    /// The end of it all.
    pub verdict: Verdict,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Every side module, by path.
    pub side_modules: Vec<SideModuleReport>,
    /// Every module that was to be imported, in that order.
    pub imports: Vec<ImportReport>,
    /// The wheels that it was imported with, sorted. With others it would have to be asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub company: Vec<WheelIdentity>,
}

/// A wheel, by name and contents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WheelIdentity {
    /// The filename.
    pub filename: String,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
}

impl WheelIdentity {
    /// Of the wheel at `path`.
    pub(super) fn of(path: &Path) -> Result<Self, BuildError> {
        Ok(Self { filename: file_name(path), sha256: hash_file(path)? })
    }
}

/// Whether a wheel is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is, and nothing is to be said against it.
    Admitted,
    /// It is, with warnings.
    AdmittedWithWarnings,
    /// It is not.
    Refused,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckName {
    /// Filename, tags, Python version.
    Tags,
    /// The archive and its RECORD.
    Archive,
    /// Files for other platforms, names that the interpreter does not look for.
    Files,
    /// Side modules are valid and use what every engine of the runtime has.
    Features,
    /// Memory and table that side modules ask for.
    Demands,
    /// Libraries that side modules need.
    Libraries,
    /// Symbols that side modules import.
    Symbols,
    /// Initialisers that extension modules export.
    Initialisers,
    /// Every top-level module imports in the runtime.
    Imports,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// Its worst finding.
    pub outcome: Outcome,
    /// What was looked at, in a sentence without a full stop.
    pub summary: String,
    /// What is to be said.
    pub findings: Vec<Finding>,
    /// How many more findings there are than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was nothing to check, or an earlier refusal made it pointless.
    Skipped,
    /// All is well.
    Passed,
    /// It works, but somebody should know.
    Warning,
    /// It cannot work.
    Refused,
}

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How grave it is.
    pub outcome: Outcome,
    /// The file that it is about, a path in the wheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What was found.
    pub found: String,
    /// What was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// One side module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideModuleReport {
    /// Path in the wheel.
    pub path: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of linear memory for its data.
    pub memory: u32,
    /// Slots of the function table.
    pub table: u32,
    /// WebAssembly features that it uses, sorted.
    pub features: Vec<String>,
    /// Libraries that it needs, in order, with the path or the wheel that has each.
    pub needed: Vec<NeededLibrary>,
    /// How many symbols it imports, by who provides them.
    pub imports: ImportCounts,
    /// How many symbols it exports.
    pub exports: usize,
    /// Python modules whose initialiser it exports, in order.
    pub python_modules: Vec<String>,
}

/// A library that a side module needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededLibrary {
    /// Its name.
    pub name: String,
    /// Where it is: a path in the wheel, or `WHEEL: PATH` for one of another wheel; `None` if it is nowhere.
    pub found: Option<String>,
}

/// How many imports of a side module are provided by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// By the dynamic linker: memory, table, stack pointer, bases.
    pub linker: usize,
    /// By the runtime.
    pub runtime: usize,
    /// By libraries that it needs.
    pub libraries: usize,
    /// By the module itself: symbols that another library could replace.
    pub itself: usize,
    /// By nobody, which weak imports allow.
    pub absent: usize,
}

/// How the import of one module went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The module.
    pub module: String,
    /// How it went.
    pub outcome: ImportOutcome,
    /// Python's traceback, what the interpreter died of, or the reason for leaving it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The end of what it printed; for who made the report, and not kept with it.
    #[serde(skip)]
    pub output: String,
}

/// How an import can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportOutcome {
    /// It imports.
    Imported,
    /// It raised an exception.
    Failed,
    /// It did not come to an end in time.
    TimedOut,
    /// It took the interpreter with it.
    Crashed,
    /// It was not tried, because it was left out or too many had crashed before.
    NotTried,
}

/// What is known of the wheel before any check.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub filename: String,
    pub sha256: Digest,
    pub size: u64,
    pub abi: Abi,
}

impl AdmissionReport {
    pub(super) fn new(subject: Subject, checks: Vec<Check>) -> Self {
        let Subject { filename, sha256, size, abi } = subject;
        let mut report = Self {
            format: FORMAT,
            checks_version: CHECKS_VERSION,
            filename,
            sha256,
            size,
            checked_as: None,
            abi,
            runtime: format!("{} {}", abi.facts().runtime, abi.facts().runtime_version),
            toolchain: None,
            verdict: Verdict::Admitted,
            checks,
            side_modules: Vec::new(),
            imports: Vec::new(),
            company: Vec::new(),
        };
        report.judge();
        report
    }

    /// Sets the verdict by the gravest finding.
    pub(super) fn judge(&mut self) {
        self.verdict = match self.checks.iter().map(|check| check.outcome).max() {
            Some(Outcome::Refused) => Verdict::Refused,
            Some(Outcome::Warning) => Verdict::AdmittedWithWarnings,
            _ => Verdict::Admitted,
        };
    }

    /// Whether it was made by all the checks that there are now.
    pub fn is_current(&self) -> bool {
        self.checks_version == CHECKS_VERSION
    }

    /// Whether the wheel is let in.
    pub fn is_admitted(&self) -> bool {
        self.verdict != Verdict::Refused
    }

    /// `Err` with what speaks against the wheel, where it is refused.
    pub fn require_admitted(&self) -> Result<(), BuildError> {
        if self.is_admitted() {
            return Ok(());
        }
        Err(BuildError::NotAdmitted {
            filename: self.filename.clone(),
            reason: self.refusal(),
            imports: self.imports.clone(),
        })
    }

    /// The findings that refuse the wheel: a sentence if there is one, else a list.
    pub fn refusal(&self) -> String {
        let refused = |check: &Check| check.outcome == Outcome::Refused;
        let checks = || self.checks.iter().filter(|check| refused(check));
        let findings: Vec<String> = checks()
            .flat_map(|check| &check.findings)
            .filter(|finding| finding.outcome == Outcome::Refused)
            .map(Finding::sentence)
            .collect();
        let more: usize = checks().map(|check| check.more).sum();
        if let ([one], 0) = (findings.as_slice(), more) {
            return one.clone();
        }
        let mut text = format!("{} reasons", findings.len() + more);
        text.extend(findings.iter().map(|finding| format!("\n  - {}", finding.replace('\n', "\n    "))));
        text.extend((more > 0).then(|| format!("\n  - and {more} more like these")));
        text
    }

    /// The report for the same contents under a name with a build number.
    #[must_use]
    pub fn renamed(mut self, filename: String, sha256: Digest, size: u64) -> Self {
        if self.sha256 == sha256 {
            return self;
        }
        let earlier = WheelIdentity { filename: self.filename, sha256: self.sha256 };
        self.checked_as.get_or_insert(earlier);
        Self { filename, sha256, size, ..self }
    }

    /// JSON with a newline at its end; equal reports have equal bytes.
    ///
    /// # Panics
    /// Never: the type holds nothing that JSON cannot express.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("strings, numbers and lists of them");
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote. `Err` says why it cannot be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Probe {
            format: u32,
        }
        match serde_json::from_slice::<Probe>(bytes) {
            Ok(Probe { format }) if format != FORMAT => {
                Err(format!("this admission report has format {format}, this program reads format {FORMAT}: update it"))
            }
            _ => {
                serde_json::from_slice(bytes).map_err(|error| format!("this admission report cannot be read: {error}"))
            }
        }
    }
}

impl Check {
    pub(super) fn new(name: CheckName, summary: impl Into<String>, mut findings: Vec<Finding>) -> Self {
        // The gravest first, and within that as they were found.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
        let outcome = findings.first().map_or(Outcome::Passed, |finding| finding.outcome);
        let more = findings.len().saturating_sub(MOST_FINDINGS);
        findings.truncate(MOST_FINDINGS);
        Self { name, outcome, summary: summary.into(), findings, more }
    }

    pub(super) fn skipped(name: CheckName, why: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Skipped, summary: why.into(), findings: Vec::new(), more: 0 }
    }
}

impl Finding {
    pub(super) fn refused(file: impl Into<Option<String>>, found: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, file: file.into(), found: found.into(), expected: None, advice: None }
    }

    pub(super) fn warning(file: impl Into<Option<String>>, found: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, ..Self::refused(file, found) }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    pub(super) fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// All of it in one line: file, what was found, what was expected, what to do.
    pub fn sentence(&self) -> String {
        let file = self.file.as_ref().map(|file| format!("{file}: "));
        let expected = self.expected.as_ref().map(|expected| format!("; expected {expected}"));
        let advice = self.advice.as_ref().map(|advice| format!("; {advice}"));
        [file, Some(self.found.clone()), expected, advice].into_iter().flatten().collect()
    }
}

impl CheckName {
    /// What a person calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tags => "Filename, tags and Python version",
            Self::Archive => "Archive and RECORD",
            Self::Files => "Files for this platform",
            Self::Features => "WebAssembly features",
            Self::Demands => "Memory and table",
            Self::Libraries => "Needed libraries",
            Self::Symbols => "Imported symbols",
            Self::Initialisers => "Initialisers of extension modules",
            Self::Imports => "Import in the runtime",
        }
    }
}

macro_rules! words {
    ($type:ident { $($case:ident => $word:literal),* $(,)? }) => {
        impl $type {
            /// The word for it.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$case => $word),*
                }
            }
        }
    };
}

words!(Verdict {
    Admitted => "admitted",
    AdmittedWithWarnings => "admitted with warnings",
    Refused => "refused",
});
words!(Outcome { Skipped => "skipped", Passed => "passed", Warning => "warning", Refused => "refused" });
words!(ImportOutcome {
    Imported => "imported",
    Failed => "failed",
    TimedOut => "timed out",
    Crashed => "crashed",
    NotTried => "not tried",
});

impl ImportCounts {
    /// All of them, with the name of each provider.
    pub fn named(&self) -> BTreeMap<&'static str, usize> {
        let Self { linker, runtime, libraries, itself, absent } = *self;
        BTreeMap::from([
            ("absent", absent),
            ("itself", itself),
            ("libraries", libraries),
            ("linker", linker),
            ("runtime", runtime),
        ])
    }

    /// How many there are in all.
    pub fn total(&self) -> usize {
        self.named().values().sum()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
