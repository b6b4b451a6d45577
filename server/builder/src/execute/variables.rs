//! The variables of a build: the builder's, the recipe's, and those that its script exported.

use std::collections::BTreeMap;
use std::fs;

use pkgsrv_recipe::{BuildKind, Prefix, variables};

use super::{CROSS, HOST, RECIPE, SHARED_PREFIX, SOURCE, Site, TOOLS};
use crate::abi_flags::{ABI_FLAGS, SIDE_MODULE_FLAGS};
use crate::error::BuildError;

/// Where a package's script leaves what it exported.
const EXPORTED: &str = "exported";

/// What a shell has of its own.
const SHELLS_OWN: &[&str] = &["OLDPWD", "PWD", "SHLVL", "_"];

impl Site<'_> {
    /// Where a library installs, as it is called inside.
    pub(super) fn prefix(&self) -> String {
        match self.action.recipe().build.prefix {
            Prefix::Own => format!("{HOST}/{}", self.action.recipe().name),
            Prefix::Shared => SHARED_PREFIX.to_owned(),
        }
    }

    /// What `$(NAME)` may name beside the recipe's own variables.
    fn known(&self) -> BTreeMap<&'static str, String> {
        let python = self.shop.abi.facts().python;
        let flags = |flags: &[&[&str]]| flags.concat().join(" ");
        let mut known = BTreeMap::from([
            ("JOBS", self.shop.tokens.jobs().to_string()),
            ("MESON_CROSS_FILE", format!("{CROSS}/meson-cross.ini")),
            ("PREFIX", self.prefix()),
            ("PYTHON_INCLUDE", format!("{CROSS}/include/python{python}")),
            ("PYTHON_VERSION", python.to_owned()),
            ("RECIPE", RECIPE.to_owned()),
            ("SOURCE", SOURCE.to_owned()),
            ("TARGET_CFLAGS", flags(&[ABI_FLAGS])),
            ("TARGET_LDFLAGS", flags(&[ABI_FLAGS, SIDE_MODULE_FLAGS, &["-sSIDE_MODULE=1"]])),
            ("TOOLS", TOOLS.to_owned()),
        ]);
        known.extend(self.shop.cross.variables());
        known
    }

    /// The recipe's `environment`, with its `$(NAME)`.
    pub(super) fn read_environment(&mut self) -> Result<(), BuildError> {
        let known = self.known();
        for (name, value) in &self.action.recipe().build.environment {
            let expanded = variables::expand(value, |name| known.get(name).cloned());
            let expanded = expanded.map_err(|unknown| self.nothing_sets(&unknown))?;
            self.environment.insert(name.clone(), expanded);
        }
        Ok(())
    }

    /// A text of the recipe's with its `$(NAME)`. Before the script has run, what it may export is empty.
    pub(super) fn expand(&self, text: &str) -> Result<String, BuildError> {
        let known = self.known();
        let before_script = self.action.recipe().build.script.is_some() && !self.script_has_run;
        let value = |name: &str| {
            let set = self.environment.get(name).or_else(|| known.get(name)).cloned();
            set.or_else(|| before_script.then(String::new))
        };
        variables::expand(text, value).map_err(|unknown| self.nothing_sets(&unknown))
    }

    /// Flags with their `$(NAME)`: a variable may hold several, or none.
    pub(super) fn expanded_flags(&self, flags: &[String]) -> Result<Vec<String>, BuildError> {
        let mut expanded = Vec::new();
        for flag in flags {
            if variables::names(flag).is_empty() {
                expanded.push(flag.clone());
            } else {
                expanded.extend(self.expand(flag)?.split_whitespace().map(str::to_owned));
            }
        }
        Ok(expanded)
    }

    /// The recipe's script, followed by one that tells what it exported.
    pub(super) fn telling_script(&self) -> String {
        let script = self.action.recipe().build.script.clone().unwrap_or_default();
        match self.action.recipe().build.kind {
            BuildKind::Package => format!("{script}\n/usr/bin/env -0 > /build/{EXPORTED}"),
            // Nothing follows that could use them.
            BuildKind::StaticLibrary | BuildKind::SharedLibrary | BuildKind::Wheel => script,
        }
    }

    /// What the script exported holds for the steps that follow.
    pub(super) fn take_exported(&mut self) -> Result<(), BuildError> {
        self.script_has_run = true;
        let path = self.work.join("build").join(EXPORTED);
        // The script ended before its end, as it may.
        if fs::symlink_metadata(&path).is_err() {
            return Ok(());
        }
        let bytes = self.read_left_by_the_build(&path)?;
        self.environment.extend(exported(&String::from_utf8_lossy(&bytes)));
        Ok(())
    }

    fn nothing_sets(&self, name: &str) -> BuildError {
        let reason = format!(
            "nothing sets $({name}), which its recipe uses; export it in `script`, or set it in \
                              `environment`"
        );
        BuildError::Package { package: self.action.label(), reason }
    }
}

/// Names and values as `env -0` prints them, without what is a shell's own.
fn exported(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('\0').filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| variables::is_name(name) && !SHELLS_OWN.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_exported_is_read() {
        let found = exported("A=1\0PWD=/x\0B=two\nlines=x\0BASH_FUNC_f%%=() { :; }\0C=\0");
        let expected = [("A", "1"), ("B", "two\nlines=x"), ("C", "")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
