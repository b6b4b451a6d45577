//! A recipe's source: whether it is where the recipe says, and whether patches fit it.

use std::fs;

use pkgsrv_index::PackageName;
use pkgsrv_recipe::{BuildKind, Recipe, SourceOrigin};

use super::{Findings, RecipeChecker};
use crate::error::{BuildError, IoContext as _};
use crate::limits::Bounds;
use crate::process;
use crate::source::{self, Fetched};
use crate::toolchain::Toolchain;
use crate::upstream::UpstreamFile;

/// Lines of what `patch` says that are told.
const MOST_LINES: usize = 12;

impl RecipeChecker<'_> {
    pub(super) fn source(&self, recipe: &Recipe, findings: &mut Findings<'_>) -> Result<(), BuildError> {
        let before = findings.checked.problems.len();
        if !self.offline {
            match &recipe.source.origin {
                SourceOrigin::PyPi(project) => {
                    self.is_upstream(recipe, project, &|name| is_sdist_of(name, recipe), findings)?;
                }
                SourceOrigin::PyPiWheel { project, filename } => {
                    self.is_upstream(recipe, project, &|name| name == filename, findings)?;
                }
                SourceOrigin::Url(_) | SourceOrigin::Debian { .. } => {}
            }
        }
        // Of a source that is not the right one nothing more can be said.
        if findings.checked.problems.len() > before {
            return Ok(());
        }
        let is_elsewhere = matches!(recipe.source.origin, SourceOrigin::Url(_) | SourceOrigin::Debian { .. });
        let is_read = !recipe.source.patches.is_empty() || recipe.source.crates.is_some();
        if !is_elsewhere && !is_read {
            return Ok(());
        }
        let Some(fetched) = self.fetched(recipe, findings)? else { return Ok(()) };
        if is_read && recipe.build.kind != BuildKind::Wheel {
            return self.patched(recipe, &fetched, findings);
        }
        Ok(())
    }

    /// Whether the index has a file of the recipe's hash, and that is what the recipe says.
    fn is_upstream(
        &self,
        recipe: &Recipe,
        project: &PackageName,
        fits: &dyn Fn(&str) -> bool,
        findings: &mut Findings<'_>,
    ) -> Result<(), BuildError> {
        let upstream = &self.context.upstream;
        let files = match upstream.client().and_then(|client| upstream.files(&client, self.context, project)) {
            Ok(Some(files)) => files,
            Ok(None) => {
                findings.add(
                    "source.pypi",
                    format!("the upstream index has no project {project}"),
                    "a project that it has".to_owned(),
                    "correct the name, or name another index with --upstream".to_owned(),
                );
                return Ok(());
            }
            Err(error @ BuildError::Fetch { .. }) => {
                findings.unchecked("source", error.with_causes());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let wanted = match &recipe.source.origin {
            SourceOrigin::PyPiWheel { filename, .. } => filename.clone(),
            _ => format!("an sdist of version {}", recipe.version),
        };
        let sha256 = &recipe.source.sha256;
        let of_name = files.iter().find(|file| fits(&file.filename));
        match (files.iter().find(|file| file.has_hash(sha256)), of_name) {
            (Some(file), _) if fits(&file.filename) => {}
            (Some(file), _) => findings.add(
                "source.sha256",
                format!("it is the hash of {}", file.filename),
                wanted,
                "correct `version`, or the hash".to_owned(),
            ),
            // An index need not tell hashes; then only the bytes can.
            (None, Some(file)) if file.sha256().is_none() => drop(self.fetched(recipe, findings)?),
            (None, Some(file)) => findings.add(
                "source.sha256",
                format!("{sha256}, which no file of {project} has"),
                format!("{}, that of {}", file.sha256().map_or_else(String::new, |it| it.to_string()), file.filename),
                "see why it differs; if it was replaced upstream on purpose, change the hash".to_owned(),
            ),
            (None, None) => findings.add(
                "package.version",
                format!("the upstream index has no {}", wanted.trim_start_matches("an ")),
                newest(&files, project),
                format!("take a version that is there: pkgsrv recipe update {}", recipe.name),
            ),
        }
        Ok(())
    }

    /// The archive: from the cache, else fetched, unless that is not wanted.
    fn fetched(&self, recipe: &Recipe, findings: &mut Findings<'_>) -> Result<Option<Fetched>, BuildError> {
        if let Some(found) = source::cached(self.context, &recipe.source.sha256)? {
            return Ok(Some(found));
        }
        if self.offline {
            findings.unchecked("source", "it is not in the cache, and nothing is fetched with --offline".to_owned());
            return Ok(None);
        }
        let Some(toolchain) = self.toolchain("source", findings)? else { return Ok(None) };
        match source::fetch_source(self.context, &toolchain, recipe) {
            Ok(fetched) => Ok(Some(fetched)),
            Err(BuildError::WrongHash { found, expected, filename }) => {
                findings.add(
                    "source.sha256",
                    expected,
                    format!("{found}, that of {filename}"),
                    "see why it differs; if it was replaced on purpose, change the hash".to_owned(),
                );
                Ok(None)
            }
            Err(error @ (BuildError::Interrupted | BuildError::Io { .. })) => Err(error),
            Err(error) => {
                findings.add(
                    "source",
                    error.with_causes(),
                    "an archive that can be fetched".to_owned(),
                    "correct where it comes from".to_owned(),
                );
                Ok(None)
            }
        }
    }

    /// One that is installed: a check does not make one.
    fn toolchain(&self, field: &'static str, findings: &mut Findings<'_>) -> Result<Option<Toolchain>, BuildError> {
        let python = self.abi.facts().python;
        if !Toolchain::installed(self.context)?.iter().any(|toolchain| toolchain.manifest.python == python) {
            let install = format!("that needs a toolchain; run: pkgsrv toolchain install {}", self.abi);
            findings.unchecked(field, install);
            return Ok(None);
        }
        Toolchain::ensure(self.context, self.abi).map(Some)
    }

    /// Applies the patches in the sandbox, as a build would, and looks for the lock of the crates.
    fn patched(&self, recipe: &Recipe, fetched: &Fetched, findings: &mut Findings<'_>) -> Result<(), BuildError> {
        let work = self.context.cache.work_directory("check")?;
        let unpacked = work.path().join("unpacked");
        fs::create_dir(&unpacked).doing("create", &unpacked)?;
        let top = match source::unpack(fetched, &unpacked, recipe.source.extract_dir.as_deref()) {
            Ok(top) => top,
            Err(BuildError::Archive { filename, reason }) => {
                findings.add(
                    "source.extract-dir",
                    format!("{filename}: {reason}"),
                    "an archive with one directory that is the source".to_owned(),
                    "name that directory".to_owned(),
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let folder = self.tree.directory().join(recipe.name.as_str());
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let patches: Vec<&String> = recipe.source.patches.iter().filter(|name| folder.join(name).is_file()).collect();
        if !patches.is_empty() {
            let Some(toolchain) = self.toolchain("source.patches", findings)? else { return Ok(()) };
            let bounds = Bounds { limits: &self.context.limits, written: &[work.path()] };
            for name in patches {
                // It may be a link, which leads to nothing inside.
                let path = folder.join(name);
                let file = path.canonicalize().doing("read", &path)?;
                let sandbox = toolchain.sandbox().writable(&top, "/source").read_only(&file, "/patch");
                let program = ["patch", "-p1", "--binary", "--forward", "--input", "/patch"];
                let mut command = sandbox.directory("/source").command(&program)?;
                let answer = process::run_for_answer(&mut command, &self.context.interrupt, Some(bounds))?;
                let Some((status, errors)) = answer.failure else { continue };
                let said = format!("{}{errors}", answer.output);
                let lines: Vec<&str> = said.lines().take(MOST_LINES).collect();
                findings.add(
                    "source.patches",
                    format!("{name} does not apply ({status}):\n{}", lines.join("\n")),
                    format!("a patch of {}", fetched.filename),
                    "make the patch anew for this version, or remove it if it is in there now".to_owned(),
                );
                // Those after it may build on it.
                return Ok(());
            }
        }
        if let Some(lock) = recipe.source.crates.as_ref().filter(|lock| fs::symlink_metadata(top.join(lock)).is_err()) {
            findings.add(
                "source.crates",
                format!("there is no {lock} in the source"),
                "the lock that pins its crates".to_owned(),
                "correct the path, or bring one with a patch".to_owned(),
            );
        }
        Ok(())
    }
}

/// Whether a file is the sdist of the recipe's version, by its name.
fn is_sdist_of(filename: &str, recipe: &Recipe) -> bool {
    version_of(filename).is_some_and(|version| version == recipe.version)
}

fn version_of(filename: &str) -> Option<pep440_rs::Version> {
    filename.strip_suffix(".tar.gz").or_else(|| filename.strip_suffix(".zip"))?.rsplit_once('-')?.1.parse().ok()
}

/// The versions that there are, the newest first.
fn newest(files: &[UpstreamFile], project: &PackageName) -> String {
    let mut versions: Vec<_> = files.iter().filter_map(|file| version_of(&file.filename)).collect();
    versions.sort();
    versions.dedup();
    let shown: Vec<String> = versions.iter().rev().take(5).map(ToString::to_string).collect();
    if shown.is_empty() {
        return format!("{project} has no sdists there");
    }
    format!("one of those that are there: {}", shown.join(", "))
}
