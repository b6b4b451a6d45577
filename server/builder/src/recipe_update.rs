//! Bringing a recipe to another release: found on the upstream index, built and admitted, and only then written.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pep440_rs::{Version, VersionSpecifiers};
use pkgsrv_index::{Abi, Digest, PackageName, WheelFilename};
use pkgsrv_recipe::{Recipe, SourceOrigin};

use crate::builder::{BuildOptions, Builder};
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::recipe_check::{RecipeChecker, RecipeProblem};
use crate::recipe_tree::RecipeTree;
use crate::upstream::UpstreamFile;
use crate::without_recipe::RecipeFinder;
use crate::work_directory::WorkDirectory;

/// Changes one recipe of a folder.
#[derive(Debug)]
pub struct RecipeUpdate<'a> {
    context: &'a Context,
    tree: &'a RecipeTree,
    abi: Abi,
    /// The recipe as it is.
    pub recipe: Recipe,
    /// Its file, and what that has.
    path: PathBuf,
    text: String,
}

/// A release that a recipe could be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRelease {
    /// Its version.
    pub version: Version,
    /// The sdist, or the wheel where the recipe's source is one.
    pub filename: String,
    /// The file's SHA-256, as the index tells it.
    pub sha256: Digest,
}

/// What came of an update.
#[derive(Clone, Debug, Default)]
pub struct UpdateOutcome {
    /// What speaks against it; the recipe was not changed if there is anything.
    pub problems: Vec<RecipeProblem>,
    /// What it makes wrong with other recipes, which need this one.
    pub others: Vec<RecipeProblem>,
}

impl<'a> RecipeUpdate<'a> {
    /// Reads the recipe of a package.
    pub fn new(context: &'a Context, tree: &'a RecipeTree, abi: Abi, name: &PackageName) -> Result<Self, BuildError> {
        let recipe = tree.find(name)?.ok_or_else(|| tree.unknown(name))?;
        let path = tree.directory().join(name.as_str()).join("recipe.toml");
        let path = path.canonicalize().doing("read", &path)?;
        if tree.directory().starts_with(context.cache.recipes()) {
            let reason =
                "its recipe is one that the program carries; name a directory with --recipes, and copy it there"
                    .to_owned();
            return Err(BuildError::Package { package: name.to_string(), reason });
        }
        let text = fs::read_to_string(&path).doing("read", &path)?;
        Ok(Self { context, tree, abi, recipe, path, text })
    }

    /// The newest release of the project that fits, or the one of the version `to`; `None` where that is not another
    /// than the recipe's, and without `to` where none is newer.
    pub fn find(&self, to: Option<&str>) -> Result<Option<NewRelease>, BuildError> {
        let to: Option<Version> = match to.map(|text| (text, text.parse())) {
            None => None,
            Some((_, Ok(version))) => Some(version),
            Some((text, Err(_))) => return Err(self.bad(format!("{text:?} is no version after PEP 440"))),
        };
        let (SourceOrigin::PyPi(project) | SourceOrigin::PyPiWheel { project, .. }) = &self.recipe.source.origin else {
            let reason = "its source is on no index that knows versions; change version, source and hash by hand";
            return Err(self.bad(reason.to_owned()));
        };
        let upstream = &self.context.upstream;
        let Some(files) = upstream.files(&upstream.client()?, self.context, project)? else {
            return Err(self.bad(format!("the upstream index has no project {project}")));
        };
        let wanted = Wanted { recipe: &self.recipe, abi: self.abi, to: to.as_ref() };
        match wanted.choose(&files) {
            Some(release) if release.version == self.recipe.version => Ok(None),
            Some(release) => Ok(Some(release)),
            None if to.is_none() => Ok(None),
            None => Err(self.bad(wanted.none_fits(&files))),
        }
    }

    /// Checks and builds the recipe of a release in a folder of its own, and if all of that is well, writes it. `Err`
    /// is also what goes wrong with the build, or that the wheel is not admitted; the recipe is then as it was.
    pub fn carry_out(&self, release: &NewRelease, options: BuildOptions) -> Result<UpdateOutcome, BuildError> {
        let NewRelease { version, filename, sha256 } = release;
        let shown = self.path.display().to_string();
        let text = Recipe::with_release(&shown, &self.text, version, sha256, filename)?;
        let (work, tree) = self.tree_with(&text)?;
        let problems = self.problems(&tree, work.path(), false)?;
        if !problems.is_empty() {
            return Ok(UpdateOutcome { problems, others: Vec::new() });
        }
        let wanted = [self.recipe.name.clone().into()];
        let mut recipes = RecipeFinder::new(self.context, &tree, self.abi).closure(&wanted)?;
        if let Some(loaded) = recipes.get_mut(&self.recipe.name) {
            // What is typed builds the recipe as it is.
            loaded.typed = None;
        }
        Builder::new(self.context, self.abi)?.build(&recipes, options)?.complete()?;
        // By now there is a wheel, which tells what it requires.
        let problems = self.problems(&tree, work.path(), true)?;
        if !problems.is_empty() {
            return Ok(UpdateOutcome { problems, others: Vec::new() });
        }
        let others = self.others(&tree, work.path())?;
        self.write(&text)?;
        Ok(UpdateOutcome { problems, others })
    }

