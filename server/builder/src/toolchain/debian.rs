//! The provider `debian`: a root directory made by mmdebstrap from a suite whose Emscripten fits.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pkgsrv_index::Abi;

use super::BUILD_TOOLS;
use super::manifest::{FORMAT, Manifest, Provider};
use super::system_libraries::{self, EMSCRIPTEN_CACHE, PROGRAM_C, PROGRAM_CXX, SCRIPT_NAME};
use crate::action::sha256;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::process::{self, Log};
use crate::sandbox::Sandbox;
use crate::system_tools::{self, BUBBLEWRAP, MMDEBSTRAP, UIDMAP};

/// The suite whose Emscripten is used.
pub(super) const SUITE: &str = "forky";

/// `rust-src` has the standard library, which no suite carries compiled for the target.
const RUST: [&str; 3] = ["cargo", "rust-src", "rustc"];

/// How the root directory is made. A testing suite's Release file may be past its date; signatures are checked all the
/// same.
const BOOTSTRAP: &[&str] = &["--variant=apt", "--aptopt=Acquire::Check-Valid-Until \"false\""];

/// The suite, the build Python, and a digest of all else that the installation depends on: another list of packages or
/// other flags are another toolchain.
pub(super) fn name(abi: Abi) -> String {
    let python = abi.facts().python;
    let texts = [&packages(abi).join(" "), &system_libraries::script(), PROGRAM_C, PROGRAM_CXX, &BOOTSTRAP.join(" ")];
    let decides = texts.join("\n");
    let digest = sha256(decides.as_bytes()).to_string();
    format!("debian-{SUITE}-python{python}-{}", &digest[..8])
}

/// What is installed besides the suite's essential packages.
pub(super) fn packages(abi: Abi) -> Vec<String> {
    let mut packages: Vec<String> = BUILD_TOOLS.iter().map(|tool| tool.package.to_owned()).collect();
    packages.extend(super::python_packages(abi));
    packages.extend(RUST.map(str::to_owned));
    packages.sort();
    packages
}

pub(super) fn sandbox(directory: &Path) -> Sandbox {
    system_libraries::mounted(Sandbox::over_root(&directory.join("root")), &directory.join("emscripten-cache"))
}

/// Installs into a directory beside, then renames: an interrupted installation leaves nothing at `place`.
pub(super) fn install(context: &Context, abi: Abi, place: &Path) -> Result<(), BuildError> {
    // All at once: who installs them by hand should not be sent back a second time.
    let for_ordinary_users = if system_tools::is_root() { &[][..] } else { &[UIDMAP] };
    system_tools::ensure(context, &[&[MMDEBSTRAP, BUBBLEWRAP], for_ordinary_users].concat())?;
    let work = context.cache.work_directory("toolchain")?;
    let mut log = context.log(&name(abi))?;
    bootstrap(context, abi, work.path(), &mut log)?;
    let root = work.path().join("root");
    let manifest = Manifest {
        format: FORMAT,
        provider: Provider::Debian,
        name: name(abi),
        emscripten: emscripten_version(&root)?,
        python: abi.facts().python.to_owned(),
        packages: installed_packages(&root)?,
        host: None,
    };
    super::check_emscripten(&manifest.name, &manifest.emscripten, abi)?;
    compile_system_libraries(context, work.path(), &mut log)?;
    let text = serde_json::to_string_pretty(&manifest).expect("strings and maps of strings");
    let path = work.path().join("manifest.json");
    fs::write(&path, text).doing("write", &path)?;
    work.move_into_place(place)
}

fn bootstrap(context: &Context, abi: Abi, work: &Path, log: &mut Log) -> Result<(), BuildError> {
    let archive = work.join("root.tar");
    let mut command = process::command("mmdebstrap");
    if system_tools::is_root() {
        // It works there, and what it leaves when it is killed goes with the directory. An ordinary user's is not
        // open to the user ids of the namespace.
        command.env("TMPDIR", work);
    }
    command
        .args(BOOTSTRAP)
        .args(["doc", "info", "locale", "man"].map(|unused| format!("--dpkgopt=path-exclude=/usr/share/{unused}/*")))
        .arg(format!("--include={}", packages(abi).join(",")))
        .arg(SUITE)
        .arg(&archive);
    context.run_step("toolchain", "installing Debian packages", &mut command, log)?;
    let root = work.join("root");
    fs::create_dir(&root).doing("create", &root)?;
    let mut command = process::command("tar");
    command
        .args(["--extract", "--no-same-owner", "--exclude=./dev/*", "--directory"])
        .arg(&root)
        .arg("--file")
        .arg(&archive);
    context.run_step("toolchain", "unpacking", &mut command, log)?;
    fs::remove_file(&archive).doing("remove", &archive)
}

fn compile_system_libraries(context: &Context, work: &Path, log: &mut Log) -> Result<(), BuildError> {
    let cache = work.join("emscripten-cache");
    let programs = work.join("programs");
    fs::create_dir(&cache).doing("create", &cache)?;
    system_libraries::write_programs(&programs)?;
    let mut command = Sandbox::over_root(&work.join("root"))
        .writable(&cache, EMSCRIPTEN_CACHE)
        .writable(&programs, "/programs")
        .directory("/programs")
        .variable("EM_CACHE", EMSCRIPTEN_CACHE)
        .command(&["/bin/bash", "-eux", SCRIPT_NAME])?;
    context.run_step("toolchain", "compiling Emscripten's system libraries", &mut command, log)?;
    fs::remove_dir_all(&programs).doing("remove", &programs)
}

fn emscripten_version(root: &Path) -> Result<String, BuildError> {
    let path = root.join("usr/share/emscripten/emscripten-version.txt");
    let text = fs::read_to_string(&path).doing("read", &path)?;
    Ok(text.trim().trim_matches('"').to_owned())
}

/// Package names and versions from dpkg's status file.
fn installed_packages(root: &Path) -> Result<BTreeMap<String, String>, BuildError> {
    let path = root.join("var/lib/dpkg/status");
    let text = fs::read_to_string(&path).doing("read", &path)?;
    let field = |paragraph: &str, name: &str| {
        paragraph.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let paragraphs = text.split("\n\n");
    Ok(paragraphs.filter_map(|p| Some((field(p, "Package:")?, field(p, "Version:")?))).collect())
}
