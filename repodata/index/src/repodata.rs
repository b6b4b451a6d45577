//! The view of an index that our loader reads.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::format::{WHOLE_FORMAT, format_of, from_json_of};
use crate::selection::newest;
use crate::tree::Node;
use crate::{Abi, Digest, ExtraName, FileEntry, IndexError, PackageName, Project, Requirement, Twin, WheelFilename};

/// Which runtime an ABI belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeInfo {
    /// `pyodide`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The full version of its Python.
    pub python: String,
}

impl RuntimeInfo {
    /// The runtime of an ABI.
    pub fn of(abi: Abi) -> Self {
        let facts = abi.facts();
        Self {
            name: facts.runtime.to_owned(),
            version: facts.runtime_version.to_owned(),
            python: facts.python_full.to_owned(),
        }
    }
}

/// A wheel with bytecode in the place of modules: RECORD lists the modules, and the bytecode of each lies where Python
/// looks for it ([PEP 3147](https://peps.python.org/pep-3147/)), not to be checked against its source
/// ([PEP 552](https://peps.python.org/pep-0552/)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompiledTwin {
    /// SHA-256 of the twin, decoded.
    pub sha256: Digest,
    /// Size of the twin, decoded, bytes.
    pub size: u64,
}

/// The wheel to take for one version of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The wheel's filename.
    pub filename: WheelFilename,
    /// SHA-256 of the wheel to fetch, decoded: the stored twin of the published one, if it has one.
    pub sha256: Digest,
    /// Size of the wheel to fetch, decoded, bytes. On the wire it may be less.
    pub size: u64,
    /// Its compiled twin, for interpreters of the line's ABI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiled: Option<CompiledTwin>,
    /// What it needs.
    pub depends: Vec<Requirement>,
    /// What each extra needs in addition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extras: BTreeMap<ExtraName, Vec<Requirement>>,
    /// Top-level import names.
    pub imports: Vec<String>,
    /// The reason if the wheel is yanked, possibly empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}

/// A node of a line's repodata: releases of each project, newest first.
pub type RepodataNode = Node<PackageName, Vec<Release>>;

/// Repodata of format 1: one document.
#[derive(Deserialize)]
struct Whole {
    blobs: String,
    packages: BTreeMap<PackageName, Vec<Release>>,
}

/// Reads a node of repodata, or repodata of format 1, which counts as a leaf; of the latter also the address of the
/// blobs, which heads did not have. Releases are brought into order where another writer did not keep it.
pub fn read_repodata(bytes: &[u8]) -> Result<(RepodataNode, Option<String>), IndexError> {
    let (mut node, blobs) = if format_of(bytes) == Some(WHOLE_FORMAT) {
        let Whole { blobs, packages } = from_json_of("repodata", WHOLE_FORMAT, bytes)?;
        (Node::Leaf(packages), Some(blobs))
    } else {
        (RepodataNode::from_bytes(bytes)?, None)
    };
    if let Node::Leaf(packages) = &mut node {
        for releases in packages.values_mut() {
            releases.sort_by(|a, b| b.version.cmp(&a.version));
        }
    }
    Ok((node, blobs))
}

impl Project {
    /// Its releases, newest first: of each version the best wheel, without what the ABI's Python is refused by.
    pub fn releases(&self, abi: Abi) -> Vec<Release> {
        self.releases_of(abi, |_| true)
    }

    /// The same, of pure wheels alone.
    pub fn pure_releases(&self, abi: Abi) -> Vec<Release> {
        self.releases_of(abi, |entry| entry.filename.is_pure())
    }

    fn releases_of(&self, abi: Abi, is_wanted: fn(&FileEntry) -> bool) -> Vec<Release> {
        let mut best: BTreeMap<&Version, &FileEntry> = BTreeMap::new();
        for entry in self.offered().filter(|entry| entry.admits_python(abi) && is_wanted(entry)) {
            let Some(preference) = preference(entry, abi) else { continue };
            best.entry(&entry.version)
                .and_modify(|chosen| {
                    if self::preference(chosen, abi).is_none_or(|other| preference < other) {
                        *chosen = entry;
                    }
                })
                .or_insert(entry);
        }
        best.into_values().rev().map(Release::from_entry).collect()
    }
}

/// The release that those get who do not ask for a version: final ones before pre-releases, no yanked one.
pub fn preferred_release(releases: &[Release]) -> Option<&Release> {
    newest(releases.iter().map(|release| (release, &release.version, release.yanked.is_some())), false, false)
}

impl Release {
    fn from_entry(entry: &FileEntry) -> Self {
        let (sha256, size) = entry.fetched();
        Self {
            version: entry.version.clone(),
            filename: entry.filename.clone(),
            sha256,
            size,
            compiled: entry.compiled.as_ref().map(|&Twin { sha256, size, .. }| CompiledTwin { sha256, size }),
            depends: entry.depends.clone(),
            extras: entry.extras.clone(),
            imports: entry.imports.clone(),
            yanked: entry.yanked.clone(),
        }
    }
}

/// Least is best; `None` if the ABI cannot load the file. Not yanked before yanked, then the best tag, the highest build
/// number, and the filename so that the choice is always the same.
fn preference(entry: &FileEntry, abi: Abi) -> Option<impl Ord> {
    let rank = entry.filename.tags_fit(abi)?;
    let filename = &entry.filename;
    Some((entry.yanked.is_some(), rank, Reverse(filename.build()), filename.as_str()))
}
