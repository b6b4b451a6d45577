//! The channel that end-to-end tests and benchmarks use: numpy, PyYAML and MarkupSafe built by us, and wheels that
//! others built, from PyPI.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::apt;
use crate::command::{prepare, release_program};
use crate::loader;

/// What is built from source.
const BUILT: &[&str] = &["markupsafe", "numpy", "pyyaml"];

/// What `build-systems.test.mjs` loads: one for each build system. Built before, since a test may not take so long.
const BUILT_FOR_BUILD_SYSTEMS: &[&str] =
    &["contourpy", "jsonschema", "mapbox-earcut", "msgpack", "pyparsing", "pywavelets", "rpds-py"];

/// What `abis.test.mjs` loads: the same recipes for the next ABI, whose runtime is a pre-release.
const BUILT_FOR_NEXT_ABI: &[&str] = &["--abi", "2026_5", "markupsafe", "pyyaml"];

/// What comes as others built it. micropip is not part of the runtime's npm package.
const FOREIGN: &[&str] = &["micropip==0.11.1", "pydantic_core==2.50.4", "typing_extensions==4.16.0"];

/// The numpy that CPython runs: what our results are compared with.
const REFERENCE: &str = "numpy==2.4.6";

/// What the tests start, and the packages that bring it.
const PROGRAMS: &[(&str, &str)] = &[
    ("chromium", "chromium"),
    ("faketime", "faketime"),
    ("firefox-esr", "firefox-esr"),
    ("groff", "groff-base"),
    ("nginx", "nginx-light"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("nsenter", "util-linux"),
    ("python3", "python3"),
    ("script", "bsdutils"),
    ("varnishd", "varnish"),
];

/// Everything that a test of the whole needs, made from the real things.
pub struct TestChannel {
    /// Root of the checkout.
    pub root: PathBuf,
    /// The `pkgsrv` program, release build.
    pub program: PathBuf,
    /// Data directory with everything published.
    pub data: PathBuf,
    /// Directory with the wheels that others built.
    foreign: PathBuf,
    /// Directory with the reference numpy for the machine's Python.
    pub reference: PathBuf,
}

impl TestChannel {
    /// Builds, fetches and publishes. What is there already is not made again.
    pub fn make() -> Result<Self> {
        apt::ensure_programs(PROGRAMS)?;
        check_node()?;
        if !pip("--version").output().is_ok_and(|output| output.status.success()) {
            apt::install(&["python3-pip"])?;
        }
        let root = loader::root()?;
        let target = root.join("target");
        let program = release_program(&root)?;
        let mut made = Self {
            program,
            data: PathBuf::new(),
            foreign: target.join("end-to-end/foreign"),
            reference: target.join("end-to-end/reference"),
            root,
        };
        made.publish_all(&target.join("end-to-end"))?;
        made.install_reference()?;
        prepare(Command::new("npm").args(["ci", "--silent"]).current_dir(made.root.join("tests")))?;
        Ok(made)
    }

    /// Publishes the foreign wheels into a data directory that belongs to the built ones: they join when a test starts
    /// `pkgsrv up`, and a package that is built anew must not meet its predecessor there.
    fn publish_all(&mut self, target: &Path) -> Result<()> {
        let wheels = target.join("wheels");
        for directory in [&wheels, &self.foreign] {
            fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        prepare(self.pkgsrv("build").args(BUILT).arg("--out").arg(&wheels))?;
        prepare(self.pkgsrv("build").args(BUILT_FOR_BUILD_SYSTEMS).arg("--out").arg(target.join("build-systems")))?;
        prepare(self.pkgsrv("build").args(BUILT_FOR_NEXT_ABI).arg("--out").arg(target.join("next-abi")))?;
        for wanted in FOREIGN {
            let mut pip = pip_download(&["pyemscripten_2026_0_wasm32".to_owned()], &self.foreign);
            prepare(pip.arg("--no-deps").arg(wanted))?;
        }
        let mut hasher = Sha256::new();
        for wheel in wheels_in(&wheels)? {
            hasher.update(fs::read(&wheel).with_context(|| format!("cannot read {}", wheel.display()))?);
        }
        // What is published stays as it was, so a program that publishes more needs a place of its own.
        hasher.update("with stored twins");
        let digest = format!("{:x}", hasher.finalize());
        self.data = target.join(format!("data-{}", &digest[..12]));
        prepare(self.pkgsrv("publish").args(wheels_in(&self.foreign)?).arg("--data").arg(&self.data))
    }

    fn install_reference(&self) -> Result<()> {
        if self.reference.is_dir() {
            return Ok(());
        }
        let partial = self.reference.with_extension("partial");
        prepare(pip("install").arg("--upgrade").arg("--target").arg(&partial).arg(REFERENCE))?;
        fs::rename(&partial, &self.reference).with_context(|| format!("cannot write {}", self.reference.display()))
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
            .env("PKGSRV_TEST_WHEELS", &self.foreign);
        command
    }
}

/// Wheels in a directory, sorted.
pub fn wheels_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension() == Some(OsStr::new("whl")));
    files.sort();
    Ok(files)
}

/// The tests need Node 20.19, which Vite asks for; the loader's npm package runs from 20.16 on.
fn check_node() -> Result<()> {
    let output = Command::new("node").arg("--version").output().context("cannot start node")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    ensure!(found >= (20, 19), "node is {version}, the tests need 20.19 or newer");
    Ok(())
}

/// `pip download` of wheels for CPython 3.14 on these platforms; what is wanted is to be added.
pub fn pip_download(platforms: &[String], directory: &Path) -> Command {
    let mut pip = pip("download");
    pip.args(["--only-binary=:all:", "--python-version=3.14", "--implementation=cp", "--dest"]).arg(directory);
    pip.args(platforms.iter().map(|platform| format!("--platform={platform}")));
    pip
}

fn pip(subcommand: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", subcommand, "--quiet", "--disable-pip-version-check"]);
    command
}
