//! Packages without a recipe: one is made of what the upstream index and the source itself say.
//!
//! A pure wheel is taken as it is. Else the sdist is built by its own backend, with the build requirements that its
//! `pyproject.toml` and its backend name: in the versions that are pinned for all recipes where those fit, else in
//! those that pip resolves.

mod hook;
mod pip;
mod release;
mod resolution;
mod sdist;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pkgsrv_index::{Abi, Digest, PackageName, Requirement, evaluate};
use pkgsrv_recipe::{About, Build, BuildKind, Exports, Prefix, Recipe, Requirements, Source, SourceOrigin};
use pkgsrv_wheel::Metadata;

use self::release::{Archive, Release};
pub(crate) use self::resolution::lock_name as resolution_lock_name;
use self::resolution::{Resolution, Resolver};
use self::sdist::Sdist;
use crate::context::Context;
use crate::error::BuildError;
use crate::loaded_recipe::LoadedRecipes;
use crate::recipe_tree::RecipeTree;
use crate::source;
use crate::toolchain::Toolchain;

/// What somebody wants to have built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedPackage {
    /// A project, by name, with versions that will do.
    Project(Requirement),
    /// An sdist, or a directory with a source, on this machine.
    Local(PathBuf),
}

/// Finds the recipes of what is wanted and of all that it needs: in a folder of recipes, else makes them.
#[derive(Debug)]
pub struct RecipeFinder<'a> {
    context: &'a Context,
    tree: &'a RecipeTree,
    abi: Abi,
    /// Brought when an sdist is first met.
    toolchain: OnceCell<Toolchain>,
}

impl std::str::FromStr for WantedPackage {
    type Err = String;

    /// `numpy`, `numpy==2.4.6`, `./directory`, `demo-1.0.tar.gz`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') || text == "." || text.ends_with(".tar.gz") {
            return Ok(Self::Local(text.into()));
        }
        let parsed = text.parse().map(Self::Project);
        parsed.map_err(|error: pkgsrv_index::IndexError| {
            format!(
                "{error}; expected a name, such as numpy or numpy==2.4.6, an sdist, or a directory with a slash in it"
            )
        })
    }
}

/// Any version of a project.
impl From<PackageName> for WantedPackage {
    fn from(name: PackageName) -> Self {
        Self::Project(Requirement::any(name))
    }
}

impl<'a> RecipeFinder<'a> {
    /// Looks in `tree` first.
    pub fn new(context: &'a Context, tree: &'a RecipeTree, abi: Abi) -> Self {
        Self { context, tree, abi, toolchain: OnceCell::new() }
    }

    /// The recipes of `wanted` and of all that these need, directly or not.
    pub fn closure(&self, wanted: &[WantedPackage]) -> Result<LoadedRecipes, BuildError> {
        let mut found: BTreeMap<PackageName, Recipe> = BTreeMap::new();
        let mut pending = Vec::new();
        let mut typed: BTreeMap<PackageName, String> = BTreeMap::new();
        for wanted in wanted {
            match wanted {
                WantedPackage::Project(requirement) => {
                    typed.insert(requirement.name.clone(), requirement.to_string());
                    pending.push(requirement.clone());
                }
                WantedPackage::Local(path) => {
                    let (recipe, needs) = self.local(path)?;
                    typed.insert(recipe.name.clone(), path.display().to_string());
                    pending.extend(needs);
                    found.insert(recipe.name.clone(), recipe);
                }
            }
        }
        while let Some(requirement) = pending.pop() {
            if let Some(recipe) = found.get(&requirement.name) {
                check_version(recipe, &requirement)?;
                continue;
            }
            let (recipe, needs) = self.find(&requirement)?;
            pending.extend(needs);
            found.insert(recipe.name.clone(), recipe);
        }
        let mut loaded = self.tree.load_all(&found)?;
        for (name, typed) in typed {
            if let Some(recipe) = loaded.get_mut(&name) {
                recipe.typed = Some(typed.into());
            }
        }
        Ok(loaded)
    }

    /// The recipe that would be made of one package, whatever the folder has.
    pub fn recipe_for(&self, wanted: &WantedPackage) -> Result<Recipe, BuildError> {
        let (recipe, _) = match wanted {
            WantedPackage::Project(requirement) => self.make(requirement)?,
            WantedPackage::Local(path) => self.local(path)?,
        };
        Ok(recipe)
    }

    /// The recipe of the folder if its version will do, else one that is made; and what it needs.
    fn find(&self, requirement: &Requirement) -> Result<(Recipe, Vec<Requirement>), BuildError> {
        if let Some(recipe) = self.tree.find(&requirement.name)? {
            if requirement.specifiers.contains(&recipe.version) {
                let needs = recipe.requirements.host.iter().chain(&recipe.requirements.run).cloned();
                let needs = needs.map(Requirement::any).collect();
                return Ok((recipe, needs));
            }
            self.context.progress.line(&format!(
                "{requirement}: its recipe is of {}; made of what the upstream index has instead",
                recipe.version
            ));
        }
        self.make(requirement)
    }

    fn make(&self, requirement: &Requirement) -> Result<(Recipe, Vec<Requirement>), BuildError> {
        let project = &requirement.name;
        let Some(release) = Release::find(self.context, requirement, self.abi)? else {
            return Err(self.tree.unknown(project));
        };
        let fetched = source::fetch_file(self.context, project, &release.sha256, &release.filename)?;
        let mut recipe = bare(project, &release);
        let metadata = match release.archive {
            Archive::PureWheel => source::wheel_metadata(&fetched.path)?,
            Archive::Sdist => {
                let sdist = Sdist::open(self.context, &fetched)?;
                sdist.check_is(&recipe)?;
                self.add_build(&mut recipe, &sdist)?;
                sdist.metadata
            }
        };
        let needs = self.add_metadata(&mut recipe, &metadata, requirement)?;
        Ok((recipe, needs))
    }

