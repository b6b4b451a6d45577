//! Admission: what a wheel must pass before it is published. Its side modules are read and every import is looked up,
//! its tag must fit, and it is imported in the real runtime.

mod side_modules;

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Abi, WheelFilename};
use pkgsrv_wheel::Wheel;
use serde::Deserialize;
use serde_json::json;

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

const IMPORT_SCRIPT: &str = include_str!("admission/import.mjs");

/// A wheel that asks for admission.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The wheel.
    pub path: &'a Path,
    /// Wheels of everything that it needs to be imported.
    pub companions: &'a [PathBuf],
    /// Modules to import; empty means that nothing is imported.
    pub imports: &'a [String],
}

/// What the script in Node answers.
#[derive(Deserialize)]
struct ImportResult {
    /// Python's traceback of the first import that failed.
    error: Option<String>,
}

/// Checks one wheel; the error names file, module and symbol.
pub fn admit(
    context: &Context,
    toolchain: &Toolchain,
    runtime: &Runtime,
    abi: Abi,
    candidate: &Candidate<'_>,
) -> Result<(), BuildError> {
    let filename = file_name(candidate.path);
    let stage = context.progress.stage(&filename, "checking its side modules");
    let refused = |reason: String| BuildError::NotAdmitted { filename: filename.clone(), reason };
    let parsed: WheelFilename =
        filename.parse().map_err(|error: pkgsrv_index::IndexError| refused(error.to_string()))?;
    parsed.require_fit(abi).map_err(|error| refused(error.to_string()))?;
    let bytes = fs::read(candidate.path).doing("read", candidate.path)?;
    let wheel_error = |source| BuildError::Wheel { filename: filename.clone(), source };
    let wheel = Wheel::parse(bytes.as_slice()).map_err(wheel_error)?;
    wheel.verify_record().map_err(wheel_error)?;
    let symbols = runtime.symbols(context, toolchain)?;
    side_modules::check(&wheel, &symbols).map_err(refused)?;
    if !candidate.imports.is_empty() {
        stage.message(&format!("importing {} in {} {}", candidate.imports.join(", "), runtime.name, runtime.version));
        import(context, toolchain, runtime, candidate)?;
    }
    stage.done("admitted");
    Ok(())
}

fn import(
    context: &Context,
    toolchain: &Toolchain,
    runtime: &Runtime,
    candidate: &Candidate<'_>,
) -> Result<(), BuildError> {
    let wheels: Vec<&Path> = candidate.companions.iter().map(PathBuf::as_path).chain([candidate.path]).collect();
    let mounts: Vec<(&Path, String)> =
        wheels.iter().map(|path| (*path, format!("/wheels/{}", file_name(path)))).collect();
    let task = json!({
        "imports": candidate.imports,
        "wheels": mounts.iter().map(|(_, inside)| inside).collect::<Vec<_>>(),
    });
    let script = format!("const task = {task};\n{IMPORT_SCRIPT}");
    let printed = runtime.run_script(context, toolchain, &script, &mounts)?;
    let refused = |reason: String| BuildError::NotAdmitted { filename: file_name(candidate.path), reason };
    let answer = printed.lines().last().unwrap_or_default();
    let result: ImportResult = serde_json::from_str(answer)
        .map_err(|_| refused(format!("the import test gave no answer; it printed:\n{printed}")))?;
    match result.error {
        None => Ok(()),
        Some(error) => Err(refused(format!("it does not import in {} {}:\n{error}", runtime.name, runtime.version))),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
