//! What an sdist without a recipe is built with. What is pinned for all recipes is taken where it fits; where something
//! else is needed too, pip resolves all of it. The answer is kept, so that the same source is always built the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pep440_rs::Version;
use pkgsrv_index::{Abi, Digest, PackageName, Requirement, WheelFilename, evaluate};
use pkgsrv_recipe::LockedWheel;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::hook;
use super::pip::{self, Question, Refusal};
use super::sdist::Sdist;
use crate::action::sha256;
use crate::build_requirements::needed;
use crate::cache;
use crate::contents;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::loaded_recipe::PinnedTools;
use crate::recipe_tree::FRONTEND;
use crate::source;
use crate::toolchain::Toolchain;

/// Raised by one whenever the same inputs are resolved to something else.
const FORMAT: u32 = 1;

/// Projects that others are compiled against: where the source needs one to be built, it is a requirement of the
/// target, and its version is that of its recipe.
const COMPILED_AGAINST: &[&str] = &["cffi", "numpy"];

/// Tools of which nothing older builds for the Pythons that there are ABIs for. Setuptools before 66.1 imports what Python
/// 3.12 removed, and C code that Cython before 3 writes calls what Python 3.13 changed.
const OLDEST: &[(&str, &str)] = &[("cython", "3.0"), ("setuptools", "66.1")];

/// The file in a resolution's directory.
const FILE: &str = "resolution.json";

/// What a source is built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    /// Pinned tools beyond those that the source names itself; none where there are `tools`.
    pub build: Vec<PackageName>,
    /// What it is compiled against.
    pub against: Vec<PackageName>,
    /// Every tool, where the pinned ones alone will not do.
    pub tools: Vec<LockedWheel>,
}

/// The same as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// What it was made of; its digest names the directory.
    inputs: serde_json::Value,
    build: Vec<PackageName>,
    against: Vec<PackageName>,
    tools: BTreeMap<String, Digest>,
}

/// The lock of who makes a resolution or takes it out.
pub(crate) fn lock_name(digest: &str) -> String {
    format!("resolution-{digest}")
}

/// Resolves what one source is built with.
pub(super) struct Resolver<'a> {
    pub context: &'a Context,
    pub toolchain: &'a Toolchain,
    pub pinned: &'a std::sync::Arc<PinnedTools>,
    pub abi: Abi,
    pub package: &'a PackageName,
    /// `demo 1.0`.
    pub label: &'a str,
}

