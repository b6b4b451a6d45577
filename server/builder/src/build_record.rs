//! What is told about a finished build, beside its result and not part of it: from what, when, how long each step took.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pkgsrv_index::{Digest, PackageName};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};

/// Name of the file in a result's directory.
const FILE: &str = "build.json";

/// Version of the file.
const FORMAT: u32 = 1;

/// One build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildRecord {
    format: u32,
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// Digest of the action.
    pub action: Digest,
    /// Everything that the digest covers.
    pub inputs: serde_json::Value,
    /// When it was finished, seconds since 1970.
    pub finished: u64,
    /// How long it took, seconds; with the wait for processes of other builds.
    pub seconds: f64,
    /// Its steps, in order.
    pub steps: Vec<BuildStep>,
}

/// One step of a build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildStep {
    /// What was done: `tools`, `patch`, `script`, `build`.
    pub step: String,
    /// How long it took.
    pub seconds: f64,
}

impl BuildStep {
    pub(crate) fn new(step: &str, took: Duration) -> Self {
        Self { step: step.to_owned(), seconds: rounded(took) }
    }
}

impl BuildRecord {
    pub(crate) fn new(action: &Action<'_>, took: Duration, steps: Vec<BuildStep>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            format: FORMAT,
            name: action.recipe().name.clone(),
            version: action.recipe().version.to_string(),
            action: action.digest,
            inputs: action.inputs.clone(),
            finished: now.as_secs(),
            seconds: rounded(took),
            steps,
        }
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), BuildError> {
        let path = directory.join(FILE);
        let text = serde_json::to_string_pretty(self).expect("strings and numbers");
        fs::write(&path, text).doing("write", &path)
    }

    /// The one in a result's directory; `None` where there is none that can be read, as in those of earlier versions.
    pub fn read(directory: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()?;
        (record.format == FORMAT).then_some(record)
    }

    /// Those of all results in the cache, the latest first.
    pub(crate) fn all(context: &Context) -> Vec<Self> {
        let entries = fs::read_dir(context.cache.actions()).into_iter().flatten().flatten();
        let mut records: Vec<Self> = entries.filter_map(|entry| Self::read(&entry.path())).collect();
        records.sort_by(|one, other| other.finished.cmp(&one.finished).then(one.action.cmp(&other.action)));
        records
    }

    /// Which inputs of another action are different, by name, sorted.
    pub(crate) fn changed_inputs(&self, inputs: &serde_json::Value) -> Vec<String> {
        let empty = serde_json::Map::new();
        let (before, now) = (self.inputs.as_object().unwrap_or(&empty), inputs.as_object().unwrap_or(&empty));
        let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| before.get(*name) != now.get(*name));
        names.into_iter().cloned().collect()
    }
}

/// Seconds with three decimals.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
