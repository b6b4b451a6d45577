//! Reading recipes and telling all that is wrong with them, without building anything.

mod requirements;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pkgsrv_index::{Abi, PackageName};
use pkgsrv_recipe::Recipe;
use serde::Serialize;

use crate::build_record::BuildRecord;
use crate::context::Context;
use crate::error::BuildError;
use crate::recipe_tree::RecipeTree;

/// What is expected of a recipe's text where nothing more is known.
const FORMAT: &str = "what recipes/README.md says of the format";

/// Something that is wrong with a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecipeProblem {
    /// The recipe's folder.
    pub recipe: String,
    /// The recipe's file.
    pub file: PathBuf,
    /// The line, where it is known, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The field, with its table: `source.sha256`.
    pub field: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// The recipe's folder.
    pub recipe: String,
    /// The field.
    pub field: &'static str,
    /// Why not.
    pub reason: String,
}

/// What came of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckedRecipes {
    /// The folders of the recipes that were checked.
    pub recipes: Vec<String>,
    /// All that is wrong, by recipe.
    pub problems: Vec<RecipeProblem>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
}

/// Checks recipes of one folder.
#[derive(Debug)]
pub struct RecipeChecker<'a> {
    context: &'a Context,
    tree: &'a RecipeTree,
    abi: Abi,
    offline: bool,
    /// All recipes of the folder that can be read.
    known: BTreeMap<PackageName, Recipe>,
    /// Those that cannot: what is said of each is said once.
    unreadable: BTreeMap<String, BuildError>,
    records: Vec<BuildRecord>,
}

impl<'a> RecipeChecker<'a> {
    /// Reads all recipes of `tree`, since they refer to each other. With `offline`, the upstream index is not asked,
    /// and only sources that are in the cache are read.
    pub fn new(context: &'a Context, tree: &'a RecipeTree, abi: Abi, offline: bool) -> Result<Self, BuildError> {
        let (mut known, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        for folder in tree.folders()? {
            let read = folder.parse::<PackageName>().ok().filter(|name| name.as_str() == folder);
            match read.map(|name| tree.find(&name)) {
                Some(Ok(Some(recipe))) => drop(known.insert(recipe.name.clone(), recipe)),
                Some(Ok(None)) => {}
                Some(Err(error)) => drop(unreadable.insert(folder, error)),
                None => {
                    let reason = "the folder's name is no package's in its normalised form".to_owned();
                    unreadable.insert(folder.clone(), BuildError::Package { package: folder, reason });
                }
            }
        }
        Ok(Self { context, tree, abi, offline, known, unreadable, records: BuildRecord::all(context) })
    }

    /// Checks the recipes of these folders, or of all. `Err` is an interruption, or a folder without a recipe; what is
    /// wrong with recipes is in the result.
    pub fn check(&self, folders: Option<&BTreeSet<String>>) -> Result<CheckedRecipes, BuildError> {
        let all = self.known.keys().map(ToString::to_string).chain(self.unreadable.keys().cloned()).collect();
        let mut checked = CheckedRecipes::default();
        let stage = self.context.progress.stage("recipes", "checking");
        for folder in folders.unwrap_or(&all) {
            self.context.interrupt.check()?;
            stage.message(folder);
            checked.recipes.push(folder.clone());
            let mut findings = Findings { recipe: folder, file: self.file(folder), checked: &mut checked };
            if let Some(error) = self.unreadable.get(folder) {
                findings.unreadable(error);
                continue;
            }
            let recipe = folder.parse::<PackageName>().ok().and_then(|name| self.known.get(&name));
            let Some(recipe) = recipe else {
                return Err(match folder.parse() {
                    Ok(name) => self.tree.unknown(&name),
                    Err(_) => BuildError::Package {
                        package: folder.clone(),
                        reason: format!("no recipe of this name in {}", self.tree.directory().display()),
                    },
                });
            };
            self.files(recipe, &mut findings);
            // What is fetched for it tells what the package requires.
            self.source(recipe, &mut findings)?;
            self.requirements(recipe, &mut findings);
        }
        stage.done(&format!("{} checked", checked.recipes.len()));
        Ok(checked)
    }

    /// The folders of the recipes that name this one.
    pub(crate) fn dependents(&self, name: &PackageName) -> BTreeSet<String> {
        let needs = |recipe: &&Recipe| {
            let needed = &recipe.requirements;
            needed.host.contains(name) || needed.run.contains(name) || needed.build.contains(name)
        };
        self.known.values().filter(needs).map(|recipe| recipe.name.to_string()).collect()
    }

    fn file(&self, folder: &str) -> PathBuf {
        self.tree.directory().join(folder).join("recipe.toml")
    }

    /// Whether everything beside the recipe is there that it names.
    fn files(&self, recipe: &Recipe, findings: &mut Findings<'_>) {
        let folder = self.tree.directory().join(recipe.name.as_str());
        let source = &recipe.source;
        let named = (source.patches.iter().map(|name| ("source.patches", name)))
            .chain(source.extras.iter().map(|(name, _)| ("source.extras", name)))
            .chain(source.files.iter().map(|name| ("source.files", name)))
            .chain(recipe.test_script.iter().map(|name| ("test.script", name)));
        for (field, name) in named.filter(|(_, name)| !folder.join(name).is_file()) {
            findings.add(
                field,
                format!("there is no {name} beside the recipe"),
                format!("a file {}", folder.join(name).display()),
                "add the file, or remove its name".to_owned(),
            );
        }
    }
}

/// Where findings of one recipe go.
struct Findings<'a> {
    recipe: &'a str,
    file: PathBuf,
    checked: &'a mut CheckedRecipes,
}

impl Findings<'_> {
    fn add(&mut self, field: &str, found: String, expected: String, remedy: String) {
        self.checked.problems.push(RecipeProblem {
            recipe: self.recipe.to_owned(),
            file: self.file.clone(),
            line: None,
            field: field.to_owned(),
            found,
            expected,
            remedy,
        });
    }

    fn unchecked(&mut self, field: &'static str, reason: String) {
        self.checked.unchecked.push(Unchecked { recipe: self.recipe.to_owned(), field, reason });
    }

    fn unreadable(&mut self, error: &BuildError) {
        match error {
            BuildError::Recipe(error) => {
                let text = error.to_string();
                let found = text.strip_prefix(&format!("{}: ", self.file.display())).unwrap_or(&text).to_owned();
                let (found, expected) = match (error.label(), error.label().strip_prefix("expected ")) {
                    (_, Some(expected)) => (found, expected),
                    ("here" | "", None) => (found, FORMAT),
                    (label, None) => (format!("{found}: {label}"), FORMAT),
                };
                self.checked.problems.push(RecipeProblem {
                    recipe: self.recipe.to_owned(),
                    file: self.file.clone(),
                    line: error.line(),
                    field: error.field().unwrap_or_else(|| "recipe.toml".to_owned()),
                    found,
                    expected: expected.to_owned(),
                    remedy: error.remedy().unwrap_or("change the field").to_owned(),
                });
            }
            error => self.add(
                "package.name",
                error.with_causes(),
                "a folder that is named as the package is".to_owned(),
                "rename the folder, or change `name`".to_owned(),
            ),
        }
    }
}