impl Resolver<'_> {
    /// Finds the kept answer, or makes it.
    pub(super) fn resolve(&self, sdist: &Sdist, sdist_sha256: &Digest) -> Result<Resolution, BuildError> {
        let inputs = json!({
            "abi": self.abi.to_string(),
            "format": FORMAT,
            "machine": std::env::consts::ARCH,
            "pinned": self.pinned.digest().to_string(),
            "requires": sdist.requires,
            "sdist": sdist_sha256.to_string(),
            "upstream": self.context.upstream.shown_address(self.context)?.0,
            "toolchain": sha256(&serde_json::to_vec(&self.toolchain.manifest).expect("strings and maps")).to_string(),
        });
        let digest = sha256(inputs.to_string().as_bytes());
        let place = self.context.cache.resolutions().join(digest.to_string());
        if contents::is_whole(&place)?
            && let Some(kept) = self.kept(digest)?
        {
            return Ok(kept);
        }
        let lock = self.context.cache.lock(&lock_name(&digest.to_string()), self.context)?;
        if let Some(kept) = self.kept(digest)? {
            return Ok(kept);
        }
        let (resolution, answered) = self.make(sdist)?;
        // What a backend could not be asked this time it may be asked the next.
        if answered {
            self.keep(digest, inputs, &resolution)?;
        }
        drop(lock);
        Ok(resolution)
    }

    /// Also whether the backend could be asked.
    fn make(&self, sdist: &Sdist) -> Result<(Resolution, bool), BuildError> {
        let listed = self.needed(&sdist.requires)?;
        let first = self.tools(&listed, &[])?;
        let names: Vec<PackageName> = listed.iter().map(|requirement| requirement.name.clone()).collect();
        let closure = self.closure(&names, &first)?;
        let answered = hook::requires(self.context, self.toolchain, self.label, &sdist.top, &closure)?;
        let mut all = listed;
        for requirement in self.needed(answered.as_deref().unwrap_or_default())? {
            if !all.contains(&requirement) {
                all.push(requirement);
            }
        }
        let tools = if all.len() == names.len() { first } else { self.tools(&all, &first)? };
        let against = compiled_against(&all).collect();
        let further = |name: &PackageName| !names.contains(name) && !is_compiled_against(name);
        let build: BTreeSet<PackageName> = all.into_iter().map(|it| it.name).filter(further).collect();
        let build = if tools.is_empty() { build.into_iter().collect() } else { Vec::new() };
        Ok((Resolution { build, against, tools }, answered.is_some()))
    }

    fn needed(&self, lines: &[String]) -> Result<Vec<Requirement>, BuildError> {
        let found = needed(lines, self.abi, |name| self.pinned.wheel(name).is_some());
        found.map_err(|error| self.error(format!("its build requirements: {error}")))
    }

    /// The wheels that are installed where a source names `names` and these tools were resolved.
    fn closure(&self, names: &[PackageName], tools: &[LockedWheel]) -> Result<Vec<LockedWheel>, BuildError> {
        let mut wanted = names.to_vec();
        wanted.extend(tools.iter().map(|tool| tool.filename.name().clone()));
        wanted.push(FRONTEND.parse().expect("a valid name"));
        self.pinned.with(tools).closure(self.package, &wanted)
    }

    /// Every tool that these requirements take; none where the pinned ones will do. `before` are those that were found
    /// for a part of them, and stay if they can.
    fn tools(&self, requirements: &[Requirement], before: &[LockedWheel]) -> Result<Vec<LockedWheel>, BuildError> {
        let mut asked: Vec<Requirement> = requirements.to_vec();
        asked.push(Requirement::any(FRONTEND.parse().expect("a valid name")));
        // The version of what is compiled against is its recipe's.
        for requirement in asked.iter_mut().filter(|it| is_compiled_against(&it.name)) {
            *requirement = any_version(requirement);
        }
        let mut unfit = self.unfit(&asked)?;
        let mut too_old = Vec::new();
        for requirement in &unfit {
            if self.admits_too_old_only(requirement)? {
                too_old.push(requirement.name.clone());
            }
        }
        unfit.retain(|requirement| !too_old.contains(&requirement.name));
        if unfit.is_empty() {
            return Ok(Vec::new());
        }
        for requirement in asked.iter_mut().filter(|requirement| too_old.contains(&requirement.name)) {
            *requirement = any_version(requirement);
        }
        let mut constraints: Vec<LockedWheel> = before.to_vec();
        for tool in self.pinned.wheels() {
            let is_new = constraints.iter().all(|other| other.filename.name() != tool.filename.name());
            if is_new && asked.iter().all(|requirement| !is_of(requirement, tool) || fits(requirement, tool)) {
                constraints.push(tool.clone());
            }
        }
        let fitting = asked.iter().filter(|it| self.pinned.wheel(&it.name).is_some_and(|tool| fits(it, tool)));
        let fitting: Vec<PackageName> = fitting.map(|requirement| requirement.name.clone()).collect();
        let at_hand = self.pinned.closure(self.package, &fitting)?;
        let known: Vec<LockedWheel> = self.pinned.wheels().chain(before).cloned().collect();
        let mut question =
            Question { requirements: &asked, constraints: &constraints, at_hand: &at_hand, known: &known };
        let ask = |question: &Question<'_>| pip::resolve(self.context, self.toolchain, self.label, question);
        let mut answer = ask(&question)?;
        if answer.is_err() {
            // What a tool needs in turn may not fit with what is pinned.
            let fixed = constraints.iter().filter(|tool| is_compiled_against(tool.filename.name()));
            let fixed: Vec<LockedWheel> = fixed.cloned().collect();
            question.constraints = &fixed;
            answer = ask(&question)?;
        }
        answer.or_else(|refusal| Err(self.refused(refusal)?))
    }

    /// Those of the requirements that no pinned tool satisfies, and those of the extras that they ask for.
    fn unfit(&self, requirements: &[Requirement]) -> Result<Vec<Requirement>, BuildError> {
        let mut unfit = Vec::new();
        let mut seen: Vec<Requirement> = Vec::new();
        let mut pending = requirements.to_vec();
        while let Some(requirement) = pending.pop() {
            if seen.contains(&requirement) {
                continue;
            }
            match self.pinned.wheel(&requirement.name).filter(|tool| fits(&requirement, tool)) {
                None => unfit.push(requirement.clone()),
                Some(_) if requirement.extras.is_empty() => {}
                Some(tool) => pending.extend(self.of_extras(&requirement, tool)?),
            }
            seen.push(requirement);
        }
        unfit.reverse();
        Ok(unfit)
    }

    /// What a pinned tool needs for the extras of a requirement.
    fn of_extras(&self, requirement: &Requirement, tool: &LockedWheel) -> Result<Vec<Requirement>, BuildError> {
        let fetched = source::fetch_wheel(self.context, tool)?;
        let metadata = source::wheel_metadata(&fetched.path)?;
        let lines = metadata.requires_dist.iter().map(String::as_str);
        let needs = evaluate(lines, &requirement.extras, self.abi)
            .map_err(|error| self.error(format!("{}: {error}", tool.filename)))?;
        Ok(needs.extras.into_values().flatten().collect())
    }

    /// Whether all versions of a requirement are older than what works, which is said. A server that does not answer and
    /// a project that does not exist are told better here than by pip.
    fn admits_too_old_only(&self, requirement: &Requirement) -> Result<bool, BuildError> {
        let upstream = &self.context.upstream;
        let Some(files) = upstream.files(&upstream.client()?, self.context, &requirement.name)? else {
            return Err(self.error(format!(
                "build requirement {requirement}: no project of this name on the upstream index; {REMEDY}"
            )));
        };
        let wheels = files.iter().filter_map(|file| file.filename.parse::<WheelFilename>().ok());
        let Some(oldest) = too_old(requirement, wheels) else { return Ok(false) };
        self.context.progress.line(&format!(
            "{}: {requirement} admits only versions that do not work with Python {}; {oldest} or newer is taken",
            self.label, self.toolchain.manifest.python
        ));
        Ok(true)
    }

    fn refused(&self, Refusal { reason, missing }: Refusal) -> Result<BuildError, BuildError> {
        let upstream = &self.context.upstream;
        let files = match &missing {
            Some(name) => upstream.files(&upstream.client()?, self.context, name)?,
            None => None,
        };
        let is_wheel = |filename: &str| filename.parse::<WheelFilename>().is_ok();
        let sources_only = files.is_some_and(|files| !files.iter().any(|file| is_wheel(&file.filename)));
        let python = &self.toolchain.manifest.python;
        let why = match missing {
            Some(name) if sources_only => {
                format!("; there are only sources of {name}, and build requirements are taken as wheels")
            }
            Some(name) => format!("; no wheel of {name} fits the requirement and the build Python, {python}"),
            None => String::new(),
        };
        Ok(self.error(format!("its build requirements cannot be had: {reason}{why}; {REMEDY}")))
    }

    fn error(&self, reason: String) -> BuildError {
        BuildError::Package { package: self.label.to_owned(), reason }
    }

    /// The kept answer; a damaged one is taken out, by who holds its lock.
    fn kept(&self, digest: Digest) -> Result<Option<Resolution>, BuildError> {
        let directory = self.context.cache.resolutions().join(digest.to_string());
        if !directory.is_dir() {
            return Ok(None);
        }
        let reason = match contents::damage(&directory)? {
            Some(reason) => reason,
            None => match read(&fs::read_to_string(directory.join(FILE)).unwrap_or_default()) {
                Ok(resolution) => {
                    cache::mark_used(&directory);
                    return Ok(Some(resolution));
                }
                Err(reason) => reason,
            },
        };
        self.context.discard("resolution", &directory, &reason)?;
        Ok(None)
    }

    fn keep(&self, digest: Digest, inputs: serde_json::Value, resolution: &Resolution) -> Result<(), BuildError> {
        let work = self.context.cache.work_directory("resolution")?;
        let path = work.path().join(FILE);
        fs::write(&path, written(inputs, resolution)).doing("write", &path)?;
        contents::record(work.path())?;
        work.move_into_place(&self.context.cache.resolutions().join(digest.to_string()))
    }
}

