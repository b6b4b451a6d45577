//! An action: one recipe's build with everything that decides its result, and that result in the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Digest, PackageName};
use pkgsrv_recipe::{BuildKind, LockedWheel, Recipe};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::admission::AdmissionReport;
use crate::build_record;
use crate::cache;
use crate::contents;
use crate::context::Context;
use crate::cross_environment::CrossEnvironment;
use crate::error::{BuildError, IoContext as _};
use crate::loaded_recipe::{LoadedRecipe, LoadedRecipes};
use crate::rust;

/// Raised by one whenever the builder itself makes something else of the same inputs.
const BUILDER_VERSION: u32 = 2;

/// One recipe's build.
#[derive(Debug)]
pub(crate) struct Action<'a> {
    pub loaded: &'a LoadedRecipe,
    /// What is linked or included, by name.
    pub host: Vec<HostRequirement<'a>>,
    /// Everything that decides the result, and nothing else.
    pub inputs: serde_json::Value,
    /// Digest of the inputs; names the result in the cache.
    pub digest: Digest,
}

/// A recipe that another is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostRequirement<'a> {
    pub loaded: &'a LoadedRecipe,
    /// Digest of its action.
    pub digest: Digest,
    /// Whether `requirements.host` names it; else it is in a library that another one was built with.
    pub direct: bool,
}

/// What an action left in the cache.
#[derive(Clone, Debug)]
pub struct ActionResult {
    /// The recipe's name.
    pub name: PackageName,
    /// The action's digest.
    pub digest: Digest,
    /// Directory of the result.
    pub directory: PathBuf,
    /// The wheel's file name; `None` for a library.
    pub wheel: Option<String>,
    /// SHA-256 of the wheel, or of a library's contents; older results of libraries have none.
    pub sha256: Option<Digest>,
    /// The tests that were left out of the wheel.
    pub tests: Option<KeptTests>,
}

/// An archive beside the wheel with the tests that were left out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTests {
    /// Its file name.
    pub filename: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// `result.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResultFile {
    pub format: u32,
    pub name: PackageName,
    pub wheel: Option<String>,
    /// SHA-256 of the wheel, or [`contents::digest`] of a library's `prefix`; older ones of libraries have none.
    pub sha256: Option<Digest>,
    /// Tests that were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<KeptTests>,
}

/// What admission said of the wheel. It is beside the result and not part of it: it can be made again.
const ADMISSION: &str = "admission.json";

/// Writes the report into a directory that is still being filled.
pub(crate) fn write_admission(directory: &Path, report: &AdmissionReport) -> Result<(), BuildError> {
    let path = directory.join(ADMISSION);
    fs::write(&path, report.to_bytes()).doing("write", &path)
}

/// Version of `result.json`.
pub const RESULT_FORMAT: u32 = 1;

impl ResultFile {
    /// Reads it and checks what it tells of. The inner error is what is damaged.
    fn read(directory: &Path) -> Result<Result<Self, String>, BuildError> {
        let Ok(text) = fs::read_to_string(directory.join("result.json")) else {
            return Ok(Err("it has no result.json that can be read".to_owned()));
        };
        let result: Self = match serde_json::from_str(&text) {
            Ok(result) => result,
            Err(error) => return Ok(Err(format!("result.json: {error}"))),
        };
        if result.format != RESULT_FORMAT {
            let reason = format!("its format is {}, expected {RESULT_FORMAT}", result.format);
            return Err(BuildError::Cache { what: "result", path: directory.to_owned(), reason });
        }
        let (name, path) = match &result.wheel {
            Some(wheel) => (wheel.as_str(), directory.join(wheel)),
            None => ("prefix", directory.join("prefix")),
        };
        let found = match &result.wheel {
            Some(_) if path.is_file() => crate::source::hash_file(&path)?,
            None if path.is_dir() => contents::digest(&path)?,
            _ => return Ok(Err(format!("{name} is missing"))),
        };
        if let Some(KeptTests { filename, sha256 }) = &result.tests {
            let path = directory.join(filename);
            if !path.is_file() {
                return Ok(Err(format!("{filename} is missing")));
            }
            let found = crate::source::hash_file(&path)?;
            if found != *sha256 {
                return Ok(Err(format!("{filename} has SHA-256 {found}, expected {sha256}")));
            }
        }
        Ok(match result.sha256 {
            Some(expected) if expected != found => Err(format!("{name} has SHA-256 {found}, expected {expected}")),
            _ => Ok(result),
        })
    }
}

