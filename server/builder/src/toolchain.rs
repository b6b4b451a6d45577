//! Toolchains: compiler, linker, build Python and build tools for an ABI, installed once and never changed.

mod debian;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::Abi;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::sandbox::Sandbox;
use crate::system_tools::{self, BUBBLEWRAP};

/// Version of the manifest's format.
const FORMAT: u32 = 1;

/// Where a toolchain comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A Debian root directory made by mmdebstrap.
    Debian,
}

/// What an installed toolchain consists of. Its text is part of every action digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Where it comes from.
    pub provider: Provider,
    /// Directory name, `debian-forky`.
    pub name: String,
    /// Emscripten's version.
    pub emscripten: String,
    /// Minor version of the build Python, `3.14`.
    pub python: String,
    /// Every installed package and its version.
    pub packages: BTreeMap<String, String>,
}

/// An installed toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    directory: PathBuf,
    /// What it consists of.
    pub manifest: Manifest,
}

impl Toolchain {
    /// The toolchain for an ABI: the installed one, else a new one.
    pub fn ensure(context: &Context, abi: Abi) -> Result<Self, BuildError> {
        let name = debian::name(abi);
        let directory = context.cache.toolchains().join(&name);
        if let Some(found) = Self::open(&directory)? {
            found.check(abi)?;
            system_tools::ensure(context, &[BUBBLEWRAP])?;
            return Ok(found);
        }
        let _lock = context.cache.lock(&name, context)?;
        if Self::open(&directory)?.is_none() {
            debian::install(context, abi, &directory)?;
        }
        let installed = Self::open(&directory)?.ok_or_else(|| BuildError::Cache {
            what: "toolchain",
            path: directory.clone(),
            reason: "it has no manifest although it was just installed".to_owned(),
        })?;
        installed.check(abi)?;
        Ok(installed)
    }

    /// Every installed toolchain, sorted by name.
    pub fn installed(context: &Context) -> Result<Vec<Self>, BuildError> {
        let directory = context.cache.toolchains();
        let Ok(entries) = fs::read_dir(&directory) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(Self::open(&entry.doing("read", &directory)?.path())?);
        }
        found.sort_by(|a, b| a.manifest.name.cmp(&b.manifest.name));
        Ok(found)
    }

    fn open(directory: &Path) -> Result<Option<Self>, BuildError> {
        let path = directory.join("manifest.json");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let damaged = |reason: String| BuildError::Cache { what: "toolchain", path: directory.to_owned(), reason };
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(damaged(format!("its format is {}, expected {FORMAT}", manifest.format)));
        }
        Ok(Some(Self { directory: directory.to_owned(), manifest }))
    }

    /// Refuses an Emscripten that the ABI's table does not name.
    fn check(&self, abi: Abi) -> Result<(), BuildError> {
        check_emscripten(&self.manifest.name, &self.manifest.emscripten, abi)
    }

    /// Where it is installed.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A sandbox over its root directory, with the system libraries that Emscripten links.
    pub fn sandbox(&self) -> Sandbox {
        debian::sandbox(&self.directory)
    }

    /// Path of the build Python inside.
    pub fn python(&self) -> String {
        format!("/usr/bin/python{}", self.manifest.python)
    }

    /// Fetches one file of a Debian source package into `directory`, by the toolchain's own apt, which checks the
    /// archive's signatures. Returns its path.
    pub fn fetch_debian_source(
        &self,
        context: &Context,
        package: &str,
        file: &str,
        directory: &Path,
    ) -> Result<PathBuf, BuildError> {
        debian::fetch_source(self, context, package, file, directory)
    }
}

fn check_emscripten(toolchain: &str, found: &str, abi: Abi) -> Result<(), BuildError> {
    let facts = abi.facts();
    if found == facts.emscripten || facts.admitted_emscripten.contains(&found) {
        return Ok(());
    }
    Err(BuildError::Emscripten {
        toolchain: toolchain.to_owned(),
        found: found.to_owned(),
        abi: abi.to_string(),
        exact: facts.emscripten.to_owned(),
        admitted: facts.admitted_emscripten.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emscripten_that_the_abi_does_not_admit_is_refused_with_both_versions() {
        let abi: Abi = "2026_0".parse().unwrap();
        assert!(check_emscripten("t", "5.0.3", abi).is_ok());
        assert!(check_emscripten("t", "6.0.5", abi).is_ok());
        let error = check_emscripten("debian-forky", "6.0.6", abi).unwrap_err();
        assert_eq!(
            error.to_string(),
            "toolchain debian-forky has Emscripten 6.0.6; ABI 2026_0 needs 5.0.3 or one of the admitted versions: 6.0.5"
        );
    }
}
