//! The order of building. Pure: recipes in, an order out.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::PackageName;
use pkgsrv_recipe::Recipe;

use crate::error::BuildError;

/// All recipes, each after what it needs; the same for the same recipes.
pub fn order(recipes: &BTreeMap<PackageName, Recipe>) -> Result<Vec<&Recipe>, BuildError> {
    let mut visit = Visit { recipes, done: BTreeSet::new(), path: Vec::new(), order: Vec::new() };
    for name in recipes.keys() {
        visit.package(name)?;
    }
    Ok(visit.order)
}

struct Visit<'a> {
    recipes: &'a BTreeMap<PackageName, Recipe>,
    done: BTreeSet<&'a PackageName>,
    path: Vec<&'a PackageName>,
    order: Vec<&'a Recipe>,
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
        let Some(recipe) = self.recipes.get(name) else { return Ok(()) };
        self.path.push(name);
        for other in recipe.requirements.host.iter().chain(&recipe.requirements.run) {
            self.package(other)?;
        }
        self.path.pop();
        self.done.insert(name);
        self.order.push(recipe);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipes(entries: &[(&str, &[&str])]) -> BTreeMap<PackageName, Recipe> {
        let parse = |(name, host): &(&str, &[&str])| {
            let text = format!(
                "[package]\nname = \"{name}\"\nversion = \"1\"\n[source]\npypi = \"{name}\"\nsha256 = \"{}\"\n\
                 [requirements]\nhost = {host:?}\n",
                "0".repeat(64)
            );
            let recipe = Recipe::parse("recipe.toml", &text).unwrap();
            (recipe.name.clone(), recipe)
        };
        entries.iter().map(parse).collect()
    }

    #[test]
    fn what_is_needed_comes_first() {
        let recipes = recipes(&[("a", &["z"]), ("b", &[]), ("z", &["b"])]);
        let names: Vec<&str> = order(&recipes).unwrap().iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(names, ["b", "z", "a"]);
    }

    #[test]
    fn a_circle_is_named() {
        let recipes = recipes(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        let error = order(&recipes).unwrap_err().to_string();
        assert_eq!(error, "recipes depend on each other in a circle: b → c → b; remove one of these requirements");
    }
}
