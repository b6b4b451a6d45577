//! A recipe with all that it refers to: nothing more is read when it is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pkgsrv_index::{Abi, Digest, PackageName};
use pkgsrv_recipe::{BuildRequirements, LockedWheel, Recipe};

use crate::action::sha256;
use crate::admission::ImportTest;
use crate::error::BuildError;

/// A recipe with all that it refers to.
#[derive(Clone, Debug)]
pub struct LoadedRecipe {
    /// The recipe.
    pub recipe: Recipe,
    /// Wheels for the build Python.
    pub tools: Vec<LockedWheel>,
    /// Where tools are that only the source names: the recipe's own, and the pinned ones.
    pub(crate) pinned: Arc<PinnedTools>,
    /// File names and bytes of the patches, in order.
    pub patches: Vec<(String, Vec<u8>)>,
    /// The recipe's own files that the build sees: path beside the recipe, and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// The test that runs at admission, Python.
    pub test_script: Option<String>,
    /// What to type for a build of the same, where that is known.
    pub typed: Option<Box<str>>,
}

/// Recipes by name.
pub type LoadedRecipes = BTreeMap<PackageName, LoadedRecipe>;

impl LoadedRecipe {
    /// What is imported and run before its wheel is admitted.
    pub fn import_test(&self) -> ImportTest {
        let script_name = self.recipe.test_script.clone().unwrap_or_default();
        ImportTest {
            script: self.test_script.as_ref().map(|text| (script_name, text.clone())),
            further: self.recipe.test_imports.clone(),
            left_out: self.recipe.test_left_out.clone(),
            ..ImportTest::default()
        }
    }
}

/// All tools that are pinned for a folder of recipes.
#[derive(Clone, Debug)]
pub(crate) struct PinnedTools {
    file: PathBuf,
    requirements: BuildRequirements,
    /// Whose build Python runs them.
    abi: Abi,
    digest: Digest,
}

impl PinnedTools {
    /// Reads and checks the text of the file at `file`, for builds for an ABI.
    pub(crate) fn parse(file: PathBuf, text: &str, abi: Abi) -> Result<Self, BuildError> {
        let requirements = BuildRequirements::parse(&file.display().to_string(), text)?;
        Ok(Self { file, requirements, abi, digest: sha256(text.as_bytes()) })
    }

    /// The pinned wheels of these projects and of all that they need, sorted, for the build of `package`.
    pub(crate) fn closure(&self, package: &PackageName, names: &[PackageName]) -> Result<Vec<LockedWheel>, BuildError> {
        let found = self.requirements.closure(names, std::env::consts::ARCH, self.abi);
        let found = found.map_err(|tool| BuildError::UnknownTool {
            package: package.clone(),
            tool,
            file: self.file.clone(),
        })?;
        Ok(found.into_iter().cloned().collect())
    }

    /// The same, with a recipe's own tools instead of what is pinned of their projects.
    pub(crate) fn with(self: &Arc<Self>, own: &[LockedWheel]) -> Arc<Self> {
        if own.is_empty() {
            return Arc::clone(self);
        }
        let requirements = self.requirements.with(own);
        Arc::new(Self { file: self.file.clone(), requirements, abi: self.abi, digest: self.digest })
    }

    /// The pinned wheel of a project for this machine.
    pub(crate) fn wheel(&self, name: &PackageName) -> Option<&LockedWheel> {
        self.requirements.wheel(name, std::env::consts::ARCH, self.abi)
    }

    /// All of them for this machine.
    pub(crate) fn wheels(&self) -> impl Iterator<Item = &LockedWheel> {
        self.requirements.wheels(std::env::consts::ARCH, self.abi)
    }

    /// What of a project and of all that it needs is not pinned.
    pub(crate) fn missing(&self, name: &PackageName) -> Option<PackageName> {
        self.requirements.closure(std::slice::from_ref(name), std::env::consts::ARCH, self.abi).err()
    }

    /// Where they are written.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// None at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::parse(PathBuf::new(), "wheel = []", Abi::preferred()).expect("an empty list")
    }

    /// A digest over all of them.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}