impl<'a> Action<'a> {
    /// `digests` has those of the actions that make what is in `requirements.host`.
    pub(crate) fn new(
        recipes: &'a LoadedRecipes,
        loaded: &'a LoadedRecipe,
        cross: &CrossEnvironment,
        digests: &BTreeMap<&PackageName, Digest>,
    ) -> Result<Self, BuildError> {
        let names = loaded.recipe.requirements.host.iter();
        let host: Vec<_> = names.map(|name| (&recipes[name].recipe, digests[name])).collect();
        check_versions(loaded, host.iter().map(|(recipe, _)| *recipe))?;
        let inputs = inputs(loaded, &host, cross);
        let digest = sha256(inputs.to_string().as_bytes());
        Ok(Self { loaded, host: host_closure(recipes, loaded, digests), inputs, digest })
    }

    pub(crate) fn recipe(&self) -> &'a Recipe {
        &self.loaded.recipe
    }

    /// Of `results` those of what `requirements.host` names, in its order.
    pub(crate) fn host_of(&self, results: &[ActionResult]) -> Vec<ActionResult> {
        let digest =
            |name: &PackageName| self.host.iter().find(|it| it.loaded.recipe.name == *name).map(|it| it.digest);
        let digests = self.recipe().requirements.host.iter().filter_map(digest);
        digests.filter_map(|digest| results.iter().find(|result| result.digest == digest).cloned()).collect()
    }

    /// A digest over what is mounted read-only when a package's own code runs: toolchain, cross environment, tools,
    /// libraries.
    pub(crate) fn read_only(&self, tools: &[LockedWheel]) -> Digest {
        let tools: Vec<String> = tools.iter().map(|tool| tool.sha256.to_string()).collect();
        sha256(json!([self.inputs["cross-environment"], self.inputs["host"], tools]).to_string().as_bytes())
    }

    /// `numpy 2.4.6`.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.recipe().name, self.recipe().version)
    }
}

fn inputs(loaded: &LoadedRecipe, host: &[(&Recipe, Digest)], cross: &CrossEnvironment) -> serde_json::Value {
    let patches = loaded.patches.iter().map(|(name, bytes)| json!([name, sha256(bytes).to_string()]));
    let host = host.iter().map(|(recipe, digest)| json!([recipe.name.as_str(), digest.to_string()]));
    let mut inputs = json!({
        "builder": BUILDER_VERSION,
        "cross-environment": cross.digest.to_string(),
        "host": host.collect::<Vec<_>>(),
        "patches": patches.collect::<Vec<_>>(),
        "recipe": loaded.recipe,
        "test": loaded.test_script,
        "tools": loaded.tools.iter().map(|tool| tool.sha256.to_string()).collect::<Vec<_>>(),
    });
    if loaded.recipe.source.crates.is_some() {
        inputs["rust"] = json!(rust::digest().to_string());
    }
    if !loaded.files.is_empty() {
        let files = loaded.files.iter().map(|(name, bytes)| json!([name, sha256(bytes).to_string()]));
        inputs["files"] = json!(files.collect::<Vec<_>>());
    }
    // Results of before had no archive of the tests.
    if loaded.recipe.build.unvendor_tests {
        inputs["tests"] = json!("kept");
    }
    // Which of the tools the source names is known only when it is there.
    if loaded.recipe.requirements.build_system {
        inputs["build-requirements"] = json!(loaded.pinned.digest().to_string());
    }
    inputs
}

/// What `requirements.host` names, and what the libraries among that were built with: archives may contain it.
fn host_closure<'a>(
    recipes: &'a LoadedRecipes,
    loaded: &'a LoadedRecipe,
    digests: &BTreeMap<&PackageName, Digest>,
) -> Vec<HostRequirement<'a>> {
    let direct = &loaded.recipe.requirements.host;
    let mut found: BTreeMap<&PackageName, HostRequirement<'_>> = BTreeMap::new();
    let mut pending: Vec<&PackageName> = direct.iter().collect();
    while let Some(name) = pending.pop() {
        let loaded = &recipes[name];
        let requirement = HostRequirement { loaded, digest: digests[name], direct: direct.contains(name) };
        if found.insert(name, requirement).is_none() && loaded.recipe.build.kind.is_library() {
            pending.extend(&loaded.recipe.requirements.host);
        }
    }
    found.into_values().collect()
}