const REMEDY: &str = "write a recipe with a patch of its pyproject.toml, or with `tools` in [requirements]";

fn read(text: &str) -> Result<Resolution, String> {
    let bad = |error: &dyn std::fmt::Display| format!("{FILE}: {error}");
    let Kept { inputs: _, build, against, tools } = serde_json::from_str(text).map_err(|error| bad(&error))?;
    let tool = |(filename, sha256): (String, Digest)| {
        let filename = filename.parse().map_err(|error| bad(&error))?;
        Ok(LockedWheel { filename, sha256, requires: Vec::new() })
    };
    Ok(Resolution { build, against, tools: tools.into_iter().map(tool).collect::<Result<_, String>>()? })
}

fn written(inputs: serde_json::Value, resolution: &Resolution) -> String {
    let Resolution { build, against, tools } = resolution.clone();
    let tools = tools.into_iter().map(|tool| (tool.filename.to_string(), tool.sha256)).collect();
    serde_json::to_string_pretty(&Kept { inputs, build, against, tools }).expect("strings and lists")
}

fn is_of(requirement: &Requirement, tool: &LockedWheel) -> bool {
    requirement.name == *tool.filename.name()
}

fn fits(requirement: &Requirement, tool: &LockedWheel) -> bool {
    is_of(requirement, tool) && requirement.specifiers.contains(tool.filename.version())
}