    /// All recipes of the folder, with this one's text in the place of what it has.
    fn tree_with(&self, text: &str) -> Result<(WorkDirectory, RecipeTree), BuildError> {
        let work = self.context.cache.work_directory("update")?;
        let name = self.recipe.name.as_str();
        let directory = self.tree.directory().canonicalize().doing("read", self.tree.directory())?;
        link_all(&directory, work.path(), name)?;
        let folder = work.path().join(name);
        fs::create_dir(&folder).doing("create", &folder)?;
        link_all(&directory.join(name), &folder, "recipe.toml")?;
        let path = folder.join("recipe.toml");
        fs::write(&path, text).doing("write", &path)?;
        let tree = RecipeTree::open(work.path(), self.abi)?;
        Ok((work, tree))
    }

    fn problems(&self, tree: &RecipeTree, work: &Path, offline: bool) -> Result<Vec<RecipeProblem>, BuildError> {
        let this = BTreeSet::from([self.recipe.name.to_string()]);
        let checker = RecipeChecker::new(self.context, tree, self.abi, offline)?;
        Ok(self.in_place(checker.check(Some(&this))?.problems, work))
    }

    /// Problems of the recipes that need this one, which they did not have before.
    fn others(&self, tree: &RecipeTree, work: &Path) -> Result<Vec<RecipeProblem>, BuildError> {
        let before = RecipeChecker::new(self.context, self.tree, self.abi, true)?;
        let dependents = before.dependents(&self.recipe.name);
        let known = self.in_place(before.check(Some(&dependents))?.problems, work);
        let now = RecipeChecker::new(self.context, tree, self.abi, true)?.check(Some(&dependents))?.problems;
        let mut now = self.in_place(now, work);
        now.retain(|problem| !known.contains(problem));
        Ok(now)
    }

    /// Problems with the paths that the folder has, not those of the one that was made for a while.
    fn in_place(&self, mut problems: Vec<RecipeProblem>, work: &Path) -> Vec<RecipeProblem> {
        let (work, here) = (work.display().to_string(), self.tree.directory().display().to_string());
        for problem in &mut problems {
            if let Ok(inside) = problem.file.strip_prefix(&work) {
                problem.file = self.tree.directory().join(inside);
            }
            for text in [&mut problem.found, &mut problem.expected, &mut problem.remedy] {
                *text = text.replace(&work, &here);
            }
        }
        problems
    }

    /// Replaces the recipe's file in one step.
    fn write(&self, text: &str) -> Result<(), BuildError> {
        if fs::read_to_string(&self.path).doing("read", &self.path)? != self.text {
            let reason = "its recipe was changed meanwhile, and stays as it is; run the command again".to_owned();
            return Err(BuildError::Package { package: self.recipe.name.to_string(), reason });
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).doing("write to", folder)?;
        file.write_all(text.as_bytes()).doing("write", &self.path)?;
        let permissions = fs::metadata(&self.path).doing("read", &self.path)?.permissions();
        fs::set_permissions(file.path(), permissions).doing("write", &self.path)?;
        file.persist(&self.path).map_err(|error| error.error).doing("write", &self.path).map(drop)
    }

    fn bad(&self, reason: String) -> BuildError {
        BuildError::Package { package: format!("{} {}", self.recipe.name, self.recipe.version), reason }
    }
}

/// Links everything in one directory from another, but for one name.
fn link_all(from: &Path, to: &Path, but: &str) -> Result<(), BuildError> {
    for entry in fs::read_dir(from).doing("read", from)? {
        let entry = entry.doing("read", from)?;
        if entry.file_name() != but {
            let link = to.join(entry.file_name());
            symlink(entry.path(), &link).doing("create", &link)?;
        }
    }
    Ok(())
}

/// What a release must be.
struct Wanted<'a> {
    recipe: &'a Recipe,
    abi: Abi,
    to: Option<&'a Version>,
}