/// A package that is built against brings its headers from us, its programs and Python code from its pinned wheel: both
/// must be of one version.
pub(crate) fn check_versions<'a>(
    loaded: &LoadedRecipe,
    host: impl Iterator<Item = &'a Recipe>,
) -> Result<(), BuildError> {
    for built in host.filter(|recipe| recipe.build.kind == BuildKind::Package) {
        let pinned = loaded.tools.iter().find(|tool| *tool.filename.name() == built.name);
        if let Some(pinned) = pinned.filter(|pinned| *pinned.filename.version() != built.version) {
            return Err(BuildError::Package {
                package: loaded.recipe.name.to_string(),
                reason: format!(
                    "it is built against {} {}, but build-requirements.toml pins {} {}; make them the same",
                    built.name,
                    built.version,
                    built.name,
                    pinned.filename.version()
                ),
            });
        }
    }
    Ok(())
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// A result that is not what was written.
struct Damaged {
    directory: PathBuf,
    reason: String,
}

impl ActionResult {
    /// The wheel's path; `None` for a library.
    pub fn wheel_path(&self) -> Option<PathBuf> {
        self.wheel.as_ref().map(|name| self.directory.join(name))
    }

    /// The path of the archive with the tests that were left out of the wheel; `None` where none were.
    pub fn tests_path(&self) -> Option<PathBuf> {
        self.tests.as_ref().map(|tests| self.directory.join(&tests.filename))
    }

    /// The path of the record of its build.
    pub fn record_path(&self) -> PathBuf {
        self.directory.join(build_record::FILE)
    }

    /// The result of an action, if it is whole in the cache.
    pub(crate) fn find(context: &Context, digest: Digest) -> Result<Option<Self>, BuildError> {
        Ok(Self::read(context, digest)?.and_then(Result::ok).inspect(|result| cache::mark_used(&result.directory)))
    }

    /// The same for who holds the action's lock: a result whose bytes are not what was written is taken out.
    pub(crate) fn find_or_discard(context: &Context, digest: Digest) -> Result<Option<Self>, BuildError> {
        match Self::read(context, digest)? {
            None => Ok(None),
            Some(Ok(result)) => {
                cache::mark_used(&result.directory);
                Ok(Some(result))
            }
            Some(Err(Damaged { directory, reason })) => context.discard("result", &directory, &reason).map(|()| None),
        }
    }

    fn read(context: &Context, digest: Digest) -> Result<Option<Result<Self, Damaged>>, BuildError> {
        let directory = context.cache.actions().join(digest.to_string());
        if !directory.is_dir() {
            return Ok(None);
        }
        Ok(Some(match ResultFile::read(&directory)? {
            Ok(ResultFile { name, wheel, sha256, tests, .. }) => {
                Ok(Self { name, digest, directory, wheel, sha256, tests })
            }
            Err(reason) => Err(Damaged { directory, reason }),
        }))
    }

    /// What is damaged in a result, in words; `None` if it is whole, or not there.
    pub(crate) fn damage(context: &Context, digest: Digest) -> Result<Option<String>, BuildError> {
        Ok(Self::read(context, digest)?.and_then(|read| read.err().map(|damaged| damaged.reason)))
    }

    /// SHA-256 of the wheel, or the digest of the library's contents.
    pub(crate) fn made(&self) -> Result<Digest, BuildError> {
        match self.sha256 {
            Some(sha256) => Ok(sha256),
            None => contents::digest(&self.directory.join("prefix")),
        }
    }

    /// What admission said of the wheel. `None` for a library, and where it was never asked, or by an earlier version
    /// that checked less.
    pub fn admission(&self) -> Option<AdmissionReport> {
        let bytes = fs::read(self.directory.join(ADMISSION)).ok()?;
        let report = AdmissionReport::from_bytes(&bytes).ok()?;
        report.is_current().then_some(report)
    }

    /// Puts a report beside the wheel, in one step.
    pub(crate) fn write_admission(&self, context: &Context, report: &AdmissionReport) -> Result<(), BuildError> {
        let work = context.cache.work_directory("admission")?;
        write_admission(work.path(), report)?;
        let place = self.directory.join(ADMISSION);
        fs::rename(work.path().join(ADMISSION), &place).doing("write", &place)
    }

    /// Writes `result.json` into a directory that is still being filled.
    pub(crate) fn write(directory: &Path, result: &ResultFile) -> Result<(), BuildError> {
        let path = directory.join("result.json");
        let text = serde_json::to_string_pretty(result).expect("strings and numbers");
        fs::write(&path, text).doing("write", &path)
    }
}
