//! The variables that pyodide-build sets, and what they are here.

use std::collections::BTreeSet;

use crate::variables::is_name;

/// What a variable is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A value for `[build.environment]`.
    Value(&'static str),
    /// The builder sets it under the same name.
    Same,
    /// The package's version, which the recipe knows.
    Version,
    /// There is nothing like it; what to do instead.
    Refused(&'static str),
}

use Meaning::{Refused, Same, Value, Version};

const TABLE: &[(&str, Meaning)] = &[
    ("CARGO_BUILD_TARGET", Same),
    ("CARGO_HOME", Same),
    ("CMAKE_TOOLCHAIN_FILE", Same),
    ("DISTDIR", Value("$(SOURCE)/dist")),
    ("EM_PKG_CONFIG_PATH", Value("$(PREFIX)/lib/pkgconfig")),
    ("HOSTINSTALLDIR", Refused("what is in `host` is installed in $(TOOLS), without directories above it")),
    ("HOSTSITEPACKAGES", Value("$(TOOLS)")),
    ("MESON_CROSS_FILE", Value("$(MESON_CROSS_FILE)")),
    ("NUMPY_LIB", Value("$(TOOLS)/numpy")),
    ("PKGDIR", Value("$(RECIPE)")),
    ("PKG_BUILD_DIR", Value("$(SOURCE)")),
    ("PKG_CONFIG_LIBDIR", Same),
    ("PKG_VERSION", Version),
    ("PYO3_CROSS_INCLUDE_DIR", Value("$(PYTHON_INCLUDE)")),
    ("PYO3_CROSS_LIB_DIR", Refused("Rust's tools find the target by its sysconfig data here")),
    ("PYODIDE", Value("1")),
    ("PYODIDE_JOBS", Value("$(JOBS)")),
    ("PYODIDE_ROOT", Refused("a build has the programs of Emscripten on PATH, and nothing of Pyodide")),
    ("PYTHONINCLUDE", Value("$(PYTHON_INCLUDE)")),
    ("PYTHON_ARCHIVE_URL", Refused("a build has no network; name what it needs as the source")),
    ("PYVERSION", Value("$(PYTHON_VERSION)")),
    ("SIDE_MODULE_CFLAGS", Value("$(TARGET_CFLAGS)")),
    ("SIDE_MODULE_CXXFLAGS", Value("$(TARGET_CFLAGS)")),
    ("SIDE_MODULE_LDFLAGS", Value("$(TARGET_LDFLAGS)")),
    ("TARGETINSTALLDIR", Refused("the target's headers are in $(PYTHON_INCLUDE), and there is nothing else of it")),
    ("WASM_LIBRARY_DIR", Value("$(PREFIX)")),
    // Set while `post` runs.
    ("WHEELDIR", Same),
];

/// What the variable is here, if pyodide-build sets it.
pub fn meaning(name: &str) -> Option<Meaning> {
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// The names of variables that a shell would read: `$NAME` and `${NAME…}`.
pub fn mentioned(script: &str) -> BTreeSet<&str> {
    let after = script.split('$').skip(1).map(|after| after.strip_prefix('{').unwrap_or(after));
    after.map(leading_name).filter(|name| is_name(name)).collect()
}

/// Whether a script sets the variable.
pub fn is_set_in(script: &str, name: &str) -> bool {
    let assigned = format!("{name}=");
    script.split(|c: char| c.is_whitespace() || c == ';').any(|word| word.starts_with(&assigned))
}

fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

/// The first part of every path below `$PKGDIR` that a script names; `None` where it names the directory itself.
pub fn below_recipe(script: &str) -> Vec<Option<&str>> {
    let after = script.split("PKGDIR").skip(1).map(|after| after.trim_start_matches(['}', ')', '"']));
    let path = after.map(|after| after.strip_prefix('/').map(|path| path.trim_start_matches("./")));
    path.map(|path| path.map(|path| path.split(|c: char| "/ \t\n\"';*".contains(c)).next().unwrap_or_default()))
        .map(|part| part.filter(|part| !part.is_empty()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_scripts_are_found() {
        let script = "export A=${WASM_LIBRARY_DIR}/lib\nmake -j ${PYODIDE_JOBS:-3} $X\"$Y\" $(pwd) $1";
        assert_eq!(mentioned(script).into_iter().collect::<Vec<_>>(), ["PYODIDE_JOBS", "WASM_LIBRARY_DIR", "X", "Y"]);
        assert!(is_set_in(script, "A") && !is_set_in(script, "X"));
    }

    #[test]
    fn paths_below_the_recipe_are_found() {
        let script = "cp ${PKGDIR}/settings/* src/; cp \"$PKGDIR\"/extras/a.json x; ls $PKGDIR";
        assert_eq!(below_recipe(script), [Some("settings"), Some("extras"), None]);
    }
}
