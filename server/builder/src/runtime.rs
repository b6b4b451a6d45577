//! Runtimes: the interpreter that an ABI's wheels are for, fetched from npm by version and hash, or built.

mod cpython;
mod environment;
mod image;
mod symbols;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use pkgsrv_index::{Abi, Digest};

use crate::action::sha256;
use crate::contents;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::limits::Bounds;
use crate::process::{self, Answer};
use crate::sandbox::Sandbox;
use crate::source::{check_hash, not_unpacked};
use crate::space::tells_of_a_full_disk;
use crate::system_tools::{self, NPM};
use crate::toolchain::Toolchain;
use crate::work_directory::WorkDirectory;

pub use environment::EnvironmentRecipe;
pub use image::Derive;
pub(crate) use symbols::{RuntimeSymbol, RuntimeSymbols};

/// npm archives by package and version, with the SHA-256 that they must have.
const ARCHIVES: &[(&str, &str, &str)] = &[
    ("pyodide", "0.29.5", "6749b10ee515a1458ecea36d860c8ce2a48366e85b3f92d749ad1840e4aff181"),
    ("pyodide", "314.0.7", "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0"),
    ("pyodide", "315.0.0-alpha.2", "b4a12d58491af4e3fa4e4f19e79ba22aba972b55ecccf25a37903e1141c57dec"),
];

const SYMBOLS_SCRIPT: &str = include_str!("runtime/symbols.mjs");

/// An unpacked runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Directory of its files (`pyodide.mjs`, `pyodide.asm.wasm`, …).
    pub directory: PathBuf,
    /// `pyodide`, or `cpython`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of the archive that it was unpacked from, or of all that it was built from.
    pub archive: Digest,
    abi: Abi,
}

impl Runtime {
    /// The runtime of an ABI: the one in the cache, else fetched by npm, from wherever npm is set up to fetch, or built.
    pub fn ensure(context: &Context, abi: Abi) -> Result<Self, BuildError> {
        let runtime = Self::of(context, abi);
        let install = || if abi.is_stock() { cpython::install(context, &runtime) } else { runtime.install(context) };
        contents::ensure(context, "runtime", &runtime.directory, &runtime.lock_name(), install)?;
        Ok(runtime)
    }

    /// The runtime of an ABI, be it there or not.
    pub(crate) fn of(context: &Context, abi: Abi) -> Self {
        let (name, version) = (abi.facts().runtime, abi.facts().runtime_version);
        let archive = if abi.is_stock() { cpython::digest() } else { archive(abi) };
        let directory = context.cache.runtimes().join(format!("{name}-{version}-{}", &archive.to_string()[..8]));
        Self { directory, name, version, archive, abi }
    }

    /// The lock of who unpacks it or takes it out.
    pub(crate) fn lock_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    fn install(&self, context: &Context) -> Result<(), BuildError> {
        system_tools::ensure(context, &[NPM])?;
        let wanted = format!("{}@{}", self.name, self.version);
        let stage = context.progress.stage(&wanted, "fetching by npm");
        let work = context.cache.work_directory("runtime")?;
        let mut npm = process::command("npm");
        npm.args(["pack", "--loglevel=error", "--fetch-retries=1", "--pack-destination"])
            .arg(work.path())
            .arg(&wanted)
            .current_dir(work.path());
        let printed = process::run_for_output(&mut npm, &context.interrupt).map_err(|error| match error {
            BuildError::Program { output, .. } if tells_of_a_full_disk(&output) => {
                let line = output.lines().find(|line| tells_of_a_full_disk(line)).unwrap_or_default();
                context.disk_full(wanted.clone(), "fetching by npm", line, context.cache.runtimes())
            }
            BuildError::Program { status, output, .. } => BuildError::Fetch {
                what: format!("{wanted} by npm"),
                reason: format!("npm failed ({status}); is there a network, and is npm set up right?\n{output}"),
                source: None,
            },
            other => other,
        })?;
        let filename = printed.trim().lines().last().unwrap_or_default().to_owned();
        let archive = work.path().join(&filename);
        check_hash(&archive, &filename, &self.archive)?;
        let unpacked = context.cache.work_directory("runtime")?;
        unpack_npm(&archive, unpacked.path())?;
        contents::record(unpacked.path())?;
        unpacked.move_into_place(&self.directory)?;
        stage.done("fetched");
        Ok(())
    }

    /// Its own module.
    fn wasm(&self) -> Result<Vec<u8>, BuildError> {
        let module = self.directory.join(if self.abi.is_stock() { "python.wasm" } else { "pyodide.asm.wasm" });
        fs::read(&module).doing("read", &module)
    }

    /// How scripts start it: an ES module whose `start` takes `stdin`, `stdout` and `stderr` as Pyodide does. Of what comes,
    /// these are the same in all: `_module`, `runPython` as far as it gives texts, `unpackArchive`.
    fn starter(&self) -> (&'static str, &'static str) {
        const NAME: &str = "interpreter.mjs";
        let text = if self.abi.is_stock() {
            "export { loadPython as start } from \"/runtime/cpython.mjs\";\n"
        } else {
            "import { loadPyodide } from \"/runtime/pyodide.mjs\";\n\
             export const start = (streams) => loadPyodide({ indexURL: \"/runtime/\", ...streams });\n"
        };
        (NAME, text)
    }

