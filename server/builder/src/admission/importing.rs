//! Importing a wheel's modules in the real runtime, in Node, in the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pkgsrv_index::Abi;
use pkgsrv_wheel::Wheel;
use serde::Deserialize;
use serde_json::json;

use super::report::{Check, CheckName, Finding, ImportOutcome, ImportReport};
use super::wheel_files::base_name;
use crate::context::Context;
use crate::error::BuildError;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

const SCRIPT: &str = include_str!("import.mjs");

/// How long one import may take if nothing else is said. Large packages take some seconds on a quiet machine.
const LONGEST_IMPORT: Duration = Duration::from_mins(2);

/// Modules that are tried. A wheel with more top-level modules is an accident of packaging.
const MOST_IMPORTS: usize = 500;

/// Lines of what an import printed that a finding shows, and characters of each.
const MOST_PRINTED: usize = 40;
const LONGEST_PRINTED: usize = 300;

/// Which modules are imported.
#[derive(Clone, Debug)]
pub struct ImportTest {
    /// Whether anything is imported at all.
    pub wanted: bool,
    /// Modules to import beside those at the wheel's top level.
    pub further: Vec<String>,
    /// Modules to leave out, each with the reason for it.
    pub left_out: BTreeMap<String, String>,
    /// Python that must run to its end after the imports: what it is called, and its text.
    pub script: Option<(String, String)>,
    /// How long each import may take, and the script.
    pub timeout: Duration,
}

impl Default for ImportTest {
    /// Everything at the top level.
    fn default() -> Self {
        Self { wanted: true, further: Vec::new(), left_out: BTreeMap::new(), script: None, timeout: LONGEST_IMPORT }
    }
}

impl ImportTest {
    /// Whether this step is the script: its file name is no module's.
    pub(crate) fn is_script(&self, step: &str) -> bool {
        self.script.as_ref().is_some_and(|(name, _)| name == step)
    }
}

/// What is imported, and into which company.
pub(crate) struct Importing<'a> {
    pub runtime: &'a Runtime,
    pub toolchain: &'a Toolchain,
    /// The wheel and all that it needs.
    pub wheels: Vec<&'a Path>,
    /// An archive that is unpacked where the wheels are.
    pub tests: Option<&'a Path>,
    pub test: &'a ImportTest,
    pub abi: Abi,
}

/// One line that the script prints.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// A module's import begins.
    Begin(String),
    /// All is over.
    Results(Vec<StepResult>),
    /// Nothing could be imported.
    NoStart(String),
}

#[derive(Deserialize)]
struct StepResult {
    module: String,
    outcome: ImportOutcome,
    detail: Option<String>,
    #[serde(default)]
    output: String,
}

/// The modules to import: the top level of the wheel, then the further ones.
fn wanted(wheel: &Wheel<'_>, test: &ImportTest, abi: Abi) -> Vec<String> {
    let mut modules: Vec<String> = top_level(wheel, abi).into_iter().collect();
    for further in &test.further {
        if !modules.contains(further) {
            modules.push(further.clone());
        }
    }
    modules
}

/// Imports all of it; the check and each import's report.
pub(super) fn check(
    context: &Context,
    wheel: &Wheel<'_>,
    importing: &Importing<'_>,
    progress: impl Fn(&str),
) -> Result<(Check, Vec<ImportReport>), BuildError> {
    let Importing { runtime, test, abi, .. } = importing;
    let modules = wanted(wheel, test, *abi);
    let mut findings: Vec<Finding> = test
        .left_out
        .keys()
        .filter(|left_out| !modules.contains(left_out))
        .map(|name| {
            Finding::warning(None, format!("{name} is to be left out, but is no module that would be imported"))
                .expected(format!("one of {}", modules.join(", ")))
        })
        .collect();
    let (left_out, mut tried): (Vec<String>, Vec<String>) =
        modules.into_iter().partition(|module| test.left_out.contains_key(module));
    if tried.len() > MOST_IMPORTS {
        let found = format!("it has {} modules at its top level; {MOST_IMPORTS} of them were imported", tried.len());
        findings.push(Finding::warning(None, found).advice("a wheel should bring one package"));
        tried.truncate(MOST_IMPORTS);
    }
    let name = format!("{} {}", runtime.name, runtime.version);
    let script = test.script.as_ref().map(|(name, _)| name.as_str());
    let mut reports = if tried.is_empty() && script.is_none() {
        Vec::new()
    } else {
        progress(&format!("importing {} in {name}", tried.join(", ")));
        run(context, importing, &tried)?
    };
    findings.extend(reports.iter().filter_map(|report| finding(report, &name, test)));
    let imports = || reports.iter().filter(|report| !test.is_script(&report.module));
    let imported = imports().filter(|report| report.outcome == ImportOutcome::Imported).count();
    let mut summary = format!("{imported} of {} modules import", imports().count());
    let ran = |report: &ImportReport| test.is_script(&report.module) && report.outcome == ImportOutcome::Imported;
    if reports.iter().any(ran) {
        summary.push_str(", and the recipe's test runs");
    }
    reports.extend(left_out.into_iter().map(|module| ImportReport {
        detail: test.left_out.get(&module).map(|reason| format!("left out: {reason}")),
        module,
        outcome: ImportOutcome::NotTried,
        output: String::new(),
    }));
    Ok((Check::new(CheckName::Imports, summary, findings), reports))
}

