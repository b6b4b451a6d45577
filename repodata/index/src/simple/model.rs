//! The pages as values; their JSON is what serde makes of them.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use serde::{Serialize, Serializer};

use super::API_VERSION;
use crate::format::to_json;
use crate::{
    Abi, Digest, DocumentKind, FileEntry, PackageName, Project, ProjectStatus, Status, UploadTime, VersionSpecifiers,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: &'static str,
}

const META: Meta = Meta { api_version: API_VERSION };

/// The page at `/simple/`: every project that has a file to offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProjectList {
    meta: Meta,
    projects: Vec<ProjectLink>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ProjectLink {
    name: PackageName,
}

/// The page at `/simple/{name}/`: every file of one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProjectPage {
    meta: Meta,
    name: PackageName,
    #[serde(skip_serializing_if = "ProjectStatus::is_plain")]
    project_status: ProjectStatus,
    files: Vec<File>,
    versions: Vec<Version>,
}

/// One file of a project. Keys without a value are left out: a `false` in the metadata key reads
/// as "there is metadata" to some installers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct File {
    /// The filename.
    pub filename: String,
    /// Its absolute address; not every installer resolves relative ones.
    pub url: String,
    /// Its digests.
    pub hashes: Hashes,
    /// Its size, bytes.
    pub size: u64,
    /// When it was published.
    pub upload_time: UploadTime,
    /// `Requires-Python`, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    /// Present if the file is yanked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yanked: Option<Yanked>,
    /// The METADATA file, served at the file's address plus `.metadata`.
    pub core_metadata: CoreMetadata,
    /// The absolute address of the provenance object, if the file was published with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
}

/// Digests of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hashes {
    /// SHA-256.
    pub sha256: Digest,
}

/// Digests of a METADATA file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoreMetadata {
    /// SHA-256.
    pub sha256: Digest,
}

/// That a file is yanked, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yanked {
    /// Empty if no reason was given.
    pub reason: String,
}

impl Serialize for Yanked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.reason.is_empty() {
            return serializer.serialize_bool(true);
        }
        serializer.serialize_str(&self.reason)
    }
}

impl ProjectList {
    /// A list of these projects.
    pub fn new(names: BTreeSet<PackageName>) -> Self {
        Self { meta: META, projects: names.into_iter().map(|name| ProjectLink { name }).collect() }
    }

    /// The projects' names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &PackageName> {
        self.projects.iter().map(|project| &project.name)
    }

    /// Compact JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl ProjectPage {
    /// One project's files in several lines together, by version and filename; `None` if there is nothing to tell of it.
    /// A file counts where its line's Python is admitted. Of the lines' statuses the strictest holds, and where that is
    /// quarantined, no file is offered. `base` is the absolute address below which blobs and documents are,
    /// without a slash at its end.
    pub fn new<'a>(
        name: &PackageName,
        lines: impl IntoIterator<Item = (Abi, &'a Project)>,
        base: &str,
    ) -> Option<Self> {
        let lines: Vec<(Abi, &Project)> = lines.into_iter().collect();
        let project_status = lines.iter().map(|(_, project)| project.status()).max().cloned().unwrap_or_default();
        let is_hidden = project_status.status == Status::Quarantined;
        // A pure wheel is in several lines and listed once.
        let entries: BTreeMap<(&Version, &str), &FileEntry> = lines
            .into_iter()
            .filter(|_| !is_hidden)
            .flat_map(|(abi, project)| project.offered().filter(move |entry| entry.admits_python(abi)))
            .map(|entry| ((&entry.version, entry.filename.as_str()), entry))
            .collect();
        if entries.is_empty() && project_status.is_plain() {
            return None;
        }
        let versions: BTreeSet<&Version> = entries.keys().map(|(version, _)| *version).collect();
        Some(Self {
            meta: META,
            name: name.clone(),
            project_status,
            files: entries.values().map(|entry| File::from_entry(entry, base)).collect(),
            versions: versions.into_iter().cloned().collect(),
        })
    }

    /// The project.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// Its status.
    pub const fn status(&self) -> &ProjectStatus {
        &self.project_status
    }

    /// Its files, oldest version first.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Compact JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl File {
    fn from_entry(entry: &FileEntry, base: &str) -> Self {
        let provenance = entry.documents.get(&DocumentKind::Attestations);
        Self {
            filename: entry.filename.to_string(),
            url: format!("{base}/blobs/{}/{}", entry.sha256, entry.filename),
            hashes: Hashes { sha256: entry.sha256 },
            size: entry.size,
            upload_time: entry.upload_time.clone(),
            requires_python: entry.requires_python.as_ref().map(VersionSpecifiers::to_string),
            yanked: entry.yanked.clone().map(|reason| Yanked { reason }),
            core_metadata: CoreMetadata { sha256: entry.metadata_sha256 },
            provenance: provenance.map(|sha256| format!("{base}/documents/{sha256}.json")),
        }
    }
}
