//! The lockfile that the runtime's own `loadPackage` reads.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use serde::Serialize;

use crate::format::to_json;
use crate::{Abi, Digest, ExtraName, PackageName, Release, Requirement};

/// A `pyodide-lock.json`. The format has no version of its own and its readers refuse keys they do
/// not know, so there is nothing in here but what the runtime's own lockfile has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PyodideLock {
    /// Compared by the runtime with its own.
    pub info: LockInfo,
    /// One release of each project.
    pub packages: BTreeMap<PackageName, LockedPackage>,
}

/// Which runtime a lockfile is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockInfo {
    /// `2026_0`.
    pub abi_version: String,
    /// `wasm32`.
    pub arch: String,
    /// `emscripten_5_0_3`.
    pub platform: String,
    /// The full version of the runtime's Python.
    pub python: String,
}

/// One release in a lockfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockedPackage {
    /// Names that must be loaded too; every one is in the lockfile.
    pub depends: Vec<PackageName>,
    /// The wheel's address, absolute or relative to the lockfile's directory.
    pub file_name: String,
    /// Top-level import names.
    pub imports: Vec<String>,
    /// `site`.
    pub install_dir: &'static str,
    /// The project.
    pub name: PackageName,
    /// `package`.
    pub package_type: &'static str,
    /// SHA-256 of the wheel to fetch, decoded: the stored twin of the published one, if it has one.
    pub sha256: Digest,
    /// Always false: tests stay in the wheel they came in.
    pub unvendored_tests: bool,
    /// The version.
    pub version: Version,
}

impl PyodideLock {
    /// Locks one release of each project, as [`crate::preferred_release`] chooses it. `blobs` is the address of the blobs, ending
    /// in `/`: absolute, or relative to the directory that the lockfile is served from.
    pub fn new(abi: Abi, newest: &BTreeMap<PackageName, Release>, blobs: &str) -> Self {
        let facts = abi.facts();
        let packages =
            newest.iter().map(|(name, release)| (name.clone(), locked(name, release, newest, blobs))).collect();
        Self {
            info: LockInfo {
                abi_version: facts.abi.to_owned(),
                arch: "wasm32".to_owned(),
                platform: format!("emscripten_{}", facts.emscripten.replace('.', "_")),
                python: facts.python_full.to_owned(),
            },
            packages,
        }
    }

    /// Compact JSON with sorted keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }
}

fn locked(
    name: &PackageName,
    release: &Release,
    newest: &BTreeMap<PackageName, Release>,
    blobs: &str,
) -> LockedPackage {
    LockedPackage {
        depends: depends(name, release, newest),
        file_name: format!("{blobs}{}/{}", release.sha256, release.filename),
        imports: release.imports.clone(),
        install_dir: "site",
        name: name.clone(),
        package_type: "package",
        sha256: release.sha256,
        unvendored_tests: false,
        version: release.version.clone(),
    }
}

/// The lockfile has no extras: whoever needs `name[extra]` depends on what the extra adds.
fn depends(name: &PackageName, release: &Release, newest: &BTreeMap<PackageName, Release>) -> Vec<PackageName> {
    let mut names = BTreeSet::new();
    let mut seen: BTreeSet<(&PackageName, &ExtraName)> = BTreeSet::new();
    let mut queue: Vec<&Requirement> = release.depends.iter().collect();
    while let Some(requirement) = queue.pop() {
        let Some(target) = newest.get(&requirement.name) else { continue };
        names.insert(requirement.name.clone());
        for extra in &requirement.extras {
            if seen.insert((&requirement.name, extra)) {
                queue.extend(target.extras.get(extra).into_iter().flatten());
            }
        }
    }
    names.remove(name);
    names.into_iter().collect()
}
