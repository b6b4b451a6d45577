//! `pkgsrv recipe check`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use pkgsrv::BuildArgs;
use pkgsrv_builder::{CheckedRecipes, Interrupt, RecipeChecker, RecipeProblem, RecipeTree, Unchecked};
use serde_json::json;

use crate::commands::working::interruptible;
use crate::commands::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Names of recipes, recipe files, folders of one recipe or of many [default: all recipes]
    #[arg(value_name = "NAME|FILE|DIR")]
    wanted: Vec<String>,
    /// Ask no index and fetch nothing: only what is on this machine is looked at
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    settings: BuildArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl CheckArgs {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let json = self.output.json;
        let checked = interruptible(move |interrupt| self.check(interrupt)).await?;
        let CheckedRecipes { recipes, problems, unchecked } = &checked;
        if json {
            print_json(&json!({ "recipes": recipes, "problems": problems, "unchecked": unchecked }))?;
        } else {
            print!("{}", Told(&checked));
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn check(&self, interrupt: &Interrupt) -> Result<CheckedRecipes> {
        let context = self.settings.context(interrupt);
        let mut all = CheckedRecipes::default();
        let mut add = |tree: &RecipeTree, folders: Option<&BTreeSet<String>>| -> Result<()> {
            let checker = RecipeChecker::new(&context, tree, self.settings.abi(), self.offline)?;
            let CheckedRecipes { recipes, problems, unchecked } = checker.check(folders)?;
            all.recipes.extend(recipes);
            all.problems.extend(problems);
            all.unchecked.extend(unchecked);
            Ok(())
        };
        let (paths, names): (Vec<&String>, Vec<&String>) = self.wanted.iter().partition(|wanted| is_path(wanted));
        if !names.is_empty() || paths.is_empty() {
            let names: BTreeSet<String> = names.into_iter().cloned().collect();
            add(&self.settings.recipe_tree(&context)?, (!names.is_empty()).then_some(&names))?;
        }
        for (directory, folders) in trees(&paths)? {
            add(&RecipeTree::open(&directory, self.settings.abi())?, folders.as_ref())?;
        }
        Ok(all)
    }
}

/// A name of a recipe has no slash in it.
fn is_path(wanted: &str) -> bool {
    wanted.contains('/') || wanted == "." || Path::new(wanted).extension().is_some_and(|it| it == "toml")
}

/// Directories of recipes, with the folders in each that are wanted; `None` stands for all.
fn trees(paths: &[&String]) -> Result<BTreeMap<PathBuf, Option<BTreeSet<String>>>> {
    let mut trees: BTreeMap<PathBuf, Option<BTreeSet<String>>> = BTreeMap::new();
    for path in paths {
        let path = std::path::absolute(path)?;
        if RecipeTree::is_at(&path) {
            trees.insert(path, None);
            continue;
        }
        let folder = if path.is_file() { path.parent() } else { Some(path.as_path()) };
        let place = folder.filter(|folder| folder.join("recipe.toml").is_file());
        let place = place.and_then(|folder| Some((folder.parent()?, folder.file_name()?.to_str()?)));
        let Some((directory, name)) = place else {
            bail!(
                "{} is neither a recipe.toml, nor a folder with one, nor a directory of recipes with their \
                 build-requirements.toml",
                path.display()
            );
        };
        if let Some(folders) = trees.entry(directory.to_owned()).or_insert_with(|| Some(BTreeSet::new())) {
            folders.insert(name.to_owned());
        }
    }
    Ok(trees)
}

/// A problem, on several lines.
pub(super) struct ToldProblem<'a>(pub &'a RecipeProblem);

impl fmt::Display for ToldProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecipeProblem { recipe, file, line, field, found, expected, remedy } = self.0;
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        writeln!(f, "{recipe}: {field} ({}{line})", file.display())?;
        for (word, text) in [("found", found), ("expected", expected), ("to do", remedy)] {
            writeln!(f, "  {word:8} {}", text.trim_end().replace('\n', "\n           "))?;
        }
        Ok(())
    }
}

/// Every problem, and a line that counts.
struct Told<'a>(&'a CheckedRecipes);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckedRecipes { recipes, problems, unchecked } = self.0;
        for problem in problems {
            write!(f, "{}", ToldProblem(problem))?;
        }
        for Unchecked { recipe, field, reason } in unchecked {
            writeln!(f, "{recipe}: {field} was not checked: {}", reason.trim_end())?;
        }
        let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        writeln!(f, "{}: {}", counted(recipes.len(), "recipe"), counted(problems.len(), "problem"))
    }
}
