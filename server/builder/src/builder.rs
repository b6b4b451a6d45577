//! The front of the crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pkgsrv_index::{Abi, PackageName};
use pkgsrv_recipe::Recipe;

use crate::action::{Action, ActionResult};
use crate::admission;
use crate::context::Context;
use crate::cross_environment::CrossEnvironment;
use crate::error::BuildError;
use crate::execute::{Workshop, execute};
use crate::plan;
use crate::recipe_tree::RecipeTree;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

/// Builds and admits for one ABI.
#[derive(Debug)]
pub struct Builder<'a> {
    context: &'a Context,
    abi: Abi,
    toolchain: Toolchain,
    runtime: Runtime,
}

impl<'a> Builder<'a> {
    /// Brings the toolchain and the runtime, installing what is missing.
    pub fn new(context: &'a Context, abi: Abi) -> Result<Self, BuildError> {
        let runtime = Runtime::ensure(context, abi)?;
        let toolchain = Toolchain::ensure(context, abi)?;
        Ok(Self { context, abi, toolchain, runtime })
    }

    /// The runtime that the wheels are for.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Builds `wanted` and all that these need; returns every result, dependencies first.
    pub fn build(&self, tree: &RecipeTree, wanted: &[PackageName]) -> Result<Vec<ActionResult>, BuildError> {
        // All recipes are read before anything is built: a mistake shows at once.
        let recipes = tree.closure(wanted)?;
        let order = plan::order(&recipes)?;
        let cross = CrossEnvironment::ensure(self.context, self.abi, &self.toolchain, &self.runtime)?;
        let shop = Workshop { context: self.context, abi: self.abi, toolchain: &self.toolchain, cross: &cross };
        let mut results = BTreeMap::new();
        let mut in_order = Vec::new();
        for recipe in order {
            let action = Action::new(tree, recipe, &cross, &results)?;
            let result = self.result(&shop, &action, &recipes, &results)?;
            results.insert(recipe.name.clone(), result.clone());
            in_order.push(result);
        }
        Ok(in_order)
    }

    fn result(
        &self,
        shop: &Workshop<'_>,
        action: &Action<'_>,
        recipes: &BTreeMap<PackageName, Recipe>,
        results: &BTreeMap<PackageName, ActionResult>,
    ) -> Result<ActionResult, BuildError> {
        let is_whole = |result: &ActionResult| result.wheel.is_none() || result.admission().is_some();
        if let Some(result) = ActionResult::find(self.context, action.digest)?.filter(is_whole) {
            return Ok(result);
        }
        let _lock = self.context.cache.lock(&action.digest.to_string(), self.context)?;
        let companions = run_closure(action.recipe, recipes, results);
        let Some(result) = ActionResult::find_or_discard(self.context, action.digest)? else {
            return execute(shop, action, &companions);
        };
        // Built and admitted by an earlier version, whose checks were fewer.
        if let Some(path) = result.wheel_path().filter(|_| !is_whole(&result)) {
            let report = admission::admit_built(
                self.context,
                self.abi,
                action.recipe,
                action.test_script.as_deref(),
                &path,
                &companions,
            )?;
            result.write_admission(self.context, &report)?;
        }
        Ok(result)
    }
}

/// The wheels of everything that a recipe needs at run time, directly or not.
fn run_closure(
    recipe: &Recipe,
    recipes: &BTreeMap<PackageName, Recipe>,
    results: &BTreeMap<PackageName, ActionResult>,
) -> Vec<PathBuf> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<&PackageName> = recipe.requirements.run.iter().collect();
    while let Some(name) = pending.pop() {
        let Some(result) = results.get(name).filter(|_| !found.contains_key(name)) else { continue };
        found.insert(name, result.wheel_path());
        pending.extend(recipes.get(name).into_iter().flat_map(|recipe| &recipe.requirements.run));
    }
    found.into_values().flatten().collect()
}