fn finding(report: &ImportReport, runtime: &str, test: &ImportTest) -> Option<Finding> {
    let ImportReport { module, outcome, detail, output } = report;
    let detail = detail.as_deref().unwrap_or_default().trim_end();
    let is_script = test.is_script(module);
    let step = if is_script { format!("the recipe's {module}") } else { format!("import {module}") };
    let found = match outcome {
        ImportOutcome::Imported => return None,
        ImportOutcome::Failed if is_script => format!("{step} fails in {runtime}:\n{detail}"),
        ImportOutcome::Failed => format!("it does not import in {runtime}:\n{step}\n{detail}"),
        ImportOutcome::TimedOut => {
            format!("{step} did not come to an end within {} s in {runtime}", test.timeout.as_secs())
        }
        ImportOutcome::Crashed => format!("{step} ended the interpreter of {runtime}:\n{detail}"),
        ImportOutcome::NotTried => format!("{step} was not tried: {detail}"),
    };
    Some(Finding::refused(None, found + &printed(output)))
}

/// The last lines of what was printed, as a finding shows them.
fn printed(output: &str) -> String {
    let lines: Vec<String> =
        output.trim_end().lines().map(|line| line.chars().take(LONGEST_PRINTED).collect()).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\nit printed:\n{}", lines[lines.len().saturating_sub(MOST_PRINTED)..].join("\n"))
}

/// Imports `modules`, one after another, and runs the script; how each went, in that order.
pub(crate) fn run(
    context: &Context,
    importing: &Importing<'_>,
    modules: &[String],
) -> Result<Vec<ImportReport>, BuildError> {
    let Importing { runtime, toolchain, wheels, tests, test, .. } = importing;
    let inside = |path: &Path| format!("/wheels/{}", base_name(&path.to_string_lossy()));
    let mut mounts: Vec<(&Path, String)> = wheels.iter().map(|path| (*path, inside(path))).collect();
    let wheel_mounts: Vec<String> = mounts.iter().map(|(_, inside)| inside.clone()).collect();
    mounts.extend(tests.map(|path| (path, inside(path))));
    let task = json!({
        "imports": modules,
        "script": test.script.as_ref().map(|(name, text)| json!({ "name": name, "text": text })),
        "timeout": u64::try_from(test.timeout.as_millis()).unwrap_or(u64::MAX),
        "tests": tests.map(inside),
        "wheels": wheel_mounts,
    });
    let script = format!("const task = {task};\n{SCRIPT}");
    let answer = runtime.answer(context, toolchain, &script, &mounts)?;
    let lines: Vec<Line> = answer.output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let steps = [modules, test.script.as_ref().map(|(name, _)| name.clone()).as_slice()].concat();
    match lines.last() {
        // A package's code shares the output: an answer that is not about what was asked is none.
        Some(Line::Results(results)) if answer.failure.is_none() && is_about(results, &steps) => {
            Ok(results.iter().map(report).collect())
        }
        Some(Line::NoStart(reason)) => Err(BuildError::NotAdmitted {
            filename: subject(wheels),
            reason: format!("nothing could be imported: {reason}"),
            imports: Vec::new(),
        }),
        _ => {
            let (status, printed) = answer.failure.unwrap_or_else(|| ("no answer".to_owned(), answer.output.clone()));
            let begun: Vec<&String> = lines
                .iter()
                .filter_map(|line| if let Line::Begin(module) = line { Some(module) } else { None })
                .collect();
            Ok(after_a_crash(&steps, &begun, &format!("{status}\n{printed}")))
        }
    }
}

/// Not only the interpreter ended but Node with it: what was begun last is to blame.
fn after_a_crash(modules: &[String], begun: &[&String], detail: &str) -> Vec<ImportReport> {
    let last = begun.last().copied();
    let report = |module: &String| {
        let (outcome, detail) = if last == Some(module) || last.is_none() {
            (ImportOutcome::Crashed, detail.to_owned())
        } else {
            (ImportOutcome::NotTried, "the program that imports ended before it could tell".to_owned())
        };
        ImportReport { module: module.clone(), outcome, detail: Some(detail), output: String::new() }
    };
    modules.iter().map(report).collect()
}

fn report(result: &StepResult) -> ImportReport {
    let StepResult { module, outcome, detail, output } = result;
    ImportReport { module: module.clone(), outcome: *outcome, detail: detail.clone(), output: output.clone() }
}

fn is_about(results: &[StepResult], steps: &[String]) -> bool {
    results.iter().map(|result| &result.module).eq(steps)
}

fn subject(wheels: &[&Path]) -> String {
    let last = wheels.last().map(|path| PathBuf::from(path.file_name().unwrap_or_default()));
    last.unwrap_or_default().display().to_string()
}

