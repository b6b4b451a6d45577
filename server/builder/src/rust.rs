//! Rust in a build: the standard library for the target, the crates that the source's lock names, and the settings with
//! which cargo makes side modules of them without a network.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::Digest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::action::sha256;
use crate::build_lock::LockedCrate;
use crate::cache;
use crate::context::Context;
use crate::cross_environment::MOUNT as CROSS;
use crate::error::{BuildError, IoContext as _};
use crate::sandbox::Sandbox;
use crate::toolchain::Toolchain;

/// Cargo's name of the target.
const TARGET: &str = "wasm32-unknown-emscripten";

/// Where cargo's own directory is in a build; it writes locks there.
const CARGO_HOME: &str = "/tmp/cargo";

/// Where the standard library is mounted, as rustc's sysroot.
const LIBRARY: &str = "/pkgsrv/rust";

/// Where the crates are mounted; `config.toml` names it too.
const CRATES: &str = "/pkgsrv/crates";

/// Cargo's settings in a build.
const CONFIG: &str = include_str!("rust/config.toml");

/// Compiles the standard library.
const LIBRARY_SCRIPT: &str = include_str!("rust/library.sh");

/// How the standard library and all code for the target are compiled. Panics unwind, and so become exceptions in Python.
const FLAGS: &[&str] = &["-Cpanic=unwind", "-Crelocation-model=pic", "-Ctarget-feature=-crt-static"];

/// How a side module is linked. Its own symbols are bound within it: of two modules with the same crates, neither finds
/// the other's.
const LINK_FLAGS: &[&str] =
    &["-Clink-self-contained=no", "-Clink-arg=-sSIDE_MODULE=2", "-Clink-arg=-Xlinker", "-Clink-arg=-Bsymbolic"];

/// How cargo is set up on this machine: where crates come from is the machine's business.
#[derive(Clone, Debug, Default)]
pub struct CargoSettings {
    /// The user's `config.toml`, if there is one.
    pub config: Option<PathBuf>,
    /// Variables that stand for parts of it, names and values.
    pub variables: Vec<(String, String)>,
}

/// What a build with Rust has besides the toolchain.
#[derive(Debug)]
pub(crate) struct Rust {
    library: PathBuf,
    crates: PathBuf,
    config: PathBuf,
    python: String,
    /// What the source's lock names, sorted.
    pub locked: Vec<LockedCrate>,
}

/// Everything here that decides a build's result, besides toolchain and source.
pub(crate) fn digest() -> Digest {
    sha256([CONFIG, LIBRARY_SCRIPT, &FLAGS.join(" "), &LINK_FLAGS.join(" ")].join("\n").as_bytes())
}

impl Rust {
    /// Brings the standard library and the crates. `work` is the build's directory, with the source at `build/source`;
    /// `lock` is the lock's path in the source, and its text.
    pub(crate) fn ensure(
        context: &Context,
        toolchain: &Toolchain,
        label: &str,
        work: &Path,
        lock: (&str, &str),
    ) -> Result<Self, BuildError> {
        let (path, text) = lock;
        let refused = |reason: String| BuildError::Package { package: label.to_owned(), reason };
        if !toolchain.manifest.packages.contains_key("rustc") {
            return Err(refused(format!(
                "it is built with Rust, which toolchain {} does not have; leave out --toolchain, or run `apt-get install \
                 cargo rust-src rustc` and install the toolchain again",
                toolchain.manifest.name
            )));
        }
        let locked = check_lock(text).map_err(|reason| refused(format!("{path}: {reason}")))?;
        let config = work.join("cargo-config.toml");
        fs::write(&config, CONFIG).doing("write", &config)?;
        Ok(Self {
            crates: crates(context, toolchain, label, &work.join("build/source"), lock)?,
            library: library(context, toolchain)?,
            config,
            python: toolchain.manifest.python.clone(),
            locked,
        })
    }

    /// The sandbox with all of it.
    pub(crate) fn mount(&self, sandbox: Sandbox) -> Sandbox {
        let sysroot = format!("--sysroot={LIBRARY}");
        let flags = [&[sysroot.as_str()], FLAGS, LINK_FLAGS].concat().join(" ");
        sandbox
            .read_only(&self.library, LIBRARY)
            .read_only(&self.crates, CRATES)
            .read_only(&self.config, &format!("{CARGO_HOME}/config.toml"))
            .variable("CARGO_BUILD_TARGET", TARGET)
            .variable("CARGO_HOME", CARGO_HOME)
            .variable(&flags_variable(), &flags)
            // For build scripts, which run on the build machine: its compiler, and where that looks for its linker.
            .variable("COMPILER_PATH", "/usr/bin")
            .variable("HOST_CC", "/usr/bin/gcc")
            .variable("HOST_CXX", "/usr/bin/g++")
            .variable("PYO3_CROSS_LIB_DIR", &format!("{CROSS}/sysconfig"))
            .variable("PYO3_CROSS_PYTHON_VERSION", &self.python)
    }
}

fn flags_variable() -> String {
    format!("CARGO_TARGET_{}_RUSTFLAGS", TARGET.to_uppercase().replace('-', "_"))
}

