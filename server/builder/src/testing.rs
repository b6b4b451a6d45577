//! A recipe's tests, run in the real runtime on the wheel that was built.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pkgsrv_index::{Abi, PackageName};
use serde::Serialize;

use crate::action::ActionResult;
use crate::admission::{self, ImportOutcome, ImportReport, ImportTest, Importing, file_name};
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

/// The project that runs the tests that packages bring.
pub const PYTEST: &str = "pytest";

/// What is tested, and how.
#[derive(Clone, Copy, Debug)]
pub struct TestOptions {
    /// Whether the tests that were left out of the wheel are run too, by [`PYTEST`].
    pub unvendored: bool,
    /// How long each import may take, the recipe's test, and all that pytest runs together.
    pub timeout: Duration,
}

/// How the tests of a package went.
#[derive(Clone, Debug, Serialize)]
pub struct PackageTest {
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// Whether all of them passed.
    pub passed: bool,
    /// The recipe's own test; `None` where it has none, and only imports are tried.
    pub script: Option<String>,
    /// What was tried, in order.
    pub steps: Vec<TestStep>,
    /// Why nothing was tried, or why the wheel is not admitted beside what the steps tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct TestStep {
    /// What it is.
    pub kind: TestKind,
    /// The module, or the file of the test.
    pub name: String,
    /// How it went.
    pub outcome: TestOutcome,
    /// Python's traceback, what the interpreter died of, or the reason for leaving it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The end of what it printed.
    pub output: String,
}

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestKind {
    /// The import of a module.
    Import,
    /// The recipe's own test.
    Script,
    /// The tests that were left out of the wheel.
    Unvendored,
}

/// How it can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestOutcome {
    /// It did what was expected.
    Passed,
    /// It raised an exception.
    Failed,
    /// It did not come to an end in time.
    TimedOut,
    /// It took the interpreter with it.
    Crashed,
    /// It was not tried: left out by the recipe, or too many had crashed before.
    NotTried,
}

/// A wheel in the cache that is tested.
pub(crate) struct Tested<'a> {
    pub abi: Abi,
    pub runtime: &'a Runtime,
    pub toolchain: &'a Toolchain,
    pub result: &'a ActionResult,
    /// Wheels of what it needs.
    pub companions: &'a [PathBuf],
    /// Those of pytest and of what that needs, where the tests that were left out are run.
    pub pytest: Option<&'a [PathBuf]>,
    pub test: &'a ImportTest,
}

impl Tested<'_> {
    /// Imports what admission imports, runs the recipe's test, and the tests that were left out.
    pub(crate) fn run(&self, context: &Context) -> Result<Vec<TestStep>, BuildError> {
        let Some(wheel) = self.result.wheel_path() else { return Ok(Vec::new()) };
        let companions: Vec<&Path> = self.companions.iter().map(PathBuf::as_path).collect();
        let stage = context.progress.stage(self.result.name.as_str(), "testing");
        let Self { abi, runtime, toolchain, .. } = *self;
        let importing = |tests, test, wheels| Importing { runtime, toolchain, wheels, tests, test, abi };
        let wheels = [companions.as_slice(), &[wheel.as_path()]].concat();
        let reports =
            admission::imports(context, &importing(None, self.test, wheels), |message| stage.message(message))?;
        let mut steps = steps(&reports, self.test);
        let archive = self.result.tests_path();
        let script = archive.as_deref().map(pytest_script).transpose()?.flatten();
        if let (Some(_), None) = (self.pytest, &script) {
            steps.push(TestStep {
                kind: TestKind::Unvendored,
                name: PYTEST.to_owned(),
                outcome: TestOutcome::NotTried,
                detail: Some("nothing that pytest looks into was left out of the wheel".to_owned()),
                output: String::new(),
            });
        }
        if let (Some(pytest), Some(archive), Some(script)) = (self.pytest, archive, script) {
            stage.message("running the tests that were left out of the wheel");
            let test = ImportTest {
                script: Some((PYTEST.to_owned(), script)),
                timeout: self.test.timeout,
                ..ImportTest::default()
            };
            // What the package needs comes last: of two versions of one project, its own is the one that stays.
            let pytest: Vec<&Path> =
                pytest.iter().map(PathBuf::as_path).filter(|it| !companions.contains(it)).collect();
            let wheels = [pytest.as_slice(), companions.as_slice(), &[wheel.as_path()]].concat();
            let reports = admission::run(context, &importing(Some(&archive), &test, wheels), &[])?;
            steps.extend(reports.iter().map(|report| step(report, TestKind::Unvendored)));
        }
        stage.done("tested");
        Ok(steps)
    }
}

/// The steps that a report of admission tells of.
pub(crate) fn steps(reports: &[ImportReport], test: &ImportTest) -> Vec<TestStep> {
    let kind = |report: &ImportReport| {
        if test.is_script(&report.module) { TestKind::Script } else { TestKind::Import }
    };
    reports.iter().map(|report| step(report, kind(report))).collect()
}

fn step(report: &ImportReport, kind: TestKind) -> TestStep {
    let ImportReport { module, outcome, detail, output } = report;
    let outcome = match outcome {
        ImportOutcome::Imported => TestOutcome::Passed,
        ImportOutcome::Failed => TestOutcome::Failed,
        ImportOutcome::TimedOut => TestOutcome::TimedOut,
        ImportOutcome::Crashed => TestOutcome::Crashed,
        ImportOutcome::NotTried => TestOutcome::NotTried,
    };
    TestStep { kind, name: module.clone(), outcome, detail: detail.clone(), output: output.clone() }
}

impl TestStep {
    /// Whether it speaks against the package: what the recipe leaves out does not, nor that there are no tests.
    pub fn is_failure(&self, test: &ImportTest) -> bool {
        match self.outcome {
            TestOutcome::Passed => false,
            TestOutcome::NotTried => self.kind != TestKind::Unvendored && !test.left_out.contains_key(&self.name),
            TestOutcome::Failed | TestOutcome::TimedOut | TestOutcome::Crashed => true,
        }
    }
}

/// Runs pytest over an archive's tests, where they were unpacked; `None` where it has none. Without paths it would look
/// into everything that is there.
fn pytest_script(archive: &Path) -> Result<Option<String>, BuildError> {
    let bytes = fs::read(archive).doing("read", archive)?;
    let filename = file_name(archive);
    let bad =
        |error: &dyn std::fmt::Display| BuildError::Archive { filename: filename.clone(), reason: error.to_string() };
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|error| bad(&error))?;
    let mut paths = Vec::new();
    for at in 0..archive.len() {
        let path = archive.by_index(at).and_then(|file| Ok(file.name()?.into_owned())).map_err(|error| bad(&error))?;
        paths.extend(is_collected(&path).then_some(path));
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let paths = serde_json::to_string(&paths).expect("a list of texts");
    // Its cache has no place here, and what it does for crashes needs threads.
    Ok(Some(format!(
        "import pytest\n\
         code = pytest.main([\"--color=no\", \"-p\", \"no:cacheprovider\", \"-p\", \"no:faulthandler\", *{paths}])\n\
         if code: raise SystemExit(f\"pytest ended with code {{int(code)}}\")\n"
    )))
}

/// Files that pytest looks into for tests.
fn is_collected(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}
