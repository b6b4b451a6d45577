//! The folder of recipes: read on demand, so that a mistake in one recipe does not stop the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pkgsrv_index::{Abi, Digest, PackageName};
use pkgsrv_recipe::{BuildKind, Recipe};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::loaded_recipe::{LoadedRecipe, LoadedRecipes, PinnedTools};

/// Name of the file with the pinned build tools.
const BUILD_REQUIREMENTS: &str = "build-requirements.toml";

/// The project that runs PEP 517 backends; every package's build needs it.
pub(crate) const FRONTEND: &str = "build";

/// A folder of recipes, one folder per package.
#[derive(Debug)]
pub struct RecipeTree {
    directory: PathBuf,
    pinned: Arc<PinnedTools>,
}

impl RecipeTree {
    /// Opens the folder, for builds for an ABI.
    pub fn open(directory: &Path, abi: Abi) -> Result<Self, BuildError> {
        let path = directory.join(BUILD_REQUIREMENTS);
        if !Self::is_at(directory) {
            return Err(BuildError::NoRecipes { directory: directory.to_owned() });
        }
        let text = fs::read_to_string(&path).doing("read", &path)?;
        Ok(Self { directory: directory.to_owned(), pinned: Arc::new(PinnedTools::parse(path, &text, abi)?) })
    }

    /// The tools that are pinned for all of its recipes.
    pub(crate) fn pinned(&self) -> &Arc<PinnedTools> {
        &self.pinned
    }

    /// Whether there is something that [`Self::open`] would open.
    pub fn is_at(directory: &Path) -> bool {
        directory.join(BUILD_REQUIREMENTS).is_file()
    }

    /// Opens recipes that the program carries, `files` by path below the folder. They are laid out in the cache, since
    /// messages show where in a file a mistake is.
    pub fn carried(context: &Context, files: &[(&str, &[u8])], abi: Abi) -> Result<Self, BuildError> {
        let mut hasher = Sha256::new();
        for (path, bytes) in files {
            for part in [path.as_bytes(), bytes] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        let digest = Digest::from_bytes(hasher.finalize().into()).to_string();
        let directory = context.cache.recipes().join(&digest[..16]);
        // Few and small: reading them all is the surest way to know that they are whole.
        let whole = files.iter().all(|(path, bytes)| fs::read(directory.join(path)).is_ok_and(|there| there == *bytes));
        if !whole {
            let work = context.cache.work_directory("recipes")?;
            for (path, bytes) in files {
                let path = work.path().join(path);
                let folder = path.parent().unwrap_or(work.path());
                fs::create_dir_all(folder).doing("create", folder)?;
                fs::write(&path, bytes).doing("write", &path)?;
            }
            if directory.exists() {
                context.discard("recipes", &directory, "a file is missing or has other bytes")?;
            }
            work.move_into_place(&directory)?;
        }
        Self::open(&directory, abi)
    }

    /// Brings what recipes refer to; `recipes` has all that they name.
    pub(crate) fn load_all(&self, recipes: &BTreeMap<PackageName, Recipe>) -> Result<LoadedRecipes, BuildError> {
        let load = |recipe: &Recipe| Ok((recipe.name.clone(), self.load(recipe, recipes)?));
        recipes.values().map(load).collect()
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The names of the folders that have a recipe, sorted. A folder's name need not be a package's.
    pub fn folders(&self) -> Result<Vec<String>, BuildError> {
        let entries = fs::read_dir(&self.directory).doing("read", &self.directory)?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join("recipe.toml").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The recipe of a package; `None` where there is none.
    pub(crate) fn find(&self, name: &PackageName) -> Result<Option<Recipe>, BuildError> {
        match self.read(name) {
            Ok(recipe) => Ok(Some(recipe)),
            Err(BuildError::UnknownRecipe { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings what a recipe refers to; `recipes` has those that it names.
    pub(crate) fn load(
        &self,
        recipe: &Recipe,
        recipes: &BTreeMap<PackageName, Recipe>,
    ) -> Result<LoadedRecipe, BuildError> {
        let mut tools = recipe.requirements.build.clone();
        let has_wheel = |name: &&PackageName| recipes.get(*name).is_some_and(|it| !it.build.kind.is_library());
        tools.extend(recipe.requirements.host.iter().filter(has_wheel).cloned());
        if recipe.build.kind == BuildKind::Package {
            tools.push(FRONTEND.parse().expect("a valid name"));
        }
        tools.extend(recipe.requirements.tools.iter().map(|tool| tool.filename.name().clone()));
        let pinned = self.pinned.with(&recipe.requirements.tools);
        Ok(LoadedRecipe {
            typed: Some(recipe.name.as_str().into()),
            tools: pinned.closure(&recipe.name, &tools)?,
            pinned,
            patches: self.patches(recipe)?,
            files: self.files(recipe)?,
            test_script: self.test_script(recipe)?,
            recipe: recipe.clone(),
        })
    }

    fn read(&self, name: &PackageName) -> Result<Recipe, BuildError> {
        let path = self.directory.join(name.as_str()).join("recipe.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(self.unknown(name)),
            Err(source) => return Err(BuildError::Io { doing: "read", path, source }),
        };
        let recipe = Recipe::parse(&path.display().to_string(), &text)?;
        if recipe.name != *name {
            return Err(BuildError::Package {
                package: name.to_string(),
                reason: format!("{} says that it is of {}; folder and name must agree", path.display(), recipe.name),
            });
        }
        Ok(recipe)
    }

    /// The error that there is nothing of this name.
    pub(crate) fn unknown(&self, name: &PackageName) -> BuildError {
        let folders = self.folders().unwrap_or_default().into_iter();
        let mut near: Vec<(usize, String)> = folders
            .map(|other| (strsim::damerau_levenshtein(name.as_str(), &other), other))
            .filter(|(distance, other)| *distance <= (other.len() / 3).max(1) || other.starts_with(name.as_str()))
            .collect();
        near.sort();
        let near: Vec<String> = near.into_iter().take(3).map(|(_, other)| other).collect();
        let nearest = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
        BuildError::UnknownRecipe { package: name.clone(), directory: self.directory.clone(), nearest }
    }

    /// The text of a recipe's test.
    fn test_script(&self, recipe: &Recipe) -> Result<Option<String>, BuildError> {
        let Some(name) = &recipe.test_script else { return Ok(None) };
        let path = self.directory.join(recipe.name.as_str()).join(name);
        fs::read_to_string(&path).doing("read", &path).map(Some)
    }

    /// The bytes of a recipe's patches, in order.
    fn patches(&self, recipe: &Recipe) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        self.read_beside(recipe, recipe.source.patches.iter())
    }

    /// The recipe's own files that its build sees, each once.
    fn files(&self, recipe: &Recipe) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        let extras = recipe.source.extras.iter().map(|(from, _)| from);
        let names: BTreeSet<&String> = extras.chain(&recipe.source.files).collect();
        self.read_beside(recipe, names.into_iter())
    }

    fn read_beside<'a>(
        &self,
        recipe: &Recipe,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        let folder = self.directory.join(recipe.name.as_str());
        let read = |name: &String| {
            let path = folder.join(name);
            Ok((name.clone(), fs::read(&path).doing("read", &path)?))
        };
        names.map(read).collect()
    }
}
