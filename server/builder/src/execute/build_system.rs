//! The tools of a build: those that the recipe names, and with `build-system` those that its source names.

use pkgsrv_index::PackageName;
use pkgsrv_recipe::LockedWheel;

use super::Site;
use crate::action::Action;
use crate::build_requirements::{listed, needed};
use crate::error::BuildError;

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
        let lines = listed(self.pyproject()?.as_ref()).map_err(bad)?;
        let pinned = &self.action.loaded.pinned;
        let is_pinned = |name: &PackageName| pinned.wheel(name).is_some();
        let found = needed(&lines, self.shop.abi, is_pinned).map_err(|error| bad(error.to_string()))?;
        Ok(found.into_iter().map(|requirement| requirement.name).collect())
    }
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
