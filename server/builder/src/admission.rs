//! Admission: what a wheel must pass before it is published. Its names, files and side modules are read, every import of
//! a side module is looked up, and every module at its top level is imported in the real runtime. The result is a report.

mod features;
mod importing;
mod report;
mod report_text;
mod side_modules;
mod wheel_files;

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Abi, WheelFilename};
use pkgsrv_wheel::{Wheel, WheelError};

use self::report::{Check, CheckName, Finding, Subject};
use self::side_modules::Library;
use self::wheel_files::Binary;
use crate::action::sha256;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

pub use importing::ImportTest;
pub(crate) use importing::{Importing, run};
pub use report::{
    AdmissionReport, Check as AdmissionCheck, CheckName as AdmissionCheckName, Finding as AdmissionFinding,
    ImportCounts, ImportOutcome, ImportReport, NeededLibrary, Outcome, SideModuleReport, Verdict, WheelIdentity,
};
pub use wheel_files::is_native_code;

/// A wheel that asks for admission.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionCandidate<'a> {
    /// The wheel.
    pub path: &'a Path,
    /// Wheels of everything that it needs to be imported; `Err` says what of it is missing.
    pub companions: Result<&'a [PathBuf], &'a str>,
    /// What is imported.
    pub imports: &'a ImportTest,
}

/// Checks one wheel for one ABI. `Err` is about the checking; what speaks against the wheel is in the report.
///
/// The runtime and the toolchain are brought only if something must be asked of them: a pure wheel of which nothing is
/// imported needs neither.
pub fn admit(context: &Context, abi: Abi, candidate: &AdmissionCandidate<'_>) -> Result<AdmissionReport, BuildError> {
    let filename = file_name(candidate.path);
    let stage = context.progress.stage(&filename, "checking what it consists of");
    let bytes = fs::read(candidate.path).doing("read", candidate.path)?;
    let subject = Subject { filename: filename.clone(), sha256: sha256(&bytes), size: bytes.len() as u64, abi };
    let (wheel, binaries, mut report) = match read(&filename, &bytes, abi) {
        Ok((wheel, binaries, checks)) => (wheel, binaries, AdmissionReport::new(subject, checks)),
        Err(check) => {
            let report = AdmissionReport::new(subject, vec![check]);
            stage.done(report.verdict.word());
            return Ok(report);
        }
    };
    if !binaries.is_empty() {
        stage.message("checking its side modules");
        check_side_modules(context, candidate, &binaries, &mut report)?;
    }
    report.judge();
    import(context, candidate, &wheel, &mut report, |message| stage.message(message))?;
    report.judge();
    stage.done(report.verdict.word());
    Ok(report)
}

/// Checks what a recipe built, with the imports and the test that the recipe asks for. A wheel that is refused is an error.
pub(crate) fn admit_built(
    context: &Context,
    abi: Abi,
    imports: &ImportTest,
    path: &Path,
    companions: &[PathBuf],
) -> Result<AdmissionReport, BuildError> {
    let candidate = AdmissionCandidate { path, companions: Ok(companions), imports };
    let report = admit(context, abi, &candidate)?;
    report.require_admitted()?;
    Ok(report)
}

/// Imports the last of the wheels as admission does, and runs its test; how each went, whatever admission makes of it.
pub(crate) fn imports(
    context: &Context,
    importing: &Importing<'_>,
    progress: impl Fn(&str),
) -> Result<Vec<ImportReport>, BuildError> {
    let Some(path) = importing.wheels.last() else { return Ok(Vec::new()) };
    let bytes = fs::read(path).doing("read", path)?;
    let wheel_error = |source| BuildError::Wheel { filename: file_name(path), source };
    let wheel = Wheel::parse(bytes.as_slice()).map_err(wheel_error)?;
    Ok(importing::check(context, &wheel, importing, progress)?.1)
}

type Read<'a> = (Wheel<'a>, Vec<Binary>, Vec<Check>);

