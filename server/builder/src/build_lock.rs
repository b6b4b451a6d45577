//! The lock of a build: everything that it used, each part with its hash. It is made by the build, is part of its
//! result's directory, and tells neither times nor paths of the machine: the same build gives the same bytes.
//!
//! [PEP 751](https://peps.python.org/pep-0751/)'s `pylock.toml` is another thing: it tells an installer which files
//! make an environment, and has no place for compilers, libraries, patches or flags. What this is, Debian calls a
//! `buildinfo`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pkgsrv_index::{Abi, Digest, PackageName};
use pkgsrv_recipe::{Build, BuildKind, LockedWheel, Source, SourceOrigin, url_filename};
use serde::{Deserialize, Serialize};

use crate::abi_flags::{ABI_FLAGS, DEFAULT_FLAGS, SIDE_MODULE_FLAGS};
use crate::action::{Action, ActionResult, HostRequirement, sha256};
use crate::cross_environment::CrossEnvironment;
use crate::error::{BuildError, IoContext as _};
use crate::runtime::Runtime;
use crate::toolchain::{Manifest, Provider};

/// Name of the file in a result's directory.
const FILE: &str = "lock.json";

/// Version of the file; raised when a reader of the one before would misread it.
pub const LOCK_FORMAT: u32 = 1;

/// Everything that one build used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildLock {
    format: u32,
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// What it was built for.
    pub abi: Abi,
    /// Digest of all that decides the result; it names the result in the cache.
    pub action: Digest,
    /// The wheel's file name; `None` for a library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wheel: Option<String>,
    /// SHA-256 of the wheel, or the digest over a library's files.
    pub sha256: Digest,
    /// The source archive.
    pub source: LockedSource,
    /// SHA-256 of the checked recipe, as JSON.
    pub recipe: Digest,
    /// Patches, in the order in which they were applied.
    pub patches: Vec<LockedFile>,
    /// Further files of the recipe's that the build saw.
    pub files: Vec<LockedFile>,
    /// Wheels that were installed for the build Python, sorted.
    pub build_tools: Vec<LockedTool>,
    /// What was linked or included, by name.
    pub host: Vec<LockedHost>,
    /// Packages that the wheel needs to be imported, as the recipe has them.
    pub run: Vec<PackageName>,
    /// Crates that the source's `Cargo.lock` names; which of them are compiled in, cargo decides by target and
    /// features.
    pub crates: Vec<LockedCrate>,
    /// Compiler, linker and build Python.
    pub toolchain: LockedToolchain,
    /// The interpreter that the wheel is for.
    pub runtime: LockedRuntime,
    /// Digest of headers, sysconfig data, compiler settings and the compiler wrapper.
    pub cross_environment: Digest,
    /// Flags of compiler and linker.
    pub flags: LockedFlags,
}

/// A source archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedSource {
    /// The project on the upstream index that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<PackageName>,
    /// The Debian source package that it is a file of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debian: Option<String>,
    /// Its address, where it is on no index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its file name; `None` of a project's sdist that was not fetched by this build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// A file of the recipe's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedFile {
    /// Path beside the recipe.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// A wheel for the build Python.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedTool {
    /// The project.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// The wheel's file name.
    pub filename: String,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
}

/// A library that is linked, or a package that is compiled against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedHost {
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// What it is.
    pub kind: HostKind,
    /// Whether the recipe names it; others are in what those were built with.
    pub direct: bool,
    /// Digest of its action.
    pub action: Digest,
    /// The wheel's file name, of a package that the recipe names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wheel: Option<String>,
    /// SHA-256 of the wheel, or the digest over the library's files; of what the recipe names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// SPDX expression, as its recipe has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Its source archive.
    pub source: LockedSource,
    /// Its patches.
    pub patches: Vec<LockedFile>,
    /// What it was built with in turn.
    pub host: Vec<PackageName>,
}

/// What a host requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKind {
    /// Headers and archives, which are linked.
    StaticLibrary,
    /// Headers and side modules, which are linked and go into the wheel.
    SharedLibrary,
    /// A Python package with headers, which are included.
    Package,
}

