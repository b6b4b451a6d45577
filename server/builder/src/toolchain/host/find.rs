//! What a toolchain of the machine's own consists of: everything is looked for, and all that lacks is told at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::Abi;

use super::build_python::{Python, find_python};
use super::em_config::EmConfig;
use super::machine::{Machine, Mount, Watched};
use super::{EMSDK, HostSource};
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::process;
use crate::system_tools::{BUBBLEWRAP, find_program, install_command};
use crate::toolchain::BUILD_TOOLS;

/// The oldest Node that runs the runtimes.
const OLDEST_NODE: u32 = 20;

/// Where Debian's rust-src puts the crates of the standard library.
const RUST_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/vendor";

/// What was found, with the machine's own paths.
#[derive(Debug)]
pub(super) struct Found {
    /// The emsdk directory, if it is one.
    emsdk: Option<PathBuf>,
    /// Directory of Emscripten's programs.
    pub emscripten: PathBuf,
    pub emscripten_version: String,
    /// Settings of Emscripten that name no place.
    pub emscripten_settings: Vec<(&'static str, String)>,
    /// Directory of clang and the linker.
    pub llvm: PathBuf,
    /// Directory with binaryen's `bin`.
    pub binaryen: PathBuf,
    pub node: PathBuf,
    pub python: Python,
    /// Directory of the build Python's headers.
    pub python_include: PathBuf,
    /// The wheel of pip that the build Python brings.
    pub pip: PathBuf,
    /// Programs whose bytes decide results, by name.
    pub programs: Vec<(&'static str, PathBuf)>,
    /// What builds find first on `PATH`: names and programs.
    pub links: Vec<(String, PathBuf)>,
    /// What each program calls its version.
    pub versions: BTreeMap<String, String>,
    mounts: Vec<Mount>,
}

/// What lacks: lines for people, and the Debian packages that would bring it.
#[derive(Default)]
pub(super) struct Missing {
    lines: Vec<String>,
    packages: Vec<String>,
}

impl Missing {
    pub fn add(&mut self, line: String, packages: impl IntoIterator<Item = String>) {
        self.lines.push(line);
        self.packages.extend(packages);
    }
}

pub(super) fn find(context: &Context, abi: Abi, source: &HostSource) -> Result<Found, BuildError> {
    let mut missing = Missing::default();
    let emsdk = source.emsdk.as_deref().map(|directory| emsdk_directory(directory, abi)).transpose()?;
    let python = find_python(context, abi, source, &mut missing)?;
    let mut links = Vec::new();
    for tool in BUILD_TOOLS.iter().chain([&BUBBLEWRAP]) {
        // emsdk brings its own.
        if emsdk.is_some() && ["emcc", "node"].contains(&tool.program) {
            continue;
        }
        match find_program(tool.program) {
            Some(path) => links.push((tool.program.to_owned(), path)),
            None => missing.add(format!("{}: not on PATH", tool.program), [tool.package.to_owned()]),
        }
    }
    links.extend(find_rust());
    let (Some(python), true) = (python, missing.lines.is_empty()) else {
        return Err(BuildError::MissingParts {
            provider: source.provider(),
            missing: missing.lines.join("\n  "),
            remedy: install_command(&missing.packages),
        });
    };
    links.retain(|(name, _)| name != BUBBLEWRAP.program);
    let beside = match &emsdk {
        Some(directory) => directory.join("upstream/emscripten"),
        None => find_program("emcc").and_then(|emcc| Some(emcc.parent()?.to_owned())).unwrap_or_default(),
    };
    let told = EmConfig { context, directory: beside, emsdk: emsdk.as_deref(), python: &python.program };
    // `emcc` on PATH may be a script that starts the one elsewhere.
    let emscripten = canonical(&told.directory("EMSCRIPTEN_ROOT")?)?;
    let node = canonical(&told.node()?)?;
    // emsdk's, else the one that Emscripten is set up with, which is what `node` on `PATH` must be too.
    links.retain(|(name, _)| !["emcc", "node"].contains(&name.as_str()));
    let mut found = Found {
        emscripten_version: emscripten_version(&emscripten)?,
        emscripten_settings: told.settings()?,
        llvm: canonical(&told.directory("LLVM_ROOT")?)?,
        binaryen: canonical(&told.directory("BINARYEN_ROOT")?)?,
        node,
        python_include: python.include.clone().unwrap_or_default(),
        pip: python.pip.clone().unwrap_or_default(),
        python,
        programs: Vec::new(),
        links,
        versions: BTreeMap::new(),
        mounts: Vec::new(),
        emsdk,
        emscripten,
    };
    found.add_programs();
    found.add_versions(context)?;
    found.add_mounts(context)?;
    Ok(found)
}

/// Debian's Rust, if it is all there: only the packages that are written in it need it. rustup's lies in a home, where no
/// sandbox looks.
fn find_rust() -> Vec<(String, PathBuf)> {
    let programs = ["cargo", "rustc"].map(|name| (name.to_owned(), Path::new("/usr/bin").join(name)));
    let is_there = Path::new(RUST_SOURCE).is_dir() && programs.iter().all(|(_, path)| path.is_file());
    if is_there { programs.into() } else { Vec::new() }
}

/// An emsdk directory in which a version is installed and active.
fn emsdk_directory(directory: &Path, abi: Abi) -> Result<PathBuf, BuildError> {
    for file in [".emscripten", "upstream/emscripten/emcc", "upstream/emscripten/emscripten-version.txt"] {
        if !directory.join(file).is_file() {
            let version = abi.facts().emscripten;
            return Err(BuildError::NoEmsdk { directory: directory.to_owned(), file, version });
        }
    }
    canonical(directory)
}

fn emscripten_version(directory: &Path) -> Result<String, BuildError> {
    let path = directory.join("emscripten-version.txt");
    let text = fs::read_to_string(&path).doing("read", &path)?;
    Ok(text.trim().trim_matches('"').to_owned())
}

impl Found {
    /// Where a path of the machine's is inside.
    pub fn inside(&self, path: &Path) -> String {
        let in_emsdk = self.emsdk.as_ref().and_then(|emsdk| path.strip_prefix(emsdk).ok());
        in_emsdk.map_or_else(|| path.to_owned(), |rest| Path::new(EMSDK).join(rest)).display().to_string()
    }

    /// `emcc`, `em++`, `emar` and their like: names and paths, sorted.
    pub fn emscripten_programs(&self) -> Result<Vec<(String, PathBuf)>, BuildError> {
        let entries = fs::read_dir(&self.emscripten).doing("read", &self.emscripten)?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.doing("read", &self.emscripten)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("em") && !name.contains('.') && path.is_file() {
                found.push((name, path));
            }
        }
        found.sort();
        Ok(found)
    }

    fn add_programs(&mut self) {
        let setting = |key| self.emscripten_settings.iter().find(|(name, _)| *name == key);
        let of_llvm = |name: &str, key| match setting(key) {
            Some((_, version)) => self.llvm.join(format!("{name}-{version}")),
            None => self.llvm.join(name),
        };
        let programs = [
            ("clang", of_llvm("clang", "CLANG_ADD_VERSION")),
            ("node", self.node.clone()),
            ("python", self.python.program.clone()),
            ("wasm-ld", of_llvm("wasm-ld", "LLVM_ADD_VERSION")),
            ("wasm-opt", self.binaryen.join("bin/wasm-opt")),
        ];
        // Links stay: the linker is one program under many names.
        self.programs = programs.into();
        let python = &self.python.program;
        let aliases = ["python", "python3"].map(str::to_owned).into_iter().chain([python_name(python)]);
        self.links.extend(aliases.map(|name| (name, python.clone())));
        self.links.push(("node".to_owned(), self.node.clone()));
        self.links.sort();
        self.links.dedup();
    }

    fn add_versions(&mut self, context: &Context) -> Result<(), BuildError> {
        self.versions.insert("python".to_owned(), self.python.version.clone());
        let of_programs = self.programs.iter().map(|(name, path)| ((*name).to_owned(), path.clone()));
        let all: Vec<(String, PathBuf)> = of_programs.chain(self.links.iter().cloned()).collect();
        for (name, path) in all {
            if name.starts_with("python") || self.versions.contains_key(&name) {
                continue;
            }
            let mut command = process::command(&path);
            let printed = process::run_for_output(command.arg("--version").env("LC_ALL", "C"), &context.interrupt)?;
            let version = printed.lines().next().unwrap_or_default().trim().to_owned();
            if name == "node" && node_major(&version).is_none_or(|major| major < OLDEST_NODE) {
                let shown = path.display().to_string();
                return Err(BuildError::OldNode { path: shown, found: version, oldest: OLDEST_NODE });
            }
            self.versions.insert(name, version);
        }
        Ok(())
    }

    /// What builds must see outside of `/usr`.
    fn add_mounts(&mut self, context: &Context) -> Result<(), BuildError> {
        if let Some(emsdk) = &self.emsdk {
            self.mounts.push(Mount { from: emsdk.clone(), to: EMSDK.to_owned() });
        }
        let above_bin = |path: &Path| {
            let parent = path.parent().unwrap_or(path);
            if path.ends_with("bin") { parent.to_owned() } else { path.to_owned() }
        };
        let parts = [
            self.emscripten.clone(),
            above_bin(&self.llvm),
            self.binaryen.clone(),
            self.node.parent().map(above_bin).unwrap_or_default(),
            self.python.prefix.clone(),
            self.python_include.clone(),
        ];
        for from in parts {
            let seen = |mount: &Mount| from.starts_with(&mount.from);
            if !from.starts_with("/usr") && !self.mounts.iter().any(seen) {
                let to = from.display().to_string();
                self.mounts.push(Mount { from, to });
            }
        }
        // A build should see a compiler, not somebody's home directory.
        let home = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.dir);
        for mount in &self.mounts {
            let has_home = home.as_ref().is_some_and(|home| home.starts_with(&mount.from));
            if has_home || context.cache.toolchains().starts_with(&mount.from) {
                return Err(BuildError::WideMount { path: mount.from.clone() });
            }
        }
        let visible =
            |path: &Path| path.starts_with("/usr") || self.mounts.iter().any(|mount| path.starts_with(&mount.from));
        match self.links.iter().find(|(_, path)| !visible(path)) {
            None => Ok(()),
            Some((name, path)) => Err(BuildError::ProgramElsewhere { program: name.clone(), path: path.clone() }),
        }
    }

    /// Where all of this is, and how it looks now.
    pub fn machine(&self) -> Result<Machine, BuildError> {
        let version = self.emscripten.join("emscripten-version.txt");
        let files = [self.emscripten.join("emcc.py"), version, self.pip.clone()];
        let programs = self.programs.iter().map(|(_, path)| path).chain(self.links.iter().map(|(_, path)| path));
        let mut watched: Vec<&PathBuf> = files.iter().chain(programs).collect();
        watched.sort();
        watched.dedup();
        Ok(Machine {
            mounts: self.mounts.clone(),
            hidden: self.python.site_directories.clone(),
            watched: watched.into_iter().map(|path| Watched::now(path)).collect::<Result<_, _>>()?,
        })
    }
}

fn python_name(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// 20 of `v20.16.0`.
fn node_major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

fn canonical(path: &Path) -> Result<PathBuf, BuildError> {
    path.canonicalize().doing("find", path)
}