    /// What its side modules may import. The runtime itself is asked, once: some names are made by its JavaScript.
    pub(crate) fn symbols(&self, context: &Context, toolchain: &Toolchain) -> Result<RuntimeSymbols, BuildError> {
        let script = &sha256(SYMBOLS_SCRIPT.as_bytes()).to_string()[..8];
        let place = context.cache.runtimes().join(format!("{}-{}-{script}.symbols.json", self.name, self.version));
        let wasm = self.wasm()?;
        if let Ok(text) = fs::read_to_string(&place) {
            match RuntimeSymbols::read(&text, &wasm) {
                Ok(symbols) => return Ok(symbols),
                Err(reason) => context.discard("list of the runtime's symbols", &place, &reason)?,
            }
        }
        let text = self.run_script(context, toolchain, SYMBOLS_SCRIPT, &[])?;
        let symbols = RuntimeSymbols::read(&text, &wasm).map_err(|reason| BuildError::Program {
            program: "node symbols.mjs".to_owned(),
            status: "an answer that cannot be used".to_owned(),
            output: format!("{reason}: {}", text.chars().take(1_000).collect::<String>()),
        })?;
        let work = context.cache.work_directory("symbols")?;
        let path = work.path().join("symbols.json");
        fs::write(&path, text).doing("write", &path)?;
        fs::rename(&path, &place).doing("write", &place)?;
        Ok(symbols)
    }

    /// What is wrong with a list of its symbols, in words.
    pub(crate) fn symbols_damage(&self, text: &str) -> Result<Option<String>, BuildError> {
        let wasm = self.wasm()?;
        Ok(RuntimeSymbols::read(text, &wasm).err())
    }

    /// Runs an ES module in Node, in the sandbox, with this runtime at `/runtime` and `mounts` read-only at the paths
    /// named with them. Returns what it printed.
    pub(crate) fn run_script(
        &self,
        context: &Context,
        toolchain: &Toolchain,
        script: &str,
        mounts: &[(&Path, String)],
    ) -> Result<String, BuildError> {
        self.answer(context, toolchain, script, mounts)?.successful()
    }

    /// As [`Self::run_script`], whether it succeeds or fails.
    pub(crate) fn answer(
        &self,
        context: &Context,
        toolchain: &Toolchain,
        script: &str,
        mounts: &[(&Path, String)],
    ) -> Result<Answer, BuildError> {
        let work = context.cache.work_directory("script")?;
        let mut sandbox = self.sandbox(toolchain, &work, &[("script.mjs", script), self.starter()])?;
        for (from, to) in mounts {
            sandbox = sandbox.read_only(from, to);
        }
        run_in(sandbox, context, toolchain, &[])
    }

    /// A sandbox with this runtime at `/runtime` and files, written into `work`, at `/script`: [`run_in`] runs `script.mjs`.
    fn sandbox(
        &self,
        toolchain: &Toolchain,
        work: &WorkDirectory,
        files: &[(&str, &str)],
    ) -> Result<Sandbox, BuildError> {
        for (name, text) in files {
            let path = work.path().join(name);
            fs::write(&path, text).doing("write", &path)?;
        }
        let sandbox = toolchain.sandbox().read_only(&self.directory, "/runtime").read_only(work.path(), "/script");
        Ok(sandbox.directory("/tmp"))
    }
}

/// Runs the script of a sandbox, which writes into the directories `written` beside its answer.
fn run_in(sandbox: Sandbox, context: &Context, toolchain: &Toolchain, written: &[&Path]) -> Result<Answer, BuildError> {
    let mut command = sandbox.command(&[toolchain.node(), "/script/script.mjs"])?;
    let bounds = Bounds { limits: &context.limits, written };
    process::run_for_answer(&mut command, &context.interrupt, Some(bounds))
}

/// The hash of the archive with an ABI's runtime.
fn archive(abi: Abi) -> Digest {
    let wanted = (abi.facts().runtime, abi.facts().runtime_version);
    let row = ARCHIVES.iter().find(|(name, version, _)| (*name, *version) == wanted);
    let (_, _, sha256) = row.expect("every ABI's runtime has a row (tested)");
    sha256.parse().expect("the table's hashes are hashes (tested)")
}

/// Unpacks an npm archive's `package/` directory.
fn unpack_npm(archive: &Path, into: &Path) -> Result<(), BuildError> {
    let bad = |reason: String| BuildError::Archive { filename: archive.display().to_string(), reason };
    let file = File::open(archive).doing("open", archive)?;
    let mut tar = tar::Archive::new(GzDecoder::new(file));
    for entry in tar.entries().map_err(|error| bad(error.to_string()))? {
        let mut entry = entry.map_err(|error| bad(error.to_string()))?;
        let path = entry.path().map_err(|error| bad(error.to_string()))?.into_owned();
        let plain = path.strip_prefix("package").ok().filter(|inside| inside.components().count() == 1);
        // The runtimes are flat; what lies deeper is not part of them.
        let Some(name) = plain else { continue };
        let failed = |error| not_unpacked(&archive.display().to_string(), &name.display().to_string(), into, error);
        entry.unpack(into.join(name)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_abi_has_a_runtime_with_a_hash() {
        for abi in Abi::known().filter(|abi| !abi.is_stock()) {
            assert_ne!(archive(abi).to_string(), "");
        }
    }
}