/// A crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedCrate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its archive.
    pub sha256: Digest,
}

/// A toolchain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedToolchain {
    /// Its name, as `pkgsrv toolchain list` prints it.
    pub name: String,
    /// Where it comes from.
    pub provider: Provider,
    /// SHA-256 of its manifest, which `pkgsrv toolchain show --json` prints.
    pub sha256: Digest,
    /// Digest over the bytes of its programs, where they are the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Digest>,
    /// Emscripten's version.
    pub emscripten: String,
    /// Clang's version, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clang: Option<String>,
    /// The build Python's version.
    pub python: String,
    /// Every Debian package in it with its version; of the machine's own programs, what each calls its version.
    pub packages: BTreeMap<String, String>,
}

/// A runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedRuntime {
    /// `pyodide`, its name on npm.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the archive that it was unpacked from.
    pub sha256: Digest,
}

/// Flags, in the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedFlags {
    /// Of every compile; the package may override them.
    pub default: Vec<String>,
    /// Of every compile and link, for the ABI's sake.
    pub abi: Vec<String>,
    /// Of every link of a side module.
    pub side_module: Vec<String>,
    /// The recipe's, of C and C++ compiles, with its `$(NAME)`.
    pub cflags: Vec<String>,
    /// The recipe's, of C++ compiles.
    pub cxxflags: Vec<String>,
    /// The recipe's, of links.
    pub ldflags: Vec<String>,
}

/// What a build knows when it is done.
pub(crate) struct Used<'a> {
    pub action: &'a Action<'a>,
    /// Results of the host requirements.
    pub host: &'a [ActionResult],
    pub abi: Abi,
    pub toolchain: &'a Manifest,
    pub cross: &'a CrossEnvironment,
    pub runtime: &'a Runtime,
    pub tools: &'a [LockedWheel],
    pub crates: Vec<LockedCrate>,
    /// The source archive's file name.
    pub source: &'a str,
    /// The wheel's file name.
    pub wheel: Option<String>,
    /// SHA-256 of the wheel, or the digest over a library's files.
    pub sha256: Digest,
}

impl BuildLock {
    pub(crate) fn new(used: Used<'_>) -> Result<Self, BuildError> {
        let Used { action, abi, tools, crates, wheel, sha256: made, .. } = used;
        let recipe = action.recipe();
        let host = action.host.iter().map(|requirement| LockedHost::new(requirement, used.host));
        Ok(Self {
            format: LOCK_FORMAT,
            name: recipe.name.clone(),
            version: recipe.version.to_string(),
            abi,
            action: action.digest,
            wheel,
            sha256: made,
            source: LockedSource::new(&recipe.source, Some(used.source)),
            recipe: sha256(action.inputs["recipe"].to_string().as_bytes()),
            patches: locked_files(&action.loaded.patches),
            files: locked_files(&action.loaded.files),
            build_tools: tools.iter().map(LockedTool::new).collect(),
            host: host.collect::<Result<_, _>>()?,
            run: recipe.requirements.run.clone(),
            crates,
            toolchain: LockedToolchain::new(used.toolchain),
            runtime: LockedRuntime {
                name: used.runtime.name.to_owned(),
                version: used.runtime.version.to_owned(),
                sha256: used.runtime.archive,
            },
            cross_environment: used.cross.digest,
            flags: LockedFlags::new(&recipe.build),
        })
    }

    /// Writes it into a directory that is still being filled.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), BuildError> {
        let path = directory.join(FILE);
        fs::write(&path, self.to_bytes()).doing("write", &path)
    }

    /// JSON with a newline at its end; equal locks have equal bytes.
    ///
    /// # Panics
    /// Never: the type holds nothing that JSON cannot express.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("strings and lists of them");
        bytes.push(b'\n');
        bytes
    }

    /// The one in a result's directory; `None` where there is none that can be read: earlier versions wrote none.
    pub fn read(directory: &Path) -> Option<Self> {
        let lock: Self = serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()?;
        (lock.format == LOCK_FORMAT).then_some(lock)
    }
}

