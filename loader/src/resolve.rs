//! From what is wanted to the wheels to fetch.

use std::collections::BTreeMap;

use pkgsrv_index::{Abi, PackageName, Repodata, RepodataHead, Requirement, Selected, Version, closure};
use serde::{Deserialize, Serialize};

use crate::CoreError;

/// A distribution that the interpreter has already, as its dist-info directory is named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installed {
    /// Project name in any spelling.
    pub name: String,
    /// Version.
    pub version: String,
}

/// One wheel to install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// Normalised name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The wheel's filename.
    pub filename: String,
    /// SHA-256 of the wheel in hexadecimal.
    pub sha256: String,
    /// Size of the wheel in bytes.
    pub size: u64,
    /// Top-level import names.
    pub imports: Vec<String>,
    /// Whether it was asked for by name.
    pub requested: bool,
}

impl From<Selected> for Selection {
    fn from(selected: Selected) -> Self {
        let Selected { name, release, requested, .. } = selected;
        Self {
            name: name.to_string(),
            version: release.version.to_string(),
            filename: release.filename.to_string(),
            sha256: release.sha256.to_string(),
            size: release.size,
            imports: release.imports,
            requested,
        }
    }
}

/// What of a head is read to tell a line that this loader does not know from damage.
#[derive(Deserialize)]
struct Line {
    abi: String,
}

/// Reads a head; that of a line with an unknown ABI is refused as such.
pub fn read_head(bytes: &[u8]) -> Result<RepodataHead, CoreError> {
    RepodataHead::from_bytes(bytes).map_err(|source| {
        let line = serde_json::from_slice::<Line>(bytes).ok();
        let unknown = line.and_then(|line| line.abi.parse::<Abi>().err());
        CoreError::Repodata { source: unknown.unwrap_or(source) }
    })
}

/// The wheels to install for `wanted`, dependencies first; nothing for what `installed` satisfies.
pub fn resolve(repodata: &Repodata, wanted: &[String], installed: &[Installed]) -> Result<Vec<Selection>, CoreError> {
    let wanted = wanted.iter().map(|text| text.parse::<Requirement>());
    let wanted = wanted.collect::<Result<Vec<_>, _>>().map_err(|source| CoreError::Requirement { source })?;
    // What is installed under a name or version outside the specifications cannot be compared,
    // and is left alone.
    let known = installed.iter().filter_map(|installed| {
        let name = installed.name.parse::<PackageName>().ok()?;
        Some((name, installed.version.parse::<Version>().ok()?))
    });
    let known: BTreeMap<PackageName, Version> = known.collect();
    let selected = closure(repodata, &wanted, &known)?;
    Ok(selected.into_iter().map(Selection::from).collect())
}
