//! Where builds are measured.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::command::{recreate, release_program};
use crate::loader;

/// A cache directory of its own, where results can be thrown away; toolchain, runtime, sources and cross environments are
/// those of the user's cache.
pub(super) struct Place {
    program: PathBuf,
    pub(super) directory: PathBuf,
    /// The recipes of the checkout.
    pub(super) recipes: PathBuf,
}

impl Place {
    pub(super) fn prepare() -> Result<Self> {
        loader::build(&loader::LoaderArguments::default())?;
        let root = loader::root()?;
        let program = release_program(&root)?;
        let directory = root.join("target/bench-build");
        let place = Self { program, directory, recipes: root.join("recipes") };
        place.link_cache()?;
        Ok(place)
    }

    pub(super) fn pkgsrv(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand);
        command
    }

    /// `pkgsrv build` in this place's cache.
    pub(super) fn build(&self, recipes: &Path) -> Command {
        let mut build = self.pkgsrv("build");
        build.arg("--recipes").arg(recipes).arg("--cache").arg(self.cache());
        build.arg("--out").arg(self.directory.join("dist"));
        build
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.directory.join("cache")
    }

    /// Throws results away.
    pub(super) fn forget_results(&self) -> Result<()> {
        recreate(&self.cache().join("actions"))
    }

    /// Throws a package's results away.
    pub(super) fn forget_result_of(&self, package: &str) -> Result<()> {
        for directory in self.results_of(package)? {
            fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
        }
        Ok(())
    }

    /// The directory of a package's only result.
    pub(super) fn result_of(&self, package: &str) -> Result<PathBuf> {
        let mut results = self.results_of(package)?;
        ensure!(results.len() == 1, "there are {} results of {package}, expected one", results.len());
        Ok(results.remove(0))
    }

    fn results_of(&self, package: &str) -> Result<Vec<PathBuf>> {
        let actions = self.cache().join("actions");
        let mut found = Vec::new();
        for entry in fs::read_dir(&actions).with_context(|| format!("cannot read {}", actions.display()))? {
            let directory = entry?.path();
            let path = directory.join("result.json");
            let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let result: Value =
                serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))?;
            if result.get("name").and_then(Value::as_str) == Some(package) {
                found.push(directory);
            }
        }
        Ok(found)
    }

    /// Throws away what builds compiled.
    pub(super) fn forget_objects(&self) -> Result<()> {
        recreate(&self.cache().join("objects"))
    }

    fn link_cache(&self) -> Result<()> {
        let installed = self.pkgsrv("toolchain").arg("install").stderr(Stdio::inherit()).output();
        let installed = installed.context("cannot start pkgsrv")?;
        let printed = String::from_utf8(installed.stdout)?;
        // The line tells the toolchain's directory, `toolchains/NAME` in the cache.
        let toolchain = printed.split("  ").map(str::trim).find(|part| part.starts_with('/')).map(Path::new);
        let users = toolchain.and_then(|path| path.ancestors().nth(2));
        let users = users.with_context(|| format!("pkgsrv toolchain install printed {printed:?}"))?;
        let cache = self.cache();
        recreate(&cache)?;
        for entry in ["cross-environments", "runtimes", "sources", "toolchains"] {
            let (from, link) = (users.join(entry), cache.join(entry));
            fs::create_dir_all(&from).with_context(|| format!("cannot create {}", from.display()))?;
            symlink(from, &link).with_context(|| format!("cannot create {}", link.display()))?;
        }
        Ok(())
    }
}