impl LockedSource {
    /// `fetched` is the archive's file name, where only the index tells it.
    fn new(source: &Source, fetched: Option<&str>) -> Self {
        let fetched = fetched.map(str::to_owned);
        let mut locked = Self { project: None, debian: None, url: None, filename: fetched, sha256: source.sha256 };
        match &source.origin {
            SourceOrigin::PyPi(project) => locked.project = Some(project.clone()),
            SourceOrigin::PyPiWheel { project, filename } => {
                (locked.project, locked.filename) = (Some(project.clone()), Some(filename.clone()));
            }
            SourceOrigin::Debian { package, file } => {
                (locked.debian, locked.filename) = (Some(package.clone()), Some(file.clone()));
            }
            SourceOrigin::Url(url) => {
                (locked.url, locked.filename) = (Some(url.clone()), Some(url_filename(url).to_owned()));
            }
        }
        locked
    }
}

fn locked_files(files: &[(String, Vec<u8>)]) -> Vec<LockedFile> {
    files.iter().map(|(name, bytes)| LockedFile { name: name.clone(), sha256: sha256(bytes) }).collect()
}

impl LockedTool {
    fn new(wheel: &LockedWheel) -> Self {
        Self {
            name: wheel.filename.name().clone(),
            version: wheel.filename.version().to_string(),
            filename: wheel.filename.as_str().to_owned(),
            sha256: wheel.sha256,
        }
    }
}

impl LockedHost {
    fn new(requirement: &HostRequirement<'_>, results: &[ActionResult]) -> Result<Self, BuildError> {
        let HostRequirement { loaded, digest, direct } = *requirement;
        let recipe = &loaded.recipe;
        let result = results.iter().find(|result| result.digest == digest);
        let kind = match recipe.build.kind {
            BuildKind::StaticLibrary => HostKind::StaticLibrary,
            BuildKind::SharedLibrary => HostKind::SharedLibrary,
            BuildKind::Package | BuildKind::Wheel => HostKind::Package,
        };
        Ok(Self {
            name: recipe.name.clone(),
            version: recipe.version.to_string(),
            kind,
            direct,
            action: digest,
            wheel: result.and_then(|result| result.wheel.clone()),
            sha256: result.map(ActionResult::made).transpose()?,
            license: Some(recipe.about.license.clone()).filter(|license| !license.is_empty()),
            source: LockedSource::new(&recipe.source, None),
            patches: locked_files(&loaded.patches),
            host: recipe.requirements.host.clone(),
        })
    }
}

impl LockedToolchain {
    fn new(manifest: &Manifest) -> Self {
        let Manifest { packages, python, .. } = manifest;
        let is_clang = |name: &str| {
            let version = name.strip_prefix("clang-");
            name == "clang" || version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let clang = packages.iter().find(|(name, _)| is_clang(name));
        let exact_python = packages.get(&format!("python{python}")).or_else(|| packages.get("python"));
        Self {
            name: manifest.name.clone(),
            provider: manifest.provider,
            sha256: sha256(&serde_json::to_vec(manifest).expect("strings and maps of strings")),
            contents: manifest.host.as_ref().map(|host| host.contents),
            emscripten: manifest.emscripten.clone(),
            clang: clang.map(|(_, version)| upstream_version(version).to_owned()),
            python: exact_python.map_or(python.as_str(), |version| upstream_version(version)).to_owned(),
            packages: packages.clone(),
        }
    }
}

/// The version of the software in a Debian package, without the epoch and the revision.
fn upstream_version(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

impl LockedFlags {
    fn new(build: &Build) -> Self {
        let owned = |flags: &[&str]| flags.iter().map(|&flag| flag.to_owned()).collect();
        Self {
            default: owned(DEFAULT_FLAGS),
            abi: owned(ABI_FLAGS),
            side_module: owned(SIDE_MODULE_FLAGS),
            cflags: build.cflags.clone(),
            cxxflags: build.cxxflags.clone(),
            ldflags: build.ldflags.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_version_tells_that_of_the_software() {
        for (version, upstream) in [("1:21.1.8-13", "21.1.8"), ("3.14.6-1+b1", "3.14.6"), ("2025.1", "2025.1")] {
            assert_eq!(upstream_version(version), upstream);
        }
    }
}
