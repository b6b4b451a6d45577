//! The list of files that piplite reads, an `all.json`.

use std::collections::BTreeMap;

use pep440_rs::Version;
use serde::Serialize;

use crate::format::to_json;
use crate::{Digest, PackageName, Release};

/// An `all.json`: of each project the releases, as the registry's older JSON API would list them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PipliteIndex(BTreeMap<PackageName, Project>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Project {
    releases: BTreeMap<Version, [File; 1]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct File {
    filename: String,
    /// Relative to the document's directory, and beginning with a dot: piplite resolves no others.
    url: String,
    digests: Digests,
    packagetype: &'static str,
    python_version: String,
    size: u64,
    yanked: bool,
    yanked_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Digests {
    sha256: Digest,
}

impl PipliteIndex {
    /// An index of these releases. `blobs` is the address of the blobs, relative to the document's directory; it begins
    /// with a dot and ends in `/`.
    pub fn new(releases: impl IntoIterator<Item = (PackageName, Vec<Release>)>, blobs: &str) -> Self {
        let project = |(name, releases): (PackageName, Vec<Release>)| {
            let releases = releases.into_iter().map(|release| (release.version.clone(), [File::new(release, blobs)]));
            (name, Project { releases: releases.collect() })
        };
        Self(releases.into_iter().map(project).collect())
    }

    /// Compact JSON with sorted keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl File {
    fn new(release: Release, blobs: &str) -> Self {
        let Release { filename, sha256, size, yanked, .. } = release;
        Self {
            url: format!("{blobs}{sha256}/{filename}"),
            python_version: filename.compressed_tags().split('-').next().unwrap_or_default().to_owned(),
            filename: filename.to_string(),
            digests: Digests { sha256 },
            packagetype: "bdist_wheel",
            size,
            yanked: yanked.is_some(),
            yanked_reason: yanked.filter(|reason| !reason.is_empty()),
        }
    }
}
