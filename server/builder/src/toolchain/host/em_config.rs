//! What Emscripten's own program `em-config` tells of how it is set up.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::BuildError;
use crate::process;
use crate::system_tools::find_program;

/// Emscripten as it is set up on the machine: its program `em-config` knows.
pub(super) struct EmConfig<'a> {
    pub context: &'a Context,
    /// Directory of `em-config`.
    pub directory: PathBuf,
    /// The emsdk directory, if it is of one.
    pub emsdk: Option<&'a Path>,
    pub python: &'a Path,
}

impl EmConfig<'_> {
    fn told(&self, key: &str) -> Result<String, BuildError> {
        let mut command = process::command(self.directory.join("em-config"));
        command.arg(key).env("EMSDK_PYTHON", self.python);
        if let Some(emsdk) = self.emsdk {
            command.env("EM_CONFIG", emsdk.join(".emscripten"));
        }
        let printed = process::run_for_output(&mut command, &self.context.interrupt)?;
        Ok(printed.lines().last().unwrap_or_default().trim().to_owned())
    }

    pub fn directory(&self, key: &'static str) -> Result<PathBuf, BuildError> {
        let told = PathBuf::from(self.told(key)?);
        if told.is_absolute() { Ok(told) } else { Err(self.unclear(key, &told.display().to_string())) }
    }

    /// Python's text of a list with the program and its arguments, or the program alone.
    pub fn node(&self) -> Result<PathBuf, BuildError> {
        let told = self.told("NODE_JS")?;
        let program = match told.strip_prefix("['") {
            Some(list) => list.split('\'').next().unwrap_or_default(),
            None => &told,
        };
        let found = if program.contains('/') { Some(PathBuf::from(program)) } else { find_program(program) };
        found.ok_or_else(|| self.unclear("NODE_JS", &told))
    }

    /// Debian's clang has its version in its name. What is not set is printed as `None`, or not at all.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>, BuildError> {
        let mut settings = Vec::new();
        for key in ["CLANG_ADD_VERSION", "LLVM_ADD_VERSION"] {
            match self.told(key) {
                Ok(value) if !["", "None"].contains(&value.as_str()) => settings.push((key, value)),
                Ok(_) | Err(BuildError::Program { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(settings)
    }

    fn unclear(&self, key: &'static str, found: &str) -> BuildError {
        let program = self.directory.join("em-config").display().to_string();
        BuildError::EmscriptenSetting { program, key, found: found.to_owned() }
    }
}
