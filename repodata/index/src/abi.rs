//! The ABIs that wheels are built for, and what is known about each.

use std::fmt;
use std::str::FromStr;

use crate::error::{IndexError, excerpt};
use crate::text_form::serde_as_text;

/// What is known about one ABI. The table grows by a row per ABI; nothing else names versions.
#[derive(Debug, PartialEq, Eq)]
pub struct AbiFacts {
    /// The middle of the platform tag, `2026_0`.
    pub abi: &'static str,
    /// The platform tag, of [PEP 783](https://peps.python.org/pep-0783/) where the runtime is Pyodide.
    pub platform_tag: &'static str,
    /// Older spellings that installers still accept, best first.
    pub older_platform_tags: &'static [&'static str],
    /// `python_version` in markers.
    pub python: &'static str,
    /// `python_full_version` in markers.
    pub python_full: &'static str,
    /// Minor version of Python 3, as compared by `abi3` and `py3N` tags.
    pub python_minor: u16,
    /// Interpreter and ABI tag, `cp314`.
    pub interpreter_tag: &'static str,
    /// The Emscripten that the runtime itself was built with.
    pub emscripten: &'static str,
    /// Other Emscripten versions whose output is known to load in the runtime.
    pub admitted_emscripten: &'static [&'static str],
    /// Name of the runtime, also its directory under `/runtime/`.
    pub runtime: &'static str,
    /// Version of the runtime.
    pub runtime_version: &'static str,
    /// End of an extension module's filename that names this interpreter and platform. `.abi3.so` and plain `.so` are
    /// found too.
    pub extension_suffix: &'static str,
    /// WebAssembly features that the runtime itself uses, so that whatever runs it has them; named as the
    /// [tool conventions](https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md#target-features-section)
    /// name them. `exception-handling` means its first form (`try`, `catch`); the later one is `exnref`.
    pub runtime_features: &'static [&'static str],
    /// Features that it does without, but that every engine has which people run it in.
    pub engine_features: &'static [&'static str],
    /// Whether images of it can be made, which `boot` starts from.
    pub has_images: bool,
}

static TABLE: &[AbiFacts] = &[PYODIDE_029, PYODIDE_314, PYODIDE_315, CPYTHON_313];

/// The release before: its JavaScript is no module, so it is attached to and not booted.
const PYODIDE_029: AbiFacts = AbiFacts {
    abi: "2025_0",
    platform_tag: "pyemscripten_2025_0_wasm32",
    older_platform_tags: &["pyodide_2025_0_wasm32", "emscripten_4_0_9_wasm32"],
    python: "3.13",
    python_full: "3.13.2",
    python_minor: 13,
    interpreter_tag: "cp313",
    emscripten: "4.0.9",
    admitted_emscripten: &["6.0.5"],
    runtime: "pyodide",
    runtime_version: "0.29.5",
    extension_suffix: ".cpython-313-wasm32-emscripten.so",
    runtime_features: PYODIDE_314.runtime_features,
    engine_features: PYODIDE_314.engine_features,
    has_images: false,
};

const PYODIDE_314: AbiFacts = AbiFacts {
    abi: "2026_0",
    platform_tag: "pyemscripten_2026_0_wasm32",
    older_platform_tags: &["pyodide_2026_0_wasm32", "emscripten_5_0_3_wasm32"],
    python: "3.14",
    python_full: "3.14.2",
    python_minor: 14,
    interpreter_tag: "cp314",
    emscripten: "5.0.3",
    admitted_emscripten: &["6.0.5"],
    runtime: "pyodide",
    runtime_version: "314.0.7",
    extension_suffix: ".cpython-314-wasm32-emscripten.so",
    // As a validator finds them in the runtime's own module.
    runtime_features: &[
        "bulk-memory",
        "exception-handling",
        "mutable-globals",
        "nontrapping-fptoint",
        "reference-types",
        "sign-ext",
    ],
    // Node 18, and browsers since 2023. Not there: tail calls, extended constants, threads, anything newer.
    engine_features: &["multivalue", "simd128"],
    has_images: true,
};

const PYODIDE_315: AbiFacts = AbiFacts {
    abi: "2026_5",
    platform_tag: "pyemscripten_2026_5_wasm32",
    older_platform_tags: &["pyodide_2026_5_wasm32", "emscripten_6_0_5_wasm32"],
    python: "3.15",
    python_full: "3.15.0rc1",
    python_minor: 15,
    interpreter_tag: "cp315",
    emscripten: "6.0.5",
    admitted_emscripten: &[],
    runtime: "pyodide",
    runtime_version: "315.0.0-alpha.2",
    extension_suffix: ".cpython-315-wasm32-emscripten.so",
    runtime_features: PYODIDE_314.runtime_features,
    engine_features: PYODIDE_314.engine_features,
    has_images: true,
};

