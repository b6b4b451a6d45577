//! What is told about a build: from what, when, how long each step took. That of a finished one is beside its result
//! and not part of it, that of a failed one is beside its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pkgsrv_index::{Digest, PackageName};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::object_cache::ObjectCounts;

/// Name of the file in a result's directory.
pub(crate) const FILE: &str = "build.json";

/// Version of the file. What the first one did not have yet is empty where it is read.
const FORMAT: u32 = 2;

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
    /// When it ended, seconds since 1970.
    pub finished: u64,
    /// How long it took, seconds; with the wait for processes of other builds, without the wheel's admission.
    pub seconds: f64,
    /// Its steps, in order.
    pub steps: Vec<BuildStep>,
    /// What it failed of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<BuildFailure>,
}

/// One step of a build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildStep {
    /// What was done: `source`, `patch`, `tools`, `crates`, `script`, `build`, `post`, `pack`, `admission`.
    pub step: String,
    /// How long it took.
    pub seconds: f64,
    /// The program and its arguments, as they are inside the sandbox; none for what the builder does itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// What the object cache did for it; `None` where nothing was compiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectCounts>,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFailure {
    /// The step that failed, the last one of the record if it had come that far; `None` between two steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What happened.
    pub error: String,
    /// The lines of the output that tell the first error.
    pub lines: Vec<String>,
    /// Where the log is.
    pub log: PathBuf,
}

impl BuildStep {
    pub(crate) fn new(step: &str, took: Duration) -> Self {
        Self { step: step.to_owned(), seconds: rounded(took), command: Vec::new(), objects: None }
    }

    pub(crate) fn took(&mut self, time: Duration) {
        self.seconds = rounded(time);
    }

    /// The command as one could type it.
    pub fn command_line(&self) -> String {
        self.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

impl BuildFailure {
    /// `step` is the one that was under way.
    pub(crate) fn new(error: &BuildError, step: Option<&str>, log: &Path) -> Self {
        let (error, lines) = match error {
            BuildError::Step { step, status, lines, .. } => {
                (format!("step `{step}` failed ({status})"), lines.lines().map(str::to_owned).collect())
            }
            BuildError::Limit { step, exceeded, .. } => (format!("step `{step}` was ended: {exceeded}"), Vec::new()),
            other => (other.with_causes(), Vec::new()),
        };
        Self { step: step.map(str::to_owned), error, lines, log: log.to_owned() }
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
            failure: None,
        }
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), BuildError> {
        let path = directory.join(FILE);
        let text = serde_json::to_string_pretty(self).expect("strings and numbers");
        fs::write(&path, text).doing("write", &path)
    }

    /// Puts the record of a failed build beside its log, in one step; that of an earlier failure of the version goes.
    pub(crate) fn write_failed(self, context: &Context, failure: BuildFailure) -> Result<(), BuildError> {
        let place = failure.log.with_extension("json");
        let record = Self { failure: Some(failure), ..self };
        let work = context.cache.work_directory("record")?;
        record.write(work.path())?;
        fs::rename(work.path().join(FILE), &place).doing("write", &place)
    }

    /// The one in a result's directory; `None` where there is none that can be read, as in those of earlier versions.
    pub fn read(directory: &Path) -> Option<Self> {
        Self::read_file(&directory.join(FILE))
    }

    fn read_file(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (1..=FORMAT).contains(&record.format).then_some(record)
    }

    /// Those of all results in the cache, the latest first.
    pub(crate) fn all(context: &Context) -> Vec<Self> {
        let entries = fs::read_dir(context.cache.actions()).into_iter().flatten().flatten();
        let mut records: Vec<Self> = entries.filter_map(|entry| Self::read(&entry.path())).collect();
        records.sort_by(|one, other| other.finished.cmp(&one.finished).then(one.action.cmp(&other.action)));
        records
    }

    /// The latest build of a package, finished or failed; `None` if the cache knows of none.
    pub fn latest(context: &Context, name: &PackageName) -> Option<Self> {
        let entries = fs::read_dir(context.cache.logs()).into_iter().flatten().flatten().map(|entry| entry.path());
        let of_json = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let failed = of_json.filter_map(|path| Self::read_file(&path)).filter(|record| record.name == *name);
        let finished = Self::all(context).into_iter().find(|record| record.name == *name);
        failed.chain(finished).max_by_key(|record| record.finished)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(finished: u64, failure: Option<BuildFailure>) -> BuildRecord {
        BuildRecord {
            format: FORMAT,
            name: "demo".parse().unwrap(),
            version: "1.0".to_owned(),
            action: Digest::from_bytes([1; 32]),
            inputs: serde_json::Value::Null,
            finished,
            seconds: 1.5,
            steps: Vec::new(),
            failure,
        }
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let words = ["python3", "--flag=a b", "", "it's\nso"].map(str::to_owned);
        let step = BuildStep { command: words.into(), ..BuildStep::new("build", Duration::from_millis(1_234)) };
        assert_eq!(step.command_line(), "python3 '--flag=a b' '' 'it'\\''s\nso'");
    }

    #[test]
    fn the_latest_build_is_told_be_it_finished_or_failed() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::in_directory(directory.path());
        let name: PackageName = "demo".parse().unwrap();
        assert!(BuildRecord::latest(&context, &name).is_none());
        let result = context.cache.actions().join("digest");
        fs::create_dir_all(&result).unwrap();
        record(10, None).write(&result).unwrap();
        let log = context.cache.logs().join("demo-1.0.log");
        fs::create_dir_all(context.cache.logs()).unwrap();
        let error = BuildError::Step {
            package: "demo 1.0".to_owned(),
            step: "build",
            status: "exit status: 1".into(),
            lines: "a.c:1: error: no\nstopped".into(),
            log: log.clone(),
            again: None,
        };
        let failure = BuildFailure::new(&error, Some("build"), &log);
        assert_eq!(failure.lines, ["a.c:1: error: no", "stopped"]);
        for (finished, failed) in [(9, false), (11, true)] {
            record(finished, None).write_failed(&context, failure.clone()).unwrap();
            assert_eq!(BuildRecord::latest(&context, &name).unwrap().failure.is_some(), failed, "{finished}");
        }
        assert!(BuildRecord::latest(&context, &"other".parse().unwrap()).is_none());
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, expected) in [
            ("--config-setting=setup-args=-Dx=y", "--config-setting=setup-args=-Dx=y"),
            ("two words", "'two words'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn a_record_of_the_first_format_is_read() {
        let text = format!(
            r#"{{"format": 1, "name": "demo", "version": "1.0", "action": "{}", "inputs": {{}}, "finished": 1,
            "seconds": 2.5, "steps": [{{"step": "build", "seconds": 2.0}}]}}"#,
            "0".repeat(64)
        );
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), &text).unwrap();
        let read = BuildRecord::read(directory.path()).unwrap();
        assert_eq!((read.steps.len(), read.steps[0].command_line().as_str()), (1, ""));
        fs::write(directory.path().join(FILE), text.replace("\"format\": 1", "\"format\": 3")).unwrap();
        assert!(BuildRecord::read(directory.path()).is_none());
    }
}