/// What a wheel lets be imported, by its files alone: the names at the root of where it is unpacked, and in folders
/// without an initialiser (namespace packages) the packages and extension modules within.
fn top_level(wheel: &Wheel<'_>, abi: Abi) -> BTreeSet<String> {
    let data = wheel.data_dir();
    let below_data = |path: &str| -> Option<String> {
        let below = path.strip_prefix(&data)?.strip_prefix('/')?;
        Some(below.strip_prefix("purelib/").or_else(|| below.strip_prefix("platlib/"))?.to_owned())
    };
    let installed = wheel.entries().filter_map(|entry| match entry.path() {
        path if path.starts_with(&format!("{data}/")) => below_data(path),
        path => Some(path.to_owned()),
    });
    modules_of(installed, abi)
}

fn modules_of(paths: impl Iterator<Item = String>, abi: Abi) -> BTreeSet<String> {
    let files: BTreeSet<(Vec<String>, Module)> = paths.filter_map(|path| module(&path, abi)).collect();
    let packages: BTreeSet<&[String]> =
        files.iter().filter(|(_, module)| module.name == "__init__").map(|(folder, _)| folder.as_slice()).collect();
    let mut modules = BTreeSet::new();
    for (folder, module) in &files {
        // The outermost folder with an initialiser is the package that this file belongs to.
        let package = (1..=folder.len()).map(|depth| &folder[..depth]).find(|part| packages.contains(part));
        match (package, folder.first()) {
            (Some(package), _) => {
                modules.insert(package.join("."));
            }
            (None, None) => {
                modules.insert(module.name.clone());
            }
            (None, Some(_)) if module.is_extension => {
                modules.insert(format!("{}.{}", folder.join("."), module.name));
            }
            // Scripts and tests lie about in folders that are no packages: the folder can be imported, they need not.
            (None, Some(top)) => {
                modules.insert(top.clone());
            }
        }
    }
    modules.remove("__main__");
    modules
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Module {
    name: String,
    is_extension: bool,
}

/// The folder and the module that a file is; `None` for one that cannot be imported.
fn module(path: &str, abi: Abi) -> Option<(Vec<String>, Module)> {
    let mut folder: Vec<String> = path.split('/').map(str::to_owned).collect();
    let file = folder.pop()?;
    // In the interpreter's order: `.so` is the end of the two before it.
    let suffixes = [abi.facts().extension_suffix, ".abi3.so", ".so", ".py"];
    let (name, suffix) = suffixes.iter().find_map(|suffix| Some((file.strip_suffix(suffix)?, *suffix)))?;
    let is_name = |text: &str| {
        let mut chars = text.chars();
        chars.next().is_some_and(|first| first == '_' || first.is_alphabetic())
            && chars.all(|other| other == '_' || other.is_alphanumeric())
    };
    // A shared library that is called as libraries are is none of Python's.
    let is_library = suffix == ".so" && name.starts_with("lib");
    if is_library || !is_name(name) || !folder.iter().all(|part| is_name(part)) {
        return None;
    }
    Some((folder, Module { name: name.to_owned(), is_extension: suffix != ".py" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(paths: &[&str]) -> Vec<String> {
        modules_of(paths.iter().map(|&path| path.to_owned()), Abi::preferred()).into_iter().collect()
    }

    #[test]
    fn what_can_be_imported_is_told_by_the_files() {
        assert_eq!(
            modules(&[
                "numpy/__init__.py",
                "numpy/linalg/__init__.py",
                "numpy/linalg/_umath_linalg.cpython-314-wasm32-emscripten.so",
                "numpy-2.4.6.dist-info/METADATA",
                "six.py",
                "_cffi_backend.cpython-314-wasm32-emscripten.so",
                "stable.abi3.so",
                "plain.so",
                "libsomething.so",
                "other.cpython-314-x86_64-linux-gnu.so",
                "numpy.libs/libblas.so",
                "__main__.py",
                "not-a-name.py",
                "README.txt",
            ]),
            ["_cffi_backend", "numpy", "plain", "six", "stable"]
        );
    }

    #[test]
    fn namespace_packages_are_looked_into() {
        assert_eq!(
            modules(&[
                "google/cloud/storage/__init__.py",
                "google/cloud/storage/blob.py",
                "google/cloud/_fast.abi3.so",
                "examples/run_me.py",
                "compiled/__init__.cpython-314-wasm32-emscripten.so",
                "compiled/part.py",
                "data/table.csv",
            ]),
            ["compiled", "examples", "google.cloud._fast", "google.cloud.storage"]
        );
    }

    #[test]
    fn a_program_that_ends_is_blamed_on_what_was_begun_last() {
        let modules = ["a", "b", "c"].map(str::to_owned);
        let begun: Vec<&String> = modules[..2].iter().collect();
        let outcomes: Vec<ImportOutcome> =
            after_a_crash(&modules, &begun, "signal: 9").iter().map(|report| report.outcome).collect();
        assert_eq!(outcomes, [ImportOutcome::NotTried, ImportOutcome::Crashed, ImportOutcome::NotTried]);
    }
}
