//! A frozen answer: which wheels make up an environment.

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::format::{from_json_of, to_json};
use crate::{Abi, Digest, IndexError, PackageName, RuntimeInfo, Selected, WheelFilename};

/// Version of the locks that this crate writes.
const LOCK_FORMAT: u32 = 1;

/// Everything that it takes to install an environment without asking for anything else: wheels in the order of
/// installation, each by address and hash, and what they were chosen from. Our loader takes it, and writes the same of
/// what it has installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentLock {
    format: u32,
    /// The ABI.
    pub abi: Abi,
    /// The channel's name; none of what was installed by and by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The serial of the head that was current; none of what was installed by and by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// The SHA-256 of the root of the repodata that this head names; none if the line has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repodata: Option<Digest>,
    /// The runtime that the wheels are for.
    pub runtime: RuntimeInfo,
    /// Dependencies first.
    pub packages: Vec<LockedRelease>,
}

/// The line that an environment is chosen from.
#[derive(Debug, Clone, Copy)]
pub struct LockedFrom<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The ABI.
    pub abi: Abi,
    /// The serial of the head.
    pub serial: u64,
    /// The SHA-256 of the root of the repodata.
    pub repodata: Option<Digest>,
}

/// One wheel of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedRelease {
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// The wheel's filename.
    pub filename: WheelFilename,
    /// The wheel's address: the server's are absolute, the loader's may be relative to the directory of the repodata.
    pub url: String,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Size of the wheel, bytes.
    pub size: u64,
    /// Other packages of the lock that it needs, with those of the extras asked for; sorted.
    pub depends: Vec<PackageName>,
    /// Top-level import names.
    pub imports: Vec<String>,
    /// Whether it was asked for by name, and not only needed by something.
    pub requested: bool,
}

impl EnvironmentLock {
    /// What was chosen from a line. `blobs` is the absolute address of the blobs and ends in `/`.
    pub fn new(from: LockedFrom<'_>, blobs: &str, selected: Vec<Selected>) -> Self {
        let LockedFrom { channel, abi, serial, repodata } = from;
        Self {
            format: LOCK_FORMAT,
            abi,
            channel: Some(channel.to_owned()),
            serial: Some(serial),
            repodata,
            runtime: RuntimeInfo::of(abi),
            packages: selected.into_iter().map(|selected| LockedRelease::new(selected, blobs)).collect(),
        }
    }

    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        from_json_of("lock", LOCK_FORMAT, bytes)
    }
}

impl LockedRelease {
    fn new(selected: Selected, blobs: &str) -> Self {
        let Selected { name, release, requested, needs } = selected;
        Self {
            name,
            version: release.version,
            url: format!("{blobs}{}/{}", release.sha256, release.filename),
            filename: release.filename,
            sha256: release.sha256,
            size: release.size,
            depends: needs.into_iter().collect(),
            imports: release.imports,
            requested,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EnvironmentLock;

    #[test]
    fn what_the_loader_writes_is_read() {
        let text = r#"{"format": 1, "abi": "2026_0", "runtime": {"name": "pyodide", "version": "314.0.7", "python": "3.14.2"},
            "packages": [{"name": "foo", "version": "1.0", "filename": "foo-1.0-py3-none-any.whl",
                "url": "../../blobs/foo-1.0-py3-none-any.whl", "sha256": "SHA", "size": 7,
                "depends": [], "imports": ["foo"], "requested": true}]}"#;
        let lock = EnvironmentLock::from_bytes(text.replace("SHA", &"0".repeat(64)).as_bytes()).unwrap();
        assert_eq!((lock.channel, lock.serial, lock.packages.len()), (None, None, 1));
    }
}