impl Wanted<'_> {
    /// The newest that fits: neither yanked nor, unless the recipe is of one, a pre-release; or the one that is asked
    /// for.
    fn choose(&self, files: &[UpstreamFile]) -> Option<NewRelease> {
        let current = &self.recipe.version;
        let is_wanted = |file: &&UpstreamFile, version: &Version| match self.to {
            Some(to) => version == to,
            None => version >= current && !file.is_yanked() && (!version.any_prerelease() || current.any_prerelease()),
        };
        let fitting = files.iter().filter(|file| self.fits_python(file));
        let releases = fitting.filter_map(|file| {
            let version = self.version(&file.filename)?;
            is_wanted(&file, &version).then_some(NewRelease {
                version,
                filename: file.filename.clone(),
                sha256: file.sha256()?,
            })
        });
        releases.max_by(|one, other| (&one.version, &one.filename).cmp(&(&other.version, &other.filename)))
    }

    /// The version of a file of the kind that the recipe takes.
    fn version(&self, filename: &str) -> Option<Version> {
        let SourceOrigin::PyPiWheel { filename: current, project } = &self.recipe.source.origin else {
            return filename.strip_suffix(".tar.gz")?.rsplit_once('-')?.1.parse().ok();
        };
        let (wheel, current) = (filename.parse::<WheelFilename>().ok()?, current.parse::<WheelFilename>().ok()?);
        let is_alike = wheel.name() == project
            && wheel.is_pure() == current.is_pure()
            && (wheel.is_pure() || wheel.tags_fit(self.abi).is_some());
        is_alike.then(|| wheel.version().clone())
    }

    fn fits_python(&self, file: &UpstreamFile) -> bool {
        let Ok(python) = self.abi.facts().python_full.parse::<Version>() else { return true };
        let required = file.requires_python.as_deref().and_then(|text| text.parse::<VersionSpecifiers>().ok());
        required.is_none_or(|required| required.contains(&python))
    }

    fn none_fits(&self, files: &[UpstreamFile]) -> String {
        let mut versions: Vec<Version> = files.iter().filter_map(|file| self.version(&file.filename)).collect();
        versions.sort();
        versions.dedup();
        let newest: Vec<String> = versions.iter().rev().take(5).map(ToString::to_string).collect();
        let wanted = self.to.map_or_else(|| "newer".to_owned(), ToString::to_string);
        let python = self.abi.facts().python;
        format!(
            "the upstream index has no file of {wanted} that is of the kind of its source, has a SHA-256 and is for \
             Python {python}; the newest that it has, for any Python, are {}",
            newest.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(source: &str, to: Option<&str>) -> Option<String> {
        let file = |filename: &str, more: serde_json::Value| {
            let mut file = serde_json::json!({
                "filename": filename, "url": filename, "hashes": { "sha256": "0".repeat(64) },
            });
            file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<UpstreamFile>(file).unwrap()
        };
        let plain = || serde_json::json!({});
        let files = [
            file("demo-1.0.tar.gz", plain()),
            file("demo-1.5.tar.gz", plain()),
            file("demo-1.5-py3-none-any.whl", plain()),
            file("demo-1.6-py3-none-any.whl", plain()),
            file("demo-1.7-cp314-cp314-manylinux_2_28_x86_64.whl", plain()),
            file("demo-2.0rc1.tar.gz", plain()),
            file("demo-3.0.tar.gz", serde_json::json!({ "yanked": "broken" })),
            file("demo-4.0.tar.gz", serde_json::json!({ "requires-python": ">=3.99" })),
        ];
        let hash = "1".repeat(64);
        let text = format!("[package]\nname = \"demo\"\n{source}\nsha256 = \"{hash}\"\n");
        let recipe = Recipe::parse("recipe.toml", &text).unwrap();
        let to = to.map(|to| to.parse().unwrap());
        let wanted = Wanted { recipe: &recipe, abi: Abi::preferred(), to: to.as_ref() };
        wanted.choose(&files).map(|release| release.filename)
    }

    #[test]
    fn the_newest_that_fits_is_taken() {
        let sdist = |version: &str| format!("version = \"{version}\"\n[source]\npypi = \"demo\"");
        let wheel = "version = \"1.5\"\n[source]\npypi = \"demo\"\nwheel = \"demo-1.5-py3-none-any.whl\"".to_owned();
        for (source, to, expected) in [
            (sdist("1.0"), None, Some("demo-1.5.tar.gz")),
            (sdist("1.5"), None, Some("demo-1.5.tar.gz")),
            (sdist("1.5a1"), None, Some("demo-2.0rc1.tar.gz")),
            (sdist("9"), None, None),
            (sdist("1.0"), Some("2.0rc1"), Some("demo-2.0rc1.tar.gz")),
            (sdist("1.0"), Some("3.0"), Some("demo-3.0.tar.gz")),
            (sdist("1.0"), Some("4.0"), None),
            (sdist("1.5"), Some("1.0"), Some("demo-1.0.tar.gz")),
            (wheel, None, Some("demo-1.6-py3-none-any.whl")),
        ] {
            assert_eq!(chosen(&source, to).as_deref(), expected, "{source} {to:?}");
        }
    }
}