    /// An sdist or a directory on this machine; it is kept by its hash, as if the index had it.
    fn local(&self, path: &std::path::Path) -> Result<(Recipe, Vec<Requirement>), BuildError> {
        let (fetched, sha256) = if path.is_dir() {
            sdist::pack(self.context, path)?
        } else {
            let sha256 = source::hash_file(path)?;
            (source::keep_copy(self.context, path, &sha256)?, sha256)
        };
        let sdist = Sdist::open(self.context, &fetched)?;
        let bad = |reason: String| BuildError::Archive { filename: path.display().to_string(), reason };
        let name: PackageName = sdist.metadata.name.parse().map_err(|error| bad(format!("PKG-INFO: {error}")))?;
        let version = sdist.metadata.version.parse().map_err(|error| bad(format!("PKG-INFO: {error}")))?;
        let release = Release { version, filename: fetched.filename, sha256, archive: Archive::Sdist };
        let mut recipe = bare(&name, &release);
        self.add_build(&mut recipe, &sdist)?;
        let needs = self.add_metadata(&mut recipe, &sdist.metadata, &Requirement::any(name))?;
        Ok((recipe, needs))
    }

    /// What the source tells of its build.
    fn add_build(&self, recipe: &mut Recipe, sdist: &Sdist) -> Result<(), BuildError> {
        let resolver = Resolver {
            context: self.context,
            toolchain: self.toolchain()?,
            pinned: self.tree.pinned(),
            abi: self.abi,
            package: &recipe.name,
            label: &format!("{} {}", recipe.name, recipe.version),
        };
        let Resolution { build, against, tools } = resolver.resolve(sdist, &recipe.source.sha256)?;
        recipe.requirements.build_system = tools.is_empty();
        recipe.requirements.build = build;
        recipe.requirements.host = against;
        recipe.requirements.tools = tools;
        recipe.source.crates.clone_from(&sdist.cargo_lock);
        Ok(())
    }

    fn toolchain(&self) -> Result<&Toolchain, BuildError> {
        if let Some(toolchain) = self.toolchain.get() {
            return Ok(toolchain);
        }
        let toolchain = Toolchain::ensure(self.context, self.abi)?;
        Ok(self.toolchain.get_or_init(|| toolchain))
    }

    /// What METADATA tells; returns all that the recipe needs.
    fn add_metadata(
        &self,
        recipe: &mut Recipe,
        metadata: &Metadata,
        requirement: &Requirement,
    ) -> Result<Vec<Requirement>, BuildError> {
        let label = format!("{} {}", recipe.name, recipe.version);
        let lines = metadata.requires_dist.iter().map(String::as_str);
        let needs = evaluate(lines, &requirement.extras, self.abi)
            .map_err(|error| BuildError::Package { package: label, reason: format!("its metadata: {error}") })?;
        let mut run: Vec<Requirement> = needs.depends;
        run.extend(needs.extras.into_values().flatten());
        run.retain(|needed| needed.name != recipe.name);
        let names: BTreeSet<PackageName> = run.iter().map(|needed| needed.name.clone()).collect();
        recipe.requirements.run = names.into_iter().collect();
        recipe.about.summary = metadata.summary.clone().unwrap_or_default();
        recipe.about.license = metadata.license.clone().unwrap_or_default();
        recipe.about.home = metadata.home_page.clone().unwrap_or_default();
        run.extend(recipe.requirements.host.iter().cloned().map(Requirement::any));
        Ok(run)
    }
}

fn check_version(recipe: &Recipe, requirement: &Requirement) -> Result<(), BuildError> {
    if requirement.specifiers.contains(&recipe.version) {
        return Ok(());
    }
    let reason = format!(
        "{requirement} is needed too, which {} does not fit; name a version that fits all of what is built together",
        recipe.version
    );
    Err(BuildError::Package { package: format!("{} {}", recipe.name, recipe.version), reason })
}

/// The recipe of a release, without what only its archive tells.
fn bare(project: &PackageName, release: &Release) -> Recipe {
    let Release { version, filename, sha256, archive } = release;
    let (kind, origin) = match archive {
        Archive::PureWheel => {
            let (project, filename) = (project.clone(), filename.clone());
            (BuildKind::Wheel, SourceOrigin::PyPiWheel { project, filename })
        }
        Archive::Sdist => (BuildKind::Package, SourceOrigin::PyPi(project.clone())),
    };
    Recipe {
        name: project.clone(),
        version: version.clone(),
        source: source_of(origin, *sha256),
        build: Build {
            kind,
            script: None,
            post: None,
            prefix: Prefix::Own,
            unvendor_tests: false,
            retain_test_patterns: Vec::new(),
            cflags: Vec::new(),
            cxxflags: Vec::new(),
            ldflags: Vec::new(),
            exports: Exports::PyInit,
            environment: BTreeMap::new(),
            config_settings: BTreeMap::new(),
        },
        requirements: Requirements::default(),
        test_imports: Vec::new(),
        test_left_out: BTreeMap::new(),
        test_script: None,
        about: About::default(),
        extra: toml::Table::new(),
    }
}

fn source_of(origin: SourceOrigin, sha256: Digest) -> Source {
    Source {
        origin,
        sha256,
        extract_dir: None,
        patches: Vec::new(),
        extras: Vec::new(),
        files: Vec::new(),
        crates: None,
    }
}