fn any_version(requirement: &Requirement) -> Requirement {
    Requirement { extras: requirement.extras.clone(), ..Requirement::any(requirement.name.clone()) }
}

/// The oldest version that works, where a requirement admits none of these wheels that is as new.
fn too_old(requirement: &Requirement, mut wheels: impl Iterator<Item = WheelFilename>) -> Option<Version> {
    let (_, oldest) = OLDEST.iter().find(|(name, _)| *name == requirement.name.as_str())?;
    let oldest: Version = oldest.parse().expect("a version");
    let fits = |wheel: WheelFilename| *wheel.version() >= oldest && requirement.specifiers.contains(wheel.version());
    (!wheels.any(fits)).then_some(oldest)
}

fn is_compiled_against(name: &PackageName) -> bool {
    COMPILED_AGAINST.contains(&name.as_str())
}

/// In one order, whatever the requirements' is.
fn compiled_against(requirements: &[Requirement]) -> impl Iterator<Item = PackageName> {
    let known = COMPILED_AGAINST.iter().filter_map(|name| name.parse::<PackageName>().ok());
    known.filter(|name| requirements.iter().any(|requirement| requirement.name == *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

    fn tool(filename: &str) -> LockedWheel {
        LockedWheel { filename: filename.parse().unwrap(), sha256: HASH.parse().unwrap(), requires: Vec::new() }
    }

    fn requirement(text: &str) -> Requirement {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let resolution = Resolution {
            build: vec!["cython".parse().unwrap()],
            against: vec!["numpy".parse().unwrap()],
            tools: vec![tool("Demo-1.0-py3-none-any.whl"), tool("build-1.6.1-py3-none-any.whl")],
        };
        assert_eq!(read(&written(json!({}), &resolution)).unwrap(), resolution);
        assert_eq!(read("{").unwrap_err(), "resolution.json: EOF while parsing an object at line 1 column 1");
    }

    #[test]
    fn a_tool_fits_by_project_and_version() {
        let cython = tool("cython-3.3.1-py3-none-any.whl");
        for (text, expected) in [("Cython", true), ("cython>=3,<4", true), ("cython<3.1", false), ("numpy", false)] {
            assert_eq!(fits(&requirement(text), &cython), expected, "{text}");
        }
    }

    #[test]
    fn a_requirement_of_versions_that_work_nowhere_is_known() {
        let wheels = ["59.8.0", "66.1.1", "84.2.1"].map(|version| format!("setuptools-{version}-py3-none-any.whl"));
        let oldest = |text: &str| too_old(&requirement(text), wheels.iter().map(|wheel| wheel.parse().unwrap()));
        let found = ["setuptools<60", "setuptools<=66.0", "setuptools<67", "setuptools==59.8", "wheel<0.1"].map(oldest);
        let some: Option<Version> = Some("66.1".parse().unwrap());
        assert_eq!(found, [some.clone(), some.clone(), None, some, None]);
    }
}
