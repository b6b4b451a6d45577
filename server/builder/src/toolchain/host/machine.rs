//! Where a toolchain's parts are on this machine. It decides no result, so it is kept beside the manifest.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};

const FILE: &str = "machine.json";

/// `machine.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Machine {
    /// Directories outside of `/usr` that builds must see.
    pub mounts: Vec<Mount>,
    /// Directories with what somebody has installed for the build Python, which builds must not see.
    pub hidden: Vec<String>,
    /// Files by which a change is noticed.
    pub watched: Vec<Watched>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Mount {
    pub from: PathBuf,
    pub to: String,
}

/// A file as it was at the installation. Reading all bytes each time would take longer than most builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Watched {
    path: PathBuf,
    /// Bytes.
    size: u64,
    /// Nanoseconds since 1970.
    modified: i128,
}

impl Watched {
    pub fn now(path: &Path) -> Result<Self, BuildError> {
        let metadata = fs::metadata(path).doing("read", path)?;
        let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Ok(Self { path: path.to_owned(), size: metadata.len(), modified })
    }
}

impl Machine {
    pub(in super::super) fn read(directory: &Path) -> Result<Self, String> {
        let path = directory.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub fn write(&self, directory: &Path) -> Result<(), BuildError> {
        let path = directory.join(FILE);
        let text = serde_json::to_string_pretty(self).expect("strings and numbers");
        fs::write(&path, text).doing("write", &path)
    }

    /// Writes it into an installed toolchain's directory, in one step.
    pub fn replace(&self, context: &Context, directory: &Path) -> Result<(), BuildError> {
        let work = context.cache.work_directory("toolchain")?;
        self.write(work.path())?;
        let place = directory.join(FILE);
        fs::rename(work.path().join(FILE), &place).doing("write", &place)
    }

    /// The first watched file that is not what it was.
    pub(in super::super) fn changed(&self) -> Option<&Path> {
        let changed = |watched: &&Watched| Watched::now(&watched.path).ok().as_ref() != Some(watched);
        self.watched.iter().find(changed).map(|watched| watched.path.as_path())
    }
}
