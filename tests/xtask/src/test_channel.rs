//! The channel that end-to-end tests and benchmarks use: numpy, PyYAML and MarkupSafe built by us, and wheels that
//! others built, from PyPI.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt;
use crate::command::{cargo, prepare};
use crate::loader;

/// What is built from source.
const BUILT: &[&str] = &["markupsafe", "numpy", "pyyaml"];

/// What comes as others built it. micropip is not part of the runtime's npm package.
const FOREIGN: &[&str] = &["micropip==0.11.1", "pydantic_core==2.50.4", "typing_extensions==4.16.0"];

/// The numpy that CPython runs: what our results are compared with.
const REFERENCE: &str = "numpy==2.4.6";

/// Everything that a test of the whole needs, made from the real things.
pub struct TestChannel {
    /// Root of the checkout.
    pub root: PathBuf,
    /// The `pkgsrv` program, release build.
    pub program: PathBuf,
    /// Data directory with everything published.
    pub data: PathBuf,
    /// Directory with the reference numpy for the machine's Python.
    pub reference: PathBuf,
}

impl TestChannel {
    /// Builds, fetches and publishes. What is there already is not made again.
    pub fn make() -> Result<Self> {
        apt::ensure_programs(&[("npm", "npm"), ("python3", "python3"), ("chromium", "chromium")])?;
        let root = loader::root()?;
        let target = root.join("target/end-to-end");
        prepare(cargo().args(["build", "--release", "--locked", "--package", "pkgsrv"]).current_dir(&root))?;
        let made = Self {
            program: root.join("target/release/pkgsrv"),
            data: target.join("data"),
            reference: target.join("reference"),
            root,
        };
        made.publish_all(&target)?;
        if !made.reference.join("numpy/__init__.py").is_file() {
            prepare(pip("install").arg("--target").arg(&made.reference).arg(REFERENCE))?;
        }
        prepare(Command::new("npm").args(["ci", "--silent"]).current_dir(made.root.join("tests")))?;
        Ok(made)
    }

    fn publish_all(&self, target: &Path) -> Result<()> {
        let wheels = target.join("wheels");
        let foreign = target.join("foreign");
        for directory in [&wheels, &foreign] {
            fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        prepare(self.pkgsrv("build").args(BUILT).arg("--out").arg(&wheels))?;
        for wanted in FOREIGN {
            let mut pip = pip("download");
            pip.args(["--no-deps", "--only-binary=:all:", "--python-version=3.14", "--implementation=cp"]);
            pip.args(["--platform=pyemscripten_2026_0_wasm32", "--dest"]).arg(&foreign).arg(wanted);
            prepare(&mut pip)?;
        }
        // Foreign ones first: they have to be admitted, and nothing of ours should help them.
        for directory in [&foreign, &wheels] {
            let mut files: Vec<PathBuf> =
                fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
            files.retain(|file| file.extension() == Some(OsStr::new("whl")));
            files.sort();
            prepare(self.pkgsrv("publish").args(files).arg("--data").arg(&self.data))?;
        }
        Ok(())
    }

    /// The program with a subcommand, at the root of the checkout.
    pub fn pkgsrv(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).current_dir(&self.root);
        command
    }

    /// Node with the variables that the JavaScript of `tests/` reads.
    pub fn node(&self) -> Command {
        let mut command = Command::new("node");
        command
            .current_dir(self.root.join("tests"))
            .env("PKGSRV_TEST_PROGRAM", &self.program)
            .env("PKGSRV_TEST_DATA", &self.data)
            .env("PKGSRV_TEST_REFERENCE", &self.reference)
            // Of the loader's own tests: `pkgsrv up` lays the runtime out, pip the wheels.
            .env("PKGSRV_TEST_PYODIDE", self.data.join("runtime/pyodide/314.0.7"))
            .env("PKGSRV_TEST_WHEELS", self.root.join("target/end-to-end/foreign"));
        command
    }
}

fn pip(subcommand: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", subcommand, "--quiet", "--disable-pip-version-check"]);
    command
}
