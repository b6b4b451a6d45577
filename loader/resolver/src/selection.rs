//! What is there, and what is to be installed, as the host layer sees it.

use pkgsrv_index::{CompiledTwin, Selected};
use serde::{Deserialize, Serialize};

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
    /// SHA-256 of the wheel to fetch in hexadecimal, decoded.
    pub sha256: String,
    /// Size of the wheel to fetch in bytes, decoded.
    pub size: u64,
    /// Its compiled twin, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiled: Option<CompiledTwin>,
    /// Top-level import names.
    pub imports: Vec<String>,
    /// What it needs, normalised names; also what is installed already.
    pub depends: Vec<String>,
    /// Whether it was asked for by name.
    pub requested: bool,
    /// The line that it comes from, by its place; none if it was there without one.
    pub line: Option<usize>,
}

impl Selection {
    pub(crate) fn new(selected: Selected, line: Option<usize>) -> Self {
        let Selected { name, release, requested, needs } = selected;
        Self {
            name: name.to_string(),
            version: release.version.to_string(),
            filename: release.filename.to_string(),
            sha256: release.sha256.to_string(),
            size: release.size,
            compiled: release.compiled,
            imports: release.imports,
            depends: needs.iter().map(ToString::to_string).collect(),
            requested,
            line,
        }
    }
}