/// CPython as it is, cross-built by the builder with the flags that Pyodide has. No one else has a tag for that.
const CPYTHON_313: AbiFacts = AbiFacts {
    abi: "cpython_3_13",
    platform_tag: "cpython_3_13_wasm32",
    older_platform_tags: &[],
    python: "3.13",
    python_full: "3.13.5",
    python_minor: 13,
    interpreter_tag: "cp313",
    emscripten: "6.0.5",
    admitted_emscripten: &[],
    runtime: STOCK_RUNTIME,
    runtime_version: "3.13.5",
    extension_suffix: ".cpython-313-wasm32-emscripten.so",
    runtime_features: PYODIDE_314.runtime_features,
    engine_features: PYODIDE_314.engine_features,
    has_images: false,
};

/// The runtime that is built, and not fetched.
const STOCK_RUNTIME: &str = "cpython";

/// A known ABI: `CPython` version and Emscripten version together. Written `2026_0`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Abi(&'static AbiFacts);

impl Abi {
    /// Every ABI this build knows: those of Pyodide, oldest first, then others.
    pub fn known() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// Those whose runtime others have released, and not as a pre-release, and that `boot` starts, oldest first: what
    /// wheels for any ABI are checked and published for, when none is named.
    pub fn released() -> impl Iterator<Item = Self> {
        Self::known().filter(|abi| !abi.facts().runtime_version.contains('-') && abi.facts().has_images)
    }

    /// Whether its runtime is CPython as it is, which the builder builds.
    pub fn is_stock(self) -> bool {
        self.0.runtime == STOCK_RUNTIME
    }

    /// The newest of [`Self::released`]: what commands take when none is named.
    pub fn preferred() -> Self {
        Self::released().last().unwrap_or(Self(&TABLE[0]))
    }

    /// What is known about it.
    pub const fn facts(self) -> &'static AbiFacts {
        self.0
    }

    /// `2026_0`.
    pub const fn as_str(self) -> &'static str {
        self.0.abi
    }

    /// `pyemscripten_2026_0_wasm32`.
    pub const fn platform_tag(self) -> &'static str {
        self.0.platform_tag
    }
}

impl FromStr for Abi {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        Self::known().find(|abi| abi.as_str() == text).ok_or_else(|| IndexError::UnknownAbi {
            found: excerpt(text),
            known: Self::known().map(Self::as_str).collect::<Vec<_>>().join(", "),
        })
    }
}

impl PartialOrd for Abi {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Abi {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for Abi {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

serde_as_text!(Abi);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_themselves() {
        for abi in Abi::known() {
            let facts = abi.facts();
            let family = if abi.is_stock() { "" } else { "pyemscripten_" };
            assert_eq!(facts.platform_tag, format!("{family}{abi}_wasm32"));
            assert_eq!(facts.python, format!("3.{}", facts.python_minor));
            assert_eq!(facts.interpreter_tag, format!("cp3{}", facts.python_minor));
            assert!(facts.python_full.starts_with(&format!("{}.", facts.python)));
            assert_eq!(facts.extension_suffix, format!(".cpython-3{}-wasm32-emscripten.so", facts.python_minor));
            assert!(facts.runtime_features.is_sorted() && facts.engine_features.is_sorted());
            assert_eq!(abi.as_str().parse::<Abi>().unwrap(), abi);
        }
    }

    #[test]
    fn older_ones_pre_releases_and_what_is_built_here_are_known_and_not_preferred() {
        assert_eq!(Abi::released().map(Abi::as_str).collect::<Vec<_>>(), ["2026_0"]);
        assert_eq!(Abi::preferred().as_str(), "2026_0");
        assert!(["2025_0", "2026_5"].iter().all(|known| known.parse::<Abi>().is_ok()));
        assert!(Abi::known().any(Abi::is_stock));
    }

    #[test]
    fn unknown_ones_are_refused_by_name() {
        assert_eq!(
            "1999_0".parse::<Abi>().unwrap_err().to_string(),
            "unknown ABI `1999_0`: expected one of 2025_0, 2026_0, 2026_5, cpython_3_13"
        );
    }
}