/// The compiled standard library of a toolchain; compiled if it is not there.
fn library(context: &Context, toolchain: &Toolchain) -> Result<PathBuf, BuildError> {
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_vec(&toolchain.manifest).expect("strings and maps of strings"));
    hasher.update(LIBRARY_SCRIPT);
    hasher.update(FLAGS.join(" "));
    let digest = Digest::from_bytes(hasher.finalize().into()).to_string();
    let place = context.cache.rust_libraries().join(&digest);
    if place.is_dir() {
        return Ok(place);
    }
    let _lock = context.cache.lock(&format!("rust-{digest}"), context)?;
    if place.is_dir() {
        return Ok(place);
    }
    let work = context.cache.work_directory("rust")?;
    let mut command = toolchain
        .sandbox()
        .writable(work.path(), "/library")
        .variable(&flags_variable(), &FLAGS.join(" "))
        .command(&["/bin/bash", "-c", LIBRARY_SCRIPT])?;
    let mut log = context.log("rust-library")?;
    context.run_step("toolchain", "compiling Rust's standard library", &mut command, &mut log)?;
    work.move_into_place(&place)?;
    Ok(place)
}

/// A directory with the crates that a lock names, each checked by cargo against the lock's checksum. Fetching runs no
/// code of theirs, and looks for no settings in the source.
fn crates(
    context: &Context,
    toolchain: &Toolchain,
    label: &str,
    source: &Path,
    (lock_path, lock): (&str, &str),
) -> Result<PathBuf, BuildError> {
    let place = context.cache.crates().join(sha256(lock.as_bytes()).to_string());
    if place.is_dir() {
        cache::mark_used(&place);
        return Ok(place.join("crates"));
    }
    let work = context.cache.work_directory("crates")?;
    let manifest = format!("/source/{}", lock_path.replace("Cargo.lock", "Cargo.toml"));
    let mut sandbox = toolchain.sandbox().read_only(source, "/source").writable(work.path(), "/fetched");
    if let Some(config) = &context.cargo.config {
        sandbox = sandbox.read_only(config, &format!("{CARGO_HOME}/config.toml"));
    }
    for (name, value) in context.proxy.iter().chain(&context.cargo.variables) {
        sandbox = sandbox.variable(name, value);
    }
    let mut command = sandbox.directory("/tmp").variable("CARGO_HOME", CARGO_HOME).with_network().command(&[
        "/usr/bin/cargo",
        "vendor",
        "--locked",
        "--versioned-dirs",
        "--manifest-path",
        &manifest,
        "/fetched/crates",
    ])?;
    let mut log = context.log(&format!("{}-crates", label.replace(' ', "-")))?;
    context.run_step(label, "fetching its crates", &mut command, &mut log)?;
    // A lock without any crates makes no directory.
    let crates = work.path().join("crates");
    fs::create_dir_all(&crates).doing("create", &crates)?;
    work.move_into_place(&place)?;
    Ok(place.join("crates"))
}

#[derive(Deserialize)]
struct LockText {
    #[serde(default)]
    package: Vec<CrateText>,
}

#[derive(Deserialize)]
struct CrateText {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

/// The crates of a lock, sorted, without the parts of the source. Refuses one that names anything else but crates of
/// one registry, each with a checksum.
fn check_lock(text: &str) -> Result<Vec<LockedCrate>, String> {
    let lock: LockText = toml::from_str(text).map_err(|error| format!("cannot be read: {error}"))?;
    let mut registries = BTreeSet::new();
    let mut locked = Vec::new();
    for CrateText { name, version, source, checksum } in lock.package {
        let Some(source) = source else { continue };
        if !source.starts_with("registry+") && !source.starts_with("sparse+") {
            let kind = source.split('+').next().unwrap_or_default();
            return Err(format!(
                "{name} {version} comes from {kind}, which nothing pins by hash; patch the source to take a released crate"
            ));
        }
        let Some(checksum) = checksum else {
            return Err(format!("{name} {version} has no checksum; patch the source to carry a lock made by cargo"));
        };
        let sha256 = checksum.parse().map_err(|error| format!("checksum of {name} {version}: {error}"))?;
        locked.push(LockedCrate { name, version, sha256 });
        registries.insert(source);
    }
    locked.sort();
    match registries.len() {
        0 | 1 => Ok(locked),
        count => {
            Err(format!("its crates come from {count} registries; only the one that cargo is set up with is asked"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "registry+https://packages.example/index";

    fn lock(source: &str, checksum: &str) -> String {
        format!(
            "version = 4\n[[package]]\nname = \"demo\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"other\"\nversion = \
             \"1.2.3\"\nsource = \"{source}\"\n{checksum}\n[[package]]\nname = \"third\"\nversion = \"1.0.0\"\nsource = \
             \"{REGISTRY}\"\nchecksum = \"{}\"\n",
            "ab".repeat(32)
        )
    }

    fn checksum(byte: &str) -> String {
        format!("checksum = \"{}\"", byte.repeat(32))
    }

    #[test]
    fn a_lock_names_pinned_crates_of_one_registry() {
        let locked = check_lock(&lock(REGISTRY, &checksum("cd"))).unwrap();
        let told: Vec<String> =
            locked.iter().map(|it| format!("{} {} {}", it.name, it.version, &it.sha256.to_string()[..2])).collect();
        assert_eq!(told, ["other 1.2.3 cd", "third 1.0.0 ab"]);
        let cases = [
            (
                lock("git+https://packages.example/other#0123", ""),
                "other 1.2.3 comes from git, which nothing pins by hash; patch the source to take a released crate",
            ),
            (lock(REGISTRY, ""), "other 1.2.3 has no checksum; patch the source to carry a lock made by cargo"),
            (
                lock("registry+https://other.example/index", &checksum("cd")),
                "its crates come from 2 registries; only the one that cargo is set up with is asked",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(check_lock(&text).unwrap_err(), expected);
        }
    }
}
