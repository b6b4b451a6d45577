//! What is to be done for the wanted packages, before anything of it is: actions in order, and which have a result.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::{Digest, PackageName};
use serde::Serialize;

use crate::action::{Action, ActionResult, check_versions};
use crate::build_record::BuildRecord;
use crate::context::Context;
use crate::cross_environment::CrossEnvironment;
use crate::error::BuildError;
use crate::loaded_recipe::{LoadedRecipe, LoadedRecipes};

/// Actions, each after what it needs.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(crate) actions: Vec<Action<'a>>,
    /// Where each is.
    pub(crate) places: BTreeMap<&'a PackageName, usize>,
}

/// What becomes of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannedState {
    /// Its result is in the cache.
    Cached,
    /// It is built.
    Build,
}

/// A package of a plan, for people and scripts.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedPackage {
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// What becomes of it.
    pub state: PlannedState,
    /// Digest of its action.
    pub action: Digest,
    /// What must be built before.
    pub host: Vec<PackageName>,
    /// What must be there when it is imported.
    pub run: Vec<PackageName>,
    /// Why there is no result, where one of the same package is in the cache: the inputs that are different, and when
    /// that one was made, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
}

/// How an action differs from the latest one of its package.
#[derive(Clone, Debug, Serialize)]
pub struct Changed {
    /// Digest of that one.
    pub since: Digest,
    /// When it was made, seconds since 1970.
    pub finished: u64,
    /// Its version.
    pub version: String,
    /// Names of the inputs that are different.
    pub inputs: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(recipes: &'a LoadedRecipes, cross: &CrossEnvironment) -> Result<Self, BuildError> {
        let mut plan = Self { actions: Vec::new(), places: BTreeMap::new() };
        let mut digests = BTreeMap::new();
        for loaded in order(recipes)? {
            let action = Action::new(recipes, loaded, cross, &digests)?;
            digests.insert(&loaded.recipe.name, action.digest);
            plan.places.insert(&loaded.recipe.name, plan.actions.len());
            plan.actions.push(action);
        }
        Ok(plan)
    }

    /// Every package with what becomes of it, each after what it needs.
    pub(crate) fn packages(&self, context: &Context) -> Result<Vec<PlannedPackage>, BuildError> {
        let records = BuildRecord::all(context);
        let package = |action: &Action<'_>| {
            let recipe = action.recipe();
            let cached = ActionResult::find(context, action.digest)?.is_some();
            let latest = records.iter().find(|record| record.name == recipe.name).filter(|_| !cached);
            Ok(PlannedPackage {
                name: recipe.name.clone(),
                version: recipe.version.to_string(),
                state: if cached { PlannedState::Cached } else { PlannedState::Build },
                action: action.digest,
                host: recipe.requirements.host.clone(),
                run: recipe.requirements.run.clone(),
                changed: latest.map(|record| Changed {
                    since: record.action,
                    finished: record.finished,
                    version: record.version.clone(),
                    inputs: record.changed_inputs(&action.inputs),
                }),
            })
        };
        self.actions.iter().map(package).collect()
    }

    /// Everything that the action at `place` needs at run time, directly or not, without itself; in the plan's order.
    pub(crate) fn run_closure(&self, place: usize) -> Vec<usize> {
        let run = |place: usize| self.actions[place].recipe().requirements.run.iter().map(|name| self.places[name]);
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut pending: Vec<usize> = run(place).collect();
        while let Some(next) = pending.pop() {
            if found.insert(next) {
                pending.extend(run(next));
            }
        }
        found.into_iter().collect()
    }
}

/// Tells what keeps recipes from being built that neither reading them nor building shows: circles, and tools of other
/// versions than what they are the tools for.
pub fn check_plan(recipes: &LoadedRecipes) -> Result<(), BuildError> {
    for loaded in order(recipes)? {
        check_versions(loaded, loaded.recipe.requirements.host.iter().map(|name| &recipes[name].recipe))?;
    }
    Ok(())
}

/// All recipes, each after what it needs; the same for the same recipes.
fn order(recipes: &LoadedRecipes) -> Result<Vec<&LoadedRecipe>, BuildError> {
    let mut visit = Visit { recipes, done: BTreeSet::new(), path: Vec::new(), order: Vec::new() };
    for name in recipes.keys() {
        visit.package(name)?;
    }
    Ok(visit.order)
}

struct Visit<'a> {
    recipes: &'a LoadedRecipes,
    done: BTreeSet<&'a PackageName>,
    path: Vec<&'a PackageName>,
    order: Vec<&'a LoadedRecipe>,
}

impl<'a> Visit<'a> {
    fn package(&mut self, name: &'a PackageName) -> Result<(), BuildError> {
        if self.done.contains(name) {
            return Ok(());
        }
        if let Some(start) = self.path.iter().position(|&other| other == name) {
            let circle = self.path[start..].iter().chain([&name]).map(ToString::to_string).collect::<Vec<_>>();
            return Err(BuildError::Cycle { circle: circle.join(" → ") });
        }
        let Some(loaded) = self.recipes.get(name) else { return Ok(()) };
        self.path.push(name);
        let requirements = &loaded.recipe.requirements;
        for other in requirements.host.iter().chain(&requirements.run) {
            self.package(other)?;
        }
        self.path.pop();
        self.done.insert(name);
        self.order.push(loaded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pkgsrv_recipe::Recipe;

    use super::*;
    use crate::loaded_recipe::PinnedTools;

    fn recipes(entries: &[(&str, &[&str])]) -> LoadedRecipes {
        let parse = |(name, host): &(&str, &[&str])| {
            let text = format!(
                "[package]\nname = \"{name}\"\nversion = \"1\"\n[source]\npypi = \"{name}\"\nsha256 = \"{}\"\n\
                 [requirements]\nhost = {host:?}\n",
                "0".repeat(64)
            );
            let recipe = Recipe::parse("recipe.toml", &text).unwrap();
            let name = recipe.name.clone();
            (
                name,
                LoadedRecipe {
                    recipe,
                    tools: Vec::new(),
                    pinned: Arc::new(PinnedTools::none()),
                    patches: Vec::new(),
                    files: Vec::new(),
                    test_script: None,
                    typed: None,
                },
            )
        };
        entries.iter().map(parse).collect()
    }

    #[test]
    fn what_is_needed_comes_first() {
        let recipes = recipes(&[("a", &["z"]), ("b", &[]), ("z", &["b"])]);
        let names: Vec<&str> = order(&recipes).unwrap().iter().map(|loaded| loaded.recipe.name.as_str()).collect();
        assert_eq!(names, ["b", "z", "a"]);
    }

    #[test]
    fn a_circle_is_named() {
        let recipes = recipes(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        let error = order(&recipes).unwrap_err().to_string();
        assert_eq!(error, "recipes depend on each other in a circle: b → c → b; remove one of these requirements");
    }
}