/// Reads the wheel and makes the checks that need nothing but it; `Err` is the one that ends it all.
fn read<'a>(filename: &str, bytes: &'a [u8], abi: Abi) -> Result<Read<'a>, Check> {
    let parsed: WheelFilename = filename.parse().map_err(|error: pkgsrv_index::IndexError| {
        Check::new(CheckName::Tags, "not a wheel's", vec![Finding::refused(None, error.to_string())])
    })?;
    let broken = |error: WheelError| {
        Check::new(CheckName::Archive, "not a whole wheel", vec![Finding::refused(None, error.to_string())])
    };
    let wheel = Wheel::parse(bytes).map_err(broken)?;
    wheel.verify_record().map_err(broken)?;
    let tags = wheel_files::tags(&parsed, &wheel, abi).map_err(broken)?;
    let (files, binaries) = wheel_files::files(&parsed, &wheel, abi).map_err(broken)?;
    let summary = format!("{} files, each as RECORD has it", wheel.entries().len());
    let archive = Check::new(CheckName::Archive, summary, Vec::new());
    Ok((wheel, binaries, vec![tags, archive, files]))
}

fn check_side_modules(
    context: &Context,
    candidate: &AdmissionCandidate<'_>,
    binaries: &[Binary],
    report: &mut AdmissionReport,
) -> Result<(), BuildError> {
    let abi = report.abi;
    let (check, libraries, mut modules) = side_modules::read(binaries, abi);
    report.checks.push(check);
    if libraries.is_empty() {
        return Ok(());
    }
    let runtime = Runtime::ensure(context, abi)?;
    let toolchain = Toolchain::ensure(context, abi)?;
    let symbols = runtime.symbols(context, &toolchain)?;
    report.checks.push(side_modules::demands(&libraries, &symbols));
    let needs_some = libraries.iter().any(|library| !library.module.dylink.needed.is_empty());
    let others = if needs_some { libraries_of(candidate.companions.unwrap_or_default())? } else { Vec::new() };
    report.checks.extend(side_modules::link(&libraries, &others, &symbols, &mut modules));
    report.checks.push(side_modules::initialisers(&libraries, abi));
    report.side_modules = modules;
    Ok(())
}

/// The libraries in other wheels; those have been admitted themselves.
fn libraries_of(wheels: &[PathBuf]) -> Result<Vec<Library>, BuildError> {
    let mut libraries = Vec::new();
    for path in wheels {
        let filename = file_name(path);
        let wheel_error = |source| BuildError::Wheel { filename: filename.clone(), source };
        let bytes = fs::read(path).doing("read", path)?;
        let wheel = Wheel::parse(bytes.as_slice()).map_err(wheel_error)?;
        for entry in wheel.entries().filter(|entry| wheel_files::is_shared_library(entry.path())) {
            let contents = wheel.read(entry).map_err(wheel_error)?;
            let Ok(module) = pkgsrv_side_module::SideModule::parse(&contents) else { continue };
            libraries.push(Library { wheel: Some(filename.clone()), path: entry.path().to_owned(), module });
        }
    }
    Ok(libraries)
}

/// The last check: it starts the runtime, so only wheels get there that nothing speaks against.
fn import(
    context: &Context,
    candidate: &AdmissionCandidate<'_>,
    wheel: &Wheel<'_>,
    report: &mut AdmissionReport,
    progress: impl Fn(&str),
) -> Result<(), BuildError> {
    if !report.is_admitted() {
        report.checks.push(Check::skipped(CheckName::Imports, "not tried, since the wheel is refused already"));
        return Ok(());
    }
    if !candidate.imports.wanted {
        let finding = Finding::warning(None, "nothing was imported, as asked").advice("check it where it can be");
        report.checks.push(Check::new(CheckName::Imports, "not tried", vec![finding]));
        return Ok(());
    }
    let companions = match candidate.companions {
        Ok(companions) => companions,
        Err(missing) => {
            let found = format!("it cannot be imported without what it needs: {missing}");
            let finding = Finding::refused(None, found).advice("publish that too, before or together with it");
            report.checks.push(Check::new(CheckName::Imports, "not tried", vec![finding]));
            return Ok(());
        }
    };
    report.company = companions.iter().map(|path| WheelIdentity::of(path)).collect::<Result<_, _>>()?;
    report.company.sort();
    let runtime = Runtime::ensure(context, report.abi)?;
    let toolchain = Toolchain::ensure(context, report.abi)?;
    let wheels = companions.iter().map(PathBuf::as_path).chain([candidate.path]).collect();
    let importing = Importing {
        runtime: &runtime,
        toolchain: &toolchain,
        wheels,
        tests: None,
        test: candidate.imports,
        abi: report.abi,
    };
    let (check, imports) = importing::check(context, wheel, &importing, progress)?;
    report.checks.push(check);
    report.imports = imports;
    let manifest = &toolchain.manifest;
    report.toolchain = Some(format!("{}, Emscripten {}", manifest.name, manifest.emscripten));
    Ok(())
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
