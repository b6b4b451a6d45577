//! The build Python: which one it is, and whether it has what a toolchain needs.

use std::path::PathBuf;

use pkgsrv_index::Abi;
use serde::Deserialize;

use super::HostSource;
use super::find::Missing;
use crate::context::Context;
use crate::error::BuildError;
use crate::process;
use crate::system_tools::find_program;
use crate::toolchain::python_packages;

const SCRIPT: &str = include_str!("python.py");

/// What `python.py` tells.
#[derive(Debug, Deserialize)]
pub(super) struct Python {
    pub version: String,
    implementation: String,
    pub program: PathBuf,
    pub prefix: PathBuf,
    pub include: Option<PathBuf>,
    pub pip: Option<PathBuf>,
    pub site_directories: Vec<String>,
}

/// The build Python: the named one, else `python3.N` on `PATH`. `None` where something lacks, which is noted.
pub(super) fn find_python(
    context: &Context,
    abi: Abi,
    source: &HostSource,
    missing: &mut Missing,
) -> Result<Option<Python>, BuildError> {
    let wanted = abi.facts().python;
    let name = format!("python{wanted}");
    let Some(path) = source.python.clone().or_else(|| find_program(&name)) else {
        let line = format!("{name}: not on PATH; a build Python elsewhere is named with --python PATH");
        missing.add(line, python_packages(abi));
        return Ok(None);
    };
    let mut command = process::command(&path);
    let printed = process::run_for_output(command.args(["-I", "-c", SCRIPT]), &context.interrupt)?;
    let python: Python = serde_json::from_str(&printed).map_err(|error| BuildError::Program {
        program: path.display().to_string(),
        status: format!("an answer that cannot be read: {error}"),
        output: printed,
    })?;
    let (version, shown) = (&python.version, path.display());
    let fits = version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    if !fits || python.implementation != "cpython" {
        let line = format!("{shown} is {} {version}, expected cpython {wanted}", python.implementation);
        missing.add(line, python_packages(abi));
        return Ok(None);
    }
    let [headers, pip] = python_packages(abi);
    if python.include.is_none() {
        missing.add(format!("{shown} has no headers (Python.h)"), [headers]);
    }
    if python.pip.is_none() {
        missing.add(format!("{shown} has no wheel of pip (ensurepip)"), [pip]);
    }
    Ok(Some(python))
}
