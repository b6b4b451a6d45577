//! The view of an index that our loader reads.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::channel_index::{from_json, to_json};
use crate::{
    Abi, ChannelIndex, Digest, ExtraName, FORMAT, FileEntry, IndexError, PackageName, Requirement, WheelFilename,
};

/// Everything the loader needs to choose and fetch packages for one ABI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repodata {
    format: u32,
    /// The ABI.
    pub abi: Abi,
    /// Address of the blobs, relative to the directory that the repodata lies in; ends in `/`.
    /// A wheel is at `{blobs}{sha256}/{filename}`.
    pub blobs: String,
    /// The runtime that these wheels are for.
    pub runtime: RuntimeInfo,
    /// Releases of each project, newest first.
    pub packages: BTreeMap<PackageName, Vec<Release>>,
}

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

/// The wheel to take for one version of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The wheel's filename.
    pub filename: WheelFilename,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Size of the wheel, bytes.
    pub size: u64,
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

impl Repodata {
    /// Makes the view: of each version the best wheel, without what the ABI's Python is refused by.
    /// `blobs` is the address that the `blobs` field describes.
    pub fn from_index(index: &ChannelIndex, blobs: &str) -> Self {
        let packages = best_files(index)
            .into_iter()
            .map(|(name, versions)| (name.clone(), Release::newest_first(versions)))
            .collect();
        Self { format: FORMAT, abi: index.abi, blobs: blobs.to_owned(), runtime: RuntimeInfo::of(index.abi), packages }
    }

    /// Canonical JSON; the object's name is the digest of these bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Reads what [`Self::to_bytes`] wrote. Releases are brought into order where another writer
    /// did not keep it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let mut repodata: Self = from_json("repodata", bytes)?;
        for releases in repodata.packages.values_mut() {
            releases.sort_by(|a, b| b.version.cmp(&a.version));
        }
        Ok(repodata)
    }
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

impl Release {
    /// The releases of one project in a line, newest first, as its repodata has them; none if there is no such project.
    pub fn of_project(index: &ChannelIndex, name: &PackageName) -> Vec<Self> {
        let mut best = best_of(index.files().filter(|entry| entry.name == *name), index.abi);
        best.remove(name).map(Self::newest_first).unwrap_or_default()
    }

    fn newest_first(versions: BTreeMap<&Version, &FileEntry>) -> Vec<Self> {
        versions.into_values().rev().map(Self::from_entry).collect()
    }

    fn from_entry(entry: &FileEntry) -> Self {
        Self {
            version: entry.version.clone(),
            filename: entry.filename.clone(),
            sha256: entry.sha256,
            size: entry.size,
            depends: entry.depends.clone(),
            extras: entry.extras.clone(),
            imports: entry.imports.clone(),
            yanked: entry.yanked.clone(),
        }
    }
}

/// Of each project and version the file to take: not yanked before yanked, then the best tag, the
/// highest build number, and the filename so that the choice is always the same.
pub(crate) fn best_files(index: &ChannelIndex) -> BestFiles<'_> {
    best_of(index.files(), index.abi)
}

type BestFiles<'a> = BTreeMap<&'a PackageName, BTreeMap<&'a Version, &'a FileEntry>>;

fn best_of<'a>(files: impl Iterator<Item = &'a FileEntry>, abi: Abi) -> BestFiles<'a> {
    let mut best = BestFiles::new();
    for entry in files.filter(|entry| entry.admits_python(abi)) {
        let Some(preference) = preference(entry, abi) else { continue };
        best.entry(&entry.name)
            .or_default()
            .entry(&entry.version)
            .and_modify(|chosen| {
                if self::preference(chosen, abi).is_none_or(|other| preference < other) {
                    *chosen = entry;
                }
            })
            .or_insert(entry);
    }
    best
}

/// Least is best; `None` if the ABI cannot load the file.
fn preference(entry: &FileEntry, abi: Abi) -> Option<impl Ord> {
    let rank = entry.filename.tags_fit(abi)?;
    let filename = &entry.filename;
    Some((entry.yanked.is_some(), rank, Reverse(filename.build()), filename.as_str()))
}
